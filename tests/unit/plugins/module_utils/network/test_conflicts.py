# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.network.conflicts import check_conflicts
from ansible_collections.medzen.multiregion.plugins.module_utils.network.reads import Listed
from ansible_collections.medzen.multiregion.plugins.module_utils.network.wanted import build_wanted


@pytest.fixture
def check(settings):
    return lambda described: check_conflicts(Listed(**described), build_wanted(settings()))


def test_a_network_as_wanted_is_no_conflict(check, described):
    assert check(described) is None


def test_another_cidr_is_refused_with_both(check, described):
    described["vpcs"][0]["CidrBlock"] = "10.7.0.0/16"
    with pytest.raises(Refused) as refusal:
        check(described)
    assert (refusal.value.found, refusal.value.expected) == ("vpc-1 with 10.7.0.0/16", "10.1.0.0/16")


def test_two_vpcs_of_the_name_are_refused(check, described):
    described["vpcs"] *= 2
    with pytest.raises(Refused, match="does not tell one VPC"):
        check(described)


def test_the_same_addresses_in_another_zone_are_refused(check, described):
    described["subnets"][0]["AvailabilityZone"] = "r1c"
    with pytest.raises(Refused, match="care-public-r1a has no room"):
        check(described)


def test_a_larger_subnet_over_ours_is_refused(check, described):
    described["subnets"].append({"SubnetId": "s", "CidrBlock": "10.1.0.0/20", "AvailabilityZone": "r1a"})
    with pytest.raises(Refused, match="10.1.0.0/20"):
        check(described)


def test_a_subnet_beside_ours_is_no_conflict(check, described):
    described["subnets"].append({"SubnetId": "s", "CidrBlock": "10.1.99.0/24", "AvailabilityZone": "r1a"})
    assert check(described) is None
