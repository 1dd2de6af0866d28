# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
from moto import mock_aws


@pytest.fixture
def moto_cloud(monkeypatch):
    """An empty account in this process; no request leaves it."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "rehearsal")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield
