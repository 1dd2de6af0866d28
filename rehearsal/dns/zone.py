# SPDX-License-Identifier: GPL-3.0-or-later
"""What one name server serves: zones of record sets in Route 53's shape, and the names of balancers and databases."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

# AWS's own zones that the names in `hosts` belong to; any other name in them does not exist.
HOST_ZONES = (
    "elb.amazonaws.com.", "rds.amazonaws.com.",
    "awsdns-12.com.", "awsdns-23.net.", "awsdns-34.org.", "awsdns-45.co.uk.",
    # Names of API Gateway stand below a region's own zone; this takes all of them, so it is the last.
    "amazonaws.com.",
)  # fmt: skip
HOST_NEGATIVE_TTL_S = 60
# Seconds that Route 53 itself gives to what it creates; the clock's scale divides these. Other TTLs are the owner's.
OWN_TTL_TYPES = ("SOA", "NS")


def normalize(name: str) -> str:
    """Lower case, final dot, `\\052` as the asterisk that it stands for."""
    return name.replace("\\052", "*").lower().rstrip(".") + "."


def parent(name: str) -> str:
    return name.partition(".")[2]


def is_within(name: str, zone: str) -> bool:
    return name == zone or name.endswith("." + zone)


def scale_ttl(seconds: float, scale: float) -> int:
    """Whole seconds on the wire; what rounds to nothing is 1: a TTL of 0 would switch off the caches that AWS has."""
    return max(1, round(seconds / scale))


@dataclass(frozen=True)
class Alias:
    """Where an alias record points, and whether it answers for its target's health."""

    name: str
    zone_id: str
    evaluate: bool


@dataclass(frozen=True)
class RecordSet:
    """One record set with its routing policy."""

    name: str
    type: str
    ttl: int = 0
    values: tuple[str, ...] = ()
    alias: Alias | None = None
    identifier: str = ""
    weight: int | None = None
    failover: str = ""
    # (continent, country, subdivision); country "*" is the default location.
    location: tuple[str, str, str] | None = None
    multivalue: bool = False
    health_check: str = ""


def read_record_set(shape: Mapping[str, Any]) -> RecordSet:
    """A record set from Route 53's shape."""
    alias, geo = shape.get("AliasTarget"), shape.get("GeoLocation")
    return RecordSet(
        name=normalize(shape["Name"]),
        type=shape["Type"],
        ttl=int(shape.get("TTL") or 0),
        values=tuple(record["Value"] for record in shape.get("ResourceRecords") or []),
        alias=_read_alias(alias) if alias else None,
        identifier=shape.get("SetIdentifier") or "",
        weight=None if shape.get("Weight") is None else int(shape["Weight"]),
        failover=shape.get("Failover") or "",
        location=_read_location(geo) if geo else None,
        multivalue=bool(shape.get("MultiValueAnswer")),
        health_check=shape.get("HealthCheckId") or "",
    )


def _read_alias(shape: Mapping[str, Any]) -> Alias:
    name = normalize(shape["DNSName"]).removeprefix("dualstack.")
    return Alias(name, shape["HostedZoneId"], bool(shape.get("EvaluateTargetHealth")))


def _read_location(shape: Mapping[str, Any]) -> tuple[str, str, str]:
    return shape.get("ContinentCode") or "", shape.get("CountryCode") or "", shape.get("SubdivisionCode") or ""


class Zone:
    """The record sets of one hosted zone by name and type."""

    def __init__(self, name: str, record_sets: Iterable[RecordSet]) -> None:
        self.name = normalize(name)
        self._groups: dict[tuple[str, str], list[RecordSet]] = defaultdict(list)
        self._types: dict[str, set[str]] = defaultdict(set)
        for record_set in record_sets:
            self._groups[record_set.name, record_set.type].append(record_set)
            self._types[record_set.name].add(record_set.type)
        self._names = self._build_names()

    def group(self, name: str, record_type: str) -> list[RecordSet]:
        return self._groups.get((name, record_type), [])

    def source_of(self, name: str) -> str | None:
        """The name whose records answer for a name: itself, a wildcard of its closest ancestor, or none."""
        if name in self._names:
            return name
        ancestor = parent(name)
        while ancestor not in self._names and ancestor != self.name:
            ancestor = parent(ancestor)
        wildcard = f"*.{ancestor}"
        return wildcard if wildcard in self._types else None

    def _build_names(self) -> set[str]:
        """Names that exist: those with records, and those that only have names below them."""
        names = {self.name}
        for name in self._types:
            while name not in names and is_within(name, self.name):
                names.add(name)
                name = parent(name)
        return names


@dataclass(frozen=True)
class Host:
    """A name of AWS's own: a balancer, a database, a name server."""

    address: str
    ttl: int
    healthy: bool = True


@dataclass(frozen=True)
class View:
    """All that one name server knows at one moment; replaced as a whole, never changed."""

    zones: Mapping[str, Zone] = field(default_factory=dict)
    hosts: Mapping[str, Host] = field(default_factory=dict)
    # Health of each check by its id; one that is not there has no verdict yet and counts as healthy.
    health: Mapping[str, bool] = field(default_factory=dict)
    scale: float = 1.0

    def find_zone(self, name: str) -> Zone | None:
        """The zone with the longest name that holds this one."""
        while name:
            if name in self.zones:
                return self.zones[name]
            name = parent(name)
        return None


def build_views(document: Mapping[str, Any], health: Mapping[str, bool], servers: int = 4) -> list[View]:
    """One view for each name server from the cloud's document; servers differ while a change travels."""
    scale = float(document.get("scale", 1.0))
    hosts = {normalize(name): _read_host(shape) for name, shape in document["hosts"].items()}
    return [View(_build_zones(document, server, scale), hosts, health, scale) for server in range(servers)]


def _build_zones(document: Mapping[str, Any], server: int, scale: float) -> dict[str, Zone]:
    zones = {}
    for shape in document["zones"]:
        served = shape.get("served")
        zone = build_zone(shape["name"], served[server] if served else shape["record_sets"], scale)
        if zone is not None:
            zones[zone.name] = zone
    return zones


def build_zone(name: str, shapes: Iterable[Mapping[str, Any]], scale: float) -> Zone | None:
    """A zone without records has not reached the server yet."""
    record_sets = [_scale_own(read_record_set(shape), normalize(name), scale) for shape in shapes]
    return Zone(name, record_sets) if record_sets else None


def _scale_own(record_set: RecordSet, apex: str, scale: float) -> RecordSet:
    if record_set.name != apex or record_set.type not in OWN_TTL_TYPES:
        return record_set
    return RecordSet(apex, record_set.type, scale_ttl(record_set.ttl, scale), record_set.values)


def _read_host(shape: Mapping[str, Any]) -> Host:
    return Host(shape["address"], int(shape["ttl"]), bool(shape.get("healthy", True)))
