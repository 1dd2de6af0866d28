# SPDX-License-Identifier: GPL-3.0-or-later
"""What else goes wrong around a move, beside the calls themselves: databases, DNS, AWS. Each is one function that acts
while the playbook runs; afterwards the playbook runs again if it failed, and the world is compared like any other.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from rehearsal import aws
from rehearsal.api import control
from rehearsal.judge import connect
from rehearsal.settings import Settings

SOURCE, TARGET, STANDBY = "af-south-1", "eu-central-1", "eu-west-1"
WORKLOAD = "medzen-ehrbase"
SKEWED_CLOCK = Path(__file__).parent / "skewed_clock"
# So much may a machine's clock be off before AWS refuses its signatures (five minutes); less a margin.
SKEW_S = 280
SKEWED = {"PYTHONPATH": str(SKEWED_CLOCK), "MEDZEN_CLOCK_SKEW_S": str(SKEW_S)}
# What ends a condition can be a database that goes away and comes back.
END_S_MAX = 120
# The trigger that the collection's fence puts on each table.
FENCED = "SELECT count(*) FROM pg_trigger WHERE tgname = 'medzen_fence_refuse'"


@dataclass
class Scene:
    """The world in which a condition acts, until the playbook has ended."""

    settings: Settings
    # Where the clients write what they see.
    folder: Path = Path()
    over: threading.Event = field(default_factory=threading.Event)
    # How often something was done to the world.
    acts: int = 0

    def control(self, path: str, body: Any, method: str | None = None) -> Any:
        self.acts += 1
        return control(self.settings, path, body, method, timeout_s=60)

    def wait(self, seconds: float) -> bool:
        """Let the playbook go on; false once it has ended."""
        return not self.over.wait(seconds)

    def link(self, **change: Any) -> None:
        self.control("link", {"source_region": SOURCE, "target_region": TARGET, **change})

    def mishap(self, what: str, **which: Any) -> dict[str, Any]:
        return self.control("rds/mishap", {"what": what, **which})

    def wait_for_fence(self, database: str) -> bool:
        """Whether the database was fenced before the playbook ended."""
        while self.wait(0.02):
            with contextlib.suppress(psycopg.Error), connect(self.settings, database) as connection:
                while self.wait(0.02):
                    if connection.execute(FENCED).fetchone() != (0,):
                        return True
                    connection.rollback()
        return False

    def client(self, service: str, region: str) -> Any:
        return aws.connect(self.settings, service, region)

    @contextlib.contextmanager
    def rule(self, **rule: Any) -> Iterator[None]:
        """A fault of the API for the run's own calls, as long as the block lasts."""
        number = self.control("faults", {**rule, "match": {"own": True, **rule.get("match", {})}})["id"]
        try:
            yield
        finally:
            self.acts += next(row["met"] for row in control(self.settings, "faults") if row["id"] == number)
            control(self.settings, f"faults/{number}", method="DELETE")

    def tasks(self, region: str) -> list[str]:
        """ARNs of the running tasks; the region's cluster is the only one there."""
        ecs = self.client("ecs", region)
        (cluster,) = ecs.list_clusters()["clusterArns"]
        return ecs.list_tasks(cluster=cluster, desiredStatus="RUNNING")["taskArns"]

    def stop_task(self, region: str, task: str) -> None:
        self.acts += 1
        # arn:aws:ecs:<region>:<account>:task/<cluster>/<id>
        self.client("ecs", region).stop_task(cluster=task.split("/")[-2], task=task, reason="chaos")


@dataclass(frozen=True)
class Condition:
    """One row of the table; its name is that of the function that acts."""

    kind: str
    playbook: str
    act: Callable[[Scene], None]
    # Of the playbook's process, and of the command of the clients.
    environment: Mapping[str, str] = field(default_factory=dict)
    clients: Sequence[str] = ()
    # What the operator is told to run before the playbook runs again.
    remedy: Sequence[str] = ()

    @property
    def what(self) -> str:
        return self.act.__name__


CONDITIONS: dict[str, Condition] = {}


def condition(kind: str, playbook: str, **more: Any) -> Callable[..., Any]:
    def register(act: Callable[[Scene], None]) -> Callable[[Scene], None]:
        CONDITIONS[act.__name__] = Condition(kind, playbook, act, **more)
        return act

    return register


# --- databases


@condition("database", "cutover_dns")
def slow_link(scene: Scene) -> None:
    """The replica is a quarter of a second behind during the whole cutover."""
    scene.link(delay_ms=250)
    scene.over.wait()
    scene.link(delay_ms=0)


@condition("database", "cutover_dns")
def cut_link(scene: Scene) -> None:
    """Nothing reaches the replica for some seconds."""
    scene.link(cut=True)
    scene.wait(8)
    scene.link(cut=False)


@condition("database", "cutover_dns")
def flapping_link(scene: Scene) -> None:
    """The link comes and goes, also while the source is fenced."""
    while scene.wait(0.7):
        scene.link(cut=True)
        scene.wait(0.7)
        scene.link(cut=False)
    scene.link(cut=False)


@condition("database", "cutover_dns")
def stubborn_session(scene: Scene) -> None:
    """A session of the application sits in an open transaction with a lock, and comes back when it is ended."""
    database = f"{WORKLOAD}-db-{SOURCE}"
    while scene.wait(0.1):
        with contextlib.suppress(psycopg.Error), connect(scene.settings, database) as connection:
            connection.execute("SET ROLE ehrbase")
            connection.execute("BEGIN")
            connection.execute("SELECT 1 FROM ehr.comp_version LIMIT 1 FOR UPDATE")
            while scene.wait(0.3):
                connection.execute("SELECT 1")
        scene.acts += 1


@condition("database", "cutover_dns")
def answers_lost_after_commit(scene: Scene) -> None:
    """One in five answers of the application to a write never reaches its client: it was committed, or it was not."""
    scene.control("edge", {"lost_answers": 0.2})
    scene.over.wait()
    scene.control("edge", {"lost_answers": 0.0})


@condition("database", "cutover_dns", remedy=("provision_region",))
def lost_log(scene: Scene) -> None:
    """The replica lost its connection for so long that it has to be built anew."""
    database = f"{WORKLOAD}-db-{TARGET}"
    scene.mishap("lost_log", region=TARGET, identifier=database)
    scene.over.wait()
    rds = scene.client("rds", TARGET)
    rds.modify_db_instance(DBInstanceIdentifier=database, DeletionProtection=False, ApplyImmediately=True)
    rds.delete_db_instance(DBInstanceIdentifier=database, SkipFinalSnapshot=True)
    rds.get_waiter("db_instance_deleted").wait(DBInstanceIdentifier=database, WaiterConfig={"Delay": 1})


# Tasks that have lost their database for so long have ended, and begin again later and later: the gate says who waits.
@condition("database", "cutover_dns", remedy=("provision_region",))
def full_disk(scene: Scene) -> None:
    """The target's disk is full just after the source was fenced."""
    which = {"region": TARGET, "identifier": f"{WORKLOAD}-db-{TARGET}"}
    if scene.wait_for_fence(f"{WORKLOAD}-db-{SOURCE}"):
        scene.mishap("full_disk", **which)
        scene.over.wait()
        scene.mishap("room", **which)


@condition("database", "cutover_dns", environment=SKEWED)
def clock_skew(scene: Scene) -> None:
    """The clock of the machine that runs the playbook is minutes fast."""
    scene.acts += 1


# --- DNS


@condition("dns", "cutover_dns")
def lagging_name_server(scene: Scene) -> None:
    """A change batch takes ten times as long to reach every name server."""
    usual = control(scene.settings, "durations")["route53_insync"]
    scene.control("durations", {"route53_insync": 10 * usual})
    scene.over.wait()
    scene.control("durations", {"route53_insync": usual})


@condition("dns", "cutover_dns")
def stretched_ttl(scene: Scene) -> None:
    """The resolver of the clients keeps every answer for eight seconds, whatever its TTL says."""
    scene.control("zone/resolver", {"ttl_min_s": 8})
    scene.over.wait()
    scene.control("zone/resolver", {"ttl_min_s": 0})


@condition("dns", "cutover_dns", clients=["--keep-addresses", "15"])
def cached_address(scene: Scene) -> None:
    """Most clients keep the address and their open connections for a quarter of a minute, whatever the TTL says."""
    scene.over.wait()
    seconds = map(json.loads, (scene.folder / "traffic.jsonl").read_text(encoding="utf-8").splitlines())
    scene.acts = sum(second["writes_refused"] for second in seconds)


# --- AWS


@condition("aws", "cutover_dns")
def zone_gone(scene: Scene) -> None:
    """The zone with production's writer and half of its tasks goes as the cutover begins."""
    scene.acts += 1
    rds, database = scene.client("rds", SOURCE), f"{WORKLOAD}-db-{SOURCE}"
    rds.reboot_db_instance(DBInstanceIdentifier=database, ForceFailover=True)
    for task in scene.tasks(SOURCE)[::2]:
        scene.stop_task(SOURCE, task)
    scene.over.wait()
    # The zone is back, and the writer with it.
    rds.reboot_db_instance(DBInstanceIdentifier=database, ForceFailover=True)


@condition("aws", "cutover_dns")
def flapping_target(scene: Scene) -> None:
    """A task of the new region ends every two seconds while the cutover begins."""
    end = time.monotonic() + 15
    while time.monotonic() < end and scene.wait(2):
        for task in scene.tasks(TARGET)[:1]:
            scene.stop_task(TARGET, task)


@condition("aws", "provision_region")
def quota_reached(scene: Scene) -> None:
    """The region takes no further network."""
    scene.control("quotas", {"service": "vpc", "code": "L-F678F1CE", "region": TARGET, "value": 1})
    scene.over.wait()
    scene.control("quotas", {"service": "vpc", "code": "L-F678F1CE", "region": TARGET, "value": 5})


@condition("aws", "provision_region")
def expired_token(scene: Scene) -> None:
    """The token of the session expires in the middle: every call from then on is refused."""
    with scene.rule(action="error", code="ExpiredToken", status=400, match={"nth": 300}, count=10**6):
        scene.over.wait()


@condition("aws", "create_dr_replica")
def silent_region(scene: Scene) -> None:
    """The API of the DR region does not answer."""
    with scene.rule(action="no_answer", match={"region": STANDBY}):
        scene.over.wait()


@condition("aws", "decommission_af_south")
def failing_region(scene: Scene) -> None:
    """Half of the calls to the old region fail for some seconds."""
    with scene.rule(action="error", code="InternalFailure", status=500, match={"region": SOURCE}, count=60):
        scene.over.wait()


@condition("aws", "decommission_af_south")
def failing_copy(scene: Scene) -> None:
    """The copy of the last snapshot fails when it is nearly done."""
    scene.mishap("failing_copies", count=1)
    scene.over.wait()
    scene.acts = 1 - scene.mishap("failing_copies", count=0)["left"]


@contextlib.contextmanager
def acting(name: str, scene: Scene) -> Iterator[None]:
    """Let a condition act beside the block, and end it with the block; its own failure is the block's."""
    problems: list[BaseException] = []

    def act() -> None:
        try:
            CONDITIONS[name].act(scene)
        except BaseException as problem:  # told below, in the thread that asked for it
            problems.append(problem)

    thread = threading.Thread(target=act, name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        scene.over.set()
        thread.join(END_S_MAX)
    if problems:
        raise problems[0]
