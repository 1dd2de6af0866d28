# SPDX-License-Identifier: GPL-3.0-or-later
"""The watchdog of a world: when the cloud is gone (also killed), it ends everything that has a pid file.

PostgreSQL cannot watch its parent, so somebody must; the other workers watch for themselves as well.
"""

from __future__ import annotations

import argparse
import time

from rehearsal.down import stop_world
from rehearsal.processes import WATCH_SECONDS, Processes, identify
from rehearsal.settings import load


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m rehearsal.watchdog")
    parser.add_argument("--world", type=int)
    parser.add_argument("--until-pid", type=int)
    args = parser.parse_args()
    settings = load(args.world)
    watched = [Processes(settings).find("cloud")]
    if args.until_pid:
        watched.append(identify(args.until_pid))
    while all(process is not None and process.alive() for process in watched):
        time.sleep(WATCH_SECONDS)
    # Without the folder `down --wipe` was here first.
    if settings.pids.is_dir():
        stop_world(settings, spare=("watchdog",))


main()
