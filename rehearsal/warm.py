# SPDX-License-Identifier: GPL-3.0-or-later
"""ansible-playbook from a process that has loaded Ansible already: a second less for each that is only looked at by its
result. One that is killed, timed, or looked at by others while it runs, is started as it is typed.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path

from rehearsal import playbooks

SERVER = "rehearsal.warm_server"
BEGIN_S_MAX = 60.0
# Of what was said, in the error of one that did not end.
SAID_CHARS = 6000


class Warm:
    """Runs playbooks, also side by side. The environment is theirs, with Ansible's settings in it."""

    def __init__(self, environment: Mapping[str, str], log: Path) -> None:
        self._log = log
        self._lock, self._number, self._over = threading.Lock(), 0, False
        self._pids: dict[int, Future[int]] = {}
        self._codes: dict[int, Future[int]] = {}
        with log.open("w", encoding="utf-8") as stream:
            self._process = subprocess.Popen(
                playbooks.die_with_parent([sys.executable, "-m", SERVER]), cwd=playbooks.ROOT,
                env={**environment}, text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stream,
            )  # fmt: skip
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def __enter__(self) -> Warm:
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()

    def run(self, arguments: Sequence[str], environment: Mapping[str, str], output: Path, seconds: float) -> int:
        """The exit code; `environment` is added to this one's, and `output` takes what is said.

        TimeoutError for one that took too long, and was killed; RuntimeError when the process behind it has ended.
        """
        pid, code = self._ask({"arguments": [*arguments], "environment": {**environment}, "output": str(output)})
        try:
            return code.result(seconds)
        except TimeoutError:
            with suppress(ProcessLookupError):
                os.kill(pid.result(BEGIN_S_MAX), signal.SIGKILL)
            raise TimeoutError(f"{arguments} did not end in {seconds:g} s:\n{_end_of(output)}") from None
        except EOFError:
            raise RuntimeError(f"{arguments}: its server ended:\n{_end_of(output)}\n{_end_of(self._log)}") from None

    def stop(self) -> None:
        """End it, and playbooks that still run with it."""
        self._process.kill()
        self._listener.join(10)
        with self._process:  # closes its pipes
            self._process.wait(10)

    def _ask(self, request: dict) -> tuple[Future[int], Future[int]]:
        """Its pid and its exit code, as soon as they are known."""
        assert self._process.stdin
        with self._lock:
            self._number += 1
            pid, code = self._pids[self._number], self._codes[self._number] = Future(), Future()
            if self._over:
                code.set_exception(EOFError())
                return pid, code
            # What is asked of a server that has just ended, the listener answers.
            with suppress(BrokenPipeError):
                print(json.dumps(request | {"number": self._number}), file=self._process.stdin, flush=True)
        return pid, code

    def _listen(self) -> None:
        assert self._process.stdout
        told = {"began": self._pids, "ended": self._codes}
        for line in self._process.stdout:
            number, what, value = line.split()
            told[what].pop(int(number)).set_result(int(value))
        with self._lock:
            self._over = True
            for waiting in (*self._pids.values(), *self._codes.values()):
                waiting.set_exception(EOFError())


def _end_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")[-SAID_CHARS:] if path.exists() else ""
