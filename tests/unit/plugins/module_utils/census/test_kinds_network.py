# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds a part of a network is looked for before EC2 is asked to delete it."""

from types import SimpleNamespace

import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.census import kinds_network
from ansible_collections.medzen.multiregion.plugins.module_utils.census.registry import Blocked, Item, Place


class Ec2:
    """Lists what it was given, and notes what it is asked to change."""

    def __init__(self, **answers):
        self.answers, self.writes = answers, []

    def get_paginator(self, operation):
        result = SimpleNamespace(build_full_result=lambda: self.answers.get(operation, {}))
        return SimpleNamespace(paginate=lambda **_parameters: result)

    def __getattr__(self, operation):
        return lambda **_parameters: self.writes.append(operation)


def groups(**named):
    """Security groups of one network, each with the groups that its rules name: `a="b"`."""
    return [
        {
            "GroupId": group,
            "GroupName": f"of {group}",
            "VpcId": "vpc-1",
            "IpPermissions": [{"UserIdGroupPairs": [{"GroupId": one}]} for one in names.split()],
        }
        for group, names in named.items()
    ]


def delete(group, found):
    ec2 = Ec2(describe_security_groups={"SecurityGroups": found})
    raw = next(one for one in found if one["GroupId"] == group)
    said = kinds_network.delete_security_group(
        Place(lambda service, region: ec2, "af-south-1"), kinds_network.security_group_item(raw)
    )
    return said, ec2.writes


@pytest.mark.parametrize("found", [groups(a=""), groups(a="a"), groups(a="b", b="")])
def test_a_group_that_no_other_one_names_goes_at_once(found):
    assert delete("a", found) == ("deleted", ["delete_security_group"])


def test_a_group_that_another_one_names_waits_for_it_and_ec2_is_not_asked():
    with pytest.raises(Blocked, match="rules of other groups name it") as caught:
        delete("b", groups(a="b", b="c", c=""))
    assert caught.value.blocker == "security group a (of a) names it in a rule" and not caught.value.lasting


@pytest.mark.parametrize("found", [groups(a="b", b="a"), groups(a="b", b="c", c="a")])
def test_groups_that_name_each_other_lose_such_rules_first(found):
    said, writes = delete("a", found)
    assert (said, writes) == ("rules that name other groups taken out", ["revoke_security_group_ingress"])


def test_a_group_beside_a_circle_waits_for_it():
    with pytest.raises(Blocked, match="rules of other groups name it"):
        delete("c", groups(a="b", b="a c", c=""))


def test_a_rule_of_another_network_holds_nothing():
    other = groups(x="a")[0] | {"VpcId": "vpc-2"}
    assert delete("a", [*groups(a=""), other]) == ("deleted", ["delete_security_group"])


def test_both_directions_of_rules_name_groups():
    raw = {"IpPermissionsEgress": [{"UserIdGroupPairs": [{"GroupId": "sg-3"}]}]}
    assert kinds_network.named_groups(raw) == {"sg-3"}


def delete_gateway(*interfaces):
    ec2 = Ec2(describe_network_interfaces={"NetworkInterfaces": interfaces})
    item = Item("internet_gateway", "igw-1", facts={"vpcs": ["vpc-1"]})
    kinds_network.delete_internet_gateway(Place(lambda service, region: ec2, "af-south-1"), item)
    return ec2.writes


def test_a_gateway_is_not_detached_before_public_addresses_are_gone():
    public = {"NetworkInterfaceId": "eni-1", "Status": "in-use", "Association": {"PublicIp": "192.0.2.1"}}
    with pytest.raises(Blocked, match="mapped public addresses") as caught:
        delete_gateway({"NetworkInterfaceId": "eni-2"}, public)
    assert caught.value.blocker.startswith("network interface eni-1 with 192.0.2.1")


def test_a_gateway_of_a_network_without_public_addresses_is_detached_and_deleted():
    assert delete_gateway({"NetworkInterfaceId": "eni-2"}) == ["detach_internet_gateway", "delete_internet_gateway"]
