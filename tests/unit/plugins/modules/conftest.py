# SPDX-License-Identifier: GPL-3.0-or-later
import functools

import botocore.session
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils import botocore_files
from moto import mock_aws


@pytest.fixture(scope="package", autouse=True)
def read_models_once():
    """moto has a session made for every account, and each would read its services' models anew."""
    with pytest.MonkeyPatch.context() as patch:
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
