# SPDX-License-Identifier: GPL-3.0-or-later
"""Subnet groups and parameter groups: kept by moto, with RDS's refusals and with effect on the real servers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from moto.ec2.models import ec2_backends
from moto.rds.models import rds_backends

from rehearsal.cloud.errors import ApiError
from rehearsal.cloud.operations import Call
from rehearsal.cloud.rds import placement
from rehearsal.cloud.rds.model import Instance, Job
from rehearsal.cloud.rds.refusals import contradiction, invalid
from rehearsal.cloud.rds.state import Rds
from rehearsal.settings import ACCOUNT_ID

PARAMETERS: dict[str, list[str]] = yaml.safe_load((Path(__file__).parent / "parameters.yml").read_text())
ZONES_MIN = 2


class Groups:
    """Checks and effects of calls on the groups of one world."""

    def __init__(self, rds: Rds) -> None:
        self.rds = rds

    def install(self) -> None:
        operations = self.rds.world.operations
        operations.before("rds", "CreateDBSubnetGroup", lambda call: check_subnets(call.region, call.get("SubnetIds")))
        operations.before("rds", "DeleteDBSubnetGroup", self.check_delete_subnet_group)
        operations.before("rds", "DeleteDBParameterGroup", self.check_delete_parameter_group)
        operations.before("rds", "DescribeDBParameterGroups", check_known_parameter_group)
        operations.before("rds", "ModifyDBParameterGroup", check_parameters)
        operations.after("rds", "ModifyDBParameterGroup", self.apply_parameters)
        operations.handle("rds", "ModifyDBSubnetGroup", modify_subnet_group)
        operations.handle("rds", "DescribeDBParameters", describe_parameters)

    def check_delete_subnet_group(self, call: Call) -> None:
        name = call.get("DBSubnetGroupName")
        for instance in self.rds.instances(call.region).values():
            if instance.db_subnet_group_name == name:
                raise ApiError(
                    "InvalidDBSubnetGroupStateFault",
                    f"Cannot delete the subnet group '{name}' because at least one database instance: "
                    f"{instance.identifier} is still using it.",
                )

    def check_delete_parameter_group(self, call: Call) -> None:
        name = call.get("DBParameterGroupName")
        if name.startswith("default."):
            raise ApiError("InvalidDBParameterGroupState", f"Default DBParameterGroup cannot be deleted: {name}")
        for instance in self.rds.instances(call.region).values():
            if instance.facts["DBParameterGroupName"] == name:
                raise ApiError(
                    "InvalidDBParameterGroupState",
                    f"One or more database instances are still members of this parameter group {name}, so the group "
                    f"cannot be deleted: {instance.identifier}",
                )

    def apply_parameters(self, call: Call) -> None:
        """Dynamic parameters reach the servers at once when asked for, static ones at their next reboot."""
        name = call.get("DBParameterGroupName")
        changed = call.get("Parameters") or []
        at_once = [row for row in changed if row.get("ApplyMethod") == "immediate"]
        for instance in self.rds.instances(call.region).values():
            if instance.facts["DBParameterGroupName"] != name:
                continue
            if len(at_once) < len(changed):
                instance.parameters_pending = True
            if at_once and instance.status == "available":
                self._reload(instance)

    def _reload(self, instance: Instance) -> None:
        parameters = placement.group_parameters(instance.region, instance.facts["DBParameterGroupName"])
        Job(f"parameters of {instance.identifier}", lambda: instance.cluster.reload(parameters))


def check_known_parameter_group(call: Call) -> None:
    """A group asked for by a name that is not there is an error, not an empty list."""
    name = call.get("DBParameterGroupName")
    known = rds_backends[ACCOUNT_ID][call.region].db_parameter_groups
    if name and name not in known and not name.startswith("default."):
        raise ApiError("DBParameterGroupNotFound", f"DBParameterGroup not found: {name}", 404)


def check_subnets(region: str, subnet_ids: list[str]) -> list[Any]:
    """Subnets of one VPC in at least two zones; returns moto's."""
    ec2 = ec2_backends[ACCOUNT_ID][region]
    subnets = [subnet for subnet in ec2.describe_subnets() if subnet.id in subnet_ids]
    missing = sorted(set(subnet_ids) - {subnet.id for subnet in subnets})
    if missing:
        raise ApiError("InvalidSubnet", f"Some input subnets are invalid: {', '.join(missing)}")
    if len({subnet.vpc_id for subnet in subnets}) > 1:
        raise ApiError("InvalidSubnet", "The requested subnets are in more than one VPC.")
    zones = sorted({subnet.availability_zone for subnet in subnets})
    if len(zones) < ZONES_MIN:
        raise ApiError(
            "DBSubnetGroupDoesNotCoverEnoughAZs",
            f"The DB subnet group doesn't meet Availability Zone (AZ) coverage requirement. Current AZ coverage: "
            f"{', '.join(zones)}. Add subnets to cover at least {ZONES_MIN} AZs.",
        )
    return subnets


def modify_subnet_group(call: Call) -> dict[str, Any]:
    """moto loses the group that it modifies, so this one answers instead."""
    groups = rds_backends[ACCOUNT_ID][call.region].subnet_groups
    name = call.get("DBSubnetGroupName")
    if name not in groups:
        raise ApiError("DBSubnetGroupNotFoundFault", f"DB subnet group '{name}' does not exist.", 404)
    group = groups[name]
    group.subnets = check_subnets(call.region, call.get("SubnetIds"))
    group.description = call.get("DBSubnetGroupDescription") or group.description
    return {"DBSubnetGroup": placement.resolve_subnet_group(call.region, name)}


def check_parameters(call: Call) -> None:
    """Only parameters that exist, and a static one only for the next reboot."""
    if call.get("DBParameterGroupName").startswith("default."):
        raise ApiError("InvalidDBParameterGroupState", "A default DB parameter group cannot be modified.")
    for row in call.get("Parameters") or []:
        name = row["ParameterName"]
        if name not in PARAMETERS:
            raise invalid(f"Could not find parameter with name: {name}")
        if PARAMETERS[name][0] == "static" and row.get("ApplyMethod") == "immediate":
            raise contradiction(f"cannot use immediate apply method for static parameter: {name}")


def describe_parameters(call: Call) -> dict[str, Any]:
    """All parameters of a group: those that were set there, and the engine's defaults."""
    name = call.get("DBParameterGroupName")
    group = rds_backends[ACCOUNT_ID][call.region].db_parameter_groups.get(name)
    if group is None and not name.startswith("default."):
        raise ApiError("DBParameterGroupNotFound", f"DBParameterGroup not found: {name}", 404)
    values = group.parameters if group else {}
    rows = [_describe_parameter(key, values.get(key)) for key in sorted(PARAMETERS)]
    source = call.get("Source")
    return {"Parameters": [row for row in rows if source in (None, row["Source"])]}


def _describe_parameter(name: str, chosen: dict[str, Any] | None) -> dict[str, Any]:
    apply_type, data_type, default, allowed = PARAMETERS[name]
    set_by_user = chosen is not None and chosen.get("ParameterValue") is not None
    return {
        "ParameterName": name,
        "ParameterValue": chosen["ParameterValue"] if set_by_user and chosen else default,
        "Source": "user" if set_by_user else "system",
        "ApplyType": apply_type,
        "DataType": data_type,
        "AllowedValues": allowed,
        "IsModifiable": True,
        "ApplyMethod": (chosen or {}).get("ApplyMethod", "pending-reboot"),
        "Description": f"{name} of PostgreSQL",
    }
