# SPDX-License-Identifier: GPL-3.0-or-later
"""The assistant of both regions, as provision_region builds it: refused, planned, built, changed, and asked."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import socket
import ssl

import pytest

from rehearsal import settings as world_settings
from rehearsal.seed_aws import Aws

HOME, DR, ACCOUNT = "eu-central-1", "eu-west-1", "123456789012"
REGIONS = (HOME, DR)
MODEL, ENDED = "anthropic.claude-3-haiku-20240307-v1:0", "anthropic.claude-3-5-sonnet-20240620-v1:0"
STRAYING = "eu.anthropic.claude-haiku-4-5-20251001-v1:0"
GUARDRAIL, FUNCTION, API, DOMAIN = "medzen-clinical", "medzen-ai-chat-handler", "medzen-ai-api", "ai.medzenhealth.app"
GATE = "the assistant can run in its regions"
QUESTION = {"message": "When does the clinic open?", "language": "en"}
HARM = {"message": "How many tablets do I need to end my life?", "language": "en"}


# ---- what a region has ----


def guardrail(world, region):
    bedrock = world.client("bedrock", region)
    found = [one for one in bedrock.list_guardrails()["guardrails"] if one["name"] == GUARDRAIL]
    return found[0]["id"] if found else None


def versions(world, region):
    rows = world.client("bedrock", region).list_guardrails(guardrailIdentifier=guardrail(world, region))["guardrails"]
    return sorted(int(row["version"]) for row in rows if row["version"] != "DRAFT")


def function(world, region):
    return world.client("lambda", region).get_function_configuration(FunctionName=FUNCTION)


def targets(world, region):
    return json.loads(function(world, region)["Environment"]["Variables"]["MODEL_TARGETS"])


def pinned(world, region):
    """Region, guardrail and version of each target of a region's function."""
    return [(one["region"], one["guardrail"]["id"], one["guardrail"]["version"]) for one in targets(world, region)]


def expected_pins(world, region, version):
    order = [region, *(one for one in REGIONS if one != region)]
    return [(one, guardrail(world, one), version) for one in order]


def domain(world, region):
    found = world.client("apigatewayv2", region).get_domain_name(DomainName=DOMAIN)
    return found["DomainNameConfigurations"][0]["ApiGatewayDomainName"]


def ask(world, region, body):
    """A question under the public name, sent to one region; its certificate is verified for that name."""
    address = Aws(world.settings).find_address(domain(world, region))
    context = ssl.create_default_context(cafile=str(world.settings.folder / "ca.pem"))
    plain = socket.create_connection((address, world_settings.HTTPS_PORT), timeout=30)
    connection = http.client.HTTPConnection(DOMAIN)
    connection.sock = context.wrap_socket(plain, server_hostname=DOMAIN)
    with contextlib.closing(connection):
        connection.request("POST", "/ai/chat", json.dumps(body))
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())


def answered_outside(world, since):
    return world.control(f"bedrock/answers?since={since}&allowed={HOME},{DR}")["outside"]


# ---- the playbook ----


def play(world, *options, **extra_vars):
    with world.quick():
        return world.play("provision_region", "--tags", "bedrock", *options, **extra_vars)


@pytest.fixture(scope="module")
def world(stage):
    """The world before, with the key of the new region; it serves no other test afterwards."""
    found = stage.at("before")
    found.step = "with an assistant"
    # The standby in Ireland has one already.
    kms = found.client("kms", HOME)
    key = kms.create_key(Tags=[{"TagKey": "Workload", "TagValue": "medzen-ehrbase"}])["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName=f"alias/medzen-ehrbase-{HOME}", TargetKeyId=key)
    return found


@pytest.fixture(scope="module")
def built(world):
    outcome = play(world)
    assert outcome.code == 0, str(outcome)
    return outcome


# ---- before anything is there ----


def test_check_mode_plans_an_assistant_and_writes_nothing(world):
    outcome = play(world, "--check")
    assert outcome.code == 0, str(outcome)
    assert outcome.writes == [], str(outcome)
    assert [guardrail(world, region) for region in REGIONS] == [None, None]
    assert "Planned with medzen-bedrock-logs" in outcome.output


def test_what_cannot_work_is_told_in_one_run_before_anything_is_changed_anywhere(world):
    outcome = play(
        world,
        multiregion_bedrock_models={HOME: ENDED, DR: STRAYING},
        multiregion_packages="nowhere",
        bedrock_data_retention_mode="provider_data_share",
    )
    assert outcome.code != 0 and outcome.writes == [], str(outcome)
    assert f"{GATE} refuses, for 3 of 6 conditions" in outcome.error, outcome.error
    for told in (
        f"{ENDED} in {HOME}: its life has ended",
        f"{STRAYING} in {DR}: .*eu-north-1",
        "no file nowhere/ai_chat_handler.zip",
        "data retention provider_data_share",
    ):
        assert re.search(told, outcome.error), outcome.error


def test_a_region_without_a_model_or_outside_the_allowed_ones_is_refused(world):
    outcome = play(world, multiregion_bedrock_models={HOME: MODEL}, multiregion_allowed_regions=[HOME])
    assert outcome.code != 0 and outcome.writes == [], str(outcome)
    assert f"{GATE} refuses, for 2 of 6 conditions" in outcome.error, outcome.error
    assert f"none for {DR}" in outcome.error and "the assistant runs in allowed regions" in outcome.error


def test_a_runtime_past_its_end_is_refused_before_anything_is_changed(world):
    outcome = play(world, bedrock_runtime="nodejs16.x")
    assert outcome.code != 0 and outcome.writes == [], str(outcome)
    assert "Lambda takes no new function with runtime nodejs16.x" in outcome.error, outcome.error


def test_a_region_without_its_key_is_refused_and_stops_the_other_one(world):
    kms = world.client("kms", DR)
    name = f"alias/medzen-ehrbase-{DR}"
    key = kms.describe_key(KeyId=name)["KeyMetadata"]["KeyId"]
    kms.delete_alias(AliasName=name)
    try:
        outcome = play(world)
    finally:
        kms.create_alias(AliasName=name, TargetKeyId=key)
    assert outcome.code != 0 and outcome.writes == [], str(outcome)
    assert f"the key behind {name}" in outcome.error, outcome.error


# ---- built ----


def test_what_was_there_is_adopted_in_place_and_said(built):
    told = " ".join(built.output.split())
    assert f"Adopted in place: function {FUNCTION}, API {API}" in told, told[-4000:]
    assert not [one for one in built.writes if one.startswith(("lambda:CreateFunction", "apigatewayv2:CreateApi "))]


@pytest.mark.parametrize("region", REGIONS)
def test_each_region_asks_itself_first_with_the_published_guardrail_of_each(world, built, region):
    assert versions(world, region) == [1]
    assert pinned(world, region) == expected_pins(world, region, "1")
    models = [one["model"].split(":")[3] for one in targets(world, region)]
    assert models == [one[0] for one in pinned(world, region)]


@pytest.mark.parametrize("region", REGIONS)
def test_what_is_said_is_kept_in_encrypted_places_of_the_region(world, built, region):
    bedrock = world.client("bedrock", region)
    config = bedrock.get_model_invocation_logging_configuration()["loggingConfig"]
    bucket = f"medzen-bedrock-logs-{ACCOUNT}-{region}"
    assert config["s3Config"]["bucketName"] == bucket and config["textDataDeliveryEnabled"]
    group = world.client("logs", region).describe_log_groups(logGroupNamePrefix="/aws/bedrock/")["logGroups"][0]
    key = world.client("kms", region).describe_key(KeyId=f"alias/medzen-ehrbase-{region}")["KeyMetadata"]["Arn"]
    encryption = world.client("s3", region).get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]
    used = encryption["Rules"][0]["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"]
    draft = bedrock.get_guardrail(guardrailIdentifier=guardrail(world, region))
    assert (group["kmsKeyId"], group["retentionInDays"], used, draft["kmsKeyArn"]) == (key, 90, key, key)
    assert bedrock.get_account_data_retention()["mode"] == "none"


def test_check_mode_after_it_has_nothing_to_say(world, built):
    outcome = play(world, "--check")
    assert (outcome.code, outcome.writes) == (0, []), str(outcome)
    of_the_role = outcome.output.partition("TASK [medzen.multiregion.bedrock")[2].partition("PLAY [")[0]
    assert "ok: " in of_the_role and "changed: " not in of_the_role, of_the_role


def test_a_second_run_writes_nothing(world, built):
    outcome = play(world)
    assert (outcome.code, outcome.writes) == (0, []), str(outcome)
    assert "Adopted in place" not in outcome.output


@pytest.mark.parametrize("region", REGIONS)
def test_a_question_is_answered_in_the_region_that_was_asked(world, built, region):
    since = world.control("bedrock/answers")["last"]
    status, body = ask(world, region, QUESTION)
    assert (status, body["region"], body["intervened"]) == (200, region, False), body
    assert body["answer"] and answered_outside(world, since) == 0


def test_another_region_answers_when_the_model_of_the_primary_does_not(world, built):
    since = world.control("bedrock/answers")["last"]
    world.control("bedrock", {"silence": {"model": MODEL, "region": HOME}})
    try:
        status, body = ask(world, HOME, QUESTION)
    finally:
        world.control("bedrock", {"silence": {"model": MODEL, "region": HOME, "on": False}})
    assert (status, body["region"]) == (200, DR), body
    assert answered_outside(world, since) == 0


@pytest.mark.parametrize("region", REGIONS)
def test_who_asks_how_to_die_is_told_whom_to_call(world, built, region):
    status, body = ask(world, region, HARM)
    assert (status, body["intervened"]) == (200, True), body
    assert "call your clinic" in body["answer"]


# ---- changed ----


def test_another_topic_is_published_once_in_each_region_and_the_functions_follow(world, built):
    topics = [
        {"name": "Lottery", "definition": "Games of chance and their numbers.", "examples": ["Which number wins?"]}
    ]
    planned = play(world, "--check", bedrock_guardrail_topics=topics)
    assert (planned.code, planned.writes) == (0, []), str(planned)
    outcome = play(world, bedrock_guardrail_topics=topics)
    assert outcome.code == 0, str(outcome)
    for region in REGIONS:
        assert outcome.writes.count(f"bedrock:CreateGuardrailVersion {region}") == 1
        assert versions(world, region) == [1, 2]
        assert pinned(world, region) == expected_pins(world, region, "2")
    assert play(world, bedrock_guardrail_topics=topics).writes == []


def test_regions_that_guard_differently_are_refused_and_no_function_follows(world, built, inventory):
    before = [pinned(world, region) for region in REGIONS]
    folder = inventory({})
    with (folder / "group_vars" / "regions.yml").open("a", encoding="utf-8") as values:
        values.write('bedrock_guardrail_blocked_message: "Call the clinic of {{ inventory_hostname }}."\n')
    # The copy lies elsewhere than what the inventory finds beside it.
    beside = {"multiregion_packages": "packages", "multiregion_ca_bundle": "ca.pem"}
    given = {name: str(world.settings.folder / path) for name, path in beside.items()}
    outcome = play(world, inventory=folder, **given)
    assert outcome.code != 0, str(outcome)
    assert "refuses, for 1 of 3 conditions: 1. the regions guard alike" in outcome.error, outcome.error
    assert [pinned(world, region) for region in REGIONS] == before


def test_one_region_alone_leaves_the_other_as_it_is(world, built):
    outcome = play(world, "--limit", HOME)
    assert outcome.code == 0, str(outcome)
    assert {one.split()[1] for one in outcome.writes if not one.startswith("iam:")} <= {HOME}
    assert [one[0] for one in pinned(world, HOME)] == [HOME, DR]
