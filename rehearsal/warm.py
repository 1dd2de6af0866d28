# SPDX-License-Identifier: GPL-3.0-or-later
"""ansible-playbook from a process that has loaded Ansible already: a second less for each that is only looked at by its
result. One that is timed is started as it is typed.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path

from rehearsal import playbooks

SERVER = "rehearsal.warm_server"
BEGIN_S_MAX = 60.0
# Of what was said, in the error of one that did not end.
SAID_CHARS = 6000


class Begun:
    """A playbook under way, with what subprocess.Popen has as well. RuntimeError when its server has ended."""

    def __init__(self, arguments: Sequence[str], pid: Future[int], code: Future[int], said: Iterable[Path]) -> None:
        self._arguments, self._pid, self._code, self._said = arguments, pid, code, said

    @property
    def pid(self) -> int:
        """Of the controller."""
        return self._result(self._pid, BEGIN_S_MAX)

    def wait(self, seconds: float) -> int:
        """The exit code; subprocess.TimeoutExpired when it has none by then."""
        return self._result(self._code, seconds)

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def _result(self, told: Future[int], seconds: float) -> int:
        try:
            return told.result(seconds)
        except TimeoutError:
            raise subprocess.TimeoutExpired(self._arguments, seconds) from None
        except EOFError:
            said = "\n".join(_end_of(path) for path in self._said)
            raise RuntimeError(f"{self._arguments}: its server ended:\n{said}") from None


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

    def begin(self, arguments: Sequence[str], environment: Mapping[str, str], output: Path) -> Begun:
        """`environment` is added to this one's, and `output` takes what is said."""
        pid, code = self._ask({"arguments": [*arguments], "environment": {**environment}, "output": str(output)})
        return Begun(arguments, pid, code, (output, self._log))

    def run(self, arguments: Sequence[str], environment: Mapping[str, str], output: Path, seconds: float) -> int:
        """The exit code. subprocess.TimeoutExpired for one that took too long, and was killed."""
        begun = self.begin(arguments, environment, output)
        try:
            return begun.wait(seconds)
        except subprocess.TimeoutExpired as late:
            begun.kill()
            late.add_note(_end_of(output))
            raise

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
                self._give_up()
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
            self._give_up()

    def _give_up(self) -> None:
        for asked in (self._pids, self._codes):
            while asked:
                asked.popitem()[1].set_exception(EOFError())


def _end_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")[-SAID_CHARS:] if path.exists() else ""
