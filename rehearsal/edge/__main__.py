# SPDX-License-Identifier: GPL-3.0-or-later
"""The edge process of a world: python -m rehearsal.edge --world W."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal

import aiohttp
import uvloop

from rehearsal.edge.http_apis import HttpApis
from rehearsal.edge.link import Link
from rehearsal.edge.listeners import Fleet
from rehearsal.edge.proxy import open_session
from rehearsal.processes import exit_with_parent
from rehearsal.settings import Settings, load


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m rehearsal.edge")
    parser.add_argument("--world", type=int)
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO)
    settings = load(parser.parse_args().world)
    exit_with_parent(settings)
    uvloop.run(serve(settings))


async def serve(settings: Settings) -> None:
    """Balance until SIGTERM or SIGINT."""
    async with open_session() as targets, aiohttp.ClientSession() as cloud:
        fleet = Fleet(targets, HttpApis(settings.api_url, cloud).answer)
        link = Link(settings.api_url, cloud, fleet)
        work = asyncio.gather(link.follow(), link.report())
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, work.cancel)
        try:
            await work
        except asyncio.CancelledError:
            await fleet.close()


if __name__ == "__main__":
    main()
