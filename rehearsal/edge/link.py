# SPDX-License-Identifier: GPL-3.0-or-later
"""Talk with the cloud: what to balance comes from it, health and counts go to it."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import aiohttp

from rehearsal.edge.listeners import Fleet
from rehearsal.edge.model import read_balancer
from rehearsal.pace import Pace

LOG = logging.getLogger("rehearsal.edge")
REPORT_SECONDS = 0.2
CALL_TIMEOUT = aiohttp.ClientTimeout(total=10)


class Link:
    """Follows one world's control API."""

    def __init__(self, api_url: str, session: aiohttp.ClientSession, fleet: Fleet) -> None:
        self._url = f"{api_url}/_rehearsal/edge"
        self._session = session
        self._fleet = fleet
        self._serial = ""
        self.pace = Pace()
        self._reported: dict[str, Any] = {}

    async def follow(self) -> None:
        """Take over every change, forever."""
        while True:
            try:
                await self.take_changes()
            except (aiohttp.ClientError, TimeoutError) as problem:
                LOG.warning("The cloud does not say what to balance: %s", problem)
            await asyncio.sleep(self.pace.pause())

    async def take_changes(self) -> None:
        """Ask once; an answer without balancers means that nothing changed."""
        async with self._session.get(self._url, params={"serial": self._serial}, timeout=CALL_TIMEOUT) as response:
            response.raise_for_status()
            described = await response.json()
        if "balancers" in described:
            self.pace.note_change()
            balancers = [read_balancer(row) for row in described["balancers"]]
            complete = await self._fleet.apply(balancers, float(described["scale"]))
            # Without its serial the same description comes again, and with it the next try.
            self._serial = described["serial"] if complete else ""

    async def report(self) -> None:
        """Say how the targets are, and what the balancers counted, whenever that changed."""
        while True:
            try:
                await self.report_once()
            except (aiohttp.ClientError, TimeoutError) as problem:
                LOG.warning("The cloud does not take the targets' health: %s", problem)
            await asyncio.sleep(REPORT_SECONDS)

    async def report_once(self) -> None:
        found = self._fleet.report()
        if found == self._reported:
            return
        async with self._session.post(f"{self._url}/health", json=found, timeout=CALL_TIMEOUT) as response:
            response.raise_for_status()
        self._reported = found
