# SPDX-License-Identifier: GPL-3.0-or-later
"""Which records go with a balancer: those that lead to it and to nothing else, and never one that lives on."""

import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.record_targets import find_emptied, find_leading_to

OLD, NEW = "lb-1.af-south-1.elb.amazonaws.com", "lb-2.eu-central-1.elb.amazonaws.com"


def alias(name, target, identifier="", **policy):
    routing = {"SetIdentifier": identifier, **policy} if identifier else {}
    shape = {"DNSName": f"{target}.", "HostedZoneId": "Z", "EvaluateTargetHealth": True}
    return {"Name": f"{name}.", "Type": "A", "AliasTarget": shape, **routing}


def cname(name, target):
    return {"Name": f"{name}.", "Type": "CNAME", "TTL": 60, "ResourceRecords": [{"Value": target}]}


AFRICA = alias("ehr.x", OLD, "africa", GeoLocation={"ContinentCode": "AF"})
ELSEWHERE = alias("ehr.x", NEW, "elsewhere", GeoLocation={"CountryCode": "*"})


@pytest.mark.parametrize("target", [OLD, f"dualstack.{OLD}", OLD.upper()])
def test_an_alias_of_the_balancer_is_found_in_any_spelling(target):
    assert find_leading_to([alias("ehr-af.x", target)], [OLD]) == [alias("ehr-af.x", target)]


def test_a_cname_to_the_balancer_is_found():
    assert find_leading_to([cname("ehr-af.x", OLD)], [OLD]) == [cname("ehr-af.x", OLD)]


def test_of_a_name_that_goes_on_only_its_own_record_set_is_found():
    assert find_leading_to([AFRICA, ELSEWHERE], [OLD]) == [AFRICA]
    assert find_emptied([AFRICA, ELSEWHERE], [AFRICA]) == []


def test_what_leads_to_a_name_that_goes_on_stays():
    www = cname("www.x", "ehr.x")
    assert find_leading_to([AFRICA, ELSEWHERE, www], [OLD]) == [AFRICA]


def test_what_leads_to_a_name_that_goes_with_the_balancer_goes_too():
    chain = [cname("www.x", "portal.x"), alias("portal.x", "ehr-af.x"), alias("ehr-af.x", OLD)]
    assert find_leading_to(chain, [OLD]) == chain
    assert find_emptied(chain, chain) == ["ehr-af.x", "portal.x", "www.x"]


def test_a_failover_pair_keeps_its_other_side():
    pair = [alias("f.x", OLD, "primary", Failover="PRIMARY"), alias("f.x", NEW, "secondary", Failover="SECONDARY")]
    tree = [*pair, alias("ehr.x", "f.x", "all", GeoLocation={"CountryCode": "*"})]
    assert find_leading_to(tree, [OLD]) == pair[:1]


def test_addresses_and_other_types_are_never_found():
    address = {"Name": "a.x.", "Type": "A", "TTL": 5, "ResourceRecords": [{"Value": "192.0.2.1"}]}
    text = {"Name": "t.x.", "Type": "TXT", "TTL": 5, "ResourceRecords": [{"Value": f'"{OLD}"'}]}
    assert find_leading_to([address, text], [OLD]) == []


def test_names_that_lead_to_each_other_are_left_alone():
    assert find_leading_to([cname("a.x", "b.x"), cname("b.x", "a.x")], [OLD]) == []


def test_living_balancers_are_left_alone():
    assert find_leading_to([alias("ehr.x", NEW), cname("ehr-dr.x", NEW)], [OLD]) == []


def test_what_else_stands_under_a_name_is_no_address():
    text = {"Name": "ehr.x.", "Type": "TXT", "TTL": 5, "ResourceRecords": [{"Value": '"v=spf1 -all"'}]}
    only = alias("ehr.x", OLD)
    assert find_emptied([only, text], [only]) == ["ehr.x"]
