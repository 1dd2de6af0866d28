# SPDX-License-Identifier: GPL-3.0-or-later
"""RDS with real PostgreSQL behind it: this package is the control plane, `rehearsal.postgres` the data plane.

Reading order: `model` (what an instance is and how its states pass), `state` (what a world holds), `instances`,
`modification`, `snapshots`, `replicas`, `groups` (the calls), `refusals` and `placement` (their checks), `dataplane`
(what happens to PostgreSQL meanwhile), `paths` (how subscriptions reach their publisher), `mishaps` (what befalls
them), `describe`, `listing`, `logs`, `catalog` (answers).

Not here, and refused by name: other engines than postgres, DB clusters, point-in-time restore, automated snapshots,
a password that RDS manages, a change of the major version.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rehearsal.cloud.operations import Call
from rehearsal.cloud.rds import catalog, modification
from rehearsal.cloud.rds.dataplane import DataPlane
from rehearsal.cloud.rds.groups import Groups
from rehearsal.cloud.rds.instances import Instances
from rehearsal.cloud.rds.listing import Listing
from rehearsal.cloud.rds.logs import Logs
from rehearsal.cloud.rds.mishaps import Mishaps
from rehearsal.cloud.rds.replicas import Replicas
from rehearsal.cloud.rds.snapshots import Snapshots
from rehearsal.cloud.rds.state import Rds
from rehearsal.cloud.world_state import World

Answer = Callable[[Call], dict[str, Any]]
REFUSED = ("RestoreDBInstanceToPointInTime", "RestoreDBInstanceFromS3", "CreateDBCluster", "CreateBlueGreenDeployment")


def install(world: World, make_plane: Callable[[Rds], DataPlane] = DataPlane, *, background: bool = True) -> Rds:
    """Answer RDS's calls on instances and snapshots; moto keeps groups, tags and subscriptions.

    Without `background` a change that is over ends with the next call, not by itself.
    """
    rds = Rds(world, background=background)
    plane = make_plane(rds)
    instances = Instances(rds, plane)
    snapshots, replicas, listing = Snapshots(rds, plane, instances), Replicas(rds, plane, instances), Listing(rds)
    logs = Logs(rds)
    for operation, answer in build_answers(world, instances, snapshots, replicas, listing, logs).items():
        world.operations.handle("rds", operation, settled(rds, answer))
    Groups(rds).install()
    world.control_routes["rds"] = listing.tell_data_plane
    world.control_routes["link"] = lambda method, body, query: replicas.change_link(method, body)
    mishaps = Mishaps(rds, plane)
    world.control_routes["rds/mishap"] = lambda method, body, query: mishaps.take(method, body)
    world.metrics["ReplicaLag"] = replicas.read_lag
    world.sleepers.append(rds)
    world.on_stop.append(rds.links.stop)
    world.lost.listeners.append(rds.links.set_lost)
    return rds


def build_answers(
    world: World, instances: Instances, snapshots: Snapshots, replicas: Replicas, listing: Listing, logs: Logs
) -> dict[str, Answer]:
    """Which function answers which operation."""
    return {
        "CreateDBInstance": instances.create,
        "CreateDBInstanceReadReplica": replicas.create,
        "RestoreDBInstanceFromDBSnapshot": snapshots.restore,
        "ModifyDBInstance": lambda call: modification.modify(instances, call),
        "RebootDBInstance": instances.reboot,
        "StopDBInstance": instances.stop,
        "StartDBInstance": instances.start,
        "PromoteReadReplica": replicas.promote,
        "DeleteDBInstance": lambda call: instances.delete(call, snapshots.make_final),
        "CreateDBSnapshot": snapshots.create,
        "CopyDBSnapshot": snapshots.copy,
        "DeleteDBSnapshot": snapshots.delete,
        "DescribeDBInstances": listing.instances,
        "DescribeDBSnapshots": listing.snapshots,
        "DescribeEvents": listing.events,
        "DescribeDBLogFiles": logs.describe,
        "DownloadDBLogFilePortion": logs.download,
        "DescribeDBEngineVersions": catalog.describe_engine_versions,
        "DescribeOrderableDBInstanceOptions": catalog.describe_orderable_options,
        "DescribeSourceRegions": lambda call: catalog.describe_source_regions(call, enabled_regions(world)),
        "DescribeDBInstanceAutomatedBackups": listing.automated_backups,
        "DescribePendingMaintenanceActions": lambda call: {"PendingMaintenanceActions": []},
    } | {operation: refuse for operation in REFUSED}


def refuse(call: Call) -> dict[str, Any]:
    raise NotImplementedError("no data plane stands behind it")


def settled(rds: Rds, answer: Answer) -> Answer:
    """Let what is over be over before a call is judged."""

    def answer_settled(call: Call) -> dict[str, Any]:
        rds.settler.settle()
        return answer(call)

    return answer_settled


def enabled_regions(world: World) -> list[str]:
    """Regions that this account can use."""
    names = sorted(world.regions.names) if world.regions is not None else []
    return [name for name in names if world.regions.status(name) in ("ENABLED", "ENABLED_BY_DEFAULT")]
