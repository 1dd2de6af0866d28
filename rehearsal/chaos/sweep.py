# SPDX-License-Identifier: GPL-3.0-or-later
"""One world of the sweep: it runs the move once without faults and keeps a checkpoint before each playbook; from
these it goes back for each injection.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
import traceback
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rehearsal import checkpoint, contents, judge, playbooks, run
from rehearsal.api import control
from rehearsal.chaos import calls
from rehearsal.chaos.conditions import CONDITIONS, Scene, acting
from rehearsal.chaos.injections import Injection, Outcome
from rehearsal.down import stop_world
from rehearsal.settings import Settings
from rehearsal.warm import Begun, Warm

# AWS's times pass ten times faster than in a rehearsal: they are not what is looked at.
SCALE = 600
WRITES_PER_SECOND, READS_PER_SECOND = 5.0, 2.5
# As much shorter are the waits between two tries of a throttled call, which are a quarter of a minute for each call.
QUICK_RETRIES = {
    "PYTHONPATH": str(Path(__file__).parent / "quick_retries"),
    "MEDZEN_RETRIES_FASTER": str(SCALE),
}
# A call that is refused for a while is a write call each time, so runs may differ by a few: a late kill is tried again.
KILL_TRIES_MAX = 5
PLAYBOOK_S_MAX = 3600
# Ansible's exit code for a playbook that its operator ended with Ctrl-C.
INTERRUPTED = 99
# Runs under a fault that meets every call once, before it is switched off.
RUNS_MAX = 8
# Where production is when a playbook begins, and when it has ended.
MOVES = "cutover_dns"


class Sweep:
    """Injects faults into the playbooks of a plan, in one world."""

    def __init__(self, settings: Settings, plan: Mapping[str, Any], folder: Path) -> None:
        self.settings = settings
        self.plan = {**plan, "visitors": None}
        self.folder = folder
        self.write_calls: dict[str, int] = {}
        # How long each playbook took without faults.
        self.clean_s: dict[str, float] = {}
        self._expected: dict[str, dict[str, list[str]]] = {}
        self._clean_calls: dict[str, Counter[str]] = {}
        # Of everything that there was: a playbook may delete what its calls name.
        self._names: dict[str, str] = {}
        self._runs = 0
        self._warm = Warm(playbooks.keep_code(playbooks.own_environment()), folder.with_suffix(".warm.log"))

    # --- the world

    def prepare(self) -> None:
        """A small world before the move, then the move without faults."""
        checkpoint.forget(self.settings)
        run.prepare(self.settings, ["--small"])
        control(self.settings, "clock", {"scale": SCALE})
        # The cloud knows the services that were asked for, and a copy of it that is woken need not learn them again.
        self._read()
        for step in self.plan["move"]:
            self._prepare_step(step["name"])

    def _prepare_step(self, name: str) -> None:
        checkpoint.save(self.settings, name, os.getpid())
        since, began = self._mark(), time.monotonic()
        folder = self._new_folder(f"clean-{name}")
        with run.clients(self.settings, self.plan, WRITES_PER_SECOND, READS_PER_SECOND, folder):
            code = self._play(name, folder)
        if code:
            self._keep_logs(folder)
            raise SystemExit(f"error: {name} without faults ended with {code}; see {folder}")
        self.clean_s[name] = round(time.monotonic() - began, 1)
        self._expected[name] = self._read()
        self._clean_calls[name] = calls.describe(self._writes(since), self._names)
        self.write_calls[name] = self._clean_calls[name].total()

    def end(self) -> None:
        self._warm.stop()
        stop_world(self.settings)
        checkpoint.forget(self.settings)
        shutil.rmtree(self.settings.folder, ignore_errors=True)

    # --- one injection

    def try_injection(self, injection: Injection) -> Outcome:
        """What came of it. A fault that could not be injected proves nothing: that is told, and the sweep goes on."""
        try:
            for _ in range(KILL_TRIES_MAX):
                outcome = self.inject(injection)
                # What is wrong without a kill is wrong all the more, and is told.
                if not outcome.missed or outcome.differences or outcome.reasons:
                    break
            return outcome
        except Exception as problem:
            traceback.print_exc()
            return Outcome(injection, 0, (), (), 0, 0, (f"not injected: {problem!r}",), 0.0)

    def inject(self, injection: Injection) -> Outcome:
        """From the checkpoint: the run with the fault, where it failed another one without, then compare and judge."""
        began = time.monotonic()
        name, folder = injection.playbook, self._new_folder(injection.name)
        checkpoint.restore(self.settings, name, os.getpid())
        since = self._mark()
        judge.write_baseline(self.settings, self._primary(name, before=True), folder)
        more = CONDITIONS[injection.what].clients if injection.what else ()
        with run.clients(self.settings, self.plan, WRITES_PER_SECOND, READS_PER_SECOND, folder, more=more):
            codes, met = self._run_with(injection, folder)
        reasons, lost, twice = self._judge(folder, name)
        found = contents.differences(self._expected[name], self._read())
        unmet = self._unmet(name, since) if injection.kind == "lost" else []
        outcome = Outcome(
            injection,
            met,
            tuple(codes),
            tuple(found),
            lost,
            twice,
            reasons,
            round(time.monotonic() - began, 1),
            unmet=tuple(unmet),
        )
        if outcome.converged:
            shutil.rmtree(folder)
        else:
            self._keep_logs(folder)
        return outcome

    def _run_with(self, injection: Injection, folder: Path) -> tuple[list[int], int]:
        """Exit codes of the runs, the last one without the fault or through it, and how many calls the fault met."""
        if injection.what:
            return self._run_under(injection, folder)
        environment = QUICK_RETRIES if injection.kind == "throttle" else {}
        process = self._begin(injection.playbook, folder, environment)
        rules = [control(self.settings, "faults", rule)["id"] for rule in injection.rules(process.pid)]
        codes = [_wait(process)]
        # Each call is met once, so every further run comes further, and only a last one ends well.
        while injection.each and codes[-1] != 0 and len(codes) < RUNS_MAX:
            codes.append(self._play(injection.playbook, folder, environment))
        rows = {row["id"]: row for row in control(self.settings, "faults", timeout_s=60)}
        control(self.settings, "faults", method="DELETE")
        if codes[-1] != 0:
            codes.append(self._play(injection.playbook, folder))
        # The last rule meets every call that the first one met.
        return codes, rows[rules[-1]]["met"]

    def _run_under(self, injection: Injection, folder: Path) -> tuple[list[int], int]:
        scene, condition = Scene(self.settings, folder), CONDITIONS[injection.what]
        process = self._begin(injection.playbook, folder, condition.environment)
        with acting(injection.what, scene):
            codes = [_wait(process)]
        if codes[0] != 0:
            codes += [self._play(name, folder) for name in (*condition.remedy, injection.playbook)]
        return codes, scene.acts

    def _unmet(self, name: str, since: int) -> list[str]:
        """Write calls of the run without faults whose answer was not lost since then."""
        met = [one for one in self._writes(since) if "lost_response" in one["faults"]]
        return calls.unmet(self._clean_calls[name], calls.describe(met, self._names))

    def _read(self) -> dict[str, list[str]]:
        checkpoint.wait_for_rest(self.settings)
        found = contents.read_world(self.settings)
        self._names.update(contents.names_of(found))
        return contents.normalise(found)

    def _judge(self, folder: Path, name: str) -> tuple[tuple[str, ...], int, int]:
        try:
            verdict = judge.judge(self.settings, folder, self._primary(name, before=False))
        except Exception as problem:  # no verdict is a verdict of its own
            return (f"no verdict: {problem}",), 0, 0
        return tuple(verdict.reasons), verdict.lost_writes + verdict.lost_seeded, verdict.duplicate_writes

    def _primary(self, name: str, *, before: bool) -> str:
        """The database that serves production before or after a playbook."""
        names = [step["name"] for step in self.plan["move"]]
        place, moves = names.index(name), names.index(MOVES)
        moved = place > moves or (place == moves and not before)
        return self.plan["primary_database"] if moved else self.plan["source_database"]

    # --- playbooks

    def _play(self, name: str, folder: Path, more: Mapping[str, str] | None = None) -> int:
        return _wait(self._begin(name, folder, more))

    def _begin(self, name: str, folder: Path, more: Mapping[str, str] | None = None) -> subprocess.Popen | Begun:
        """Start it; `more` of the environment is for an interpreter of its own."""
        self._runs += 1
        step = next(step for step in self.plan["move"] if step["name"] == name)
        command = playbooks.build_command(name, self.plan["inventory"], step.get("extra_vars") or {})
        run_id = f"chaos-{self.settings.world}-{self._runs}-{name}".replace("_", "-")
        environment = playbooks.run_environment(self.settings, folder / "playbooks", run_id)
        log = folder / f"{self._runs:04d}-{name}.log"
        if not more:
            return self._warm.begin(command[1:], environment, log)
        with log.open("w", encoding="utf-8") as stream:
            return subprocess.Popen(
                playbooks.die_with_parent(command),
                cwd=playbooks.ROOT,
                env=playbooks.keep_code({**playbooks.own_environment(), **environment, **more}),
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
            )

    def _keep_logs(self, folder: Path) -> None:
        """What the world's own processes said; the next injection begins with none."""
        shutil.copytree(self.settings.logs, folder / "world", dirs_exist_ok=True)

    def _mark(self) -> int:
        return int(control(self.settings, "ledger/mark", {"name": "chaos"})["n"])

    def _writes(self, since: int) -> list[dict[str, Any]]:
        """Without those to the run record."""
        found = control(self.settings, f"ledger?since={since}&write=1", timeout_s=60)["calls"]
        return [one for one in found if not one["record"]]

    def _new_folder(self, name: str) -> Path:
        folder = self.folder / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder


def _wait(process: subprocess.Popen | Begun) -> int:
    try:
        code = process.wait(PLAYBOOK_S_MAX)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(10)
        return -1
    if code == INTERRUPTED:
        # No fault does that: the sweep itself is being ended, and this says nothing about the injection.
        raise KeyboardInterrupt
    return code


def write_json(path: Path, value: Any) -> None:
    """Whole or not at all: another process may read it at any moment."""
    part = path.with_suffix(".part")
    part.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
    part.replace(path)
