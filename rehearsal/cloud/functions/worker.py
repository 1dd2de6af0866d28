# SPDX-License-Identifier: GPL-3.0-or-later
"""One worker process from our side: started, spoken to line by line, ended."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sys
import tempfile
import time
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

from rehearsal.cloud.functions.model import Outcome, Request, Version, failure
from rehearsal.cloud.functions.runtimes import find_command
from rehearsal.processes import Processes
from rehearsal.settings import ACCOUNT_ID, FUNCTION_ACCESS_KEY, SECRET_KEY

BOOTSTRAP = Path(__file__).resolve().parents[2] / "lambda_runtime" / "bootstrap.js"
# Lambda gives 10 s; a busy machine gets more, because here everybody shares two cores.
INIT_SECONDS = 30.0
STOP_SECONDS = 2.0
LINE_BYTES_MAX = 16 * 1024 * 1024


class WorkerGone(Exception):
    """The process ended, or does not answer in time."""


class Worker:
    """A warm process of one version; one invocation at a time."""

    def __init__(self, processes: Processes, version: Version, name: str) -> None:
        self.version = version
        self.name = name
        self.idle_since = time.monotonic()
        self._processes = processes
        self._socket: socket.socket | None = None
        self._rest = b""

    def start(self) -> Outcome | None:
        """Begin the process and wait until the handler is loaded; an outcome is the reason why it is not."""
        command = find_command(self.version.runtime, sys.executable, BOOTSTRAP)
        if command is None:
            text = f"This machine cannot run {self.version.runtime}: the stand-in runs python3.x, and nodejs with node."
            return failure("Runtime.NotAvailableHere", text)
        folder = unpack(self._processes.settings.folder / "functions", self.version)
        ours, theirs = socket.socketpair()
        try:
            self._begin(command, folder, theirs.fileno())
        finally:
            theirs.close()
        self._socket = ours
        return self._wait_until_ready()

    def _begin(self, command: list[str], folder: Path, descriptor: int) -> None:
        python = self.version.runtime.startswith("python")
        arguments = ["--descriptor", str(descriptor), "--folder"] if python else [str(descriptor)]
        # The Python runtime gives up root by itself, once it has found its packages.
        self._processes.start(
            self.name,
            [*command, *arguments, str(folder)],
            drop_root=not python,
            environment=build_environment(self.version, self._processes.settings.api_url, self.name),
            descriptors=(descriptor,),
        )

    def _wait_until_ready(self) -> Outcome | None:
        try:
            said = self._read(INIT_SECONDS)
        except TimeoutError:
            return failure("Sandbox.Timedout", f"Error: Init timed out after {INIT_SECONDS:.2f} seconds")
        except WorkerGone:
            return failure("Runtime.ExitError", "Error: Runtime exited without providing a reason")
        return None if said.get("ready") else _outcome(said)

    def invoke(self, request: Request) -> Outcome:
        """Run the handler once; after an outcome of the runtime itself the process is of no more use."""
        deadline_ms = int((time.time() + self.version.timeout_s) * 1000)
        invocation = {"request_id": request.id, "event": request.event, "arn": self.version.arn}
        try:
            self._socket.sendall(json.dumps({**invocation, "deadline_ms": deadline_ms}).encode() + b"\n")
            return _outcome(self._read(self.version.timeout_s))
        except TimeoutError:
            self.end()
            text = f"RequestId: {request.id} Error: Task timed out after {self.version.timeout_s:.2f} seconds"
            return failure("Sandbox.Timedout", text)
        except (OSError, WorkerGone):
            self.end()
            text = f"RequestId: {request.id} Error: Runtime exited without providing a reason"
            return failure("Runtime.ExitError", text)

    def _read(self, seconds: float) -> dict[str, Any]:
        """The next line; raises TimeoutError after so many seconds in all."""
        end = time.monotonic() + seconds
        while b"\n" not in self._rest:
            left = end - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self._socket.settimeout(left)
            chunk = self._socket.recv(65536)
            if not chunk or len(self._rest) > LINE_BYTES_MAX:
                raise WorkerGone
            self._rest += chunk
        line, _, self._rest = self._rest.partition(b"\n")
        return json.loads(line)

    @property
    def alive(self) -> bool:
        return self._socket is not None and self._processes.find(self.name) is not None

    def end(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self._processes.stop(self.name, STOP_SECONDS)


def _outcome(said: dict[str, Any]) -> Outcome:
    if "error" in said:
        return Outcome(json.dumps(said["error"]).encode(), "Unhandled", said.get("log", ""))
    return Outcome(said["result"].encode(), "", said.get("log", ""))


def build_environment(version: Version, api_url: str, stream: str) -> dict[str, str]:
    """What a function finds in its environment; the cloud's own address takes AWS's place."""
    own = {
        "AWS_REGION": version.region,
        "AWS_DEFAULT_REGION": version.region,
        "AWS_ENDPOINT_URL": api_url,
        "AWS_ACCESS_KEY_ID": FUNCTION_ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_SESSION_TOKEN": "",
        "AWS_ACCOUNT_ID": ACCOUNT_ID,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{version.runtime}",
        "AWS_LAMBDA_FUNCTION_NAME": version.name,
        "AWS_LAMBDA_FUNCTION_VERSION": version.number,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(version.memory_mb),
        "AWS_LAMBDA_LOG_GROUP_NAME": version.log_group,
        "AWS_LAMBDA_LOG_STREAM_NAME": stream,
        "_HANDLER": version.handler,
        "TZ": ":UTC",
        # A proxy of this machine must not stand between a function and loopback.
        "NO_PROXY": "*",
    }
    return dict(version.environment) | own


def unpack(base: Path, version: Version) -> Path:
    """The folder with a version's code, written once and then only read."""
    folder = base / version.folder_name
    if folder.is_dir():
        return folder
    base.mkdir(mode=0o755, parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(dir=base))
    with zipfile.ZipFile(BytesIO(version.code)) as archive:
        archive.extractall(part)
    for path in (part, *part.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    try:
        os.rename(part, folder)
    except OSError:  # somebody else was first
        shutil.rmtree(part)
    return folder
