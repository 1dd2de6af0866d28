# SPDX-License-Identifier: GPL-3.0-or-later
from ansible_collections.medzen.multiregion.plugins.modules.region_state_info import network_values, service_values


def subnet(name, cidr, public):
    return {"SubnetId": name, "CidrBlock": cidr, "MapPublicIpOnLaunch": public}


def test_subnets_come_in_the_order_of_their_addresses():
    subnets = [subnet("b", "10.1.12.0/24", False), subnet("c", "10.1.2.0/24", True), subnet("a", "10.1.11.0/24", False)]
    values = network_values({"VpcId": "v"}, [*subnets, subnet("d", "10.1.1.0/24", True)], [], [], [], {})
    assert values["private_subnet_ids"] == ["a", "b"]
    assert values["public_subnet_ids"] == ["d", "c"]


def test_a_deleted_gateway_is_not_there():
    nats = [{"NatGatewayId": "n", "State": "deleted", "SubnetId": "s"}]
    assert network_values({"VpcId": "v"}, [], [], nats, [], {})["nat_gateways"] == []


def test_gateways_follow_the_order_of_their_subnets():
    subnets = [subnet("s2", "10.1.2.0/24", True), subnet("s1", "10.1.1.0/24", True)]
    nats = [{"NatGatewayId": f"n{n}", "State": "pending", "SubnetId": f"s{n}"} for n in (2, 1)]
    values = network_values({"VpcId": "v"}, subnets, [], nats, [], {})
    assert [nat["id"] for nat in values["nat_gateways"]] == ["n1", "n2"]


def test_an_empty_region_is_nulls_and_empty_lists():
    values = network_values(None, [], [], [], [], {})
    assert values["vpc_id"] is None and values["nat_gateways"] == []
    assert values["security_group_ids"] == {"alb": None, "ecs": None, "rds": None}


def test_a_service_is_told_in_four_values():
    described = {"serviceArn": "arn", "taskDefinition": "td", "desiredCount": 2, "runningCount": 1, "events": []}
    assert service_values(described) == {"arn": "arn", "task_definition": "td", "desired": 2, "running": 1}
