# SPDX-License-Identifier: GPL-3.0-or-later
import asyncio
from types import SimpleNamespace

from rehearsal.dns import __main__ as module
from rehearsal.settings import Settings


def test_nothing_is_answered_before_there_are_zones(monkeypatch, tmp_path):
    """Absences are kept: a task that asked for its database too early was without it for half a minute."""
    seen, feeds = [], []

    class Servers:
        def __init__(self, *arguments):
            pass

        async def take(self, document):
            seen.append(document)

        async def listen(self):
            seen.append("listens")

    async def begin():
        serving = asyncio.ensure_future(module.serve(Settings(250, tmp_path), None))
        while not feeds:
            await asyncio.sleep(0)
        await asyncio.sleep(0.01)
        assert seen == []
        await asyncio.to_thread(feeds[0], "zones")
        while len(seen) < 2:
            await asyncio.sleep(0)
        serving.cancel()

    monkeypatch.setattr(module, "Servers", Servers)
    monkeypatch.setattr(module, "send_reports", lambda *_: None)
    monkeypatch.setattr(module, "Feed", lambda settings, take: SimpleNamespace(start=lambda: feeds.append(take)))
    asyncio.run(asyncio.wait_for(begin(), 10))
    assert seen == ["zones", "listens"]
