# SPDX-License-Identifier: GPL-3.0-or-later
"""The world's clock: an AWS duration of d seconds takes d / scale, and states are read off it, never set by a timer."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import yaml

DURATIONS_FILE = Path(__file__).parent.parent / "durations.yml"


def load_durations(path: Path = DURATIONS_FILE) -> dict[str, float]:
    """Read AWS seconds by kind of wait."""
    return {kind: float(seconds) for kind, seconds in yaml.safe_load(path.read_text()).items()}


@dataclass
class Timed:
    """A state that lasts from start to end, and longer while real work behind it is unfinished."""

    kind: str
    resource: str
    region: str
    start: float
    end: float
    _now: Callable[[], float]
    _worked: Callable[[], bool] | None = None
    _finished_at: float | None = field(default=None)

    def attach(self, worked: Callable[[], bool]) -> Timed:
        """Keep the state on until `worked()` is true as well (a copy in a worker thread)."""
        self._worked = worked
        return self

    def done(self) -> bool:
        if self._now() < self.end:
            return False
        if self._worked is not None and self._finished_at is None:
            if not self._worked():
                return False
            self._finished_at = self._now()
        return True

    def fraction(self) -> float:
        """Part that has passed, 0 to 1; it stays below 1 until the state is done."""
        if self.done():
            return 1.0
        if self.end <= self.start:
            return 0.99
        return max(0.0, min(0.99, (self._now() - self.start) / (self.end - self.start)))

    def percent(self) -> int:
        return int(self.fraction() * 100)

    def remaining(self) -> float:
        """Real seconds until the end, as far as the clock alone knows."""
        return max(0.0, self.end - self._now())

    def row(self) -> dict[str, object]:
        end = self.end if self._finished_at is None else max(self.end, self._finished_at)
        return {"kind": self.kind, "resource": self.resource, "region": self.region, "start": self.start, "end": end}


class Clock:
    """Real seconds, how AWS seconds map to them, and the list of timed states begun so far."""

    def __init__(self, scale: float, durations: dict[str, float], read: Callable[[], float] = time.time) -> None:
        self.scale = scale
        self.durations = durations
        self.waits: list[Timed] = []
        self._read = read
        self._advanced = 0.0

    def now(self) -> float:
        return self._read() + self._advanced

    def scaled(self, seconds: float) -> float:
        """Real seconds for AWS seconds, at the scale of this moment."""
        return seconds / self.scale

    def set_scale(self, scale: float) -> None:
        """Change the scale of what starts from now on; states already begun keep their end."""
        if not 0 < scale < float("inf"):
            raise ValueError(f"Time scale {scale}; expected a number above 0.")
        self.scale = scale

    def advance(self, seconds: float) -> None:
        """Let AWS seconds pass at once."""
        self._advanced += self.scaled(seconds)

    def start(
        self, kind: str, resource: str, region: str, seconds: float | None = None, *, listed: bool = True
    ) -> Timed:
        """Begin a timed state; its end keeps the scale of now. Without `seconds` the kind's own duration counts.

        What nobody waits for (a key's deletion in 30 days) is not `listed` among the waits.
        """
        lasts = self.durations[kind] if seconds is None else seconds
        start = self.now()
        timed = Timed(kind, resource, region, start, start + self.scaled(lasts), self.now)
        if listed:
            self.waits.append(timed)
        return timed
