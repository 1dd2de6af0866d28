# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A client that commits a row many times a second, and what its history says: the longest silence, and what was lost.

Loss is set arithmetic: lost is a row whose commit was acknowledged and that is not there. A row whose commit was never
answered may be there or not.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.medzen.multiregion.plugins.module_utils.errors import MultiregionError
from ansible_collections.medzen.multiregion.plugins.module_utils.postgresql import describe_errors

SCHEMA = "medzen_drill"
PREPARE = (
    f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}",
    f"CREATE TABLE IF NOT EXISTS {SCHEMA}.commits (n bigint PRIMARY KEY, at timestamptz NOT NULL)",
    f"TRUNCATE {SCHEMA}.commits",
)
COMMIT = f"INSERT INTO {SCHEMA}.commits VALUES (%s, clock_timestamp())"
PRESENT = f"SELECT n FROM {SCHEMA}.commits"


@dataclass
class History:
    """What the client saw. Moments are seconds of one monotonic clock."""

    acknowledged: list[tuple[int, float]] = field(default_factory=list)
    failures: int = 0
    last_failure: str = ""

    def since(self, moment: float) -> int:
        """How many commits were acknowledged after a moment."""
        return sum(at > moment for _number, at in self.acknowledged)


def longest_silence(moments: Iterable[float], since: float) -> tuple[float, float] | None:
    """Begin and end of the longest time between two acknowledgements, of those that end after `since`; None without."""
    ordered = sorted(moments)
    gaps = [(begin, end) for begin, end in zip(ordered, ordered[1:], strict=False) if end > since]
    return max(gaps, key=lambda gap: gap[1] - gap[0], default=None)


def find_lost(acknowledged: Iterable[int], present: Iterable[int]) -> list[int]:
    """The acknowledged numbers that are not there, in order."""
    return sorted(set(acknowledged) - set(present))


class Client(threading.Thread):
    """Commits one row after the other until it is told to end, over a new connection after each failure."""

    def __init__(
        self,
        connect: Callable[[], Any],
        interval_s: float,
        clock: Callable[[], float] = time.monotonic,
    ):
        super().__init__(daemon=True)
        self.history = History()
        self._connect, self._interval_s, self._clock = connect, interval_s, clock
        self._connection: Any = None
        self._ended = threading.Event()

    def run(self) -> None:
        number = 0
        while not self._ended.wait(self._interval_s):
            # A number is never used again: whether its row is there after a failure is not known.
            number += 1
            self.commit(number)
        self._drop()

    def commit(self, number: int) -> None:
        try:
            with describe_errors("commit a row"):
                self._connection = self._connection or self._connect()
                self._connection.execute(COMMIT, (number,))
        except MultiregionError as error:
            self.history.failures += 1
            self.history.last_failure = error.message
            self._drop()
            return
        self.history.acknowledged.append((number, self._clock()))

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(Exception):
                connection.close()

    def end(self, timeout_s: float) -> None:
        self._ended.set()
        self.join(timeout_s)


def judge(history: History, present: Iterable[int], since: float) -> dict:
    """The numbers of a failover that was asked for at `since`."""
    silence = longest_silence((at for _number, at in history.acknowledged), since)
    lost = find_lost((number for number, _at in history.acknowledged), present)
    return {
        "outage_s": round(silence[1] - silence[0], 3) if silence else None,
        "acknowledged": len(history.acknowledged),
        "failures": history.failures,
        "lost": len(lost),
        "lost_rows": lost[:10],
        "last_failure": history.last_failure,
    }
