# SPDX-License-Identifier: GPL-3.0-or-later
import functools

import botocore.session
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils import botocore_files
from moto import mock_aws


@pytest.fixture(scope="package", autouse=True)
def make_accounts_quickly():
    """moto has a session made for every account, and each would read its services' models anew. The stand-in's accounts
    know AWS's 1,500 managed policies, which are made again with each empty account of a process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOTO_IAM_LOAD_MANAGED_POLICIES", "false")
        patch.setattr(botocore.session, "create_loader", functools.cache(botocore_files.create_loader))
        yield


@pytest.fixture
def moto_cloud(monkeypatch):
    """An empty account in this process; no request leaves it."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "rehearsal")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield
