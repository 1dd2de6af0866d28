# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a playbook as an operator does, and say what it did: time, Ansible's counts, and AWS calls from the ledger."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rehearsal.api import control
from rehearsal.settings import ACCESS_KEY, OPERATOR_ACCESS_KEYS, Settings
from rehearsal.summary import PlaybookRow

if TYPE_CHECKING:
    from rehearsal.warm import Warm

ROOT = Path(__file__).resolve().parent.parent
RECAP = re.compile(r"^(\S+)\s+: (.*)$")
DIE_WITH_PARENT = (
    "import ctypes, os, sys; ctypes.CDLL(None).prctl(1, 9); os.execv(sys.argv[1], [sys.argv[1], *sys.argv[2:]])"
)
# A playbook of the rehearsal takes a minute or two; one that hangs must not hang the rehearsal.
PLAYBOOK_S_MAX = 900
KEY_OPTION = "multiregion_aws_access_key"
# Where code is kept for playbooks that are run again and again, and not measured.
KEPT_CODE = ROOT / ".cache" / "code"


@dataclass(frozen=True)
class Runner:
    """Where playbooks run, and for whom."""

    settings: Settings
    inventory: str
    folder: Path
    extra_vars: dict[str, Any]
    run_id: str
    seconds_max: float = PLAYBOOK_S_MAX
    # Runs what is run aside.
    warm: Warm | None = None

    def run(self, name: str, *, label: str, check: bool = False, extra_vars: dict | None = None, aside=False):
        """Run `<name>.yml` from the project's root; its output goes to a log and to the terminal.

        What runs `aside` is not shown on the terminal, and its time is not what counts: it begins in a process that has
        loaded Ansible.
        """
        given = {**self.extra_vars, **(extra_vars or {})}
        key = given.get(KEY_OPTION, ACCESS_KEY)
        command = build_command(name, self.inventory, given, *(["--check", "--diff"] if check else []))
        before = int(control(self.settings, "ledger/mark", {"name": f"{label} {name}"})["n"])
        started = time.time()
        code = (self._run_aside if aside else self._stream)(command, label, name)
        wall_s = time.time() - started
        calls = control(self.settings, f"ledger?since={before}&access={key}", timeout_s=60)["calls"]
        return self._row(name, label, code, started, wall_s, calls)

    def run_beside(self, name: str, **how: Any) -> PlaybookRow:
        """Run a playbook while others run: it signs with a key of its own, by which its calls are counted."""
        return self.run(name, extra_vars={KEY_OPTION: OPERATOR_ACCESS_KEYS + name}, **how)

    def _run_aside(self, command: list[str], label: str, name: str) -> int:
        assert self.warm is not None
        try:
            return self.warm.run(
                command[1:], self._environment(label, name), self._open_log(label, name), self.seconds_max
            )
        except subprocess.TimeoutExpired:
            return -signal.SIGKILL

    def _stream(self, command: list[str], label: str, name: str) -> int:
        log = self._open_log(label, name)
        # A rehearsal that is killed leaves no playbook at work.
        started = subprocess.Popen(
            die_with_parent(command),
            cwd=ROOT,
            env=own_environment() | self._environment(label, name),
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        with log.open("w", encoding="utf-8") as stream, started as process:
            assert process.stdout is not None
            limit = threading.Timer(self.seconds_max, process.kill)
            limit.start()
            try:
                for line in process.stdout:
                    stream.write(line)
                    sys.stdout.write(line)
                    sys.stdout.flush()
                return process.wait()
            finally:
                limit.cancel()

    def _environment(self, label: str, name: str) -> dict[str, str]:
        run_id = f"{self.run_id}-{label}-{name}".replace("_", "-")
        return run_environment(self.settings, self.folder / "playbooks" / label, run_id)

    def _open_log(self, label: str, name: str) -> Path:
        log = self.log(label, name)
        log.parent.mkdir(parents=True, exist_ok=True)
        return log

    def log(self, label: str, name: str) -> Path:
        return self.folder / "logs" / f"{label}-{name}.log"

    def _row(self, name: str, label: str, code: int, started: float, wall_s: float, calls: list[dict]) -> PlaybookRow:
        counts = recap(self.log(label, name).read_text(encoding="utf-8"))
        own = [call for call in calls if not call["record"]]
        return PlaybookRow(
            name=name,
            wall_s=round(wall_s, 2),
            ok=counts["ok"],
            changed=counts["changed"],
            failed=counts["failed"] + counts["unreachable"],
            aws_calls=len(own),
            write_calls=sum(1 for call in own if call["write"]),
            record_calls=len(calls) - len(own),
            exit_code=code,
            started=started,
        )


def die_with_parent(command: Sequence[str]) -> list[str]:
    """The command, but it dies with the process that starts it, also when that one is killed; exec keeps the pid."""
    return [sys.executable, "-c", DIE_WITH_PARENT, *command]


def build_command(name: str, inventory: str, extra_vars: dict[str, Any], *options: str) -> list[str]:
    """As an operator types it in the project's root."""
    given = ["-e", json.dumps(extra_vars)] if extra_vars else []
    return [_ansible_playbook(), f"{name}.yml", "-i", inventory, *options, *given]


def own_environment() -> dict[str, str]:
    """Of every playbook. Nobody's account may be reached from a rehearsal: nothing of AWS's is passed on."""
    own = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    return {**own, "PYTHONUNBUFFERED": "1", "ANSIBLE_DISPLAY_SKIPPED_HOSTS": "false"}


def run_environment(settings: Settings, reports: Path, run_id: str) -> dict[str, str]:
    """Of one run: its world, its name, and where its report goes."""
    return {
        "MEDZEN_WORLD": str(settings.world),
        "MEDZEN_MULTIREGION_REPORTS": str(reports),
        "MEDZEN_MULTIREGION_RUN": run_id,
    }


def keep_code(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of a playbook that is not measured: what it compiles is kept for the next one."""
    folders = [str(Path(__file__).parent / "kept_code"), environment.get("PYTHONPATH", "")]
    path = os.pathsep.join(filter(None, folders))
    return {**environment, "PYTHONPATH": path, "MEDZEN_KEPT_CODE": str(KEPT_CODE)}


def recap(output: str) -> dict[str, int]:
    """Ansible's own counts, added up over the hosts."""
    total = {"ok": 0, "changed": 0, "failed": 0, "unreachable": 0, "skipped": 0}
    _, _, tail = output.rpartition("PLAY RECAP")
    for line in re.sub(r"\x1b\[[0-9;]*m", "", tail).splitlines():
        found = RECAP.match(line.strip())
        for pair in found[2].split() if found else ():
            key, _, value = pair.partition("=")
            if key in total and value.isdigit():
                total[key] += int(value)
    return total


def _ansible_playbook() -> str:
    """The one of this environment, whatever else is on PATH."""
    beside = Path(sys.executable).parent / "ansible-playbook"
    return str(beside) if beside.exists() else "ansible-playbook"
