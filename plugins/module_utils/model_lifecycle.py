# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a foundation model lasts, judged from the dates that Bedrock gives. The clock is passed in.

A model without an end date is not one without an end: Bedrock announces the end six months ahead, and a botocore
before 1.43 does not hand the dates on. So a missing date is `unknown`, and a warning.
Source: docs.aws.amazon.com/bedrock/latest/userguide/model-lifecycle.html; botocore's model of bedrock, 1.44.5.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

OK, WARN, FAIL, UNKNOWN = "ok", "warn", "fail", "unknown"
END_OF_LIFE, END_NEAR = "end_of_life", "end_of_life_near"
END_UNKNOWN, LEGACY, EXTENDED = "end_of_life_unknown", "legacy", "extended_access"
ACTIVE_STATUS = "ACTIVE"


@dataclass(frozen=True)
class Lifecycle:
    """`days_left` are whole days until the end, negative after it, None when there is no date."""

    status: str | None
    legacy: datetime | None
    extended_access: datetime | None
    eol: datetime | None
    days_left: int | None
    verdict: str
    reasons: tuple[str, ...]


def judge_lifecycle(lifecycle: Mapping | None, now: datetime, within_days: int) -> Lifecycle:
    """`lifecycle` is C(modelLifecycle) of a model as botocore returns it."""
    given = lifecycle or {}
    legacy, extended, eol = (
        in_utc(given.get(key)) for key in ("legacyTime", "publicExtendedAccessTime", "endOfLifeTime")
    )
    status, days_left = given.get("status"), count_days(now, eol)
    verdict, reasons = judge_end(days_left, eol, now, within_days)
    if verdict != FAIL and (status not in (None, ACTIVE_STATUS) or is_past(legacy, now)):
        verdict, reasons = WARN if verdict == OK else verdict, (*reasons, LEGACY)
    if verdict != FAIL and is_past(extended, now):
        verdict, reasons = WARN if verdict == OK else verdict, (*reasons, EXTENDED)
    return Lifecycle(status, legacy, extended, eol, days_left, verdict, reasons)


def judge_end(days_left: int | None, eol: datetime | None, now: datetime, within_days: int) -> tuple[str, tuple]:
    if days_left is None:
        return UNKNOWN, (END_UNKNOWN,)
    if is_past(eol, now):
        return FAIL, (END_OF_LIFE,)
    return (WARN, (END_NEAR,)) if days_left < within_days else (OK, ())


def count_days(now: datetime, end: datetime | None) -> int | None:
    return None if end is None else (end - now).days


def is_past(moment: datetime | None, now: datetime) -> bool:
    return moment is not None and moment <= now


def in_utc(moment: datetime | None) -> datetime | None:
    """A time without a zone is UTC, as all of Bedrock's are."""
    if moment is None or moment.tzinfo is not None:
        return moment
    return moment.replace(tzinfo=UTC)


def shown(lifecycle: Lifecycle) -> dict:
    def text(moment: datetime | None) -> str | None:
        return moment.isoformat() if moment else None

    return {
        "status": lifecycle.status,
        "legacy": text(lifecycle.legacy),
        "extended_access": text(lifecycle.extended_access),
        "eol": text(lifecycle.eol),
        "days_left": lifecycle.days_left,
        "verdict": lifecycle.verdict,
    }
