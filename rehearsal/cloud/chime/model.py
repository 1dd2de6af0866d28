# SPDX-License-Identifier: GPL-3.0-or-later
"""What Chime holds: meetings, app instances, capture pipelines; states are read off the clock."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from rehearsal.cloud.clock import Timed

Tags = dict[str, str]


@dataclass
class Meeting:
    """A meeting of one control region; `hosts_region` is where its media hosts really are."""

    id: str
    arn: str
    control_region: str
    media_region: str
    hosts_region: str
    shown: dict[str, Any]
    created: datetime
    idle: Timed
    longest: Timed
    primary: Meeting | None = None
    tags: Tags = field(default_factory=dict)
    attendees: dict[str, dict[str, Any]] = field(default_factory=dict)
    transcription: dict[str, Any] | None = None
    deleted: bool = False

    def ended_by(self) -> str | None:
        """What has ended the meeting; a replica ends with its primary meeting."""
        if self.deleted:
            return "deleted"
        if self.longest.done():
            return "longest"
        if self.primary is not None:
            return self.primary.ended_by() and "primary"
        return "idle" if self.idle.done() else None

    def live(self) -> bool:
        return self.ended_by() is None
