# SPDX-License-Identifier: GPL-3.0-or-later
"""Verdicts of the checks before a region is built."""

import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils import preflight
from ansible_collections.medzen.multiregion.plugins.module_utils.preflight import QUOTAS, Check, Unknown

HERE = "eu-central-1"
LOST = Unknown("AccessDenied")
PLANNED = {HERE: "10.1.0.0/16", "eu-west-1": "10.0.0.0/16"}
OWN = "medzen-ehrbase-vpc-eu-central-1"


def network(cidr, name=""):
    return {"id": "vpc-1", "name": name, "cidr": cidr}


@pytest.mark.parametrize(
    "check",
    [
        lambda: preflight.check_account(HERE, LOST, "1"),
        lambda: preflight.check_region(HERE, LOST),
        lambda: preflight.check_cidr(HERE, PLANNED, {"eu-west-1": LOST}, OWN),
        lambda: preflight.check_quota(HERE, QUOTAS[0], LOST, 0, 1),
        lambda: preflight.check_quota(HERE, QUOTAS[0], 5, LOST, 1),
        lambda: preflight.check_key(HERE, LOST),
        lambda: preflight.check_orderable(HERE, LOST, "16.11", "db.t3.medium", True),
        lambda: preflight.check_pair(HERE, "af-south-1", LOST),
        lambda: preflight.check_source(HERE, LOST),
        lambda: preflight.check_node_name(HERE, LOST, "x"),
        lambda: preflight.check_authentication(HERE, LOST, ""),
    ],
)
def test_what_could_not_be_read_is_unknown(check):
    assert check().verdict == "unknown"


def test_another_account_is_refused():
    assert preflight.check_account(HERE, "999999999999", "123456789012").verdict == "refuse"


@pytest.mark.parametrize(
    "status, verdict",
    [("opted-in", "ok"), ("opt-in-not-required", "ok"), ("not-opted-in", "refuse"), (None, "refuse")],
)
def test_a_region_must_exist_and_be_enabled(status, verdict):
    assert preflight.check_region(HERE, {HERE: status} if status else {}).verdict == verdict


@pytest.mark.parametrize(
    "planned, networks, verdict",
    [
        (PLANNED, {}, "ok"),
        ({HERE: "10.1.0.0/16", "eu-west-1": "10.1.128.0/17"}, {}, "refuse"),
        (PLANNED, {"eu-west-1": [network("10.1.5.0/24", "strange")]}, "refuse"),
        (PLANNED, {HERE: [network("10.1.0.0/16", OWN)]}, "ok"),
        (PLANNED, {HERE: [network("10.0.0.0/15", OWN)]}, "refuse"),
        (PLANNED, {HERE: [network("10.1.0.0/16", "strange")]}, "refuse"),
        ({"eu-west-1": "10.0.0.0/16"}, {}, "refuse"),
        ({HERE: "10.1.0.1/16"}, {}, "refuse"),
    ],
)
def test_networks_must_not_overlap(planned, networks, verdict):
    assert preflight.check_cidr(HERE, planned, networks, OWN).verdict == verdict


@pytest.mark.parametrize("limit, used, need, verdict", [(5, 4, 1, "ok"), (5, 5, 1, "refuse"), (5, 5, 0, "ok")])
def test_what_is_still_to_be_made_must_fit_the_quota(limit, used, need, verdict):
    assert preflight.check_quota(HERE, QUOTAS[0], limit, used, need).verdict == verdict


def test_a_refused_quota_says_which_to_ask_for():
    assert "L-F678F1CE" in preflight.check_quota(HERE, QUOTAS[0], 5, 5, 1).next_step


@pytest.mark.parametrize(
    "found, verdict",
    [(None, "ok"), ({"KeyId": "k", "KeyState": "Enabled"}, "ok"), ({"KeyId": "k", "KeyState": "Disabled"}, "refuse")],
)
def test_a_key_is_enabled_or_not_there_yet(found, verdict):
    assert preflight.check_key(HERE, found).verdict == verdict


@pytest.mark.parametrize(
    "options, multi_az, verdict",
    [
        ([], False, "refuse"),
        ([{"MultiAZCapable": False}], True, "refuse"),
        ([{"MultiAZCapable": False}], False, "ok"),
        ([{"SupportsStorageEncryption": False}], False, "refuse"),
    ],
)
def test_the_class_must_be_orderable_as_wanted(options, multi_az, verdict):
    assert preflight.check_orderable(HERE, options, "16.11", "db.t3.medium", multi_az).verdict == verdict


def test_a_pair_that_rds_does_not_support_is_refused():
    assert preflight.check_pair(HERE, "af-south-1", ["eu-west-1"]).verdict == "refuse"
    assert preflight.check_pair(HERE, "af-south-1", ["af-south-1"]).verdict == "ok"


SOURCE = {"DBInstanceStatus": "available", "BackupRetentionPeriod": 7}


@pytest.mark.parametrize(
    "change, words",
    [
        ({"DBInstanceStatus": "storage-full"}, "storage-full"),
        ({"DBInstanceStatus": "backing-up", "BackupRetentionPeriod": 0}, "no automated backups"),
        ({"BackupRetentionPeriod": 0}, "no automated backups"),
        ({"ReadReplicaSourceDBInstanceIdentifier": "x"}, "a replica itself"),
    ],
)
def test_the_source_is_an_available_primary_with_backups(change, words):
    refused = preflight.check_source(HERE, {**SOURCE, **change})
    assert refused.verdict == "refuse" and words in refused.found
    assert preflight.check_source(HERE, SOURCE).verdict == "ok"


@pytest.mark.parametrize("status", ["backing-up", "modifying", "storage-optimization"])
def test_a_source_that_is_busy_for_a_while_is_told_and_not_refused(status):
    told = preflight.check_source(HERE, {**SOURCE, "DBInstanceStatus": status})
    assert told.verdict == "warn" and status in told.found


@pytest.mark.parametrize(
    "image, verdict",
    [
        ("ehrbase/ehrbase", "refuse"),
        ("ehrbase/ehrbase:latest", "refuse"),
        ("ehrbase/ehrbase:", "refuse"),
        ("registry:5000/ehrbase", "refuse"),
        ("registry:5000/ehrbase:2.31.0", "ok"),
        ("ehrbase/ehrbase@sha256:abc", "ok"),
        ("", "refuse"),
    ],
)
def test_an_image_is_pinned(image, verdict):
    assert preflight.check_image(image).verdict == verdict


def definition(**environment):
    entries = [{"name": name, "value": value} for name, value in environment.items()]
    return {"containerDefinitions": [{"environment": entries}]}


@pytest.mark.parametrize(
    "found, verdict",
    [
        (None, "ok"),
        (definition(SERVER_NODENAME="x"), "ok"),
        (definition(SERVER_NODENAME="y"), "refuse"),
        (definition(), "refuse"),
    ],
)
def test_the_node_name_is_the_same_everywhere(found, verdict):
    assert preflight.check_node_name(HERE, found, "x").verdict == verdict


def test_the_plan_takes_the_node_name_of_production_and_not_the_other_way_round():
    refused = preflight.check_node_name("af-south-1", definition(SERVER_NODENAME="y"), "x", is_source=True)
    assert refused.verdict == "refuse" and "set multiregion_ehrbase_node_name to y" in refused.next_step
    unset = preflight.check_node_name("af-south-1", definition(), "x", is_source=True)
    assert unset.verdict == "refuse" and "<id>::<name>::<number>" in unset.next_step


@pytest.mark.parametrize(
    "found, planned, verdict",
    [
        (definition(SECURITY_AUTHTYPE="BASIC"), "", "ok"),
        (definition(SECURITY_AUTHTYPE="NONE"), "", "refuse"),
        (definition(), "", "refuse"),
        (None, "", "ok"),
        (None, "none", "refuse"),
    ],
)
def test_nobody_is_let_in_without_authentication(found, planned, verdict):
    assert preflight.check_authentication(HERE, found, planned).verdict == verdict


def test_refuse_is_worse_than_unknown_and_unknown_than_warn():
    checks = [Check("a", "", verdict, "") for verdict in ("ok", "warn", "unknown", "refuse")]
    assert [preflight.worst(checks[:count]) for count in range(5)] == ["ok", "ok", "warn", "unknown", "refuse"]
