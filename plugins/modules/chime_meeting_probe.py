#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: chime_meeting_probe
version_added: 1.0.0
short_description: Make a meeting of the Chime SDK, see where its media is, and delete it
description:
  - Creates a meeting in the control region, which is O(region), with its media in O(media_region), reads from the names
    of its hosts where the media really is, and deletes it in any case.
  - A meeting that could not be deleted fails the task, whatever the probe found, with its identifier, its control
    region and the command that deletes it.
  - A host's region is a code that stands as one label in its name. AWS does not document the codes. For a region whose
    code nobody knows, the verdict is V(unknown), never V(ok), unless O(expected_host_code) says it.
  - The join token of an attendee is never returned.
  - Operations used are C(chime-sdk-meetings:CreateMeeting), C(chime-sdk-meetings:DeleteMeeting) and, with
    O(with_attendee), C(chime-sdk-meetings:CreateAttendee). The IAM permissions are C(chime:CreateMeeting),
    C(chime:DeleteMeeting) and C(chime:CreateAttendee).
options:
  media_region:
    description:
      - Region that is to carry the media. One that is not in AWS's list gives a warning; AWS decides.
    type: str
    required: true
  expected_host_code:
    description:
      - Code of the media region in host names, as V(ec1). Without it the code known for O(media_region) is expected.
    type: str
  expected_control_region:
    description:
      - Region that the meeting's ARN is to name. Without it, O(region).
    type: str
  with_attendee:
    description:
      - Whether to add an attendee as well.
    type: bool
    default: false
  external_meeting_id:
    description:
      - Identifier that the meeting carries in the audit trail, 2 to 64 characters; it must not begin with V(aws:).
        Without it, C(ansible-probe-) with 8 hexadecimal digits.
    type: str
  client_request_token:
    description:
      - Idempotency token, 2 to 64 letters, digits, hyphens and underscores. Without it, one of the task's own.
    type: str
  max_latency_ms:
    description:
      - How long creating the meeting may take, in milliseconds, with the retries it needed.
    type: float
  allowed_telemetry_codes:
    description:
      - Codes of the regions to which clients may send their events, as V(ec1). Another one gives a warning, because
        this is not where the media is.
    type: list
    elements: str
  require_ok:
    description:
      - Whether the task fails when the verdict is not V(ok). The result is the same.
    type: bool
    default: true
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - medzen.multiregion.chime
attributes:
  check_mode:
    description: Checks the options and makes no call.
    support: full
    details: RV(skipped_call) says so; there is no verdict.
  diff_mode:
    description: Leaves nothing behind and has no diff.
    support: none
  idempotent:
    description: Leaves nothing behind.
    support: full
author:
  - MedZen platform team (@medzen)
"""

EXAMPLES = r"""
- name: Meetings of Frankfurt have their media in Frankfurt
  medzen.multiregion.chime_meeting_probe:
    region: eu-central-1
    media_region: eu-central-1
    with_attendee: true
    max_latency_ms: 2000
    allowed_telemetry_codes: [ec1]

- name: The standby is controlled from London and has its media in Ireland
  medzen.multiregion.chime_meeting_probe:
    region: eu-west-2
    media_region: eu-west-1
    expected_control_region: eu-west-2
"""

RETURN = r"""
verdict:
  description: V(ok), V(refuse), or V(unknown) when it cannot be told where a host is.
  type: str
  returned: when a meeting was made
  sample: ok
reasons:
  description: Why the verdict is not V(ok). Each begins with a code that stays the same.
  type: list
  elements: str
  returned: when a meeting was made
  sample: ["placement_mismatched: SignalingUrl is signal.m1.ue1.app.chime.aws, expected ec1"]
meeting_id:
  description: Identifier of the meeting, which is gone.
  type: str
  returned: when a meeting was made
external_meeting_id:
  description: The identifier that it carries in the audit trail.
  type: str
  returned: always
control_region:
  description: Region that the meeting's ARN names.
  type: str
  returned: when a meeting was made
media_region:
  description: Media region as AWS answered it.
  type: str
  returned: when a meeting was made
hosts:
  description: Host names of the media, by member.
  type: dict
  returned: when a meeting was made
  sample: {"SignalingUrl": "signal.m1.ec1.app.chime.aws"}
mismatched:
  description: Members whose host is in another region.
  type: list
  elements: str
  returned: when a meeting was made
missing:
  description: Members that a meeting must have and this one has not.
  type: list
  elements: str
  returned: when a meeting was made
undecided:
  description: Members of whose host the region cannot be told.
  type: list
  elements: str
  returned: when a meeting was made
telemetry_code:
  description: Code of the region that takes the client's events; none when the host does not tell.
  type: str
  returned: when a meeting was made
latency_ms:
  description: How long creating the meeting took, in milliseconds.
  type: float
  returned: when a meeting was made
attendee_id:
  description: Identifier of the attendee.
  type: str
  returned: with O(with_attendee)
deleted:
  description: Whether the meeting is deleted.
  type: bool
  returned: when a meeting was made
delete_command:
  description: The command that deletes the meeting.
  type: str
  returned: when it could not be deleted
failure_class:
  description: C(capacity), C(throttled) (which says nothing of the service), C(denied), C(unavailable),
    C(unreachable), C(invalid) or C(other).
  type: str
  returned: when a call failed
skipped_call:
  description: That no call was made.
  type: bool
  returned: in check mode
"""

import contextlib
import signal
import time

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.medzen.multiregion.plugins.module_utils import chime_regions, chime_sdk
from ansible_collections.medzen.multiregion.plugins.module_utils import media_placement as placement
from ansible_collections.medzen.multiregion.plugins.module_utils.aws import describe, token
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import AwsError, MultiregionError, Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.runner import run
from ansible_collections.medzen.multiregion.plugins.module_utils.service_model import check_request

OPTIONS = {
    "ClientRequestToken": "client_request_token",
    "ExternalMeetingId": "external_meeting_id",
    "MediaRegion": "media_region",
}
RESERVED_PREFIX = "aws:"


@describe("create a meeting with its media in {request[MediaRegion]}")
def create_meeting(connection, request):
    return connection.create_meeting(**request, aws_retry=True)["Meeting"]


@describe("add an attendee to meeting {meeting_id}")
def create_attendee(connection, meeting_id, user_id):
    """The attendee's identifier; the join token that comes with it goes no further."""
    answer = connection.create_attendee(MeetingId=meeting_id, ExternalUserId=user_id, aws_retry=True)
    return answer["Attendee"]["AttendeeId"]


@describe("delete meeting {meeting_id}", missing=chime_sdk.NOT_FOUND)
def delete_meeting(connection, meeting_id):
    connection.delete_meeting(MeetingId=meeting_id, aws_retry=True)


def build_request(params):
    """The meeting to make. Its token is one a task: a retry after a lost answer gets the same meeting."""
    own = token("meeting", params["media_region"])
    return {
        "ClientRequestToken": params["client_request_token"] or own,
        "ExternalMeetingId": params["external_meeting_id"] or f"ansible-probe-{own[:8]}",
        "MediaRegion": params["media_region"],
    }


def check_options(connection, params, request):
    check_request(connection, "CreateMeeting", request, OPTIONS)
    if request["ExternalMeetingId"].lower().startswith(RESERVED_PREFIX):
        raise Refused(
            "external_meeting_id begins with a prefix that is AWS's own",
            found=request["ExternalMeetingId"],
            expected=f"no {RESERVED_PREFIX} at the beginning",
            next_step="choose another identifier",
            result={"reason": "invalid_option"},
        )
    limit = params["max_latency_ms"]
    if limit is not None and limit < 1:
        raise Refused(
            "max_latency_ms allows no meeting",
            found=f"{limit:g}",
            expected="1 or more",
            next_step="correct the option",
            result={"reason": "invalid_option"},
        )
    if params["expected_host_code"] and not placement.CODE.fullmatch(params["expected_host_code"]):
        raise Refused(
            "expected_host_code is no code of a region",
            found=params["expected_host_code"],
            expected="two letters and a digit, as ec1",
            next_step="correct the option",
            result={"reason": "invalid_option"},
        )


def build_delete_command(meeting_id, region):
    return f"aws chime-sdk-meetings delete-meeting --meeting-id {meeting_id} --region {region}"


def iter_reasons(facts, verdict, params, region):
    """What speaks against the meeting, each sentence with its code; `facts` is the meeting as it was made."""
    code = placement.code_of_region(params["media_region"], params["expected_host_code"])
    expected = params["expected_control_region"] or region
    if facts["control_region"] != expected:
        yield f"control_region_differs: {facts['control_region'] or 'none in the ARN'}, expected {expected}"
    if facts["media_region"] != params["media_region"]:
        yield f"media_region_differs: {facts['media_region']}, expected {params['media_region']}"
    for name in verdict.mismatched:
        yield f"placement_mismatched: {name} is {verdict.hosts[name]}, expected {code}"
    for name in verdict.missing:
        yield f"placement_missing: there is no {name}"
    for name in verdict.undecided:
        why = f"expected {code}" if code else f"no code is known for {params['media_region']}"
        yield f"placement_unknown: {name} is {verdict.hosts[name]}, {why}"
    limit = params["max_latency_ms"]
    if limit is not None and facts["latency_ms"] > limit:
        yield f"latency_exceeded: {facts['latency_ms']:g} ms, expected {limit:g} ms at most"


def judge(meeting, latency_ms, params, region):
    """The meeting as the module returns it, with its verdict."""
    found = placement.judge_placement(
        meeting.get("MediaPlacement") or {}, params["media_region"], params["expected_host_code"]
    )
    facts = {
        "meeting_id": meeting["MeetingId"],
        "control_region": chime_sdk.region_of(meeting.get("MeetingArn") or ""),
        "media_region": meeting.get("MediaRegion"),
        "hosts": found.hosts,
        "mismatched": list(found.mismatched),
        "missing": list(found.missing),
        "undecided": list(found.undecided),
        "telemetry_code": found.telemetry_code,
        "latency_ms": round(latency_ms, 1),
    }
    reasons = list(iter_reasons(facts, found, params, region))
    certain = [one for one in reasons if not one.startswith("placement_unknown")]
    verdict = placement.REFUSE if certain else placement.UNKNOWN if reasons else placement.OK
    return {**facts, "verdict": verdict, "reasons": reasons}


def build_warnings(result, params):
    warnings = []
    allowed = params["allowed_telemetry_codes"]
    if allowed is not None and result["telemetry_code"] not in allowed:
        seen = result["telemetry_code"] or "a host that does not tell its region"
        warnings.append(f"Clients send their events to {seen}; allowed are {', '.join(allowed) or 'none'}.")
    return warnings


@contextlib.contextmanager
def ending_in_order():
    """A request to end the process is obeyed when the meeting is deleted, not in the middle of its creation."""
    asked = []
    numbers = (signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, lambda got, _frame: asked.append(got)) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if asked:
        raise MultiregionError(f"The process was asked to end by {signal.Signals(asked[0]).name}; no meeting is left.")


def probe_meeting(connection, params, region, request, clock):
    """Make the meeting, look, delete it. Nothing stands between its creation and the `try` that deletes it."""
    started = clock()
    try:
        meeting = create_meeting(connection, request)
    except AwsError as error:
        raise explained_creation(error, request) from error
    result, failure = {"meeting_id": meeting["MeetingId"]}, None
    try:
        result = judge(meeting, (clock() - started) * 1000, params, region)
        if params["with_attendee"]:
            result["attendee_id"] = create_attendee(connection, meeting["MeetingId"], request["ExternalMeetingId"])
    except MultiregionError as error:
        failure = chime_sdk.explained(error) if isinstance(error, AwsError) else error
    finally:
        result["deleted"] = delete_or_fail(connection, meeting["MeetingId"], region, result, failure)
    if failure:
        raise type(failure)(failure.message, result={**result, **failure.result})
    return result


def delete_or_fail(connection, meeting_id, region, result, failure):
    try:
        delete_meeting(connection, meeting_id)
    except AwsError as error:
        command = build_delete_command(meeting_id, region)
        before = f" Before that: {failure.message}" if failure else ""
        raise MultiregionError(
            f"{error.message}. Meeting {meeting_id} is left in control region {region}. Next: {command}.{before}",
            {
                **result,
                **error.result,
                "reason": "meeting_left",
                "meeting_id": meeting_id,
                "control_region": region,
                "deleted": False,
                "delete_command": command,
            },
        ) from error
    return True


def explained_creation(error, request):
    """A failed creation. After a failure of the service a meeting may be there: only its token leads to it."""
    found = chime_sdk.explained(error)
    if found.result["failure_class"] in ("unavailable", "unreachable", "other"):
        text = f"{found.message} Whether a meeting was made is not known; CreateMeeting with client request token "
        text += f"{request['ClientRequestToken']} returns it."
        return AwsError(text, result=found.result)
    return found


def probe(module, connection, clock=time.monotonic):
    params = module.params
    request = build_request(params)
    check_options(connection, params, request)
    extra = {"media": params["extra_regions"]}
    if params["media_region"] not in chime_regions.regions_of("media", extra):
        module.warn(f"{params['media_region']} is not in the list of media regions; AWS decides.")
    base = {"changed": False, "external_meeting_id": request["ExternalMeetingId"]}
    if module.check_mode:
        return {**base, "skipped_call": True}
    with ending_in_order():
        result = {**base, **probe_meeting(connection, params, module.region, request, clock)}
    for warning in build_warnings(result, params):
        module.warn(warning)
    if params["require_ok"] and result["verdict"] != placement.OK:
        raise Refused(
            "The meeting is not where it should be",
            found="; ".join(result["reasons"]),
            expected=f"media in {params['media_region']}",
            next_step="do not send patients there; compare control and media region with the inventory",
            result={**result, "reason": result["reasons"][0].split(":")[0]},
        )
    return result


def ensure(module):
    return probe(module, chime_sdk.chime_client(module, chime_sdk.MEETINGS))


def main():
    argument_spec = {
        "media_region": {"type": "str", "required": True},
        "expected_host_code": {"type": "str"},
        "expected_control_region": {"type": "str"},
        "with_attendee": {"type": "bool", "default": False},
        "external_meeting_id": {"type": "str"},
        # An idempotency token opens nothing; its name looks like a secret's to Ansible.
        "client_request_token": {"type": "str", "no_log": False},
        "max_latency_ms": {"type": "float"},
        "allowed_telemetry_codes": {"type": "list", "elements": "str"},
        "require_ok": {"type": "bool", "default": True},
        **chime_sdk.ARGUMENTS,
    }
    run(AnsibleAWSModule(argument_spec=argument_spec, supports_check_mode=True), ensure)


if __name__ == "__main__":
    main()
