# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wanted and present become ordered actions and a diff. Values in, values out: check mode is a plan not carried out.

Actions of a level need only those of lower levels, so each level is carried out side by side.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.medzen.multiregion.plugins.module_utils import tags as tagging
from ansible_collections.medzen.multiregion.plugins.module_utils.network.present import Found, Present
from ansible_collections.medzen.multiregion.plugins.module_utils.network.wanted import Part, Rule

# The VPC; what lies in it; what ties that together; what needs the internet gateway; what needs a NAT gateway that is
# available.
VPC, PARTS, LINKS, GATEWAYS, PRIVATE_ROUTES = range(5)

TAG_TYPES = {
    "vpc": "vpc",
    "subnet": "subnet",
    "gateway": "internet-gateway",
    "group": "security-group",
    "address": "elastic-ip",
    "nat": "natgateway",
    "table": "route-table",
    "endpoint": "vpc-endpoint",
}
# As AWS makes a part, before anything is set on it.
BLANK: dict[str, dict[str, Any]] = {
    "vpc": {"dns_support": True, "dns_hostnames": False},
    "subnet": {"public_address": False},
    "gateway": {"attached": False},
    "group": {"ingress": []},
    "address": {},
    "nat": {},
    "table": {"routes": {}, "subnets": []},
    "endpoint": {"tables": []},
}


@dataclass(frozen=True)
class Ref:
    """The id of a part, known only when the part is made."""

    key: str


@dataclass(frozen=True)
class Action:
    """One write: an operation of the EC2 client, and what it is for in words."""

    level: int
    text: str
    operation: str
    parameters: dict[str, Any]
    # The part that this creates, and its name by which it is found again after a lost answer.
    makes: str = ""
    name: str = ""


@dataclass(frozen=True)
class Plan:
    """What to do, how it reads before and after, and what is left as it is."""

    actions: list[Action] = field(default_factory=list)
    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)
    # Routes that a run without waiting has to leave to the next one.
    left: list[Action] = field(default_factory=list)
    # Rules that let in more than is wanted. They stay, but somebody should know.
    unexpected_rules: list[str] = field(default_factory=list)


def build_plan(wanted: dict[str, Part], present: Present, *, purge_tags: bool = False, wait: bool = True) -> Plan:
    """The difference. `wait` tells whether gateways that are not available yet will be when the routes' turn comes."""
    actions: list[Action] = []
    before, after = {}, {}
    for part in wanted.values():
        found = present.parts.get(part.key)
        actions += plan_part(part, found, present, purge_tags)
        if found is not None:
            before[part.key] = _shown(found.settings, found.tags)
        after[part.key] = _shown(_overlay(part, found), _tags_after(part, found, purge_tags))
    left = [] if wait else [action for action in actions if _needs_unavailable(action, present)]
    planned = sorted((action for action in actions if action not in left), key=lambda action: action.level)
    return Plan(planned, before, after, left, find_unexpected_rules(wanted, present))


def plan_part(part: Part, found: Found | None, present: Present, purge_tags: bool) -> Iterator[Action]:
    """Creation or tags, then what has to be set on the part."""
    if found is None:
        yield CREATIONS[part.kind](part)
    else:
        yield from _plan_tags(part, found, purge_tags)
    settings = {**BLANK[part.kind], **(found.settings if found else {})}
    if part.kind in CHANGES:
        yield from CHANGES[part.kind](part, settings, present)


def find_unexpected_rules(wanted: dict[str, Part], present: Present) -> list[str]:
    return [
        f"{part.name}: {rule}"
        for part in wanted.values()
        if part.kind == "group" and part.key in present.parts
        for rule in present.parts[part.key].settings["ingress"]
        if rule not in part.settings["ingress"]
    ]


def _needs_unavailable(action: Action, present: Present) -> bool:
    target = action.parameters.get("NatGatewayId")
    if target is None:
        return False
    nat = present.parts.get(target.key)
    return nat is None or nat.state != "available"


# --- how it reads


def _overlay(part: Part, found: Found | None) -> dict[str, Any]:
    """The settings afterwards: lists and routes only ever grow."""
    if found is None:
        return part.settings
    after = {**found.settings, **part.settings}
    for name, value in part.settings.items():
        if isinstance(value, list):
            after[name] = sorted({*found.settings[name], *value})
        elif isinstance(value, dict):
            after[name] = {**found.settings[name], **value}
    if "description" in after and found.settings["description"]:
        after["description"] = found.settings["description"]
    return after


def _tags_after(part: Part, found: Found | None, purge: bool) -> dict[str, str]:
    present = (found.tags if found else None) or {}
    to_set, to_remove = tagging.diff_tags(present, part.tags, purge)
    return {**{key: value for key, value in present.items() if key not in to_remove}, **to_set}


def _shown(settings: dict[str, Any], tags: dict[str, str] | None) -> dict[str, Any]:
    plain = {key: [str(one) for one in sorted(value)] if isinstance(value, list) else value
             for key, value in settings.items()}  # fmt: skip
    return {**plain, "tags": tags or {}}


# --- creation


def _create(part: Part, operation: str, parameters: dict[str, Any], level: int = PARTS) -> Action:
    if part.tags:
        specification = {"ResourceType": TAG_TYPES[part.kind], "Tags": tagging.to_boto(part.tags)}
        parameters = {**parameters, "TagSpecifications": [specification]}
    return Action(level, f"create {_label(part)}", operation, parameters, makes=part.key, name=part.name)


def _label(part: Part) -> str:
    words = {"vpc": "VPC", "nat": "NAT gateway", "gateway": "internet gateway", "table": "route table"}
    words |= {"group": "security group", "endpoint": "endpoint of"}
    return f"{words.get(part.kind, part.kind)} {part.name}"


def _create_vpc(part: Part) -> Action:
    return _create(part, "create_vpc", {"CidrBlock": part.settings["cidr"]}, VPC)


def _create_subnet(part: Part) -> Action:
    place = {"CidrBlock": part.settings["cidr"], "AvailabilityZone": part.settings["zone"]}
    return _create(part, "create_subnet", {"VpcId": Ref("vpc"), **place})


def _create_gateway(part: Part) -> Action:
    return _create(part, "create_internet_gateway", {})


def _create_group(part: Part) -> Action:
    texts = {"GroupName": part.name, "Description": part.settings["description"]}
    return _create(part, "create_security_group", {"VpcId": Ref("vpc"), **texts})


def _create_address(part: Part) -> Action:
    return _create(part, "allocate_address", {"Domain": "vpc"})


def _create_nat(part: Part) -> Action:
    zone = part.key.partition(":")[2]
    parameters = {"SubnetId": Ref(part.settings["subnet"]), "AllocationId": Ref(f"address:{zone}")}
    return _create(part, "create_nat_gateway", parameters, GATEWAYS)


def _create_table(part: Part) -> Action:
    return _create(part, "create_route_table", {"VpcId": Ref("vpc")})


def _create_endpoint(part: Part) -> Action:
    tables = [Ref(key) for key in part.settings["tables"]]
    kind = {"VpcEndpointType": "Gateway", "ServiceName": part.settings["service"]}
    return _create(part, "create_vpc_endpoint", {"VpcId": Ref("vpc"), **kind, "RouteTableIds": tables}, GATEWAYS)


CREATIONS = {
    "vpc": _create_vpc,
    "subnet": _create_subnet,
    "gateway": _create_gateway,
    "group": _create_group,
    "address": _create_address,
    "nat": _create_nat,
    "table": _create_table,
    "endpoint": _create_endpoint,
}


# --- change


def _plan_tags(part: Part, found: Found, purge: bool) -> Iterator[Action]:
    to_set, to_remove = tagging.diff_tags(found.tags or {}, part.tags, purge)
    if to_set:
        parameters = {"Resources": [found.id], "Tags": tagging.to_boto(to_set)}
        yield Action(PARTS, f"tag {_label(part)}", "create_tags", parameters)
    if to_remove:
        parameters = {"Resources": [found.id], "Tags": [{"Key": key} for key in to_remove]}
        yield Action(PARTS, f"remove tags from {_label(part)}", "delete_tags", parameters)


def _change_vpc(part: Part, settings: dict[str, Any], _present: Present) -> Iterator[Action]:
    # EC2 takes one attribute a call, and host names only where names are resolved at all.
    names = {"dns_support": ("EnableDnsSupport", PARTS), "dns_hostnames": ("EnableDnsHostnames", LINKS)}
    for name, (parameter, level) in names.items():
        if settings[name] != part.settings[name]:
            value = {parameter: {"Value": part.settings[name]}}
            text = f"set {name} of {_label(part)}"
            yield Action(level, text, "modify_vpc_attribute", {"VpcId": Ref("vpc"), **value})


def _change_subnet(part: Part, settings: dict[str, Any], _present: Present) -> Iterator[Action]:
    if settings["public_address"] != part.settings["public_address"]:
        parameters = {"SubnetId": Ref(part.key), "MapPublicIpOnLaunch": {"Value": part.settings["public_address"]}}
        yield Action(LINKS, f"set public addresses of {_label(part)}", "modify_subnet_attribute", parameters)


def _change_gateway(part: Part, settings: dict[str, Any], _present: Present) -> Iterator[Action]:
    if not settings["attached"]:
        parameters = {"InternetGatewayId": Ref(part.key), "VpcId": Ref("vpc")}
        yield Action(LINKS, f"attach {_label(part)}", "attach_internet_gateway", parameters)


def _change_group(part: Part, settings: dict[str, Any], _present: Present) -> Iterator[Action]:
    missing = [rule for rule in part.settings["ingress"] if rule not in settings["ingress"]]
    if missing:
        parameters = {"GroupId": Ref(part.key), "IpPermissions": [build_permission(rule) for rule in missing]}
        text = f"let {', '.join(str(rule) for rule in missing)} into {_label(part)}"
        yield Action(LINKS, text, "authorize_security_group_ingress", parameters)


def build_permission(rule: Rule) -> dict[str, Any]:
    ports = {"IpProtocol": rule.protocol, "FromPort": rule.from_port, "ToPort": rule.to_port}
    if rule.source.startswith("group:"):
        return {**ports, "UserIdGroupPairs": [{"GroupId": Ref(rule.source)}]}
    return {**ports, "IpRanges": [{"CidrIp": rule.source}]}


def _change_table(part: Part, settings: dict[str, Any], present: Present) -> Iterator[Action]:
    for destination, target in part.settings["routes"].items():
        if settings["routes"].get(destination) != target:
            yield _build_route(part, destination, target, exists=destination in settings["routes"])
    for subnet in part.settings["subnets"]:
        if subnet not in settings["subnets"]:
            yield _build_association(part, subnet, present)


def _build_route(part: Part, destination: str, target: str, *, exists: bool) -> Action:
    nat = target.startswith("nat:")
    gateway = {"NatGatewayId" if nat else "GatewayId": Ref(target)}
    parameters = {"RouteTableId": Ref(part.key), "DestinationCidrBlock": destination, **gateway}
    operation = "replace_route" if exists else "create_route"
    return Action(
        PRIVATE_ROUTES if nat else GATEWAYS,
        f"route {destination} of {_label(part)} to {target}",
        operation,
        parameters,
    )


def _build_association(part: Part, subnet: str, present: Present) -> Action:
    text = f"give {subnet} the {_label(part)}"
    if subnet in present.associations:
        association, _table = present.associations[subnet]
        parameters = {"AssociationId": association, "RouteTableId": Ref(part.key)}
        return Action(LINKS, text, "replace_route_table_association", parameters)
    parameters = {"RouteTableId": Ref(part.key), "SubnetId": Ref(subnet)}
    return Action(LINKS, text, "associate_route_table", parameters)


def _change_endpoint(part: Part, settings: dict[str, Any], present: Present) -> Iterator[Action]:
    missing = [Ref(key) for key in part.settings["tables"] if key not in settings["tables"]]
    if missing and part.key in present.parts:
        parameters = {"VpcEndpointId": Ref(part.key), "AddRouteTableIds": missing}
        yield Action(GATEWAYS, f"add route tables to {_label(part)}", "modify_vpc_endpoint", parameters)


CHANGES = {
    "vpc": _change_vpc,
    "subnet": _change_subnet,
    "gateway": _change_gateway,
    "group": _change_group,
    "table": _change_table,
    "endpoint": _change_endpoint,
}
