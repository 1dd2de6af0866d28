# SPDX-License-Identifier: GPL-3.0-or-later
"""One task: python -m rehearsal.ehrbase --bind ADDRESS --port PORT [--world W]; settings from the environment."""

from __future__ import annotations

import argparse
import asyncio
import os
import pwd
import signal
import sys
import time

import uvloop
from aiohttp import web

from rehearsal.ehrbase import flyway
from rehearsal.ehrbase.app import build_app
from rehearsal.ehrbase.database import Connector
from rehearsal.ehrbase.names import Names
from rehearsal.ehrbase.settings import AppSettings, EnvironmentProblem, read_settings
from rehearsal.ehrbase.store import Store
from rehearsal.processes import UNPRIVILEGED_USER, exit_with_parent
from rehearsal.settings import load

# Longer than a balancer keeps its own connections, so that it never meets one that is just being closed.
KEEPALIVE_SECONDS = 75.0
# A replaced task is drained by its balancer first; what is still open then gets this long.
SHUTDOWN_SECONDS = 2.0


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m rehearsal.ehrbase")
    parser.add_argument("--bind", required=True)
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--world", type=int, help="end when this world's cloud ends")
    args = parser.parse_args()
    if args.world:
        exit_with_parent(load(args.world))
    give_up_root()
    sys.exit(uvloop.run(serve(args.bind, args.port)))


def give_up_root() -> None:
    """Run as an ordinary user; only now, because the packages imported so far may lie where that user cannot read."""
    if os.getuid() != 0:
        return
    account = pwd.getpwnam(UNPRIVILEGED_USER)
    os.setgroups([])
    os.setgid(account.pw_gid)
    os.setuid(account.pw_uid)
    # asyncpg looks for client certificates below it.
    os.environ["HOME"] = account.pw_dir


async def serve(address: str, port: int) -> int:
    """Start as EHRbase does (schemas, pool, HTTP) and serve until SIGTERM; returns the exit code."""
    started = time.perf_counter()
    try:
        settings = read_settings(os.environ)
        connector = Connector(settings.database, Names(settings.resolver))
        await prepare_schemas(settings, connector)
        pool = await connector.open_pool()
        runner = await listen(build_app(settings, Store(pool, settings.nodename)), address, port)
    except Exception as problem:
        kind = "" if isinstance(problem, (EnvironmentProblem, flyway.FlywayError)) else f"{type(problem).__name__}: "
        say(f"ERROR Application run failed: {kind}{problem}")
        return 1
    say(f"INFO Started on {address}:{port} in {time.perf_counter() - started:.2f} s as {settings.nodename}")
    await stop_signal()
    await runner.cleanup()
    pool.terminate()
    return 0


async def listen(app: web.Application, address: str, port: int) -> web.AppRunner:
    runner = web.AppRunner(app, access_log=None, keepalive_timeout=KEEPALIVE_SECONDS, shutdown_timeout=SHUTDOWN_SECONDS)
    await runner.setup()
    await web.TCPSite(runner, address, port).start()
    return runner


async def prepare_schemas(settings: AppSettings, connector: Connector) -> None:
    if settings.ext_strategy == settings.ehr_strategy == "DISABLED":
        say("INFO Flyway is disabled")
        return
    owner = await connector.connect_owner()
    try:
        for line in await flyway.apply_strategies(
            owner, settings.database.user, settings.ext_strategy, settings.ehr_strategy
        ):
            say(f"INFO {line}")
    finally:
        await owner.close()


async def stop_signal() -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    await stopped.wait()


def say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)


if __name__ == "__main__":
    main()
