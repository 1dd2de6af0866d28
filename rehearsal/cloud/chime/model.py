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
    deleted: datetime | None = None

    def ended_by(self) -> str | None:
        """What has ended the meeting; a replica ends with its primary meeting."""
        if self.deleted is not None:
            return "deleted"
        if self.longest.done():
            return "longest"
        if self.primary is not None:
            return self.primary.ended_by() and "primary"
        return "idle" if self.idle.done() else None

    def ended_at(self) -> float | None:
        """When the meeting ended, in seconds of the world's clock."""
        cause = self.ended_by()
        if cause == "primary" and self.primary is not None:
            return self.primary.ended_at()
        if cause == "deleted" and self.deleted is not None:
            return self.deleted.timestamp()
        return {"longest": self.longest.end, "idle": self.idle.end}.get(cause or "")

    def live(self) -> bool:
        return self.ended_by() is None


@dataclass
class AppInstance:
    """A messaging application of one region; `deletion` runs while it is being deleted."""

    arn: str
    name: str
    metadata: str | None
    created: datetime
    updated: datetime
    tags: Tags = field(default_factory=dict)
    retention_days: int | None = None
    users: dict[str, User] = field(default_factory=dict)
    admins: dict[str, datetime] = field(default_factory=dict)
    streams: list[dict[str, str]] = field(default_factory=list)
    channels: dict[str, Channel] = field(default_factory=dict)
    deletion: Timed | None = None

    def gone(self) -> bool:
        return self.deletion is not None and self.deletion.done()


@dataclass
class User:
    """A user of an app instance, by an identifier that the application chooses."""

    arn: str
    name: str
    metadata: str | None
    created: datetime
    updated: datetime
    expiration: dict[str, Any] | None = None
    tags: Tags = field(default_factory=dict)


@dataclass
class Channel:
    """A channel with the users that are in it; messages are not kept."""

    arn: str
    shown: dict[str, Any]
    members: set[str]
    moderators: set[str]
    tags: Tags = field(default_factory=dict)


@dataclass
class Pipeline:
    """The capture of a meeting into a bucket; `keys` are its recordings once it has stopped."""

    id: str
    arn: str
    region: str
    meeting: Meeting
    sink_arn: str
    shown: dict[str, Any]
    created: datetime
    updated: datetime
    start: Timed
    stop: Timed | None = None
    keys: list[str] | None = None
    fault: str | None = None
    tags: Tags = field(default_factory=dict)

    def status(self) -> str:
        if self.stop is None:
            return "InProgress" if self.start.done() else "Initializing"
        if not self.stop.done():
            return "Stopping"
        return "Stopped" if self.fault is None else "Failed"

    def active(self) -> bool:
        """Whether the pipeline counts towards the quota."""
        return self.status() not in ("Stopped", "Failed")
