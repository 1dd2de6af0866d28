# SPDX-License-Identifier: GPL-3.0-or-later
"""Who stands in the way, by name."""

from types import SimpleNamespace

from ansible_collections.medzen.multiregion.plugins.module_utils.census.blockers import find_blockers
from ansible_collections.medzen.multiregion.plugins.module_utils.census.registry import Item, Place


def place(**answers):
    def paginator(operation):
        result = SimpleNamespace(build_full_result=lambda: answers.get(operation, {}))
        return SimpleNamespace(paginate=lambda **parameters: result)

    client = SimpleNamespace(get_paginator=paginator)
    return Place(lambda service, region: client, "af-south-1")


INTERFACE = {"NetworkInterfaceId": "eni-1", "Status": "in-use", "RequesterId": "amazon-elb", "Description": "ELB app/x"}


def test_a_subnet_is_held_by_its_interfaces():
    where = place(describe_network_interfaces={"NetworkInterfaces": [INTERFACE]})
    expected = ["network interface eni-1 (in-use, owner amazon-elb, ELB app/x)"]
    assert find_blockers(where, Item("subnet", "s")) == expected


def test_a_security_group_is_held_by_rules_that_name_it():
    rule = {"GroupId": "sg-2", "GroupName": "rds", "IpPermissions": [{"UserIdGroupPairs": [{"GroupId": "sg-1"}]}]}
    where = place(describe_security_groups={"SecurityGroups": [rule]})
    found = find_blockers(where, Item("security_group", "sg-1"))
    assert found == ["security group sg-2 (rds) names it in a rule"]


def test_an_internet_gateway_is_held_by_public_addresses_only():
    public = {**INTERFACE, "Association": {"PublicIp": "192.0.2.1"}}
    where = place(describe_network_interfaces={"NetworkInterfaces": [INTERFACE, public]})
    found = find_blockers(where, Item("internet_gateway", "igw", facts={"vpcs": ["v"]}))
    assert found == ["network interface eni-1 with 192.0.2.1 (in-use, owner amazon-elb, ELB app/x)"]


def test_a_kind_that_nobody_is_asked_about_has_no_known_blocker():
    assert find_blockers(place(), Item("sns_topic", "t")) == []
