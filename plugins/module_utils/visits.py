# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Video visits that are under way, as the audit table tells: AWS has no list of meetings.

A visit begins with a row C(CREATED#<time>) under C(MEETING#<id>) and ends with a row C(ENDED#<time>).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from ansible_collections.medzen.multiregion.plugins.module_utils.dynamodb_items import time_of

CREATED, ENDED, MEETING = "CREATED#", "ENDED#", "MEETING#"


@dataclass(frozen=True)
class Visit:
    """A visit with a first row and no last one."""

    meeting_id: str
    began: datetime

    def as_dict(self) -> dict:
        return {"meeting_id": self.meeting_id, "began": self.began.isoformat()}


@dataclass(frozen=True)
class Rows:
    """What the table says: visits without an end, and rows that cannot be read as what they claim to be."""

    open: tuple[Visit, ...]
    unreadable: tuple[str, ...]


def read_rows(rows: Iterable[Mapping]) -> Rows:
    """Visits without an end, the oldest first. A time that cannot be read makes the visit's age unknown."""
    began: dict[str, datetime] = {}
    ended, unreadable = set(), []
    for row in rows:
        meeting_id, sort = str(row.get("pk", "")).removeprefix(MEETING), str(row.get("sk", ""))
        if sort.startswith(ENDED):
            ended.add(meeting_id)
        elif sort.startswith(CREATED) and (moment := time_of(sort)) is not None:
            began[meeting_id] = min(moment, began.get(meeting_id, moment))
        elif sort.startswith(CREATED):
            unreadable.append(f"{row.get('pk')} {sort}")
    found = [Visit(meeting_id, moment) for meeting_id, moment in began.items() if meeting_id not in ended]
    return Rows(tuple(sorted(found, key=lambda visit: visit.began)), tuple(sorted(unreadable)))


def within(visits: Iterable[Visit], now: datetime, longest_s: float) -> list[Visit]:
    """Those that may still go on: older ones were left by somebody who told nobody."""
    return [visit for visit in visits if (now - visit.began).total_seconds() <= longest_s]


def begun_by(visits: Iterable[Visit], moment: datetime | None) -> tuple[list[Visit], list[Visit]]:
    """Those that a drain waits for, and those that have begun since; without a moment it waits for all."""
    waited = [visit for visit in visits if moment is None or visit.began <= moment]
    return waited, [visit for visit in visits if visit not in waited]
