# SPDX-License-Identifier: GPL-3.0-or-later
"""What RDS refuses: checks that take values and raise the error that AWS names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from moto.rds.utils import valid_preferred_maintenance_window

from rehearsal.cloud.errors import ApiError
from rehearsal.cloud.rds import catalog
from rehearsal.cloud.rds.model import Instance, Snapshot

IDENTIFIER = re.compile(r"[A-Za-z](?:-?[A-Za-z0-9])*")
INSTANCE_NAME_MAX, SNAPSHOT_NAME_MAX = 63, 255
RETENTION_DAYS_MAX = 35
STORAGE_GB_MIN = 20
PASSWORD_MIN, PASSWORD_MAX = 8, 128
PASSWORD_FORBIDDEN = set('/"@ ')
RESERVED_USERS = frozenset({"admin", "rds_replication", "rds_superuser", "rdsadmin", "rdsrepladmin", "rdstopmgr"})
# In these an instance is busy with something that a deletion would cut off.
BUSY = frozenset(
    {
        "backing-up",
        "creating",
        "deleting",
        "modifying",
        "rebooting",
        "renaming",
        "starting",
        "stopping",
        "upgrading",
    }
)
MONITORING_INTERVALS_S = (0, 1, 5, 10, 15, 30, 60)


def invalid(message: str) -> ApiError:
    return ApiError("InvalidParameterValue", message)


def contradiction(message: str) -> ApiError:
    return ApiError("InvalidParameterCombination", message)


def wrong_state(message: str) -> ApiError:
    return ApiError("InvalidDBInstanceState", message)


def check_name(name: str, parameter: str, length_max: int = INSTANCE_NAME_MAX) -> str:
    """Identifiers are letters, digits and single hyphens; RDS keeps them in lower case."""
    if len(name) > length_max or not IDENTIFIER.fullmatch(name):
        raise invalid(
            f"The parameter {parameter} is not a valid identifier. Identifiers must begin with a letter; must "
            "contain only ASCII letters, digits, and hyphens; and must not end with a hyphen or contain two "
            "consecutive hyphens."
        )
    return name.lower()


def check_available(instance: Instance, doing: str) -> None:
    """Most operations need an instance that is `available`, not one that is merely up."""
    if instance.status != "available":
        raise wrong_state(
            f"Cannot {doing} DB instance {instance.identifier}: it is {instance.status}, expected available."
        )


def check_snapshot_available(snapshot: Snapshot, doing: str) -> None:
    if snapshot.status != "available":
        raise ApiError(
            "InvalidDBSnapshotState",
            f"Cannot {doing} DB snapshot {snapshot.identifier}: it is {snapshot.status}, expected available.",
        )


def check_engine(engine: str | None) -> None:
    if engine not in (None, catalog.ENGINE):
        raise invalid(f"The stand-in runs {catalog.ENGINE} only, found engine {engine}.")


def check_class(name: str) -> None:
    if name not in catalog.CLASSES:
        raise invalid(f"Invalid DB Instance class: {name}")


def check_master(user: str | None, password: str | None) -> None:
    if not user or not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,62}", user):
        raise invalid("The parameter MasterUsername must be 1 to 63 letters, digits or underscores, a letter first.")
    if user.lower() in RESERVED_USERS:
        raise invalid(f"MasterUsername {user} cannot be used as it is a reserved word used by the engine")
    check_password(password)


def check_password(password: str | None) -> None:
    if not password or not PASSWORD_MIN <= len(password) <= PASSWORD_MAX:
        raise invalid(f"The parameter MasterUserPassword must have {PASSWORD_MIN} to {PASSWORD_MAX} characters.")
    if PASSWORD_FORBIDDEN & set(password) or not password.isprintable():
        raise invalid("Only printable ASCII characters besides '/', '@', '\"', ' ' may be used in MasterUserPassword.")


def check_retention(days: int | None) -> None:
    if days is not None and not 0 <= days <= RETENTION_DAYS_MAX:
        raise invalid(f"Invalid backup retention period: {days}. Must be between 0 and {RETENTION_DAYS_MAX}")


def check_storage(parameters: Mapping[str, Any], present_gb: int = 0) -> None:
    """Storage grows and never shrinks; its type is a known one."""
    kind, size = parameters.get("StorageType"), parameters.get("AllocatedStorage")
    if kind is not None and kind not in catalog.STORAGE_TYPES:
        raise invalid(f"Invalid storage type: {kind}")
    if size is not None and size < STORAGE_GB_MIN:
        raise invalid(f"Invalid storage size for engine name postgres and storage type {kind or 'gp2'}: {size}")
    if size is not None and size < present_gb:
        raise invalid(f"Requested storage {size} GB is less than the present {present_gb} GB; it cannot be reduced.")
    largest = parameters.get("MaxAllocatedStorage")
    if largest is not None and largest < (size or present_gb):
        raise contradiction("Max storage size must be greater than storage size")


def check_monitoring(interval_s: int | None, role_arn: str | None) -> None:
    interval_s = interval_s or 0
    if interval_s not in MONITORING_INTERVALS_S:
        raise invalid(f"Invalid value for MonitoringInterval: {interval_s}")
    if interval_s and not role_arn:
        raise contradiction("A MonitoringRoleARN is required if you specify a MonitoringInterval value other than 0.")
    if role_arn and not interval_s:
        raise contradiction("You must specify a MonitoringInterval other than 0 when you specify a MonitoringRoleARN.")


def check_windows(maintenance: str, backup: str) -> None:
    message = valid_preferred_maintenance_window(maintenance.lower(), backup)
    if message:
        raise invalid(message)


def check_log_types(types: Iterable[str]) -> None:
    unknown = sorted(set(types) - set(catalog.LOG_TYPES))
    if unknown:
        raise contradiction(f"You cannot use the log types '{', '.join(unknown)}' with engine version postgres.")


def check_not_protected(instance: Instance) -> None:
    if instance.facts.get("DeletionProtection"):
        raise contradiction("Cannot delete protected DB Instance, please disable deletion protection and try again.")


def check_final_snapshot(instance: Instance, name: str | None, *, skip: bool) -> None:
    """A deletion says what becomes of the data: a final snapshot, or none on purpose; a replica has none."""
    if skip and name:
        raise contradiction("FinalDBSnapshotIdentifier cannot be specified when SkipFinalSnapshot is enabled.")
    if instance.source is not None and name:
        raise contradiction("FinalDBSnapshotIdentifier cannot be specified when deleting a read replica.")
    if instance.source is not None and not skip:
        raise contradiction("SkipFinalSnapshot must be specified when deleting a read replica.")
    if not skip and not name:
        raise contradiction("FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified.")


def check_deletable(instance: Instance) -> None:
    """A source keeps its replicas: AWS would let them stand alone, which the harsher stand-in refuses."""
    if instance.replicas:
        names = ", ".join(replica.arn for replica in instance.replicas)
        raise wrong_state(f"DB instance {instance.identifier} has read replicas: promote or delete {names} first.")
    if instance.status in BUSY:
        raise wrong_state(f"Instance {instance.identifier} is currently {instance.status}: it cannot be deleted now.")


def check_replica_source(source: Instance) -> None:
    check_available(source, "create a read replica of")
    if not source.facts["BackupRetentionPeriod"]:
        raise wrong_state(
            f"Automated backups are not enabled for DB instance {source.identifier}: a read replica needs a backup "
            "retention period above 0."
        )


def check_promotable(instance: Instance) -> None:
    if instance.source is None:
        raise wrong_state(f"DB instance {instance.identifier} is not a read replica and cannot be promoted.")
    check_available(instance, "promote")


def check_copy_key(*, encrypted: bool, cross_region: bool, key: str | None, arn_given: bool) -> None:
    """Keys stay in their region, so an encrypted copy to another region names one of that region."""
    if encrypted and cross_region and not key:
        raise invalid("Must specify new KMS key for cross region encrypted snapshot copy")
    if cross_region and not arn_given:
        raise invalid("The source snapshot of another region must be given by its ARN.")
