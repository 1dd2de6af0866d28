# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The run record in one region: its table, and what is read from it and written into it.

Every write that another run could make as well has a condition; `try_…` tells whether it held.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ansible_collections.medzen.multiregion.plugins.module_utils import run_lock as record
from ansible_collections.medzen.multiregion.plugins.module_utils.aws import describe
from ansible_collections.medzen.multiregion.plugins.module_utils.dynamodb_tables import MISSING, describe_table
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import AwsError
from ansible_collections.medzen.multiregion.plugins.module_utils.wait import wait_until

CONDITION_FAILED = "ConditionalCheckFailedException"
NEW = "attribute_not_exists(pk)"


@dataclass(frozen=True)
class RunTable:
    """A workload's record in one region. `connection` is that region's DynamoDB client."""

    connection: Any
    region: str
    name: str
    workload: str

    def __str__(self) -> str:
        return f"{self.name} in {self.region}"


@dataclass(frozen=True)
class Known:
    """What stands in one region. `version` is that of the facts; 0 means none."""

    exists: bool
    lock: record.Lock | None
    facts: dict
    version: int


# --- the table -------------------------------------------------------------------------------------------------------


@describe("create table {table}")
def create(table: RunTable) -> None:
    table.connection.create_table(
        TableName=table.name,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": attribute, "AttributeType": "S"} for attribute in ("pk", "sk")],
        BillingMode="PAY_PER_REQUEST",
        DeletionProtectionEnabled=True,
        aws_retry=True,
    )


@describe("describe backups of table {table}")
def is_recovery_on(table: RunTable) -> bool:
    answer = table.connection.describe_continuous_backups(TableName=table.name, aws_retry=True)
    backups = answer["ContinuousBackupsDescription"].get("PointInTimeRecoveryDescription", {})
    return backups.get("PointInTimeRecoveryStatus") == "ENABLED"


@describe("switch on point-in-time recovery of table {table}")
def switch_recovery_on(table: RunTable) -> None:
    table.connection.update_continuous_backups(
        TableName=table.name, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}, aws_retry=True
    )


def exists(table: RunTable) -> bool:
    return describe_table(table.connection, table.name) is not None


def ensure(table: RunTable, timeout_s: float, poll_seconds: float) -> bool:
    """The table, complete; whether something had to be done for it."""
    found = describe_table(table.connection, table.name)
    if found is None:
        create(table)
    wait_until(
        lambda: describe_table(table.connection, table.name),
        lambda seen: seen is not None and seen["TableStatus"] in ("ACTIVE", "UPDATING"),
        f"table {table}",
        timeout_s,
        min(poll_seconds, 2),
        text=lambda seen: seen["TableStatus"] if seen else "not there",
    )
    protecting = not is_recovery_on(table)
    if protecting:
        wait_until(
            lambda: try_recovery(table),
            bool,
            f"point-in-time recovery of table {table}",
            timeout_s,
            min(poll_seconds, 2),
            text=lambda done: "on" if done else "being prepared",
        )
    return found is None or protecting


def try_recovery(table: RunTable) -> bool:
    """A new table is not ready for it at once."""
    try:
        switch_recovery_on(table)
    except AwsError as error:
        if error.code == "ContinuousBackupsUnavailableException":
            return False
        raise
    return True


# --- reading ---------------------------------------------------------------------------------------------------------


@describe("read the run record in table {table}", missing=MISSING)
def get_item(table: RunTable, kind: str) -> dict | None:
    key = record.key(table.workload, kind)
    return table.connection.get_item(TableName=table.name, Key=key, ConsistentRead=True, aws_retry=True).get("Item")


@describe("list what table {table} remembers", missing=MISSING, default=())
def query(table: RunTable, prefix: str, limit: int) -> list[dict]:
    """The newest items of a kind, newest first."""
    return table.connection.query(
        TableName=table.name,
        KeyConditionExpression="pk = :workload AND begins_with(sk, :kind)",
        ExpressionAttributeValues={":workload": {"S": table.workload}, ":kind": {"S": prefix}},
        ScanIndexForward=False,
        ConsistentRead=True,
        Limit=limit,
        aws_retry=True,
    )["Items"]


def read_lock(table: RunTable) -> record.Lock | None:
    return record.lock_from_item(get_item(table, record.LOCK))


def read_facts(table: RunTable) -> tuple[dict, int]:
    """The facts with the version that the next write has to follow; version 0 means none."""
    item = get_item(table, record.FACTS)
    return record.read_document(item), int(item["version"]["N"]) if item else 0


def read_known(table: RunTable) -> Known:
    return Known(exists(table), read_lock(table), *read_facts(table))


# --- writing ---------------------------------------------------------------------------------------------------------


@describe("write the run record in table {table}")
def put_item(table: RunTable, item: dict, condition: str | None = None, values: dict | None = None) -> None:
    guard: dict[str, Any] = {"ConditionExpression": condition} if condition else {}
    if values:
        guard["ExpressionAttributeValues"] = values
    if condition and "#token" in condition:
        guard["ExpressionAttributeNames"] = {"#token": "token"}
    table.connection.put_item(TableName=table.name, Item=item, **guard, aws_retry=True)


def try_put(table: RunTable, item: dict, condition: str, values: dict | None = None) -> bool:
    """Write unless the condition fails; whether it was written."""
    try:
        put_item(table, item, condition, values)
    except AwsError as error:
        if error.code == CONDITION_FAILED:
            return False
        raise
    return True


def try_put_facts(table: RunTable, facts: dict, version: int, seen: int | None = None) -> bool:
    """Write facts over the version that was seen, or over any that is older than the new one."""
    item = record.facts_to_item(table.workload, facts, version)
    if seen is None:
        return try_put(table, item, f"{NEW} OR version < :new", {":new": {"N": str(version)}})
    if seen == 0:
        return try_put(table, item, NEW)
    return try_put(table, item, "version = :seen", {":seen": {"N": str(seen)}})


def copy_item(table: RunTable, item: dict) -> None:
    """Bring over what another region remembers; what tells more than it stays."""
    if record.is_final(item):
        put_item(table, item)
    else:
        try_put(table, item, NEW)


def try_lock(table: RunTable, lock: record.Lock, previous: record.Lock | None) -> bool:
    """Write the lock over exactly what was read before; whether it is ours now."""
    item = record.lock_to_item(table.workload, lock)
    if previous is None:
        written = try_put(table, item, NEW)
    else:
        written = try_put(table, item, "#token = :token", {":token": {"S": previous.token}})
    if written:
        return True
    # After a lost answer the retry meets our own lock.
    present = read_lock(table)
    return present is not None and present.token == lock.token


@describe("release the lock in table {table}")
def delete_lock(table: RunTable, lock: record.Lock) -> None:
    table.connection.delete_item(
        TableName=table.name,
        Key=record.key(table.workload, record.LOCK),
        ConditionExpression="#token = :token",
        ExpressionAttributeNames={"#token": "token"},
        ExpressionAttributeValues={":token": {"S": lock.token}},
        aws_retry=True,
    )


def try_release(table: RunTable, lock: record.Lock) -> bool:
    """Whether the lock is given back; not when another run has taken it."""
    try:
        delete_lock(table, lock)
    except AwsError as error:
        if error.code != CONDITION_FAILED:
            raise
        # After a lost answer the lock is gone, which is what was asked for.
        return read_lock(table) is None
    return True


def update_lock(table: RunTable, lock: record.Lock, change: str, values: dict) -> None:
    """Change attributes of the lock, as long as it is ours."""
    table.connection.update_item(
        TableName=table.name,
        Key=record.key(table.workload, record.LOCK),
        UpdateExpression=change,
        ConditionExpression="#token = :token",
        ExpressionAttributeNames={"#token": "token"},
        ExpressionAttributeValues={":token": {"S": lock.token}, **values},
        aws_retry=True,
    )


@describe("renew the lease in table {table}")
def renew_lock(table: RunTable, lock: record.Lock, expires: float, pid: int) -> None:
    values = {":expires": {"N": f"{expires:.3f}"}, ":pid": {"N": str(pid)}}
    update_lock(table, lock, "SET expires = :expires, heartbeat_pid = :pid", values)


def try_renew(table: RunTable, lock: record.Lock, expires: float, pid: int) -> bool | None:
    """True when the lease is longer now, False when it is no longer ours, None when nobody could be asked."""
    try:
        renew_lock(table, lock, expires, pid)
    except AwsError as error:
        return False if error.code in (CONDITION_FAILED, *MISSING) else None
    return True


@describe("write the step into table {table}")
def update_document(table: RunTable, lock: record.Lock) -> None:
    """Write what the lock says, not when it expires: the heartbeat may have renewed it since it was read."""
    values = {":document": record.lock_to_item(table.workload, lock)["document"]}
    update_lock(table, lock, "SET document = :document", values)


def try_update(table: RunTable, lock: record.Lock) -> bool:
    """Whether the lock was still ours to write into."""
    try:
        update_document(table, lock)
    except AwsError as error:
        if error.code != CONDITION_FAILED:
            raise
        return False
    return True
