# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep a world as it stands, and begin again from there, as often as wanted.

A checkpoint is a sleeping copy of the cloud's process and a copy of the world's files (rehearsal/cloud/checkpoints.py).
It ends with the process that owns it.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from rehearsal.api import ApiUnreachable, control, is_ready
from rehearsal.down import stop_world
from rehearsal.processes import wait_until
from rehearsal.settings import Settings, load
from rehearsal.up import start_world

# In a world's folder, what belongs to one life only.
KEPT_OUT = ("logs", "pids")
WAKE, COMPLETE = "wake", "complete"
BUSY_SECONDS, READY_SECONDS = 120.0, 60.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=["save", "restore"])
    parser.add_argument("name", help="of the checkpoint")
    parser.add_argument("--world", type=int, help="number of the world (default: MEDZEN_WORLD, or 16)")
    parser.add_argument(
        "--until-pid", type=int, required=True, help="checkpoint and restored world end when this process is gone"
    )


def main(args: argparse.Namespace) -> int:
    act = {"save": save, "restore": restore}[args.action]
    try:
        act(load(args.world), args.name, args.until_pid)
    except (CheckpointError, ApiUnreachable) as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    return 0


class CheckpointError(RuntimeError):
    """A checkpoint could not be made or gone back to."""


@dataclass(frozen=True)
class Place:
    """Where one checkpoint of a world lies: beside the world's folder, which does not outlive the world."""

    settings: Settings
    name: str

    @property
    def folder(self) -> Path:
        return self.settings.base / f"world-{self.settings.world}.checkpoints" / self.name

    @property
    def files(self) -> Path:
        return self.folder / "files"

    def mark_complete(self) -> None:
        (self.folder / COMPLETE).touch()

    @property
    def is_complete(self) -> bool:
        return (self.folder / COMPLETE).exists()


def save(settings: Settings, name: str, owner: int) -> None:
    """Keep the world under a name, as soon as nothing is under way in it; it goes on as before."""
    place = Place(settings, name)
    shutil.rmtree(place.folder, ignore_errors=True)
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            control(settings, "checkpoint", {"name": name, "owner": owner})
            break
        except ApiUnreachable:
            raise
        except RuntimeError as refusal:
            if time.monotonic() > deadline:
                raise CheckpointError(f"World {settings.world} did not come to rest: {refusal}") from refusal
            time.sleep(0.1)
    if not wait_until(lambda: place.is_complete and _is_awake(settings), READY_SECONDS):
        raise CheckpointError(
            f"Checkpoint {name} was not made in {READY_SECONDS:.0f} s; see {settings.logs}/cloud.log."
        )


def _is_awake(settings: Settings) -> bool:
    try:
        found = control(settings, "checkpoint", timeout_s=2)
    except (ApiUnreachable, RuntimeError):
        return False
    return not found["wanted"] and found["awake"]


def wait_for_rest(settings: Settings) -> None:
    """Until nothing is under way and every service answers."""
    if not wait_until(lambda: _is_awake(settings) and not control(settings, "checkpoint")["busy"], BUSY_SECONDS):
        raise CheckpointError(f"World {settings.world} did not come to rest in {BUSY_SECONDS:.0f} s.")


def restore(settings: Settings, name: str, until_pid: int | None = None) -> None:
    """End the world's present life and begin another one at the checkpoint."""
    place = Place(settings, name)
    if not place.is_complete:
        raise CheckpointError(f"World {settings.world} has no checkpoint {name}; expected one in {place.folder}.")
    stop_world(settings)
    for path in settings.folder.iterdir():
        if path.name not in KEPT_OUT:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    copy_files(place.files, settings.folder)
    (place.folder / WAKE).touch()
    if not wait_until(lambda: is_ready(settings), READY_SECONDS):
        raise CheckpointError(f"World {settings.world} did not wake at {name}; see {settings.logs}/cloud.log.")
    problem = start_world(settings, until_pid)
    if problem:
        raise CheckpointError(problem)
    control(settings, "checkpoint/resume", {}, timeout_s=READY_SECONDS)
    if not wait_until(lambda: _is_awake(settings), READY_SECONDS):
        raise CheckpointError(f"The services of world {settings.world} did not run again; see {settings.logs}.")


def copy_files(source: Path, target: Path) -> None:
    """A world's files but those of one life; owners and modes stay as they are."""
    paths = [str(path) for path in sorted(source.iterdir()) if path.name not in KEPT_OUT]
    subprocess.run(["cp", "-a", "--reflink=auto", *paths, str(target)], check=True)


def forget(settings: Settings) -> None:
    """Remove every checkpoint of a world; their keepers end."""
    shutil.rmtree(Place(settings, "any").folder.parent, ignore_errors=True)
