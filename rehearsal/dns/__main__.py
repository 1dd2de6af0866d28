# SPDX-License-Identifier: GPL-3.0-or-later
"""The dns process of a world: python -m rehearsal.dns --world W."""

from __future__ import annotations

import argparse
import asyncio
import logging
import queue
import random
import threading
from typing import Any

from rehearsal.dns.answer import find_addresses
from rehearsal.dns.authority import Authority
from rehearsal.dns.feed import ZONE_PATH, Cloud, Document, Feed
from rehearsal.dns.health import Checker
from rehearsal.dns.listen import listen
from rehearsal.dns.location import Map
from rehearsal.dns.resolver import Resolver
from rehearsal.dns.zone import build_views
from rehearsal.processes import exit_with_parent
from rehearsal.settings import DNS_PORT, Settings, load

LOG = logging.getLogger("rehearsal.dns")


class Servers:
    """Four authorities, the resolver before them, and the health checks that they ask."""

    def __init__(self, settings: Settings, seed: int | None, report: Any) -> None:
        self._settings = settings
        chance = random.Random(seed)
        self.authorities = [Authority(chance) for _ in settings.name_servers]
        self.resolver = Resolver([authority.ask for authority in self.authorities])
        self.checker = Checker(lambda name: find_addresses(self.authorities[0].view, name, chance), report)

    async def listen(self) -> None:
        for address, authority in zip(self._settings.name_servers.values(), self.authorities, strict=True):
            await listen(address, DNS_PORT, authority.respond)
        host, _, port = self._settings.resolver.rpartition(":")
        await listen(host, int(port), self.resolver.respond)

    async def take(self, document: Document) -> None:
        """Serve a new document; caches keep what they have, as everywhere."""
        places = Map(document["locations"])
        views = build_views(document, self.checker.health, len(self.authorities))
        for authority, view in zip(self.authorities, views, strict=True):
            authority.view, authority.places = view, places
        self.resolver.ttl_min_s = int(document["resolver"]["ttl_min_s"])
        configs = {check["id"]: check["config"] for check in document["health_checks"]}
        self.checker.take(configs, document["forced"], document["scale"])


def send_reports(settings: Settings, reports: queue.SimpleQueue) -> None:
    """Post verdicts in a thread of its own: the name servers must not wait for the cloud."""
    cloud = Cloud(settings)
    while True:
        news = reports.get()
        try:
            cloud.call("POST", f"{ZONE_PATH}/health", news)
        except OSError as problem:
            LOG.warning("Verdicts of %s health checks were not delivered: %s", len(news), problem)


async def serve(settings: Settings, seed: int | None) -> None:
    reports: queue.SimpleQueue = queue.SimpleQueue()
    servers = Servers(settings, seed, reports.put)
    loop = asyncio.get_running_loop()
    served = asyncio.Event()

    async def take(document: Document) -> None:
        await servers.take(document)
        served.set()

    threading.Thread(target=send_reports, args=(settings, reports), name="reports", daemon=True).start()
    Feed(settings, lambda document: asyncio.run_coroutine_threadsafe(take(document), loop).result()).start()
    # Without zones every name would be absent, and the resolver would keep that for a while.
    await served.wait()
    await servers.listen()
    LOG.info("Ready: resolver %s, name servers %s", settings.resolver, ", ".join(settings.name_servers.values()))
    await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m rehearsal.dns")
    parser.add_argument("--world", type=int)
    parser.add_argument("--seed", type=int, help="seed of the chance by which weighted answers are drawn")
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO)
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    args = parser.parse_args()
    settings = load(args.world)
    exit_with_parent(settings)
    asyncio.run(serve(settings, args.seed))


if __name__ == "__main__":
    main()
