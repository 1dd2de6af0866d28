# SPDX-License-Identifier: GPL-3.0-or-later
"""Attendees of a meeting, with the tokens by which they join.

https://docs.aws.amazon.com/chime-sdk/latest/APIReference/API_meeting-chime_CreateAttendee.html
"""

from __future__ import annotations

import uuid
from typing import Any

from rehearsal.canary import make_secret
from rehearsal.cloud.chime.model import Meeting
from rehearsal.cloud.chime.refusals import bad_request, not_found, over_quota
from rehearsal.cloud.operations import Call

ATTENDEES_MAX = 250
ALL_CAPABILITIES = {"Audio": "SendReceive", "Video": "SendReceive", "Content": "SendReceive"}
RESERVED = "aws:"


def create(call: Call, meeting: Meeting) -> dict[str, Any]:
    if call.get("ExternalUserId").lower().startswith(RESERVED):
        raise bad_request(call, f"ExternalUserId begins with the reserved prefix {RESERVED}")
    check_room(call, meeting, 1)
    return {"Attendee": add(meeting, call.parameters)}


def create_batch(call: Call, meeting: Meeting) -> dict[str, Any]:
    check_room(call, meeting, len(call.get("Attendees")))
    return add_all(meeting, call.get("Attendees"))


def get(call: Call, meeting: Meeting) -> dict[str, Any]:
    return {"Attendee": require(call, meeting)}


def delete(call: Call, meeting: Meeting) -> dict[str, Any]:
    require(call, meeting)
    del meeting.attendees[call.get("AttendeeId").lower()]
    return {}


def update(call: Call, meeting: Meeting) -> dict[str, Any]:
    return {"Attendee": set_capabilities(meeting, require(call, meeting), call.get("Capabilities"))}


def update_others(call: Call, meeting: Meeting) -> dict[str, Any]:
    """Give capabilities to everybody but some."""
    spared = {one["AttendeeId"].lower() for one in call.get("ExcludedAttendeeIds")}
    for attendee_id, attendee in list(meeting.attendees.items()):
        if attendee_id not in spared:
            set_capabilities(meeting, attendee, call.get("Capabilities"))
    return {}


def set_capabilities(meeting: Meeting, attendee: dict[str, Any], wanted: dict[str, str]) -> dict[str, Any]:
    meeting.attendees[attendee["AttendeeId"]] = changed = {**attendee, "Capabilities": wanted}
    return changed


def require(call: Call, meeting: Meeting) -> dict[str, Any]:
    attendee = meeting.attendees.get(call.get("AttendeeId").lower())
    if attendee is None:
        raise not_found(call, f"The attendee {call.get('AttendeeId')} is not found.")
    return attendee


def check_room(call: Call, meeting: Meeting, more: int) -> None:
    """Refuse more attendees than the meeting takes."""
    most = meeting.shown.get("MeetingFeatures", {}).get("Attendee", {}).get("MaxCount", ATTENDEES_MAX)
    if len(meeting.attendees) + more > most:
        raise over_quota(call, f"The meeting takes {most} attendees; it has {len(meeting.attendees)}.")


def add_all(meeting: Meeting, wanted: list[dict[str, Any]]) -> dict[str, Any]:
    """Add those that can be added; the others are told one by one, and the call succeeds."""
    bad = [one for one in wanted if one["ExternalUserId"].lower().startswith(RESERVED)]
    return {
        "Attendees": [add(meeting, one) for one in wanted if one not in bad],
        "Errors": [
            {
                "ExternalUserId": one["ExternalUserId"],
                "ErrorCode": "BadRequest",
                "ErrorMessage": f"ExternalUserId begins with the reserved prefix {RESERVED}",
            }
            for one in bad
        ],
    }


def add(meeting: Meeting, wanted: dict[str, Any]) -> dict[str, Any]:
    """One attendee more; the same external user can be there twice."""
    attendee = {
        "ExternalUserId": wanted["ExternalUserId"],
        "AttendeeId": str(uuid.uuid4()),
        "JoinToken": make_secret(64),
        "Capabilities": wanted.get("Capabilities") or ALL_CAPABILITIES,
    }
    meeting.attendees[attendee["AttendeeId"]] = attendee
    return attendee
