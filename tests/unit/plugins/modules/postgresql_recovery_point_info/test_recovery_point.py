# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused, WaitTimeout
from ansible_collections.medzen.multiregion.plugins.module_utils.recovery import Point
from ansible_collections.medzen.multiregion.plugins.modules import postgresql_recovery_point_info as module

AT = "2026-12-05T03:00:00+00:00"
PRIMARY, REPLICA = Point(AT, "0/2000", None, 900), Point(AT, "0/1F00", None, None)
PARAMS = {"replica": {"host": "replica.example"}, "wait_timeout": 0, "poll_seconds": 0}


def test_a_source_that_is_a_replica_is_refused():
    with pytest.raises(Refused, match="The source is a replica"):
        module.check_sides(REPLICA, None)


def test_a_replica_that_takes_writes_is_refused():
    with pytest.raises(Refused, match="The replica takes writes"):
        module.check_sides(PRIMARY, PRIMARY)
    module.check_sides(PRIMARY, REPLICA)
    module.check_sides(PRIMARY, None)


def test_it_waits_until_the_replica_has_replayed_the_position(monkeypatch):
    positions = [None, "0/1F00", "0/2000"]
    monkeypatch.setattr(module, "read_position", lambda _connection: positions.pop(0))
    assert module.wait_for_replica(None, "0/2000", PARAMS | {"wait_timeout": 5}) >= 0
    assert positions == []


def test_a_replica_that_does_not_come_as_far_fails_with_what_it_lacks(monkeypatch):
    monkeypatch.setattr(module, "read_position", lambda _connection: "0/1F00")
    with pytest.raises(WaitTimeout, match="replica replica.example to replay 0/2000.*256 bytes behind"):
        module.wait_for_replica(None, "0/2000", PARAMS)
