# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls on DynamoDB tables that more than one module makes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ansible_collections.medzen.multiregion.plugins.module_utils import copies
from ansible_collections.medzen.multiregion.plugins.module_utils.aws import describe

MISSING = ("ResourceNotFoundException",)


@describe("describe table {name}", missing=MISSING)
def describe_table(connection: Any, name: str) -> dict[str, Any] | None:
    return connection.describe_table(TableName=name, aws_retry=True)["Table"]


@describe("delete table {name}", missing=MISSING)
def delete_table(connection: Any, name: str) -> None:
    """A retry after a lost answer meets a table that is on its way out."""
    try:
        connection.delete_table(TableName=name, aws_retry=True)
    except connection.exceptions.ResourceInUseException:
        if (describe_table(connection, name) or {"TableStatus": "DELETING"})["TableStatus"] != "DELETING":
            raise


@describe("read table {name}")
def scan_page(connection: Any, name: str, start: dict[str, Any] | None) -> dict[str, Any]:
    request = {"ExclusiveStartKey": start} if start else {}
    return connection.scan(TableName=name, ConsistentRead=True, **request, aws_retry=True)


def iter_items(connection: Any, name: str) -> Iterator[dict[str, Any]]:
    """Every item in DynamoDB's typed form, one page in memory."""
    start = None
    while True:
        page = scan_page(connection, name, start)
        yield from page["Items"]
        start = page.get("LastEvaluatedKey")
        if not start:
            return


def read_digests(connection: Any, name: str, keys: Iterable[str]) -> dict[str, str]:
    """A checksum of each item by its key."""
    return {copies.item_key(item, keys): copies.item_digest(item) for item in iter_items(connection, name)}
