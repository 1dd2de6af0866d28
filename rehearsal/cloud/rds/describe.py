# SPDX-License-Identifier: GPL-3.0-or-later
"""Instances and snapshots in the shapes of DescribeDBInstances and DescribeDBSnapshots."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

from rehearsal.cloud.rds.model import Instance, Snapshot
from rehearsal.settings import ACCOUNT_ID

# Facts that the API shows under their own name.
SHOWN = (
    "DBInstanceIdentifier",
    "DBInstanceClass",
    "Engine",
    "EngineVersion",
    "MasterUsername",
    "DBName",
    "AllocatedStorage",
    "StorageType",
    "Iops",
    "StorageThroughput",
    "BackupRetentionPeriod",
    "PreferredBackupWindow",
    "PreferredMaintenanceWindow",
    "AvailabilityZone",
    "SecondaryAvailabilityZone",
    "MultiAZ",
    "AutoMinorVersionUpgrade",
    "LicenseModel",
    "PubliclyAccessible",
    "StorageEncrypted",
    "KmsKeyId",
    "CACertificateIdentifier",
    "CopyTagsToSnapshot",
    "MonitoringInterval",
    "MonitoringRoleArn",
    "IAMDatabaseAuthenticationEnabled",
    "PerformanceInsightsEnabled",
    "PerformanceInsightsKMSKeyId",
    "PerformanceInsightsRetentionPeriod",
    "DeletionProtection",
    "EnabledCloudwatchLogsExports",
    "MasterUserSecret",
)
SNAPSHOT_SHOWN = (
    "DBSnapshotIdentifier",
    "DBInstanceIdentifier",
    "SnapshotCreateTime",
    "OriginalSnapshotCreateTime",
    "SourceRegion",
    "SourceDBSnapshotIdentifier",
    "KmsKeyId",
    "Encrypted",
    "VpcId",
    "InstanceCreateTime",
    "SnapshotType",
    "DbiResourceId",
)
SNAPSHOT_OF_INSTANCE = (
    "Engine",
    "EngineVersion",
    "AllocatedStorage",
    "StorageType",
    "Iops",
    "StorageThroughput",
    "AvailabilityZone",
    "MasterUsername",
    "LicenseModel",
    "IAMDatabaseAuthenticationEnabled",
)
AUTOMATED_BACKUP_OF_INSTANCE = (
    "DBInstanceIdentifier",
    "DBInstanceArn",
    "DbiResourceId",
    "Engine",
    "EngineVersion",
    "AllocatedStorage",
    "StorageType",
    "AvailabilityZone",
    "MasterUsername",
    "LicenseModel",
    "InstanceCreateTime",
    "KmsKeyId",
    "BackupRetentionPeriod",
    "PreferredBackupWindow",
    "BackupTarget",
)


def resource_id(instance: Instance) -> str:
    """The identifier that survives a rename, in the form that RDS gives it."""
    seed = f"{instance.region} {instance.cluster.folder.name}".encode()
    return "db-" + hashlib.sha256(seed).hexdigest()[:26].upper()


def describe_instance(instance: Instance) -> dict[str, Any]:
    """One instance as the API shows it at this moment."""
    facts = instance.facts
    shown = {name: facts[name] for name in SHOWN if facts.get(name) is not None}
    shown |= {
        "DBInstanceStatus": instance.status,
        "DBInstanceArn": instance.arn,
        "DbiResourceId": resource_id(instance),
        "InstanceCreateTime": instance.created,
        "DbInstancePort": 0,
        "DBSubnetGroup": instance.subnet_group,
        "VpcSecurityGroups": [{"VpcSecurityGroupId": one, "Status": "active"} for one in facts["VpcSecurityGroupIds"]],
        "DBSecurityGroups": [],
        "DBParameterGroups": [describe_parameter_group(instance)],
        "OptionGroupMemberships": [describe_option_group(facts["EngineVersion"])],
        "PendingModifiedValues": describe_pending(instance),
        "ReadReplicaDBInstanceIdentifiers": [name_seen_from(instance, replica) for replica in instance.replicas],
        "StatusInfos": describe_replication(instance),
        "DomainMemberships": [],
        "AssociatedRoles": [],
        "TagList": instance.tags,
        "BackupTarget": "region",
        "NetworkType": "IPV4",
        "CustomerOwnedIpEnabled": False,
        "ActivityStreamStatus": "stopped",
        "DedicatedLogVolume": False,
        "EngineLifecycleSupport": "open-source-rds-extended-support",
    }
    return shown | _describe_optional(instance)


def _describe_optional(instance: Instance) -> dict[str, Any]:
    """What is absent from the answer while it does not apply."""
    facts, shown = instance.facts, {}
    if instance.is_reachable:
        shown["Endpoint"] = {
            "Address": instance.endpoint_name,
            "Port": instance.cluster.port,
            "HostedZoneId": "Z1TTGA775OQIYO",
        }
    if instance.source is not None:
        shown["ReadReplicaSourceDBInstanceIdentifier"] = name_seen_from(instance, instance.source)
    if facts["BackupRetentionPeriod"] and instance.status != "creating":
        shown["LatestRestorableTime"] = datetime.now(UTC)
    if (facts.get("MaxAllocatedStorage") or 0) > facts["AllocatedStorage"]:
        shown["MaxAllocatedStorage"] = facts["MaxAllocatedStorage"]
    if facts.get("MonitoringInterval"):
        group = f"arn:aws:logs:{instance.region}:{ACCOUNT_ID}:log-group:RDSOSMetrics"
        shown["EnhancedMonitoringResourceArn"] = f"{group}:log-stream:{resource_id(instance)}"
    return shown


def describe_automated_backup(instance: Instance) -> dict[str, Any]:
    """The backups of an instance that is there; RDS deletes them with it where nobody asks to keep them."""
    shown = describe_instance(instance)
    latest = shown.get("LatestRestorableTime")
    same = {name: shown[name] for name in AUTOMATED_BACKUP_OF_INSTANCE if name in shown}
    window = {"RestoreWindow": {"EarliestTime": instance.created, "LatestTime": latest}} if latest else {}
    return same | window | {"Region": instance.region, "Status": "active" if latest else "creating"}


def name_seen_from(instance: Instance, other: Instance) -> str:
    """RDS names the other end of a replication by identifier within a region and by ARN across regions."""
    return other.identifier if other.region == instance.region else other.arn


def describe_parameter_group(instance: Instance) -> dict[str, str]:
    status = "pending-reboot" if instance.parameters_pending else "in-sync"
    return {"DBParameterGroupName": instance.facts["DBParameterGroupName"], "ParameterApplyStatus": status}


def describe_option_group(version: str) -> dict[str, str]:
    return {"OptionGroupName": f"default:postgres-{version.split('.')[0]}", "Status": "in-sync"}


def describe_pending(instance: Instance) -> dict[str, Any]:
    """Changes that are not effective yet; a password is never shown."""
    running = instance.transition.pending if instance.transition else {}
    pending = {**instance.pending, **running}
    return {name: "****" if name == "MasterUserPassword" else value for name, value in pending.items()}


def describe_replication(instance: Instance) -> list[dict[str, Any]]:
    if instance.source is None or instance.status == "creating":
        return []
    if instance.cut_off:
        message = "Replication has ended: the source no longer has the log that this replica needs."
        return [{"StatusType": "read replication", "Normal": False, "Status": "terminated", "Message": message}]
    cut = instance.relay is not None and instance.relay.link.broken
    if cut:
        message = "Replication has stopped: the source cannot be reached."
        return [{"StatusType": "read replication", "Normal": False, "Status": "error", "Message": message}]
    return [{"StatusType": "read replication", "Normal": True, "Status": "replicating"}]


def describe_snapshot(snapshot: Snapshot) -> dict[str, Any]:
    facts, source = snapshot.facts, snapshot.facts["instance"]
    shown = {name: source[name] for name in SNAPSHOT_OF_INSTANCE if source.get(name) is not None}
    shown |= {name: facts[name] for name in SNAPSHOT_SHOWN if facts.get(name) is not None}
    return shown | {
        "Status": snapshot.status,
        "PercentProgress": snapshot.percent,
        "DBSnapshotArn": snapshot.arn,
        "Port": source["Port"],
        "OptionGroupName": describe_option_group(source["EngineVersion"])["OptionGroupName"],
        "TagList": snapshot.tags,
        "ProcessorFeatures": [],
        "SnapshotTarget": "region",
        "DedicatedLogVolume": False,
    }
