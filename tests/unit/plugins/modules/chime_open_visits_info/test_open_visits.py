# SPDX-License-Identifier: GPL-3.0-or-later
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import botocore.session
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import AwsError, Refused
from ansible_collections.medzen.multiregion.plugins.modules import chime_open_visits_info as module
from botocore.exceptions import ClientError

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
OPTIONS = {
    "table": "audit",
    "longest_visit_s": 3600,
    "begun_before": None,
    "control_region": "af-south-1",
    "wait_timeout": 10,
    "poll_seconds": 1,
}


def at(minutes):
    return (NOW + timedelta(minutes=minutes)).isoformat().replace("+00:00", "Z")


def row(meeting, action, minutes):
    return {"pk": {"S": f"MEETING#{meeting}"}, "sk": {"S": f"{action}#{at(minutes)}"}}


class Table:
    """A scan in pages of one row."""

    def __init__(self, *rows, code=None):
        self.rows, self.code = list(rows), code

    def scan(self, aws_retry, ExclusiveStartKey=0, **request):
        if self.code:
            raise ClientError({"Error": {"Code": self.code}}, "Scan")
        page = {"Items": self.rows[ExclusiveStartKey : ExclusiveStartKey + 1]}
        more = ExclusiveStartKey + 1 < len(self.rows)
        return {**page, **({"LastEvaluatedKey": ExclusiveStartKey + 1} if more else {})}


A, B = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
MODEL = botocore.session.get_session().get_service_model("chime-sdk-meetings")


class Chime:
    meta = SimpleNamespace(service_model=MODEL)

    def __init__(self, *live, code="NotFoundException"):
        self.live, self.code = live, code

    def get_meeting(self, MeetingId, aws_retry):
        if MeetingId in self.live:
            return {"Meeting": {"MeetingId": MeetingId}}
        raise ClientError({"Error": {"Code": self.code}}, "GetMeeting")


def look(*rows, chime=None, known=False, code=None, **given):
    return module.look(Table(*rows, code=code), chime and module.Control(chime, known), {**OPTIONS, **given}, NOW)


def test_a_visit_without_an_end_is_open():
    state = look(row("a", "CREATED", -10), row("b", "CREATED", -20), row("b", "ENDED", -5))
    assert (state["drained"], state["open_count"]) == (False, 1)
    assert state["open"] == [{"meeting_id": "a", "began": "2026-05-01T11:50:00+00:00"}]


def test_rows_of_recordings_are_no_visits():
    assert look(row("a", "RECORDING", -10))["drained"]


def test_a_visit_that_is_older_than_the_longest_one_was_left():
    state = look(row("a", "CREATED", -61))
    assert (state["drained"], state["left_open"]) == (True, 1)


def test_a_visit_that_was_asked_for_twice_began_the_first_time():
    assert look(row("a", "CREATED", -70), row("a", "CREATED", -10))["left_open"] == 1


def test_visits_that_begin_meanwhile_are_told_and_not_waited_for():
    state = look(row("a", "CREATED", -1), begun_before=at(-2))
    assert (state["drained"], state["begun_since"]) == (True, 1)


def test_a_meeting_that_is_not_where_another_one_is_has_ended():
    state = look(row(A, "CREATED", -10), row(B, "CREATED", -10), chime=Chime(B))
    assert [visit["meeting_id"] for visit in state["open"]] == [B]
    assert (state["control_region_known"], state["not_found_count"]) == (True, 0)


def test_a_region_that_knows_no_meeting_may_be_the_wrong_one_and_ends_no_visit():
    state = look(row(A, "CREATED", -10), row(B, "CREATED", -10), chime=Chime())
    assert (state["drained"], state["open_count"], state["not_found_count"]) == (False, 2, 2)
    assert not state["control_region_known"]


def test_where_meetings_are_known_to_be_made_one_that_is_not_there_has_ended():
    state = look(row(A, "CREATED", -10), chime=Chime(), known=True)
    assert (state["drained"], state["control_region_known"]) == (True, True)


def test_a_meeting_that_is_not_waited_for_proves_the_region_as_well():
    state = look(row(A, "CREATED", -10), row(B, "CREATED", -1), chime=Chime(B), begun_before=at(-2))
    assert (state["drained"], state["begun_since"]) == (True, 1)


def test_a_visit_that_cannot_be_asked_for_proves_no_region():
    state = look(row(A, "CREATED", -10), row("no-identifier", "CREATED", -10), chime=Chime())
    assert (state["open_count"], state["not_found_count"]) == (2, 1)


def test_a_region_that_had_a_meeting_is_believed_after_that_one_has_ended():
    control = module.Control(Chime(B), False)
    rows = (row(A, "CREATED", -10), row(B, "CREATED", -10))
    assert module.look(Table(*rows), control, OPTIONS, NOW)["open_count"] == 1
    assert module.look(Table(*rows, row(B, "ENDED", 0)), control, OPTIONS, NOW)["drained"]


def test_a_visit_whose_meeting_cannot_be_asked_for_stays_open():
    assert look(row("no-identifier", "CREATED", -10), chime=Chime())["open_count"] == 1


def test_a_refusal_of_chime_is_no_end():
    with pytest.raises(AwsError, match="check the IAM permission"):
        look(row(A, "CREATED", -10), chime=Chime(code="ForbiddenException"))


def test_without_a_table_nobody_can_tell_which_visits_go_on():
    state = look(code="ResourceNotFoundException")
    assert (state["table_exists"], state["drained"], state["open_count"]) == (False, None, 0)


def test_a_table_that_is_not_there_is_not_waited_for():
    gone = look(code="ResourceNotFoundException")
    done = module.wait_for_end(lambda: gone, OPTIONS, clock=lambda: 0.0, sleep=lambda _s: pytest.fail("it waits"))
    assert done["drained"] is None


def test_a_table_that_may_not_be_read_is_no_empty_one():
    with pytest.raises(AwsError, match="Failed to read the visits in audit"):
        look(code="AccessDeniedException")


def test_a_beginning_that_cannot_be_read_is_refused():
    with pytest.raises(Refused, match="MEETING#a CREATED#yesterday"):
        look({"pk": {"S": "MEETING#a"}, "sk": {"S": "CREATED#yesterday"}})


def test_the_wait_ends_with_the_last_visit():
    states = iter([2, 1, 0])

    def look_again():
        count = next(states)
        return {"drained": not count, "open": [], "open_count": count, "begun_since": 0}

    done = module.wait_for_end(look_again, OPTIONS, clock=lambda: 0.0, sleep=lambda _s: None)
    assert done["drained"]


def test_a_wait_that_is_over_names_who_goes_on_and_what_to_do():
    state = {"drained": False, "open": [{"meeting_id": "a"}], "open_count": 1, "begun_since": 0, "not_found_count": 0}
    assert told_after_the_wait(state).endswith("ask the clinicians to end these visits.")
    told = told_after_the_wait({**state, "not_found_count": 1})
    assert "1 of them have no meeting in af-south-1" in told and "name their region" in told


def told_after_the_wait(state):
    clock = iter(range(0, 100, 8))
    with pytest.raises(Refused, match="1 open: a.*quieter hour") as refused:
        module.wait_for_end(lambda: state, OPTIONS, clock=lambda: next(clock), sleep=lambda _s: None)
    assert refused.value.result["reason"] == "visits_open"
    return refused.value.message


@pytest.mark.parametrize("given", [{"begun_before": "noon"}, {"longest_visit_s": 0}])
def test_options_that_make_no_sense_are_refused(given):
    with pytest.raises(Refused, match=next(iter(given))):
        module.check_options({**OPTIONS, **given})
