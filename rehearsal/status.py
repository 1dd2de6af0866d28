# SPDX-License-Identifier: GPL-3.0-or-later
"""Show what runs in a world."""

from __future__ import annotations

import argparse

from rehearsal.api import control, is_ready
from rehearsal.processes import Processes
from rehearsal.settings import Settings, load


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--world", type=int, help="number of the world (default: MEDZEN_WORLD or 16)")


def main(args: argparse.Namespace) -> int:
    """Exit 0 when the world is ready, 3 when it is down."""
    settings = load(args.world)
    ready = is_ready(settings)
    for line in build_lines(settings, control(settings, "health") if ready else None):
        print(line)
    return 0 if ready else 3


def build_lines(settings: Settings, health: dict | None) -> list[str]:
    processes = Processes(settings)
    state = f"ready, time scale {health['scale']:g}" if health else "down"
    lines = [f"World {settings.world}: {state}", f"  API      {settings.api_url}", f"  resolver {settings.resolver}"]
    lines.append(f"  files    {settings.folder}")
    for name in processes.names():
        found = processes.find(name)
        lines.append(f"  {name:40} {'pid ' + str(found.pid) if found else 'gone'}")
    return lines
