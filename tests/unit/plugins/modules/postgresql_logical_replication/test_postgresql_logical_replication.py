# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils import logical
from ansible_collections.medzen.multiregion.plugins.modules import postgresql_logical_replication as module

GOOD = {"name": "medzen_move", "max_lag_bytes": 0, "start_lsn": None}
PUBLISHER = {"host": "db.af-south-1", "port": 5432}
SLOT = {"active": True, "wal_status": "reserved", "confirmed_lsn": "0/200", "retained_bytes": 9}


def publisher(lsn="0/200", **slot):
    return logical.Publisher(used={"lsn": lsn}, slot={**SLOT, **slot} if slot is not None else None)


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"name": "Move"}, "name"),
        ({"name": "a" * 64}, "name"),
        ({"max_lag_bytes": -1}, "max_lag_bytes"),
        ({"start_lsn": "here"}, "start_lsn"),
    ],
)
def test_options_that_cannot_be_used_are_named(changed, fault):
    (found,) = module.find_option_faults(GOOD | changed)
    assert found.startswith(fault)


def test_good_options_have_no_fault():
    assert module.find_option_faults(GOOD) == []
    assert module.find_option_faults(GOOD | {"start_lsn": "16/B374D849"}) == []


def test_the_subscriber_reaches_the_publisher_by_its_own_name_unless_another_is_given():
    assert module.build_reach({"publisher": PUBLISHER, "reach": None}) == logical.Reach(
        "db.af-south-1", 5432, "require"
    )
    given = {"host": "10.2.11.4", "port": 6432, "sslmode": "verify-full", "ca_path": "/ca.pem"}
    assert module.build_reach({"publisher": PUBLISHER, "reach": given}) == logical.Reach(*given.values())


@pytest.mark.parametrize(
    ("state", "near"),
    [
        (publisher("0/210"), True),
        (publisher("0/211"), False),
        (publisher("0/200", active=False), False),
        (publisher("0/200", confirmed_lsn=None), False),
    ],
)
def test_near_is_a_small_lag_and_a_slot_that_is_read(state, near):
    assert bool(module.is_near(state, 16)) is near


def test_a_slot_that_is_gone_or_lost_ends_the_wait():
    assert module.is_lost(publisher()) is None
    assert "lost" in module.is_lost(publisher(wal_status="lost"))
    assert "gone" in module.is_lost(logical.Publisher(used={"lsn": "0/200"}))
    assert "NOT read" in module.tell(publisher(active=False))
