# SPDX-License-Identifier: GPL-3.0-or-later
"""Network interfaces that a service holds in a customer's subnets; they keep subnets and groups from being deleted.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/requester-managed-eni.html
"""

from __future__ import annotations

from typing import Any

from moto.ec2.models import ec2_backends
from moto.ec2.models.elastic_network_interfaces import NetworkInterface
from moto.ec2.utils import random_public_ip

from rehearsal.cloud.errors import ApiError
from rehearsal.cloud.operations import Call
from rehearsal.cloud.world_state import World
from rehearsal.settings import ACCOUNT_ID


class Enis:
    """Interfaces of balancers, databases and tasks."""

    def __init__(self, world: World) -> None:
        self._world = world

    def create(
        self,
        owner: str,
        description: str,
        subnet_id: str,
        security_group_ids: list[str],
        region: str,
        *,
        public: bool = False,
    ) -> str:
        """Make an interface for a service (owner as "amazon-elb", "amazon-rds", "amazon-ecs"); returns its id."""
        backend = ec2_backends[ACCOUNT_ID][region]
        subnet = backend.get_subnet(subnet_id)
        eni = backend.create_network_interface(subnet, "", group_ids=list(security_group_ids), description=description)
        eni.requester_managed = True
        eni.requester_id = owner
        eni.status = "in-use"
        eni.medzen_attachment_id = f"ela-attach-{eni.id[4:]}"
        eni.public_ip = random_public_ip() if public else None
        return eni.id

    def release(self, eni_id: str, region: str, after_seconds: float = 0.0, kind: str = "eni_release") -> None:
        """Give an interface back, AWS seconds from now; until then it blocks deletions."""
        if after_seconds <= 0:
            self._remove(eni_id, region)
            return
        timed = self._world.clock.start(kind, eni_id, region, after_seconds)
        self._world.later(timed, lambda: self._remove(eni_id, region))

    def find(self, region: str, *, subnet_id: str = "", group_id: str = "") -> list[str]:
        """Ids of all interfaces in a subnet or with a security group."""
        enis = ec2_backends[ACCOUNT_ID][region].enis.values()
        inside = [eni for eni in enis if not subnet_id or eni.subnet.id == subnet_id]
        return [eni.id for eni in inside if not group_id or group_id in [group.id for group in eni.group_set]]

    def _remove(self, eni_id: str, region: str) -> None:
        ec2_backends[ACCOUNT_ID][region].enis.pop(eni_id, None)


def install(world: World) -> None:
    world.enis = Enis(world)
    moto_attachment, moto_filter = NetworkInterface.attachment, NetworkInterface.get_filter_value

    def attachment(self: NetworkInterface) -> Any:
        return _service_attachment(self) if _in_use(self) else moto_attachment.fget(self)

    def get_filter_value(self: NetworkInterface, name: str, method_name: str | None = None) -> Any:
        own = {
            "status": self.status,
            "interface-type": self.interface_type,
            "requester-id": self.requester_id,
            "requester-managed": str(self.requester_managed).lower(),
            "association.public-ip": self.public_ip,
        }
        return own[name] if name in own else moto_filter(self, name, method_name)

    NetworkInterface.attachment = property(attachment)
    NetworkInterface.get_filter_value = get_filter_value
    world.operations.before("ec2", "DeleteNetworkInterface", refuse_in_use)


def mark_as_service_owned(eni: NetworkInterface, requester: str, interface_type: str, description: str) -> None:
    """Turn an interface that moto made for a service into one that shows its owner."""
    eni.requester_managed, eni.requester_id = True, requester
    eni.status, eni.interface_type, eni.description = "in-use", interface_type, description
    eni.medzen_attachment_id = f"ela-attach-{eni.id[4:]}"


def refuse_in_use(call: Call) -> None:
    eni = ec2_backends[ACCOUNT_ID][call.region].enis.get(call.get("NetworkInterfaceId"))
    if eni is not None and (_in_use(eni) or eni.attachment_id):
        text = f"Network interface '{eni.id}' is currently in use by {eni.requester_id}."
        raise ApiError("InvalidParameterValue", text)


def _in_use(eni: NetworkInterface) -> bool:
    return bool(getattr(eni, "medzen_attachment_id", None))


def _service_attachment(eni: NetworkInterface) -> dict[str, Any]:
    return {
        "AttachmentId": eni.medzen_attachment_id,
        "DeleteOnTermination": False,
        "DeviceIndex": 1,
        "InstanceOwnerId": eni.requester_id,
        "Status": "attached",
    }
