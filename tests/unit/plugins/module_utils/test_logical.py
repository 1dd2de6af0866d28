# SPDX-License-Identifier: GPL-3.0-or-later
"""Logical replication's decisions: what forbids it, what would be a gap, which sequences are ahead, and its SQL."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils import logical
from ansible_collections.medzen.multiregion.plugins.module_utils import logical_sql as sql
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.postgresql import Login

SETTINGS = {
    "wal_level": "logical",
    "server_version_num": "160011",
    "max_replication_slots": "20",
    "max_wal_senders": "20",
    "max_slot_wal_keep_size": "10240",
    "log_statement": "ddl",
    "log_min_duration_statement": "-1",
}
USED = {"slots": 1, "senders": 1, "large_objects": 0, "lsn": "0/300"}
TABLE = {"schema": "ehr", "name": "ehr", "unlogged": False, "identified": True}
SLOT = {"name": "medzen_move", "wal_status": "reserved", "active": True, "confirmed_lsn": "0/200", "retained_bytes": 9}
PUBLICATION = {"name": "medzen_move", "seed": "a1", "tables": ["ehr.ehr"]}
FIT = logical.Publisher(SETTINGS, USED, (TABLE,), PUBLICATION, SLOT)
SEQUENCE = {"schema": "ehr", "name": "s", "ascending": True, "last_value": 7, "is_called": True}


def setting(**changed):
    return replace(FIT, settings=SETTINGS | changed)


def test_a_database_that_is_ready_has_no_faults():
    assert logical.find_faults(FIT) == []
    assert (FIT.is_complete, FIT.lag_bytes, FIT.retained_bytes_max) == (True, 0x100, 10 * 1024**3)


@pytest.mark.parametrize(
    ("publisher", "name", "next_step"),
    [
        (setting(wal_level="replica"), "rds.logical_replication", "REBOOTED"),
        (setting(server_version_num="150020"), "version", "another seed"),
        (setting(max_replication_slots="0"), "max_replication_slots", "reboot"),
        (setting(max_wal_senders="0"), "max_wal_senders", "reboot"),
        (setting(max_slot_wal_keep_size="-1"), "max_slot_wal_keep_size", "no reboot"),
        (setting(log_statement="all"), "statement log", "ddl or less"),
        (setting(log_min_duration_statement="0"), "statement log", "above 0"),
        (replace(FIT, tables=()), "tables", "login.database"),
        (replace(FIT, tables=(TABLE | {"identified": False},)), "replica identity", 'ALTER TABLE "ehr"."ehr" REPLICA'),
        (replace(FIT, tables=(TABLE | {"unlogged": True},)), "unlogged tables", "SET LOGGED"),
        (replace(FIT, used=USED | {"large_objects": 2}), "large objects", "replica or snapshot"),
        (replace(FIT, slot=SLOT | {"wal_status": "lost"}), "slot", "seed again"),
    ],
)
def test_each_fault_says_what_to_do_and_refuses(publisher, name, next_step):
    (fault,) = logical.find_faults(publisher)
    assert fault["name"] == name and next_step in fault["next_step"]
    with pytest.raises(Refused, match="cannot be replicated from"):
        logical.refuse_unfit(publisher)


def test_the_last_free_slot_may_be_the_one_that_is_there():
    full = setting(max_replication_slots="1", max_wal_senders="1")
    assert logical.find_faults(full) == []
    assert [fault["name"] for fault in logical.find_faults(replace(full, slot=None))] == [
        "max_replication_slots",
        "max_wal_senders",
    ]


@pytest.mark.parametrize(("start", "refused"), [("0/200", False), ("0/201", False), ("0/1FF", True)])
def test_a_copy_older_than_what_the_slot_keeps_is_refused(start, refused):
    if not refused:
        logical.refuse_gap(FIT, start)
        return
    with pytest.raises(Refused, match="older than what the slot keeps"):
        logical.refuse_gap(FIT, start)


def test_without_a_slot_nothing_is_kept():
    with pytest.raises(Refused, match="older than"):
        logical.refuse_gap(replace(FIT, slot=None), "0/200")


@pytest.mark.parametrize("subscription", [None, {"seed": None}, {"seed": "a1"}])
def test_the_slot_that_a_subscription_began_with_is_its_own(subscription):
    logical.refuse_other_slot(FIT, subscription)


@pytest.mark.parametrize("publication", [None, PUBLICATION | {"seed": "b2"}])
def test_another_slot_of_the_same_name_is_refused(publication):
    with pytest.raises(Refused, match="another slot"):
        logical.refuse_other_slot(replace(FIT, publication=publication), {"seed": "a1"})


@pytest.mark.parametrize(
    ("source", "target", "changed"),
    [
        ({"last_value": 7}, {"last_value": 6}, True),
        ({"last_value": 7}, {"last_value": 7}, False),
        # It must never go back.
        ({"last_value": 7}, {"last_value": 39}, False),
        ({"last_value": 1, "is_called": True}, {"last_value": 1, "is_called": False}, True),
        ({"last_value": -7, "ascending": False}, {"last_value": -6, "ascending": False}, True),
    ],
)
def test_a_sequence_is_set_where_the_source_is_ahead(source, target, changed):
    assert bool(logical.changed_sequences([SEQUENCE | source], [SEQUENCE | target])) is changed


def test_a_sequence_that_is_missing_is_refused():
    with pytest.raises(Refused, match="sequence is missing"):
        logical.changed_sequences([SEQUENCE], [])


def test_tables_on_one_side_only_make_it_incomplete():
    more = replace(FIT, tables=(TABLE, TABLE | {"name": "new"}))
    assert more.unpublished == ["ehr.new"] and not more.is_complete


def test_the_password_is_in_no_statement():
    reach = logical.Reach("10.2.11.4", sslmode="require")
    conninfo = logical.connection_of(Login("db", "owner", "ehrbase", password="it's \\ secret"), reach)
    assert r"password='it\'s \\ secret'" in conninfo and "host='10.2.11.4'" in conninfo
    statement = sql.create_subscription_sql("medzen_move")
    assert "secret" not in statement and "current_setting('medzen.conninfo')" in statement
    for option in ("copy_data = false", "create_slot = false", "enabled = false", "origin = none"):
        assert option in statement


def test_a_subscription_goes_without_its_slot():
    assert sql.drop_subscription_sql("s") == (
        'ALTER SUBSCRIPTION "s" DISABLE',
        'ALTER SUBSCRIPTION "s" SET (slot_name = NONE)',
        'DROP SUBSCRIPTION "s"',
    )


def test_tables_and_sequences_are_named_in_full():
    assert sql.create_publication_sql("p", [TABLE]) == 'CREATE PUBLICATION "p" FOR TABLE "ehr"."ehr"'
    assert sql.set_tables_sql("p", [TABLE]) == 'ALTER PUBLICATION "p" SET TABLE "ehr"."ehr"'
    assert sql.set_sequence_sql(SEQUENCE) == """SELECT setval('"ehr"."s"'::regclass, 7, true)"""
    assert 'FROM "ehr"."s"' in sql.sequence_values_sql([SEQUENCE])


def test_tables_that_are_gone_make_it_incomplete_and_so_does_a_slot_that_is():
    gone = replace(FIT, publication=PUBLICATION | {"tables": ["ehr.ehr", "ehr.gone"]})
    assert gone.unpublished == ["ehr.gone"] and not gone.is_complete
    assert not replace(FIT, slot=None).is_complete and not replace(FIT, publication=None).is_complete


class Statements:
    """A connection that keeps what it is told to do."""

    def __init__(self):
        self.told = []

    def execute(self, statement, _parameters=None):
        self.told.append(statement)


def test_a_table_made_since_the_slot_is_not_published_as_if_its_rows_had_been_copied():
    more = replace(FIT, tables=(TABLE, TABLE | {"name": "new"}))
    connection = Statements()
    with pytest.raises(Refused, match="only on one side: ..ehr.new"):
        logical.ensure_published(connection, "medzen_move", more)
    assert connection.told == []
    # Before there is a slot nothing was copied yet.
    assert logical.ensure_published(connection, "medzen_move", replace(more, slot=None))
    assert (
        connection.told[0] == sql.set_tables_sql("medzen_move", more.tables) and connection.told[-1] == sql.CREATE_SLOT
    )


def test_what_is_published_already_is_left_alone():
    connection = Statements()
    assert not logical.ensure_published(connection, "medzen_move", FIT) and connection.told == []
