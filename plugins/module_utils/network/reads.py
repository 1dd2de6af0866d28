# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What EC2 lists of a network: one look for the VPC, then everything that can hang on it, side by side."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ansible_collections.medzen.multiregion.plugins.module_utils.aws import describe, paginate
from ansible_collections.medzen.multiregion.plugins.module_utils.clients import in_parallel


@dataclass(frozen=True)
class Listed:
    """EC2's own descriptions. Without a VPC only what a killed run may have left loose is looked for."""

    vpcs: list[dict] = field(default_factory=list)
    dns_support: bool = False
    dns_hostnames: bool = False
    subnets: list[dict] = field(default_factory=list)
    gateways: list[dict] = field(default_factory=list)
    groups: list[dict] = field(default_factory=list)
    nat_gateways: list[dict] = field(default_factory=list)
    addresses: list[dict] = field(default_factory=list)
    tables: list[dict] = field(default_factory=list)
    endpoints: list[dict] = field(default_factory=list)


@describe("look for VPC {name}")
def list_vpcs(ec2: Any, name: str) -> list[dict]:
    return paginate(ec2, "describe_vpcs", "Vpcs", Filters=[{"Name": "tag:Name", "Values": [name]}])


@describe("read {attribute} of {vpc_id}")
def read_attribute(ec2: Any, vpc_id: str, attribute: str) -> bool:
    answer = ec2.describe_vpc_attribute(VpcId=vpc_id, Attribute=attribute, aws_retry=True)
    return answer[attribute[0].upper() + attribute[1:]]["Value"]


@describe("list the {key} of the network")
def list_parts(ec2: Any, operation: str, key: str, vpc_id: str | None) -> list[dict]:
    filters = [{"Name": "vpc-id", "Values": [vpc_id]}] if vpc_id else []
    return paginate(ec2, operation, key, Filters=filters)


@describe("list the addresses of the region")
def list_addresses(ec2: Any) -> list[dict]:
    return ec2.describe_addresses(aws_retry=True)["Addresses"]


@describe("describe NAT gateways {ids}")
def describe_nat_gateways(ec2: Any, ids: list[str]) -> list[dict]:
    return paginate(ec2, "describe_nat_gateways", "NatGateways", NatGatewayIds=ids)


def read_listed(ec2: Any, vpc_name: str) -> Listed:
    """Everything at one time. A gateway that is not attached and an address have no VPC: those are read as a whole."""
    vpcs = list_vpcs(ec2, vpc_name)
    reads = {
        "gateways": lambda: list_parts(ec2, "describe_internet_gateways", "InternetGateways", None),
        "addresses": lambda: list_addresses(ec2),
    }
    if len(vpcs) == 1:
        reads |= _build_reads(ec2, vpcs[0]["VpcId"])
    found = dict(zip(reads, in_parallel(lambda read: read(), reads.values()), strict=True))
    return Listed(vpcs=vpcs, **found)


def _build_reads(ec2: Any, vpc_id: str) -> dict:
    return {
        "dns_support": lambda: read_attribute(ec2, vpc_id, "enableDnsSupport"),
        "dns_hostnames": lambda: read_attribute(ec2, vpc_id, "enableDnsHostnames"),
        "subnets": lambda: list_parts(ec2, "describe_subnets", "Subnets", vpc_id),
        "groups": lambda: list_parts(ec2, "describe_security_groups", "SecurityGroups", vpc_id),
        "nat_gateways": lambda: list_parts(ec2, "describe_nat_gateways", "NatGateways", vpc_id),
        "tables": lambda: list_parts(ec2, "describe_route_tables", "RouteTables", vpc_id),
        "endpoints": lambda: list_parts(ec2, "describe_vpc_endpoints", "VpcEndpoints", vpc_id),
    }
