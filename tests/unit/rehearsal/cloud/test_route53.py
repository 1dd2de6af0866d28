# SPDX-License-Identifier: GPL-3.0-or-later
"""Zones and changes of the API, and the document that the dns process follows."""

from types import SimpleNamespace

import pytest
from moto.route53.models import route53_backends

from rehearsal.cloud import route53 as layer
from rehearsal.cloud.clock import Clock, load_durations
from rehearsal.cloud.errors import ApiError
from rehearsal.cloud.operations import Call
from rehearsal.cloud.route53 import Route53
from rehearsal.cloud.route53_document import ZoneDocument
from rehearsal.cloud.world_state import World
from rehearsal.settings import NAME_SERVERS, Settings

ALB = "alb-1.eu-west-1.elb.amazonaws.com"


@pytest.fixture
def route53(tmp_path, monkeypatch):
    route53_backends.reset()  # other tests of this process leave zones behind
    seconds = iter(range(10**9))
    world = World(Settings(104, tmp_path), Clock(60, load_durations(), lambda: 1000.0 + next(seconds) * 1e-6))
    world.hosts = {f"{ALB}.": {"address": "127.104.30.1", "ttl": 0, "healthy": True}}
    balancer = SimpleNamespace(dns_name=ALB, canonical_hosted_zone_id="Z32O12XQLNTSW2")
    monkeypatch.setattr(layer, "find_balancer", lambda name: balancer if name == f"{ALB}." else None)
    found = Route53(world)
    found.install()
    ZoneDocument(world, found.backend, found.served, found.health).install()
    yield found
    route53_backends.reset()


def run(route53, operation, **parameters):
    call = Call("route53", operation, "us-east-1", "rest-xml", parameters)
    return route53.world.operations.handler(call)(call)


def create_zone(route53, name="medzenhealth.app", reference="one"):
    return run(route53, "CreateHostedZone", Name=name, CallerReference=reference)


def change(route53, zone, action="CREATE", **record_set):
    record_set = {"Name": "ehr.medzenhealth.app", "Type": "A", **record_set}
    changes = [{"Action": action, "ResourceRecordSet": record_set}]
    return run(route53, "ChangeResourceRecordSets", HostedZoneId=zone, ChangeBatch={"Changes": changes})


def address(value="1.2.3.4"):
    return {"TTL": 5, "ResourceRecords": [{"Value": value}]}


def alias(zone_id, target=ALB):
    return {"AliasTarget": {"HostedZoneId": zone_id, "DNSName": target, "EvaluateTargetHealth": True}}


def read(route53, serial=""):
    return route53.world.control_routes["zone"]("GET", None, {"serial": serial})


def served_names(document):
    return {row["Name"] for row in document["zones"][0]["record_sets"]}


def status(route53, info):
    return run(route53, "GetChange", Id=info["Id"])["ChangeInfo"]["Status"]


def test_every_zone_gets_the_four_name_servers_and_its_own_records(route53):
    made = create_zone(route53)
    listed = run(route53, "ListResourceRecordSets", HostedZoneId=made["HostedZone"]["Id"])["ResourceRecordSets"]
    assert made["DelegationSet"]["NameServers"] == list(NAME_SERVERS)
    assert [row["Type"] for row in listed] == ["NS", "SOA"]


def test_a_change_is_pending_until_its_time_is_over(route53):
    info = create_zone(route53)["ChangeInfo"]
    before = status(route53, info)
    route53.world.clock.advance(31)
    assert (before, status(route53, info)) == ("PENDING", "INSYNC")


def test_a_change_is_not_in_sync_before_the_name_servers_have_said_so(route53):
    read(route53, read(route53)["serial"])
    info = create_zone(route53)["ChangeInfo"]
    route53.world.clock.advance(31)
    before = status(route53, info)
    read(route53, read(route53)["serial"])
    assert (before, status(route53, info)) == ("PENDING", "INSYNC")


def test_the_served_zone_changes_only_with_time(route53):
    zone = create_zone(route53)["HostedZone"]["Id"]
    route53.world.clock.advance(31)
    change(route53, zone, **address())
    before = served_names(read(route53))
    route53.world.clock.advance(31)
    assert (before, served_names(read(route53)) - before) == ({"medzenhealth.app."}, {"ehr.medzenhealth.app."})


def test_servers_differ_while_a_change_travels(route53):
    create_zone(route53)
    route53.world.clock.advance(22)
    counts = [len(view) for view in read(route53)["zones"][0]["served"]]
    assert counts == [2, 2, 0, 0]


def test_an_unchanged_document_is_only_a_serial(route53):
    serial = read(route53)["serial"]
    assert read(route53, serial) == {"serial": serial}
    create_zone(route53)
    assert "zones" in read(route53, serial)


def test_ttls_of_names_that_round_to_nothing_are_one(route53):
    assert read(route53)["hosts"][f"{ALB}."]["ttl"] == 1


def test_an_alias_needs_the_zone_of_its_balancer(route53):
    zone = create_zone(route53)["HostedZone"]["Id"]
    with pytest.raises(ApiError, match="does not lie within the target zone"):
        change(route53, zone, **alias("Z35SXDOTRQ7X7K"))
    assert change(route53, zone, **alias("Z32O12XQLNTSW2"))["ChangeInfo"]["Status"] == "PENDING"


def test_an_alias_needs_a_balancer_that_exists(route53):
    zone = create_zone(route53)["HostedZone"]["Id"]
    with pytest.raises(ApiError, match="that target was not found"):
        change(route53, zone, **alias("Z32O12XQLNTSW2", "gone.eu-west-1.elb.amazonaws.com"))


def test_a_refused_batch_leaves_the_zone_as_it_was(route53):
    zone = create_zone(route53)["HostedZone"]["Id"]
    with pytest.raises(ApiError):
        change(route53, zone, action="DELETE", **address())
    assert len(run(route53, "ListResourceRecordSets", HostedZoneId=zone)["ResourceRecordSets"]) == 2


def test_record_sets_come_in_pages(route53):
    zone = create_zone(route53)["HostedZone"]["Id"]
    for name in ("b", "a"):
        change(route53, zone, **{**address(), "Name": f"{name}.medzenhealth.app"})
    first = run(route53, "ListResourceRecordSets", HostedZoneId=zone, MaxItems="3")
    start = {"StartRecordName": first["NextRecordName"], "StartRecordType": first["NextRecordType"]}
    second = run(route53, "ListResourceRecordSets", HostedZoneId=zone, **start)
    assert [row["Name"][0] for row in second["ResourceRecordSets"]] == ["b"]


def test_a_zone_with_records_is_not_deleted(route53):
    zone = create_zone(route53)["HostedZone"]["Id"]
    change(route53, zone, **address())
    with pytest.raises(ApiError) as caught:
        run(route53, "DeleteHostedZone", Id=zone)
    assert caught.value.code == "HostedZoneNotEmpty"


def test_a_deleted_zone_is_gone(route53):
    zone = create_zone(route53)["HostedZone"]["Id"]
    run(route53, "DeleteHostedZone", Id=zone)
    with pytest.raises(ApiError) as caught:
        run(route53, "ListResourceRecordSets", HostedZoneId=zone)
    assert (caught.value.code, read(route53)["zones"]) == ("NoSuchHostedZone", [])


@pytest.mark.parametrize(
    ("name", "reference", "code"),
    [("other.app", "one", "HostedZoneAlreadyExists"), ("medzenhealth.app", "two", "ConflictingDomainExists")],
)
def test_a_second_zone_needs_its_own_reference_and_name(route53, name, reference, code):
    create_zone(route53)
    with pytest.raises(ApiError) as caught:
        create_zone(route53, name, reference)
    assert caught.value.code == code


def test_zones_by_name_begin_at_the_name_and_go_on_with_others(route53):
    for number, name in enumerate(("medzenhealth.app", "zebra.app", "apple.app")):
        create_zone(route53, name, str(number))
    rows = run(route53, "ListHostedZonesByName", DNSName="missing.app")["HostedZones"]
    assert [row["Name"] for row in rows] == ["zebra.app."]
    first = run(route53, "ListHostedZonesByName", MaxItems="1")
    assert (first["HostedZones"][0]["Name"], first["NextDNSName"]) == ("apple.app.", "medzenhealth.app.")


def test_an_unknown_change_is_refused(route53):
    with pytest.raises(ApiError) as caught:
        run(route53, "GetChange", Id="/change/C1")
    assert caught.value.code == "NoSuchChange"


def test_the_answer_test_says_what_the_first_name_server_answers(route53):
    zone = create_zone(route53)["HostedZone"]["Id"]
    change(route53, zone, **alias("Z32O12XQLNTSW2"))
    route53.world.clock.advance(31)
    asked = {"HostedZoneId": zone, "RecordName": "ehr.medzenhealth.app", "RecordType": "A"}
    found = run(route53, "TestDNSAnswer", **asked)
    assert (found["RecordData"], found["ResponseCode"]) == (["127.104.30.1"], "NOERROR")


API = "d-abc.execute-api.eu-west-1.amazonaws.com"


@pytest.mark.parametrize(("zone_id", "taken"), [("ZLY8HYME6SFDD", True), ("Z32O12XQLNTSW2", False)])
def test_an_alias_to_a_domain_name_of_an_api_names_that_services_zone(route53, zone_id, taken):
    route53.world.hosts[f"{API}."] = {"address": "127.104.70.1", "ttl": 1, "healthy": True, "zone_id": "ZLY8HYME6SFDD"}
    zone = create_zone(route53)["HostedZone"]["Id"]
    if taken:
        assert change(route53, zone, **alias(zone_id, API))["ChangeInfo"]["Status"] == "PENDING"
    else:
        with pytest.raises(ApiError, match="does not lie within the target zone"):
            change(route53, zone, **alias(zone_id, API))


def test_names_are_served_once_the_dns_process_has_said_so(route53):
    world = route53.world
    serial = read(route53)["serial"]
    read(route53, serial)
    world.hosts["new.eu-west-1.rds.amazonaws.com."] = {"address": "127.104.12.1", "ttl": 1}
    registered = world.clock.now()
    assert not world.names_served(registered)
    document = read(route53, serial)
    assert not world.names_served(registered)
    read(route53, document["serial"])
    assert world.names_served(registered)
