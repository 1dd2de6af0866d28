# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes of a world: started with a pid file and a log, stopped by that file, and gone when the cloud is gone.

A pid file holds the pid, the start time by which the kernel tells that process from a later one with the same pid,
and the signal that ends it gently.
"""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rehearsal import fork_server
from rehearsal.settings import Settings

UNPRIVILEGED_USER = "nobody"
WATCH_SECONDS = 0.5
STOP_SECONDS = 10.0


@dataclass(frozen=True)
class Identity:
    """A process as the pid file remembers it."""

    pid: int
    started: str
    stop_signal: int = signal.SIGTERM

    def alive(self) -> bool:
        return bool(self.started) and start_time(self.pid) == self.started


def start_time(pid: int) -> str:
    """The kernel's start time of a running process; empty when it is gone or a zombie."""
    try:
        # Asked some hundred times a second: unbuffered and unread as text it takes a third of the time.
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:
            stat = file.read()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    fields = stat.rpartition(b")")[2].decode().split()
    return "" if fields[0] in "ZX" else fields[19]


def identify(pid: int, stop_signal: int = signal.SIGTERM) -> Identity:
    return Identity(pid, start_time(pid), stop_signal)


def unprivileged() -> dict[str, Any]:
    """Arguments of Popen that give up root; none for an ordinary user."""
    if os.getuid() != 0:
        return {}
    account = pwd.getpwnam(UNPRIVILEGED_USER)
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def give_to_unprivileged(path: Path) -> None:
    """Hand a folder or file to the user that the world's workers run as."""
    given = unprivileged()
    if given:
        os.chown(path, given["user"], given["group"])


def wait_until(done: Callable[[], bool], seconds: float, clock=time.monotonic, sleep=time.sleep) -> bool:
    """Look again and again until it is so or the time is over."""
    end = clock() + seconds
    while not done():
        if clock() >= end:
            return False
        sleep(0.02)
    return True


class Processes:
    """The processes of one world."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._children: dict[str, subprocess.Popen] = {}
        # What pid files said, and when each was written: the scheduler asks for every task ten times a second.
        self._read_before: dict[str, tuple[tuple[int, int], Identity]] = {}

    def start(
        self,
        name: str,
        command: list[str],
        *,
        drop_root: bool = True,
        environment: dict[str, str] | None = None,
        stop_signal: int = signal.SIGTERM,
        folder: Path | None = None,
        descriptors: tuple[int, ...] = (),
    ) -> int:
        """Start a command in a session of its own under a name that is free; returns its pid.

        It inherits none of our open files but `descriptors`, under the same numbers.
        """
        with open(self._log_of_new(name), "ab") as log:
            child = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                cwd=folder or self.settings.folder, env=dict(os.environ) | (environment or {}), pass_fds=descriptors,
                **(unprivileged() if drop_root else {}),
            )  # fmt: skip
        self._children[name] = child
        self.remember(name, identify(child.pid, stop_signal))
        return child.pid

    def start_package(self, name: str, package: str, arguments: list[str], environment: dict[str, str]) -> int:
        """Start `python -m package arguments` likewise, by the world's fork server if it runs; root is not given up."""
        request = fork_server.Request(
            package,
            arguments,
            dict(os.environ) | environment,
            folder=str(self.settings.folder),
            log=str(self._log_of_new(name)),
        )
        pid = fork_server.ask(self.settings, request)
        if pid is None:
            command = [sys.executable, "-m", package, *arguments]
            return self.start(name, command, drop_root=False, environment=environment)
        self.remember(name, identify(pid))
        return pid

    def _log_of_new(self, name: str) -> Path:
        """Where a process writes that is to be started under a free name."""
        running = self.find(name)
        if running is not None:
            raise RuntimeError(f"{name} runs already with pid {running.pid}; stop it before starting another.")
        self.settings.logs.mkdir(parents=True, exist_ok=True)
        return self.settings.logs / f"{name}.log"

    def forget_children(self) -> None:
        """In a copy of the process that started them: they are somebody else's children."""
        self._children.clear()

    def remember(self, name: str, identity: Identity) -> None:
        """Write the pid file of a process, also of one that another program started."""
        self.settings.pids.mkdir(parents=True, exist_ok=True)
        part = self._pid_file(name).with_suffix(".part")
        part.write_text(json.dumps(asdict(identity)))
        part.replace(self._pid_file(name))

    def find(self, name: str) -> Identity | None:
        """The running process of that name."""
        self._reap(name)
        identity = self._read(name)
        return identity if identity is not None and identity.alive() else None

    def names(self) -> list[str]:
        """Names with a pid file, running or not."""
        return sorted(path.stem for path in self.settings.pids.glob("*.json"))

    def stop(self, name: str, seconds: float = STOP_SECONDS, with_signal: int | None = None) -> bool:
        """End a process by its own stop signal, then by SIGKILL; says whether one ran."""
        identity = self.find(name)
        if identity is not None:
            send(identity, with_signal or identity.stop_signal)
            if not wait_until(lambda: self._gone(name, identity), seconds):
                send(identity, signal.SIGKILL)
                wait_until(lambda: self._gone(name, identity), STOP_SECONDS)
        self._bury(name)
        self._pid_file(name).unlink(missing_ok=True)
        return identity is not None

    def _bury(self, name: str) -> None:
        """Take a child's exit code, which is there only when its last thread has ended, a moment after its first."""
        child = self._children.pop(name, None)
        if child is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(STOP_SECONDS)

    def stop_all(self, names: list[str], seconds: float = STOP_SECONDS) -> list[str]:
        """End several at once, so that the time to stop is that of the slowest; returns those that ran."""
        running = {name: found for name in names if (found := self.find(name)) is not None}
        for identity in running.values():
            send(identity, identity.stop_signal)
        wait_until(lambda: all(self._gone(*item) for item in running.items()), seconds)
        for name in names:
            self.stop(name, 0, signal.SIGKILL)
        return list(running)

    def _gone(self, name: str, identity: Identity) -> bool:
        self._reap(name)
        return not identity.alive()

    def _reap(self, name: str) -> None:
        child = self._children.get(name)
        if child is not None and child.poll() is not None:
            del self._children[name]

    def _pid_file(self, name: str) -> Path:
        return self.settings.pids / f"{name}.json"

    def _read(self, name: str) -> Identity | None:
        path = self._pid_file(name)
        try:
            file = os.stat(path)
            written = (file.st_mtime_ns, file.st_ino)
            known = self._read_before.get(name)
            if known is None or known[0] != written:
                known = self._read_before[name] = written, Identity(**json.loads(path.read_text()))
        except (FileNotFoundError, json.JSONDecodeError):
            return None
        return known[1]


def send(identity: Identity, number: int) -> None:
    """Signal a process, unless it is gone."""
    if not identity.alive():
        return
    try:
        os.kill(identity.pid, number)
    except ProcessLookupError:
        return


def descendants(pid: int, proc: Path = Path("/proc")) -> list[int]:
    """The children of a process, and theirs."""
    children: dict[int, list[int]] = {}
    for entry in proc.iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(entry.name))
    found, left = [], [pid]
    while left:
        below = children.get(left.pop(), [])
        found, left = found + below, left + below
    return found


def carriers(pid: int, proc: Path = Path("/proc")) -> list[int]:
    """Processes of a controller that is gone: they carry its number in their environment."""
    mark, found = f"MEDZEN_MULTIREGION_CONTROLLER_PID={pid}".encode(), []
    for entry in proc.iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
    return found


def kill_all(pid: int) -> None:
    """As a power cut: a controller, its workers and the module that is at work, also one that outlives it."""
    for one in [pid, *descendants(pid), *carriers(pid)]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(one, signal.SIGKILL)


def exit_with_parent(settings: Settings, leave: Callable[[int], Any] = os._exit) -> threading.Thread:
    """Let this process end when the world's cloud ends, however it ended; workers call it once at their start."""
    cloud = Processes(settings).find("cloud")
    if cloud is None:
        raise RuntimeError(f"World {settings.world} has no cloud process; start it with: python -m rehearsal up")
    watcher = threading.Thread(target=_watch, args=(cloud, leave), name="exit-with-parent", daemon=True)
    watcher.start()
    return watcher


def _watch(cloud: Identity, leave: Callable[[int], Any]) -> None:
    while cloud.alive():
        time.sleep(WATCH_SECONDS)
    leave(0)
