# SPDX-License-Identifier: GPL-3.0-or-later
import pytest

STANDARD = {"tierName": "STANDARD"}
EU = {"crossRegionConfig": {"guardrailProfileIdentifier": "eu.guardrail.v1:0"}}
MESSAGES = {"blockedInputMessaging": "No.", "blockedOutputsMessaging": "Nothing."}
WORDS = {"wordPolicyConfig": {"wordsConfig": [{"text": "overdose"}]}}


def content(**one):
    row = {"type": "HATE", "inputStrength": "HIGH", "outputStrength": "HIGH", **one}
    return {"contentPolicyConfig": {"filtersConfig": [row], "tierConfig": STANDARD}}


def topics(definition, tier="CLASSIC"):
    row = {"name": "Doses", "definition": definition, "type": "DENY"}
    return {"topicPolicyConfig": {"topicsConfig": [row], "tierConfig": {"tierName": tier}}}


def status(api, guardrail_id, **version):
    return api.get_guardrail(guardrailIdentifier=guardrail_id, **version)["status"]


def test_a_guardrail_is_created_over_time(api, pass_time):
    made = api.create_guardrail(name="timed", **MESSAGES, **WORDS)
    assert (made["version"], status(api, made["guardrailId"])) == ("DRAFT", "CREATING")
    pass_time(11)
    assert status(api, made["guardrailId"]) == "READY"


def test_a_policy_is_read_in_another_shape_than_it_is_put(api, guardrail):
    shown = api.get_guardrail(guardrailIdentifier=guardrail(**content(), **EU))
    assert shown["contentPolicy"]["filters"][0]["inputAction"] == "BLOCK"
    assert shown["contentPolicy"]["tier"] == STANDARD
    assert shown["crossRegionDetails"]["guardrailProfileId"] == "eu.guardrail.v1:0"


def test_an_update_replaces_everything(api, guardrail, pass_time):
    made = guardrail(**content(), **EU)
    name = api.get_guardrail(guardrailIdentifier=made)["name"]
    api.update_guardrail(guardrailIdentifier=made, name=name, **MESSAGES, **WORDS)
    assert status(api, made) == "UPDATING"
    pass_time(11)
    shown = api.get_guardrail(guardrailIdentifier=made)
    assert "contentPolicy" not in shown and "crossRegionDetails" not in shown and "wordPolicy" in shown


def test_a_version_is_frozen(api, guardrail, pass_time):
    made = guardrail()
    assert api.create_guardrail_version(guardrailIdentifier=made, description="first")["version"] == "1"
    assert status(api, made, guardrailVersion="1") == "VERSIONING"
    pass_time(11)
    api.update_guardrail(guardrailIdentifier=made, name="renamed", **MESSAGES, **topics("About doses."))
    shown = api.get_guardrail(guardrailIdentifier=made, guardrailVersion="1")
    assert shown["description"] == "first" and "wordPolicy" in shown and "topicPolicy" not in shown


def test_the_listing_of_one_guardrail_has_its_versions(api, guardrail, pass_time):
    made = guardrail()
    api.create_guardrail_version(guardrailIdentifier=made)
    pass_time(11)
    listed = api.list_guardrails(guardrailIdentifier=made)["guardrails"]
    assert [row["version"] for row in listed] == ["DRAFT", "1"]
    assert [row["version"] for row in api.list_guardrails()["guardrails"]] == ["DRAFT"]


def test_a_listing_has_pages(api, guardrail):
    made = {guardrail() for _ in range(3)}
    pages = list(api.get_paginator("list_guardrails").paginate(PaginationConfig={"PageSize": 2}))
    assert [len(one["guardrails"]) for one in pages] == [2, 1]
    assert {row["id"] for one in pages for row in one["guardrails"]} == made


def test_a_version_number_is_not_given_twice(api, guardrail, pass_time):
    made = guardrail()
    api.create_guardrail_version(guardrailIdentifier=made)
    pass_time(11)
    api.delete_guardrail(guardrailIdentifier=made, guardrailVersion="1")
    pass_time(11)
    assert api.create_guardrail_version(guardrailIdentifier=made)["version"] == "2"


def test_a_deleted_guardrail_lingers_and_goes(api, guardrail, pass_time, refused):
    made = guardrail()
    api.delete_guardrail(guardrailIdentifier=made)
    assert status(api, made) == "DELETING"
    pass_time(11)
    with refused("ResourceNotFoundException"):
        api.get_guardrail(guardrailIdentifier=made)
    assert api.list_guardrails()["guardrails"] == []


def test_what_is_in_use_is_not_deleted(api, guardrail, settings, refused):
    made = guardrail()
    settings(in_use=[made])
    with refused("ResourceInUseException"):
        api.delete_guardrail(guardrailIdentifier=made)


def test_nothing_changes_while_a_guardrail_is_not_ready(api, refused):
    made = api.create_guardrail(name="early", **MESSAGES, **WORDS)["guardrailId"]
    with refused("ConflictException", "CREATING"):
        api.create_guardrail_version(guardrailIdentifier=made)


def test_a_name_is_taken_once_a_region(api, guardrail, client, refused):
    name = api.get_guardrail(guardrailIdentifier=guardrail())["name"]
    with refused("ConflictException", name):
        api.create_guardrail(name=name, **MESSAGES, **WORDS)
    assert client("bedrock", "eu-west-1").create_guardrail(name=name, **MESSAGES, **WORDS)["guardrailId"]


def test_a_token_makes_one_guardrail(api, refused):
    first, again = (api.create_guardrail(name="once", clientRequestToken="t1", **MESSAGES, **WORDS) for _ in range(2))
    assert first["guardrailId"] == again["guardrailId"]
    with refused("ConflictException", "token"):
        api.create_guardrail(name="other", clientRequestToken="t1", **MESSAGES, **WORDS)


def test_reads_may_lag_behind_a_create(api, settings, refused):
    settings(knobs={"not_found_reads": 2})
    made = api.create_guardrail(name="late", **MESSAGES, **WORDS)["guardrailId"]
    assert api.list_guardrails()["guardrails"] == []
    with refused("ResourceNotFoundException"):
        api.get_guardrail(guardrailIdentifier=made)
    assert status(api, made) == "CREATING"


def test_the_answer_names_the_key_by_its_arn(api, guardrail, client):
    kms = client("kms")
    key = kms.create_key()["KeyMetadata"]
    made = guardrail(**WORDS, kmsKeyId=key["KeyId"])
    assert api.get_guardrail(guardrailIdentifier=made)["kmsKeyArn"] == key["Arn"]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({}, "at least one policy"),
        ({"wordPolicyConfig": {}}, "at least one entry"),
        (content(), "STANDARD tier requires"),
        ({**WORDS, "crossRegionConfig": {"guardrailProfileIdentifier": "us.guardrail.v1:0"}}, "not available"),
        ({**content(type="PROMPT_ATTACK"), **EU}, "outputStrength must be NONE"),
        (topics("d" * 201), "201 characters of 200"),
        ({"wordPolicyConfig": {"wordsConfig": [{"text": "a"}, {"text": "A"}]}}, "more than once"),
        ({**content(inputStrength="EXTREME"), **EU}, "is none of"),
        ({**WORDS, "kmsKeyId": "alias/none"}, "is missing"),
        ({**WORDS, "tags": [{"key": "aws:x", "value": ""}]}, "must not start with aws"),
    ],
)
def test_a_create_is_refused(api, refused, options, text):
    with refused("ValidationException", text):
        api.create_guardrail(name="refused", **MESSAGES, **options)


def test_the_standard_tier_takes_long_definitions(api, guardrail):
    made = guardrail(**topics("d" * 1000, "STANDARD"), **EU)
    assert len(api.get_guardrail(guardrailIdentifier=made)["topicPolicy"]["topics"][0]["definition"]) == 1000


def test_versions_have_a_limit(api, guardrail, settings, pass_time, refused):
    settings(knobs={"guardrail_versions_max": 1})
    made = guardrail()
    api.create_guardrail_version(guardrailIdentifier=made)
    pass_time(11)
    with refused("ServiceQuotaExceededException"):
        api.create_guardrail_version(guardrailIdentifier=made)


def test_a_change_can_fail_and_leaves_what_was_in_force(api, runtime, guardrail, settings, pass_time, refused):
    made = guardrail()
    settings(fail=["The policy could not be compiled."])
    api.update_guardrail(guardrailIdentifier=made, name="failed", **MESSAGES, **topics("About doses."))
    pass_time(11)
    shown = api.get_guardrail(guardrailIdentifier=made)
    assert (shown["status"], shown["statusReasons"]) == ("FAILED", ["The policy could not be compiled."])
    content = [{"text": {"text": "overdose"}}]
    found = runtime.apply_guardrail(guardrailIdentifier=made, guardrailVersion="DRAFT", source="INPUT", content=content)
    assert found["action"] == "GUARDRAIL_INTERVENED"
    with refused("ConflictException", "FAILED"):
        api.create_guardrail_version(guardrailIdentifier=made)


def test_a_failed_guardrail_is_healed_by_an_update(api, guardrail, settings, pass_time):
    settings(fail=["No."])
    made = guardrail()
    assert status(api, made) == "FAILED"
    api.update_guardrail(guardrailIdentifier=made, name="healed", **MESSAGES, **WORDS)
    pass_time(11)
    assert status(api, made) == "READY"


def test_reads_may_lag_behind_a_version(api, guardrail, settings):
    made = guardrail()
    settings(knobs={"not_found_reads": 1})
    api.create_guardrail_version(guardrailIdentifier=made)
    listed = api.list_guardrails(guardrailIdentifier=made)["guardrails"]
    assert [row["version"] for row in listed] == ["DRAFT"]
    assert status(api, made, guardrailVersion="1") == "VERSIONING"


def test_a_guardrail_without_its_key_does_not_act(runtime, guardrail, client, refused):
    kms = client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    made = guardrail(**WORDS, kmsKeyId=key)
    kms.disable_key(KeyId=key)
    with refused("AccessDeniedException", "Disabled"):
        content = [{"text": {"text": "x"}}]
        runtime.apply_guardrail(guardrailIdentifier=made, guardrailVersion="DRAFT", source="INPUT", content=content)
