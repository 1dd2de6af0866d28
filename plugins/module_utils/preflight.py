# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks before a region is built: what was read in, a verdict out. Nothing here makes a call.

A verdict is ok, warn, refuse or unknown. What could not be read comes in as Unknown and goes out as unknown.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

OK, WARN, REFUSE, UNKNOWN = "ok", "warn", "refuse", "unknown"
# A database leaves these by itself and goes on working meanwhile; who makes a replica of it waits for that.
PASSING_STATES = (
    "backing-up",
    "configuring-enhanced-monitoring",
    "configuring-iam-database-auth",
    "configuring-log-exports",
    "maintenance",
    "modifying",
    "rebooting",
    "storage-optimization",
)
OPTED_IN = ("opt-in-not-required", "opted-in")


@dataclass(frozen=True)
class Unknown:
    """A fact that could not be read, and why."""

    reason: str


@dataclass(frozen=True)
class Check:
    name: str
    region: str
    verdict: str
    found: str
    expected: str = ""
    next_step: str = ""

    def as_dict(self) -> dict:
        return asdict(self)


@dataclass(frozen=True)
class Quota:
    """A limit that the plan meets. `need` is the key of the need; units stand in the title."""

    need: str
    title: str
    service: str
    code: str


QUOTAS = (
    Quota("vpcs", "VPCs", "vpc", "L-F678F1CE"),
    Quota("elastic_ips", "elastic IP addresses", "ec2", "L-0263D0A3"),
    Quota("nat_gateways", "NAT gateways in one availability zone", "vpc", "L-FE5A380F"),
    Quota("fargate_vcpus", "Fargate vCPUs", "fargate", "L-3032A538"),
    Quota("databases", "database instances", "rds", "L-7B6409FD"),
    Quota("database_storage_gb", "GB of database storage", "rds", "L-7ADDB58A"),
)


def unknown(name: str, region: str, fact: Unknown, expected: str = "") -> Check:
    return Check(
        name, region, UNKNOWN, fact.reason, expected, "make this readable; a check that was not made is no yes"
    )


def check_account(region: str, found: str | Unknown, expected: str) -> Check:
    if isinstance(found, Unknown):
        return unknown("account", region, found, expected)
    if found == expected:
        return Check("account", region, OK, found, expected)
    return Check("account", region, REFUSE, found, expected, "use the credentials of the account in the inventory")


def check_region(region: str, statuses: Mapping[str, str] | Unknown) -> Check:
    """Whether the region exists and is enabled for the account."""
    if isinstance(statuses, Unknown):
        return unknown("region", region, statuses, "enabled")
    if region not in statuses:
        return Check("region", region, REFUSE, "no region of this name", "a region of AWS", "correct the inventory")
    if statuses[region] in OPTED_IN:
        return Check("region", region, OK, statuses[region], "enabled")
    step = f"enable {region} for the account (account:EnableRegion) and wait until it is, some minutes"
    return Check("region", region, REFUSE, statuses[region], "enabled", step)


def check_cidr(
    region: str, planned: Mapping[str, str], networks: Mapping[str, Sequence[Mapping] | Unknown], own_name: str
) -> Check:
    """The region's CIDR against every other region's, planned and existing: peered networks must not overlap."""
    name, cidr = "cidr", planned.get(region)
    if cidr is None:
        return Check(name, region, REFUSE, "no CIDR in the inventory", "one per region", "add it to the inventory")
    try:
        mine = ipaddress.ip_network(cidr)
    except ValueError as error:
        return Check(name, region, REFUSE, str(error), "a network as 10.1.0.0/16", "correct the inventory")
    clashes = [*planned_clashes(region, mine, planned), *existing_clashes(region, mine, networks, own_name)]
    if clashes:
        step = "give the region a CIDR of its own: networks that overlap cannot be peered"
        return Check(name, region, REFUSE, f"{cidr} overlaps {'; '.join(clashes)}", "no overlap", step)
    unseen = [f"{one}: {fact.reason}" for one, fact in networks.items() if isinstance(fact, Unknown)]
    if unseen:
        return unknown(name, region, Unknown(f"networks not listed: {'; '.join(unseen)}"), "no overlap")
    return Check(name, region, OK, f"{cidr} overlaps nothing", "no overlap")


def planned_clashes(region: str, mine: Any, planned: Mapping[str, str]) -> list[str]:
    others = {one: cidr for one, cidr in planned.items() if one != region}
    return [f"{cidr}, planned for {one}" for one, cidr in others.items() if overlaps(mine, cidr)]


def existing_clashes(
    region: str, mine: Any, networks: Mapping[str, Sequence[Mapping] | Unknown], own_name: str
) -> list[str]:
    """Networks that are there. The region's own is no clash as long as it has the planned CIDR."""
    return [
        f"{network['cidr']}, {network['id']} {network['name']} in {one}".replace("  ", " ")
        for one, found in networks.items()
        if not isinstance(found, Unknown)
        for network in found
        if overlaps(mine, network["cidr"]) and not is_own(network, one, region, mine, own_name)
    ]


def is_own(network: Mapping, where: str, region: str, mine: Any, own_name: str) -> bool:
    return where == region and network["name"] == own_name and ipaddress.ip_network(network["cidr"]) == mine


def overlaps(mine: Any, cidr: str) -> bool:
    try:
        other = ipaddress.ip_network(cidr)
    except ValueError:
        return False
    return mine.version == other.version and mine.overlaps(other)


def check_quota(region: str, quota: Quota, limit: float | Unknown, used: float | Unknown, need: float) -> Check:
    """Whether what the plan adds fits. `need` is what is still to be made: nothing on a second run."""
    name = f"quota {quota.need}"
    if need <= 0:
        return Check(name, region, OK, "nothing more is needed", f"room for {quota.title}")
    for fact in (limit, used):
        if isinstance(fact, Unknown):
            return unknown(name, region, fact, f"room for {need:g} {quota.title}")
    found = f"{used:g} of {limit:g} {quota.title} in use"
    if used + need <= limit:
        return Check(name, region, OK, found, f"room for {need:g}")
    step = f"ask for more (service-quotas, {quota.service} {quota.code}); it can take days"
    return Check(name, region, REFUSE, found, f"room for {need:g}", step)


def check_key(region: str, found: Mapping | None | Unknown) -> Check:
    """The key of the region, if there is one already."""
    name, expected = "key", "enabled, or none yet"
    if isinstance(found, Unknown):
        return unknown(name, region, found, expected)
    if found is None:
        return Check(name, region, OK, "none yet, it will be made", expected)
    if found.get("KeyState") == "Enabled":
        return Check(name, region, OK, f"{found.get('KeyId')} is Enabled", expected)
    step = "enable the key or cancel its deletion: what it encrypts cannot be read without it"
    return Check(name, region, REFUSE, f"{found.get('KeyId')} is {found.get('KeyState')}", expected, step)


def check_orderable(region: str, options: Sequence[Mapping] | Unknown, engine: str, size: str, multi_az: bool) -> Check:
    """Whether RDS sells this version on this class here, encrypted and, where wanted, with a standby."""
    name, expected = "database class", f"PostgreSQL {engine} on {size}{' with Multi-AZ' if multi_az else ''}"
    if isinstance(options, Unknown):
        return unknown(name, region, options, expected)
    sound = [one for one in options if one.get("SupportsStorageEncryption", True)]
    sound = [one for one in sound if one.get("MultiAZCapable", True) or not multi_az]
    if sound:
        return Check(name, region, OK, "orderable", expected)
    found = "not orderable" if not options else "orderable, but without encryption or Multi-AZ"
    return Check(name, region, REFUSE, found, expected, "choose a version and a class that both regions have")


def check_pair(region: str, source: str, sources: Iterable[str] | Unknown) -> Check:
    """Whether this region can take replicas and snapshots from the source's."""
    name, expected = "replica pair", f"{source} among the source regions"
    if isinstance(sources, Unknown):
        return unknown(name, region, sources, expected)
    if source in sources:
        return Check(name, region, OK, f"takes from {source}", expected)
    return Check(name, region, REFUSE, f"does not take from {source}", expected, "choose another pair of regions")


def check_source(region: str, found: Mapping | None | Unknown) -> Check:
    """The database to copy from: a primary, available, with backups, without which RDS makes no replica."""
    name, expected = "source database", "available, no replica, with automated backups"
    if isinstance(found, Unknown):
        return unknown(name, region, found, expected)
    if found is None:
        return Check(name, region, REFUSE, "no such database", expected, "find production with audit_regions")
    faults, status = [], found.get("DBInstanceStatus")
    if status != "available" and status not in PASSING_STATES:
        faults.append(f"status {status}")
    if found.get("ReadReplicaSourceDBInstanceIdentifier"):
        faults.append("a replica itself")
    if not found.get("BackupRetentionPeriod"):
        faults.append("no automated backups")
    if faults:
        return Check(name, region, REFUSE, ", ".join(faults), expected, "mend the source before the day of the move")
    if status in PASSING_STATES:
        step = "nothing: a replica or a snapshot of it waits until that is over"
        return Check(name, region, WARN, f"status {status}, which passes by itself", expected, step)
    return Check(name, region, OK, f"backups kept {found['BackupRetentionPeriod']} days", expected)


def check_image(image: str) -> Check:
    """The version of the application must not change in the middle of a move."""
    name, expected = "image", "pinned by version or digest"
    step = "pin the image: a restart could change the version in the middle of a move"
    tag = image_tag(image)
    if tag is None or tag == "latest":
        return Check(name, "", REFUSE, image or "no image", expected, step)
    return Check(name, "", OK, image, expected)


def image_tag(image: str) -> str | None:
    """The tag or digest of an image; None when it has neither, which means latest."""
    if "@" in image:
        return image.split("@", 1)[1] or None
    last = image.rsplit("/", 1)[-1]
    return last.split(":", 1)[1] or None if ":" in last else None


def environment_of(definition: Mapping) -> dict[str, str]:
    return {
        entry["name"]: entry["value"]
        for container in definition.get("containerDefinitions", [])
        for entry in container.get("environment", [])
    }


def check_node_name(
    region: str, definition: Mapping | None | Unknown, expected: str, *, is_source: bool = False
) -> Check:
    """Version identifiers of records are built from the node name: it is the same everywhere, for ever.

    Where the records come from, what is there is right, and the plan is what has to change.
    """
    name = "node name"
    if isinstance(definition, Unknown):
        return unknown(name, region, definition, expected)
    if definition is None:
        return Check(name, region, OK, "no task definition yet", expected)
    found = environment_of(definition).get("SERVER_NODENAME")
    if found == expected:
        return Check(name, region, OK, found, expected)
    step = "set SERVER_NODENAME alike in every region: identifiers of versions are built from it"
    if is_source and found:
        step = f"set multiregion_ehrbase_node_name to {found}: identifiers of production's versions are built from it"
    elif is_source:
        step = (
            "read the name in an identifier of a version, <id>::<name>::<number>, and set "
            "multiregion_ehrbase_node_name and production's own SERVER_NODENAME to that one"
        )
    return Check(name, region, REFUSE, found or "SERVER_NODENAME is not set", expected, step)


def check_authentication(region: str, definition: Mapping | None | Unknown, planned: str) -> Check:
    """EHRbase without authentication gives records to whoever asks."""
    name, expected = "authentication", "BASIC or OAUTH"
    if isinstance(definition, Unknown):
        return unknown(name, region, definition, expected)
    found = planned or (environment_of(definition).get("SECURITY_AUTHTYPE", "NONE") if definition is not None else "")
    if not found:
        return Check(name, region, OK, "no task definition yet", expected)
    if found.upper() != "NONE":
        return Check(name, region, OK, found, expected)
    return Check(name, region, REFUSE, "NONE", expected, "set SECURITY_AUTHTYPE")


def worst(checks: Iterable[Check]) -> str:
    """Refuse beats unknown, unknown beats warn, warn beats ok."""
    verdicts = {check.verdict for check in checks}
    return next((one for one in (REFUSE, UNKNOWN, WARN) if one in verdicts), OK)
