# SPDX-License-Identifier: GPL-3.0-or-later
"""The verdict of a rehearsal in numbers. Pure: takes what was measured, gives summary.json's content.

Every reason to fail is a sentence. A number that could not be measured is null and is itself a reason.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from rehearsal.critical_path import Link, total_s
from rehearsal.gaps import longest_gap, write_pause
from rehearsal.judge import Verdict
from rehearsal.judge_visits import Assistant, Visits


@dataclass(frozen=True)
class PlaybookRow:
    """One run of one playbook, as the terminal, Ansible and the ledger saw it."""

    name: str
    wall_s: float
    ok: int
    changed: int
    failed: int
    aws_calls: int
    write_calls: int
    record_calls: int
    exit_code: int
    started: float = 0.0

    @property
    def ended(self) -> float:
        return self.started + self.wall_s

    def public(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Traffic:
    """What the clients saw: moments of success and refusal in seconds, totals by kind."""

    accepted: list[float]
    refused: list[float]
    read: list[float]
    totals: dict[str, int]


@dataclass(frozen=True)
class Measured:
    """Everything that a summary is made of."""

    time_scale: float
    database_seed: str
    verdict: Verdict | None
    traffic: Traffic
    playbooks: list[PlaybookRow]
    second_run: list[PlaybookRow]
    check_run: list[PlaybookRow]
    validation: list[PlaybookRow]
    links: list[Link]
    promote_s: float
    lost_moments: list[float] = field(default_factory=list)
    load: tuple[float, float, float] = (0.0, 0.0, 0.0)
    notes: tuple[str, ...] = ()
    # None where the plan has none.
    visits: Visits | None = None
    assistant: Assistant | None = None


def summarise(measured: Measured) -> dict[str, Any]:
    """summary.json."""
    figures = _figures(measured)
    reasons = _reasons(measured, figures)
    return {
        "verdict": "fail" if reasons else "pass",
        "reasons": reasons,
        "database_seed": measured.database_seed,
        "time_scale": measured.time_scale,
        **figures,
        "visits": measured.visits.public() if measured.visits else None,
        "assistant": measured.assistant.public() if measured.assistant else None,
        "playbooks": [row.public() for row in measured.playbooks],
        "second_run": [row.public() for row in measured.second_run],
        "check_run": [row.public() for row in measured.check_run],
        "validation": [row.public() for row in measured.validation],
        "critical_path": [asdict(link) for link in measured.links],
        "load_average": list(measured.load),
        "notes": list(measured.notes),
    }


def _figures(measured: Measured) -> dict[str, Any]:
    traffic, verdict = measured.traffic, measured.verdict
    # Silence at the end counts: a side that never came back has no short gap.
    end = max((*traffic.accepted, *traffic.refused, *traffic.read), default=None)
    write_gap, read_gap = longest_gap(traffic.accepted, end), longest_gap(traffic.read, end)
    pause = write_pause(traffic.accepted, traffic.refused)
    wall_s, path_s = sum(row.wall_s for row in measured.playbooks), total_s(measured.links)
    return {
        "acknowledged_writes": verdict.acknowledged_writes if verdict else None,
        "lost_writes": verdict.lost_writes + verdict.lost_seeded if verdict else None,
        "duplicate_writes": verdict.duplicate_writes if verdict else None,
        "recovered_writes": verdict.recovered_writes if verdict else None,
        "failed_writes": traffic.totals.get("writes_failed", 0),
        "refused_writes": traffic.totals.get("writes_refused", 0),
        "failed_reads": traffic.totals.get("reads_failed", 0) + traffic.totals.get("reads_missing", 0),
        "refused_reads": traffic.totals.get("reads_refused", 0),
        "reads": traffic.totals.get("reads_ok", 0),
        "longest_write_gap_s": _seconds(write_gap),
        "write_pause_s": _seconds(pause) or 0.0,
        "promote_s": round(measured.promote_s, 3),
        "write_pause_without_promote_s": round(max(0.0, (_seconds(pause) or 0.0) - measured.promote_s), 3),
        "longest_read_gap_s": _seconds(read_gap),
        "rpo_s": _rpo_s(measured),
        "rto_s": _seconds(write_gap),
        "wall_s": round(wall_s, 1),
        "critical_path_s": path_s,
        "critical_path_ratio": round(wall_s / path_s, 2) if path_s else None,
    }


def _seconds(gap: Any) -> float | None:
    return round(gap.seconds, 3) if gap else None


def _rpo_s(measured: Measured) -> float | None:
    """How far back the oldest lost record lies behind the newest acknowledged one; 0 when none is lost."""
    if measured.verdict is None or not measured.traffic.accepted:
        return None
    if not measured.lost_moments:
        return 0.0 if not measured.verdict.lost_writes else None
    return round(max(measured.traffic.accepted) - min(measured.lost_moments), 3)


def _reasons(measured: Measured, figures: dict[str, Any]) -> list[str]:
    reasons = list(measured.verdict.reasons) if measured.verdict else ["the new primary could not be judged"]
    for count, text in (
        (figures["failed_writes"], "writes were given up by their client"),
        (figures["failed_reads"], "reads failed or missed an acknowledged record"),
    ):
        if count:
            reasons.append(f"{count} {text}")
    reasons += [reason for part in (measured.visits, measured.assistant) if part for reason in part.reasons]
    reasons += [
        f"{row.name} ended with exit code {row.exit_code}"
        for row in (*measured.playbooks, *measured.validation)
        if row.exit_code
    ]
    for title, rows in (("second run", measured.second_run), ("check run", measured.check_run)):
        reasons += [f"{row.name}: the {title} ended with {row.exit_code}" for row in rows if row.exit_code]
        reasons += [f"{row.name}: the {title} made {row.write_calls} write calls" for row in rows if row.write_calls]
    return reasons
