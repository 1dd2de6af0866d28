# SPDX-License-Identifier: GPL-3.0-or-later
"""State and knobs of Chime in one world; everything is kept by region and known in no other."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

from rehearsal.cloud.chime.model import AppInstance, Meeting, Pipeline
from rehearsal.cloud.chime.pages import PAGE_MAX, take_page
from rehearsal.cloud.chime.refusals import RateLimit
from rehearsal.cloud.operations import Call
from rehearsal.cloud.world_state import World

# What is counted, by its code in Service Quotas: https://docs.aws.amazon.com/general/latest/gr/chime-sdk.html
QUOTA_CODES = {
    "meetings": "L-9F286451",
    "pipelines": "L-7F583998",
    "app_instances": "L-0222B40A",
    "admins": "L-9A7ECB60",
}
PIPELINES_MAX_BY_REGION = {"us-east-1": 100}


class Chime:
    """What the handlers of the four services share."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.rate = RateLimit(world.clock.now)
        self.meetings: dict[str, dict[str, Meeting]] = defaultdict(dict)
        self.app_instances: dict[str, dict[str, AppInstance]] = defaultdict(dict)
        self.pipelines: dict[str, dict[str, Pipeline]] = defaultdict(dict)
        self.page_max = PAGE_MAX
        # Media region to "fails", or to the region in which its meetings come up instead.
        self.media_faults: dict[str, str] = {}
        for region, most in PIPELINES_MAX_BY_REGION.items():
            self.set_quota("pipelines", region, most)

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.world.clock.now(), UTC)

    def quota(self, kind: str, region: str) -> int:
        return int(self.world.quotas.value("chime", QUOTA_CODES[kind], region))

    def set_quota(self, kind: str, region: str, value: int) -> None:
        self.world.quotas.set("chime", QUOTA_CODES[kind], region, float(value))

    def live_meetings(self, region: str) -> list[Meeting]:
        return [meeting for meeting in self.meetings[region].values() if meeting.live()]

    def find_meeting(self, region: str, meeting_id: str) -> Meeting | None:
        """A live meeting of this control region."""
        meeting = self.meetings[region].get(meeting_id.lower())
        return meeting if meeting is not None and meeting.live() else None

    def live_app_instances(self, region: str) -> list[AppInstance]:
        """Those that are there, being deleted or not."""
        return [instance for instance in self.app_instances[region].values() if not instance.gone()]

    def find_app_instance(self, region: str, arn: str) -> AppInstance | None:
        """The app instance of this region that an ARN is, or lies in."""
        instance = self.app_instances[region].get("/".join(arn.split("/")[:2]))
        return instance if instance is not None and not instance.gone() else None

    def page(self, call: Call, member: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
        return take_page(call, member, rows, self.page_max)
