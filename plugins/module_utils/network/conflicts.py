# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands in the way of a network, told before anything is written. Nothing here is ever deleted or renumbered."""

from __future__ import annotations

import ipaddress

from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.network.reads import Listed
from ansible_collections.medzen.multiregion.plugins.module_utils.network.wanted import Part


def check_conflicts(listed: Listed, wanted: dict[str, Part]) -> None:
    """Refuse another VPC of the name, another CIDR, and subnets that the wanted ones cannot lie beside."""
    _check_vpc(listed, wanted["vpc"])
    for part in wanted.values():
        if part.kind == "subnet":
            _check_subnet(listed, part)


def _check_vpc(listed: Listed, vpc: Part) -> None:
    if len(listed.vpcs) > 1:
        raise Refused(
            f"The name {vpc.name} does not tell one VPC",
            found=", ".join(sorted(f"{one['VpcId']} ({one['CidrBlock']})" for one in listed.vpcs)),
            expected="one VPC of that name, or none",
            next_step="rename or remove the one that is not in use, and run again",
        )
    for one in listed.vpcs:
        if one["CidrBlock"] != vpc.settings["cidr"]:
            raise Refused(
                f"VPC {vpc.name} has other addresses; AWS cannot change them",
                found=f"{one['VpcId']} with {one['CidrBlock']}",
                expected=vpc.settings["cidr"],
                next_step="give the CIDR that it has, or another name for a network beside it",
            )


def _check_subnet(listed: Listed, part: Part) -> None:
    cidr, zone = part.settings["cidr"], part.settings["zone"]
    for one in listed.subnets:
        same = one["CidrBlock"] == cidr
        if same and one["AvailabilityZone"] == zone:
            continue
        if same or ipaddress.ip_network(one["CidrBlock"]).overlaps(ipaddress.ip_network(cidr)):
            raise Refused(
                f"Subnet {part.name} has no room",
                found=f"{one['SubnetId']} with {one['CidrBlock']} in {one['AvailabilityZone']}",
                expected=f"{cidr} in {zone}, or nothing at these addresses",
                next_step="give offsets and availability_zones that fit the subnets there, or remove that subnet",
            )
