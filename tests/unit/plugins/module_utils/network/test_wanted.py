# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.network.wanted import Rule, build_wanted


def names(wanted, kind):
    return [part.name for part in wanted.values() if part.kind == kind]


def test_a_subnet_has_its_tier_and_zone_in_its_name(settings):
    expected = ["care-public-r1a", "care-public-r1b", "care-private-r1a", "care-private-r1b"]
    assert names(build_wanted(settings()), "subnet") == expected


def test_a_subnet_lies_at_its_offset(settings):
    assert build_wanted(settings())["subnet:private:r1b"].settings["cidr"] == "10.1.12.0/24"


def test_every_zone_has_a_gateway_with_an_address_of_its_own(settings):
    wanted = build_wanted(settings())
    assert names(wanted, "nat") == names(wanted, "address") == ["care-nat-r1a", "care-nat-r1b"]


def test_one_gateway_serves_all_zones_when_that_is_asked_for(settings):
    wanted = build_wanted(settings(single_nat=True))
    targets = [wanted[f"table:private:{number}"].settings["routes"]["0.0.0.0/0"] for number in (1, 2)]
    assert (names(wanted, "nat"), targets) == (["care-nat-r1a"], ["nat:r1a", "nat:r1a"])


def test_the_base_has_no_private_table_and_no_endpoint(settings):
    wanted = build_wanted(settings(whole=False))
    assert [key for key in wanted if key.startswith(("table", "endpoint"))] == ["table:public"]


def test_an_endpoint_can_be_left_out(settings):
    assert "endpoint:s3" not in build_wanted(settings(s3_endpoint=False))


def test_only_the_balancer_reaches_the_tasks_and_only_they_the_database(settings):
    wanted = build_wanted(settings())
    assert wanted["group:ecs"].settings["ingress"] == [Rule("tcp", 8080, 8080, "group:alb")]
    assert wanted["group:rds"].settings["ingress"] == [Rule("tcp", 5432, 5432, "group:ecs")]


def test_a_group_has_no_name_tag(settings):
    assert build_wanted(settings(tags={"Workload": "care"}))["group:rds"].tags == {"Workload": "care"}


def test_a_rule_reads_as_a_sentence():
    assert str(Rule("tcp", 8000, 8080, "group:alb")) == "tcp 8000-8080 from group:alb"


@pytest.mark.parametrize("cidr", ["10.1.0.0/20", "10.1.1.0/16", "ten"])
def test_a_cidr_that_is_no_network_of_16_is_refused(settings, cidr):
    with pytest.raises(Refused, match="not usable"):
        build_wanted(settings(cidr=cidr))


@pytest.mark.parametrize("zones", [(), ("r1a",), ("r1a", "r1a")])
def test_zones_that_do_not_match_the_offsets_are_refused(settings, zones):
    with pytest.raises(Refused, match="each availability zone"):
        build_wanted(settings(zones=zones))


def test_two_subnets_at_one_offset_are_refused(settings):
    with pytest.raises(Refused, match="same addresses"):
        build_wanted(settings(private_offsets=(1, 12)))
