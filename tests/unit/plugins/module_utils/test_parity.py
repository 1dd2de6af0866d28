# SPDX-License-Identifier: GPL-3.0-or-later
from dataclasses import replace
from types import SimpleNamespace

import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils import parity
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import MultiregionError
from ansible_collections.medzen.multiregion.plugins.module_utils.parity import ParityRequest, Side

SIDE = Side(
    tables=("ehr.ehr",),
    columns={"ehr.ehr": ["id uuid not null"]},
    indexes={"ehr.ehr": ["CREATE UNIQUE INDEX"]},
    sequences={"ehr.s": {"name": "ehr.s", "increment_by": 1, "last_value": 6}},
    counts={"ehr.ehr": 10},
    checksums={"ehr.ehr": "10:1"},
    newest="2026-11-21T08:00:00Z",
)


def with_sequence(last_value, increment_by=1):
    return replace(SIDE, sequences={"ehr.s": {"increment_by": increment_by, "last_value": last_value}})


def what(source, target):
    return [(difference["table"], difference["what"]) for difference in parity.compare(source, target)]


def test_a_side_equals_itself():
    assert parity.compare(SIDE, SIDE) == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"tables": ()}, ("ehr.ehr", "table")),
        ({"columns": {"ehr.ehr": ["id text"]}}, ("ehr.ehr", "columns")),
        ({"indexes": {}}, ("ehr.ehr", "indexes")),
        ({"counts": {"ehr.ehr": 9}}, ("ehr.ehr", "rows")),
        ({"checksums": {"ehr.ehr": "10:2:2"}}, ("ehr.ehr", "checksum")),
        ({"sequences": {}}, ("ehr.s", "sequence")),
        ({"newest": None}, ("", "newest write")),
    ],
)
def test_each_kind_of_difference_is_found(change, expected):
    assert what(SIDE, replace(SIDE, **change)) == [expected]


@pytest.mark.parametrize(("last_value", "behind"), [(5, True), (6, False), (39, False), (None, True)])
def test_a_sequence_may_be_ahead_but_not_behind(last_value, behind):
    assert bool(what(with_sequence(6), with_sequence(last_value))) is behind


def test_a_descending_sequence_is_behind_when_it_is_above():
    assert what(with_sequence(-6, -1), with_sequence(-5, -1)) == [("ehr.s", "last_value")]
    assert what(with_sequence(-6, -1), with_sequence(-39, -1)) == []


def test_a_former_source_may_be_behind_its_promoted_replica_by_the_gap():
    promoted, former = with_sequence(39), with_sequence(6)
    assert parity.compare(promoted, former, sequence_gap=33) == []
    assert parity.compare(promoted, former, sequence_gap=32) != []


def test_rows_that_the_target_lacks_are_counted_and_more_elsewhere_do_not_make_up_for_them():
    source = replace(SIDE, counts={"a": 10, "b": 10})
    target = replace(SIDE, counts={"a": 7, "b": 99})
    judgement = parity.judge(source, target, [], ParityRequest())
    assert judgement["missing_rows"] == 3


def rows(table, source, target):
    return {"table": table, "what": "rows", "source": source, "target": target}


NEWER = {"table": "", "what": "newest write", "source": "2027", "target": "2026"}
CHANGED = {"table": "ehr.template_store", "what": "checksum", "source": "2:1:1", "target": "2:2:2"}


@pytest.mark.parametrize(
    ("differences", "missing_rows", "told"),
    [
        ([], 0, ""),
        ([rows("a", 10, 7), NEWER], 3, "3 rows"),
        ([rows("a", 10, 7), CHANGED | {"table": "a"}, CHANGED], 3, "3 rows and what differs in ehr.template_store"),
        ([CHANGED, NEWER], 0, "what differs in ehr.template_store, newest write"),
        # The other side has more: then it is not the same, although no row is missing.
        ([rows("a", 7, 10)], 0, "what differs in a"),
        ([rows("a", 10, 7), rows("b", 7, 10), CHANGED | {"table": "b"}], 3, "3 rows and what differs in b"),
    ],
)
def test_a_loss_is_told_in_the_words_that_accept_it(differences, missing_rows, told):
    assert parity.tell_loss(differences, missing_rows) == told


@pytest.mark.parametrize("field", ["tables", "columns", "indexes", "sequences", "counts", "checksums", "newest"])
def test_no_difference_is_without_a_loss_to_accept(field):
    """An empty text would be accepted by typing nothing."""
    other = replace(SIDE, **{field: type(getattr(SIDE, field))()})
    for pair in ((SIDE, other), (other, SIDE)):
        judgement = parity.judge(*pair, [], ParityRequest())
        assert bool(judgement["loss"]) == (judgement["verdict"] == "different"), judgement


def test_without_a_verdict_there_is_no_loss_that_could_be_accepted():
    for sides in ((SIDE, None), (Side(), Side())):
        judgement = parity.judge(*sides, ["target: no route"], ParityRequest())
        assert (judgement["verdict"], judgement["loss"]) == ("unknown", None)


def test_the_summary_names_the_first_differences():
    judgement = parity.judge(SIDE, replace(SIDE, counts={"ehr.ehr": 9}), [], ParityRequest())
    assert judgement["summary"] == "different; ehr.ehr rows: 10 and 9"


def test_a_sequence_never_used_is_behind_nothing():
    assert what(with_sequence(None), with_sequence(None)) == []


def test_a_side_that_cannot_be_read_makes_the_verdict_unknown():
    def fail():
        raise MultiregionError("no route")

    source, target, problems = parity.read_both(lambda: SIDE, fail)
    judgement = parity.judge(source, target, problems, ParityRequest())
    assert (judgement["verdict"], judgement["problems"]) == ("unknown", ["target: no route"])


def test_two_empty_databases_are_not_equal_but_unknown():
    assert parity.judge(Side(), Side(), [], ParityRequest())["verdict"] == "unknown"


def test_the_verdict_follows_the_differences():
    assert parity.judge(SIDE, SIDE, [], ParityRequest())["verdict"] == "equal"
    assert parity.judge(SIDE, replace(SIDE, newest="x"), [], ParityRequest())["verdict"] == "different"


@pytest.mark.parametrize(
    ("change", "ahead"),
    [
        ({"counts": {"ehr.ehr": 11}}, True),
        ({"counts": {"ehr.ehr": 11}, "newest": "2027"}, True),
        ({"counts": {"ehr.ehr": 9}, "newest": "2027"}, False),
        ({"checksums": {"ehr.ehr": "10:2:2"}}, False),
        ({"counts": {"ehr.ehr": 11}, "columns": {}}, False),
        ({}, False),
    ],
)
def test_ahead_means_more_and_nothing_missing(change, ahead):
    assert parity.is_target_ahead_only(parity.compare(SIDE, replace(SIDE, **change))) is ahead


def test_the_newest_write_is_asked_of_the_tables_that_are_there():
    sql = parity.newest_sql({"ehr.ehr": ["id uuid", "creation_date timestamp"], "ehr.audit_details": ["id uuid"]}, {})
    assert '"creation_date"' in sql and "audit_details" not in sql
    assert parity.newest_sql({"ehr.other": ["id uuid"]}, {}) is None


def test_evidence_is_short():
    many = replace(SIDE, tables=tuple(f"t{n}" for n in range(50)))
    found = parity.evidence(parity.judge(SIDE, many, [], ParityRequest()))
    assert found["differences"] == 51 and len(found["first_differences"]) == 5


EHR = "00000000-0000-4000-8000-00000000cafe"
COLUMNS = {
    "ehr.ehr": ["id uuid not null", "creation_date timestamptz"],
    "ehr.comp_version": ["vo_id uuid", "ehr_id uuid", "audit_id uuid"],
    "ehr.comp_data": ["vo_id uuid", "num integer"],
    "ehr.contribution": ["id uuid", "ehr_id uuid", "has_audit uuid"],
    "ehr.audit_details": ["id uuid"],
    "ehr.users": ["id uuid"],
}


def test_without_an_excepted_ehr_every_row_counts():
    assert parity.conditions_without("", COLUMNS) == {}
    assert parity.rows_of("ehr.ehr", {}) == '"ehr"."ehr"'


def test_the_rows_of_an_excepted_ehr_are_left_out_of_every_table_that_knows_it():
    found = parity.conditions_without(EHR, COLUMNS)
    own = f"ehr_id <> '{EHR}'::uuid"
    assert set(found) == set(COLUMNS) - {"ehr.users"}
    assert (found["ehr.comp_version"], found["ehr.contribution"]) == (own, own)
    assert found["ehr.ehr"] == f"id <> '{EHR}'::uuid"
    assert "SELECT vo_id FROM" in found["ehr.comp_data"]
    assert all(column in found["ehr.audit_details"] for column in ("SELECT audit_id", "SELECT has_audit"))


def test_an_excepted_ehr_is_left_out_of_counts_checksums_and_the_newest_write():
    without = parity.conditions_without(EHR, COLUMNS)
    condition = f"WHERE id <> '{EHR}'::uuid"
    statements = (
        parity.counts_sql(["ehr.ehr"], without),
        parity.checksum_sql("ehr.ehr", without),
        parity.newest_sql({"ehr.ehr": COLUMNS["ehr.ehr"]}, without),
    )
    assert [condition in statement for statement in statements] == [True, True, True]


def test_a_schema_without_ehrs_has_nothing_to_leave_out():
    assert parity.conditions_without(EHR, {"ext.thing": ["id uuid"], "ehr.audit_details": ["id uuid"]}) == {}


@pytest.mark.parametrize(
    "change",
    [
        {"counts": {}},
        {"counts": {"ehr.ehr": 11}, "newest": None},
        {"counts": {"ehr.ehr": 11}, "tables": ("ehr.ehr", "ehr.new")},
        {"counts": {"ehr.ehr": 11}, "sequences": {"ehr.s": {"increment_by": -1, "last_value": 5}}},
    ],
)
def test_what_was_not_counted_and_what_is_no_row_is_not_ahead(change):
    assert parity.is_target_ahead_only(parity.compare(SIDE, replace(SIDE, **change))) is False


def test_rows_of_a_table_that_was_not_counted_on_the_target_are_missing():
    judgement = parity.judge(
        replace(SIDE, counts={"a": 10, "b": 5}), replace(SIDE, counts={"a": 10}), [], ParityRequest()
    )
    assert judgement["missing_rows"] == 5


@pytest.mark.parametrize("what_differs", ["columns", "indexes"])
def test_what_only_the_target_has_is_a_difference_too(what_differs):
    more = {"ehr.ehr": [*getattr(SIDE, what_differs)["ehr.ehr"], "more"]}
    assert what(SIDE, replace(SIDE, **{what_differs: more})) == [("ehr.ehr", what_differs)]


class Connection:
    """A database with one table of 10 rows; keeps what it was asked."""

    broken = False

    def __init__(self):
        self.asked = []

    def execute(self, query, _parameters=None):
        self.asked.append(query)
        answers = {
            parity.TABLES: [{"name": "ehr.ehr", "readable": True}],
            parity.COLUMNS: [{"name": "ehr.ehr", "items": ["id uuid"]}],
            parity.counts_sql(["ehr.ehr"], {}): [{"name": "ehr.ehr", "rows": 10}],
            parity.checksum_sql("ehr.ehr", {}): [{"checksum": "10:1:1"}],
        }
        return Answer(answers.get(query, []))


class Answer:
    def __init__(self, rows):
        self.rows = rows
        self.description = [SimpleNamespace(name=name) for name in (rows[0] if rows else ())]

    def fetchall(self):
        return [tuple(row.values()) for row in self.rows]

    def fetchone(self):
        return tuple(self.rows[0].values()) if self.rows else None


@pytest.mark.parametrize(
    ("level", "counts", "checksums"),
    [
        ("newest", {}, {}),
        ("counts", {"ehr.ehr": 10}, {}),
        # Without counts nobody could tell how many rows are missing.
        ("checksums", {"ehr.ehr": 10}, {"ehr.ehr": "10:1:1"}),
    ],
)
def test_each_level_reads_what_the_one_below_it_reads_and_leaves_no_transaction(level, counts, checksums):
    connection = Connection()
    side = parity.read_side(connection, ParityRequest(level=level))
    assert (side.counts, side.checksums) == (counts, checksums)
    assert (connection.asked[0], connection.asked[-1]) == (parity.BEGIN, "ROLLBACK")
