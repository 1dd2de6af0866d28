# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Items of DynamoDB as plain values, requests for them, and what is asserted of their attributes.

A retention of years is counted in calendar years from a time in the item itself: 2,555 days are two days less than
seven years. 29 February becomes 1 March in a year that has none, so that nothing is kept shorter than asked.
"""

from __future__ import annotations

import base64
import contextlib
import operator
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

with contextlib.suppress(ImportError):  # AnsibleAWSModule reports the missing library
    from boto3.dynamodb.types import Binary, TypeDeserializer, TypeSerializer

# Seconds since 1970 stay below this until the year 5138; more is taken for milliseconds.
MILLISECONDS_FROM = 10**11
SORT_OPERATORS = {"eq": "=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
COMPARISONS = {name: getattr(operator, name) for name in ("eq", "ne", "lt", "le", "gt", "ge")}
ABSENT = object()


def to_attribute(value: Any) -> dict:
    """A plain value as DynamoDB types it: text S, numbers N, truth BOOL, lists L, dicts M."""
    return TypeSerializer().serialize(exact(value))


def exact(value: Any) -> Any:
    """Floats as the decimals that they show; DynamoDB's library refuses binary ones."""
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, Mapping):
        return {str(key): exact(item) for key, item in value.items()}
    return [exact(item) for item in value] if isinstance(value, list) else value


def to_plain(attribute: Mapping) -> Any:
    return simplify(TypeDeserializer().deserialize(attribute))


def item_to_plain(item: Mapping) -> dict:
    return {name: to_plain(attribute) for name, attribute in item.items()}


def simplify(value: Any) -> Any:
    """Whole numbers as int, others as float, sets as sorted lists, bytes as base64 text."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, (Binary, bytes, bytearray)):
        return base64.b64encode(bytes(value.value if isinstance(value, Binary) else value)).decode()
    if isinstance(value, (set, frozenset)):
        return sorted(simplify(item) for item in value)
    if isinstance(value, list):
        return [simplify(item) for item in value]
    if isinstance(value, Mapping):
        return {key: simplify(item) for key, item in value.items()}
    return value


def build_projection(attributes: Iterable[str] | None) -> dict:
    """Only these attributes; their names go by placeholders, because many words are reserved."""
    names = list(dict.fromkeys(attributes or ()))
    if not names:
        return {}
    aliases = {f"#p{number}": name for number, name in enumerate(names)}
    return {"ProjectionExpression": ", ".join(aliases), "ExpressionAttributeNames": aliases}


def build_get(options: Mapping) -> dict:
    return {
        "TableName": options["table"],
        "Key": {name: to_attribute(value) for name, value in options["key"].items()},
        "ConsistentRead": options["consistent_read"],
        **build_projection(names_to_read(options)),
    }


def build_query(options: Mapping) -> dict:
    """The request of a Query without its paging."""
    query = options["query"]
    condition, names, values = build_key_condition(query)
    projection = build_projection(names_to_read(options))
    index = {"IndexName": query["index"]} if query["index"] else {}
    return {
        "TableName": options["table"],
        **index,
        "KeyConditionExpression": condition,
        "ExpressionAttributeValues": values,
        "ConsistentRead": options["consistent_read"],
        "ScanIndexForward": not query["newest_first"],
        **projection,
        "ExpressionAttributeNames": {**names, **projection.get("ExpressionAttributeNames", {})},
    }


def build_key_condition(query: Mapping) -> tuple[str, dict, dict]:
    ((name, value),) = query["partition_key"].items()
    condition, names, values = "#pk = :pk", {"#pk": name}, {":pk": to_attribute(value)}
    if not query["sort_key"]:
        return condition, names, values
    given = [to_attribute(one) for one in query["sort_values"]]
    values |= {f":sk{number}": one for number, one in enumerate(given)}
    return f"{condition} AND {sort_condition(query['sort_operator'])}", {**names, "#sk": query["sort_key"]}, values


def sort_condition(comparison: str) -> str:
    if comparison == "between":
        return "#sk BETWEEN :sk0 AND :sk1"
    return "begins_with(#sk, :sk0)" if comparison == "begins_with" else f"#sk {SORT_OPERATORS[comparison]} :sk0"


def names_to_read(options: Mapping) -> list[str] | None:
    """The attributes to return and those that something is asserted of."""
    if options["attributes"] is None:
        return None
    asserted = [one[key] for one in options["asserts"] for key in ("attribute", "since_attribute") if one.get(key)]
    return [*options["attributes"], *asserted]


def choose(item: Mapping, attributes: Iterable[str] | None) -> dict:
    return dict(item) if attributes is None else {name: item[name] for name in attributes if name in item}


# --- assertions ------------------------------------------------------------------------------------------------------


def iter_violations(items: list[dict], asserts: Iterable[Mapping]) -> Iterator[dict]:
    """Every assertion that an item breaks, with the item's number in the answer."""
    for number, item in enumerate(items):
        for one in asserts:
            if text := find_violation(item, one):
                yield {"item": number, "attribute": one["attribute"], "test": one["test"], "text": text}


def find_violation(item: Mapping, one: Mapping) -> str | None:
    found = item.get(one["attribute"], ABSENT)
    if one["test"] == "absent":
        return None if found is ABSENT else f"{one['attribute']} is there"
    if found is ABSENT:
        return f"{one['attribute']} is not there"
    if one["test"] == "exists":
        return None
    if one["test"] == "retained":
        return find_retention_fault(item, one, found)
    if holds(one["test"], found, one["value"]):
        return None
    return f"{one['attribute']} is {found!r}; expected {one['test']} {one['value']!r}"


def holds(test: str, found: Any, wanted: Any) -> bool:
    """A number that an option holds as text is compared as a number; other types never equal each other."""
    if is_number(found):
        wanted = number_of(wanted)
        return wanted is not None and compare(test, Decimal(str(found)), wanted)
    if isinstance(found, bool):
        return test in ("eq", "ne") and compare(test, str(found).lower(), str(wanted).lower())
    if isinstance(found, str):
        wanted = str(wanted)
        if test == "matches":
            return re.search(wanted, found) is not None
        return found.startswith(wanted) if test == "begins_with" else compare(test, found, wanted)
    return test in ("eq", "ne") and compare(test, found, wanted)


def compare(test: str, found: Any, wanted: Any) -> bool:
    return test in COMPARISONS and COMPARISONS[test](found, wanted)


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def number_of(value: Any) -> Decimal | None:
    try:
        found = Decimal(str(value))
    except ArithmeticError:
        return None
    return found if found.is_finite() else None


def find_retention_fault(item: Mapping, one: Mapping, found: Any) -> str | None:
    """Why an item expires before its time: its ttl against so many calendar years after its own start."""
    start = time_of(item.get(one["since_attribute"]))
    if start is None:
        return f"{one['since_attribute']} is no time, so the retention is unknown"
    if not is_number(found):
        return f"{one['attribute']} is {found!r}, which DynamoDB does not take for a time in seconds"
    until = add_years(start, one["years"])
    # DynamoDB keeps this time in whole seconds.
    if found >= int(until.timestamp()):
        return None
    missing_days = (until.timestamp() - found) / 86400
    return (
        f"{one['attribute']} is {found}, {missing_days:.1f} days short of {one['years']} calendar years "
        f"after {start.isoformat()} ({until.isoformat()}, {int(until.timestamp())})"
    )


def time_of(value: Any) -> datetime | None:
    """A time in ISO 8601, alone or after the last C(#) of a key, or in seconds or milliseconds since 1970."""
    with contextlib.suppress(ValueError, OverflowError, OSError):
        if is_number(value):
            return datetime.fromtimestamp(value / 1000 if value >= MILLISECONDS_FROM else value, UTC)
        if isinstance(value, str):
            found = datetime.fromisoformat(value.rpartition("#")[2])
            return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    return None


def add_years(start: datetime, years: int) -> datetime:
    try:
        return start.replace(year=start.year + years)
    except ValueError:
        return start.replace(year=start.year + years, month=3, day=1)
