# SPDX-License-Identifier: GPL-3.0-or-later
"""The workers of a world: few at a time, started when they are needed, ended when nothing has come for a while."""

from __future__ import annotations

import itertools
import re
import threading
import time

from rehearsal.cloud.functions.model import Outcome, Request, Version
from rehearsal.cloud.functions.worker import Worker
from rehearsal.processes import Processes

WORKERS_MAX = 6
IDLE_SECONDS = 60.0
LOOK_SECONDS = 5.0
# How long an invocation waits for a worker to be free before it is throttled.
WAIT_SECONDS = 30.0


class Throttled(Exception):
    """All workers are busy and stay so."""


class Pool:
    """Lends workers to invocations."""

    def __init__(self, processes: Processes, make: type[Worker] = Worker, workers_max: int = WORKERS_MAX) -> None:
        self._processes = processes
        self._make = make
        self._max = workers_max
        self._free = threading.Condition()
        self._idle: list[Worker] = []
        self._busy = 0
        self._serials = itertools.count(1)
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Watch for idle workers. A copy of this process has the thread's object and not the thread."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._watch, name="functions-idle", daemon=True)
            self._thread.start()

    def run(self, version: Version, request: Request, wait_s: float = WAIT_SECONDS) -> Outcome:
        """Invoke a version on a warm worker of its own, or on a new one."""
        worker = self._take(version, wait_s)
        try:
            if worker is None:
                worker = self._new(version)
                problem = worker.start()
                if problem is not None:
                    worker.end()
                    return problem
            return worker.invoke(request)
        finally:
            self._give_back(worker)

    def _take(self, version: Version, wait_s: float) -> Worker | None:
        """A warm worker, or none and the right to start one."""
        end = time.monotonic() + wait_s
        with self._free:
            while (worker := self._find(version)) is None and not self._room():
                if not self._free.wait(max(0.0, end - time.monotonic())) and time.monotonic() >= end:
                    raise Throttled
            self._busy += 1
        return worker

    def _find(self, version: Version) -> Worker | None:
        for worker in [one for one in self._idle if one.version == version]:
            self._idle.remove(worker)
            if worker.alive:
                return worker
            worker.end()
        return None

    def _room(self) -> bool:
        """Whether another process may start; the worker that was idle longest makes room."""
        if self._busy + len(self._idle) < self._max:
            return True
        if self._idle:
            self._idle.pop(0).end()
            return True
        return False

    def _new(self, version: Version) -> Worker:
        name = re.sub(r"[^A-Za-z0-9-]", "-", version.name)
        return self._make(self._processes, version, f"function-{version.region}-{name}-{next(self._serials)}")

    def _give_back(self, worker: Worker | None) -> None:
        with self._free:
            self._busy -= 1
            if worker is not None and worker.alive and not self._stopped.is_set():
                worker.idle_since = time.monotonic()
                self._idle.append(worker)
            elif worker is not None:
                worker.end()
            self._free.notify()

    def _watch(self) -> None:
        while not self._stopped.wait(LOOK_SECONDS):
            self.end_idle(time.monotonic() - IDLE_SECONDS)

    def end_idle(self, before: float) -> None:
        """End workers that nobody has used since."""
        with self._free:
            old = [worker for worker in self._idle if worker.idle_since <= before]
            self._idle = [worker for worker in self._idle if worker not in old]
        for worker in old:
            worker.end()

    def busy(self) -> str:
        return f"{self._busy} functions run" if self._busy else ""

    def freeze(self) -> None:
        """End every worker; those that are asked for later are new ones."""
        self.end_idle(time.monotonic())

    def stop(self) -> None:
        self._stopped.set()
        self.end_idle(time.monotonic())
        running = [name for name in self._processes.names() if name.startswith("function-")]
        self._processes.stop_all(running, seconds=1.0)
