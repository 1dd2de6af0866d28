# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables of one name in several regions: who belongs to whom, how far each is, and what is on its way."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.dynamodb.models.table import Table

from rehearsal.cloud.clock import Timed
from rehearsal.cloud.kms import find_key
from rehearsal.cloud.world_state import World
from rehearsal.settings import ACCOUNT_ID

ACTIVE, CREATING, DELETING = "ACTIVE", "CREATING", "DELETING"
VERSION = "2019.11.21"
# AWS's own "usually within a second"; a region that served as a source is kept a day.
REPLICATION_SECONDS = 1.0
SOURCE_SECONDS = 86_400.0


@dataclass
class Member:
    """One region of a global table."""

    status: str = ACTIVE
    key: str | None = None
    # When each item was last written here, by its key as text.
    written: dict[str, float] = field(default_factory=dict)


@dataclass
class Group:
    """A global table."""

    name: str
    members: dict[str, Member] = field(default_factory=dict)
    sources: dict[str, Timed] = field(default_factory=dict)


def find_table(region: str, name: str) -> Table | None:
    return dynamodb_backends[ACCOUNT_ID][region].tables.get(name)


class Groups:
    """All global tables of the account."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._groups: list[Group] = []

    def all(self) -> list[Group]:
        return self._groups

    def of(self, table: Table) -> Group | None:
        for group in self._groups:
            if group.name == table.name and table.region_name in group.members:
                return group
        return None

    def is_changing(self, table: Table) -> bool:
        group = self.of(table)
        return group is not None and any(member.status != ACTIVE for member in group.members.values())

    def describe(self, table: Table) -> dict[str, Any]:
        """The members of a table's description that tell of its replicas; other regions only, as AWS does."""
        group = self.of(table)
        if group is None:
            return {}
        own = group.members[table.region_name].status
        busy = "UPDATING" if self.is_changing(table) else ACTIVE
        row: dict[str, Any] = {"TableStatus": busy if own == ACTIVE else own}
        others = [(region, member) for region, member in group.members.items() if region != table.region_name]
        if others:
            row |= {"GlobalTableVersion": VERSION, "Replicas": [_row(*other) for other in sorted(others, key=_first)]}
        return row

    # --- replicas

    def begin(self, table: Table, target: str, key: str | None) -> None:
        """Make the table in another region; its items follow when its time has come."""
        group = self.of(table)
        if group is None:
            group = Group(table.name, {table.region_name: Member()})
            self._groups.append(group)
        group.members[target] = Member(CREATING, key)
        replica = make_replica(table, target, key)
        dynamodb_backends[ACCOUNT_ID][target].tables[table.name] = replica
        source = self._world.clock.start("table_source", table.name, table.region_name, SOURCE_SECONDS, listed=False)
        group.sources[table.region_name] = source
        timed = self._world.clock.start("table_replica_create", table.name, target)
        self._world.later(timed, lambda: self._complete(group, table, replica))

    def _complete(self, group: Group, table: Table, replica: Table) -> None:
        member = group.members.get(replica.region_name)
        if member is not None and member.status == CREATING:
            replica.items = copy.deepcopy(table.items)
            member.status = ACTIVE

    def end(self, group: Group, target: str) -> None:
        group.members[target].status = DELETING
        timed = self._world.clock.start("table_replica_delete", group.name, target)
        self._world.later(timed, lambda: self._remove(group, target))

    def _remove(self, group: Group, target: str) -> None:
        dynamodb_backends[ACCOUNT_ID][target].tables.pop(group.name, None)
        self.leave(target, group.name)

    def leave(self, region: str, name: str) -> None:
        """A table that is gone belongs to nobody; one that is left alone is no global table."""
        for group in [one for one in self._groups if one.name == name and region in one.members]:
            del group.members[region]
            if len(group.members) < 2:
                self._groups.remove(group)

    # --- items

    def send(self, group: Group, table: Table, key: dict[str, Any]) -> None:
        """Bring one item, as it is now, to the other regions in a moment."""
        item = copy.deepcopy(read_item(table, key))
        moment, mark = self._world.clock.now(), repr(sorted(key.items()))
        group.members[table.region_name].written[mark] = moment
        timed = self._world.clock.start(
            "table_replication", table.name, table.region_name, REPLICATION_SECONDS, listed=False
        )
        for region in [one for one in group.members if one != table.region_name]:
            self._world.later(timed, lambda region=region: self._arrive(group, region, key, mark, item, moment))

    def _arrive(self, group: Group, region: str, key: dict, mark: str, item: Any, moment: float) -> None:
        member, table = group.members.get(region), find_table(region, group.name)
        # A replica that is being made gets everything at its end; a later write here is not undone.
        if member is None or table is None or member.status != ACTIVE or member.written.get(mark, 0.0) > moment:
            return
        member.written[mark] = moment
        write_item(table, key, item)


def _first(pair: tuple[str, Member]) -> str:
    return pair[0]


def _row(region: str, member: Member) -> dict[str, Any]:
    row = {"RegionName": region, "ReplicaStatus": member.status}
    return row | ({"KMSMasterKeyId": member.key} if member.key else {})


def specify(region: str, key: str | None) -> dict[str, Any]:
    """Encryption as moto keeps it, with the key's ARN, which is what DynamoDB tells."""
    found = find_key(region, key or "alias/aws/dynamodb")
    return {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": found.arn if found is not None else key}


def make_replica(table: Table, region: str, key: str | None) -> Table:
    """An empty table like this one, encrypted with a key of its own region."""
    indexes = copy.deepcopy((table.indexes, table.global_indexes))
    replica = Table(
        table.name,
        account_id=ACCOUNT_ID,
        region=region,
        schema=copy.deepcopy(table.schema),
        attr=copy.deepcopy(table.attr),
        throughput=copy.deepcopy(table.throughput) if table.billing_mode == "PROVISIONED" else None,
        streams=copy.deepcopy(table.stream_specification),
        billing_mode=table.billing_mode,
        sse_specification=specify(region, key) if key else None,
    )
    replica.indexes, replica.global_indexes = indexes
    replica.ttl = copy.deepcopy(table.ttl)
    return replica


def _values(table: Table, key: dict[str, Any]) -> tuple[DynamoType, DynamoType | None]:
    sort = table.range_key_attr
    return DynamoType(key[table.hash_key_attr]), DynamoType(key[sort]) if sort else None


def read_item(table: Table, key: dict[str, Any]) -> Any:
    return table.get_item(*_values(table, key))


def write_item(table: Table, key: dict[str, Any], item: Any) -> None:
    """Put an item where it belongs, or take it away where there is none any more."""
    hash_value, range_value = _values(table, key)
    if item is None:
        if table.get_item(hash_value, range_value) is not None:
            table.delete_item(hash_value, range_value)
    elif table.has_range_key:
        table.items[hash_value][range_value] = copy.deepcopy(item)
    else:
        table.items[hash_value] = copy.deepcopy(item)
