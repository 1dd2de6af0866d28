# SPDX-License-Identifier: GPL-3.0-or-later
"""validate_system after the move: what is not part of the plan is said, and what does not work is named.

Visits and the assistant are what the playbooks build.
"""

from __future__ import annotations

import json
import re

import pytest

from rehearsal.seed_aws import wait_for

HOME, DR, ACCOUNT = "eu-central-1", "eu-west-1", "123456789012"
TABLE, GUARDRAIL = "medzen-meeting-audit", "medzen-clinical"
PLAN = {
    "multiregion_chime_regions": [HOME],
    "validate_system_wait_timeout_s": 30,
}


def bucket_of(region):
    return f"medzen-meeting-recordings-{ACCOUNT}-{region}"


@pytest.fixture(scope="module")
def moved(stage):
    return stage.at("moved")


@pytest.fixture(scope="module")
def whole(moved):
    """The world with everything that the plan below has; it serves no other test afterwards."""
    moved.step = "with visits"
    with moved.quick():
        # The move to here has left the DR region out, with the copies that it keeps.
        outcome = moved.play("provision_video_ai")
    assert outcome.code == 0, str(outcome)
    return moved


def validate(world, *options, **extra_vars):
    return world.play("validate_system", *options, **{**PLAN, **extra_vars})


def words(outcome):
    return " ".join(outcome.output.split())


def left_behind(world):
    meetings = [one for one in world.control("chime")["meetings"] if one["live"]]
    objects = [
        row["Key"]
        for region in (HOME, DR)
        for row in world.client("s3", region).list_object_versions(Bucket=bucket_of(region)).get("Versions", [])
        if not row["Key"].startswith("seeded-")
    ]
    return meetings, objects


def test_what_the_inventory_has_not_is_said_and_not_passed(moved):
    outcome = moved.play("validate_system", multiregion_chime_regions=[], multiregion_bedrock_regions=[])
    assert outcome.code == 0, str(outcome)
    assert "Not part of this plan: visits: the inventory names no region for them" in words(outcome)
    assert "assistant: the inventory names no region for it" in words(outcome)


def test_a_part_that_is_planned_and_not_there_is_refused(moved):
    outcome = validate(moved, validate_system_wait_timeout_s=1)
    assert outcome.code != 0, str(outcome)
    # What follows tells the conditions that hold as well.
    refused = outcome.error.partition("fatal:")[0]
    for name in (
        "its audit row",
        "recordings reach their buckets",
        "the guardrails of all regions act as expected and alike",
    ):
        assert name in refused, outcome.error
    # What has an endpoint answers, though nothing is built: the meeting of the probe, and the models.
    assert "a meeting has its media" not in refused, outcome.error


def test_check_mode_says_what_would_be_probed_and_writes_nothing(whole):
    outcome = validate(whole, "--check")
    assert outcome.code == 0, str(outcome)
    assert outcome.writes == [], str(outcome)
    assert f"visits in {HOME}; recordings in {bucket_of(HOME)}; assistant in {HOME}, {DR}" in words(outcome)
    assert [one for one in whole.control("chime")["meetings"] if one["live"]] == []


def test_a_whole_system_passes_and_nothing_is_left_behind(whole):
    outcome = validate(whole)
    assert outcome.code == 0, str(outcome)
    assert "Not part of this plan" not in outcome.output
    assert left_behind(whole) == ([], [])
    rows = [whole.client("dynamodb", region).scan(TableName=TABLE)["Items"] for region in (HOME, DR)]
    assert {row["action"]["S"] for row in rows[0]} == {"CREATED", "ENDED"}
    assert sorted(map(json.dumps, rows[0])) == sorted(map(json.dumps, rows[1]))


def test_media_in_another_region_is_refused_and_the_meeting_is_deleted(whole):
    whole.control("chime", {"media_regions": {HOME: "us-east-1"}})
    try:
        outcome = validate(whole)
    finally:
        whole.control("chime", {"media_regions": {HOME: None}})
    assert outcome.code != 0
    assert re.search("a meeting has its media where it should.*placement_mismatched.*ue1", outcome.error), outcome.error
    assert left_behind(whole) == ([], [])


def test_a_guardrail_that_acts_otherwise_in_the_dr_region_is_refused(whole):
    bedrock = whole.client("bedrock", DR)
    found = next(one for one in bedrock.list_guardrails()["guardrails"] if one["name"] == GUARDRAIL)
    with whole.quick():
        bedrock.update_guardrail(
            guardrailIdentifier=found["id"],
            name=GUARDRAIL,
            blockedInputMessaging="no",
            blockedOutputsMessaging="no",
            wordPolicyConfig={"wordsConfig": [{"text": "another word"}]},
        )
        ready = lambda: bedrock.get_guardrail(guardrailIdentifier=found["id"])["status"]  # noqa: E731
        wait_for(GUARDRAIL, ready, "READY")
        bedrock.create_guardrail_version(guardrailIdentifier=found["id"])
        outcome = validate(whole)
    assert outcome.code != 0
    assert re.search(f"the guardrails of all regions.*{DR}.*self-harm: NONE", outcome.error), outcome.error


def test_a_region_that_does_not_answer_is_refused_though_the_other_does(whole):
    with whole.fault("error", {"service": "bedrock-runtime", "region": DR}, code="AccessDeniedException", status=403):
        outcome = validate(whole, validate_system_guardrail="")
    assert outcome.code != 0
    assert "each region's model answers" in outcome.error, outcome.error
    assert "another region answers when the first fails" in outcome.error, outcome.error
