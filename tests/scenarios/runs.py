# SPDX-License-Identifier: GPL-3.0-or-later
"""A playbook of a scenario: from where it runs, while it is under way, and what came of it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rehearsal import canary, processes

# A bound for a machine that others use as well; nothing waits for it when all is well.
PLAYBOOK_S_MAX = 600


def own_environment() -> dict[str, str]:
    """Of every playbook; nobody's account may be reached from a scenario."""
    foreign = ("AWS_", "MEDZEN_MULTIREGION_", canary.VARIABLE)
    own = {key: value for key, value in os.environ.items() if not key.startswith(foreign)}
    return own | {"ANSIBLE_NOCOLOR": "1", "PYTHONUNBUFFERED": "1"}


@dataclass(frozen=True)
class Outcome:
    """How a playbook ended, what it said, and which writes it made; the run record's own calls are left out."""

    code: int
    output: str
    writes: list[str]

    @property
    def error(self) -> str:
        """What it said from the first failure on, in single spaces, so that words can be looked for across lines."""
        text = re.sub(r"\x1b\[[0-9;]*m", "", self.output)
        start = min((found for mark in ("[ERROR]", "fatal:") if (found := text.find(mark)) >= 0), default=0)
        return " ".join(text[start:].partition("PLAY RECAP")[0].split())

    def __str__(self) -> str:
        return f"exit code {self.code}, writes {self.writes}\n{self.output[-6000:]}"


@dataclass(frozen=True)
class Machine:
    """A machine of its own to run playbooks from: its own host name and process numbers, home, temporary files and
    reports, and a key by which the ledger tells its calls from everybody else's."""

    name: str
    folder: Path
    access_key: str
    secret_key: str

    # A process number means nothing in another namespace, and whoever ends the first process there ends them all.
    NAMESPACES = ("--user", "--map-root-user", "--uts", "--pid", "--fork", "--mount-proc", "--kill-child")
    BE_CALLED = "import os, socket, sys; socket.sethostname(sys.argv[1]); os.execv(sys.argv[2], sys.argv[2:])"

    def wrap(self, command: list[str]) -> list[str]:
        unshare = shutil.which("unshare")
        assert unshare, "no unshare (util-linux) on this machine: two machines cannot be told apart"
        return [unshare, *self.NAMESPACES, sys.executable, "-c", self.BE_CALLED, self.name, *command]

    def environment(self) -> dict[str, str]:
        for name in ("home", "tmp"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        return {
            "HOME": str(self.folder / "home"),
            "TMPDIR": str(self.folder / "tmp"),
            "MEDZEN_MULTIREGION_REPORTS": str(self.folder / "reports"),
        }

    @property
    def extra_vars(self) -> dict[str, str]:
        return {"multiregion_aws_access_key": self.access_key, "multiregion_aws_secret_key": self.secret_key}


@dataclass
class Playbook:
    """A playbook under way."""

    world: Any
    process: subprocess.Popen
    log: Path
    since: int
    run_id: str

    @property
    def pid(self) -> int:
        """Of the controller."""
        return self.process.pid

    def wait(self, seconds: float = PLAYBOOK_S_MAX) -> Outcome:
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)
            raise AssertionError(f"{self.log.name} took over {seconds} s:\n{self.log.read_text()[-6000:]}") from None
        return self.world.outcome(code, self.log, self.since)

    def kill_all(self) -> None:
        """As a power cut: the controller, its workers and the module that is at work."""
        processes.kill_all(self.pid)
        self.process.wait(10)
