# SPDX-License-Identifier: GPL-3.0-or-later
"""The control route /_rehearsal/chime: knobs, and what there is, so that a judge can count misplaced meetings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rehearsal.cloud.chime.meetings import FAILS, IDLE, stay
from rehearsal.cloud.chime.model import AppInstance, Meeting, Pipeline
from rehearsal.cloud.chime.placement import MEDIA_REGIONS
from rehearsal.cloud.chime.state import QUOTA_CODES, Chime
from rehearsal.cloud.control import ControlError


class Control:
    """GET tells; POST sets any of the knobs and tells."""

    def __init__(self, chime: Chime, settle: Callable[[], None]) -> None:
        self._chime, self._settle = chime, settle
        self._setters = {
            "media_regions": self._set_media_regions,
            "quotas": self._set_quotas,
            "requests_per_second": self._set_rate,
            "idle_s": self._set_idle,
            "joined": self._join,
            "page_max": self._set_page_max,
        }

    def answer(self, method: str, body: Any, query: dict[str, str]) -> dict[str, Any]:
        wanted = body or {}
        unknown = sorted(set(wanted) - set(self._setters))
        if unknown:
            raise ControlError(f"Chime settings {', '.join(unknown)}; expected {', '.join(sorted(self._setters))}.")
        with self._chime.world.lock:
            if method == "POST":
                for name, value in wanted.items():
                    self._setters[name](value)
            self._settle()
            return self._tell()

    def _tell(self) -> dict[str, Any]:
        chime = self._chime
        return {
            "media_regions": chime.media_faults,
            "requests_per_second": chime.rate.per_second,
            "idle_s": chime.world.durations[IDLE],
            "page_max": chime.page_max,
            "meetings": [row(meeting) for region in chime.meetings.values() for meeting in region.values()],
            "app_instances": [app_instance_row(one) for of in chime.app_instances.values() for one in of.values()],
            "pipelines": [pipeline_row(one) for of in chime.pipelines.values() for one in of.values()],
        }

    def _set_media_regions(self, wanted: dict[str, str | None]) -> None:
        """A region to "fails", to the region in which its meetings come up instead, or to null: sound again."""
        places = {name for pair in wanted.items() for name in pair} - {FAILS, None}
        if places - MEDIA_REGIONS:
            raise ControlError(f"{', '.join(sorted(places - MEDIA_REGIONS))}: expected media regions, {FAILS} or null.")
        for region, fault in wanted.items():
            self._chime.media_faults.pop(region, None)
            if fault is not None:
                self._chime.media_faults[region] = fault

    def _set_quotas(self, wanted: dict[str, dict[str, int]]) -> None:
        """{"meetings": {"eu-central-1": 3}}; Service Quotas shows and raises the same ones."""
        if set(wanted) - set(QUOTA_CODES):
            raise ControlError(
                f"Quotas {', '.join(sorted(wanted))}; expected {', '.join(QUOTA_CODES)}, each by region."
            )
        for kind, by_region in wanted.items():
            for region, value in by_region.items():
                self._chime.set_quota(kind, region, int(value))

    def _set_rate(self, wanted: float | None) -> None:
        """Requests a second of each operation in a region (AWS: 10); null for no limit."""
        self._chime.rate.per_second = None if wanted is None else float(wanted)

    def _set_idle(self, wanted: float) -> None:
        """AWS seconds after which a meeting without anybody ends; for those begun or joined from now on."""
        self._chime.world.durations[IDLE] = float(wanted)

    def _set_page_max(self, wanted: int) -> None:
        """The most that any listing gives at once, so that two of a kind make two pages."""
        self._chime.page_max = max(1, int(wanted))

    def _join(self, meeting_id: str) -> None:
        """Somebody's audio is connected: the meeting stays for another idle time."""
        for region in list(self._chime.meetings):
            meeting = self._chime.find_meeting(region, meeting_id)
            if meeting is not None:
                return stay(self._chime, meeting)
        raise ControlError(f"No meeting {meeting_id} is in progress.")


def app_instance_row(instance: AppInstance) -> dict[str, Any]:
    state = "deleted" if instance.gone() else "deleting" if instance.deletion else "there"
    return {
        "arn": instance.arn,
        "name": instance.name,
        "state": state,
        "users": len(instance.users),
        "admins": len(instance.admins),
        "retention_days": instance.retention_days,
        "streams": instance.streams,
    }


def pipeline_row(pipeline: Pipeline) -> dict[str, Any]:
    return {
        "id": pipeline.id,
        "region": pipeline.region,
        "meeting": pipeline.meeting.id,
        "sink": pipeline.sink_arn,
        "status": pipeline.status(),
        "keys": pipeline.keys or [],
        "fault": pipeline.fault,
    }


def row(meeting: Meeting) -> dict[str, Any]:
    """A meeting as the judge sees it; `hosts_region` differs from `media_region` in a misplaced one."""
    return {
        "id": meeting.id,
        "external_id": meeting.shown["ExternalMeetingId"],
        "control_region": meeting.control_region,
        "media_region": meeting.media_region,
        "hosts_region": meeting.hosts_region,
        "misplaced": meeting.hosts_region != meeting.media_region,
        "live": meeting.live(),
        "ended_by": meeting.ended_by(),
        "created": meeting.created.timestamp(),
        "ended": meeting.ended_at(),
        "attendees": len(meeting.attendees),
        "transcription": meeting.transcription,
    }
