# SPDX-License-Identifier: GPL-3.0-or-later
"""validate_system after the move: what is not part of the plan is said, and what does not work is named.

Visits are built over the API, as their owners would; they are the world's, not the playbook's. The assistant is what
provision_region builds.
"""

from __future__ import annotations

import json
import re

import pytest

from rehearsal.seed import load_estate
from rehearsal.seed_apis import Api, build_api, build_certificate, build_domain, create_function
from rehearsal.seed_aws import Aws, Place, wait_for
from rehearsal.seed_records import ZoneBuilder

HOME, DR, ACCOUNT = "eu-central-1", "eu-west-1", "123456789012"
MEETINGS, AI, TABLE = "meetings.medzenhealth.app", "ai.medzenhealth.app", "medzen-meeting-audit"
GUARDRAIL = "medzen-clinical"
# Not the names of the functions that stand in the region already.
VISITS = "medzen-meeting-manager"
PLAN = {
    "multiregion_chime_regions": [HOME],
    "validate_system_wait_timeout_s": 30,
}


def bucket_of(region):
    return f"medzen-meeting-recordings-{ACCOUNT}-{region}"


def build_visits(world, place, zone):
    """A global audit table, and a function behind the name of the visits."""
    dynamodb = place.client("dynamodb")
    place.aws.client("dynamodb", DR).delete_table(TableName=TABLE)
    stream = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    dynamodb.update_table(TableName=TABLE, StreamSpecification=stream)
    wait_for(TABLE, lambda: dynamodb.describe_table(TableName=TABLE)["Table"]["TableStatus"], "ACTIVE")
    dynamodb.update_table(TableName=TABLE, ReplicaUpdates=[{"Create": {"RegionName": DR}}])
    replica = lambda: dynamodb.describe_table(TableName=TABLE)["Table"]["Replicas"][0]["ReplicaStatus"]  # noqa: E731
    wait_for("the replica", replica, "ACTIVE")
    renew_function(place, VISITS, {"AUDIT_TABLE": TABLE, "MEDIA_REGION": HOME})
    certificate = build_certificate(place, zone, [MEETINGS])
    routes = dict.fromkeys(("POST /meetings", "GET /meetings/{id}", "DELETE /meetings/{id}"), VISITS)
    api = Api("visits", MEETINGS, tuple(routes.items()))
    zone.lead({MEETINGS: build_domain(place, api, build_api(place, api), certificate)})


def renew_function(place, name, variables):
    place.client("lambda").delete_function(FunctionName=name)
    create_function(place, name, variables)


def build_recordings(place):
    """Encrypted buckets, the first of which is copied to the second."""
    role = place.aws.client("iam").create_role(RoleName="probe-replication", AssumeRolePolicyDocument="{}")["Role"]
    keys = {}
    for region in (HOME, DR):
        keys[region] = place.aws.client("kms", region).create_key()["KeyMetadata"]["Arn"]
        s3 = place.aws.client("s3", region)
        s3.put_bucket_versioning(Bucket=bucket_of(region), VersioningConfiguration={"Status": "Enabled"})
        rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": keys[region]}}
        s3.put_bucket_encryption(Bucket=bucket_of(region), ServerSideEncryptionConfiguration={"Rules": [rule]})
    destination = {"Bucket": f"arn:aws:s3:::{bucket_of(DR)}", "EncryptionConfiguration": {"ReplicaKmsKeyID": keys[DR]}}
    rule = {"ID": "all", "Status": "Enabled", "Priority": 1, "Filter": {"Prefix": ""}, "Destination": destination}
    rule["DeleteMarkerReplication"] = {"Status": "Disabled"}
    rule["SourceSelectionCriteria"] = {"SseKmsEncryptedObjects": {"Status": "Enabled"}}
    place.client("s3").put_bucket_replication(
        Bucket=bucket_of(HOME), ReplicationConfiguration={"Role": role["Arn"], "Rules": [rule]}
    )


def build_assistant(world, place, zone):
    """In both regions: the move to here has left the DR region out. Its key is the one of the old standby."""
    outcome = world.play("provision_region", "--tags", "bedrock")
    assert outcome.code == 0, str(outcome)
    found = place.client("apigatewayv2").get_domain_name(DomainName=AI)
    zone.lead({AI: found["DomainNameConfigurations"][0]["ApiGatewayDomainName"]})


@pytest.fixture(scope="module")
def moved(stage):
    return stage.at("moved")


@pytest.fixture(scope="module")
def whole(moved):
    """The world with everything that the plan below has; it serves no other test afterwards."""
    aws, estate = Aws(moved.settings), load_estate()
    place, zone = Place(aws, estate, HOME), ZoneBuilder(aws, estate, 1)
    assert zone.exists()
    moved.step = "with visits"
    with moved.quick():
        build_visits(moved, place, zone)
        build_recordings(place)
        build_assistant(moved, place, zone)
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
