# SPDX-License-Identifier: GPL-3.0-or-later
"""Rds: what the RDS layer of one world holds, and how it begins and ends timed changes."""

from __future__ import annotations

import itertools
import logging
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from moto.rds.models import rds_backends

from rehearsal.cloud.clock import Timed
from rehearsal.cloud.errors import ApiError
from rehearsal.cloud.rds.model import Instance, Job, Snapshot, Stateful, Transition
from rehearsal.cloud.world_state import World
from rehearsal.postgres.link import Links
from rehearsal.processes import wait_until
from rehearsal.settings import ACCOUNT_ID

LOG = logging.getLogger("rehearsal.cloud.rds")
SNAPSHOT_COPIES_VARIABLE = "MEDZEN_REHEARSAL_SNAPSHOT_COPIES"
SNAPSHOT_COPIES_DEFAULT = 20
HOST_TTL_S = 5
# The dns process asks several times a second.
NAMED_SECONDS = 10.0
SETTLE_S = 0.02
Work = Callable[[Timed], None]


class Settler:
    """Ends transitions as soon as they are over, also while nobody asks: DNS names and links follow the state."""

    def __init__(self, lock: threading.RLock, *, background: bool) -> None:
        self._lock = lock
        self._background = background
        self._watched: set[Stateful] = set()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def watch(self, resource: Stateful) -> None:
        with self._changed:
            self._watched.add(resource)
            # A copy of this process has the thread's object and not the thread.
            if self._background and (self._thread is None or not self._thread.is_alive()):
                self._thread = threading.Thread(target=self._run, name="rds settler", daemon=True)
                self._thread.start()
            self._changed.notify()

    def settle(self) -> None:
        """End what is over; the caller holds the world's lock."""
        for resource in list(self._watched):
            resource.settle()
            if resource.transition is None:
                self._watched.discard(resource)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._watched)
            with self._lock:
                self.settle()
            time.sleep(SETTLE_S)


class Rds:
    """Instances and snapshots of all regions, their events, limits and links."""

    def __init__(self, world: World, *, background: bool = True) -> None:
        self.world = world
        self.links = Links()
        self.settler = Settler(world.lock, background=background)
        self.snapshot_copies_max = int(os.environ.get(SNAPSHOT_COPIES_VARIABLE, SNAPSHOT_COPIES_DEFAULT))
        # So many copies of snapshots that begin from now on fail.
        self.failing_copies = 0
        self.events: list[dict[str, Any]] = []
        self._serials = itertools.count(1)
        self._frozen: list[Instance] = []
        # The control plane's memory began with this process: data of an earlier one belongs to nobody.
        for folder in (self.instances_folder, self.snapshots_folder):
            shutil.rmtree(folder, ignore_errors=True)

    @property
    def instances_folder(self) -> Path:
        return self.world.folder / "pg"

    @property
    def snapshots_folder(self) -> Path:
        return self.world.folder / "snapshots"

    def next_serial(self) -> int:
        """Tells things of the same name apart that lived one after the other."""
        return next(self._serials)

    # --- finding

    def instances(self, region: str) -> dict[str, Instance]:
        return rds_backends[ACCOUNT_ID][region].databases

    def snapshots(self, region: str) -> dict[str, Snapshot]:
        return rds_backends[ACCOUNT_ID][region].database_snapshots

    def every_instance(self) -> Iterator[Instance]:
        for backend in rds_backends[ACCOUNT_ID].values():
            yield from backend.databases.values()

    def every_snapshot(self) -> Iterator[Snapshot]:
        for backend in rds_backends[ACCOUNT_ID].values():
            yield from backend.database_snapshots.values()

    def find_instance(self, region: str, identifier: str) -> Instance:
        """An instance by name in a region, or by ARN in any."""
        region, name = split_identifier(region, identifier, "db")
        if name not in self.instances(region):
            raise ApiError("DBInstanceNotFound", f"DBInstance {name} not found.", 404)
        return self.instances(region)[name]

    def find_snapshot(self, region: str, identifier: str) -> Snapshot:
        region, name = split_identifier(region, identifier, "snapshot")
        if name not in self.snapshots(region):
            raise ApiError("DBSnapshotNotFound", f"DBSnapshot {name} not found.", 404)
        return self.snapshots(region)[name]

    def refuse_taken_instance(self, region: str, name: str) -> None:
        if name in self.instances(region):
            raise ApiError("DBInstanceAlreadyExists", f"DB instance {name} already exists")

    def refuse_taken_snapshot(self, region: str, name: str) -> None:
        if name in self.snapshots(region):
            raise ApiError(
                "DBSnapshotAlreadyExists",
                f"Cannot create the snapshot because a snapshot with the identifier {name} already exists.",
            )

    # --- copies of the world

    needs_names = False

    def busy(self) -> str:
        changing = [one for one in (*self.every_instance(), *self.every_snapshot()) if one.transition is not None]
        return ", ".join(f"{one.identifier} in {one.region} is {one.status}" for one in changing)

    def freeze(self) -> None:
        """Stop the servers, replicas first, so that their folders can be copied."""
        self._frozen = [one for one in self.every_instance() if one.cluster.is_running()]
        self._frozen.sort(key=lambda one: one.source is not None)
        for instance in reversed(self._frozen):
            instance.cluster.stop()
        self.links.freeze()

    def thaw(self) -> None:
        self.links.thaw()
        for instance in self._frozen:
            instance.cluster.start()
        self._frozen = []

    def is_awake(self) -> bool:
        """A server is started only when it answers."""
        return not self._frozen

    # --- changing

    def begin(
        self,
        resource: Instance | Snapshot,
        kind: str,
        stages: tuple[tuple[float, str], ...],
        then: Callable[[], None],
        work: Work | None = None,
        *,
        part: float = 1.0,
        **more: Any,
    ) -> Transition:
        """Start a timed change; `work` runs in a thread and gets the Timed, `then` runs when time and work are over.

        With `part` the change lasts a part of its kind's time and is not listed among the waits.
        """
        clock = self.world.clock
        seconds = clock.durations[kind] * part
        timed = clock.start(kind, resource.identifier, resource.region, seconds, listed=part == 1.0)
        transition = Transition(timed, stages, then, **more)
        if work is not None:
            transition.share_job(Job(f"{kind} of {resource.identifier} in {resource.region}", lambda: work(timed)))
        resource.transition = transition
        self.settler.watch(resource)
        # Calls of other services see the same world: a deleted instance holds no subnet any more.
        self.world.later(timed, resource.settle)
        return transition

    def wait_for(self, timed: Timed, fraction: float) -> None:
        """Let a worker sleep until a part of an AWS time is over, also when the clock is advanced meanwhile."""
        due = timed.start + fraction * (timed.end - timed.start)
        while (left := due - self.world.clock.now()) > 0:
            time.sleep(min(left, 0.05))

    def register_host(self, instance: Instance) -> None:
        """Give the endpoint's name its address in DNS."""
        ttl = round(self.world.clock.scaled(HOST_TTL_S))
        self.world.hosts[f"{instance.endpoint_name}."] = {"address": instance.cluster.address, "ttl": ttl}

    def wait_until_named(self) -> None:
        """Let a worker sleep until DNS serves what is registered: an available instance is found by its endpoint."""
        registered = self.world.clock.now()
        if not wait_until(lambda: self.world.names_served(registered), NAMED_SECONDS):
            LOG.warning("RDS: the name servers do not serve a new endpoint after %s s", NAMED_SECONDS)

    def unregister_host(self, instance: Instance) -> None:
        self.world.hosts.pop(f"{instance.endpoint_name}.", None)

    def add_event(self, resource: Instance | Snapshot, category: str, message: str) -> None:
        kind = "db-instance" if isinstance(resource, Instance) else "db-snapshot"
        self.events.append(
            {
                "SourceIdentifier": resource.identifier,
                "SourceType": kind,
                "SourceArn": resource.arn,
                "Message": message,
                "EventCategories": [category],
                "Date": datetime.now(UTC),
                "region": resource.region,
            }
        )


def split_identifier(region: str, identifier: str, kind: str) -> tuple[str, str]:
    """Region and name of an identifier that may be an ARN."""
    if not identifier.startswith("arn:"):
        return region, identifier
    parts = identifier.split(":", 6)
    if len(parts) != 7 or parts[2] != "rds" or parts[5] != kind:
        raise ApiError("InvalidParameterValue", f"{identifier} is not the ARN of an RDS {kind}.")
    if parts[4] != ACCOUNT_ID:
        raise ApiError("InvalidParameterValue", f"{identifier} belongs to account {parts[4]}, expected {ACCOUNT_ID}.")
    return parts[3], parts[6]
