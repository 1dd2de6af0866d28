# SPDX-License-Identifier: GPL-3.0-or-later
"""A failover that was decided and could not promote, and a primary that comes back whole: it goes on as production."""

from __future__ import annotations

import json
import re
from types import SimpleNamespace

import pytest

LOST, DR = "eu-central-1", "eu-west-1"
OLD, NEW = f"medzen-ehrbase-db-{LOST}", f"medzen-ehrbase-replica-{DR}"
ZONE = "medzenhealth.app"
RECORD = f"ehr.{ZONE}"
ACCEPTANCE = re.compile(r'accept_loss="(lose what was written after [^"]+)"')
PROMOTE = {"service": "rds", "operation": "PromoteReadReplica"}


def record_sets(world) -> set[str]:
    """Everything in the zone, as a set of texts."""
    route53 = world.client("route53")
    zone = route53.list_hosted_zones_by_name(DNSName=ZONE)["HostedZones"][0]["Id"]
    found = route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    return {json.dumps(record, sort_keys=True) for record in found}


@pytest.fixture(scope="module")
def story(stage, until):
    world = stage.fresh("protected")
    world.step = "under way"
    told = SimpleNamespace(world=world, names=record_sets(world), refused={})
    with world.quick():
        world.lose(LOST, "blackhole")
        until(lambda: world.resolve(RECORD) == world.resolve(world.balancer(DR)["DNSName"]), "Route 53's own failover")
        asked = world.play("fail_over", confirm=LOST)
        accept = ACCEPTANCE.search(asked.error)
        with world.fault("error", PROMOTE, code="InvalidDBInstanceState", status=400):
            told.ended = world.play("fail_over", confirm=LOST, accept_loss=accept.group(1) if accept else "")
        told.decided, told.moved = world.facts(DR), record_sets(world)
        world.lose(LOST, "")
        told.refused["fail_over"] = world.play("fail_over", confirm=LOST)
        told.refused["fail_back"] = world.play("fail_back")
        told.refused["create_dr_replica"] = world.play("create_dr_replica")
        told.open = world.takes_writes(OLD)
        told.refused["another region"] = world.play("fail_over", withdraw=DR)
        told.checked = world.play("fail_over", "--check", "--diff", withdraw=LOST)
        told.unchanged = record_sets(world) == told.moved and world.facts(DR) == told.decided
        told.done = world.play("fail_over", withdraw=LOST)
        told.facts, told.back = world.facts(DR), record_sets(world)
        told.checked_again = world.play("fail_over", "--check", withdraw=LOST)
        told.again = world.play("fail_over", withdraw=LOST)
        told.copied = world.play("create_dr_replica")
    return told


def test_the_failover_was_decided_and_its_names_moved_before_the_promotion_failed(story):
    assert story.ended.code != 0, str(story.ended)
    assert story.decided["fail_over_fence_due"] == LOST and "fail_over_switched_at" not in story.decided
    assert story.moved != story.names


def test_production_that_never_left_is_not_fenced(story):
    refused = story.refused["fail_back"]
    assert refused.code != 0 and refused.writes == [], str(refused)
    assert "production has left the region" in refused.error and f"withdraw={LOST}" in refused.error, refused.error
    assert story.open and story.world.takes_writes(OLD) and not story.world.is_fenced(OLD)


def test_who_finds_the_primary_whole_is_told_the_way_out(story):
    refused = story.refused["fail_over"]
    assert refused.code != 0 and refused.writes == [], str(refused)
    assert f"-e withdraw={LOST} takes it back" in refused.error, refused.error
    refused = story.refused["create_dr_replica"]
    assert refused.code != 0 and refused.writes == [], str(refused)


def test_the_region_is_typed(story):
    refused = story.refused["another region"]
    assert refused.code != 0 and refused.writes == [], str(refused)
    assert f"Type -e withdraw={LOST}" in refused.error


def test_check_mode_tells_it_and_writes_nothing(story):
    assert (story.checked.code, story.checked.writes) == (0, []), str(story.checked)
    assert story.unchanged


def test_the_names_lead_back_and_the_failover_is_off_the_record(story, until):
    assert story.done.code == 0, str(story.done)
    assert story.back == story.names
    assert {"fail_over_from_region", "fail_over_to_region", "fail_over_fence_due"} & set(story.facts) == set()
    assert story.facts["fail_over_withdrawn_at"]
    assert story.world.takes_writes(OLD)
    primary = story.world.resolve(story.world.balancer(LOST)["DNSName"])
    until(lambda: story.world.resolve(RECORD) == primary, "the public name at the primary")


@pytest.mark.parametrize("run", ["checked_again", "again"])
def test_a_second_run_writes_nothing(story, run):
    outcome = getattr(story, run)
    assert (outcome.code, outcome.writes) == (0, []), str(outcome)


def test_the_copy_is_whole_and_the_next_playbook_works(story):
    assert story.copied.code == 0, str(story.copied)
    found = story.world.client("rds", DR).describe_db_instances(DBInstanceIdentifier=NEW)["DBInstances"][0]
    assert found["ReadReplicaSourceDBInstanceIdentifier"].endswith(f":{OLD}")
