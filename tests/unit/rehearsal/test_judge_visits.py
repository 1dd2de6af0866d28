# SPDX-License-Identifier: GPL-3.0-or-later
import pytest

from rehearsal import judge_visits
from rehearsal.judge_visits import compare, count_answers, events_of

STARTED = [{"kind": "visit_started", "meeting": "a"}, {"kind": "visit_started", "meeting": "b"}]
GOOD = [{"id": "a", "misplaced": False}, {"id": "b", "misplaced": False}]


def asked(*kinds):
    return [{"kind": f"question_{kind}"} for kind in kinds]


def test_visits_with_media_and_rows_in_place_give_no_reason():
    visits = compare(STARTED, GOOD, {"a", "b", "other"}, moved=True)
    assert (visits.started, visits.misplaced, visits.without_audit_row, visits.reasons) == (2, 0, 0, [])


def test_a_visit_with_its_media_elsewhere_is_misplaced():
    visits = compare(STARTED, [GOOD[0], {"id": "b", "misplaced": True}], {"a", "b"}, moved=True)
    assert visits.reasons == ["1 visits have their media in another region than was asked for"]


def test_a_misplaced_meeting_of_nobodys_visit_does_not_count():
    assert compare(STARTED, [*GOOD, {"id": "probe", "misplaced": True}], {"a", "b"}, moved=True).misplaced == 0


def test_a_visit_that_nobody_knows_of_is_misplaced():
    assert compare(STARTED, GOOD[:1], {"a", "b"}, moved=True).misplaced == 1


def test_a_visit_without_its_row_is_counted_and_named():
    visits = compare(STARTED, GOOD, {"a"}, moved=True)
    assert (visits.without_audit_row, visits.lost) == (1, ("b",))
    assert visits.reasons == ["1 visits have no audit row in a table that remains"]


def test_a_table_that_could_not_be_read_is_no_zero():
    visits = compare(STARTED, GOOD, None, moved=True)
    assert visits.public()["without_audit_row"] is None
    assert visits.reasons == ["the visits could not be judged"]


def test_no_visit_at_all_proves_nothing():
    assert compare([], [], set(), moved=True).reasons == ["no visit was started, so nothing is proven of them"]


@pytest.mark.parametrize(("moved", "reasons"), [(True, ["1 visits could not be started"]), (False, [])])
def test_a_visit_that_fails_is_a_fault_where_visits_have_moved(moved, reasons):
    visits = compare([*STARTED, {"kind": "visit_failed"}], GOOD, {"a", "b"}, moved)
    assert (visits.failed, visits.reasons) == (1, reasons)


def test_answers_from_elsewhere_are_a_fault():
    found = count_answers(asked("asked", "answered"), 1, moved=True)
    assert found.reasons == ["1 answers came from regions that are not allowed"]


def test_answers_before_the_move_are_not_judged():
    found = count_answers(asked("asked", "asked", "answered", "failed"), 7, moved=False)
    assert found.public() == {
        "asked": 2, "answered": 1, "failed": 1, "answered_outside_allowed_regions": None, "moved": False,
    }  # fmt: skip
    assert found.reasons == []


def test_answers_that_could_not_be_placed_are_no_pass():
    found = count_answers(asked("asked", "answered"), None, moved=True)
    assert found.reasons == ["where the answers came from could not be judged"]


def test_answers_count_from_the_mark_on(monkeypatch):
    paths = []
    monkeypatch.setattr(judge_visits, "control", lambda _settings, path: paths.append(path) or {"outside": 2})
    plan = {"allowed_regions": ["eu-central-1", "eu-west-1"]}
    found = judge_visits.judge_assistant(None, plan, asked("asked", "answered"), True, 40)
    assert paths == ["bedrock/answers?since=40&allowed=eu-central-1,eu-west-1"]
    assert found.answered_outside_allowed_regions == 2


def test_only_what_visitors_left_is_judged():
    assert events_of([{"kind": "reads_ok"}, *STARTED]) == STARTED
