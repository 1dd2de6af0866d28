# SPDX-License-Identifier: GPL-3.0-or-later
"""A region that cannot be reached from outside, and that comes back as it was.

Its API, its balancers, the names of its databases and its replication links are gone for everybody else: at once
(`refuse`), or as a black hole that takes a request and never answers (`blackhole`). Inside, everything lives on: tasks
keep their open connections to the database, which is what makes the return of a lost region dangerous.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from rehearsal.cloud.errors import ConnectionDropped
from rehearsal.cloud.operations import Call
from rehearsal.settings import FUNCTION_ACCESS_KEY

MODES = ("refuse", "blackhole")
# Served from many places at once: no region takes them along.
GLOBAL_SERVICES = frozenset({"account", "budgets", "ce", "cloudfront", "iam", "organizations", "route53"})
# Longer than any client waits; a connection that nobody waits for any more must not be held for ever.
HOLD_S_MAX = 180.0


class RegionLost(ConnectionDropped):
    """No call reaches the region."""


class LostRegions:
    """Which regions are lost, and how it feels from outside."""

    def __init__(self) -> None:
        self._back: dict[str, threading.Event] = {}
        self._modes: dict[str, str] = {}
        # Told of every change, with the region and whether it is lost now.
        self.listeners: list[Callable[[str, bool], None]] = []

    def mode(self, region: str) -> str:
        """Empty for a region that is there."""
        return self._modes.get(region, "")

    def lose(self, region: str, mode: str) -> None:
        self._modes[region] = mode
        self._back.setdefault(region, threading.Event())
        self._tell(region, True)

    def regain(self, region: str) -> None:
        self._modes.pop(region, None)
        event = self._back.pop(region, None)
        if event is not None:
            event.set()
        self._tell(region, False)

    def rows(self) -> dict[str, str]:
        return dict(self._modes)

    def meets(self, call: Call) -> bool:
        """Whether a call is lost with its region. Functions call from inside."""
        outside = call.access_key != FUNCTION_ACCESS_KEY
        return bool(self.mode(call.region)) and outside and call.service not in GLOBAL_SERVICES

    def hold(self, region: str) -> None:
        """Keep a caller waiting as long as a black hole does."""
        event = self._back.get(region)
        if self.mode(region) == "blackhole" and event is not None:
            event.wait(HOLD_S_MAX)

    def _tell(self, region: str, lost: bool) -> None:
        for listener in self.listeners:
            listener(region, lost)


def hide_listeners(row: dict[str, Any], mode: str) -> dict[str, Any]:
    """A balancer as the edge is to serve it: without sockets, or with sockets that answer nobody."""
    if not mode:
        return row
    if mode == "refuse":
        return {**row, "listeners": []}
    return {**row, "listeners": [{**one, "actions": [{"type": "blackhole"}]} for one in row["listeners"]]}


def is_database_of(host: str, regions: dict[str, str]) -> bool:
    """Whether a name is that of a database in one of the regions."""
    return any(host.rstrip(".").endswith(f".{region}.rds.amazonaws.com") for region in regions)
