# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils import row_difference

TABLE = {"schema": "ehr", "name": "comp_version_history", "key": ["vo_id", "sys_version"]}


def test_a_key_that_the_target_lacks_is_missing_and_another_row_differs():
    found = row_difference.compare_rows({"a": "1", "b": "2", "c": "3"}, {"a": "1", "b": "9", "d": "4"})
    assert found == {"missing": ["c"], "differing": ["b"]}


def test_rows_that_only_the_target_has_are_not_looked_for():
    assert row_difference.compare_rows({}, {"a": "1"}) == {"missing": [], "differing": []}


@pytest.mark.parametrize(
    ("source", "target", "buckets"),
    [
        ({"0a1": (2, 5)}, {"0a1": (2, 5)}, []),
        ({"0a1": (2, 5), "fff": (1, 1)}, {"0a1": (2, 6)}, ["0a1", "fff"]),
        ({}, {"0a1": (2, 5)}, []),
    ],
)
def test_only_buckets_of_the_source_that_differ_are_fetched(source, target, buckets):
    assert row_difference.differing_buckets(source, target) == buckets


def test_tables_without_a_difference_are_left_out_and_keys_are_bounded():
    many = [f"key-{number:03}" for number in range(80)]
    told = row_difference.summarize(
        {"ehr.b": {"missing": [], "differing": []}, "ehr.a": {"missing": many, "differing": ["x"]}}
    )
    assert (told["missing_rows"], told["differing_rows"], list(told["tables"])) == (80, 1, ["ehr.a"])
    assert told["tables"]["ehr.a"]["missing_keys"] == many[:50]


def test_a_key_of_two_columns_keeps_them_apart():
    assert row_difference.key_sql(TABLE["key"]) == 'jsonb_build_array(t."vo_id", t."sys_version")::text'


def test_names_and_buckets_are_quoted():
    odd = {"schema": "ehr", "name": 'a"b', "key": ["id"]}
    statement = row_difference.rows_sql(odd, ["0a1", "'; DROP"])
    assert 'FROM "ehr"."a""b" t' in statement
    assert "IN ('''; DROP', '0a1')" in statement


class Side:
    """A database that knows its tables, whether they have a primary key, and their checksums."""

    def __init__(self, **tables):
        self.tables = {f"ehr.{name}": given for name, given in tables.items()}


@pytest.fixture
def sides(monkeypatch):
    def stored(side, schemas):
        assert schemas == ["ehr"]
        return {name: has_key for name, (has_key, _checksum) in side.tables.items()}

    monkeypatch.setattr(row_difference, "read_stored", stored)
    monkeypatch.setattr(row_difference, "read_checksum", lambda side, name: side.tables[name][1])
    return lambda source, target: row_difference.find_left_out(Side(**source), Side(**target), ["ehr"])


@pytest.mark.parametrize(
    ("source", "target", "left_out"),
    [
        ({"log": (False, "2:5")}, {"log": (False, "2:5")}, []),
        ({"log": (False, "2:5")}, {"log": (False, "3:6")}, ["ehr.log"]),
        ({"log": (False, "2:5")}, {}, ["ehr.log"]),
        # Nothing of it can be lost.
        ({"log": (False, "0:0")}, {}, []),
        ({"log": (False, "0:0")}, {"log": (False, "3:6")}, []),
        # Those are compared row by row.
        ({"ehr": (True, "2:5")}, {"ehr": (True, "3:6")}, []),
    ],
)
def test_a_table_without_a_key_is_left_out_unless_it_is_the_same_or_empty(sides, source, target, left_out):
    assert sides(source, target) == left_out


def test_of_a_table_that_the_target_lacks_every_row_is_missing(monkeypatch):
    """Nobody may ask a database for a table that it has not."""
    here, there = {"a": "1", "b": "2"}, {"a": "1", "b": "9", "c": "3"}
    rows = {"source": here, "target": there}
    monkeypatch.setattr(row_difference, "read_buckets", lambda side, _table: {"0a1": (2, side)})
    monkeypatch.setattr(row_difference, "read_rows", lambda side, _table, _buckets: rows[side])
    ask = row_difference.find_difference
    assert ask("source", "target", TABLE, []) == {"missing": ["a", "b"], "differing": []}
    assert ask("source", "target", TABLE, ["ehr.comp_version_history"]) == {"missing": [], "differing": ["b"]}
    assert ask("source", "source", TABLE, ["ehr.comp_version_history"]) == {"missing": [], "differing": []}
