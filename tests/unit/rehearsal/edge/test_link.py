# SPDX-License-Identifier: GPL-3.0-or-later
"""How often the edge asks the cloud; its answers come from a list."""

import asyncio
import contextlib
from types import SimpleNamespace

from rehearsal import pace as module
from rehearsal.edge.link import Link
from rehearsal.pace import POLL_SECONDS, QUIET_AFTER_SECONDS, QUIET_POLL_SECONDS


class Told:
    """A session whose questions are answered from a list."""

    def __init__(self, *answers):
        self.answers, self.serials = list(answers), []

    @contextlib.asynccontextmanager
    async def get(self, url, params, timeout):
        self.serials.append(params["serial"])
        answer = self.answers.pop(0)

        async def read():
            return answer

        yield SimpleNamespace(raise_for_status=lambda: None, json=read)


class Opened:
    """A fleet that opens whatever is described."""

    async def apply(self, balancers, scale):
        return True


def test_where_nothing_changes_the_cloud_is_asked_less_often(monkeypatch):
    moment = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: moment[0])
    told = Told(
        {"serial": "one", "scale": 60, "balancers": []},
        {"serial": "one"},
        {"serial": "two", "scale": 60, "balancers": []},
    )
    link = Link("http://cloud", told, Opened())
    asyncio.run(link.take_changes())
    assert link.pace.pause() == POLL_SECONDS
    moment[0] += QUIET_AFTER_SECONDS + 0.1
    asyncio.run(link.take_changes())
    assert link.pace.pause() == QUIET_POLL_SECONDS
    asyncio.run(link.take_changes())
    assert link.pace.pause() == POLL_SECONDS and told.serials == ["", "one", "one"]
