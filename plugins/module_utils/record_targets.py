# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which record sets of a zone lead to names that will be gone, and which names they leave without an answer. No AWS."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ansible_collections.medzen.multiregion.plugins.module_utils.record_sets import (
    ADDRESS_TYPES,
    Key,
    display_name,
    key_of,
    normalise_name,
)


def find_leading_to(record_sets: Sequence[dict], targets: Iterable[str]) -> list[dict]:
    """Record sets that lead to one of the targets and to nothing else, also through other names of the zone.

    A name that keeps another answer stays, and so do the aliases that lead to it: only its own record set goes.
    """
    wanted = {_without_stack(target) for target in targets}
    addresses = [record_set for record_set in record_sets if record_set["Type"] in ADDRESS_TYPES]
    found: set[Key] = set()
    while True:
        dead = wanted | _dead_names(addresses, found)
        more = {key_of(one) for one in addresses if key_of(one) not in found and _leads_only_to(one, dead)}
        if not more:
            return [one for one in addresses if key_of(one) in found]
        found |= more


def _without_stack(name: str) -> str:
    return normalise_name(name).removeprefix("dualstack.")


def _dead_names(addresses: Sequence[dict], found: set[Key]) -> set[str]:
    alive = {key_of(one)[0] for one in addresses if key_of(one) not in found}
    return {key[0] for key in found} - alive


def _leads_only_to(record_set: dict, dead: set[str]) -> bool:
    if "AliasTarget" in record_set:
        return _without_stack(record_set["AliasTarget"]["DNSName"]) in dead
    values = record_set.get("ResourceRecords", [])
    return record_set["Type"] == "CNAME" and all(_without_stack(value["Value"]) in dead for value in values)


def find_emptied(record_sets: Sequence[dict], leaving: Sequence[dict]) -> list[str]:
    """Names that have no address any more when `leaving` are gone."""
    gone = {key_of(one) for one in leaving}
    kept = {key_of(one)[0] for one in record_sets if one["Type"] in ADDRESS_TYPES and key_of(one) not in gone}
    return sorted({display_name(one["Name"]) for one in leaving} - {display_name(name) for name in kept})
