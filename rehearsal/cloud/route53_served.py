# SPDX-License-Identifier: GPL-3.0-or-later
"""What each name server of a zone serves at a moment: a change reaches them one after the other, then it is INSYNC."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rehearsal.cloud.clock import Timed
from rehearsal.settings import NAME_SERVERS

# Parts of the time to INSYNC after which the servers, in their order, have a change: nobody in the first half, and
# the last one early enough to be proved before the end.
PARTS = (0.6, 0.7, 0.8, 0.9)


@dataclass(frozen=True)
class Version:
    """The record sets of a zone after a change, and the moment at which each server takes them over."""

    record_sets: list[dict[str, Any]]
    moments: tuple[float, ...]


def take_over_moments(timed: Timed, before: tuple[float, ...] = ()) -> tuple[float, ...]:
    """Moments for the servers in order; none goes back behind an earlier change."""
    moments = [timed.start + (timed.end - timed.start) * part for part in PARTS]
    return tuple(max(pair) for pair in zip(moments, before or moments, strict=True))


class Served:
    """Versions of every zone, oldest first."""

    def __init__(self) -> None:
        self._versions: dict[str, list[Version]] = {}
        # Changes on their way, and up to when the dns process has said that it serves what was due.
        self._travelling: list[Timed] = []
        self._proved_until: float | None = None

    @property
    def travelling(self) -> bool:
        return bool(self._travelling)

    def add(self, zone_id: str, record_sets: list[dict[str, Any]], timed: Timed) -> None:
        """Send a new version on its way; its time is not over before every server is known to have it."""
        versions = self._versions.setdefault(zone_id, [])
        before = versions[-1].moments if versions else ()
        versions.append(Version(record_sets, take_over_moments(timed, before)))
        last = max(versions[-1].moments)
        timed.attach(lambda: self.is_proved(last))
        self._travelling.append(timed)

    def is_proved(self, moment: float) -> bool:
        """Whether the name servers serve all that was due by then; without a dns process there is nobody to ask."""
        return self._proved_until is None or self._proved_until >= moment

    def prove(self, now: float) -> None:
        """Take the word of the dns process that it serves all that is due now."""
        self._proved_until = now
        self._travelling = [timed for timed in self._travelling if not timed.done()]

    def forget(self, zone_id: str) -> None:
        self._versions.pop(zone_id, None)

    def views(self, zone_id: str, now: float) -> list[list[dict[str, Any]]]:
        """Record sets by server; empty for a server that does not know the zone yet."""
        self._prune(zone_id, now)
        return [self._view(zone_id, server, now) for server in range(len(NAME_SERVERS))]

    def _view(self, zone_id: str, server: int, now: float) -> list[dict[str, Any]]:
        taken = [version for version in self._versions.get(zone_id, []) if version.moments[server] <= now]
        return taken[-1].record_sets if taken else []

    def _prune(self, zone_id: str, now: float) -> None:
        """Drop what no server serves any more."""
        versions = self._versions.get(zone_id, [])
        while len(versions) > 1 and max(versions[1].moments) <= now:
            versions.pop(0)
