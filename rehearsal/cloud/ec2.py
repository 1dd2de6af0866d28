# SPDX-License-Identifier: GPL-3.0-or-later
"""EC2's network: quotas, and the refusals to delete what is in use, which moto does not make.

The codes are those of https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from moto.ec2.models import ec2_backends

from rehearsal.cloud import nat_gateways, network_interfaces
from rehearsal.cloud.errors import ApiError, dependency_violation
from rehearsal.cloud.operations import Call
from rehearsal.cloud.world_state import World
from rehearsal.settings import ACCOUNT_ID


def install(world: World) -> None:
    network_interfaces.install(world)
    nat_gateways.install(world)
    for operation, check in {
        "DeleteSecurityGroup": check_delete_security_group,
        "DeleteSubnet": check_delete_subnet,
        "DetachInternetGateway": check_detach_internet_gateway,
        "ReleaseAddress": check_release_address,
        "DeleteVpc": check_delete_vpc,
        "CreateVpc": lambda call: check_vpc_quota(world, call),
        "AllocateAddress": lambda call: check_address_quota(world, call),
    }.items():
        world.operations.before("ec2", operation, check)


def backend_of(call: Call) -> Any:
    return ec2_backends[ACCOUNT_ID][call.region]


def iter_groups(backend: Any) -> Iterator[Any]:
    for groups in backend.groups.values():
        yield from groups.values()


def check_delete_security_group(call: Call) -> None:
    """Refused for the default group, while an interface has the group, and while a rule of another one names it."""
    backend = backend_of(call)
    group = backend.get_security_group_from_id(call.get("GroupId"))
    if group is None:
        return
    if group.name == "default":
        raise ApiError("CannotDelete", f'the specified group: "{group.id}" name: "default" cannot be deleted by a user')
    for eni in backend.enis.values():
        if group.id in [held.id for held in eni.group_set]:
            raise _dependent_object(group.id, f"network interface {eni.id} ({eni.description or 'no description'})")
    for other in iter_groups(backend):
        if other.id != group.id and group.id in _named_groups(other):
            raise _dependent_object(group.id, f"a rule of security group {other.id} ({other.name})")


def _dependent_object(name: str, dependent: str) -> ApiError:
    return ApiError("DependencyViolation", f"resource {name} has a dependent object: {dependent}")


def _named_groups(group: Any) -> set[str]:
    rules = [*group.ingress_rules, *group.egress_rules]
    return {rule.source_group.get("GroupId", "") for rule in rules}


def check_delete_subnet(call: Call) -> None:
    """Refused while anything has an interface in it; NAT gateways, balancers, databases and tasks all have."""
    backend, subnet_id = backend_of(call), call.get("SubnetId")
    for eni in backend.enis.values():
        if eni.subnet.id == subnet_id:
            text = f"network interface {eni.id} ({eni.description or 'no description'})"
            raise dependency_violation("subnet", subnet_id, text)


def check_detach_internet_gateway(call: Call) -> None:
    """Refused while something in the VPC is reached by a public address."""
    vpc_id = call.get("VpcId")
    mapped = sorted(eni.public_ip for eni in backend_of(call).enis.values() if eni.vpc_id == vpc_id and eni.public_ip)
    if mapped:
        text = f"Network {vpc_id} has some mapped public address(es) ({', '.join(mapped)})."
        hint = "Please unmap those public address(es) before detaching the gateway."
        raise ApiError("DependencyViolation", f"{text} {hint}")


def check_release_address(call: Call) -> None:
    """Refused while a NAT gateway or an interface holds the address."""
    for address in backend_of(call).addresses:
        named = address.allocation_id == call.get("AllocationId") or address.public_ip == call.get("PublicIp")
        if named and address.eni is not None:
            holder = address.eni.description or address.eni.id
            raise ApiError("InvalidIPAddress.InUse", f"Address {address.public_ip} is in use: {holder}.")


def check_delete_vpc(call: Call) -> None:
    """Refused while the VPC holds anything but its main route table, default group and default ACL."""
    vpc_id = call.get("VpcId")
    dependents = list(iter_dependents(backend_of(call), vpc_id))
    if dependents:
        raise dependency_violation("vpc", vpc_id, ", ".join(dependents))


def iter_dependents(backend: Any, vpc_id: str) -> Iterator[str]:
    """What keeps a VPC from being deleted, each with its id."""
    for subnets in backend.subnets.values():
        yield from (f"subnet {one.id}" for one in subnets.values() if one.vpc_id == vpc_id)
    yield from (f"security group {one.id}" for one in backend.groups.get(vpc_id, {}).values() if one.name != "default")
    gateways = [one for one in backend.internet_gateways.values() if one.vpc and one.vpc.id == vpc_id]
    yield from (f"internet gateway {one.id}" for one in gateways)
    yield from (f"network interface {one.id}" for one in backend.enis.values() if one.vpc_id == vpc_id)
    for table in backend.route_tables.values():
        if table.vpc_id == vpc_id and not table.main_association_id:
            yield f"route table {table.id}"
    for endpoint in backend.vpc_end_points.values():
        if endpoint.vpc_id == vpc_id and endpoint.state != "deleted":
            yield f"VPC endpoint {endpoint.id}"


def check_vpc_quota(world: World, call: Call) -> None:
    _check_quota(world, call, "vpc", "L-F678F1CE", len(backend_of(call).vpcs), "VpcLimitExceeded", "VPCs")


def check_address_quota(world: World, call: Call) -> None:
    _check_quota(world, call, "ec2", "L-0263D0A3", len(backend_of(call).addresses), "AddressLimitExceeded", "addresses")


def _check_quota(world: World, call: Call, service: str, code: str, used: int, error: str, what: str) -> None:
    limit = world.quotas.value(service, code, call.region)
    if used >= limit:
        raise ApiError(error, f"The maximum number of {what} has been reached: {used} of {limit:g} in {call.region}.")
