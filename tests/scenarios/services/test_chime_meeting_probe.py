# SPDX-License-Identifier: GPL-3.0-or-later
"""A probe's meeting is seen where its media is, and is gone afterwards, whatever went wrong."""

import contextlib

import pytest

PROBE = "chime_meeting_probe"
CREATE, DELETE = "chime-sdk-meetings:CreateMeeting", "chime-sdk-meetings:DeleteMeeting"
ATTENDEE = "chime-sdk-meetings:CreateAttendee"
HERE = {"media_region": "eu-central-1"}
# Meetings that other files left in the world; they end by themselves.
OTHERS = set()


@pytest.fixture(autouse=True, scope="module")
def patience(services):
    """A meeting that nobody deletes stays: otherwise its idle end would look like a deletion."""
    OTHERS.update(live(services))
    idle_s = services.control("chime")["idle_s"]
    services.control("chime", {"idle_s": 86400})
    yield
    services.control("chime", {"idle_s": idle_s})


def live(services):
    return [one["id"] for one in services.control("chime")["meetings"] if one["live"] and one["id"] not in OTHERS]


@contextlib.contextmanager
def media(services, region, fault):
    """Meetings with their media in this region fail, or come up in another one."""
    services.control("chime", {"media_regions": {region: fault}})
    try:
        yield
    finally:
        services.control("chime", {"media_regions": {region: None}})


def test_check_mode_calls_nobody_and_a_probe_leaves_nothing(services, step):
    checked, done, again = services.play(
        step(PROBE, check=True, **HERE), step(PROBE, with_attendee=True, **HERE), step(PROBE, **HERE)
    )
    assert checked["skipped_call"] and not checked.changed and checked.calls == []
    assert not done.changed and done.operations == [CREATE, ATTENDEE, DELETE]
    assert (done["verdict"], done["deleted"], done["control_region"]) == ("ok", True, "eu-central-1")
    assert done["hosts"]["SignalingUrl"].endswith(".ec1.app.chime.aws") and done["telemetry_code"] == "ue1"
    assert done["meeting_id"] != again["meeting_id"] and live(services) == []


def test_the_join_token_comes_back_to_nobody(services, step):
    (done,) = services.play(step(PROBE, with_attendee=True, **HERE))
    assert done["attendee_id"] and "join" not in repr(done.result).lower()


def test_london_controls_a_meeting_with_media_in_ireland(services, step):
    (done,) = services.play(step(PROBE, media_region="eu-west-1", region="eu-west-2"))
    assert (done["verdict"], done["control_region"], done["media_region"]) == ("ok", "eu-west-2", "eu-west-1")


def test_media_that_comes_up_elsewhere_is_refused_and_gone(services, step):
    with media(services, "eu-central-1", "us-east-1"):
        refused, told = services.play(step(PROBE, **HERE), step(PROBE, require_ok=False, **HERE))
    assert "placement_mismatched" in refused.error and refused["reason"] == "placement_mismatched"
    assert refused["deleted"] and "SignalingUrl" in refused["mismatched"]
    assert told["verdict"] == "refuse" and not told.changed and live(services) == []


def test_a_region_whose_code_nobody_knows_is_never_ok(services, step):
    unknown, given = services.play(
        step(PROBE, media_region="eu-west-3"),
        step(PROBE, media_region="eu-central-1", expected_host_code="ew3"),
    )
    assert unknown["verdict"] == "unknown" and "no code is known for eu-west-3" in unknown.error
    assert given["verdict"] == "refuse" and live(services) == []


def test_the_control_region_is_compared_with_the_inventory(services, step):
    (refused,) = services.play(step(PROBE, expected_control_region="eu-west-2", **HERE))
    assert "control_region_differs: eu-central-1, expected eu-west-2" in refused.error and refused["deleted"]


def test_five_throttled_calls_are_nothing_special(services, step, fault):
    operations = (CREATE, DELETE)
    done = services.play(*(step(PROBE, fault("throttle", one, count=5), **HERE) for one in operations))
    assert [one["verdict"] for one in done] == ["ok", "ok"] and live(services) == []
    assert [one.operations.count(operation) for one, operation in zip(done, operations, strict=True)] == [6, 6]


def test_a_lost_answer_makes_no_second_meeting(services, step, fault):
    operations, before = (CREATE, DELETE), len(services.control("chime")["meetings"])
    done = services.play(*(step(PROBE, fault("lost_response", one, count=1), **HERE) for one in operations))
    assert [one["deleted"] for one in done] == [True, True] and live(services) == []
    assert [one.operations.count(operation) for one, operation in zip(done, operations, strict=True)] == [2, 2]
    assert len(services.control("chime")["meetings"]) == before + 2


def test_a_meeting_that_cannot_be_deleted_is_named_with_the_command(services, step, fault):
    denied = fault("error", DELETE, code="ForbiddenException", status=403)
    (left,) = services.play(step(PROBE, denied, **HERE))
    command = f"aws chime-sdk-meetings delete-meeting --meeting-id {left['meeting_id']} --region eu-central-1"
    assert command in left.error and left["delete_command"] == command and not left["deleted"]
    assert live(services) == [left["meeting_id"]]
    services.client("chime-sdk-meetings").delete_meeting(MeetingId=left["meeting_id"])
    assert live(services) == []


def test_a_failed_creation_is_told_apart(services, step, fault):
    cases = [
        ("ForbiddenException", 403, "denied"),
        ("UnauthorizedException", 401, "denied"),
        ("AccessDeniedException", 403, "denied"),
        ("LimitExceededException", 400, "capacity"),
    ]
    steps = [step(PROBE, fault("error", CREATE, code=code, status=status), **HERE) for code, status, _word in cases]
    for failed, (code, _status, word) in zip(services.play(*steps), cases, strict=True):
        assert failed["failure_class"] == word and failed["error_code"] == code and "Next:" in failed.error


def test_an_attendee_that_is_refused_leaves_no_meeting(services, step, fault):
    denied = fault("error", ATTENDEE, code="ForbiddenException", status=403)
    (failed,) = services.play(step(PROBE, denied, with_attendee=True, **HERE))
    assert "add an attendee" in failed.error and failed["deleted"] and live(services) == []


def test_a_bad_option_is_named_before_any_call(services, step):
    bad = {
        "external_meeting_id": "aws:mine",
        "client_request_token": "a token",
        "media_region": "x",
        "expected_host_code": "frankfurt",
    }
    steps = [step(PROBE, check=check, **{**HERE, name: bad[name]}) for name in bad for check in (True, False)]
    for refused, option in zip(services.play(*steps), [name for name in bad for _check in (True, False)], strict=True):
        assert option in refused.error and refused["reason"] == "invalid_option" and refused.calls == []


def test_ireland_controls_no_meeting(services, step):
    ireland = {"region": "eu-west-1", "media_region": "eu-west-1"}
    for refused in services.play(step(PROBE, check=True, **ireland), step(PROBE, **ireland)):
        assert refused["reason"] == "region_unsupported" and refused.calls == []
        assert "eu-west-2" in refused["supported_regions"]


def test_a_region_that_is_said_to_be_new_is_called_and_does_not_answer(services, step):
    given = {"region": "eu-west-1", "extra_regions": ["eu-west-1"], "media_region": "eu-west-1"}
    (failed,) = services.play(step(PROBE, **given))
    assert failed["failure_class"] == "unreachable" and "client request token" in failed.error
