# SPDX-License-Identifier: GPL-3.0-or-later
"""Meetings: made, read and ended in their control region and nowhere else; there is no call that lists them.

https://docs.aws.amazon.com/chime-sdk/latest/APIReference/API_meeting-chime_CreateMeeting.html
"""

from __future__ import annotations

import json
import uuid
from typing import Any

from rehearsal.cloud.chime import attendees
from rehearsal.cloud.chime.model import Meeting
from rehearsal.cloud.chime.placement import MEDIA_REGIONS, build_placement, cell
from rehearsal.cloud.chime.refusals import bad_request, forbidden, not_found, over_quota, refusal
from rehearsal.cloud.chime.state import Chime
from rehearsal.cloud.chime.tags import read_tags
from rehearsal.cloud.clock import Timed
from rehearsal.cloud.operations import Call
from rehearsal.cloud.redaction import plain
from rehearsal.settings import ACCOUNT_ID

# Parameters of CreateMeeting that its answer repeats.
REPEATED = ("MeetingHostId", "ExternalMeetingId", "MediaRegion", "MeetingFeatures", "PrimaryMeetingId", "TenantIds")
IDLE, LONGEST, TOKEN = "chime_meeting_idle", "chime_meeting_longest", "chime_token"
FAILS = "fails"


class Meetings:
    """CreateMeeting, with or without attendees, GetMeeting and DeleteMeeting."""

    def __init__(self, chime: Chime) -> None:
        self._chime = chime
        self._tokens: dict[tuple[str, str], tuple[str, dict[str, Any], Timed]] = {}

    def create(self, call: Call) -> dict[str, Any]:
        """A meeting; the same token answers with the meeting that it made, even when that has ended.

        Whether AWS makes a new one then is not documented; "use a different token for different meetings".
        """
        key = (call.region, call.get("ClientRequestToken"))
        made, content = self._tokens.get(key), describe_request(call)
        if made is None or made[2].done():
            result = self._make(call)
            self._tokens[key] = (content, result, self._start(TOKEN, key[1], call.region))
            return result
        if made[0] != content:
            raise refusal(call, "ConflictException", "The client request token was used with other parameters.")
        return made[1]

    def get(self, call: Call) -> dict[str, Any]:
        return {"Meeting": require_meeting(self._chime, call).shown}

    def delete(self, call: Call) -> dict[str, Any]:
        """End a meeting and throw everybody out. One that is not there is refused: the model has NotFoundException."""
        require_meeting(self._chime, call).deleted = self._chime.now()
        return {}

    def _make(self, call: Call) -> dict[str, Any]:
        primary = self._check(call)
        meeting = self._build(call, primary)
        if call.operation == "CreateMeeting":
            self._chime.meetings[call.region][meeting.id] = meeting
            return {"Meeting": meeting.shown}
        attendees.check_room(call, meeting, len(call.get("Attendees")))
        self._chime.meetings[call.region][meeting.id] = meeting
        return {"Meeting": meeting.shown, **attendees.add_all(meeting, call.get("Attendees"))}

    def _check(self, call: Call) -> Meeting | None:
        """Refuse what cannot be made; answers with the primary meeting of a replica."""
        check_media_region(self._chime, call)
        if call.get("ExternalMeetingId").lower().startswith("aws:"):
            raise bad_request(call, "ExternalMeetingId begins with the reserved prefix aws:")
        primary_id = call.get("PrimaryMeetingId")
        primary = self._chime.find_meeting(call.region, primary_id) if primary_id else None
        if primary_id and primary is None:
            raise bad_request(call, f"The primary meeting {primary_id} is not in progress in {call.region}.")
        quota = self._chime.quota("meetings", call.region)
        if len(self._chime.live_meetings(call.region)) >= quota:
            raise over_quota(call, f"{quota} meetings are in progress in {call.region}, as many as the quota allows.")
        return primary

    def _build(self, call: Call, primary: Meeting | None) -> Meeting:
        meeting_id = f"{str(uuid.uuid4())[:-4]}{cell(call.region)}"
        media_region = call.get("MediaRegion")
        hosts_region = self._chime.media_faults.get(media_region, media_region)
        arn = f"arn:aws:chime:{call.region}:{ACCOUNT_ID}:meeting/{meeting_id}"
        shown = {name: call.get(name) for name in REPEATED if call.get(name)}
        shown |= {"MeetingId": meeting_id, "MeetingArn": arn}
        shown["MediaPlacement"] = build_placement(meeting_id, call.region, hosts_region)
        return Meeting(
            meeting_id, arn, call.region, media_region, hosts_region, shown, self._chime.now(),
            idle=self._start(IDLE, meeting_id, call.region), longest=self._start(LONGEST, meeting_id, call.region),
            primary=primary, tags=read_tags(call),
        )  # fmt: skip

    def _start(self, kind: str, name: str, region: str) -> Timed:
        return self._chime.world.clock.start(kind, name, region, listed=False)


def describe_request(call: Call) -> str:
    """The request as text that can be compared."""
    return f"{call.operation} {json.dumps(plain(call.parameters), sort_keys=True)}"


def check_media_region(chime: Chime, call: Call) -> None:
    """Media runs in AWS's list of regions only, and in one that needs opting in once that is done."""
    wanted = call.get("MediaRegion")
    if wanted not in MEDIA_REGIONS:
        raise bad_request(call, f"MediaRegion {wanted} is none of {', '.join(sorted(MEDIA_REGIONS))}")
    if chime.world.regions is not None and not chime.world.regions.enabled(wanted):
        raise forbidden(call, f"The region {wanted} is not enabled for this account.")
    if chime.media_faults.get(wanted) == FAILS:
        raise refusal(call, "ServiceUnavailableException", f"No media capacity is available in {wanted}.")


def require_meeting(chime: Chime, call: Call) -> Meeting:
    """The meeting that a call names; an ended one and one of another control region are equally unknown."""
    meeting = chime.find_meeting(call.region, call.get("MeetingId"))
    if meeting is None:
        raise not_found(call, f"The meeting {call.get('MeetingId')} is not found.")
    return meeting


def stay(chime: Chime, meeting: Meeting) -> None:
    """Somebody is there: the time until the meeting ends by itself begins anew."""
    meeting.idle = chime.world.clock.start(IDLE, meeting.id, meeting.control_region, listed=False)
