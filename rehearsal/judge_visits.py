# SPDX-License-Identifier: GPL-3.0-or-later
"""The judge of visits and of the assistant: what the clients were told, against what the world holds.

A visit was started when its client got a meeting. It is misplaced when its media is not where it was asked for, and
without an audit row when no table that remains has its row CREATED. Answers are counted from the moment on at which the
assistant had moved: before, the old region answers, and is allowed to. What could not be read is None, never zero.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rehearsal import aws
from rehearsal.api import control
from rehearsal.settings import Settings

CREATED, MEETING = "CREATED#", "MEETING#"
SHOWN_MAX = 10


@dataclass(frozen=True)
class Visits:
    """What came of the visits; `moved` is whether they had been moved at all."""

    started: int
    misplaced: int | None
    without_audit_row: int | None
    failed: int
    moved: bool
    lost: tuple[str, ...] = ()

    def public(self) -> dict[str, Any]:
        names = ("started", "misplaced", "without_audit_row", "failed", "moved")
        return {name: getattr(self, name) for name in names}

    @property
    def reasons(self) -> list[str]:
        failed = self.failed if self.moved else 0
        rows = (
            (self.misplaced, f"{self.misplaced} visits have their media in another region than was asked for"),
            (self.without_audit_row, f"{self.without_audit_row} visits have no audit row in a table that remains"),
            (failed, f"{failed} visits could not be started"),
            (not self.started, "no visit was started, so nothing is proven of them"),
        )
        unknown = self.misplaced is None or self.without_audit_row is None
        return [text for count, text in rows if count] + (["the visits could not be judged"] if unknown else [])


@dataclass(frozen=True)
class Assistant:
    """What came of the questions. `answered_outside_allowed_regions` is None while the assistant has not moved."""

    asked: int
    answered: int
    failed: int
    answered_outside_allowed_regions: int | None
    moved: bool

    def public(self) -> dict[str, Any]:
        names = ("asked", "answered", "failed", "answered_outside_allowed_regions", "moved")
        return {name: getattr(self, name) for name in names}

    @property
    def reasons(self) -> list[str]:
        outside, failed = self.answered_outside_allowed_regions, self.failed if self.moved else 0
        rows = (
            (outside, f"{outside} answers came from regions that are not allowed"),
            (failed, f"{failed} questions were not answered"),
            (self.moved and outside is None, "where the answers came from could not be judged"),
            (not self.answered, "no question was answered, so nothing is proven of the assistant"),
        )
        return [text for count, text in rows if count]


def started_meetings(events: Iterable[Mapping[str, Any]]) -> set[str]:
    return {event["meeting"] for event in events if event["kind"] == "visit_started"}


def compare(
    events: list[dict[str, Any]], meetings: list[dict[str, Any]] | None, rows: set[str] | None, moved: bool
) -> Visits:
    """`meetings` as the control API lists them, `rows` the meetings with a row CREATED."""
    started, kinds = started_meetings(events), Counter(event["kind"] for event in events)
    misplaced = None
    if meetings is not None:
        known = {one["id"]: one["misplaced"] for one in meetings}
        # One that nobody knows of is nowhere, and so not where it was asked for.
        misplaced = sum(1 for meeting in started if known.get(meeting, True))
    lost = sorted(started - rows) if rows is not None else []
    without = len(lost) if rows is not None else None
    return Visits(len(started), misplaced, without, kinds["visit_failed"], moved, tuple(lost[:SHOWN_MAX]))


def count_answers(events: list[dict[str, Any]], outside: int | None, moved: bool) -> Assistant:
    kinds = Counter(event["kind"] for event in events)
    return Assistant(
        kinds["question_asked"],
        kinds["question_answered"],
        kinds["question_failed"],
        outside if moved else None,
        moved,
    )


def read_rows(settings: Settings, table: str, regions: list[str]) -> set[str]:
    """Meetings with a row CREATED in any of these regions."""
    found: set[str] = set()
    for region in regions:
        client = aws.connect(settings, "dynamodb", region)
        pages = client.get_paginator("scan").paginate(TableName=table, ProjectionExpression="pk, sk")
        for page in pages:
            keys = ((item["pk"]["S"], item["sk"]["S"]) for item in page["Items"])
            found |= {pk.removeprefix(MEETING) for pk, sk in keys if sk.startswith(CREATED)}
    return found


def last_answer(settings: Settings) -> int:
    """How many answers there were until now."""
    return int(control(settings, "bedrock/answers")["last"])


def judge_visits(settings: Settings, plan: dict[str, Any], events: list[dict[str, Any]], moved: bool) -> Visits:
    try:
        meetings = control(settings, "chime")["meetings"]
        rows = read_rows(settings, plan["audit_table"], plan["audit_regions"])
    except Exception as problem:  # no verdict is a verdict of its own
        print(f"The judge could not read the visits: {problem}", flush=True)
        return compare(events, None, None, moved)
    return compare(events, meetings, rows, moved)


def judge_assistant(
    settings: Settings, plan: dict[str, Any], events: list[dict[str, Any]], moved: bool, since: int | None
) -> Assistant:
    """`since` is the last answer before the assistant had moved."""
    outside = None
    if moved and since is not None:
        allowed = ",".join(plan["allowed_regions"])
        outside = int(control(settings, f"bedrock/answers?since={since}&allowed={allowed}")["outside"])
    return count_answers(events, outside, moved)


def events_of(lines: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Only what visitors left."""
    return [line for line in lines if line["kind"].startswith(("visit", "question"))]
