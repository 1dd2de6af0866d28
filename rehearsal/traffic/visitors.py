# SPDX-License-Identifier: GPL-3.0-or-later
"""Video visits and questions to the assistant, as the application's clients make them.

A visit is asked for by its appointment, and asking again gives the same meeting: a client tries until it has one. A
question has no effect, so it is asked again as well. What came of each stands in events.jsonl; no join token and no
answer does.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from rehearsal.traffic.address import PublicName
from rehearsal.traffic.history import History
from rehearsal.traffic.patients import NETWORK, RETRY_S

# Shorter than a patient keeps a record: nobody sits before a black screen for minutes.
GIVE_UP_S = 60.0
# Seconds of this machine.
VISIT_S = (1.0, 4.0)
QUESTION = {"message": "When does the clinic open?", "language": "en"}


@dataclass
class Visitors:
    """Clients of one of the application's APIs."""

    name: PublicName
    base: str
    history: History
    stop: asyncio.Event
    random: random.Random = field(default_factory=random.Random)
    patience_s: float = GIVE_UP_S

    async def visit(self) -> None:
        """Begin a visit, stay a while, end it."""
        appointment = f"visit-{uuid.UUID(int=self.random.getrandbits(128), version=4)}"
        self.history.event("visit_asked")
        body = await self._until("visit", lambda: self._send("POST", "/meetings", {"appointmentId": appointment}), 201)
        if body is None:
            return
        meeting = body["meeting"]
        told = {"meeting": meeting["MeetingId"], "control_region": meeting["MeetingArn"].split(":")[3]}
        self.history.event("visit_started", **told, media_region=meeting["MediaRegion"])
        await self._stay()
        path = f"/meetings/{meeting['MeetingId']}"
        ended = await self._until("visit_end", lambda: self._send("DELETE", path), 200, 404)
        if ended is not None:
            self.history.event("visit_ended", meeting=meeting["MeetingId"], known="ended" in ended)

    async def ask(self) -> None:
        """One question."""
        self.history.event("question_asked")
        body = await self._until("question", lambda: self._send("POST", "/ai/chat", QUESTION), 200)
        if body is not None:
            self.history.event("question_answered", asked_by=body["region"], model=body["model"])

    async def _stay(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.stop.wait(), self.random.uniform(*VISIT_S))

    async def _until(
        self, what: str, send: Callable[[], Awaitable[tuple[int, Any]]], *wanted: int
    ) -> dict[str, Any] | None:
        """The answer with a wanted status; None when patience, or the rehearsal, is at its end."""
        started = time.time()
        while True:
            status, body = await send()
            if status in wanted:
                return dict(body)
            self.history.event(f"{what}_refused", status=status)
            if time.time() - started > self.patience_s or self.stop.is_set():
                self.history.event(f"{what}_failed", status=status)
                return None
            await asyncio.sleep(RETRY_S * self.random.uniform(0.8, 1.2))

    async def _send(self, method: str, path: str, body: dict[str, str] | None = None) -> tuple[int, Any]:
        """Status and content; 0 where nobody answered."""
        try:
            session = await self.name.session()
            async with session.request(method, f"{self.base}{path}", json=body) as answer:
                return answer.status, await answer.json(content_type=None) if answer.status < 500 else {}
        except (*NETWORK, ValueError, aiohttp.ClientPayloadError):
            return 0, {}
