# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who stands in the way: DependencyViolation names nobody, so the candidates are asked."""

from __future__ import annotations

from collections.abc import Callable

from ansible_collections.medzen.multiregion.plugins.module_utils.aws import paginate
from ansible_collections.medzen.multiregion.plugins.module_utils.census.kinds_network import (
    interface_owner,
    naming_groups,
    public_interfaces,
)
from ansible_collections.medzen.multiregion.plugins.module_utils.census.registry import Item, Place

# What the services answer when something else still needs the item.
IN_USE_CODES = (
    "ClusterContainsContainerInstancesException",
    "ClusterContainsServicesException",
    "ClusterContainsTasksException",
    "ConflictException",
    "DeleteConflict",
    "DependencyViolation",
    "InvalidDBInstanceState",
    "InvalidDBInstanceStateFault",
    "InvalidDBParameterGroupState",
    "InvalidDBParameterGroupStateFault",
    "InvalidDBSnapshotState",
    "InvalidDBSubnetGroupStateFault",
    "InvalidIPAddress.InUse",
    "InvalidNetworkInterface.InUse",
    "OperationNotPermitted",
    "ResourceConflictException",
    "ResourceInUse",
    "ResourceInUseException",
    "ServiceNotActiveException",
    "UpdateInProgressException",
)


def find_blockers(place: Place, item: Item) -> list[str]:
    """What still needs the item, in words; empty when nobody could be found."""
    ask = ASKED.get(item.kind)
    return ask(place, item) if ask else []


def interfaces(place: Place, name: str, value: str) -> list[str]:
    filters = [{"Name": name, "Values": [value]}]
    found = paginate(place.client("ec2"), "describe_network_interfaces", "NetworkInterfaces", Filters=filters)
    return [f"network interface {raw['NetworkInterfaceId']} ({interface_owner(raw)})" for raw in found]


def of_security_group(place: Place, item: Item) -> list[str]:
    return [*interfaces(place, "group-id", item.id), *referencing_groups(place, item.id)]


def referencing_groups(place: Place, group: str) -> list[str]:
    return naming_groups(paginate(place.client("ec2"), "describe_security_groups", "SecurityGroups"), group)


def of_subnet(place: Place, item: Item) -> list[str]:
    return interfaces(place, "subnet-id", item.id)


def of_vpc(place: Place, item: Item) -> list[str]:
    filters = [{"Name": "vpc-id", "Values": [item.id]}]
    client = place.client("ec2")
    subnets = paginate(client, "describe_subnets", "Subnets", Filters=filters)
    groups = paginate(client, "describe_security_groups", "SecurityGroups", Filters=filters)
    return [
        *interfaces(place, "vpc-id", item.id),
        *(f"subnet {raw['SubnetId']}" for raw in subnets),
        *(f"security group {raw['GroupId']} ({raw['GroupName']})" for raw in groups if raw["GroupName"] != "default"),
    ]


def of_address(place: Place, item: Item) -> list[str]:
    found = place.client("ec2").describe_addresses(AllocationIds=[item.id], aws_retry=True)["Addresses"]
    return [f"network interface {raw['NetworkInterfaceId']}" for raw in found if raw.get("NetworkInterfaceId")]


def of_subnet_group(place: Place, item: Item) -> list[str]:
    found = paginate(place.client("rds"), "describe_db_instances", "DBInstances")
    return [
        f"database {raw['DBInstanceIdentifier']} ({raw.get('DBInstanceStatus')})"
        for raw in found
        if (raw.get("DBSubnetGroup") or {}).get("DBSubnetGroupName") == item.id
    ]


def of_certificate(place: Place, item: Item) -> list[str]:
    found = place.client("acm").describe_certificate(CertificateArn=item.id, aws_retry=True)["Certificate"]
    return list(found.get("InUseBy") or [])


ASKED: dict[str, Callable[[Place, Item], list[str]]] = {
    "acm_certificate": of_certificate,
    "elastic_ip": of_address,
    "internet_gateway": public_interfaces,
    "rds_subnet_group": of_subnet_group,
    "security_group": of_security_group,
    "subnet": of_subnet,
    "vpc": of_vpc,
}
