# SPDX-License-Identifier: GPL-3.0-or-later
"""A failover pair, with or without locations above it, from nothing and from each other, always in one batch."""

import pytest
import yaml
from ansible_collections.medzen.multiregion.plugins.module_utils.change_batch import names_of, plan_batch
from ansible_collections.medzen.multiregion.plugins.module_utils.failover_tree import (
    build_failover_changes,
    find_location_problems,
)
from ansible_collections.medzen.multiregion.plugins.module_utils.record_sets import build_record_set, fill_zone

ZONE, ZONE_ID = "medzenhealth.app", "ZONE1"
NAME, BELOW, DR = f"ehr.{ZONE}", f"ehr-failover.{ZONE}", f"ehr-dr.{ZONE}"
TREE = {
    "record": NAME,
    "failover_record": BELOW,
    "dr_record": DR,
    "primary": {"dns_name": "lb-1.eu-central-1.elb.amazonaws.com", "zone_id": "ZFRA", "health_check_id": "check-1"},
    "secondary": {"dns_name": "lb-2.eu-west-1.elb.amazonaws.com", "zone_id": "ZDUB", "health_check_id": "check-2"},
}
AFRICA, EUROPE = {"name": "africa", "continent": "AF"}, {"name": "europe", "continent": "EU"}
ELSEWHERE = {"name": "elsewhere", "default": True}
LOCATIONS = [AFRICA, EUROPE, ELSEWHERE]
SIMPLE = {"name": NAME, "type": "A", "alias": {"dns_name": "lb-1.eu-central-1.elb.amazonaws.com", "zone_id": "ZFRA"}}


def plan(present, locations):
    changes = build_failover_changes(TREE, locations)
    return plan_batch(present, changes, None, True, 20, allow_empty=not locations, zone_name=ZONE, zone_id=ZONE_ID)


def zone(locations):
    changes = [change for change in build_failover_changes(TREE, locations) if change["action"] == "present"]
    return [build_record_set(fill_zone(change["record"], ZONE_ID)) for change in changes]


def sent(batch):
    rows = [(change["Action"], change["ResourceRecordSet"]) for change in batch.changes]
    return [(action, record["Name"].split(".")[0], record.get("SetIdentifier", "")) for action, record in rows]


def test_locations_are_aliases_of_the_failover_name_in_the_same_zone():
    records = {record.get("SetIdentifier"): record for record in plan([], LOCATIONS).after}
    assert records["africa"]["GeoLocation"] == {"ContinentCode": "AF"}
    assert records["elsewhere"]["GeoLocation"] == {"CountryCode": "*"}
    target = {"HostedZoneId": ZONE_ID, "DNSName": f"{BELOW}.", "EvaluateTargetHealth": True}
    assert records["europe"]["AliasTarget"] == target


def test_both_sides_are_aliases_of_their_balancers_with_their_own_health_checks():
    records = {record.get("SetIdentifier"): record for record in plan([], LOCATIONS).after}
    assert (records["primary"]["Failover"], records["primary"]["HealthCheckId"]) == ("PRIMARY", "check-1")
    assert (records["secondary"]["Failover"], records["secondary"]["HealthCheckId"]) == ("SECONDARY", "check-2")
    assert {records[side]["Name"] for side in ("primary", "secondary")} == {f"{BELOW}."}


def test_a_simple_record_gives_way_to_the_tree_in_one_batch_with_targets_before_aliases():
    present = [build_record_set(SIMPLE)]
    assert sent(plan(present, LOCATIONS)) == [
        ("DELETE", "ehr", ""),
        ("CREATE", "ehr-dr", ""),
        ("CREATE", "ehr-failover", "primary"),
        ("CREATE", "ehr-failover", "secondary"),
        ("CREATE", "ehr", "africa"),
        ("CREATE", "ehr", "elsewhere"),
        ("CREATE", "ehr", "europe"),
    ]


def test_without_locations_the_pair_stands_under_the_public_name():
    assert sent(plan([build_record_set(SIMPLE)], [])) == [
        ("DELETE", "ehr", ""),
        ("CREATE", "ehr-dr", ""),
        ("CREATE", "ehr", "primary"),
        ("CREATE", "ehr", "secondary"),
    ]


def test_a_pair_becomes_a_tree_and_a_tree_a_pair():
    assert plan(zone([]), LOCATIONS).after == sorted_sets(zone(LOCATIONS))
    back = plan(zone(LOCATIONS), [])
    assert back.after == sorted_sets(zone([]))
    assert [row[1:] for row in sent(back) if row[0] == "DELETE"][-2:] == [
        ("ehr-failover", "secondary"),
        ("ehr-failover", "primary"),
    ]


def sorted_sets(record_sets):
    return sorted(record_sets, key=lambda one: (one["Name"], one["Type"], one.get("SetIdentifier", "")))


def test_a_location_that_is_taken_out_goes_in_the_same_batch():
    assert sent(plan(zone(LOCATIONS), [AFRICA, ELSEWHERE])) == [("DELETE", "ehr", "europe")]


@pytest.mark.parametrize("locations", [LOCATIONS, []])
def test_the_record_from_before_the_cutover_takes_the_place_of_all_of_it(locations):
    old = {"name": NAME, "type": "CNAME", "ttl": 60, "values": ["lb-0.af-south-1.elb.amazonaws.com"]}
    batch = plan_batch(zone(locations), [{"action": "present", "record": old}], None, True)
    assert sent(batch)[-1] == ("CREATE", "ehr", "") and batch.after == [build_record_set(old)]


@pytest.mark.parametrize("locations", [LOCATIONS, []])
def test_a_second_run_changes_nothing(locations):
    assert not plan(zone(locations), locations).changed


def test_what_the_plan_looks_at_is_the_public_name_the_failover_name_and_the_dr_name():
    for locations in (LOCATIONS, []):
        assert names_of(build_failover_changes(TREE, locations)) == sorted(f"{name}." for name in (NAME, BELOW, DR))


def test_going_from_tree_to_pair_leaves_a_foreign_record_of_the_failover_name_alone():
    foreign = build_record_set({"name": BELOW, "type": "TXT", "ttl": 60, "values": ['"theirs"']})
    assert foreign in plan([*zone(LOCATIONS), foreign], []).after


@pytest.mark.parametrize(
    ("locations", "words"),
    [
        ([AFRICA, EUROPE], "no location is the default"),
        ([{"name": "africa"}, ELSEWHERE], "africa has no place"),
        ([AFRICA | {"country": "CM"}, ELSEWHERE], "africa has continent and country"),
        ([AFRICA | {"continent": "XX"}, ELSEWHERE], "on the continent XX"),
        ([{"name": "cameroon", "country": "cmr"}, ELSEWHERE], "in the country cmr"),
        ([AFRICA, AFRICA | {"name": "again"}, ELSEWHERE], "continent AF has two records"),
        ([AFRICA, EUROPE | {"name": "africa"}, ELSEWHERE], "africa is named twice"),
        ([ELSEWHERE, ELSEWHERE | {"name": "rest"}], "the default location has two records"),
        ([{"continent": "AF"}, ELSEWHERE], "a location has no name"),
    ],
)
def test_locations_that_leave_somebody_without_an_answer_are_a_problem(locations, words):
    assert words in "; ".join(find_location_problems(locations))


@pytest.mark.parametrize("locations", [[], LOCATIONS, [{"name": "cameroon", "country": "CM"}, *LOCATIONS]])
def test_sound_locations_have_no_problem(locations):
    assert find_location_problems(locations) == []


def test_the_locations_of_the_estate_are_sound(request):
    shared = yaml.safe_load((request.config.rootpath / "group_vars" / "all.yml").read_text())
    assert [one["name"] for one in shared["multiregion_locations"]] == ["africa", "europe", "elsewhere"]
    assert find_location_problems(shared["multiregion_locations"]) == []


@pytest.mark.parametrize("locations", [[], LOCATIONS])
def test_each_side_leads_to_its_own_balancer_as_long_as_that_is_healthy_and_the_dr_name_to_the_secondary(locations):
    records = {
        record.get("SetIdentifier", record["Name"]): record["AliasTarget"] for record in plan([], locations).after
    }
    expected = {"primary": TREE["primary"], "secondary": TREE["secondary"], f"{DR}.": TREE["secondary"]}
    for name, balancer in expected.items():
        target = {"HostedZoneId": balancer["zone_id"], "DNSName": f"{balancer['dns_name']}."}
        assert records[name] == {**target, "EvaluateTargetHealth": True}, name
