# SPDX-License-Identifier: GPL-3.0-or-later
"""Start a world: its cloud, then the balancers and name servers that follow it, then the watchdog that ends them."""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import sys
from pathlib import Path

from rehearsal.api import is_ready
from rehearsal.down import stop_world
from rehearsal.packages import write_packages
from rehearsal.processes import Processes, wait_until
from rehearsal.settings import Settings, load

READY_SECONDS = 60.0
ROOT = Path(__file__).resolve().parent.parent
# In the order of starting; the last two follow the cloud through its control API.
WORKERS = ("cloud", "edge", "dns")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--world", type=int, help="number of the world, 16 to 250 (default: MEDZEN_WORLD or 16)")
    parser.add_argument("--until-pid", type=int, help="stop the world by itself when this process is gone")
    parser.add_argument("--scale", type=float, help="AWS seconds per real second (default: MEDZEN_TIME_SCALE or 60)")


def main(args: argparse.Namespace) -> int:
    if args.scale:
        os.environ["MEDZEN_TIME_SCALE"] = str(args.scale)
    settings = load(args.world)
    problem = start_world(settings, args.until_pid)
    if problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    places = f"AWS API {settings.api_url}, resolver {settings.resolver}, files {settings.folder}"
    print(f"World {settings.world} is ready: {places}")
    return 0


def start_world(settings: Settings, until_pid: int | None = None) -> str:
    """Start what does not run yet; returns what went wrong, or nothing."""
    processes = Processes(settings)
    if processes.find("cloud") is None:
        remove_last_life(settings)
    prepare_folders(settings)
    write_packages(settings.packages)
    for name in WORKERS:
        problem = _start_worker(settings, processes, name)
        if problem:
            return problem
    _start_watchdog(settings, processes, until_pid)
    link_into_project(settings)
    return ""


def remove_last_life(settings: Settings) -> None:
    """The cloud keeps its state in memory, so files of an earlier life belong to nobody; logs may still be read."""
    stop_world(settings)
    for path in settings.folder.glob("*"):
        if path == settings.logs:
            continue
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def link_into_project(settings: Settings) -> None:
    """Inventories name a world's files below the project, because only the project's own folder is known to them."""
    link = ROOT / ".cache" / "rehearsal" / settings.folder.name
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(settings.folder)


def prepare_folders(settings: Settings) -> None:
    for folder in (settings.base, settings.folder, settings.pids, settings.logs):
        folder.mkdir(parents=True, exist_ok=True)
        # Workers that gave up root must reach their files below.
        folder.chmod(0o755)


def _start_worker(settings: Settings, processes: Processes, name: str) -> str:
    if processes.find(name) is None:
        if name == "cloud" and is_ready(settings):
            return f"another process answers on {settings.api_url}; choose another world or stop it."
        arguments = ["--world", str(settings.world)]
        processes.start_package(name, f"rehearsal.{name}", arguments, worker_environment())
    return _wait_for(settings, processes, name)


def _wait_for(settings: Settings, processes: Processes, name: str) -> str:
    """Wait until a worker answers; the balancers have no address before there is a balancer."""
    ready = {"cloud": is_ready, "dns": answers_dns}.get(name, lambda _: True)
    log = f"see {settings.logs / name}.log."
    if not wait_until(lambda: ready(settings) or processes.find(name) is None, READY_SECONDS):
        return f"the {name} process of world {settings.world} was not ready in {READY_SECONDS:.0f} s; {log}"
    if processes.find(name) is None:
        return f"the {name} process of world {settings.world} ended at once; {log}"
    return ""


def answers_dns(settings: Settings) -> bool:
    """Whether the caching resolver takes connections."""
    host, _, port = settings.resolver.partition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=1):
            return True
    except OSError:
        return False


def worker_environment() -> dict[str, str]:
    """Workers import this package from wherever it lies, and must be unable to reach a real account."""
    path = os.pathsep.join(part for part in (str(ROOT), os.environ.get("PYTHONPATH", "")) if part)
    return {
        "PYTHONPATH": path,
        "PYTHONDONTWRITEBYTECODE": "1",
        "AWS_ACCESS_KEY_ID": "rehearsal",
        "AWS_SECRET_ACCESS_KEY": "rehearsal",
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def _start_watchdog(settings: Settings, processes: Processes, until_pid: int | None) -> None:
    if processes.find("watchdog") is not None and until_pid is None:
        return
    processes.stop("watchdog")
    command = [sys.executable, "-m", "rehearsal.watchdog", "--world", str(settings.world)]
    command += ["--until-pid", str(until_pid)] if until_pid else []
    processes.start("watchdog", command, drop_root=False, environment=worker_environment())
