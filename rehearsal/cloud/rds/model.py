# SPDX-License-Identifier: GPL-3.0-or-later
"""DB instances and snapshots of the stand-in, and the states that they pass through.

A state is read off the clock: a Transition has stages (which part of its time is called what) and ends when its AWS
time is over and the real work behind it is done. Both lie in moto's own tables, so that its tagging finds them.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rehearsal.cloud.clock import Timed
from rehearsal.postgres.cluster import Cluster
from rehearsal.postgres.link import Relay
from rehearsal.settings import ACCOUNT_ID

LOG = logging.getLogger("rehearsal.cloud.rds")
ENDPOINT_DOMAIN = "c9rehearsal"
CREATING = (0.0, "creating")


class Job:
    """Real work of a state, in a thread of its own: copying must not hold the lock of the API."""

    def __init__(self, name: str, work: Callable[[], None]) -> None:
        self.error: BaseException | None = None
        self._name = name
        self._work = work
        self._ended = threading.Event()
        self._start()

    def _start(self) -> None:
        threading.Thread(target=self._run, name=f"rds {self._name}", daemon=True).start()

    def _run(self) -> None:
        try:
            self._work()
        except BaseException as error:  # the state of the resource tells it, the log says why
            self.error = error
            LOG.exception("RDS: %s failed", self._name)
        finally:
            self._ended.set()

    def finished(self) -> bool:
        return self._ended.is_set()


@dataclass
class Transition:
    """A change under way: its time, the names of its stages, its work, and what holds when all of it is over."""

    timed: Timed
    stages: tuple[tuple[float, str], ...]
    then: Callable[[], None]
    job: Job | None = None
    failed_status: str = "failed"
    # What is known only while it runs, such as PendingModifiedValues.
    pending: dict[str, Any] = field(default_factory=dict)

    def status(self) -> str:
        """Name of the stage that the clock is in; the last one stays until the work is done."""
        fraction = self.timed.fraction()
        return [name for start, name in self.stages if fraction >= start][-1]

    def share_job(self, job: Job) -> None:
        """Depend on the real work of another change as well."""
        self.job = job
        self.timed.attach(job.finished)


class Tagged:
    """Tags as moto's tagging calls want them."""

    tags: list[dict[str, str]]

    def get_tags(self) -> list[dict[str, str]]:
        return self.tags

    def add_tags(self, tags: list[dict[str, str]]) -> list[dict[str, str]]:
        self.tags = merge_tags(self.tags, tags)
        return self.tags

    def remove_tags(self, tag_keys: list[str]) -> None:
        self.tags = [tag for tag in self.tags if tag["Key"] not in tag_keys]


def merge_tags(tags: list[dict[str, str]], added: list[Any]) -> list[dict[str, str]]:
    merged = {tag["Key"]: tag["Value"] for tag in [*tags, *added]}
    return [{"Key": key, "Value": value} for key, value in merged.items()]


class Stateful:
    """Something with a settled status and perhaps a transition to the next."""

    settled: str
    transition: Transition | None

    @property
    def status(self) -> str:
        return self.transition.status() if self.transition else self.settled

    def settle(self) -> None:
        """End the transition when it is over; the caller holds the world's lock."""
        transition = self.transition
        if transition is None:
            return
        if transition.job is not None and transition.job.error is not None:
            self.transition, self.settled = None, transition.failed_status
        elif transition.timed.done():
            self.transition = None
            transition.then()


@dataclass(eq=False)
class Instance(Stateful, Tagged):
    """One DB instance: what the API shows of it (`facts`, botocore's names) and the PostgreSQL behind it."""

    region: str
    facts: dict[str, Any]
    cluster: Cluster
    subnet_group: dict[str, Any]
    tags: list[dict[str, str]] = field(default_factory=list)
    settled: str = "creating"
    transition: Transition | None = None
    # Changes that wait for a maintenance window (ApplyImmediately=false).
    pending: dict[str, Any] = field(default_factory=dict)
    source: Instance | None = None
    replicas: list[Instance] = field(default_factory=list)
    relay: Relay | None = None
    # A replica that can never catch up again.
    cut_off: bool = False
    parameters_pending: bool = False
    interfaces: list[str] = field(default_factory=list)
    created: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def identifier(self) -> str:
        return self.facts["DBInstanceIdentifier"]

    @property
    def arn(self) -> str:
        return f"arn:aws:rds:{self.region}:{ACCOUNT_ID}:db:{self.identifier}"

    @property
    def endpoint_name(self) -> str:
        return f"{self.identifier}.{ENDPOINT_DOMAIN}.{self.region}.rds.amazonaws.com"

    @property
    def is_reachable(self) -> bool:
        """Whether the API shows an endpoint: from the end of `creating` on."""
        return self.status not in ("creating", "failed", "incompatible-restore", "incompatible-parameters")

    # Names under which the other layers and moto look.

    @property
    def db_instance_identifier(self) -> str:
        return self.identifier

    @property
    def vpc_security_group_ids(self) -> list[str]:
        return self.facts["VpcSecurityGroupIds"]

    @property
    def db_subnet_group_name(self) -> str:
        return self.subnet_group["DBSubnetGroupName"]

    @property
    def kms_key_id(self) -> str | None:
        return self.facts.get("KmsKeyId")


@dataclass(eq=False)
class Snapshot(Stateful, Tagged):
    """One DB snapshot and the folder with its data."""

    region: str
    facts: dict[str, Any]
    folder: Path
    tags: list[dict[str, str]] = field(default_factory=list)
    settled: str = "creating"
    transition: Transition | None = None
    # Copies and restores that read the folder at this moment.
    readers: int = 0

    @property
    def identifier(self) -> str:
        return self.facts["DBSnapshotIdentifier"]

    @property
    def arn(self) -> str:
        return f"arn:aws:rds:{self.region}:{ACCOUNT_ID}:snapshot:{self.identifier}"

    @property
    def percent(self) -> int:
        if self.transition is not None:
            return self.transition.timed.percent()
        return 100 if self.settled == "available" else 0

    @property
    def db_snapshot_identifier(self) -> str:
        return self.identifier

    @property
    def kms_key_id(self) -> str | None:
        return self.facts.get("KmsKeyId")
