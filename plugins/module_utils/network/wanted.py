# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the options ask for: every part of the network by its key, with settings that name other parts by theirs."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused

ANYWHERE = "0.0.0.0/0"
VPC_PREFIX_LENGTH = 16
# The groups, in the order in which one lets the next one in.
GROUPS = {"alb": "Balancer", "ecs": "Tasks", "rds": "Database"}


@dataclass(frozen=True)
class Settings:
    """The options of a network."""

    name: str
    region: str
    cidr: str
    zones: tuple[str, ...]
    public_offsets: tuple[int, ...]
    private_offsets: tuple[int, ...]
    single_nat: bool = False
    http_port: int = 80
    https_port: int = 443
    service_port: int = 8080
    database_port: int = 5432
    s3_endpoint: bool = True
    tags: dict[str, str] | None = None
    # False: only what needs no NAT gateway that is available.
    whole: bool = True

    @property
    def nat_zones(self) -> tuple[str, ...]:
        return self.zones[:1] if self.single_nat else self.zones

    def nat_key(self, zone: str) -> str:
        """The NAT gateway that serves a zone."""
        return f"nat:{zone if zone in self.nat_zones else self.zones[0]}"

    @property
    def private_tables(self) -> tuple[str, ...]:
        return tuple(f"table:private:{number}" for number in range(1, len(self.zones) + 1))


@dataclass(frozen=True, order=True)
class Rule:
    """Who may come in. The source is a CIDR, the key of a group, or the id of something that is not ours."""

    protocol: str
    from_port: int
    to_port: int
    source: str

    def __str__(self) -> str:
        if self.protocol == "-1":
            return f"everything from {self.source}"
        ports = str(self.from_port) if self.from_port == self.to_port else f"{self.from_port}-{self.to_port}"
        return f"{self.protocol} {ports} from {self.source}"


@dataclass(frozen=True)
class Part:
    """One part of the network, wanted or found."""

    key: str
    name: str
    settings: dict[str, Any]
    tags: dict[str, str] | None = field(default_factory=dict)

    @property
    def kind(self) -> str:
        return self.key.partition(":")[0]


def build_wanted(settings: Settings) -> dict[str, Part]:
    """All parts that are to be there, by key, each before those that hang on it."""
    check_settings(settings)
    parts = [
        _build_vpc(settings),
        *_build_subnets(settings, "public", settings.public_offsets),
        *_build_subnets(settings, "private", settings.private_offsets),
        _build_gateway(settings),
        *_build_groups(settings),
        *_build_nat_gateways(settings),
        _build_public_table(settings),
    ]
    if settings.whole:
        parts += [*_build_private_tables(settings), *_build_endpoints(settings)]
    return {part.key: part for part in parts}


def _named(settings: Settings, key: str, name: str, values: dict[str, Any]) -> Part:
    """A part that is told by its Name tag."""
    return Part(key, name, values, {**(settings.tags or {}), "Name": name})


def _unnamed(settings: Settings, key: str, name: str, values: dict[str, Any]) -> Part:
    """A part that is told by something else; it gets the given tags, and is left alone when none are given."""
    return Part(key, name, values, settings.tags)


def _build_vpc(settings: Settings) -> Part:
    values = {"cidr": settings.cidr, "dns_support": True, "dns_hostnames": True}
    return _named(settings, "vpc", f"{settings.name}-vpc-{settings.region}", values)


def build_subnet_cidr(cidr: str, offset: int) -> str:
    """The /24 of a /16 that has `offset` as its third octet."""
    first, second = cidr.split(".")[:2]
    return f"{first}.{second}.{offset}.0/24"


def _build_subnets(settings: Settings, tier: str, offsets: tuple[int, ...]) -> list[Part]:
    return [
        _named(
            settings,
            f"subnet:{tier}:{zone}",
            f"{settings.name}-{tier}-{zone}",
            {"cidr": build_subnet_cidr(settings.cidr, offset), "zone": zone, "public_address": tier == "public"},
        )
        for zone, offset in zip(settings.zones, offsets, strict=True)
    ]


def _build_gateway(settings: Settings) -> Part:
    return _named(settings, "gateway", f"{settings.name}-igw-{settings.region}", {"attached": True})


def _build_groups(settings: Settings) -> list[Part]:
    rules = {
        "alb": [_tcp(port, ANYWHERE) for port in (settings.http_port, settings.https_port)],
        "ecs": [_tcp(settings.service_port, "group:alb")],
        "rds": [_tcp(settings.database_port, "group:ecs")],
    }
    return [
        _unnamed(
            settings,
            f"group:{job}",
            f"{settings.name}-{job}-{settings.region}",
            {"description": f"{text} of {settings.name}", "ingress": sorted(set(rules[job]))},
        )
        for job, text in GROUPS.items()
    ]


def _tcp(port: int, source: str) -> Rule:
    return Rule("tcp", port, port, source)


def _build_nat_gateways(settings: Settings) -> list[Part]:
    """Address and gateway of each zone. The address has the gateway's name, so that one left over is found again."""
    parts = []
    for zone in settings.nat_zones:
        name = f"{settings.name}-nat-{zone}"
        parts.append(_named(settings, f"address:{zone}", name, {}))
        parts.append(_named(settings, f"nat:{zone}", name, {"subnet": f"subnet:public:{zone}"}))
    return parts


def _build_public_table(settings: Settings) -> Part:
    values = {
        "routes": {ANYWHERE: "gateway"},
        "subnets": [f"subnet:public:{zone}" for zone in settings.zones],
    }
    return _named(settings, "table:public", f"{settings.name}-public-{settings.region}", values)


def _build_private_tables(settings: Settings) -> list[Part]:
    return [
        _named(
            settings,
            key,
            f"{settings.name}-private-{number}-{settings.region}",
            {"routes": {ANYWHERE: settings.nat_key(zone)}, "subnets": [f"subnet:private:{zone}"]},
        )
        for number, (key, zone) in enumerate(zip(settings.private_tables, settings.zones, strict=True), 1)
    ]


def _build_endpoints(settings: Settings) -> list[Part]:
    if not settings.s3_endpoint:
        return []
    service = f"com.amazonaws.{settings.region}.s3"
    values = {"service": service, "tables": list(settings.private_tables)}
    return [_unnamed(settings, "endpoint:s3", service, values)]


def check_settings(settings: Settings) -> None:
    """Refuse what does not describe a network, before anything is read."""
    _check_cidr(settings.cidr)
    counts = [len(settings.zones), len(settings.public_offsets), len(settings.private_offsets)]
    if len(set(counts)) > 1 or not settings.zones or len(set(settings.zones)) < len(settings.zones):
        raise Refused(
            "A network has one public and one private subnet in each availability zone",
            found=f"zones {list(settings.zones)}, {counts[1]} public and {counts[2]} private offsets",
            expected="as many offsets of each tier as there are zones, each zone once",
            next_step="give availability_zones, public_offsets and private_offsets of the same length",
        )
    offsets = [*settings.public_offsets, *settings.private_offsets]
    if len(set(offsets)) < len(offsets) or not all(0 <= offset <= 255 for offset in offsets):
        raise Refused(
            "Two subnets cannot have the same addresses",
            found=f"offsets {offsets}",
            expected="different numbers from 0 to 255",
            next_step="correct public_offsets and private_offsets",
        )


def _check_cidr(cidr: str) -> None:
    try:
        length: int | None = ipaddress.IPv4Network(cidr).prefixlen
    except ValueError:
        length = None
    if length != VPC_PREFIX_LENGTH:
        raise Refused(
            "The CIDR of the VPC is not usable",
            found=cidr,
            expected=f"an IPv4 network of /{VPC_PREFIX_LENGTH} such as 10.1.0.0/16, without host bits",
            next_step="correct cidr",
        )
