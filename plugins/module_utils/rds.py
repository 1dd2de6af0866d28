# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""RDS instances and snapshots: read, promote, tag, wait. Shared by every module that works on a database."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from ansible_collections.medzen.multiregion.plugins.module_utils import tags as tagging
from ansible_collections.medzen.multiregion.plugins.module_utils.aws import describe
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import AwsError, Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.wait import state_text, wait_until

INSTANCE_MISSING = ("DBInstanceNotFound", "DBInstanceNotFoundFault")
# Another change is under way, or this one already.
BUSY = ("InvalidDBInstanceState", "InvalidDBInstanceStateFault")
SNAPSHOT_MISSING = ("DBSnapshotNotFound", "DBSnapshotNotFoundFault")
AVAILABLE = "available"
SNAPSHOT_IN_THE_MAKING = ("copying", "creating", "pending")
# These do not become available again without somebody's doing.
BROKEN_STATES = (
    "failed",
    "inaccessible-encryption-credentials",
    "inaccessible-encryption-credentials-recoverable",
    "incompatible-network",
    "incompatible-option-group",
    "incompatible-parameters",
    "incompatible-restore",
    "insufficient-capacity",
    "restore-error",
    "storage-full",
)


@describe("describe database instance {identifier}", missing=INSTANCE_MISSING)
def describe_instance(client: Any, identifier: str) -> dict | None:
    """The instance as RDS describes it, or None."""
    found = client.describe_db_instances(DBInstanceIdentifier=identifier, aws_retry=True)["DBInstances"]
    return found[0] if found else None


def delete(client: Any, identifier: str, request: dict[str, Any]) -> None:
    """Begin the deletion. A call that is repeated because its answer was lost is refused for what it did itself."""
    try:
        _delete(client, identifier, request)
    except AwsError as error:
        if error.code not in BUSY or status(describe_instance(client, identifier)) != "deleting":
            raise


@describe("delete database {identifier}", missing=INSTANCE_MISSING)
def _delete(client: Any, identifier: str, request: dict[str, Any]) -> None:
    client.delete_db_instance(DBInstanceIdentifier=identifier, **request, aws_retry=True)


@describe("promote replica {identifier}")
def promote(client: Any, identifier: str, retention_days: int | None = None, window: str | None = None) -> dict:
    """Start the promotion. Without a retention RDS keeps backups for one day, so callers state theirs."""
    request: dict[str, Any] = {"DBInstanceIdentifier": identifier}
    if retention_days is not None:
        request["BackupRetentionPeriod"] = retention_days
    if window:
        request["PreferredBackupWindow"] = window
    return client.promote_read_replica(**request, aws_retry=True)["DBInstance"]


def source_arn(instance: dict) -> str | None:
    """What the instance replicates from: an ARN across regions, an identifier within one; None for a primary."""
    return instance.get("ReadReplicaSourceDBInstanceIdentifier") or None


def is_replica(instance: dict) -> bool:
    return source_arn(instance) is not None


def replication_problem(instance: dict) -> str | None:
    """What RDS says of a replication that does not go on, or None."""
    infos = [one for one in instance.get("StatusInfos") or [] if one.get("StatusType") == "read replication"]
    bad = next((one for one in infos if not one.get("Normal")), None)
    return f"{bad.get('Status', 'unknown')}: {bad.get('Message') or 'no reason given'}" if bad else None


def status(instance: dict | None) -> str | None:
    return instance.get("DBInstanceStatus") if instance else None


def is_available(instance: dict | None) -> bool:
    return status(instance) == AVAILABLE


def failure_reason(instance: dict | None) -> str | None:
    """Why waiting for an instance is pointless, or None."""
    if instance is None:
        return "the instance is not there"
    if status(instance) in BROKEN_STATES:
        return f"its status is {status(instance)}"
    return None


def is_promoted(instance: dict | None) -> bool:
    """A promotion is over when the link to the source is gone and the reboot is done.

    The first backup follows at once; the database takes writes meanwhile.
    """
    return instance is not None and not is_replica(instance) and status(instance) in (AVAILABLE, "backing-up")


def wait_instance(
    client: Any,
    identifier: str,
    done: Callable[[dict | None], bool] = is_available,
    *,
    what: str | None = None,
    timeout_s: float = 3600,
    poll_seconds: float = 10,
    failed: Callable[[dict | None], str | None] = failure_reason,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> dict | None:
    """Wait until `done(instance)`; by default until it is available."""
    return wait_until(
        lambda: describe_instance(client, identifier),
        done,
        what or f"database {identifier}",
        timeout_s,
        poll_seconds,
        failed=failed,
        clock=clock,
        sleep=sleep,
    )


@describe("describe snapshot {identifier}", missing=SNAPSHOT_MISSING)
def describe_snapshot(client: Any, identifier: str) -> dict | None:
    """The snapshot as RDS describes it, or None. Takes an identifier, or the ARN of a shared one."""
    found = client.describe_db_snapshots(DBSnapshotIdentifier=identifier, aws_retry=True)["DBSnapshots"]
    return found[0] if found else None


def snapshot_status(snapshot: dict | None) -> str | None:
    return snapshot.get("Status") if snapshot else None


def is_snapshot_available(snapshot: dict | None) -> bool:
    return snapshot_status(snapshot) == AVAILABLE


def is_snapshot_failed(snapshot: dict | None) -> bool:
    """A snapshot that failed stays under its name, holds nothing and can only be deleted."""
    return str(snapshot_status(snapshot)).startswith("failed")


@describe("delete snapshot {identifier}", missing=SNAPSHOT_MISSING)
def delete_snapshot(client: Any, identifier: str) -> None:
    client.delete_db_snapshot(DBSnapshotIdentifier=identifier, aws_retry=True)


def snapshot_percent(snapshot: dict | None) -> float | None:
    return snapshot.get("PercentProgress") if snapshot else None


def snapshot_failure_reason(snapshot: dict | None) -> str | None:
    """Why waiting for a snapshot is pointless, or None."""
    if snapshot is None:
        return "the snapshot is not there"
    if str(snapshot_status(snapshot)).startswith(("failed", "incompatible", "deleting")):
        return f"its status is {snapshot_status(snapshot)}"
    return None


def data_time(snapshot: dict) -> Any:
    """When the data was taken. A copy has a creation time of its own, which says nothing of the age of its data."""
    return snapshot.get("OriginalSnapshotCreateTime") or snapshot.get("SnapshotCreateTime")


def parse_time(text: str) -> datetime:
    """ISO 8601 text as a moment; text without a zone is UTC."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise Refused(
            "A time cannot be read", found=text, expected="ISO 8601, for example 2026-11-21T08:00:00Z"
        ) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def check_age(snapshot: dict, min_create_time: str | None) -> None:
    """Refuse data older than `min_create_time`. One in the making may have no time yet."""
    taken = data_time(snapshot)
    if min_create_time is None or (taken is None and not is_snapshot_available(snapshot)):
        return
    if taken is None or taken < parse_time(min_create_time):
        raise Refused(
            f"Snapshot {snapshot['DBSnapshotIdentifier']} is stale",
            found=f"data of {taken.isoformat() if taken else 'an unknown time'}",
            expected=f"data of {min_create_time} or later",
            next_step="take a new snapshot under a new name",
        )


def wait_snapshot(
    client: Any,
    identifier: str,
    done: Callable[[dict | None], bool] = is_snapshot_available,
    *,
    what: str | None = None,
    timeout_s: float = 3600,
    poll_seconds: float = 10,
    failed: Callable[[dict | None], str | None] = snapshot_failure_reason,
    text: Callable[[Any], str] = state_text,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> dict | None:
    """Wait until `done(snapshot)`; by default until it is available."""
    return wait_until(
        lambda: describe_snapshot(client, identifier),
        done,
        what or f"snapshot {identifier}",
        timeout_s,
        poll_seconds,
        percent=snapshot_percent,
        failed=failed,
        text=text,
        clock=clock,
        sleep=sleep,
    )


def remove_snapshot(client: Any, identifier: str, timeout_s: float, poll_seconds: float) -> None:
    """Delete the snapshot and wait until its name is free."""
    delete_snapshot(client, identifier)
    wait_snapshot(
        client,
        identifier,
        lambda found: found is None,
        what=f"snapshot {identifier} to be gone",
        timeout_s=timeout_s,
        poll_seconds=poll_seconds,
        failed=lambda found: None,
    )


@describe("list the tags of {arn}")
def list_tags(client: Any, arn: str) -> dict[str, str]:
    """Tags of a resource that RDS describes without them."""
    return tagging.from_boto(client.list_tags_for_resource(ResourceName=arn, aws_retry=True)["TagList"])


@describe("tag {arn}")
def add_tags(client: Any, arn: str, tags: dict[str, str]) -> None:
    client.add_tags_to_resource(ResourceName=arn, Tags=tagging.to_boto(tags), aws_retry=True)


@describe("remove tags from {arn}")
def remove_tags(client: Any, arn: str, keys: list[str]) -> None:
    client.remove_tags_from_resource(ResourceName=arn, TagKeys=keys, aws_retry=True)


def converge_tags(client: Any, arn: str, to_set: dict[str, str], to_remove: list[str]) -> None:
    """Write the difference that `tags.diff_tags` found."""
    if to_set:
        add_tags(client, arn, to_set)
    if to_remove:
        remove_tags(client, arn, to_remove)
