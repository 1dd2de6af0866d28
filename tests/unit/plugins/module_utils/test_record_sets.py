# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.record_sets import (
    build_record,
    build_record_set,
    describe_record_set,
    display_name,
    effective_ttl_s,
    normalise_name,
    same,
)

ALIAS = {
    "dns_name": "Balancer.eu-central-1.elb.amazonaws.com",
    "zone_id": "/hostedzone/Z215",
    "evaluate_target_health": 1,
}
CNAME = {"name": "ehr.example.org", "type": "CNAME", "ttl": 300, "values": ["old.elb.amazonaws.com"]}


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("EHR.Example.org", "ehr.example.org."),
        ("ehr.example.org.", "ehr.example.org."),
        ("*.example.org", "\\052.example.org."),
        ("\\052.example.org.", "\\052.example.org."),
        ("a\\056b.example.org", "a\\056b.example.org."),
        ("_x-1.example.org", "_x-1.example.org."),
        ("a b.org", "a\\040b.org."),
    ],
)
def test_a_name_has_the_form_in_which_route_53_keeps_it(given, kept):
    assert normalise_name(given) == kept


def test_a_name_is_shown_as_a_person_writes_it():
    assert display_name("\\052.Example.org.") == "*.example.org"


def test_the_order_of_values_does_not_count():
    one = build_record_set({"name": "a.org", "type": "A", "ttl": 5, "values": ["192.0.2.2", "192.0.2.1"]})
    other = build_record_set({"name": "A.org.", "type": "A", "ttl": "5", "values": ["192.0.2.1", "192.0.2.2"]})
    assert same(one, other)


@pytest.mark.parametrize(
    ("record_type", "one", "other"),
    [
        ("CNAME", "Old.elb.amazonaws.com", "old.elb.amazonaws.com."),
        ("AAAA", "2001:DB8:0::1", "2001:db8::1"),
        ("MX", "10 Mail.example.org", "10 mail.example.org."),
    ],
)
def test_spelling_does_not_count(record_type, one, other):
    base = {"name": "a.org", "type": record_type, "ttl": 5}
    assert same(build_record_set({**base, "values": [one]}), build_record_set({**base, "values": [other]}))


@pytest.mark.parametrize("change", [{"ttl": 60}, {"values": ["new.org"]}, {"name": "b.org"}])
def test_everything_else_counts(change):
    assert not same(build_record_set(CNAME), build_record_set({**CNAME, **change}))


def test_text_is_compared_letter_by_letter():
    base = {"name": "a.org", "type": "TXT", "ttl": 5}
    assert not same(build_record_set({**base, "values": ['"A"']}), build_record_set({**base, "values": ['"a"']}))


def test_an_alias_is_normalised_with_its_target():
    target = build_record_set({"name": "a.org", "type": "A", "alias": ALIAS})["AliasTarget"]
    assert target == {
        "HostedZoneId": "Z215",
        "DNSName": "balancer.eu-central-1.elb.amazonaws.com.",
        "EvaluateTargetHealth": True,
    }


def test_a_ttl_on_an_alias_is_refused():
    with pytest.raises(Refused, match="its TTL is the one of its target"):
        build_record_set({"name": "a.org", "type": "A", "ttl": 60, "alias": ALIAS})


@pytest.mark.parametrize("answer", [{}, {"ttl": 5, "values": ["192.0.2.1"], "alias": ALIAS}, {"values": ["192.0.2.1"]}])
def test_a_record_has_one_kind_of_answer(answer):
    with pytest.raises(Refused):
        build_record_set({"name": "a.org", "type": "A", **answer})


def test_a_record_that_is_read_can_be_given_back():
    read = {
        "Name": "\\052.ehr.example.org.",
        "Type": "A",
        "SetIdentifier": "africa",
        "GeoLocation": {"ContinentCode": "AF"},
        "HealthCheckId": "h",
        "AliasTarget": {"HostedZoneId": "Z1", "DNSName": "x.elb.amazonaws.com.", "EvaluateTargetHealth": False},
        "CidrRoutingConfig": {"CollectionId": "c", "LocationName": "l"},
    }
    assert build_record_set(build_record(read)) == read


def test_options_that_are_not_given_are_left_out():
    record = {**CNAME, "weight": None, "geo": None, "alias": None, "other": None, "health_check_id": None}
    assert set(build_record_set(record)) == {"Name", "Type", "TTL", "ResourceRecords"}


def test_weight_zero_is_given():
    assert build_record_set({**CNAME, "weight": 0, "set_identifier": "a"})["Weight"] == 0


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        ({"ttl": 300, "values": ["192.0.2.1"]}, 300),
        ({"alias": ALIAS}, 60),
        ({"alias": {"dns_name": "other.example.org", "zone_id": "Z1"}}, None),
    ],
)
def test_the_ttl_that_resolvers_see(answer, seconds):
    assert effective_ttl_s(build_record_set({"name": "a.org", "type": "A", **answer})) == seconds


def test_a_record_is_told_on_one_line():
    assert describe_record_set(build_record_set(CNAME)) == "ehr.example.org CNAME TTL 300 s old.elb.amazonaws.com"
