# SPDX-License-Identifier: GPL-3.0-or-later
"""Worlds for the scenarios of the move, one at a time: each starts with production in af-south-1 and moves forwards.

A test names the step that it needs (`stage.at("moved")`). It gets the present world where that one stands there, else
a new one. A test that breaks its world takes a new one (`stage.fresh`) and says where it left it. A new world goes on
from a checkpoint of its step, which the first one that came there has made.
"""

from __future__ import annotations

import contextlib
import getpass
import http.client
import json
import os
import secrets
import shutil
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dns.resolver
import pytest
import yaml

from rehearsal import api, aws, canary, checkpoint, judge, playbooks, run
from rehearsal import settings as world_settings
from rehearsal.warm import Warm
from tests.scenarios import groups
from tests.scenarios.runs import PLAYBOOK_S_MAX, Machine, Outcome, Playbook, own_environment

world_settings.keep_worlds_in_memory()
pytest_collection_modifyitems = groups.sort_by_group
pytest_xdist_make_scheduler = groups.make_scheduler

ROOT = Path(__file__).resolve().parents[2]
INVENTORY = "inventories/rehearsal"
SOURCE, TARGET, STANDBY = "af-south-1", "eu-central-1", "eu-west-1"
SOURCE_DATABASE, TARGET_DATABASE = f"medzen-ehrbase-db-{SOURCE}", f"medzen-ehrbase-db-{TARGET}"
RECORD, ZONE = "ehr.medzenhealth.app", "medzenhealth.app"
RUN_RECORD_TABLE = "medzen-multiregion-runs"
# Every secret of these worlds begins with it, and no playbook may ever say it.
CANARY = os.environ[canary.VARIABLE] = f"Zq{secrets.token_hex(4)}X"
# Tests that run side by side, file by file, have a world of their own.
WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
# Another number for a second test run on the same machine.
WORLD = int(os.environ.get("MEDZEN_SCENARIO_WORLD", "111")) + WORKER
STEPS = ("before", "provisioned", "moved", "protected")
# The DR region plays no part until it stands by.
ALONE = ("--limit", TARGET)
WAYS = {
    "provisioned": [("provision_region", ALONE)],
    "moved": [("cutover_dns", ALONE)],
    "protected": [("provision_region", ()), ("create_dr_replica", ())],
}
# Where nothing is looked at but the end, AWS's times pass ten times faster than in a rehearsal.
QUICK_SCALE = 600
# What a target does in its first second it does in its fifth. Who is looked at while it watches takes its time.
SHORT_WATCH = {"cutover_watch_window_s": 1}
WATCHING = ("cutover_dns", "fail_back")
# Bounds for a machine that others use as well; nothing waits for them when all is well.
COMMAND_S_MAX, LOOK_S = 300, 0.05
LOG_CHARS = 3000


def until(look: Callable[[], Any], what: str, seconds: float = 60.0) -> Any:
    """The first true thing that is seen; after the deadline the last one stands in the error."""
    end = time.monotonic() + seconds
    while not (seen := look()):
        assert time.monotonic() < end, f"{what}: not in {seconds} s; last seen: {seen!r}"
        time.sleep(LOOK_S)
    return seen


@dataclass
class World:
    """A running world and the step of the move at which it stands."""

    number: int
    folder: Path
    warm: Warm
    step: str = "before"
    runs: int = 0
    settings: world_settings.Settings = field(init=False)

    def __post_init__(self) -> None:
        self.settings = world_settings.load(self.number)

    # ---- life ----

    def start(self) -> None:
        self.command("down", "--wipe")
        self.command("up", "--until-pid", str(os.getpid()))
        self.command("seed", "--small")

    def stop(self) -> None:
        self.command("down", "--wipe")

    def save(self, name: str) -> None:
        """Keep the world as it stands until the test run ends."""
        self.command("checkpoint", "save", name, "--until-pid", str(os.getpid()))

    def restore(self, name: str) -> None:
        """Begin again there, as often as wanted."""
        self.command("checkpoint", "restore", name, "--until-pid", str(os.getpid()))

    def command(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess:
        command = [sys.executable, "-m", "rehearsal", *arguments, "--world", str(self.number)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=COMMAND_S_MAX, check=False)
        assert not check or done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}\n{self.log_tail()}"
        return done

    def log_tail(self) -> str:
        """The last words of the world's processes, which go with the world."""
        logs = sorted(self.settings.logs.glob("*.log"), key=lambda path: path.stat().st_mtime)
        return "\n".join(f"{path.name}:\n{path.read_text(errors='replace')[-LOG_CHARS:]}" for path in logs[-3:])

    def move_to(self, step: str, **extra_vars: Any) -> None:
        """Go forwards; what lies between is run as an operator runs it."""
        for name in STEPS[STEPS.index(self.step) + 1 : STEPS.index(step) + 1]:
            for playbook, options in WAYS[name]:
                with self.quick():
                    done = self.play(playbook, *options, **extra_vars)
                assert done.code == 0, str(done)
            self.step = name

    # ---- its API ----

    def control(self, path: str, body: Any = None, method: str | None = None) -> Any:
        return api.control(self.settings, path, body, method, timeout_s=60)

    def writes(self, since: int) -> list[str]:
        """Write calls after a point in the ledger, without those to the run record's table."""
        calls = self.control(f"ledger?since={since}&write=1")["calls"]
        return [f"{call['service']}:{call['operation']} {call['region']}" for call in calls if not call["record"]]

    def calls_to(self, region: str, since: int) -> list[str]:
        """What was asked of a region after a point in the ledger, answered or not; no function's calls.

        Without those of the run record: it asks every region whether another run holds the lock there.
        """
        calls = self.control(f"ledger?since={since}&region={region}")["calls"]
        return [f"{call['service']}:{call['operation']} {call['status']}" for call in calls if not call["record"]]

    def writers(self, since: int) -> list[str]:
        """Whose key each of these writes was made with, in their order."""
        calls = self.control(f"ledger?since={since}&write=1")["calls"]
        return [call["access"] for call in calls if not call["record"]]

    def mark(self) -> int:
        return int(self.control("ledger/mark", {"name": "scenario"})["n"])

    @contextlib.contextmanager
    def quick(self) -> Iterator[None]:
        self.control("clock", {"scale": QUICK_SCALE})
        try:
            yield
        finally:
            self.control("clock", {"scale": self.settings.scale})

    @contextlib.contextmanager
    def fault(self, action: str, match: dict[str, Any], **more: Any) -> Iterator[None]:
        rule = self.control("faults", {"action": action, "match": match, **more})["id"]
        try:
            yield
        finally:
            self.control(f"faults/{rule}", method="DELETE")

    @contextlib.contextmanager
    def link(self, **change: Any) -> Iterator[None]:
        """A fault of the replication link from the source to the target, which ends with the block."""
        way = {"source_region": SOURCE, "target_region": TARGET}
        self.control("link", {**way, **change})
        try:
            yield
        finally:
            self.control("link", {**way, "delay_ms": 0, "cut": False})

    def lose(self, region: str, mode: str) -> None:
        """Cut a region off, as `refuse` or `blackhole`, or let it come back with an empty mode."""
        self.control("regions/lost", {"region": region, "mode": mode})

    def client(self, service: str, region: str = TARGET) -> Any:
        return aws.connect(self.settings, service, region)

    # ---- playbooks ----

    def machine(self, name: str) -> Machine:
        """A machine from which playbooks can be run as well, with a key of its own."""
        iam = self.client("iam")
        iam.create_user(UserName=name)
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return Machine(name, self.folder / name, key["AccessKeyId"], key["SecretAccessKey"])

    def begin(
        self,
        name: str,
        *options: str,
        inventory: str | Path = INVENTORY,
        machine: Machine | None = None,
        **extra_vars: Any,
    ) -> Playbook:
        """Start a playbook from the project's root, as an operator does."""
        run_id, log = self._next_run(name)
        extra_vars |= machine.extra_vars if machine else {}
        command = playbooks.build_command(name, str(inventory), extra_vars, *options)
        command = playbooks.die_with_parent(machine.wrap(command) if machine else command)
        since = self.mark()
        with log.open("w", encoding="utf-8") as stream:
            environment = self._environment(run_id) | (machine.environment() if machine else {})
            process = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream
            )
        return Playbook(self, process, log, since, run_id)

    def play(self, name: str, *options: str, **given: Any) -> Outcome:
        """Run a playbook to its end, with what `begin` takes."""
        if "machine" in given:
            return self.begin(name, *options, **given).wait()
        inventory = given.pop("inventory", INVENTORY)
        given = {**SHORT_WATCH, **given} if name in WATCHING else given
        run_id, log = self._next_run(name)
        _command, *arguments = playbooks.build_command(name, str(inventory), given, *options)
        since = self.mark()
        return self.outcome(self.warm.run(arguments, self._run_environment(run_id), log, PLAYBOOK_S_MAX), log, since)

    def _next_run(self, name: str) -> tuple[str, Path]:
        """Its identifier, and where what it says is kept."""
        self.runs += 1
        run_id = f"scenario-{self.folder.name}-{self.runs}-{name.replace('_', '-')}"
        return run_id, self.folder / f"{self.runs:02d}-{name}.log"

    def outcome(self, code: int, log: Path, since: int) -> Outcome:
        output = log.read_text(encoding="utf-8")
        assert not canary.find(CANARY, output), f"{log} tells a secret: {canary.find(CANARY, output)[0]}"
        return Outcome(code, output, self.writes(since))

    def _environment(self, run_id: str) -> dict[str, str]:
        return playbooks.keep_code(own_environment()) | self._run_environment(run_id)

    def _run_environment(self, run_id: str) -> dict[str, str]:
        return playbooks.run_environment(self.settings, self.folder / "reports", run_id)

    # ---- what it holds ----

    def query(self, database: str, statement: str) -> list[tuple]:
        with judge.connect(self.settings, database) as connection:
            return connection.execute(statement).fetchall()

    def is_fenced(self, database: str) -> bool:
        return bool(self.query(database, "SELECT 1 FROM pg_namespace WHERE nspname = 'medzen_fence'"))

    def takes_writes(self, database: str) -> bool:
        """Whether the table of compositions can be written to; nothing is."""
        try:
            with judge.connect(self.settings, database) as connection:
                connection.execute("DELETE FROM ehr.comp_version WHERE false")
        except judge.psycopg.errors.ReadOnlySqlTransaction:
            return False
        return True

    def facts(self, region: str = TARGET) -> dict[str, Any]:
        """What the run record of a region remembers of the move."""
        item = self._recorded("facts", region)
        return json.loads(item["document"]["S"]) if item else {}

    def lock_holder(self, region: str = TARGET) -> str:
        """The run that holds the lock of the move in a region; empty when nobody does."""
        return self._recorded("lock", region).get("run_id", {}).get("S", "")

    def recorded_gates(self, region: str = TARGET) -> list[dict[str, Any]]:
        """The verdicts in the run record of a region, oldest first."""
        found = self.client("dynamodb", region).query(
            TableName=RUN_RECORD_TABLE,
            KeyConditionExpression="pk = :workload AND begins_with(sk, :kind)",
            ExpressionAttributeValues={":workload": {"S": "medzen-ehrbase"}, ":kind": {"S": "gate#"}},
        )["Items"]
        return [json.loads(item["document"]["S"]) for item in found]

    def _recorded(self, kind: str, region: str) -> dict[str, Any]:
        key = {"pk": {"S": "medzen-ehrbase"}, "sk": {"S": kind}}
        dynamodb = self.client("dynamodb", region)
        try:
            return dynamodb.get_item(TableName=RUN_RECORD_TABLE, Key=key, ConsistentRead=True).get("Item", {})
        except dynamodb.exceptions.ResourceNotFoundException:
            return {}

    def balancer(self, region: str) -> dict[str, Any]:
        found = self.client("elbv2", region).describe_load_balancers()["LoadBalancers"]
        return next(one for one in found if one["LoadBalancerName"].startswith("medzen-ehrbase"))

    def record_sets(self) -> list[dict[str, Any]]:
        route53 = self.client("route53")
        zone = route53.list_hosted_zones_by_name(DNSName=ZONE)["HostedZones"][0]["Id"]
        found = route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
        return [one for one in found if one["Name"] == f"{RECORD}."]

    def serves_from(self, region: str) -> bool:
        return self.balancer(region)["DNSName"].lower() in json.dumps(self.record_sets()).lower()

    # ---- clients ----

    def resolve(self, name: str) -> str:
        """The address that a client gets for a name."""
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers, port = self.settings.resolver.split(":")[:1], self.settings.resolver.split(":")[1]
        resolver.port = int(port)

        def look() -> str:
            with contextlib.suppress(dns.exception.DNSException):
                return resolver.resolve(name, "A")[0].address
            return ""

        return until(look, f"an address of {name}")

    def ask(self, name: str, method: str, path: str, body: Any = None, at: str = "") -> tuple[int, Any]:
        """One request over HTTPS to whom a name stands for, or to `at`; the certificate is verified for that name."""
        context = ssl.create_default_context(cafile=str(self.settings.folder / "ca.pem"))
        connection = http.client.HTTPConnection(name)
        address = (self.resolve(at or name), world_settings.HTTPS_PORT)
        connection.sock = context.wrap_socket(socket.create_connection(address, 30), server_hostname=name)
        with contextlib.closing(connection):
            connection.request(method, path, None if body is None else json.dumps(body))
            answer = connection.getresponse()
            told = answer.read()
            # A balancer's own words are HTML.
            return answer.status, json.loads(told) if answer.headers.get_content_subtype() == "json" else told.decode()

    @contextlib.contextmanager
    def clients(
        self, writes: float, reads: float, patience: float = 120.0, database: str = SOURCE_DATABASE
    ) -> Iterator[Path]:
        """The rehearsal's own clients until the end of the block; their logs and the baseline lie in the folder."""
        folder = self.folder / f"traffic-{self.runs}"
        judge.write_baseline(self.settings, database, folder)
        plan = {**yaml.safe_load(run.PLAN.read_text(encoding="utf-8")), "visitors": None}
        with run.clients(self.settings, plan, writes, reads, folder, patience):
            yield folder

    def judged(self, folder: Path, database: str = TARGET_DATABASE) -> judge.Verdict:
        return judge.judge(self.settings, folder, database)


class Stage:
    """The one world that runs."""

    def __init__(self, folder: Path):
        self.folder, self.world, self._lives = folder, None, 0
        self._kept: set[str] = set()
        self._warm = Warm(playbooks.keep_code(own_environment()), folder / "warm.log")

    def at(self, step: str) -> World:
        """The present world where it stands at this step, else a new one."""
        return self.world if self.world and self.world.step == step else self.fresh(step)

    def fresh(self, step: str, **extra_vars: Any) -> World:
        """A world at this step in which no test has done anything. It goes on from the last step that was kept."""
        changes = [f"{key}-{value}" for key, value in sorted(extra_vars.items())]
        names = {one: "-".join([one, *changes]) for one in STEPS} | {STEPS[0]: STEPS[0]}
        self._lives += 1
        folder = self.folder / f"world-{WORLD}-{self._lives}"
        folder.mkdir()
        # Not at a step before it has started: nobody goes on with half a world.
        self.world = world = World(WORLD, folder, self._warm, "starting")
        way = STEPS[: STEPS.index(step) + 1]
        world.step = self._begin(world, names, [one for one in way if names[one] in self._kept])
        for one in way[way.index(world.step) + 1 :]:
            world.move_to(one, **extra_vars)
            self._keep(names[one])
        return world

    def _begin(self, world: World, names: dict[str, str], kept: list[str]) -> str:
        if kept:
            world.restore(names[kept[-1]])
            return kept[-1]
        checkpoint.forget(world.settings)
        world.start()
        self._keep(STEPS[0])
        return STEPS[0]

    def _keep(self, name: str) -> None:
        self.world.save(name)
        self._kept.add(name)

    def end(self) -> None:
        self._warm.stop()
        if self.world is not None:
            self.world.stop()
            checkpoint.forget(self.world.settings)
        self.world = None


@pytest.fixture(scope="session")
def stage(tmp_path_factory) -> Iterator[Stage]:
    one = Stage(tmp_path_factory.mktemp("scenarios"))
    try:
        yield one
    finally:
        one.end()


@pytest.fixture(scope="session", name="until")
def until_fixture() -> Callable[..., Any]:
    return until


@pytest.fixture(scope="session")
def myself() -> str:
    """As the lock names who runs a playbook here."""
    return f"{getpass.getuser()}@{socket.gethostname()}"


@pytest.fixture
def inventory(tmp_path) -> Callable[[dict[str, list[str]]], Path]:
    """The rehearsal's inventory with other regions in its groups."""

    def build(groups: dict[str, list[str]]) -> Path:
        folder = shutil.copytree(ROOT / INVENTORY, tmp_path / "inventory")
        hosts = yaml.safe_load((folder / "hosts.yml").read_text(encoding="utf-8"))
        for group, regions in groups.items():
            hosts["regions"]["children"][group] = {"hosts": dict.fromkeys(regions)}
        (folder / "hosts.yml").write_text(yaml.safe_dump(hosts), encoding="utf-8")
        return folder

    return build
