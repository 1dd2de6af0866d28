# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.network.apply import iter_keys
from ansible_collections.medzen.multiregion.plugins.module_utils.network.plan import PRIVATE_ROUTES, Ref


def operations(plan):
    return [action.operation for action in plan.actions]


def test_a_complete_network_needs_nothing(plan, described):
    complete = plan(described)
    assert (complete.actions, complete.before) == ([], complete.after)


def test_an_absent_network_is_created_as_a_whole(plan):
    made = [action.makes for action in plan({}).actions if action.makes]
    assert set(made) == set(plan({}).after)


def test_an_action_names_only_what_a_lower_level_makes(plan):
    levels = {action.makes: action.level for action in plan({}).actions if action.makes}
    for action in plan({}).actions:
        assert all(levels[key] < action.level for key in iter_keys(action.parameters) if key != action.makes), action


def test_an_absent_network_has_nothing_before(plan):
    assert plan({}).before == {}


def test_the_base_starts_gateways_and_makes_no_private_route(plan):
    base = plan({}, whole=False)
    assert "create_nat_gateway" in operations(base)
    assert all(action.level < PRIVATE_ROUTES for action in base.actions)


def test_a_pending_gateway_is_not_started_again(plan, described):
    described["nat_gateways"][0]["State"] = "pending"
    assert operations(plan(described)) == []


def test_without_waiting_a_route_to_a_pending_gateway_is_left(plan, described):
    described["nat_gateways"][0]["State"] = "pending"
    described["tables"][2]["Routes"] = []
    unfinished = plan(described, wait=False)
    assert unfinished.actions == []
    assert [action.operation for action in unfinished.left] == ["create_route"]


def test_a_route_to_something_else_is_replaced(plan, described):
    described["tables"][2]["Routes"][0]["NatGatewayId"] = "nat-9"
    (action,) = plan(described).actions
    expected = {
        "RouteTableId": Ref("table:private:1"),
        "DestinationCidrBlock": "0.0.0.0/0",
        "NatGatewayId": Ref("nat:r1a"),
    }
    assert (action.operation, action.parameters) == ("replace_route", expected)


def test_a_route_of_somebody_else_stays(plan, described):
    described["tables"][2]["Routes"].append({"DestinationCidrBlock": "10.9.0.0/16", "TransitGatewayId": "tgw-1"})
    unchanged = plan(described)
    assert unchanged.actions == []
    assert unchanged.after["table:private:1"]["routes"]["10.9.0.0/16"] == "tgw-1"


def test_a_subnet_with_another_table_gets_ours_in_one_step(plan, described):
    described["tables"][0]["Associations"].append(described["tables"][2]["Associations"].pop())
    (action,) = plan(described).actions
    assert (action.operation, action.parameters["AssociationId"]) == ("replace_route_table_association", "rtbassoc-3")


def test_only_the_missing_rule_is_added(plan, described):
    del described["groups"][0]["IpPermissions"][0]
    (action,) = plan(described).actions
    assert [permission["FromPort"] for permission in action.parameters["IpPermissions"]] == [80]


def test_a_rule_too_many_is_told_and_stays(plan, described):
    extra = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    described["groups"][2]["IpPermissions"].append(extra)
    warned = plan(described)
    assert (warned.actions, warned.unexpected_rules) == ([], ["care-rds-r1: tcp 22 from 0.0.0.0/0"])


def test_a_loose_internet_gateway_is_attached(plan, described):
    described["gateways"][0]["Attachments"] = []
    assert "attach_internet_gateway" in operations(plan(described))
    assert "create_internet_gateway" not in operations(plan(described))


def test_an_endpoint_gets_the_tables_that_it_misses(plan, described):
    described["endpoints"][0]["RouteTableIds"] = ["rtb-i1"]
    (action,) = plan(described).actions
    assert action.parameters["AddRouteTableIds"] == [Ref("table:private:2")]


@pytest.mark.parametrize("name", ["dns_support", "dns_hostnames"])
def test_an_attribute_of_the_vpc_that_is_off_is_set(plan, described, name):
    described[name] = False
    assert operations(plan(described)) == ["modify_vpc_attribute"]


def test_a_missing_tag_is_set_on_every_part(plan, described):
    tagged = plan(described, tags={"Workload": "care"})
    assert operations(tagged) == ["create_tags"] * len(tagged.after)


def test_a_foreign_tag_stays_unless_tags_are_purged(plan, described):
    described["vpcs"][0]["Tags"].append({"Key": "Owner", "Value": "x"})
    assert operations(plan(described)) == []
    assert operations(plan(described, purge_tags=True)) == ["delete_tags"]


def test_an_address_left_by_a_killed_run_gets_the_gateway(plan, described):
    del described["nat_gateways"][0], described["addresses"][0]["AssociationId"]
    described["tables"][2]["Routes"] = []
    assert operations(plan(described)) == ["create_nat_gateway", "create_route"]
