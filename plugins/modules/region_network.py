#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: region_network
version_added: 1.0.0
short_description: Keep the network of one region as one object
description:
  - Builds and converges a VPC with public and private subnets in each availability zone, an internet gateway, NAT
    gateways with their addresses, route tables, a gateway endpoint for S3 and the three security groups of a service
    behind a load balancer.
  - Reads everything first and side by side, plans, and writes only what differs. A second run makes no write call.
  - Joins what an earlier run left. A NAT gateway that is C(pending) is waited for, and an address or internet gateway
    that is not attached and has the right C(Name) tag is used. What a call made whose answer was lost is found again.
  - Deletes nothing. Rules that let in more than is wanted are reported with a warning and stay.
  - Refuses, before anything is written, a VPC of the name with another CIDR and subnets at the addresses of the wanted
    ones.
  - Security groups get no C(Name) tag, they have a name; rules for outgoing traffic are left as AWS makes them.
  - Operations used are C(ec2:DescribeVpcs), C(ec2:DescribeVpcAttribute), C(ec2:DescribeSubnets),
    C(ec2:DescribeInternetGateways), C(ec2:DescribeSecurityGroups), C(ec2:DescribeNatGateways),
    C(ec2:DescribeAddresses), C(ec2:DescribeRouteTables), C(ec2:DescribeVpcEndpoints), C(ec2:CreateVpc),
    C(ec2:ModifyVpcAttribute), C(ec2:CreateSubnet), C(ec2:ModifySubnetAttribute), C(ec2:CreateInternetGateway),
    C(ec2:AttachInternetGateway), C(ec2:CreateSecurityGroup), C(ec2:AuthorizeSecurityGroupIngress),
    C(ec2:AllocateAddress), C(ec2:CreateNatGateway), C(ec2:CreateRouteTable), C(ec2:CreateRoute), C(ec2:ReplaceRoute),
    C(ec2:AssociateRouteTable), C(ec2:ReplaceRouteTableAssociation), C(ec2:CreateVpcEndpoint),
    C(ec2:ModifyVpcEndpoint), C(ec2:CreateTags) and C(ec2:DeleteTags), with the IAM permissions of the same names.
author:
  - MedZen platform team (@medzen)
options:
  name:
    description:
      - Prefix of every name, as in C(<name>-vpc-<region>) and C(<name>-public-<zone>).
    type: str
    required: true
  cidr:
    description:
      - Addresses of the VPC, a C(/16).
    type: str
    required: true
  availability_zones:
    description:
      - Availability zones. Each has one public and one private subnet.
    type: list
    elements: str
    required: true
  public_offsets:
    description:
      - Third octet of the public C(/24) of each zone, in the order of O(availability_zones).
    type: list
    elements: int
    default: [1, 2]
  private_offsets:
    description:
      - Third octet of the private C(/24) of each zone, in the order of O(availability_zones).
    type: list
    elements: int
    default: [11, 12]
  single_nat:
    description:
      - One NAT gateway, in the first zone, for all zones. Cheaper, and lost with that zone.
    type: bool
    default: false
  http_port:
    description:
      - Port of the load balancer that redirects to HTTPS. Open to everyone.
    type: int
    default: 80
  https_port:
    description:
      - Port of the load balancer that serves. Open to everyone.
    type: int
    default: 443
  service_port:
    description:
      - Port of the tasks. Open to the load balancer.
    type: int
    default: 8080
  database_port:
    description:
      - Port of the database. Open to the tasks.
    type: int
    default: 5432
  s3_endpoint:
    description:
      - Whether the private subnets reach S3 through a gateway endpoint. An endpoint that exists is never removed.
    type: bool
    default: true
  stage:
    description:
      - V(base) leaves out what needs a NAT gateway that is available, the private routes, and the endpoint that hangs
        on their tables. The gateways are started, and come up while other things are built.
      - V(all) waits for the gateways and makes the rest.
    type: str
    choices: [all, base]
    default: all
  tags:
    description:
      - Tags of everything. Not given leaves tags alone, but for C(Name).
    type: dict
    aliases: [resource_tags]
  purge_tags:
    description:
      - Whether tags that are not in O(tags) are removed, on everything that has O(tags) given.
    type: bool
    default: false
  wait:
    description:
      - Whether O(stage=all) waits until the NAT gateways are available.
      - Without it, routes to a gateway that is not available yet are left to a later run and returned as RV(left).
    type: bool
    default: true
  wait_timeout:
    description:
      - How long to wait, in seconds. When it is over the task fails with the last state seen; what was started goes on.
    type: int
    default: 600
  poll_seconds:
    description:
      - How long to pause between two looks, in seconds.
    type: float
    default: 10.0
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    description: Can run in check mode and predict changes without making them, also where there is no VPC yet.
    support: full
  diff_mode:
    description: Returns what has changed when in diff mode.
    support: full
  idempotent:
    description: A second run with the same options changes nothing.
    support: full
"""

EXAMPLES = r"""
- name: Start the network, without waiting for its gateways
  medzen.multiregion.region_network:
    region: eu-central-1
    name: medzen-ehrbase
    cidr: 10.1.0.0/16
    availability_zones: [eu-central-1a, eu-central-1b]
    tags: {Workload: medzen-ehrbase}
    stage: base
  register: network

- name: Join the gateways and make the private routes
  medzen.multiregion.region_network:
    region: eu-central-1
    name: medzen-ehrbase
    cidr: 10.1.0.0/16
    availability_zones: [eu-central-1a, eu-central-1b]
    tags: {Workload: medzen-ehrbase}
"""

RETURN = r"""
vpc_id:
  description: The VPC; V(null) in check mode where it is not there yet.
  type: str
  returned: always
  sample: vpc-0a1b2c3d4e5f60718
public_subnet_ids:
  description: The public subnets that exist, in the order of the zones.
  type: list
  elements: str
  returned: always
private_subnet_ids:
  description: The private subnets that exist, in the order of the zones.
  type: list
  elements: str
  returned: always
internet_gateway_id:
  description: The internet gateway.
  type: str
  returned: always
nat_gateways:
  description: The NAT gateways that exist, in the order of the zones.
  type: list
  elements: dict
  returned: always
  contains:
    id: {description: Its id., type: str}
    state: {description: V(pending) or V(available)., type: str}
    subnet_id: {description: Its public subnet., type: str}
    zone: {description: Its availability zone., type: str}
route_table_ids:
  description: The route tables that exist, by their part, such as C(public) and C(private-1).
  type: dict
  returned: always
  sample: {private-1: rtb-0a1b2c3d4e5f60718, public: rtb-1a1b2c3d4e5f60718}
s3_endpoint_id:
  description: The gateway endpoint of S3; V(null) when it is not there, or not looked for with O(stage=base).
  type: str
  returned: always
security_group_ids:
  description: The groups by their part, C(alb), C(ecs) and C(rds).
  type: dict
  returned: always
  sample: {alb: sg-0a1b2c3d4e5f60718, ecs: sg-1a1b2c3d4e5f60718, rds: sg-2a1b2c3d4e5f60718}
actions:
  description: What was done, or in check mode would be done, in words and in order.
  type: list
  elements: str
  returned: always
  sample: [create VPC medzen-ehrbase-vpc-eu-central-1]
left:
  description: Routes that wait for a NAT gateway to be available.
  type: list
  elements: str
  returned: always
unexpected_rules:
  description: Rules of the groups that let in more than is wanted. They are not removed.
  type: list
  elements: str
  returned: always
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import MultiregionError
from ansible_collections.medzen.multiregion.plugins.module_utils.network.apply import Builder, SingleTryClients
from ansible_collections.medzen.multiregion.plugins.module_utils.network.conflicts import check_conflicts
from ansible_collections.medzen.multiregion.plugins.module_utils.network.plan import PRIVATE_ROUTES, Plan, build_plan
from ansible_collections.medzen.multiregion.plugins.module_utils.network.present import Present, find_present
from ansible_collections.medzen.multiregion.plugins.module_utils.network.reads import (
    describe_nat_gateways,
    read_listed,
)
from ansible_collections.medzen.multiregion.plugins.module_utils.network.wanted import GROUPS, Settings, build_wanted
from ansible_collections.medzen.multiregion.plugins.module_utils.runner import run
from ansible_collections.medzen.multiregion.plugins.module_utils.wait import wait_arguments, wait_until

WAIT_TIMEOUT_S = 600


def build_settings(params: dict, region: str) -> Settings:
    return Settings(
        name=params["name"],
        region=region,
        cidr=params["cidr"],
        zones=tuple(params["availability_zones"]),
        public_offsets=tuple(params["public_offsets"]),
        private_offsets=tuple(params["private_offsets"]),
        single_nat=params["single_nat"],
        http_port=params["http_port"],
        https_port=params["https_port"],
        service_port=params["service_port"],
        database_port=params["database_port"],
        s3_endpoint=params["s3_endpoint"],
        tags=params["tags"],
        whole=params["stage"] == "all",
    )


def build_result(settings: Settings, ids: dict, states: dict) -> dict:
    """The network by its ids; what does not exist is null or left out."""
    subnets = {
        tier: [ids[key] for zone in settings.zones if (key := f"subnet:{tier}:{zone}") in ids]
        for tier in ("public", "private")
    }
    tables = [key for key in ids if key.startswith("table:")]
    return {
        "vpc_id": ids.get("vpc"),
        "public_subnet_ids": subnets["public"],
        "private_subnet_ids": subnets["private"],
        "internet_gateway_id": ids.get("gateway"),
        "nat_gateways": [shown_nat(zone, ids, states) for zone in settings.nat_zones if f"nat:{zone}" in ids],
        "route_table_ids": {key.removeprefix("table:").replace(":", "-"): ids[key] for key in tables},
        "s3_endpoint_id": ids.get("endpoint:s3"),
        "security_group_ids": {job: ids.get(f"group:{job}") for job in GROUPS},
    }


def shown_nat(zone: str, ids: dict, states: dict) -> dict:
    found = ids[f"nat:{zone}"]
    # One that was made a moment ago has not been looked at.
    state = states.get(found, "pending")
    return {"id": found, "state": state, "subnet_id": ids.get(f"subnet:public:{zone}"), "zone": zone}


def describe_states(gateways: list[dict]) -> str:
    available = sum(one["State"] == "available" for one in gateways)
    return f"{available} of {len(gateways)} available"


def find_failure(gateways: list[dict]) -> str | None:
    """Why waiting is pointless. A gateway that failed is listed for an hour; the next run makes another."""
    for one in gateways:
        if one["State"] not in ("pending", "available"):
            reason = one.get("FailureMessage") or "no reason given"
            return (
                f"{one['NatGatewayId']} is {one['State']}: {reason}. Run again when that is mended, it makes another."
            )
    return None


def wait_for_gateways(ec2, ids: list[str], params: dict) -> dict[str, str]:
    """Their states once all are available."""
    gateways = wait_until(
        lambda: describe_nat_gateways(ec2, ids),
        # One that was just made may not be listed everywhere yet.
        lambda found: len(found) == len(ids) and all(one["State"] == "available" for one in found),
        f"NAT gateways {', '.join(ids)}",
        params["wait_timeout"],
        params["poll_seconds"],
        failed=find_failure,
        text=describe_states,
    )
    return {one["NatGatewayId"]: one["State"] for one in gateways}


def carry_out(builder: Builder, planned: Plan, settings: Settings, params: dict, reader, states: dict) -> dict:
    """The writes and the wait between them; the states of the gateways then."""
    routes = [action for action in planned.actions if action.level == PRIVATE_ROUTES]
    builder.apply([action for action in planned.actions if action.level < PRIVATE_ROUTES])
    gateways = [builder.ids[f"nat:{zone}"] for zone in settings.nat_zones]
    if params["wait"] and settings.whole and any(states.get(one) != "available" for one in gateways):
        states = wait_for_gateways(reader, gateways, params)
    builder.apply(routes)
    return states


def read_states(present: Present) -> dict[str, str]:
    return {part.id: part.state for part in present.parts.values() if part.kind == "nat"}


def ensure(module: AnsibleAWSModule) -> dict:
    params = module.params
    settings = build_settings(params, module.region)
    wanted = build_wanted(settings)
    clients = SingleTryClients(module)
    reader = clients("ec2")
    listed = read_listed(reader, wanted["vpc"].name)
    check_conflicts(listed, wanted)
    present = find_present(listed, wanted)
    planned = build_plan(wanted, present, purge_tags=params["purge_tags"], wait=params["wait"])
    for rule in planned.unexpected_rules:
        module.warn(f"A rule lets in more than is wanted and stays: {rule}")
    result = {
        "changed": bool(planned.actions),
        "actions": [action.text for action in planned.actions],
        "left": [action.text for action in planned.left],
        "unexpected_rules": planned.unexpected_rules,
        "diff": {"before": planned.before, "after": planned.after},
    }
    states = read_states(present)
    if module.check_mode:
        return {**result, **build_result(settings, present.ids, states)}
    # A second client costs nothing until something is written.
    writer = clients.once("ec2") if planned.actions else reader
    builder = Builder(writer, reader, present.ids)
    try:
        states = carry_out(builder, planned, settings, params, reader, states)
    except MultiregionError as error:
        error.result.update(changed=bool(builder.done), actions=builder.done, diff=result["diff"])
        raise
    return {**result, **build_result(settings, builder.ids, states)}


def build_argument_spec() -> dict:
    return {
        "name": {"required": True},
        "cidr": {"required": True},
        "availability_zones": {"type": "list", "elements": "str", "required": True},
        "public_offsets": {"type": "list", "elements": "int", "default": [1, 2]},
        "private_offsets": {"type": "list", "elements": "int", "default": [11, 12]},
        "single_nat": {"type": "bool", "default": False},
        "http_port": {"type": "int", "default": 80},
        "https_port": {"type": "int", "default": 443},
        "service_port": {"type": "int", "default": 8080},
        "database_port": {"type": "int", "default": 5432},
        "s3_endpoint": {"type": "bool", "default": True},
        "stage": {"choices": ["all", "base"], "default": "all"},
        "tags": {"type": "dict", "aliases": ["resource_tags"]},
        "purge_tags": {"type": "bool", "default": False},
        **wait_arguments(WAIT_TIMEOUT_S),
    }


def main() -> None:
    run(AnsibleAWSModule(argument_spec=build_argument_spec(), supports_check_mode=True), ensure)


if __name__ == "__main__":
    main()
