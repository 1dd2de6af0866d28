# SPDX-License-Identifier: GPL-3.0-or-later
"""Which keys of which tables a call writes. Pure, but for the table's own key names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rehearsal.cloud.global_tables.groups import find_table
from rehearsal.cloud.operations import Call

WRITES = ("PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems")
Key = dict[str, Any]


def iter_keys(call: Call) -> Iterator[tuple[str, Key]]:
    """Table name and key of each item that a call has written."""
    for name, content, whole in _iter_contents(call):
        name = name.rpartition("/")[2]
        table = find_table(call.region, name)
        if table is not None:
            yield name, {part: content[part] for part in table.table_key_attrs} if whole else content


def _iter_contents(call: Call) -> Iterator[tuple[str, dict[str, Any], bool]]:
    """Table, key or item, and whether it is a whole item."""
    if call.operation == "BatchWriteItem":
        for name, requests in (call.get("RequestItems") or {}).items():
            for request in requests:
                yield from _of_request(name, request.get("PutRequest"), request.get("DeleteRequest"))
    elif call.operation == "TransactWriteItems":
        for entry in call.get("TransactItems") or []:
            for kind in ("Put", "Update", "Delete"):
                if kind in entry:
                    part = entry[kind]
                    yield part["TableName"], part.get("Item") or part["Key"], "Item" in part
    else:
        yield call.get("TableName"), call.get("Item") or call.get("Key"), bool(call.get("Item"))


def _of_request(name: str, put: Any, delete: Any) -> Iterator[tuple[str, dict[str, Any], bool]]:
    if put:
        yield name, put["Item"], True
    if delete:
        yield name, delete["Key"], False
