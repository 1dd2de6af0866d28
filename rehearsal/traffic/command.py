# SPDX-License-Identifier: GPL-3.0-or-later
"""python -m rehearsal traffic: open-loop clients at a fixed rate until they are told to stop."""

from __future__ import annotations

import argparse
import asyncio
import random
import signal
import ssl
import sys
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import aiohttp
import uvloop

from rehearsal.processes import exit_with_parent
from rehearsal.settings import load
from rehearsal.traffic.address import PublicName, Service
from rehearsal.traffic.history import History
from rehearsal.traffic.patients import GIVE_UP_S, Patients
from rehearsal.traffic.visitors import Visitors

EHRS = 100
IN_FLIGHT_MAX = 600
# Where the patients live: networks of Cameroon, Germany and the United States on the map of dns/locations.yml.
PLACES = ("102.244.0.0/24", "91.0.0.0/24", "52.0.0.0/24")
# A client that nobody stops ends by itself.
LIFE_S_MAX = 3600.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--world", type=int, help="number of the world (default: MEDZEN_WORLD, or 16)")
    parser.add_argument("--folder", type=Path, required=True, help="where the logs go")
    parser.add_argument("--url", default="https://ehr.medzenhealth.app:8443", help="public address of EHRbase")
    parser.add_argument("--user", default="ehrbase-user", help="user of EHRbase")
    parser.add_argument("--password-file", type=Path, required=True, help="file that holds the password")
    parser.add_argument("--writes", type=float, default=50.0, help="writes a second")
    parser.add_argument("--reads", type=float, default=100.0, help="reads a second")
    parser.add_argument("--meetings-url", default="https://meetings.medzenhealth.app:8443", help="API of the visits")
    parser.add_argument("--ai-url", default="https://ai.medzenhealth.app:8443", help="API of the assistant")
    parser.add_argument("--visits", type=float, default=0.0, help="visits a second")
    parser.add_argument("--questions", type=float, default=0.0, help="questions to the assistant a second")
    parser.add_argument("--seconds", type=float, default=LIFE_S_MAX, help="how long at most")
    parser.add_argument("--patience", type=float, default=GIVE_UP_S, help="seconds until a client gives one up")
    parser.add_argument(
        "--place", action="append", dest="places", metavar="NETWORK", help=f"network of clients ({', '.join(PLACES)})"
    )
    parser.add_argument(
        "--keep-addresses",
        type=float,
        default=0.0,
        metavar="SECONDS",
        help="how long all clients but those of the first place keep an answer at least, whatever its TTL says",
    )
    parser.add_argument("--seed", type=int, default=1, help="seed of the choices")


def main(args: argparse.Namespace) -> int:
    settings = load(args.world)
    exit_with_parent(settings)
    return uvloop.run(_run(args, settings))


async def _run(args: argparse.Namespace, settings) -> int:
    tls = ssl.create_default_context(cafile=str(settings.folder / "ca.pem"))
    auth = aiohttp.BasicAuth(args.user, args.password_file.read_text(encoding="utf-8").strip())
    host = args.url.split("//")[1].split(":")[0]
    history = History(args.folder)
    names = open_names(Service(host, settings.resolver, tls, auth), args.places or PLACES, history, args.keep_addresses)
    choices = random.Random(args.seed)
    ehrs = [str(uuid.UUID(int=choices.getrandbits(128), version=4)) for _ in range(EHRS)]
    patients = Patients(names, args.url, history, ehrs, random=choices, patience_s=args.patience)
    stop = asyncio.Event()
    visitors = open_visitors(args, settings.resolver, tls, history, stop)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        await patients.enrol()
        (args.folder / "started").write_text(f"{time.time()}\n", encoding="utf-8")
        operations = [(patients.write, args.writes), (patients.read, args.reads)]
        operations += [(visitors[0].visit, args.visits), (visitors[1].ask, args.questions)]
        await _drive(operations, args.seconds, stop)
    finally:
        history.close()
        for name in (*names, *(one.name for one in visitors)):
            await name.close()
    print(f"{history.totals['writes_ok']} writes acknowledged, {history.totals['reads_ok']} reads", file=sys.stderr)
    return 0


def open_names(service: Service, places: Sequence[str], history: History, keep_s: float = 0.0) -> list[PublicName]:
    """The public name as each place sees it; who answers there is on record with every change."""

    def note(place: str, addresses: tuple[str, ...]) -> None:
        history.event("answered", place=place, addresses=list(addresses))

    return [PublicName(service, place, note, keep_s if number else 0.0) for number, place in enumerate(places)]


def open_visitors(
    args: argparse.Namespace, nameserver: str, tls: ssl.SSLContext, history: History, stop: asyncio.Event
) -> list[Visitors]:
    """Clients of the visits and of the assistant; their names are one for the whole world."""
    urls = (args.meetings_url, args.ai_url)
    names = [PublicName(Service(url.split("//")[1].split(":")[0], nameserver, tls)) for url in urls]
    return [
        Visitors(name, url, history, stop, random.Random(args.seed + number))
        for number, (name, url) in enumerate(zip(names, urls, strict=True))
    ]


async def _drive(
    operations: Sequence[tuple[Callable[[], Awaitable[None]], float]], seconds: float, stop: asyncio.Event
) -> None:
    """Start operations at the given rates; on stop, let those under way end, because their outcome is evidence."""
    under_way: list[set[asyncio.Task]] = [set() for _ in operations]
    end = time.monotonic() + min(seconds, LIFE_S_MAX)
    await asyncio.gather(
        *(
            _pace(operation, rate, end, stop, running)
            for (operation, rate), running in zip(operations, under_way, strict=True)
        )
    )
    if running := set().union(*under_way):
        await asyncio.wait(running, timeout=GIVE_UP_S + 10)


async def _pace(
    operation: Callable[[], Awaitable[None]], rate: float, end: float, stop: asyncio.Event, running: set[asyncio.Task]
) -> None:
    """Open loop: a slow answer does not slow the next request down, up to a bound on what is in flight."""
    if rate <= 0:
        return
    due = time.monotonic()
    while not stop.is_set() and time.monotonic() < end:
        due = max(due + 1 / rate, time.monotonic() - 0.1)
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        if len(running) < IN_FLIGHT_MAX:
            task = asyncio.ensure_future(operation())
            running.add(task)
            task.add_done_callback(running.discard)
