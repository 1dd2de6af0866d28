# SPDX-License-Identifier: GPL-3.0-or-later
"""What there is and what happened, by RDS's own API, and what the control API tells of the data plane."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from rehearsal.cloud.errors import ApiError
from rehearsal.cloud.operations import Call
from rehearsal.cloud.rds.describe import describe_automated_backup, describe_instance, describe_snapshot, resource_id
from rehearsal.cloud.rds.model import Instance, Snapshot
from rehearsal.cloud.rds.refusals import contradiction, invalid
from rehearsal.cloud.rds.state import Rds
from rehearsal.postgres.configuration import SUPERUSER

Values = Callable[[Any], tuple[str, ...]]
INSTANCE_FILTERS: dict[str, Values] = {
    "db-instance-id": lambda one: (one.identifier, one.arn),
    "dbi-resource-id": lambda one: (resource_id(one),),
    "engine": lambda one: (one.facts["Engine"],),
}
SNAPSHOT_FILTERS: dict[str, Values] = {
    "db-instance-id": lambda one: (one.facts["DBInstanceIdentifier"],),
    "db-snapshot-id": lambda one: (one.identifier, one.arn),
    "dbi-resource-id": lambda one: (one.facts["DbiResourceId"],),
    "engine": lambda one: (one.facts["instance"]["Engine"],),
    "snapshot-type": lambda one: (one.facts["SnapshotType"],),
}
BACKUP_FILTERS: dict[str, Values] = {
    "status": lambda one: (describe_automated_backup(one)["Status"],),
    "db-instance-id": lambda one: (one.identifier, one.arn),
    "dbi-resource-id": lambda one: (resource_id(one),),
}
EVENT_MINUTES_DEFAULT = 60


class Listing:
    """Reads on one world."""

    def __init__(self, rds: Rds) -> None:
        self.rds = rds

    def instances(self, call: Call) -> dict[str, Any]:
        found: Iterable[Instance] = self.rds.instances(call.region).values()
        if call.get("DBInstanceIdentifier"):
            found = [self.rds.find_instance(call.region, call.get("DBInstanceIdentifier"))]
        chosen = select(found, call.get("Filters"), INSTANCE_FILTERS)
        return {"DBInstances": [describe_instance(instance) for instance in chosen]}

    def snapshots(self, call: Call) -> dict[str, Any]:
        found: Iterable[Snapshot] = self.rds.snapshots(call.region).values()
        if call.get("DBSnapshotIdentifier"):
            found = [self.rds.find_snapshot(call.region, call.get("DBSnapshotIdentifier"))]
        wanted = {"DBInstanceIdentifier": call.get("DBInstanceIdentifier"), "SnapshotType": call.get("SnapshotType")}
        chosen = select(found, call.get("Filters"), SNAPSHOT_FILTERS)
        rows = [one for one in chosen if all(value in (None, one.facts[name]) for name, value in wanted.items())]
        return {"DBSnapshots": [describe_snapshot(snapshot) for snapshot in rows]}

    def automated_backups(self, call: Call) -> dict[str, Any]:
        found = [one for one in self.rds.instances(call.region).values() if one.facts["BackupRetentionPeriod"]]
        wanted = {name: call.get(name) for name in ("DBInstanceIdentifier", "DbiResourceId")}
        rows = [describe_automated_backup(instance) for instance in select(found, call.get("Filters"), BACKUP_FILTERS)]
        return {
            "DBInstanceAutomatedBackups": [
                row for row in rows if all(value in (None, row[name]) for name, value in wanted.items())
            ]
        }

    def events(self, call: Call) -> dict[str, Any]:
        if call.get("SourceIdentifier") and not call.get("SourceType"):
            raise contradiction("Cannot specify source identifier without source type")
        minutes = call.get("Duration") or EVENT_MINUTES_DEFAULT
        since = call.get("StartTime") or datetime.now(UTC) - timedelta(minutes=minutes)
        wanted = {"SourceIdentifier": call.get("SourceIdentifier"), "SourceType": call.get("SourceType")}
        rows = [
            {name: value for name, value in event.items() if name != "region"}
            for event in self.rds.events
            if event["region"] == call.region
            and event["Date"] >= since
            and all(value in (None, event[name]) for name, value in wanted.items())
        ]
        return {"Events": rows}

    def tell_data_plane(self, method: str, body: Any, query: dict[str, str]) -> Any:
        """GET: where each database runs and how the judge and the seed reach it as the superuser.

        POST {"snapshot_copies_max": n} sets how many snapshots may be under way to a region.
        """
        if method == "POST":
            self.rds.snapshot_copies_max = int((body or {})["snapshot_copies_max"])
        with self.rds.world.lock:
            return {
                "snapshot_copies_max": self.rds.snapshot_copies_max,
                "instances": [tell_instance(instance) for instance in self.rds.every_instance()],
                "snapshots": [tell_snapshot(snapshot) for snapshot in self.rds.every_snapshot()],
                "links": self.rds.links.rows(),
            }


def select(found: Iterable[Any], filters: list[dict[str, Any]] | None, known: dict[str, Values]) -> list[Any]:
    """What passes all filters; a filter that does not exist is refused."""
    chosen = list(found)
    for one in filters or []:
        if one["Name"] not in known:
            raise invalid(f"Unrecognized filter name: {one['Name']}")
        if not one.get("Values"):
            raise ApiError("InvalidParameterCombination", "Filter values must not be empty.")
        wanted = {value.lower() for value in one["Values"]}
        chosen = [item for item in chosen if wanted & {value.lower() for value in known[one["Name"]](item)}]
    return chosen


def tell_instance(instance: Instance) -> dict[str, Any]:
    cluster = instance.cluster
    return {
        "id": instance.identifier,
        "arn": instance.arn,
        "region": instance.region,
        "status": instance.status,
        "endpoint": instance.endpoint_name,
        "address": cluster.address,
        "port": cluster.port,
        "database": instance.facts.get("DBName"),
        "master_user": instance.facts["MasterUsername"],
        "folder": str(cluster.folder),
        "log": str(cluster.log),
        "superuser": SUPERUSER,
        "superuser_file": str(cluster.passwords_path),
        "running": cluster.is_running(),
        "multi_az": instance.facts["MultiAZ"],
        "source_arn": instance.source.arn if instance.source else None,
        "postgresql": cluster.binaries.version,
        "tls": cluster.tls is not None,
        "uuid_ossp": "shim" if cluster.binaries.shim else "real",
    }


def tell_snapshot(snapshot: Snapshot) -> dict[str, Any]:
    return {"id": snapshot.identifier, "arn": snapshot.arn, "status": snapshot.status, "folder": str(snapshot.folder)}
