# SPDX-License-Identifier: GPL-3.0-or-later
import json
from datetime import UTC, datetime

import pytest

MEETING = {"MeetingId": "m-1", "MediaRegion": "eu-west-1"}
ATTENDEE = {"AttendeeId": "a-1", "JoinToken": "let-me-in"}


@pytest.fixture
def manager(load):
    module = load("meeting_manager", MEDIA_REGION="eu-west-1", AUDIT_TABLE="audit")
    module.chime.answers |= {"create_meeting": {"Meeting": MEETING}, "create_attendee": {"Attendee": ATTENDEE}}
    return module


def ask(module, route, body=None, meeting_id=None):
    event = {"routeKey": route, "body": json.dumps(body)}
    answer = module.handle(event | ({"pathParameters": {"id": meeting_id}} if meeting_id else {}), None)
    return answer["statusCode"], json.loads(answer["body"])


def test_a_visit_gets_a_meeting_in_the_media_region_and_an_attendee(manager):
    status, body = ask(manager, "POST /meetings", {"appointmentId": "visit-7"})
    assert (status, body) == (201, {"meeting": MEETING, "attendee": ATTENDEE})
    assert manager.chime.calls[0][1]["MediaRegion"] == "eu-west-1"


def test_the_audit_row_stands_before_the_answer(manager):
    ask(manager, "POST /meetings", {"appointmentId": "visit-7"})
    [(operation, request)] = manager.dynamodb.calls
    row = {name: next(iter(value.values())) for name, value in request["Item"].items()}
    assert (operation, request["TableName"]) == ("put_item", "audit")
    assert (row["pk"], row["action"], row["appointmentId"]) == ("MEETING#m-1", "CREATED", "visit-7")
    assert row["sk"] == f"CREATED#{row['timestamp']}" and row["mediaRegion"] == "eu-west-1"


def test_no_answer_is_given_when_the_row_cannot_be_written(manager, refusal):
    manager.dynamodb.answers["put_item"] = refusal("ProvisionedThroughputExceededException")
    assert ask(manager, "POST /meetings", {"appointmentId": "visit-7"})[0] == 502


def test_the_join_token_is_neither_stored_nor_logged(manager, capsys):
    ask(manager, "POST /meetings", {"appointmentId": "visit-7"})
    assert "let-me-in" not in str(manager.dynamodb.calls) + "".join(capsys.readouterr())


def test_the_same_appointment_asks_with_the_same_token(manager):
    for _ in range(2):
        ask(manager, "POST /meetings", {"appointmentId": "visit-7"})
    ask(manager, "POST /meetings", {"appointmentId": "visit-8"})
    tokens = [request["ClientRequestToken"] for name, request in manager.chime.calls if name == "create_meeting"]
    assert tokens[0] == tokens[1] != tokens[2]


@pytest.mark.parametrize(
    ("now", "until"),
    [(datetime(2026, 11, 25, 8, tzinfo=UTC), datetime(2033, 11, 25, 8, tzinfo=UTC)),
     (datetime(2028, 2, 29, tzinfo=UTC), datetime(2035, 2, 28, tzinfo=UTC))],
)  # fmt: skip
def test_a_row_is_kept_for_seven_calendar_years(manager, now, until):
    assert manager.build_row("CREATED", "m-1", now)["ttl"] == until.timestamp()


def test_an_ended_visit_has_a_row_of_its_own(manager):
    assert ask(manager, "DELETE /meetings/{id}", meeting_id="m-1") == (200, {"ended": "m-1"})
    assert manager.chime.calls == [("delete_meeting", {"MeetingId": "m-1"})]
    assert manager.dynamodb.calls[0][1]["Item"]["sk"]["S"].startswith("ENDED#")


@pytest.mark.parametrize(("error", "status"), [("NotFoundException", 404), ("ThrottledClientException", 502)])
def test_a_refusal_of_chime_is_told_by_its_code(manager, refusal, error, status):
    manager.chime.answers["get_meeting"] = refusal(error)
    assert ask(manager, "GET /meetings/{id}", meeting_id="m-1") == (status, {"error": error})


def test_a_visit_without_an_appointment_is_refused(manager):
    assert ask(manager, "POST /meetings", {})[0] == 400
    assert manager.chime.calls == []


@pytest.mark.parametrize(("asked", "kept"), [("10", 10), ("2", 7)])
def test_a_row_is_kept_for_as_many_years_as_asked_and_never_for_fewer_than_seven(manager, monkeypatch, asked, kept):
    monkeypatch.setenv("AUDIT_RETENTION_YEARS", asked)
    now = datetime(2026, 11, 25, tzinfo=UTC)
    assert manager.build_row("CREATED", "m-1", now)["ttl"] == now.replace(year=2026 + kept).timestamp()


def test_a_row_is_not_kept_a_fraction_of_a_second_too_short(manager):
    now = datetime(2026, 11, 25, 8, 0, 0, 108000, tzinfo=UTC)
    assert manager.build_row("CREATED", "m-1", now)["ttl"] == datetime(2033, 11, 25, 8, 0, 1, tzinfo=UTC).timestamp()
