# SPDX-License-Identifier: GPL-3.0-or-later
"""A meeting is made, looked at and deleted, whatever comes in between."""

import os
import signal
from types import SimpleNamespace

import botocore.session
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import AwsError, MultiregionError, Refused
from ansible_collections.medzen.multiregion.plugins.modules import chime_meeting_probe as module
from botocore.exceptions import ClientError

MEETING = "aaaabbbb-1111-2222-3333-ccccddddeeee"
MODEL = botocore.session.get_session().get_service_model("chime-sdk-meetings")


def params(**given):
    return {
        "media_region": "eu-central-1",
        "expected_host_code": None,
        "expected_control_region": None,
        "with_attendee": False,
        "external_meeting_id": None,
        "client_request_token": None,
        "max_latency_ms": None,
        "allowed_telemetry_codes": None,
        "require_ok": True,
        "extra_regions": [],
        **given,
    }


class Module:
    region = "eu-central-1"

    def __init__(self, check_mode=False, **given):
        self.check_mode, self.params, self.warnings = check_mode, params(**given), []

    def warn(self, text):
        self.warnings.append(text)


class Client:
    """Meetings of one region; `errors` maps an operation to the code that it fails with."""

    meta = SimpleNamespace(service_model=MODEL)

    def __init__(self, code="ec1", control="eu-central-1", errors=None, placement=None):
        self.code, self.control, self.errors, self.placement = code, control, errors or {}, placement
        self.calls, self.meetings = [], set()

    def call(self, name, request):
        self.calls.append((name, request))
        if name in self.errors:
            raise ClientError({"Error": {"Code": self.errors[name], "Message": "no"}}, name)

    def create_meeting(self, aws_retry, **request):
        self.call("create_meeting", request)
        self.meetings.add(MEETING)
        hosts = {
            "AudioHostUrl": f"a.k.m1.{self.code}.app.chime.aws:3478",
            "SignalingUrl": f"wss://signal.m1.{self.code}.app.chime.aws/control",
            "EventIngestionUrl": "https://data.svc.ue1.ingest.chime.aws/v1/client-events",
        }
        return {
            "Meeting": {
                "MeetingId": MEETING,
                "MeetingArn": f"arn:aws:chime:{self.control}:123456789012:meeting/{MEETING}",
                "MediaRegion": request["MediaRegion"],
                "MediaPlacement": hosts if self.placement is None else self.placement,
            }
        }

    def create_attendee(self, aws_retry, **request):
        self.call("create_attendee", request)
        return {"Attendee": {"AttendeeId": "attendee-1", "JoinToken": "secret-join-token"}}

    def delete_meeting(self, aws_retry, **request):
        self.call("delete_meeting", request)
        self.meetings.discard(request["MeetingId"])

    def named(self):
        return [name for name, _request in self.calls]


def clock(*seconds):
    moments = iter(seconds)
    return lambda: next(moments)


def test_a_meeting_in_its_place_is_ok_and_gone():
    client = Client()
    result = module.probe(Module(), client, clock(0, 0.25))
    assert (result["verdict"], result["deleted"], result["changed"]) == ("ok", True, False)
    assert (result["latency_ms"], result["control_region"]) == (250.0, "eu-central-1")
    assert client.named() == ["create_meeting", "delete_meeting"] and not client.meetings


def test_check_mode_makes_no_call():
    client = Client()
    result = module.probe(Module(check_mode=True), client, clock(0, 0))
    assert result["skipped_call"] is True and result["changed"] is False and client.calls == []
    assert "verdict" not in result


def test_the_join_token_is_nowhere_in_the_result():
    client = Client()
    result = module.probe(Module(with_attendee=True), client, clock(0, 0))
    assert result["attendee_id"] == "attendee-1" and "secret-join-token" not in repr(result)


@pytest.mark.parametrize(
    ("client", "given", "reason"),
    [
        (Client(code="ue1"), {}, "placement_mismatched"),
        (Client(control="us-east-1"), {}, "control_region_differs"),
        (Client(placement={}), {}, "placement_missing"),
        (Client(code="m2"), {}, "placement_unknown"),
        (Client(), {"media_region": "eu-west-3"}, "placement_unknown"),
        (Client(), {"max_latency_ms": 100}, "latency_exceeded"),
        (Client(), {"expected_control_region": "eu-west-2"}, "control_region_differs"),
    ],
)
def test_a_meeting_out_of_place_fails_and_is_gone(client, given, reason):
    with pytest.raises(Refused) as refused:
        module.probe(Module(**given), client, clock(0, 0.25))
    assert refused.value.result["reason"] == reason
    assert refused.value.result["deleted"] is True and not client.meetings


def test_the_verdict_can_be_had_without_a_failure():
    result = module.probe(Module(require_ok=False, media_region="eu-west-3"), Client(), clock(0, 0))
    assert result["verdict"] == "unknown" and "no code is known for eu-west-3" in result["reasons"][0]


def test_certain_reasons_beat_unknown_ones():
    given = {"require_ok": False, "media_region": "eu-west-3"}
    assert module.probe(Module(**given), Client(control="us-east-1"), clock(0, 0))["verdict"] == "refuse"


@pytest.mark.parametrize("code", ["ForbiddenException", "LimitExceededException", "ThrottlingException"])
def test_an_attendee_that_fails_leaves_no_meeting(code):
    client = Client(errors={"create_attendee": code})
    with pytest.raises(AwsError) as error:
        module.probe(Module(with_attendee=True), client, clock(0, 0))
    assert "Failed to add an attendee" in error.value.message and not client.meetings
    assert error.value.result["error_code"] == code and error.value.result["deleted"] is True


def test_a_bug_in_the_probe_leaves_no_meeting(monkeypatch):
    client = Client()
    monkeypatch.setattr(module, "judge", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        module.probe(Module(), client, clock(0, 0))
    assert not client.meetings


def test_a_failed_deletion_names_the_meeting_and_the_command():
    client = Client(errors={"delete_meeting": "ForbiddenException"})
    with pytest.raises(MultiregionError) as error:
        module.probe(Module(), client, clock(0, 0))
    command = f"aws chime-sdk-meetings delete-meeting --meeting-id {MEETING} --region eu-central-1"
    assert command in error.value.message and "control region eu-central-1" in error.value.message
    assert error.value.result["delete_command"] == command
    assert (error.value.result["reason"], error.value.result["deleted"]) == ("meeting_left", False)


def test_a_failed_deletion_tells_what_failed_before():
    client = Client(errors={"create_attendee": "LimitExceededException", "delete_meeting": "ForbiddenException"})
    with pytest.raises(MultiregionError, match="Before that: Failed to add an attendee"):
        module.probe(Module(with_attendee=True), client, clock(0, 0))


def test_a_meeting_that_is_gone_already_is_deleted():
    client = Client(errors={"delete_meeting": "NotFoundException"})
    assert module.probe(Module(), client, clock(0, 0))["deleted"] is True


def test_a_request_to_end_waits_until_the_meeting_is_deleted():
    client = Client()
    create = client.create_meeting

    def interrupted(**request):
        os.kill(os.getpid(), signal.SIGTERM)
        return create(**request)

    client.create_meeting = interrupted
    with pytest.raises(MultiregionError, match="SIGTERM"):
        module.probe(Module(), client, clock(0, 0))
    assert not client.meetings and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


@pytest.mark.parametrize(
    ("code", "word"),
    [
        ("LimitExceededException", "capacity"),
        ("ThrottlingException", "throttled"),
        ("ForbiddenException", "denied"),
        ("ServiceUnavailableException", "unavailable"),
    ],
)
def test_a_failed_creation_is_told_apart(code, word):
    with pytest.raises(AwsError) as error:
        module.probe(Module(), Client(errors={"create_meeting": code}), clock(0, 0))
    assert error.value.result["failure_class"] == word


def test_a_creation_that_may_have_worked_tells_its_token():
    with pytest.raises(AwsError, match="client request token my-token returns it"):
        module.probe(
            Module(client_request_token="my-token"),
            Client(errors={"create_meeting": "ServiceFailureException"}),
            clock(0, 0),
        )


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"external_meeting_id": "x"}, "external_meeting_id"),
        ({"external_meeting_id": "x" * 65}, "external_meeting_id"),
        ({"external_meeting_id": "aws:mine"}, "external_meeting_id"),
        ({"client_request_token": "a b"}, "client_request_token"),
        ({"client_request_token": "a" * 65}, "client_request_token"),
        ({"media_region": "x"}, "media_region"),
        ({"expected_host_code": "frankfurt"}, "expected_host_code"),
    ],
)
@pytest.mark.parametrize("check_mode", [True, False])
def test_a_bad_option_is_named_before_a_call(given, told, check_mode):
    client = Client()
    with pytest.raises(Refused, match=told) as refused:
        module.probe(Module(check_mode=check_mode, **given), client, clock(0, 0))
    assert refused.value.result["reason"] == "invalid_option" and client.calls == []


def test_telemetry_elsewhere_warns():
    one = Module(allowed_telemetry_codes=["ec1"])
    assert module.probe(one, Client(), clock(0, 0))["verdict"] == "ok"
    assert one.warnings == ["Clients send their events to ue1; allowed are ec1."]


def test_a_media_region_that_is_not_listed_warns():
    one = Module(media_region="eu-moon-1", require_ok=False)
    module.probe(one, Client(), clock(0, 0))
    assert "eu-moon-1 is not in the list of media regions" in one.warnings[0]


def test_the_default_identifiers_fit_the_service():
    request = module.build_request(params())
    assert request["ExternalMeetingId"].startswith("ansible-probe-") and len(request["ExternalMeetingId"]) == 22
    assert 2 <= len(request["ClientRequestToken"]) <= 64
    assert module.build_request(params()) == request
