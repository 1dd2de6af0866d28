# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose an item is, what is kept and why, and the order of the rest. Values in, values out: no call is made here."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from ansible_collections.medzen.multiregion.plugins.module_utils.census.registry import (
    KINDS,
    SCHEDULED,
    WAIT,
    Item,
    Kind,
    levels,
)
from ansible_collections.medzen.multiregion.plugins.module_utils.census.scan import Finding
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import MultiregionError

# Tags by which an owner protects an item from every tool.
PROTECTED_TAG, KEEP_UNTIL_TAG, WORKLOAD_TAG = "Protected", "KeepUntil", "Workload"


@dataclass(frozen=True)
class Rules:
    """What is ours and what stays. `keep` and `include` name kinds ("rds_snapshot") or items ("rds_snapshot/x")."""

    workload: str
    prefixes: tuple[str, ...] = ()
    keep: Mapping[str, str] = field(default_factory=dict)
    include: frozenset[str] = frozenset()
    # Items of a plan that was confirmed before: ours even when what showed it is deleted by now.
    recorded: frozenset[str] = frozenset()
    now: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(frozen=True)
class Step:
    """One item of the plan and the earliest round in which it can go."""

    item: Item
    round: int
    owner: str


@dataclass(frozen=True)
class Plan:
    """What a teardown would do. `unknown` are kinds that could not be listed, with the reason."""

    steps: tuple[Step, ...]
    kept: Mapping[str, str]
    owners: Mapping[str, str]
    unknown: Mapping[str, str]
    unmatched: tuple[str, ...] = ()

    @property
    def deletions(self) -> tuple[str, ...]:
        """What is asked to be deleted. Items that go with their owner come and go by themselves: they do not count."""
        return tuple(sorted(step.item.key for step in self.steps if step.item.action != WAIT))

    @property
    def checksum(self) -> str:
        return checksum(self.deletions)


def checksum(items: tuple[str, ...] | list[str]) -> str:
    """What was reviewed is what is deleted: the same items give the same sum, in whatever order."""
    return hashlib.sha256(json.dumps(sorted(items)).encode()).hexdigest()[:16]


def validate(rules: Rules, kinds: Mapping[str, Kind] | None = None) -> None:
    """A rule that names an unknown kind protects nothing: it is an error, not a warning."""
    kinds = KINDS if kinds is None else kinds
    wrong = sorted(name for name in {*rules.keep, *rules.include} if name.split("/", 1)[0] not in kinds)
    if wrong:
        known = ", ".join(sorted(kinds))
        raise MultiregionError(f"Found: {', '.join(wrong)} in keep or include. Expected: one of the kinds {known}.")


def build_plan(findings: Mapping[str, Finding], rules: Rules, kinds: Mapping[str, Kind] | None = None) -> Plan:
    """The plan for what was found; the same findings and rules give the same plan."""
    kinds = KINDS if kinds is None else kinds
    validate(rules, kinds)
    items = link_stacks([item for finding in findings.values() for item in finding.items or ()])
    owners = find_owners(items, rules)
    kept = find_kept(items, owners, rules, kinds)
    level = levels(dict(kinds))
    steps = [
        Step(item, level[item.kind], owners[item.key])
        for item in items.values()
        if item.key in owners and item.key not in kept and item.state != SCHEDULED
    ]
    return Plan(
        tuple(sorted(steps, key=lambda step: (step.round, step.item.kind, step.item.name, step.item.id))),
        {name: kept[name] for name in sorted(kept)},
        owners,
        {name: finding.reason for name, finding in sorted(findings.items()) if finding.is_unknown},
        find_unmatched(rules, items),
    )


def link_stacks(items: list[Item]) -> dict[str, Item]:
    """The items by key; what a stack lists as its own belongs to it."""
    makers = {name: item.key for item in items for name in item.facts.get("members", ())}
    linked = {}
    for item in items:
        found = {makers[name] for name in (item.id, item.name, item.arn) if name in makers} - set(item.belongs_to)
        linked[item.key] = replace(item, belongs_to=(*item.belongs_to, *sorted(found)))
    return linked


def find_owners(items: Mapping[str, Item], rules: Rules) -> dict[str, str]:
    """Why an item is ours, by key. What belongs to an item of ours is ours as well, however deep."""
    owners = {name: reason for name, item in items.items() if (reason := owner_of(item, rules))}
    growing = True
    while growing:
        growing = False
        for name, item in items.items():
            owner = next((one for one in item.belongs_to if one in owners), None)
            if name not in owners and owner:
                owners[name] = f"belongs to {owner}"
                growing = True
    return owners


def owner_of(item: Item, rules: Rules) -> str:
    if item.key in rules.recorded:
        return "in the recorded plan"
    if item.tags.get(WORKLOAD_TAG) == rules.workload:
        return f"tag {WORKLOAD_TAG} is {rules.workload}"
    prefixes = rules.prefixes or (rules.workload,)
    for what, name in (("name", item.name), ("origin", item.origin)):
        if prefix := matching_prefix(name, prefixes):
            return f"{what} begins with {prefix}"
    return ""


def matching_prefix(name: str, prefixes: tuple[str, ...]) -> str:
    """The prefix with which the name or a part of its path begins, as in af-south-1/medzen-ehrbase/password."""
    parts = [name, *re.split(r"[/:]", name)]
    return next((prefix for prefix in prefixes if prefix and any(part.startswith(prefix) for part in parts)), "")


def find_kept(
    items: Mapping[str, Item], owners: Mapping[str, str], rules: Rules, kinds: Mapping[str, Kind]
) -> dict[str, str]:
    """Why an item of ours stays, by key. What something that stays still uses, stays as well."""
    kept = {name: reason for name in owners if (reason := reason_to_keep(items[name], rules, kinds))}
    stays = [item for name, item in items.items() if name in kept or name not in owners]
    while stays:
        item = stays.pop()
        needed = {name: f"{item.key} still needs it" for name in item.uses}
        # Deleting a stack deletes what it made, records under retention included.
        needed |= {name: f"it made {item.key}, which stays" for name in item.belongs_to if is_stack(name)}
        for name in sorted(set(needed) & set(owners) - set(kept)):
            kept[name] = needed[name]
            stays.append(items[name])
    return {**kept, **aliases_of_kept_keys(items, owners, kept)}


def is_stack(name: str) -> bool:
    return name.startswith("cloudformation_stack/")


def aliases_of_kept_keys(
    items: Mapping[str, Item], owners: Mapping[str, str], kept: Mapping[str, str]
) -> dict[str, str]:
    """A key that stays keeps its name."""
    aliases = [items[name] for name in owners if items[name].kind == "kms_alias" and name not in kept]
    return {item.key: f"names {item.belongs_to[0]}" for item in aliases if item.belongs_to[0] in kept}


def reason_to_keep(item: Item, rules: Rules, kinds: Mapping[str, Kind]) -> str:
    stated = rules.keep.get(item.key) or rules.keep.get(item.kind)
    if stated:
        return stated
    if item.tags.get(PROTECTED_TAG, "").lower() not in ("", "false", "no"):
        return f"tag {PROTECTED_TAG} is {item.tags[PROTECTED_TAG]}"
    if is_before(rules.now, item.tags.get(KEEP_UNTIL_TAG)):
        return f"tag {KEEP_UNTIL_TAG} is {item.tags[KEEP_UNTIL_TAG]}"
    if item.kind in rules.include or item.key in rules.include:
        return ""
    return kinds[item.kind].protected


def is_before(now: datetime, until: str | None) -> bool:
    """Whether the date is still to come; one that cannot be read protects for ever."""
    if not until:
        return False
    try:
        date = datetime.fromisoformat(until.replace("Z", "+00:00"))
    except ValueError:
        return True
    return now < (date if date.tzinfo else date.replace(tzinfo=UTC))


def find_unmatched(rules: Rules, items: Mapping[str, Item]) -> tuple[str, ...]:
    """Items named in `keep` that are not there: perhaps gone, perhaps a typing error that protects nothing."""
    return tuple(sorted(name for name in rules.keep if "/" in name and name not in items))


def statuses(findings: Mapping[str, Finding], plan: Plan) -> dict[str, str]:
    """Per kind: unknown, found (something of ours lives), scheduled (all of ours is), none."""
    return {name: status_of(finding, plan) for name, finding in findings.items()}


def status_of(finding: Finding, plan: Plan) -> str:
    if finding.items is None:
        return "unknown"
    states = {item.state for item in finding.items if item.key in plan.owners}
    if states - {SCHEDULED}:
        return "found"
    return "scheduled" if states else "none"


def verdict(plan: Plan) -> str:
    """Found beats unknown, unknown beats empty: a region is empty only when every listing was seen."""
    if plan.steps:
        return "found"
    return "unknown" if plan.unknown else "empty"


def describe_plan(plan: Plan, findings: Mapping[str, Finding]) -> dict:
    """The plan as a module returns it."""
    items = [item for finding in findings.values() for item in finding.items or ()]
    return {
        "delete": [
            {"round": step.round, **brief(step.item), "action": step.item.action, "owner": step.owner}
            for step in plan.steps
        ],
        "keep": [{**brief(item), "reason": plan.kept[item.key]} for item in items if item.key in plan.kept],
        "scheduled": [brief(item) for item in items if item.state == SCHEDULED and item.key in plan.owners],
        "foreign": [brief(item) for item in items if item.key not in plan.owners],
        "unknown": [{"kind": kind, "reason": reason} for kind, reason in plan.unknown.items()],
        "keep_unmatched": list(plan.unmatched),
    }


def brief(item: Item) -> dict:
    found = {"kind": item.kind, "id": item.id, "name": item.name, "state": item.state}
    return {**found, "note": item.note} if item.note else found
