# SPDX-License-Identifier: GPL-3.0-or-later
from ansible_collections.medzen.multiregion.plugins.module_utils.network.wanted import Settings
from ansible_collections.medzen.multiregion.plugins.modules.region_network import (
    build_result,
    describe_states,
    find_failure,
)

SETTINGS = Settings("care", "r1", "10.1.0.0/16", ("r1a", "r1b"), (1, 2), (11, 12))


def test_subnets_come_in_the_order_of_the_zones():
    ids = {"subnet:public:r1b": "s2", "subnet:private:r1a": "i1", "subnet:public:r1a": "s1"}
    result = build_result(SETTINGS, ids, {})
    assert (result["public_subnet_ids"], result["private_subnet_ids"]) == (["s1", "s2"], ["i1"])


def test_a_network_that_is_not_there_is_nulls_and_empty_lists():
    result = build_result(SETTINGS, {}, {})
    assert (result["vpc_id"], result["nat_gateways"], result["route_table_ids"]) == (None, [], {})
    assert result["security_group_ids"] == {"alb": None, "ecs": None, "rds": None}


def test_a_gateway_that_was_just_started_is_pending():
    ids = {"nat:r1a": "nat-1", "subnet:public:r1a": "s1"}
    expected = {"id": "nat-1", "state": "pending", "subnet_id": "s1", "zone": "r1a"}
    assert build_result(SETTINGS, ids, {})["nat_gateways"] == [expected]


def test_route_tables_are_named_by_their_part():
    ids = {"table:public": "rtb-1", "table:private:1": "rtb-2"}
    assert build_result(SETTINGS, ids, {})["route_table_ids"] == {"public": "rtb-1", "private-1": "rtb-2"}


def test_a_failed_gateway_says_why():
    failed = [{"NatGatewayId": "nat-1", "State": "failed", "FailureMessage": "no internet gateway"}]
    assert find_failure(failed).startswith("nat-1 is failed: no internet gateway.")


def test_pending_gateways_are_no_failure():
    pending = [{"NatGatewayId": "nat-1", "State": "pending"}, {"NatGatewayId": "nat-2", "State": "available"}]
    assert find_failure(pending) is None
    assert describe_states(pending) == "1 of 2 available"
