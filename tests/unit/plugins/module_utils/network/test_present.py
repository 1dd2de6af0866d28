# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.network.present import find_present, iter_rules
from ansible_collections.medzen.multiregion.plugins.module_utils.network.reads import Listed
from ansible_collections.medzen.multiregion.plugins.module_utils.network.wanted import Rule, build_wanted


@pytest.fixture
def present(settings):
    return lambda described, **given: find_present(Listed(**described), build_wanted(settings(**given)))


def test_every_wanted_part_is_found(present, described, settings):
    assert set(present(described).parts) == set(build_wanted(settings()))


def test_nothing_is_found_where_nothing_is_listed(present):
    assert present({}).parts == {}


def test_a_rule_names_a_group_by_its_key(present, described):
    rules = present(described).parts["group:rds"].settings["ingress"]
    assert rules == [Rule("tcp", 5432, 5432, "group:ecs")]


def test_a_route_names_its_gateway_by_its_key(present, described):
    assert present(described).parts["table:private:2"].settings["routes"] == {"0.0.0.0/0": "nat:r1b"}


def test_a_route_to_what_is_gone_is_not_taken_for_a_route(present, described):
    described["tables"][2]["Routes"][0]["State"] = "blackhole"
    assert present(described).parts["table:private:1"].settings["routes"] == {"0.0.0.0/0": "blackhole nat-1"}


def test_a_gateway_that_is_pending_is_joined(present, described):
    described["nat_gateways"][0]["State"] = "pending"
    assert present(described).parts["nat:r1a"].state == "pending"


@pytest.mark.parametrize("state", ["failed", "deleting", "deleted"])
def test_a_gateway_that_is_lost_does_not_count(present, described, state):
    described["nat_gateways"][0]["State"] = state
    assert "nat:r1a" not in present(described).parts


def test_an_available_gateway_comes_before_a_pending_one(present, described):
    described["nat_gateways"].insert(0, {"NatGatewayId": "nat-0", "SubnetId": "subnet-p1", "State": "pending"})
    assert present(described).parts["nat:r1a"].id == "nat-1"


def test_a_loose_address_of_our_name_is_used(present, described):
    del described["nat_gateways"][0], described["addresses"][0]["AssociationId"]
    assert present(described).parts["address:r1a"].id == "eip-1"


def test_an_address_that_serves_something_else_is_not_used(present, described):
    del described["nat_gateways"][0]
    assert "address:r1a" not in present(described).parts


def test_a_loose_internet_gateway_of_our_name_is_used(present, described):
    described["gateways"][0]["Attachments"] = []
    assert present(described).parts["gateway"].settings == {"attached": False}


def test_an_internet_gateway_of_another_network_is_not_used(present, described):
    described["gateways"][0]["Attachments"] = [{"VpcId": "vpc-2"}]
    assert "gateway" not in present(described).parts


def test_of_two_tables_of_a_name_the_one_in_use_counts(present, described):
    described["tables"].insert(0, {**described["tables"][2], "RouteTableId": "rtb-0", "Associations": []})
    assert present(described).parts["table:private:1"].id == "rtb-i1"


def test_an_endpoint_that_is_going_does_not_count(present, described):
    described["endpoints"][0]["State"] = "deleting"
    assert "endpoint:s3" not in present(described).parts


def test_a_permission_is_a_rule_for_each_source():
    permission = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "10.0.0.0/8"}], "UserIdGroupPairs": [{"GroupId": "sg-9"}]}
    assert [str(rule) for rule in iter_rules(permission)] == ["everything from 10.0.0.0/8", "everything from sg-9"]
