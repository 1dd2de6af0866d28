# SPDX-License-Identifier: GPL-3.0-or-later
"""One write and one read as a sensible client does them.

An answer means one of three things: done, not done (try again), or unknown. A composition has no idempotency key, so
after an unknown outcome the client first looks for its own marker, and only writes again when it is not there.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field

import aiohttp

from rehearsal.traffic.address import UNRESOLVED, PublicName
from rehearsal.traffic.history import History

API = "/ehrbase/rest/openehr/v1"
# A patient's device keeps a record until it is accepted; the rehearsal does not wait for ever.
GIVE_UP_S = 300.0
# What the application asks for in Retry-After. Who is refused again and again asks less and less often: a record waits
# on the device, and a thousand of them must not hold up the side that is just coming up.
RETRY_S, RETRY_GROWTH, RETRY_S_MAX = 1.0, 1.5, 5.0
# A second look after an unknown outcome comes late enough for a commit that was still under way.
LOOK_AGAIN_S = 1.0
NOT_DONE = (503, 429)
NETWORK = (aiohttp.ClientError, asyncio.TimeoutError, OSError, *UNRESOLVED)
# The connection was never made: nothing can have been written.
NEVER_SENT = (aiohttp.ClientConnectorError, *UNRESOLVED)


def retry_after(tries: int) -> float:
    """Seconds until the next try, after so many before the one that was just refused."""
    return min(RETRY_S * RETRY_GROWTH**tries, RETRY_S_MAX)


@dataclass
class Known:
    """A composition that was acknowledged."""

    ehr: str
    uid: str
    since: float
    busy: bool = False

    @property
    def object_id(self) -> str:
        return self.uid.split("::")[0]


@dataclass
class Patients:
    """The clients' view of their records. Each patient lives at one of the places from which the name is asked."""

    names: Sequence[PublicName]
    base: str
    history: History
    ehrs: list[str]
    known: list[Known] = field(default_factory=list)
    random: random.Random = field(default_factory=random.Random)
    patience_s: float = GIVE_UP_S

    def __post_init__(self) -> None:
        self._homes = {ehr: self.names[number % len(self.names)] for number, ehr in enumerate(self.ehrs)}

    async def session(self, ehr: str) -> aiohttp.ClientSession:
        """As the name is answered where this patient lives."""
        return await self._homes[ehr].session()

    async def enrol(self) -> None:
        """An EHR for each patient. Its identifier is the client's own: asking again makes no second one."""
        for ehr in self.ehrs:
            started, tries = time.time(), 0
            while refusal := await self._refusal_of(ehr):
                if time.time() - started > self.patience_s:
                    raise RuntimeError(f"The EHR of a test patient was refused for {self.patience_s:.0f} s: {refusal}")
                tries = await self._wait(tries)

    async def _wait(self, tries: int) -> int:
        """Wait after a try that came to nothing, and count it."""
        await asyncio.sleep(retry_after(tries) * self.random.uniform(0.8, 1.2))
        return tries + 1

    async def _refusal_of(self, ehr: str) -> str:
        """Empty when the EHR is there; what came instead, where another try can help."""
        try:
            session = await self.session(ehr)
            async with session.put(f"{self.base}{API}/ehr/{ehr}") as answer:
                if answer.status in (201, 204, 409):
                    return ""
                told = f"{answer.status} {await answer.text()}"
        except NETWORK as problem:
            return type(problem).__name__
        if answer.status not in NOT_DONE:
            raise RuntimeError(f"The EHR of a test patient was refused: {told}")
        return told

    async def write(self) -> None:
        """Create a composition, or follow up one in five times on one that exists, until it is acknowledged."""
        follow = self._pick_for_update() if self.random.random() < 0.2 else None
        ehr = follow.ehr if follow else self.random.choice(self.ehrs)
        marker = uuid.uuid4().hex
        started, tries = time.time(), 0
        try:
            while time.time() - started < self.patience_s:
                uid = await self._try_write(ehr, marker, follow)
                if uid:
                    self._remember(ehr, uid, follow)
                    self.history.acknowledge(ehr, uid, marker, started)
                    return
                tries = await self._wait(tries)
            self.history.count("writes_failed")
        finally:
            if follow:
                follow.busy = False

    def _pick_for_update(self) -> Known | None:
        choice = self.random.choice(self.known) if self.known else None
        if choice is None or choice.busy:
            return None
        choice.busy = True
        return choice

    def _remember(self, ehr: str, uid: str, follow: Known | None) -> None:
        if follow:
            follow.uid = uid
        else:
            self.known.append(Known(ehr, uid, time.time()))

    async def _try_write(self, ehr: str, marker: str, follow: Known | None) -> str | None:
        """The version uid when it is done; None when it is certain that it is not."""
        try:
            session = await self.session(ehr)
            async with self._send(session, ehr, marker, follow) as answer:
                if answer.status in (200, 201):
                    return answer.headers["ETag"].strip('"')
                if answer.status in NOT_DONE:
                    self.history.count("writes_refused")
                    return None
                outcome = f"http {answer.status}"
        except NEVER_SENT:
            self.history.count("writes_refused")
            return None
        except NETWORK as problem:
            outcome = type(problem).__name__
        self.history.event("write_unknown", outcome=outcome)
        return await self._look_for(ehr, marker)

    def _send(self, session: aiohttp.ClientSession, ehr: str, marker: str, follow: Known | None):
        body = json.dumps({"marker": marker, "name": "encounter", "note": "x" * 400}).encode()
        headers = {"Content-Type": "application/json"}
        if follow is None:
            return session.post(f"{self.base}{API}/ehr/{ehr}/composition", data=body, headers=headers)
        url = f"{self.base}{API}/ehr/{ehr}/composition/{follow.object_id}"
        return session.put(url, data=body, headers={**headers, "If-Match": f'"{follow.uid}"'})

    async def _look_for(self, ehr: str, marker: str) -> str | None:
        """Ask for the marker until somebody answers; twice, because a commit may still be under way."""
        absent = 0
        for _ in range(int(self.patience_s / LOOK_AGAIN_S)):
            await asyncio.sleep(LOOK_AGAIN_S)
            try:
                session = await self.session(ehr)
                query = {"q": f"SELECT c/uid/value FROM EHR e CONTAINS COMPOSITION c WHERE c/marker = '{marker}'"}
                async with session.post(f"{self.base}{API}/query/aql", json=query) as answer:
                    if answer.status != 200:
                        continue
                    rows = (await answer.json())["rows"]
            except NETWORK:
                continue
            if rows:
                return str(rows[0][0])
            absent += 1
            if absent == 2:
                return None
        return None

    async def read(self) -> None:
        """Read an acknowledged composition until it is there; what is absent is counted and asked for again."""
        record = self.random.choice(self.known) if self.known else None
        if record is None:
            return
        started, tries = time.time(), 0
        while time.time() - started < self.patience_s:
            status = await self._try_read(record)
            if status == 200:
                self.history.read()
                return
            if status in (404, 410):
                self.history.event("read_absent", uid=record.uid)
                self.history.count("reads_missing")
            else:
                self.history.count("reads_refused")
            tries = await self._wait(tries)
        self.history.count("reads_failed")

    async def _try_read(self, record: Known) -> int:
        try:
            session = await self.session(record.ehr)
            async with session.get(f"{self.base}{API}/ehr/{record.ehr}/composition/{record.object_id}") as answer:
                await answer.read()
                return answer.status
        except NETWORK:
            return 0
