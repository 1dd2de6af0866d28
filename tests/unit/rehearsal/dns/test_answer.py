# SPDX-License-Identifier: GPL-3.0-or-later
"""Replies of the name servers: existence, wildcards, aliases, health and place."""

import random
from collections import Counter

import pytest

from rehearsal.dns.answer import NOERROR, NXDOMAIN, REFUSED, Question, answer, find_addresses
from rehearsal.dns.location import NOWHERE, Location, Map, load_locations
from rehearsal.dns.zone import Host, View, build_zone

APEX = "medzenhealth.app."
SOA = {
    "Name": APEX,
    "Type": "SOA",
    "TTL": 900,
    "ResourceRecords": [{"Value": "ns-101.awsdns-12.com. awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400"}],
}
ALB = "alb-1.af-south-1.elb.amazonaws.com."
STANDBY = "alb-2.eu-west-1.elb.amazonaws.com."
CAMEROON, GERMANY = Location("AF", "CM"), Location("EU", "DE")


def record(name, record_type="A", *values, **extra):
    found = {"Name": f"{name}.{APEX}" if name else APEX, "Type": record_type, **extra}
    return found | ({"TTL": 5, "ResourceRecords": [{"Value": value} for value in values]} if values else {})


def alias(name, target, evaluate=True, **extra):
    shape = {"DNSName": target, "HostedZoneId": "Z1", "EvaluateTargetHealth": evaluate}
    return record(name, "A", AliasTarget=shape, **extra)


def view(*shapes, health=None, hosts=None):
    known = {ALB: Host("127.104.30.1", 1), STANDBY: Host("127.104.30.2", 1)} | (hosts or {})
    return View({APEX: build_zone(APEX, [SOA, *shapes], 60)}, known, health or {}, 60)


def ask(served, name, record_type="A", location=NOWHERE, seed=1):
    full = f"{name}.{APEX}" if name else APEX
    return answer(served, Question(full, record_type, location), random.Random(seed))


def values(reply):
    return [item.value for item in reply.records]


def failover(primary_health="", **hosts):
    return view(
        alias("ehr", ALB, Failover="PRIMARY", SetIdentifier="p", HealthCheckId=primary_health),
        alias("ehr", STANDBY, Failover="SECONDARY", SetIdentifier="s"),
        health={"bad": False},
        **hosts,
    )


def test_simple_records_answer_with_their_own_ttl():
    reply = ask(view(record("ehr", "A", "1.2.3.4", "1.2.3.5")), "EHR")
    assert (values(reply), reply.records[0].ttl) == (["1.2.3.4", "1.2.3.5"], 5)


def test_a_cname_answers_for_every_type_and_is_not_followed():
    served = view(record("ehr", "CNAME", ALB))
    assert values(ask(served, "ehr", "A")) == values(ask(served, "ehr", "TXT")) == [ALB]


def test_a_missing_name_carries_the_soa_with_the_scaled_negative_ttl():
    reply = ask(view(), "nobody")
    assert (reply.code, reply.authority[0].type, reply.authority[0].ttl) == (NXDOMAIN, "SOA", 15)


def test_a_name_without_that_type_exists_and_has_no_data():
    reply = ask(view(record("ehr", "A", "1.2.3.4")), "ehr", "AAAA")
    assert (reply.code, reply.records, len(reply.authority)) == (NOERROR, (), 1)


def test_a_name_with_only_names_below_it_exists():
    assert ask(view(record("a.b", "A", "1.2.3.4")), "b").code == NOERROR


def test_a_wildcard_answers_at_any_depth_under_the_name_asked():
    served = view(record("\\052.apps", "A", "1.2.3.4"))
    reply = ask(served, "x.y.apps")
    assert (reply.records[0].name, values(reply)) == (f"x.y.apps.{APEX}", ["1.2.3.4"])


def test_a_wildcard_does_not_cover_a_name_that_exists():
    served = view(record("*", "A", "1.2.3.4"), record("real", "TXT", '"x"'))
    assert values(ask(served, "real")) == []


def test_names_of_nobody_are_refused():
    assert answer(view(), Question("example.org", "A"), random.Random(1)).code == REFUSED


@pytest.mark.parametrize(
    ("name", "code"),
    [
        (ALB, NOERROR),
        ("gone.rds.amazonaws.com", NXDOMAIN),
        ("gone.execute-api.eu-west-1.amazonaws.com", NXDOMAIN),
    ],
)
def test_names_of_aws_itself_are_known_or_do_not_exist(name, code):
    assert answer(view(), Question(name, "A"), random.Random(1)).code == code


def test_an_alias_to_a_balancer_has_the_balancers_ttl_and_its_own_name():
    reply = ask(view(alias("ehr", ALB)), "ehr")
    assert [(item.name, item.ttl, item.value) for item in reply.records] == [(f"ehr.{APEX}", 1, "127.104.30.1")]


def test_an_alias_at_the_apex_to_a_name_of_the_zone_has_the_targets_ttl():
    reply = ask(view(alias("", f"ehr.{APEX}"), record("ehr", "A", "1.2.3.4")), "")
    assert [(item.name, item.ttl, item.value) for item in reply.records] == [(APEX, 5, "1.2.3.4")]


def test_a_loop_of_aliases_ends_without_an_answer():
    served = view(alias("a", f"b.{APEX}"), alias("b", f"a.{APEX}"))
    assert ask(served, "a").records == ()


def test_weights_share_the_answers():
    served = view(
        record("ehr", "A", "1.1.1.1", SetIdentifier="a", Weight=90),
        record("ehr", "A", "2.2.2.2", SetIdentifier="b", Weight=10),
    )
    chance = random.Random(4)
    replies = (answer(served, Question(f"ehr.{APEX}", "A"), chance) for _ in range(2000))
    assert 1730 < Counter(values(reply)[0] for reply in replies)["1.1.1.1"] < 1870


def weighted(*rows):
    shapes = [
        record("ehr", "A", address, SetIdentifier=address, Weight=weight, HealthCheckId=check)
        for address, weight, check in rows
    ]
    return view(*shapes, health={"bad": False})


@pytest.mark.parametrize(
    ("rows", "answered"),
    [
        ([("1.1.1.1", 1, ""), ("2.2.2.2", 0, "")], {"1.1.1.1"}),
        ([("1.1.1.1", 1, "bad"), ("2.2.2.2", 0, "")], {"2.2.2.2"}),
        ([("1.1.1.1", 1, "bad"), ("2.2.2.2", 0, "bad")], {"1.1.1.1"}),
        ([("1.1.1.1", 0, ""), ("2.2.2.2", 0, "")], {"1.1.1.1", "2.2.2.2"}),
        ([("1.1.1.1", 5, "bad"), ("2.2.2.2", 5, "")], {"2.2.2.2"}),
        ([("1.1.1.1", 5, "bad"), ("2.2.2.2", 5, "bad")], {"1.1.1.1", "2.2.2.2"}),
    ],
)
def test_weight_zero_is_not_off_and_none_healthy_is_all_healthy(rows, answered):
    served = weighted(*rows)
    assert {values(ask(served, "ehr", seed=seed))[0] for seed in range(30)} == answered


def test_failover_answers_with_the_primary_while_it_is_healthy():
    assert values(ask(failover(), "ehr")) == ["127.104.30.1"]


def test_failover_goes_to_the_secondary_when_the_check_fails():
    assert values(ask(failover("bad"), "ehr")) == ["127.104.30.2"]


def test_failover_goes_to_the_secondary_when_the_balancer_has_no_healthy_target():
    served = failover(hosts={ALB: Host("127.104.30.1", 1, healthy=False)})
    assert values(ask(served, "ehr")) == ["127.104.30.2"]


def test_failover_with_both_sides_down_answers_with_the_primary():
    served = failover("bad", hosts={STANDBY: Host("127.104.30.2", 1, healthy=False)})
    assert values(ask(served, "ehr")) == ["127.104.30.1"]


def geolocated(**health):
    return view(
        record("ehr", "A", "1.1.1.1", SetIdentifier="cm", GeoLocation={"CountryCode": "CM"}, HealthCheckId="cm"),
        record("ehr", "A", "2.2.2.2", SetIdentifier="af", GeoLocation={"ContinentCode": "AF"}),
        record("ehr", "A", "3.3.3.3", SetIdentifier="any", GeoLocation={"CountryCode": "*"}),
        health=health,
    )


@pytest.mark.parametrize(
    ("place", "value"),
    [(CAMEROON, "1.1.1.1"), (Location("AF", "ZA"), "2.2.2.2"), (GERMANY, "3.3.3.3"), (Location(), "3.3.3.3")],
)
def test_geolocation_takes_the_nearest_place(place, value):
    reply = ask(geolocated(), "ehr", location=place)
    assert (values(reply), reply.located) == ([value], True)


def test_geolocation_goes_outwards_when_the_nearest_place_is_unhealthy():
    assert values(ask(geolocated(cm=False), "ehr", location=CAMEROON)) == ["2.2.2.2"]


def test_geolocation_without_a_default_has_no_data_elsewhere():
    served = view(record("ehr", "A", "1.1.1.1", SetIdentifier="af", GeoLocation={"ContinentCode": "AF"}))
    reply = ask(served, "ehr", location=GERMANY)
    assert (reply.code, reply.records) == (NOERROR, ())


def test_a_tree_of_geolocation_over_failover_answers_from_its_leaves():
    served = view(
        alias("ehr", f"eu.{APEX}", SetIdentifier="any", GeoLocation={"CountryCode": "*"}),
        alias("eu", ALB, Failover="PRIMARY", SetIdentifier="p", HealthCheckId="bad"),
        alias("eu", STANDBY, Failover="SECONDARY", SetIdentifier="s"),
        health={"bad": False},
    )
    reply = ask(served, "ehr", location=GERMANY)
    assert (values(reply), reply.records[0].name, reply.located) == (["127.104.30.2"], f"ehr.{APEX}", True)


def test_multivalue_answers_hold_at_most_eight_healthy_records():
    checks = ["bad"] + [""] * 9
    shapes = [
        record("ehr", "A", f"1.1.1.{n}", SetIdentifier=str(n), MultiValueAnswer=True, HealthCheckId=check)
        for n, check in enumerate(checks)
    ]
    found = values(ask(view(*shapes, health={"bad": False}), "ehr"))
    assert (len(found), "1.1.1.0" in found) == (8, False)


def test_a_health_checker_follows_cnames_to_addresses():
    served = view(record("ehr", "CNAME", ALB))
    assert find_addresses(served, f"ehr.{APEX}", random.Random(1)) == ["127.104.30.1"]


def test_the_map_takes_the_longest_prefix():
    places = Map([*load_locations(104), {"network": "102.244.1.0/24", "continent": "EU", "country": "FR"}])
    addresses = ("102.244.0.9", "102.244.1.9", "127.104.203.1", "9.9.9.9")
    assert [places.locate(address).country for address in addresses] == ["CM", "FR", "DE", ""]
