# SPDX-License-Identifier: GPL-3.0-or-later
"""One target group at work: its probes, and the choice of a target for a request."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterable

from rehearsal.edge.health import HEALTHY, TargetHealth, probe
from rehearsal.edge.model import Target, TargetGroup

COOKIE = "AWSALB"


class Pool:
    """Targets of one group with their health; it outlives changes of the group's description."""

    def __init__(self, group: TargetGroup) -> None:
        self.group = group
        self.health: dict[str, TargetHealth] = {}
        self._probes: dict[str, asyncio.Task] = {}
        self._turn = 0

    def update(self, group: TargetGroup, scale: float) -> None:
        """Take a new description: probe targets that came, forget those that went."""
        self.group = group
        self._scale = scale
        # A draining target is probed no longer.
        wanted = {target.key: target for target in group.targets if not target.draining}
        for key in set(self._probes) - set(wanted):
            self._probes.pop(key).cancel()
            self.health.pop(key, None)
        for key in set(wanted) - set(self._probes):
            self.health[key] = TargetHealth()
            self._probes[key] = asyncio.create_task(self._watch(wanted[key]))

    def close(self) -> None:
        for task in self._probes.values():
            task.cancel()
        self._probes.clear()

    async def _watch(self, target: Target) -> None:
        while True:
            check = self.group.health_check
            failure = await probe(target, check, check.real_timeout_s(self._scale))
            self.health[target.key].add(failure, check)
            await asyncio.sleep(check.real_interval_s(self._scale))

    def choose(self, cookie: str = "") -> Target | None:
        """The client's own target while it may have requests, else the next one in turn; None without targets."""
        ready = choose_ready(self.group.targets, {key for key, one in self.health.items() if one.state == HEALTHY})
        if not ready:
            return None
        if cookie and self.group.sticky_s:
            for target in ready:
                if cookie_of(target) == cookie:
                    return target
        self._turn += 1
        return ready[self._turn % len(ready)]

    def rows(self) -> dict[str, dict[str, str]]:
        return {key: health.row() for key, health in self.health.items()}


def choose_ready(targets: Iterable[Target], healthy: set[str]) -> list[Target]:
    """Healthy targets; when there is none, all that are not leaving (fail open)."""
    staying = [target for target in targets if not target.draining]
    return [target for target in staying if target.key in healthy] or staying


def cookie_of(target: Target) -> str:
    return base64.urlsafe_b64encode(target.key.encode()).decode().rstrip("=")
