# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a wait is, for whoever watches: one JSON line in the file that the run report follows."""

from __future__ import annotations

import json
import os
import time
from typing import Any

ENVIRONMENT = "MEDZEN_MULTIREGION_PROGRESS"
SILENCE_S_MAX = 30
PERCENT_STEP = 10


class Progress:
    """Reports of one wait: the first one, each ten percent or change of state, and one every 30 seconds."""

    def __init__(self, what: str, *, clock=time.monotonic, now=time.time, path: str | None = None):
        self.what = what
        self._clock, self._now = clock, now
        self._path = path if path is not None else os.environ.get(ENVIRONMENT, "")
        self._start = clock()
        self._first: tuple[float, float] | None = None
        self._spoken: tuple[float, int | None, str] | None = None

    def report(self, percent: float | None = None, eta_s: float | None = None, detail: str = "") -> None:
        """Write a line if there is something to say. Without `eta_s` the rate seen so far gives one."""
        elapsed = self._clock() - self._start
        if percent is not None and self._first is None:
            self._first = (elapsed, percent)
        if eta_s is None:
            eta_s = estimate_eta_s(self._first, elapsed, percent)
        step = None if percent is None else int(percent // PERCENT_STEP)
        if self._is_due(elapsed, step, detail):
            self._spoken = (elapsed, step, detail)
            self._write(percent, elapsed, eta_s, detail)

    def done(self, detail: str = "") -> None:
        """The last line of a wait, written whenever an earlier one was."""
        if self._spoken is not None:
            self._write(100, self._clock() - self._start, 0, detail)

    def _is_due(self, elapsed: float, step: int | None, detail: str) -> bool:
        if self._spoken is None:
            return True
        spoken_at, spoken_step, spoken_detail = self._spoken
        if step is None and detail != spoken_detail:
            return True
        return elapsed - spoken_at >= SILENCE_S_MAX or step != spoken_step

    def _write(self, percent: float | None, elapsed: float, eta_s: float | None, detail: str) -> None:
        if not self._path:
            return
        line: dict[str, Any] = {
            "time": round(self._now(), 3),
            "what": self.what,
            "percent": percent,
            "elapsed_s": round(elapsed, 2),
            "eta_s": None if eta_s is None else round(eta_s, 1),
            "detail": detail,
        }
        # Regions report at the same time: one append per line keeps their lines whole.
        with open(self._path, "a", encoding="utf-8") as stream:
            stream.write(json.dumps(line) + "\n")


def estimate_eta_s(first: tuple[float, float] | None, elapsed: float, percent: float | None) -> float | None:
    """Seconds left at the rate measured since the first percentage; None while there is no rate to measure."""
    if first is None or percent is None:
        return None
    first_elapsed, first_percent = first
    gained, spent = percent - first_percent, elapsed - first_elapsed
    return (100 - percent) * spent / gained if gained > 0 and spent > 0 else None
