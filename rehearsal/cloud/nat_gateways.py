# SPDX-License-Identifier: GPL-3.0-or-later
"""NAT gateways take minutes to come and go, hold their address until they are gone, and stay listed for an hour after.

https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-basics.html
"""

from __future__ import annotations

import re
from typing import Any

from moto.ec2.models import ec2_backends
from moto.ec2.models.nat_gateways import NatGateway, NatGatewayBackend
from moto.ec2.utils import EC2_PREFIX_TO_RESOURCE, simple_aws_filter_to_re

from rehearsal.cloud.errors import ApiError
from rehearsal.cloud.network_interfaces import mark_as_service_owned
from rehearsal.cloud.operations import Call
from rehearsal.cloud.world_state import World
from rehearsal.settings import ACCOUNT_ID

LISTED_AFTER_DELETE_SECONDS = 3600.0
PLAIN_FILTERS = {"nat-gateway-id": "id", "vpc-id": "vpc_id", "subnet-id": "subnet_id", "state": "state"}


def install(world: World) -> None:
    # AWS names the type without a dash; with moto's name, tags of a NAT gateway are never found by type.
    EC2_PREFIX_TO_RESOURCE["nat"] = "natgateway"
    NatGateway.state = property(read_state, write_state)
    NatGatewayBackend.describe_nat_gateways = describe
    moto_create, moto_delete = NatGatewayBackend.create_nat_gateway, NatGatewayBackend.delete_nat_gateway

    def create(self: Any, *arguments: Any, **named: Any) -> NatGateway:
        gateway = moto_create(self, *arguments, **named)
        gateway.medzen_timed = world.clock.start("nat_create", gateway.id, self.region_name)
        mark_as_service_owned(gateway._eni, "amazon-nat", "nat_gateway", f"Interface for NAT Gateway {gateway.id}")
        gateway.private_ip = gateway._eni.private_ip_address
        return gateway

    def delete(self: Any, nat_gateway_id: str) -> NatGateway:
        gateway = self.nat_gateways.get(nat_gateway_id)
        if gateway is None or gateway.state == "deleted":
            raise ApiError("NatGatewayNotFound", f"The Nat Gateway {nat_gateway_id} was not found")
        if gateway.state != "deleting":
            moto_delete(self, nat_gateway_id)
            gateway.medzen_timed = world.clock.start("nat_delete", gateway.id, self.region_name)
            world.later(gateway.medzen_timed, lambda: _let_go(world, self, gateway))
        return gateway

    NatGatewayBackend.create_nat_gateway, NatGatewayBackend.delete_nat_gateway = create, delete
    world.operations.before("ec2", "CreateNatGateway", refuse_impossible)


def read_state(gateway: NatGateway) -> str:
    """The state at this moment, from what was last asked and when."""
    timed = getattr(gateway, "medzen_timed", None)
    deleted = getattr(gateway, "medzen_deleted", False)
    if timed is None or timed.done():
        return "deleted" if deleted else "available"
    return "deleting" if deleted else "pending"


def write_state(gateway: NatGateway, state: str) -> None:
    gateway.medzen_deleted = state == "deleted"


def describe(backend: Any, filters: Any, nat_gateway_ids: list[str] | None) -> list[NatGateway]:
    """moto's list with AWS's refusal of unknown ids and filters, and with tag filters."""
    for wanted in nat_gateway_ids or []:
        if wanted not in backend.nat_gateways:
            raise ApiError("NatGatewayNotFound", f"NatGateway {wanted} was not found")
    gateways = [one for one in backend.nat_gateways.values() if not nat_gateway_ids or one.id in nat_gateway_ids]
    return [one for one in gateways if all(_fits(one, name, values) for name, values in (filters or {}).items())]


def _fits(gateway: NatGateway, name: str, values: list[str]) -> bool:
    if name in PLAIN_FILTERS:
        found = [getattr(gateway, PLAIN_FILTERS[name])]
    elif name.startswith("tag:"):
        found = [tag["value"] for tag in gateway.get_tags() if tag["key"] == name[4:]]
    elif name == "tag-key":
        found = [tag["key"] for tag in gateway.get_tags()]
    else:
        raise ApiError("InvalidParameterValue", f"The filter '{name}' is invalid")
    patterns = [re.compile(simple_aws_filter_to_re(value)) for value in values]
    return any(pattern.match(item) for item in found for pattern in patterns)


def refuse_impossible(call: Call) -> None:
    """An address serves one gateway; moto makes the gateway's interface before it finds out."""
    backend = ec2_backends[ACCOUNT_ID][call.region]
    backend.get_subnet(call.get("SubnetId"))
    allocation = call.get("AllocationId")
    if call.get("ConnectivityType", "public") == "public" and not allocation:
        raise ApiError("MissingParameter", "The request must contain the parameter AllocationId")
    if not allocation:
        return
    address = backend.address_by_allocation([allocation])[0]
    if address.association_id:
        raise ApiError("Resource.AlreadyAssociated", f"Elastic IP address [{allocation}] is already associated")


def _let_go(world: World, backend: Any, gateway: NatGateway) -> None:
    """At the end of a deletion: the address is free, the interface gone; the entry itself goes an hour later."""
    address = next((one for one in backend.addresses if one.eni is gateway._eni), None)
    if address is not None:
        backend.disassociate_address(address=address.public_ip)
    backend.enis.pop(gateway._eni.id, None)
    listed = world.clock.start("nat_listed", gateway.id, backend.region_name, LISTED_AFTER_DELETE_SECONDS, listed=False)
    world.later(listed, lambda: backend.nat_gateways.pop(gateway.id, None))
