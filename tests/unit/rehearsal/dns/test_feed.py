# SPDX-License-Identifier: GPL-3.0-or-later
"""How often the name servers ask the cloud; its answers come from a list."""

import pytest

from rehearsal.dns import feed as module
from rehearsal.dns.feed import BUSY_POLL_SECONDS, Feed
from rehearsal.pace import POLL_SECONDS, QUIET_AFTER_SECONDS, QUIET_POLL_SECONDS
from rehearsal.settings import Settings


@pytest.fixture
def followed(tmp_path, monkeypatch):
    """A feed and the clock that it reads."""
    moment = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: moment[0])
    return Feed(Settings(16, tmp_path), lambda document: None), moment


def answer(feed, monkeypatch, serial, travelling=False):
    document = {"serial": serial, "travelling": travelling}
    monkeypatch.setattr(feed._cloud, "call", lambda method, path: document)
    feed.poll()


def test_where_nothing_changes_the_cloud_is_asked_less_often(followed, monkeypatch):
    feed, moment = followed
    answer(feed, monkeypatch, "one")
    assert feed.pause() == POLL_SECONDS
    moment[0] += QUIET_AFTER_SECONDS + 0.1
    answer(feed, monkeypatch, "one")
    assert feed.pause() == QUIET_POLL_SECONDS
    answer(feed, monkeypatch, "two")
    assert feed.pause() == POLL_SECONDS


def test_a_change_on_its_way_is_asked_for_all_the_time(followed, monkeypatch):
    feed, moment = followed
    answer(feed, monkeypatch, "one", travelling=True)
    moment[0] += QUIET_AFTER_SECONDS + 0.1
    assert feed.pause() == BUSY_POLL_SECONDS
