# SPDX-License-Identifier: GPL-3.0-or-later
"""Checkpoints: copies of a whole world, from each of which it can go on as often as wanted.

The state of the control plane is the memory of this process, so a copy of it is a fork that sleeps, the keeper. What
has threads or processes is ended before (the layers' sleepers) and begun again after, in whichever copy goes on. The
world's files are copied while nothing runs. `rehearsal.checkpoint` asks for both from outside.

POST checkpoint {"name", "owner"} makes one; the process `owner` outlives it, or its folder is removed. GET tells
whether one is being made. POST checkpoint/resume lets the tasks of services run again after the name servers do.
"""

from __future__ import annotations

import gc
import logging
import os
import shutil
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rehearsal import fork_server
from rehearsal.checkpoint import WAKE, Place, copy_files
from rehearsal.cloud.control import ControlError
from rehearsal.cloud.world_state import World
from rehearsal.processes import Identity, identify

LOG = logging.getLogger("rehearsal.cloud")
# A keeper looks often whether it is woken, and only each so many times whether it is still wanted: a sweep has ten.
LOOK_SECONDS, LOOKS = 0.05, 20


class Checkpoints:
    """Makes them for the process that serves the world."""

    def __init__(self, world: World) -> None:
        self.wanted: dict[str, Any] | None = None
        # Set by the server: ends its loop.
        self.pause: Callable[[], None] = lambda: None
        self._world = world
        self._asleep: list[Any] = []

    def install(self) -> None:
        self._world.control_routes["checkpoint"] = lambda method, body, query: self._ask(method, body or {})
        self._world.control_routes["checkpoint/resume"] = lambda method, body, query: self._resume()

    def _ask(self, method: str, body: dict[str, Any]) -> dict[str, Any]:
        if method != "POST":
            awake = not self._asleep and all(sleeper.is_awake() for sleeper in self._world.sleepers)
            return {"wanted": (self.wanted or {}).get("name", ""), "awake": awake, "busy": self._busy()}
        if self.wanted:
            raise ControlError(f"Checkpoint {self.wanted['name']} is being made.")
        if busy := self._busy():
            raise ControlError(f"Nothing may be under way at a checkpoint; found: {'; '.join(busy)}.")
        owner = identify(int(body["owner"]))
        if not owner.alive():
            raise ControlError(f"The owner of a checkpoint outlives it; no process {body['owner']} runs.")
        self.wanted = asked = {"name": str(body["name"]), "owner": owner}
        # It waits for the loop that serves this request, and the checkpoint may be made before the answer is written.
        threading.Thread(target=self.pause, daemon=True).start()
        return {"wanted": asked["name"]}

    def _busy(self) -> list[str]:
        with self._world.lock:
            return [text for sleeper in self._world.sleepers if (text := sleeper.busy())]

    def keep(self) -> None:
        """Copy the world, then go on; returns once in this process, and in another one each time it is woken."""
        wanted, self.wanted = self.wanted, None
        place = Place(self._world.settings, wanted["name"])
        with self._world.lock:
            for sleeper in reversed(self._world.sleepers):
                sleeper.freeze()
            keep_files(self._world.folder, place)
            self._asleep = list(self._world.sleepers)
            woken = os.fork() == 0
            if woken:
                sleep_until_woken(place, wanted["owner"])
                # Before this copy has a second thread.
                fork_server.begin(self._world.settings)
                self._world.processes.forget_children()
                self._world.processes.remember("cloud", identify(os.getpid()))
                self._thaw([one for one in self._world.sleepers if not one.needs_names])
            else:
                self._thaw(self._world.sleepers)

    def _thaw(self, sleepers: list[Any]) -> None:
        for sleeper in sleepers:
            sleeper.thaw()
            self._asleep.remove(sleeper)

    def _resume(self) -> dict[str, Any]:
        """Tasks find their database by its name, so they run after the name servers, which follow this process."""
        with self._world.lock:
            self._thaw(list(self._asleep))
        return {}


def keep_files(folder: Path, place: Place) -> None:
    shutil.rmtree(place.folder, ignore_errors=True)
    place.files.mkdir(parents=True)
    copy_files(folder, place.files)
    place.mark_complete()


def close_sockets() -> None:
    """A connection that stayed open here would look alive to a client of the process that it belonged to.

    Each is taken from its Python object first: one that is collected later would close its number again, which by then
    may be that of the new listener.
    """
    gc.unfreeze()
    for one in gc.get_objects():
        if issubclass(type(one), socket.socket) and one.fileno() >= 0:
            os.close(one.detach())


def sleep_until_woken(place: Place, owner: Identity) -> None:
    """The life of a keeper: it ends with its owner or its folder, and returns only in a copy of itself."""
    os.setsid()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    # Copies are nobody's children: the kernel buries them.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    close_sockets()
    wake = str(place.folder / WAKE)
    while owner.alive() and place.folder.is_dir():
        for _ in range(LOOKS):
            if os.path.exists(wake):
                os.unlink(wake)
                if os.fork() == 0:
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                    os.setsid()
                    return
            time.sleep(LOOK_SECONDS)
    if not owner.alive():  # nobody else goes back to it
        shutil.rmtree(place.folder, ignore_errors=True)
    os._exit(0)
