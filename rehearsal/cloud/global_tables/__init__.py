# SPDX-License-Identifier: GPL-3.0-or-later
"""DynamoDB global tables, version 2019.11.21: replicas that really exist, and writes that reach them a moment later.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/V2globaltables_HowItWorks.html
Reading order: groups (which tables belong together), writes (which keys a call writes), this file (the API).
Statements of PartiQL are not replicated: they are refused on a global table.
"""

from __future__ import annotations

import copy
from typing import Any

from moto.dynamodb.models.table import Table

from rehearsal.cloud.errors import ApiError
from rehearsal.cloud.global_tables.groups import ACTIVE, CREATING, DELETING, Group, Groups, find_table, specify
from rehearsal.cloud.global_tables.writes import WRITES, iter_keys
from rehearsal.cloud.kms import find_key, key_state
from rehearsal.cloud.operations import Call
from rehearsal.cloud.world_state import World

SERVICE = "dynamodb"
STREAM = "NEW_AND_OLD_IMAGES"
READS = ("GetItem", "Query", "Scan")


def install(world: World) -> None:
    GlobalTables(world, Groups(world)).install()


class GlobalTables:
    """Replicas and their items."""

    def __init__(self, world: World, groups: Groups) -> None:
        self._world = world
        self._groups = groups

    def install(self) -> None:
        operations, groups, moto_describe = self._world.operations, self._groups, Table.describe

        def describe(table: Table, base_key: str = "TableDescription") -> dict[str, Any]:
            row = moto_describe(table, base_key)
            row[base_key] |= groups.describe(table)
            return row

        Table.describe = describe
        operations.before(SERVICE, "UpdateTable", self.check_key)
        operations.before(SERVICE, "UpdateTable", self.update)
        operations.after(SERVICE, "UpdateTable", self.change_key)
        operations.before(SERVICE, "DeleteTable", self.check_delete)
        operations.after(SERVICE, "DeleteTable", lambda call: groups.leave(call.region, table_name(call)))
        operations.after(SERVICE, "UpdateTimeToLive", self.replicate_expiry)
        for operation in WRITES:
            operations.before(SERVICE, operation, self.check_usable)
            operations.after(SERVICE, operation, self.replicate)
        for operation in READS:
            operations.before(SERVICE, operation, self.check_usable)
        for operation in ("ExecuteStatement", "ExecuteTransaction", "BatchExecuteStatement"):
            operations.before(SERVICE, operation, self.refuse_statement)

    # --- keys

    def check_key(self, call: Call) -> None:
        wanted = call.get("SSESpecification") or {}
        require_key(call.region, wanted.get("KMSMasterKeyId"))

    def change_key(self, call: Call) -> None:
        """moto encrypts only what is made so."""
        table, wanted = find_table(call.region, table_name(call)), call.get("SSESpecification")
        if table is None or wanted is None:
            return
        table.sse_specification = specify(call.region, wanted.get("KMSMasterKeyId")) if wanted.get("Enabled") else None

    # --- replicas

    def update(self, call: Call) -> None:
        """Begin what ReplicaUpdates asks for; moto does the rest of the call and knows nothing of this."""
        updates = call.get("ReplicaUpdates") or []
        table = find_table(call.region, table_name(call))
        if table is None:
            return
        if self._groups.is_changing(table):
            text = f"Attempt to change a resource which is still in use: Table is being updated: {table.name}"
            raise ApiError("ResourceInUseException", text)
        if len(updates) > 1:
            raise validation("Only one replica can be created, updated or deleted at a time.")
        for kind, wanted in [item for update in updates for item in update.items()]:
            if kind == "Create":
                self._create(table, call.region, wanted)
            elif kind == "Delete":
                self._delete(table, wanted["RegionName"])
            else:
                raise NotImplementedError(f"ReplicaUpdates of kind {kind}")

    def _create(self, table: Table, region: str, wanted: dict[str, Any]) -> None:
        target = wanted["RegionName"]
        self._check_create(table, region, target)
        key = wanted.get("KMSMasterKeyId")
        require_key(target, key)
        if has_own_key(table) != (key is not None):
            text = "Replicas and their table must have the same type of KMS key"
            raise validation(f"One or more parameter values were invalid: {text}")
        self._groups.begin(table, target, key)

    def _check_create(self, table: Table, region: str, target: str) -> None:
        if not self._world.regions.enabled(target):
            raise validation(f"Region {target} is not supported or not enabled for this account.")
        if target == region or find_table(target, table.name) is not None:
            raise validation(f"Failed to create a replica: table {table.name} already exists in region {target}")
        stream = table.stream_specification or {}
        if not stream.get("StreamEnabled") or stream.get("StreamViewType") != STREAM:
            text = f"Table {table.name} must have its stream enabled with StreamViewType {STREAM}"
            raise validation(f"One or more parameter values were invalid: {text}")

    def _delete(self, table: Table, target: str) -> None:
        group = self._groups.of(table)
        if group is None or target == table.region_name or target not in group.members:
            raise validation(f"Replica with regionName {target} does not exist for table {table.name}")
        check_source(group, target)
        replica = find_table(target, table.name)
        if replica is not None and replica.deletion_protection_enabled:
            raise validation(f"Replica in {target} cannot be deleted: it is protected against deletion.")
        self._groups.end(group, target)

    def check_delete(self, call: Call) -> None:
        table = find_table(call.region, table_name(call))
        group = self._groups.of(table) if table is not None else None
        if group is None:
            return
        if self._groups.is_changing(table):
            text = f"Attempt to change a resource which is still in use: Table is being updated: {table.name}"
            raise ApiError("ResourceInUseException", text)
        check_source(group, call.region)

    # --- items

    def check_usable(self, call: Call) -> None:
        """A replica that is being made has no items to read yet, and takes none."""
        name = table_name(call)
        table = find_table(call.region, name) if name else None
        group = self._groups.of(table) if table is not None else None
        if group is not None and group.members[call.region].status == CREATING:
            raise ApiError("ResourceNotFoundException", f"Requested resource not found: Table: {name} not found")

    def replicate(self, call: Call) -> None:
        """Send what a call wrote to the other regions; the last writer wins."""
        for name, key in iter_keys(call):
            table = find_table(call.region, name)
            group = self._groups.of(table) if table is not None else None
            if group is not None:
                self._groups.send(group, table, key)

    def replicate_expiry(self, call: Call) -> None:
        """The expiry of items is a setting of all replicas."""
        table = find_table(call.region, table_name(call))
        group = self._groups.of(table) if table is not None else None
        for region in group.members if group else ():
            replica = find_table(region, table.name)
            if replica is not None:
                replica.ttl = copy.deepcopy(table.ttl)

    def refuse_statement(self, call: Call) -> None:
        if any(True for group in self._groups.all() if call.region in group.members):
            raise NotImplementedError("PartiQL in a region with global tables")


def require_key(region: str, name: str | None) -> None:
    if name is not None and key_state(region, name) != "Enabled":
        raise validation(f"KMS key {name} of {region} does not exist or is not enabled.")


def has_own_key(table: Table) -> bool:
    """Whether a table has a key of the account's own, not the one that AWS manages."""
    key = find_key(table.region_name, (table.sse_specification or {}).get("KMSMasterKeyId"))
    return key is not None and key.key_manager != "AWS"


def table_name(call: Call) -> str:
    """A table's name, also where its ARN is given."""
    return str(call.get("TableName") or "").rpartition("/")[2]


def check_source(group: Group, region: str) -> None:
    """A region that others were copied from stays a day longer."""
    source = group.sources.get(region)
    others = [name for name, member in group.members.items() if name != region and member.status != DELETING]
    if source is not None and not source.done() and others:
        text = "Replica cannot be deleted because it has acted as a source region for new replica(s) being added to "
        raise validation(f"{text}the table in the last 24 hours.")


def validation(text: str) -> ApiError:
    return ApiError("ValidationException", text)


__all__ = ["ACTIVE", "CREATING", "DELETING", "GlobalTables", "install"]
