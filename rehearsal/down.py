# SPDX-License-Identifier: GPL-3.0-or-later
"""Stop a world: first what follows the cloud, then the cloud; nothing stays behind."""

from __future__ import annotations

import argparse
import shutil

from rehearsal.processes import Processes
from rehearsal.settings import Settings, load


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--world", type=int, help="number of the world (default: MEDZEN_WORLD or 16)")
    parser.add_argument("--wipe", action="store_true", help="remove its folder with data and logs as well")


def main(args: argparse.Namespace) -> int:
    settings = load(args.world)
    stopped = stop_world(settings)
    if args.wipe:
        shutil.rmtree(settings.folder, ignore_errors=True)
    names = ", ".join(stopped) or "nothing, it was down"
    print(f"World {settings.world}: stopped {names}{'; folder removed' if args.wipe else ''}.")
    return 0


def stop_world(settings: Settings, spare: tuple[str, ...] = ()) -> list[str]:
    """Stop every process with a pid file; returns the names of those that ran."""
    processes = Processes(settings)
    # The watchdog first: it would do the same work at the same time. The cloud next, so that it starts nothing new.
    first = [name for name in ("watchdog", "cloud") if name not in spare]
    stopped = [name for name in first if processes.stop(name)]
    rest = [name for name in processes.names() if name not in spare]
    return stopped + processes.stop_all(rest)
