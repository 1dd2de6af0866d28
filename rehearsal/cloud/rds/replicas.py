# SPDX-License-Identifier: GPL-3.0-or-later
"""Read replicas: created from a source in this or another region, followed over a link, promoted."""

from __future__ import annotations

from typing import Any

from rehearsal.cloud.control import ControlError
from rehearsal.cloud.operations import Call
from rehearsal.cloud.rds import placement, refusals
from rehearsal.cloud.rds.dataplane import PROMOTED, DataPlane
from rehearsal.cloud.rds.instances import DEFAULTS, Instances, build_facts, refuse_unsupported
from rehearsal.cloud.rds.model import Instance
from rehearsal.cloud.rds.state import Rds

# What a replica shares with its source; network, key, tags and parameter group are its own.
REPLICATED = (
    "Engine",
    "EngineVersion",
    "LicenseModel",
    "DBInstanceClass",
    "AllocatedStorage",
    "StorageType",
    "Iops",
    "StorageThroughput",
    "MasterUsername",
    "DBName",
    "Port",
    "PreferredBackupWindow",
)
RETENTION_AFTER_PROMOTE = 1


class Replicas:
    """Calls on read replicas of one world."""

    def __init__(self, rds: Rds, plane: DataPlane, instances: Instances) -> None:
        self.rds = rds
        self.plane = plane
        self.instances = instances

    def create(self, call: Call) -> dict[str, Any]:
        parameters = call.parameters
        refuse_unsupported(parameters)
        if not parameters.get("SourceDBInstanceIdentifier"):
            raise NotImplementedError("a read replica of a Multi-AZ DB cluster")
        source = self.rds.find_instance(call.region, parameters["SourceDBInstanceIdentifier"])
        refusals.check_replica_source(source)
        refusals.check_storage(parameters, source.facts["AllocatedStorage"])
        base = DEFAULTS | {name: source.facts[name] for name in REPLICATED if source.facts.get(name) is not None}
        facts = build_facts(parameters, base | {"BackupRetentionPeriod": 0})
        facts |= resolve_encryption(source, call.region, parameters.get("KmsKeyId"))
        placed = self._placement(source, call.region, parameters)
        instance = self.instances.place(call.region, placed, facts)
        instance.source = source
        source.replicas.append(instance)
        self.instances.begin(instance, "db_replica_create", lambda timed: self.plane.create_replica(instance, timed))
        return self.instances.answer(instance)

    def _placement(self, source: Instance, region: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """In another region a replica lies in that region's network; in its own it shares the source's."""
        if source.region != region:
            return parameters
        own = {"DBSubnetGroupName": source.db_subnet_group_name, "VpcSecurityGroupIds": source.vpc_security_group_ids}
        return own | parameters

    def promote(self, call: Call) -> dict[str, Any]:
        """Readable until the reboot near the end; both ends forget each other when it is over."""
        instance = self.rds.find_instance(call.region, call.get("DBInstanceIdentifier"))
        refusals.check_promotable(instance)
        retention = call.get("BackupRetentionPeriod")
        refusals.check_retention(retention)
        window = call.get("PreferredBackupWindow")
        refusals.check_windows(
            instance.facts["PreferredMaintenanceWindow"], window or instance.facts["PreferredBackupWindow"]
        )
        if retention is None:
            retention = instance.facts["BackupRetentionPeriod"] or RETENTION_AFTER_PROMOTE

        def promoted() -> None:
            self._unlink(instance)
            instance.settled, instance.parameters_pending = "available", False
            instance.facts["BackupRetentionPeriod"] = retention
            if window:
                instance.facts["PreferredBackupWindow"] = window
            self.rds.add_event(instance, "notification", "Promoted Read Replica instance to a stand-alone instance")

        stages = ((0.0, "modifying"), (PROMOTED, "rebooting"))
        self.rds.begin(instance, "db_promote", stages, promoted, lambda timed: self.plane.promote(instance, timed))
        return self.instances.answer(instance)

    def _unlink(self, instance: Instance) -> None:
        if instance.source is not None and instance in instance.source.replicas:
            instance.source.replicas.remove(instance)
        instance.source = None

    # --- link and lag

    def change_link(self, method: str, body: Any) -> Any:
        """GET lists the links; POST sets one: {"source_region", "target_region", "delay_ms", "cut"}."""
        if method != "POST":
            return {"links": self.rds.links.rows()}
        body = body or {}
        unknown = sorted(set(body) - {"source_region", "target_region", "delay_ms", "cut"})
        if unknown or not body.get("source_region") or not body.get("target_region"):
            raise ControlError(f"Link settings {sorted(body)}; expected source_region, target_region, delay_ms or cut.")
        self.rds.links.set(body["source_region"], body["target_region"], body.get("delay_ms"), body.get("cut"))
        return {"links": self.rds.links.rows()}

    def read_lag(self, dimensions: dict[str, str], region: str) -> float | None:
        """Source of the metric AWS/RDS ReplicaLag, in real seconds; nothing for what is no replica."""
        instance = self.rds.instances(region).get(dimensions.get("DBInstanceIdentifier", ""))
        if instance is None or instance.status == "creating":
            return None
        return self.plane.lag_s(instance)


def resolve_encryption(source: Instance, region: str, key: str | None) -> dict[str, Any]:
    """A replica is encrypted exactly when its source is; across regions with a key of its own region."""
    encrypted = source.facts["StorageEncrypted"]
    if not encrypted:
        if key:
            raise refusals.contradiction("You can't create an encrypted read replica of an unencrypted DB instance.")
        return {"StorageEncrypted": False, "KmsKeyId": None}
    if source.region == region:
        return {"StorageEncrypted": True, "KmsKeyId": source.facts["KmsKeyId"]}
    if not key:
        raise refusals.contradiction(
            "A cross-region read replica of an encrypted DB instance needs KmsKeyId, a key of the target region."
        )
    return {"StorageEncrypted": True, "KmsKeyId": placement.resolve_key(region, key)}
