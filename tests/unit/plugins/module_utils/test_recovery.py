# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils import recovery
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import MultiregionError
from ansible_collections.medzen.multiregion.plugins.module_utils.parity import Side
from ansible_collections.medzen.multiregion.plugins.module_utils.recovery import Comparison, Point, Rows

SOURCE = Point("2026-12-05T03:00:00.000+00:00", "0/2000", "2026-12-05T02:59:59.500000Z", 900)


@pytest.mark.parametrize(
    ("source", "copy", "behind"),
    [
        ("2026-12-05T03:00:00.500000Z", "2026-12-05T03:00:00.250000Z", 0.25),
        ("2026-12-05T03:00:00Z", "2026-12-05T03:00:09Z", 0.0),
        (None, None, 0.0),
        ("2026-12-05T03:00:00Z", None, None),
    ],
)
def test_a_copy_without_any_write_is_behind_by_an_unknown_time_and_one_that_is_ahead_by_none(source, copy, behind):
    assert recovery.behind_s(source, copy) == behind


def test_after_a_quiet_hour_a_copy_is_behind_from_the_moment_up_to_which_it_is_complete():
    newest, hour_before, until = "2026-12-05T03:00:00Z", "2026-12-05T02:00:00Z", "2026-12-05T02:59:56+00:00"
    assert recovery.behind_s(newest, hour_before, until) == 4.0
    assert recovery.behind_s(newest, "2026-12-05T02:59:59Z", until) == 1.0
    assert recovery.behind_s(newest, None, until) == 4.0


def test_a_replica_is_told_with_its_distance_in_bytes_and_seconds():
    replica = Point("2026-12-05T03:00:00.010+00:00", "0/1F00", "2026-12-05T02:59:58.500000Z", None)
    found = recovery.compare_points(SOURCE, replica)
    assert (found["lag_bytes"], found["lag_s"], found["horizon"]) == (256, 1.0, None)


def is_below(horizon, xmin):
    """The condition of `stood`, in Python."""
    return 1 <= (horizon - xmin) & 0xFFFFFFFF <= 0x7FFFFFFF


@pytest.mark.parametrize(
    ("horizon", "xmin", "stands"),
    [
        (900, 899, True),
        (900, 900, False),
        (900, 901, False),
        (900, 2, True),
        # After a round of the 32 bits that a row keeps.
        (2**32 + 10, 2**32 - 5, True),
        (2**32 + 10, 9, True),
        (2**32 + 10, 11, False),
    ],
)
def test_a_row_stood_when_its_transaction_is_below_the_horizon(horizon, xmin, stands):
    assert is_below(horizon, xmin) is stands
    assert f"({horizon} - xmin::text::bigint) & 4294967295) BETWEEN 1 AND 2147483647" in recovery.stood(horizon)


def test_what_only_the_copy_has_is_no_difference():
    assert recovery.differing_parts({1: "2:5:5"}, {1: "2:5:5", 7: "1:9:9"}) == []
    assert recovery.differing_parts({1: "2:5:5", 3: "1:1:1"}, {1: "3:6:6"}) == [1, 3]


def test_equal_rows_are_counted_as_often_as_they_stand():
    assert recovery.count_missing([5, 5, 6], [5, 6, 7]) == 1
    assert recovery.count_missing([5], [5, 5]) == 0


def test_the_verdict_is_whole_only_where_something_was_compared_and_nothing_is_missing():
    whole = recovery.judge([], Rows(10, 12, {"a": 0}), [])
    assert (whole["verdict"], whole["missing_rows"], whole["missing"]) == ("whole", 0, {})
    damaged = recovery.judge([], Rows(10, 12, {"a": 0, "b": 2}), [])
    assert (damaged["verdict"], damaged["missing"]) == ("damaged", {"b": 2})
    assert recovery.judge([{"table": "a"}], Rows(10, 10, {}), [])["verdict"] == "damaged"


def test_nothing_to_compare_proves_nothing():
    empty = recovery.judge([], Rows(0, 0, {}), [])
    assert empty["verdict"] == "unknown" and "nothing is proven" in empty["problems"][0]
    unread = recovery.judge([], None, ["copy: no route"])
    assert (unread["verdict"], unread["missing_rows"], unread["problems"]) == ("unknown", None, ["copy: no route"])


def test_of_a_side_in_use_only_the_structure_is_compared():
    side = Side(tables=("a",), sequences={"s": {}}, counts={"a": 1}, newest="x")
    kept = recovery.structure_of(side)
    assert (kept.tables, kept.sequences, kept.counts, kept.newest) == (("a",), {}, {}, None)


def test_a_horizon_of_nothing_is_refused():
    with pytest.raises(MultiregionError, match="Found: horizon 0"):
        recovery.check_horizon(0)


class Reading:
    """Both sides as lists of (table, hash), in place of two databases."""

    def __init__(self, source, copy):
        self.sides, self.asked = (source, copy), []

    def each(self, query):
        self.asked.append(query)
        table = query.partition('FROM ONLY "ehr"."')[2].partition('"')[0]
        rows = [[value for name, value in side if name == table] for side in self.sides]
        if query.startswith("SELECT h FROM"):
            return [[{"h": value} for value in side] for side in rows]
        return [[{"part": 0, "seen": str(sorted(side)), "rows": len(side)}] if side else [] for side in rows]


def test_only_parts_that_differ_are_read_row_by_row():
    reading = Reading([("a", 1), ("a", 2), ("b", 3)], [("a", 1), ("a", 2), ("b", 4)])
    rows = recovery.compare_rows(reading, ["ehr.a", "ehr.b"], Comparison(900))
    assert (rows.source, rows.copy, rows.missing) == (3, 3, {"ehr.b": 1})
    assert [query for query in reading.asked if query.startswith("SELECT h FROM") and '"a"' in query] == []


def test_a_row_that_the_source_has_replaced_since_is_not_missed():
    rows = recovery.compare_rows(Reading([("a", 1)], [("a", 1), ("a", 9)]), ["ehr.a"], Comparison(900))
    assert rows.missing == {"ehr.a": 0}


class Counts:
    """Both sides as counts by table."""

    def __init__(self, *sides):
        self.sides = sides

    def each(self, query):
        assert "count(*) AS rows" in query
        return [[{"name": name, "rows": rows} for name, rows in side.items()] for side in self.sides]


def test_by_counts_a_table_that_the_copy_has_more_of_does_not_make_up_for_another():
    reading = Counts({"ehr.a": 10, "ehr.b": 5, "ehr.c": 3}, {"ehr.a": 20, "ehr.b": 4})
    rows = recovery.compare_rows(reading, ["ehr.a", "ehr.b", "ehr.c"], Comparison(900, level="counts"))
    assert (rows.source, rows.copy, rows.missing) == (18, 24, {"ehr.a": 0, "ehr.b": 1, "ehr.c": 3})
    judged = recovery.judge([], rows, [])
    assert (judged["verdict"], judged["missing_rows"]) == ("damaged", 4)


def test_without_a_table_nothing_is_proven():
    assert recovery.judge([], recovery.compare_rows(None, [], Comparison(900)), [])["verdict"] == "unknown"


def test_a_side_that_could_not_be_compared_in_full_is_unknown_whatever_else_was_found():
    judged = recovery.judge([{"table": "a"}], Rows(10, 10, {"a": 1}), ["copy: no route"])
    assert (judged["verdict"], judged["missing_rows"]) == ("unknown", 1)
