# SPDX-License-Identifier: GPL-3.0-or-later
"""Where an instance lies: subnet group, zones, security groups, parameter group and key, all of its own region."""

from __future__ import annotations

from typing import Any

from moto.ec2.models import ec2_backends
from moto.kms.models import kms_backends
from moto.rds.models import rds_backends

from rehearsal.cloud.errors import ApiError
from rehearsal.cloud.rds import catalog
from rehearsal.cloud.rds.refusals import contradiction, invalid
from rehearsal.settings import ACCOUNT_ID

DEFAULT_KEY = "alias/aws/rds"


def resolve_key(region: str, key: str | None) -> str:
    """ARN of a usable key of a region; without one, the region's own key for RDS."""
    wanted = key or DEFAULT_KEY
    refusal = ApiError(
        "KMSKeyNotAccessibleFault",
        f"The specified KMS key [{wanted}] does not exist, is not enabled or you do not have permissions to access it.",
    )
    if wanted.startswith("arn:") and wanted.split(":")[3] != region:
        raise refusal
    try:
        found = kms_backends[ACCOUNT_ID][region].describe_key(wanted)
    except (KeyError, TypeError, AttributeError):
        raise refusal from None
    if found.key_state != "Enabled":
        raise refusal
    return found.arn


def resolve_subnet_group(region: str, name: str | None) -> dict[str, Any]:
    """A DB subnet group as DescribeDBInstances shows it; without a name, the default VPC's."""
    groups = rds_backends[ACCOUNT_ID][region].subnet_groups
    if name and name in groups:
        group = groups[name]
        return _describe_group(region, group.name, group.description, group._subnets)
    ec2 = ec2_backends[ACCOUNT_ID][region]
    default = ec2.get_default_vpc()
    if (name and name != "default") or default is None:
        raise ApiError("DBSubnetGroupNotFoundFault", f"DB subnet group '{name or 'default'}' does not exist.", 404)
    subnets = [subnet for subnet in ec2.describe_subnets() if subnet.vpc_id == default.id]
    return _describe_group(region, "default", "default", subnets)


def _describe_group(region: str, name: str, description: str, subnets: list[Any]) -> dict[str, Any]:
    return {
        "DBSubnetGroupName": name,
        "DBSubnetGroupDescription": description,
        "DBSubnetGroupArn": f"arn:aws:rds:{region}:{ACCOUNT_ID}:subgrp:{name}",
        "VpcId": subnets[0].vpc_id if subnets else "",
        "SubnetGroupStatus": "Complete",
        "Subnets": [
            {
                "SubnetIdentifier": subnet.id,
                "SubnetAvailabilityZone": {"Name": subnet.availability_zone},
                "SubnetOutpost": {},
                "SubnetStatus": "Active",
            }
            for subnet in subnets
        ],
        "SupportedNetworkTypes": ["IPV4"],
    }


def zones_of(group: dict[str, Any]) -> list[str]:
    return sorted({subnet["SubnetAvailabilityZone"]["Name"] for subnet in group["Subnets"]})


def choose_zones(group: dict[str, Any], zone: str | None, *, multi_az: bool) -> dict[str, str]:
    """AvailabilityZone, and with Multi-AZ the SecondaryAvailabilityZone, among the subnet group's."""
    zones = zones_of(group)
    if multi_az and zone:
        raise contradiction("Requesting a specific availability zone is not valid for Multi-AZ instances.")
    if multi_az and len(zones) < 2:
        raise ApiError(
            "DBSubnetGroupDoesNotCoverEnoughAZs",
            f"DB subnet group {group['DBSubnetGroupName']} covers {len(zones)} zone(s), a Multi-AZ instance needs 2.",
        )
    if zone and zone not in zones:
        found = ", ".join(zones)
        raise ApiError("InvalidVPCNetworkStateFault", f"The DB subnet group has no subnet in {zone}, only in {found}.")
    chosen = {"AvailabilityZone": zone or zones[0]}
    return chosen | ({"SecondaryAvailabilityZone": zones[1]} if multi_az else {})


def resolve_security_groups(region: str, groups: list[str] | None, vpc_id: str) -> list[str]:
    """Security groups of the instance's VPC; without any, the VPC's default group."""
    ec2 = ec2_backends[ACCOUNT_ID][region]
    if not groups:
        return [ec2.get_default_security_group(vpc_id).id]
    for group_id in groups:
        found = ec2.get_security_group_from_id(group_id)
        if found is None:
            raise invalid(f"Invalid security group , groupId= {group_id}, groupName=.")
        if found.vpc_id != vpc_id:
            raise contradiction(
                f"The DB instance and EC2 security group are in different VPCs. The DB instance is in {vpc_id} and the "
                f"EC2 security group {group_id} is in {found.vpc_id}"
            )
    return list(groups)


def resolve_parameter_group(region: str, name: str | None, version: str) -> str:
    """A parameter group of the engine's family; without a name, the family's default."""
    family = catalog.family(version)
    default = f"default.{family}"
    if name is None or name == default:
        return default
    groups = rds_backends[ACCOUNT_ID][region].db_parameter_groups
    if name not in groups:
        raise ApiError("DBParameterGroupNotFound", f"DBParameterGroup not found: {name}", 404)
    if groups[name].family != family:
        raise contradiction(
            f"The Parameter Group {name} with DBParameterGroupFamily {groups[name].family} can't be used for this "
            f"instance. Please use a Parameter Group with DBParameterGroupFamily {family}"
        )
    return groups[name].name


def group_parameters(region: str, name: str) -> dict[str, str]:
    """Parameters that were set in a group; a default group has none of its own."""
    group = rds_backends[ACCOUNT_ID][region].db_parameter_groups.get(name)
    rows = group.parameters.values() if group else []
    return {row["ParameterName"]: str(row["ParameterValue"]) for row in rows if row.get("ParameterValue") is not None}
