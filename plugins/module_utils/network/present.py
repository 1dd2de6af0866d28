# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is there, in the terms of what is wanted: parts by their keys, other parts named by theirs.

A part is told by what AWS lets be unique: a subnet by its CIDR, a group by its name, a NAT gateway by its subnet, a
gateway by its VPC. Only a route table, and what is not attached to anything yet, is told by its Name tag.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.medzen.multiregion.plugins.module_utils import tags as tagging
from ansible_collections.medzen.multiregion.plugins.module_utils.network.reads import Listed
from ansible_collections.medzen.multiregion.plugins.module_utils.network.wanted import Part, Rule

LIVING_NAT = ("available", "pending")
DEAD_ENDPOINT = ("deleted", "deleting", "failed", "rejected", "expired")
ROUTE_TARGETS = (
    "NatGatewayId",
    "GatewayId",
    "TransitGatewayId",
    "VpcPeeringConnectionId",
    "EgressOnlyInternetGatewayId",
    "CarrierGatewayId",
    "LocalGatewayId",
    "CoreNetworkArn",
    "NetworkInterfaceId",
    "InstanceId",
)


@dataclass(frozen=True)
class Found(Part):
    """A part that exists."""

    id: str = ""
    state: str = ""


@dataclass(frozen=True)
class Present:
    """What exists of a network: parts by key, and which table each subnet has, as (association id, table)."""

    parts: dict[str, Found] = field(default_factory=dict)
    associations: dict[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def ids(self) -> dict[str, str]:
        return {key: part.id for key, part in self.parts.items()}


class _Finder:
    """Goes through the wanted parts in their order, so that what a part names has been found before it."""

    def __init__(self, listed: Listed, wanted: dict[str, Part]) -> None:
        self._listed, self._wanted = listed, wanted
        self._keys: dict[str, str] = {}
        self.parts: dict[str, Found] = {}

    def find_all(self) -> Present:
        finders = {
            "vpc": self._find_vpc,
            "subnet": self._find_subnet,
            "gateway": self._find_gateway,
            "group": self._find_group,
            "address": self._find_address,
            "nat": self._find_nat,
            "table": self._find_table,
            "endpoint": self._find_endpoint,
        }
        for part in self._wanted.values():
            found = finders[part.kind](part)
            if found is not None:
                self.parts[part.key] = found
                self._keys[found.id] = part.key
        # Groups name each other: their sources get keys only when all are found.
        self.parts |= {key: self._with_rules(part) for key, part in self.parts.items() if part.kind == "group"}
        return Present(self.parts, self._find_associations())

    def _found(self, part: Part, described: dict, id_name: str, settings: dict[str, Any], state: str = "") -> Found:
        tags = tagging.from_boto(described.get("Tags"))
        return Found(part.key, part.name, settings, tags, id=described[id_name], state=state)

    def _key(self, found_id: str) -> str:
        return self._keys.get(found_id, found_id)

    def _find_vpc(self, part: Part) -> Found | None:
        if not self._listed.vpcs:
            return None
        vpc = self._listed.vpcs[0]
        dns = {"dns_support": self._listed.dns_support, "dns_hostnames": self._listed.dns_hostnames}
        return self._found(part, vpc, "VpcId", {"cidr": vpc["CidrBlock"], **dns})

    def _find_subnet(self, part: Part) -> Found | None:
        cidr = part.settings["cidr"]
        subnet = next((one for one in self._listed.subnets if one["CidrBlock"] == cidr), None)
        if subnet is None:
            return None
        public = subnet.get("MapPublicIpOnLaunch", False)
        settings = {"cidr": cidr, "zone": subnet["AvailabilityZone"], "public_address": public}
        return self._found(part, subnet, "SubnetId", settings)

    def _find_gateway(self, part: Part) -> Found | None:
        """The one that is attached; else a loose one of our name, which a run that was killed has left."""
        vpc_id = self.parts["vpc"].id if "vpc" in self.parts else None
        loose = None
        for gateway in self._listed.gateways:
            attached = [one["VpcId"] for one in gateway.get("Attachments", [])]
            if vpc_id in attached:
                return self._found(part, gateway, "InternetGatewayId", {"attached": True})
            if not attached and tagging.from_boto(gateway.get("Tags")).get("Name") == part.name:
                loose = loose or gateway
        return self._found(part, loose, "InternetGatewayId", {"attached": False}) if loose else None

    def _find_group(self, part: Part) -> Found | None:
        group = next((one for one in self._listed.groups if one["GroupName"] == part.name), None)
        if group is None:
            return None
        rules = [rule for permission in group.get("IpPermissions", []) for rule in iter_rules(permission)]
        return self._found(part, group, "GroupId", {"description": group["Description"], "ingress": rules})

    def _with_rules(self, part: Found) -> Found:
        rules = [replace(rule, source=self._key(rule.source)) for rule in part.settings["ingress"]]
        return replace(part, settings={**part.settings, "ingress": sorted(rules)})

    def _find_living_nat(self, zone: str) -> dict | None:
        subnet = self.parts.get(f"subnet:public:{zone}")
        here = [one for one in self._listed.nat_gateways if subnet and one["SubnetId"] == subnet.id]
        living = [one for one in here if one["State"] in LIVING_NAT]
        return min(living, key=lambda one: LIVING_NAT.index(one["State"]), default=None)

    def _find_address(self, part: Part) -> Found | None:
        """The address of the zone's gateway; else a loose one of our name."""
        nat = self._find_living_nat(part.key.partition(":")[2])
        held = [one.get("AllocationId") for one in (nat or {}).get("NatGatewayAddresses", [])]
        for address in self._listed.addresses:
            named = tagging.from_boto(address.get("Tags")).get("Name") == part.name
            loose = nat is None and named and not address.get("AssociationId")
            if address.get("AllocationId") in held or loose:
                return self._found(part, address, "AllocationId", {})
        return None

    def _find_nat(self, part: Part) -> Found | None:
        zone = part.key.partition(":")[2]
        nat = self._find_living_nat(zone)
        if nat is None:
            return None
        return self._found(part, nat, "NatGatewayId", {"subnet": f"subnet:public:{zone}"}, state=nat["State"])

    def _find_table(self, part: Part) -> Found | None:
        named = [one for one in self._listed.tables if tagging.from_boto(one.get("Tags")).get("Name") == part.name]
        if not named:
            return None
        # Of two, the one that subnets use.
        table = max(named, key=lambda one: len(one.get("Associations", [])))
        routes = {route["DestinationCidrBlock"]: self._target(route) for route in iter_routes(table)}
        subnets = sorted(self._key(one["SubnetId"]) for one in iter_associations(table))
        return self._found(part, table, "RouteTableId", {"routes": routes, "subnets": subnets})

    def _target(self, route: dict) -> str:
        target = next((route[name] for name in ROUTE_TARGETS if route.get(name)), "")
        return f"blackhole {target}" if route.get("State") == "blackhole" else self._key(target)

    def _find_endpoint(self, part: Part) -> Found | None:
        for endpoint in self._listed.endpoints:
            gateway = endpoint["ServiceName"] == part.name and endpoint.get("VpcEndpointType") == "Gateway"
            if gateway and endpoint.get("State", "available").lower() not in DEAD_ENDPOINT:
                tables = sorted(self._key(one) for one in endpoint.get("RouteTableIds", []))
                return self._found(part, endpoint, "VpcEndpointId", {"service": part.name, "tables": tables})
        return None

    def _find_associations(self) -> dict[str, tuple[str, str]]:
        return {
            self._key(one["SubnetId"]): (one["RouteTableAssociationId"], self._key(table["RouteTableId"]))
            for table in self._listed.tables
            for one in iter_associations(table)
        }


def find_present(listed: Listed, wanted: dict[str, Part]) -> Present:
    """The wanted parts that are there already."""
    return _Finder(listed, wanted).find_all()


def iter_routes(table: dict) -> Iterator[dict]:
    """Routes that can be changed; the VPC's own cannot."""
    for route in table.get("Routes", []):
        if route.get("DestinationCidrBlock") and route.get("GatewayId") != "local":
            yield route


def iter_associations(table: dict) -> Iterator[dict]:
    """Associations with a subnet; the main table has one without."""
    return (one for one in table.get("Associations", []) if one.get("SubnetId"))


def iter_rules(permission: dict) -> Iterator[Rule]:
    """A permission has one port range and many sources: a rule for each."""
    sources = [
        *(one["CidrIp"] for one in permission.get("IpRanges", [])),
        *(one["CidrIpv6"] for one in permission.get("Ipv6Ranges", [])),
        *(one["GroupId"] for one in permission.get("UserIdGroupPairs", [])),
        *(one["PrefixListId"] for one in permission.get("PrefixListIds", [])),
    ]
    for source in sources:
        yield Rule(permission["IpProtocol"], permission.get("FromPort", -1), permission.get("ToPort", -1), source)
