# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether what one region holds is in another one as well: items by key and content, objects by key and content.

A comparison is C(copied), C(missing) or C(nothing), where the first region holds nothing. What could not be read is
C(unknown), and never copied.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

COPIED, MISSING, NOTHING, UNKNOWN = "copied", "missing", "nothing", "unknown"
# The first version of global tables writes these into each item, with the region's own name.
REPLICATION_ATTRIBUTES = ("aws:rep:deleting", "aws:rep:updateregion", "aws:rep:updatetime")
NAMED_MAX = 10


@dataclass(frozen=True)
class Comparison:
    """What came of one table or bucket."""

    kind: str
    name: str
    verdict: str
    reason: str = ""
    count: int = 0
    missing: tuple[str, ...] = ()
    different: tuple[str, ...] = ()
    copies: tuple[str, ...] = field(default=())

    def as_dict(self) -> dict:
        return {
            "kind": self.kind,
            "name": self.name,
            "copies": list(self.copies),
            "verdict": self.verdict,
            "reason": self.reason,
            "count": self.count,
            "missing_count": len(self.missing),
            "missing": list(self.missing[:NAMED_MAX]),
            "different_count": len(self.different),
            "different": list(self.different[:NAMED_MAX]),
        }


def item_key(item: Mapping, keys: Iterable[str]) -> str:
    """An item's primary key as text; DynamoDB's typed form, so that 1 and "1" are two keys."""
    return json.dumps([item[name] for name in keys], sort_keys=True, default=as_text)


def item_digest(item: Mapping) -> str:
    """The same for the same attributes, in whatever order a set or an item has them."""
    kept = {name: in_order(value) for name, value in item.items() if name not in REPLICATION_ATTRIBUTES}
    text = json.dumps(kept, sort_keys=True, default=as_text)
    return hashlib.sha256(text.encode()).hexdigest()


def in_order(attribute: Mapping) -> dict:
    """A typed attribute with its sets sorted, at any depth."""
    ((kind, value),) = attribute.items()
    if kind in ("SS", "NS", "BS"):
        return {kind: sorted(value)}
    if kind == "L":
        return {kind: [in_order(one) for one in value]}
    return {kind: {name: in_order(one) for name, one in value.items()} if kind == "M" else value}


def as_text(value: object) -> str:
    return value.hex() if isinstance(value, (bytes, bytearray)) else str(value)


def readable(key: str) -> str:
    """A key as a person reads it: MEETING#1 CREATED#…"""
    return " ".join(str(value) for part in json.loads(key) for value in part.values())


def compare(
    kind: str,
    name: str,
    here: Mapping[str, object],
    there: Mapping[str, object],
    *,
    copies: Iterable[str] = (),
    same: Callable[[str], bool] = lambda key: False,
    told: Callable[[str], str] = str,
) -> Comparison:
    """`here` and `there` are content by key. `same` is asked of keys that are in both with another content."""
    missing = tuple(sorted(told(key) for key in here if key not in there))
    different = tuple(sorted(told(key) for key in here if key in there and here[key] != there[key] and not same(key)))
    verdict = NOTHING if not here else (MISSING if missing or different else COPIED)
    return Comparison(kind, name, verdict, "", len(here), missing, different, tuple(copies))


def verdict_of(comparisons: Iterable[Comparison]) -> str:
    """Missing is certain and comes before unknown; both refuse."""
    verdicts = {one.verdict for one in comparisons}
    return next((word for word in (MISSING, UNKNOWN, COPIED) if word in verdicts), NOTHING)


def summarise(comparisons: Iterable[Comparison], copy_region: str) -> str:
    """One sentence for a gate."""
    lines = []
    for one in comparisons:
        if one.verdict == UNKNOWN:
            lines.append(f"{one.kind} {one.name}: {one.reason}")
        elif one.verdict == MISSING:
            lines.append(describe_missing(one, copy_region))
    return "; ".join(lines) or "everything is in both regions"


def describe_missing(one: Comparison, copy_region: str) -> str:
    """What is only here, and what there is another."""
    parts = []
    if one.missing:
        parts.append(f"{len(one.missing)} of {one.count} are not in {copy_region}, as {one.missing[0]}")
    if one.different:
        parts.append(f"{len(one.different)} of {one.count} are others in {copy_region}, as {one.different[0]}")
    return f"{one.kind} {one.name}: {', '.join(parts)}"
