# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must hold before the first deletion. Every guard returns what it refuses; none of them writes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ansible_collections.medzen.multiregion.plugins.module_utils.aws import describe
from ansible_collections.medzen.multiregion.plugins.module_utils.census.plan import Plan, checksum
from ansible_collections.medzen.multiregion.plugins.module_utils.census.registry import DELETING, Item, Place
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import MultiregionError, format_finding

KEY_WINDOW_DAYS = range(7, 31)


@dataclass(frozen=True)
class Refusal:
    """One reason not to begin."""

    found: str
    expected: str
    next_step: str

    def as_dict(self) -> dict:
        return {"found": self.found, "expected": self.expected, "next_step": self.next_step}


@dataclass(frozen=True)
class Confirmation:
    """What was reviewed and typed."""

    region: str
    typed: str
    plan_checksum: str | None
    plan_items: tuple[str, ...]
    max_items: int


def check_inputs(region: str, key_days: int, secret_days: int, confirmation: Confirmation) -> None:
    """Refuse what is wrong whatever the region holds."""
    if confirmation.typed not in (region, ""):
        raise MultiregionError(
            f"Found: confirm is {confirmation.typed!r}. Expected: {region}, the region that would be emptied."
        )
    wrong = [days for days in (key_days, secret_days) if days not in KEY_WINDOW_DAYS]
    if wrong or key_days < secret_days:
        raise MultiregionError(
            f"Found: a window of {key_days} days for keys and {secret_days} for secrets. Expected: 7 to 30 days each, "
            "and keys no earlier than secrets, which cannot be recovered without their key."
        )
    check_recorded(confirmation)


def check_recorded(confirmation: Confirmation) -> None:
    found = checksum(confirmation.plan_items)
    if confirmation.plan_items and found != confirmation.plan_checksum:
        raise MultiregionError(
            f"Found: plan_items with the checksum {found}. Expected: {confirmation.plan_checksum}, as in "
            "plan_checksum. Next: pass both from the same census."
        )


def is_joined(plan: Plan, confirmation: Confirmation) -> bool:
    """Whether an earlier run of the same plan did a part of it already."""
    recorded = set(confirmation.plan_items)
    return bool(recorded) and set(plan.deletions) < recorded


def find_refusals(plan: Plan, confirmation: Confirmation) -> list[Refusal]:
    """All reasons that the plan itself gives; nothing left to delete needs no confirmation."""
    checks = (refuse_untyped, refuse_unknown, refuse_unmatched, refuse_unreviewed, refuse_too_many)
    return [refusal for check in checks if (refusal := check(plan, confirmation))]


def refuse_untyped(plan: Plan, confirmation: Confirmation) -> Refusal | None:
    if confirmation.typed == confirmation.region:
        return None
    return Refusal("nothing typed as confirm", f"confirm: {confirmation.region}", "read the plan, then type the region")


def refuse_unknown(plan: Plan, confirmation: Confirmation) -> Refusal | None:
    if not plan.unknown:
        return None
    reasons = "; ".join(f"{kind}: {reason}" for kind, reason in plan.unknown.items())
    return Refusal(
        f"could not list {reasons}", "every kind listed", "make the listings work, then review the plan again"
    )


def refuse_unmatched(plan: Plan, confirmation: Confirmation) -> Refusal | None:
    if not plan.unmatched or not plan.steps:
        return None
    return Refusal(
        f"keep names {', '.join(plan.unmatched)}, which is not there",
        "only items that exist",
        "correct the id, or take the entry out; a misspelt entry protects nothing",
    )


def refuse_unreviewed(plan: Plan, confirmation: Confirmation) -> Refusal | None:
    if not plan.deletions or plan.checksum == confirmation.plan_checksum or is_joined(plan, confirmation):
        return None
    new = sorted(set(plan.deletions) - set(confirmation.plan_items)) if confirmation.plan_items else []
    added = f", with {', '.join(new)} added" if new else ""
    return Refusal(
        f"a plan of {len(plan.deletions)} items with the checksum {plan.checksum}{added}",
        f"the reviewed plan, checksum {confirmation.plan_checksum or 'not given'}",
        "review the plan as it is now and pass its checksum",
    )


def refuse_too_many(plan: Plan, confirmation: Confirmation) -> Refusal | None:
    if len(plan.deletions) <= confirmation.max_items:
        return None
    return Refusal(
        f"{len(plan.deletions)} items to delete",
        f"at most max_items, {confirmation.max_items}",
        "make sure that the prefixes are not too wide, or raise max_items",
    )


def databases(plan: Plan) -> list[Item]:
    """Databases that are to go and hold data of their own: a replica's is at its source."""
    items = [step.item for step in plan.steps if step.item.kind == "rds_instance"]
    return [item for item in items if item.state != DELETING and not item.facts["replica_of"]]


def refuse_snapshots(
    plan: Plan, evidence: Mapping[str, dict], region: str, read: Callable[[str], dict | None]
) -> list[Refusal]:
    """Refusals for databases without a final snapshot that lies elsewhere and was restored once."""
    pairs = [(item.id, judge_snapshot(item.id, evidence.get(item.id), region, read)) for item in databases(plan)]
    return [
        Refusal(
            f"database {name}: {problem}",
            "a final snapshot in another region, available and encrypted, that was restored once and compared",
            "take, copy, restore and compare it, then state it in final_snapshots with verified: true",
        )
        for name, problem in pairs
        if problem
    ]


def judge_snapshot(name: str, stated: dict | None, region: str, read: Callable[[str], dict | None]) -> str:
    """What is wrong with the evidence for one database; empty when it holds."""
    if not stated:
        return "no final snapshot is stated"
    arn = str(stated.get("arn") or "")
    if stated.get("verified") is not True:
        return f"snapshot {arn or '(no arn)'} is not stated as verified"
    if region_of(arn) in ("", region):
        return f"snapshot {arn or '(no arn)'} does not lie in another region"
    return judge_found(name, arn, read(arn))


def judge_found(name: str, arn: str, found: dict | None) -> str:
    if found is None:
        return f"snapshot {arn} does not exist"
    if found.get("Status") != "available":
        return f"snapshot {arn} is {found.get('Status')}"
    if found.get("DBInstanceIdentifier") != name:
        return f"snapshot {arn} is one of {found.get('DBInstanceIdentifier')}"
    return "" if found.get("Encrypted") else f"snapshot {arn} is not encrypted"


def region_of(arn: str) -> str:
    parts = arn.split(":")
    return parts[3] if len(parts) > 5 else ""


def snapshot_reader(place: Place) -> Callable[[str], dict | None]:
    return lambda arn: read_snapshot(place, arn)


@describe("describe snapshot {arn}", missing=("DBSnapshotNotFound", "DBSnapshotNotFoundFault"))
def read_snapshot(place: Place, arn: str) -> dict | None:
    identifier = arn.split(":", 6)[-1]
    client = place.client("rds", region_of(arn))
    found = client.describe_db_snapshots(DBSnapshotIdentifier=identifier, aws_retry=True)["DBSnapshots"]
    return found[0] if found else None


def refusal_text(region: str, refusals: list[Refusal]) -> str:
    """All reasons at once: who has to ask three times has lost a night."""
    lines = [f"{number}. {format_finding(**refusal.as_dict())}" for number, refusal in enumerate(refusals, 1)]
    return "\n".join([f"Nothing was deleted in {region}:", *lines])
