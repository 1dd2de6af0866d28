# SPDX-License-Identifier: GPL-3.0-or-later
"""Start the Python processes of a world (tasks, balancers, name servers) without importing everything for each.

A fork server is a copy of the cloud's process from a moment at which it had one thread. It listens on a socket in the
world's folder, and for each request it forks a process that becomes `python -m <package>`. It ends with its cloud; a
copy of the cloud that is woken at a checkpoint begins a new one.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import json
import os
import signal
import socket
import sys
import traceback
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rehearsal.settings import Settings

# What most of the world's processes are; whatever these import is there before the fork.
PACKAGES = ("rehearsal.dns", "rehearsal.edge", "rehearsal.ehrbase")
# An environment is sent whole; a datagram of a Unix socket may have some 200 kB.
REQUEST_BYTES_MAX = 1 << 20
ANSWER_SECONDS = 30.0
PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Request:
    """A process to start: `python -m package arguments`, in a session of its own."""

    package: str
    arguments: list[str]
    environment: dict[str, str]
    folder: str
    log: str


def begin(settings: Settings) -> None:
    """Fork the server; only a process with one thread may do so, because its copies have no other thread to go on."""
    for package in PACKAGES:
        _main_of(package)
    path = _socket_path(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(str(path))
        path.chmod(0o600)
        listener.listen()
        cloud = os.getpid()
        if os.fork() == 0:
            try:
                _serve(listener, cloud)
            finally:
                os._exit(1)


def ask(settings: Settings, request: Request) -> int | None:
    """The pid of the process that was started; None where no fork server runs."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
        connection.settimeout(ANSWER_SECONDS)
        try:
            connection.connect(str(_socket_path(settings)))
        except (FileNotFoundError, ConnectionRefusedError):
            return None
        connection.send(json.dumps(asdict(request)).encode())
        answer = connection.recv(REQUEST_BYTES_MAX)
    if not answer:
        raise RuntimeError(f"The fork server of world {settings.world} ended while it started {request.package}.")
    return int(answer)


def end_with_parent() -> None:
    """Let the kernel kill this process when the one that forked it ends, however that one ends."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _socket_path(settings: Settings) -> Path:
    return settings.pids / "fork-server.socket"


def _main_of(package: str) -> Any:
    return importlib.import_module(f"{package}.__main__").main


def _serve(listener: socket.socket, cloud: int) -> None:
    end_with_parent()
    # The kernel buries the children: whoever asked for one looks at its pid file.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    # Otherwise the first collection of each child would copy what it shares with this process.
    gc.freeze()
    while os.getppid() == cloud:
        connection, _ = listener.accept()
        with connection:
            request = Request(**json.loads(connection.recv(REQUEST_BYTES_MAX)))
            pid = os.fork()
            if pid == 0:
                connection.close()
                listener.close()
                _become(request)
            connection.send(str(pid).encode())


def _become(request: Request) -> None:
    """Run the package's main(), and end with it."""
    code = 1
    try:
        os.setsid()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        _redirect(request.log)
        Path("/proc/self/comm").write_text(request.package.rpartition(".")[2], encoding="utf-8")
        os.chdir(request.folder)
        os.environ.clear()
        os.environ.update(request.environment)
        sys.argv = [request.package, *request.arguments]
        _main_of(request.package)()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):  # as the interpreter does
            print(end.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _redirect(log: str) -> None:
    sources = (os.open(os.devnull, os.O_RDONLY), os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644))
    for number, source in enumerate((sources[0], sources[1], sources[1])):
        os.dup2(source, number)
    for source in sources:
        os.close(source)
