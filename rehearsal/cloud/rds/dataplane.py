# SPDX-License-Identifier: GPL-3.0-or-later
"""The real side of each change: what a worker thread does with PostgreSQL while the API shows a state.

Where a database is away for a while (reboot, failover, promote), it comes back a little before the AWS time is over,
so that the start of PostgreSQL does not lengthen it. A Multi-AZ instance has no standby process of its own: its
failover is an immediate stop, as in a crash, and a restart over the same data with the other zone's name.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
from functools import cached_property
from pathlib import Path

from rehearsal.cloud.acm.authority import Authority
from rehearsal.cloud.clock import Timed
from rehearsal.cloud.rds import placement
from rehearsal.cloud.rds.model import Instance, Snapshot
from rehearsal.cloud.rds.paths import Paths
from rehearsal.cloud.rds.state import Rds
from rehearsal.postgres import replica as replication
from rehearsal.postgres import snapshot as copies
from rehearsal.postgres.binaries import Account, Binaries, find_binaries
from rehearsal.postgres.cluster import Cluster, server_environment
from rehearsal.postgres.configuration import Tls
from rehearsal.processes import Processes, wait_until

RELAY_PORT = 6432
# Parts of an AWS time: when the endpoint appears, when a restarted server comes back, when a replica is promoted.
REACHABLE, RESTARTED, PROMOTED = 0.8, 0.85, 0.75
# Where a copy that is to fail does.
COPY_FAILS = 0.9


class Launched:
    """A server under the world's processes: it has a pid file and ends with the world."""

    def __init__(self, processes: Processes, name: str, pid: int) -> None:
        self.pid = pid
        self._processes = processes
        self._name = name

    def poll(self) -> int | None:
        return None if self._processes.find(self._name) else 0

    def wait(self, timeout: float | None = None) -> int:
        if not wait_until(lambda: self.poll() is not None, timeout or 0):
            raise subprocess.TimeoutExpired(self._name, timeout or 0)
        self._processes.stop(self._name)
        return 0


class DataPlane:
    """Makes clusters and works on them for the RDS layer."""

    def __init__(self, rds: Rds) -> None:
        self.rds = rds
        self.paths = Paths(rds)

    @cached_property
    def binaries(self) -> Binaries:
        return find_binaries(self.rds.world.settings.base)

    def new_cluster(self, region: str, identifier: str, port: int) -> Cluster:
        """A cluster that does not run yet, on an address and in a folder of its own."""
        world = self.rds.world
        serial = self.rds.next_serial()
        name = f"pg{serial}-{region}-{identifier}"
        folder = self.rds.instances_folder / f"{identifier}.{region}.{serial}"
        cluster = Cluster(name, folder, world.addresses.allocate("rds"), self.binaries, self._launch, port)
        cluster.log = world.settings.logs / f"{name}.log"
        return cluster

    def _launch(self, name: str, command: list[str], _log: Path, _account: Account) -> Launched:
        processes = self.rds.world.processes
        pid = processes.start(name, command, environment=server_environment(), stop_signal=signal.SIGINT)
        return Launched(processes, name, pid)

    def snapshot_folder(self, region: str, identifier: str) -> Path:
        return self.rds.snapshots_folder / f"{identifier}.{region}.{self.rds.next_serial()}"

    # --- instances

    def secure(self, instance: Instance) -> None:
        """Give a server a certificate for its endpoint's name, when its build knows TLS."""
        cluster = instance.cluster
        if not cluster.binaries.tls:
            return
        cluster.prepare_folder()
        tls = Tls(cluster.folder / "server.crt", cluster.folder / "server.key")
        authority = Authority.load_or_create(self.rds.world.folder)
        for path, content in zip((tls.certificate, tls.key), authority.issue([instance.endpoint_name]), strict=True):
            path.touch(mode=0o600)
            path.write_bytes(content)
            cluster.binaries.account.own(path)
        cluster.tls = tls

    def create(self, instance: Instance, timed: Timed, password: str) -> None:
        self.secure(instance)
        instance.cluster.create()
        facts = instance.facts
        instance.cluster.create_master(facts["MasterUsername"], password, facts.get("DBName"))
        self._open(instance, timed)

    def restore(self, instance: Instance, timed: Timed, snapshot: Snapshot) -> None:
        try:
            self.secure(instance)
            copies.restore_snapshot(snapshot.folder, instance.cluster)
            # How often RDS starts a restored server is not documented. With a second start, a clean one, the position
            # at which recovery ended stands nowhere but in the log.
            instance.cluster.restart()
        finally:
            self._release(snapshot)
        self._open(instance, timed)

    def create_replica(self, instance: Instance, timed: Timed) -> None:
        """Copy the source, follow it through the link between the two regions."""
        source = instance.source
        assert source is not None
        self.secure(instance)
        listen = (instance.cluster.address, RELAY_PORT)
        link = self.rds.links.link(source.region, instance.region)
        instance.relay = self.rds.links.open(listen, (source.cluster.address, source.cluster.port), link)
        replication.create_replica(source.cluster, instance.cluster, *listen)
        self._open(instance, timed)

    def _open(self, instance: Instance, timed: Timed) -> None:
        self.rds.wait_for(timed, REACHABLE)
        self.rds.register_host(instance)
        self.paths.open_all(instance)
        self.rds.wait_until_named()

    def reboot(self, instance: Instance, timed: Timed, *, immediate: bool) -> None:
        instance.cluster.stop(immediate=immediate)
        group = instance.facts["DBParameterGroupName"]
        instance.cluster.parameters = placement.group_parameters(instance.region, group)
        self.rds.wait_for(timed, RESTARTED)
        instance.cluster.start()
        self.paths.open_all(instance)

    def promote(self, instance: Instance, timed: Timed) -> None:
        """Readable and following until the promote; then a new primary, after the restart that RDS makes."""
        self.rds.wait_for(timed, PROMOTED)
        cluster = instance.cluster
        slot = replication.slot_name(cluster.name)
        cluster.promote()
        cluster.renew_passwords(cluster.passwords)
        cluster.stop()
        self._unlink(instance, slot)
        self.rds.wait_for(timed, RESTARTED)
        cluster.start()

    def _unlink(self, instance: Instance, slot: str) -> None:
        if instance.relay is not None:
            self.rds.links.close(instance.relay)
            instance.relay = None
        if instance.source is not None:
            replication.drop_slot(instance.source.cluster, slot)

    def cut_off(self, instance: Instance) -> None:
        """The source forgets the replica: its log goes on without waiting for it."""
        self._unlink(instance, replication.slot_name(instance.cluster.name))

    def rename(self, instance: Instance) -> None:
        """A server with TLS answers for its new name from now on."""
        if instance.cluster.tls is not None:
            self.secure(instance)
            instance.cluster.reload()

    def delete(self, instance: Instance, final: Snapshot | None) -> None:
        """Keep the final snapshot first, then end the server and remove its data."""
        if final is not None:
            if not instance.cluster.is_running():
                instance.cluster.start()
            copies.save_snapshot(instance.cluster, final.folder)
        self.rds.unregister_host(instance)
        self.paths.close_all(instance)
        instance.cluster.stop(immediate=final is None)
        self._unlink(instance, replication.slot_name(instance.cluster.name))
        instance.cluster.remove()

    def lag_s(self, instance: Instance) -> float | None:
        if instance.source is None or not instance.cluster.is_running():
            return None
        return replication.read_lag_s(instance.cluster)

    # --- snapshots

    def save(self, instance: Instance, snapshot: Snapshot) -> None:
        copies.save_snapshot(instance.cluster, snapshot.folder)

    def copy(self, source: Snapshot, target: Snapshot, timed: Timed, *, fails: bool = False) -> None:
        try:
            if fails:
                self.rds.wait_for(timed, COPY_FAILS)
                raise RuntimeError(f"the copy of snapshot {source.identifier} was to fail")
            copies.copy_snapshot(source.folder, target.folder, self.binaries.account)
        finally:
            self._release(source)

    def _release(self, snapshot: Snapshot) -> None:
        with self.rds.world.lock:
            snapshot.readers -= 1

    def forget(self, snapshot: Snapshot) -> None:
        shutil.rmtree(snapshot.folder, ignore_errors=True)
