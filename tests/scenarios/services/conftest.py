# SPDX-License-Identifier: GPL-3.0-or-later
"""One world for modules of single services: the cloud alone, nothing seeded, no database, no name server.

A test describes its tasks (`step`), one ansible-playbook runs them, and each comes back with its result and with the
calls that it made, as the ledger has them:

    made, again = services.play(step("ecs_cluster", name="a"), step("ecs_cluster", name="a"))
    assert made.changed and not again.writes

A step may bring faults, which end with it; it may use what steps before it returned, registered as step_1, step_2, ….
All tests share the world, so each takes names of its own.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config

from rehearsal import api, aws, playbooks, up
from rehearsal import settings as world_settings
from rehearsal.chaos.sweep import QUICK_RETRIES
from rehearsal.warm import Warm

ROOT = Path(__file__).resolve().parents[3]
# What tests share lies beside them.
sys.path.insert(0, str(Path(__file__).parent))
# Tests that run side by side, file by file, have worlds of their own.
WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
# Another number for a second test run on the same machine.
WORLD = int(os.environ.get("MEDZEN_SERVICES_WORLD", "131")) + WORKER
SCALE = 600.0
READY_S_MAX, PLAY_S_MAX = 60, 300


@dataclass(frozen=True)
class Step:
    """One task to run."""

    module: str
    options: dict[str, Any]
    check: bool = False
    faults: tuple[dict[str, Any], ...] = ()

    def task(self, number: int) -> dict[str, Any]:
        name = self.module if "." in self.module else f"medzen.multiregion.{self.module}"
        common = {"check_mode": self.check, "diff": True, "ignore_errors": True, "register": f"step_{number}"}
        return {"name": f"Step {number}", name: self.options, **common}


@dataclass(frozen=True)
class Done:
    """What came of a step: `done["key"]` is a value that the module returned."""

    result: dict[str, Any]
    failed: bool
    calls: list[dict[str, Any]] = field(repr=False)

    def __getitem__(self, key: str) -> Any:
        assert key in self.result, f"no {key!r} in {self}"
        return self.result[key]

    @property
    def changed(self) -> bool:
        assert not self.failed, self.error
        return bool(self.result["changed"])

    @property
    def error(self) -> str:
        """The message of a failure; asking for it from a step that went well is an error of the test."""
        assert self.failed, f"no failure: {self.result}"
        return str(self.result.get("msg", self.result))

    @property
    def operations(self) -> list[str]:
        """All calls, as bedrock:GetGuardrail, in their order, those that failed as well."""
        return [f"{call['service']}:{call['operation']}" for call in self.calls]

    @property
    def writes(self) -> list[str]:
        return [f"{call['service']}:{call['operation']}" for call in self.calls if call["write"]]


def step(module: str, *faults: dict[str, Any], check: bool = False, **options: Any) -> Step:
    return Step(module, options, check, faults)


def fault(action: str, operation: str, **more: Any) -> dict[str, Any]:
    """A rule of the control API for calls of `operation`, written as service:Operation."""
    service, _, name = operation.partition(":")
    return {"action": action, "match": {"service": service, "operation": name}, **more}


class Services:
    """A running cloud."""

    def __init__(self, folder: Path):
        self.folder, self.plays = folder, 0
        self.settings = world_settings.Settings(WORLD, folder, SCALE)
        self._process: subprocess.Popen | None = None
        self._warm: Warm | None = None

    def start(self) -> None:
        assert not api.is_ready(self.settings), f"world {WORLD} runs already: set MEDZEN_SERVICES_WORLD"
        up.prepare_folders(self.settings)
        command = playbooks.die_with_parent([sys.executable, "-m", "rehearsal.cloud"])
        own = {"MEDZEN_REHEARSAL_DIR": str(self.folder), "MEDZEN_TIME_SCALE": str(SCALE)}
        with self.log.open("w", encoding="utf-8") as log:
            self._process = subprocess.Popen(
                [*command, "--world", str(WORLD)], cwd=ROOT, env={**os.environ, **up.worker_environment(), **own},
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        end = time.monotonic() + READY_S_MAX
        while not api.is_ready(self.settings):
            assert self._process.poll() is None and time.monotonic() < end, self.log.read_text(encoding="utf-8")
            time.sleep(0.1)

    def stop(self) -> None:
        if self._warm is not None:
            self._warm.stop()
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(10)
            finally:
                self._process.kill()

    @property
    def log(self) -> Path:
        return self.folder / "cloud.log"

    # ---- its API ----

    def control(self, path: str, body: Any = None, method: str | None = None) -> Any:
        return api.control(self.settings, path, body, method, timeout_s=60)

    def advance(self, seconds: float) -> None:
        """Let AWS seconds pass."""
        self.control("clock", {"advance": seconds})

    @contextlib.contextmanager
    def fault(self, rule: dict[str, Any]) -> Iterator[None]:
        """A fault over several plays or calls of the test's own."""
        number = self.control("faults", rule)["id"]
        try:
            yield
        finally:
            self.control(f"faults/{number}", method="DELETE")

    def client(self, service: str, region: str = "eu-central-1") -> Any:
        """To read back with, or to prepare; it does not retry."""
        return aws.connect(self.settings, service, region, config=Config(retries={"max_attempts": 0}))

    # ---- tasks ----

    def play(self, *steps: Step, region: str = "eu-central-1") -> list[Done]:
        """Run the steps in one playbook, the failed ones as well; `region` is what a step without one gets."""
        self.plays += 1
        folder = self.folder / f"play-{self.plays}"
        folder.mkdir()
        (folder / "plan.json").write_text(json.dumps([{"faults": one.faults} for one in steps]), encoding="utf-8")
        (folder / "play.json").write_text(json.dumps([self._build_play(steps, region)]), encoding="utf-8")
        output = self._run(folder)
        results = folder / "results.jsonl"
        lines = results.read_text(encoding="utf-8").splitlines() if results.exists() else []
        assert len(lines) == len(steps), f"{len(lines)} of {len(steps)} steps ended:\n{output[-6000:]}"
        return [Done(**json.loads(line)) for line in lines]

    def _build_play(self, steps: tuple[Step, ...], region: str) -> dict[str, Any]:
        where = {
            "region": region,
            "endpoint_url": self.settings.api_url,
            "access_key": world_settings.ACCESS_KEY,
            "secret_key": world_settings.SECRET_KEY,
        }
        return {
            "hosts": "localhost",
            "gather_facts": False,
            "vars": {"ansible_connection": "local", "ansible_python_interpreter": sys.executable},
            "module_defaults": {"group/medzen.multiregion.aws": where},
            "tasks": [one.task(number) for number, one in enumerate(steps, start=1)],
        }

    def _run(self, folder: Path) -> str:
        """What the command says."""
        self._warm = self._warm or Warm(self._environment(), self.folder / "warm.log")
        own = {"STEPS_PLAN": str(folder / "plan.json"), "STEPS_RESULTS": str(folder / "results.jsonl")}
        output = folder / "output.log"
        self._warm.run(["-i", "localhost,", str(folder / "play.json")], own, output, PLAY_S_MAX)
        return output.read_text(encoding="utf-8")

    def _environment(self) -> dict[str, str]:
        # Nobody's account may be reached from a scenario.
        own = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "MEDZEN_", "ANSIBLE_"))}
        kept = {key: os.environ[key] for key in ("ANSIBLE_COLLECTIONS_PATH",) if key in os.environ}
        # A test that is throttled looks at what comes of it, not at the wait.
        return playbooks.keep_code({**own, **kept, **QUICK_RETRIES}) | {
            "AWS_EC2_METADATA_DISABLED": "true",
            "ANSIBLE_CALLBACK_PLUGINS": str(Path(__file__).parent / "callback"),
            "ANSIBLE_CALLBACKS_ENABLED": "steps",
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_PIPELINING": "1",
            "STEPS_CONTROL": f"{self.settings.api_url}/_rehearsal",
        }


@pytest.fixture(scope="session")
def services(tmp_path_factory) -> Iterator[Services]:
    one = Services(tmp_path_factory.mktemp("services"))
    try:
        one.start()
        yield one
    finally:
        one.stop()


@pytest.fixture(scope="session", name="step")
def step_fixture():
    """step(module, *faults, check=False, **options): a task for `services.play`."""
    return step


@pytest.fixture(scope="session", name="fault")
def fault_fixture():
    """fault(action, "service:Operation", **more): a rule for a step or for `services.fault`."""
    return fault
