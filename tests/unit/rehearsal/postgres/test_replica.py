# SPDX-License-Identifier: GPL-3.0-or-later
import pytest

from rehearsal.postgres import replica


class Source:
    """A source that notes what it is told."""

    def __init__(self):
        self.statements = []

    def query(self, statement, parameters=()):
        self.statements.append((statement, parameters))
        return []

    def is_running(self):
        return False


class Replica:
    name = "pg2-eu-central-1-db"
    stopped = False

    def prepare_folder(self):
        raise OSError("disk full")

    def stop(self, *, immediate):
        self.stopped = immediate


def test_a_slot_is_named_in_letters_that_postgresql_allows():
    assert replica.slot_name("pg2-eu-central-1-My.DB") == "rds_pg2_eu_central_1_my_db"
    assert len(replica.slot_name("x" * 200)) == 63


def test_a_slot_reserves_its_wal_from_the_start():
    source = Source()
    replica.create_slot(source, "rds_x")
    assert source.statements == [("SELECT pg_create_physical_replication_slot(%s, true)", ("rds_x",))]


def test_a_replica_that_cannot_be_made_leaves_no_slot_behind(monkeypatch):
    dropped, made = [], Replica()
    monkeypatch.setattr(replica, "drop_slot", lambda source, slot: dropped.append(slot))
    with pytest.raises(OSError, match="disk full"):
        replica.create_replica(Source(), made, "127.0.0.1", 6432)
    assert dropped == [replica.slot_name(made.name)]
    assert made.stopped


def test_the_slot_of_a_source_that_is_down_is_left_alone():
    source = Source()
    replica.drop_slot(source, "rds_x")
    assert source.statements == []


@pytest.mark.parametrize(("row", "lag_s"), [(12.5, 12.5), (-0.1, 0.0), (None, None)])
def test_lag_is_the_age_of_the_last_replayed_transaction(row, lag_s):
    class Standby:
        def query(self, statement):
            return [(row,)]

    assert replica.read_lag_s(Standby()) == lag_s
