# SPDX-License-Identifier: GPL-3.0-or-later
"""Gaps in a row of moments: pure arithmetic on seconds."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass


@dataclass(frozen=True)
class Gap:
    """A stretch without success, from one moment to the next."""

    start: float
    end: float

    @property
    def seconds(self) -> float:
        return self.end - self.start


def longest_gap(moments: list[float], until: float | None = None) -> Gap | None:
    """The longest stretch between neighbours; with `until`, the one after the last counts too."""
    ordered = sorted(moments)
    if until is not None and ordered and until > ordered[-1]:
        ordered.append(until)
    pairs = zip(ordered, ordered[1:], strict=False)
    return max((Gap(one, two) for one, two in pairs), key=lambda gap: gap.seconds, default=None)


def write_pause(accepted: list[float], refused: list[float]) -> Gap | None:
    """From the first refused write to the first accepted one after it, for the longest such stretch.

    A write that is refused while others are accepted is no pause: it starts where nothing is accepted any more.
    """
    accepted = sorted(accepted)
    pauses = []
    for moment in sorted(refused):
        place = bisect_right(accepted, moment)
        if place < len(accepted) and (not pauses or pauses[-1].end != accepted[place]):
            pauses.append(Gap(moment, accepted[place]))
    return max(pauses, key=lambda gap: gap.seconds, default=None)
