# SPDX-License-Identifier: GPL-3.0-or-later
"""Change batches: what Route 53 refuses, in which words, and that a refusal changes nothing."""

import pytest

from rehearsal.cloud.errors import ApiError
from rehearsal.cloud.route53_batch import Surroundings, apply_batch, canonical, comparable, sort_key

ZONE, ZONE_ID = "medzenhealth.app.", "ZONE1"
AROUND = Surroundings(ZONE_ID, ZONE, {"check-1"}, lambda record_type, target, zone_id: f"outside {zone_id}")
EHR = f"ehr.{ZONE}"


def record(name=EHR, record_type="A", values=("1.2.3.4",), ttl=5, **extra):
    return {
        "Name": name,
        "Type": record_type,
        "TTL": ttl,
        "ResourceRecords": [{"Value": value} for value in values],
        **extra,
    }


def alias(target, zone_id=ZONE_ID, name=EHR, **extra):
    shape = {"DNSName": target, "HostedZoneId": zone_id, "EvaluateTargetHealth": False}
    return {"Name": name, "Type": "A", "AliasTarget": shape, **extra}


def weighted(identifier, weight=1, **extra):
    return record(SetIdentifier=identifier, Weight=weight, **extra)


def failover(side, identifier, **extra):
    return record(SetIdentifier=identifier, Failover=side, HealthCheckId="check-1", **extra)


OWN = [canonical(record(ZONE, "NS", ("ns.",))), canonical(record(ZONE, "SOA", ("ns. host. 1 1 1 1 1",)))]


def change(action, record_set):
    return {"Action": action, "ResourceRecordSet": record_set}


def apply(before, *changes):
    """The record sets after the batch, without the zone's own two."""
    after = apply_batch([*OWN, *map(canonical, before)], [change(*item) for item in changes], AROUND)
    return [record_set for record_set in after if record_set["Type"] not in ("NS", "SOA")]


def refusal(before, *changes):
    with pytest.raises(ApiError) as caught:
        apply(before, *changes)
    return caught.value.code, caught.value.message


@pytest.mark.parametrize(
    ("before", "action", "record_set", "words"),
    [
        (
            [record()],
            "CREATE",
            record(),
            f"[Tried to create resource record set [name='{EHR}', type='A'] but it already",
        ),
        ([record()], "UPSERT", weighted("a"), "because a simple RRSet exists"),
        ([weighted("a")], "UPSERT", record(), "because a weighted RRSet exists"),
        ([weighted("a")], "CREATE", failover("PRIMARY", "b"), "because a weighted RRSet exists"),
        ([weighted("a")], "UPSERT", failover("PRIMARY", "a"), "because a weighted RRSet exists"),
        ([record()], "CREATE", record(record_type="CNAME", values=("x.org",)), "conflicts with other records"),
        ([record(record_type="CNAME", values=("x.org",))], "UPSERT", record(), "conflicting RRSet of type CNAME"),
        ([], "CREATE", record(ZONE, "CNAME", ("x.org",)), "is not permitted at apex"),
        ([], "CREATE", record("ehr.example.org"), "is not permitted in zone"),
        ([], "CREATE", record(values=("1.2.3.400",)), "ARRDATAIllegalIPv4Address"),
        ([], "CREATE", record(values=("x.org",)), "ARRDATAIllegalIPv4Address"),
        ([], "CREATE", record(record_type="AAAA", values=("1.2.3.4",)), "AAAARRDATAIllegalIPv6Address"),
        ([], "CREATE", record(record_type="TXT", values=("bare",)), "enclosed in quotation marks"),
        ([], "CREATE", record(values=("1.2.3.4", "1.2.3.4")), "Duplicate Resource Record"),
        ([], "CREATE", alias("x.elb.amazonaws.com", "Z99"), "outside Z99"),
        ([], "CREATE", alias(f"none.{ZONE}"), "but that target was not found"),
        ([], "CREATE", alias("x.elb.amazonaws.com"), "does not lie within the target zone"),
        ([], "CREATE", alias(EHR), "but that target was not found"),
        ([failover("PRIMARY", "a")], "CREATE", failover("PRIMARY", "b"), "a PRIMARY RRSet exists"),
        ([], "DELETE", record(), "but it was not found"),
        ([record()], "DELETE", record(values=("1.2.3.5",)), "do not match the current values"),
        ([record()], "DELETE", record(ttl=6), "do not match the current values"),
        ([weighted("a", 1)], "DELETE", weighted("a", 2), "do not match the current values"),
    ],
)
def test_a_conflicting_change_is_refused_as_an_invalid_change_batch(before, action, record_set, words):
    code, message = refusal(before, (action, record_set))
    assert code == "InvalidChangeBatch"
    assert words in message


def test_two_places_of_one_name_must_differ():
    first = record(SetIdentifier="a", GeoLocation={"ContinentCode": "AF"})
    assert "same geolocation" in refusal([first], ("CREATE", {**first, "SetIdentifier": "b"}))[1]


def test_an_unknown_health_check_has_its_own_code():
    assert refusal([], ("CREATE", weighted("a", HealthCheckId="gone")))[0] == "NoSuchHealthCheck"


@pytest.mark.parametrize(
    ("record_set", "words"),
    [
        ({"Name": EHR, "Type": "A"}, "found none in Change with [Action=CREATE"),
        ({**record(), "AliasTarget": {"DNSName": "x", "HostedZoneId": "Z"}}, "found more than one"),
        (record(Weight=1), "Missing field 'SetIdentifier'"),
        (record(SetIdentifier="a"), "found none"),
        (record(SetIdentifier="a", Weight=1, Failover="PRIMARY"), "found more than one"),
        (record(SetIdentifier="a", Failover="PRIMARY"), "Missing field 'HealthCheckId'"),
        (record(SetIdentifier="a", Weight=256), "Weight 256"),
        (record(SetIdentifier="a", GeoLocation={"ContinentCode": "XX"}), "Continent XX"),
    ],
)
def test_a_change_without_sense_is_invalid_input(record_set, words):
    code, message = refusal([], ("CREATE", record_set))
    assert (code, words in message) == ("InvalidInput", True)


def test_latency_records_are_refused_loudly_because_nothing_serves_them():
    assert refusal([], ("CREATE", record(SetIdentifier="a", Region="eu-west-1")))[0] == "NotImplemented"


def test_every_problem_of_a_batch_is_named():
    message = refusal([record()], ("CREATE", record()), ("DELETE", record(f"x.{ZONE}")))[1]
    assert ("already exists" in message, "was not found" in message) == (True, True)


def test_a_cname_becomes_an_alias_in_one_batch():
    before = record(record_type="CNAME", values=("old.example.org",))
    target = record(f"target.{ZONE}")
    after = apply([before, target], ("DELETE", before), ("CREATE", alias(f"target.{ZONE}")))
    assert {item["Type"] for item in after if item["Name"] == EHR} == {"A"}


def test_a_simple_record_becomes_weighted_by_delete_and_create():
    after = apply([record()], ("DELETE", record()), ("CREATE", weighted("a")), ("CREATE", weighted("b", 0)))
    assert sorted(item["SetIdentifier"] for item in after) == ["a", "b"]


def test_deleting_one_of_two_weighted_records_leaves_the_other():
    other = weighted("a") | {"Name": f"other.{ZONE}"}
    after = apply([weighted("a"), weighted("b"), other], ("DELETE", weighted("a")))
    assert sorted((item["Name"], item["SetIdentifier"]) for item in after) == [(EHR, "b"), (f"other.{ZONE}", "a")]


def test_an_upsert_replaces_values_and_ttl():
    assert apply([record()], ("UPSERT", record(ttl=60, values=("5.6.7.8",))))[0]["TTL"] == 60


def test_an_alias_needs_its_target_before_it():
    target = record(f"target.{ZONE}")
    assert len(apply([], ("CREATE", target), ("CREATE", alias(f"target.{ZONE}")))) == 2
    assert "was not found" in refusal([], ("CREATE", alias(f"target.{ZONE}")), ("CREATE", target))[1]


def test_a_target_is_not_deleted_from_under_its_alias():
    target = record(f"target.{ZONE}")
    assert "was not found" in refusal([target, alias(f"target.{ZONE}")], ("DELETE", target))[1]


def test_the_same_change_twice_in_a_batch_is_refused():
    assert "invalid set of changes" in refusal([], ("UPSERT", record()), ("UPSERT", record(ttl=9)))[1]


def test_the_zones_own_records_cannot_be_deleted():
    with pytest.raises(ApiError, match="must contain exactly one SOA"):
        apply_batch(OWN, [change("DELETE", OWN[1])], AROUND)


def test_names_are_kept_in_lower_case_with_a_dot_and_an_escaped_asterisk():
    assert canonical(record("*.Apps.MEDZENHEALTH.app"))["Name"] == f"\\052.apps.{ZONE}"


def test_the_order_of_values_carries_no_meaning():
    one, other = (canonical(record(values=values)) for values in (("1.1.1.1", "2.2.2.2"), ("2.2.2.2", "1.1.1.1")))
    assert comparable(one) == comparable(other)


def test_records_are_listed_by_reversed_name():
    rows = [canonical(record(name)) for name in (f"b.{ZONE}", f"z.a.{ZONE}", ZONE)]
    assert [row["Name"] for row in sorted(rows, key=sort_key)] == [ZONE, f"z.a.{ZONE}", f"b.{ZONE}"]
