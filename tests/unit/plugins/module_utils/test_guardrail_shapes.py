# SPDX-License-Identifier: GPL-3.0-or-later
import botocore.session
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils import guardrail_shapes as shapes

SIDES = {"inputAction": "BLOCK", "outputAction": "BLOCK", "inputEnabled": True, "outputEnabled": True}
ANSWER = {
    "name": "g",
    "description": "what for",
    "guardrailId": "abc",
    "guardrailArn": "arn:aws:bedrock:eu-central-1:123456789012:guardrail/abc",
    "version": "DRAFT",
    "status": "READY",
    "topicPolicy": {
        "topics": [{"name": "law", "definition": "about law", "type": "DENY", **SIDES}],
        "tier": {"tierName": "STANDARD"},
    },
    "contentPolicy": {
        "filters": [{"type": "HATE", "inputStrength": "LOW", "outputStrength": "HIGH", **SIDES}],
        "tier": {"tierName": "CLASSIC"},
    },
    "wordPolicy": {"words": [{"text": "fool", **SIDES}], "managedWordLists": [{"type": "PROFANITY", **SIDES}]},
    "sensitiveInformationPolicy": {
        "piiEntities": [{"type": "NAME", "action": "ANONYMIZE"}],
        "regexes": [{"name": "id", "pattern": "x", "action": "BLOCK"}],
    },
    "contextualGroundingPolicy": {"filters": [{"type": "GROUNDING", "threshold": 0.7}]},
    "automatedReasoningPolicy": {"policies": ["arn"], "confidenceThreshold": 0.5},
    "crossRegionDetails": {"guardrailProfileId": "eu.guardrail.v1:0"},
    "kmsKeyArn": "arn:aws:kms:eu-central-1:123456789012:key/k",
    "blockedInputMessaging": "no",
    "blockedOutputsMessaging": "no",
}


def test_an_answer_becomes_a_request_and_an_answer_again():
    request = shapes.request_from_answer(ANSWER)
    own = ("guardrailId", "guardrailArn", "version", "status")
    assert shapes.answer_from_request(request) == {key: ANSWER[key] for key in ANSWER if key not in own}


def test_every_member_of_a_request_is_one_of_the_model():
    shape = botocore.session.get_session().get_service_model("bedrock").operation_model("UpdateGuardrail").input_shape
    request = shapes.request_from_answer(ANSWER)
    assert set(request) <= set(shape.members)
    for policy in shapes.POLICIES:
        assert set(request[policy.put]) <= set(shape.members[policy.put].members)
    # All that can be set is set here, apart from what names the guardrail.
    assert set(shape.members) - set(request) == {"guardrailIdentifier"}


def test_every_member_of_an_answer_that_a_request_sets_is_known():
    shape = botocore.session.get_session().get_service_model("bedrock").operation_model("GetGuardrail").output_shape
    of_the_service = {"guardrailId", "guardrailArn", "version", "status", "createdAt", "updatedAt"}
    of_the_service |= {"statusReasons", "failureRecommendations"}
    assert set(shape.members) - of_the_service == shapes.ANSWER_MEMBERS


def test_every_path_has_the_name_of_its_option():
    names = shapes.option_names()
    assert names["topicPolicyConfig.topicsConfig"] == "topic_policy.topics"
    assert names["contentPolicyConfig.tierConfig.tierName"] == "content_policy.tier"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (0.7, 0.7000001, True),
        (0.7, 0.71, False),
        (True, 1, True),
        ({"a": [1.0]}, {"a": [1]}, True),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ([1, 2], [1], False),
        ("1", 1, False),
        (None, 0, False),
    ],
)
def test_numbers_are_compared_with_a_tolerance(one, other, same):
    assert shapes.is_same(one, other) is same


def test_what_a_side_of_strength_none_says_besides_does_not_count():
    attack = {"type": "PROMPT_ATTACK", "inputStrength": "HIGH", "outputStrength": "NONE"}
    filled = {**attack, "outputAction": "NONE", "outputEnabled": False, "outputModalities": ["TEXT"]}
    sides = [shapes.comparable({"contentPolicyConfig": {"filtersConfig": [item]}}) for item in (attack, filled)]
    assert sides[0] == sides[1]


def test_the_sides_of_personal_data_do_what_its_action_says():
    short = {"type": "NAME", "action": "ANONYMIZE"}
    full = {**short, "inputAction": "ANONYMIZE", "outputAction": "ANONYMIZE", "inputEnabled": True}
    other = {**full, "inputAction": "NONE"}
    configs = [{"sensitiveInformationPolicyConfig": {"piiEntitiesConfig": [item]}} for item in (short, full, other)]
    found = [shapes.comparable(config) for config in configs]
    assert found[0] == found[1] != found[2]


def test_the_content_of_a_guardrail_is_not_its_name_description_or_key():
    other = {**ANSWER, "name": "h", "description": "else", "kmsKeyArn": "arn:other"}
    assert shapes.content(shapes.request_from_answer(ANSWER)) == shapes.content(shapes.request_from_answer(other))
    assert shapes.content(shapes.request_from_answer(ANSWER)) != shapes.content(
        shapes.request_from_answer({**other, "blockedInputMessaging": "else"})
    )


def test_a_profile_given_as_an_arn_is_the_one_that_comes_back_as_an_id():
    arn = "arn:aws:bedrock:eu-central-1:123456789012:guardrail-profile/eu.guardrail.v1:0"
    given = shapes.comparable({"crossRegionConfig": {"guardrailProfileIdentifier": arn}})
    assert given == {"crossRegionConfig": {"guardrailProfileIdentifier": "eu.guardrail.v1:0"}}


def test_an_empty_answer_asks_for_nothing():
    assert shapes.request_from_answer({"topicPolicy": {"topics": []}, "wordPolicy": {}}) == {}


def test_guardrails_that_do_the_same_in_two_regions_have_one_sum():
    other = {**ANSWER, "guardrailId": "z", "name": "h", "description": "", "kmsKeyArn": "arn:other", "version": "7"}
    numbers = {"contextualGroundingPolicy": {"filters": [{"type": "GROUNDING", "threshold": 0.7000000001}]}}
    assert shapes.content_sha256(other | numbers) == shapes.content_sha256(ANSWER)


@pytest.mark.parametrize("change", [
    {"blockedInputMessaging": "another"},
    {"topicPolicy": {"topics": [{"name": "law", "definition": "about tax", "type": "DENY", **SIDES}]}},
    {"contextualGroundingPolicy": {"filters": [{"type": "GROUNDING", "threshold": 0.8}]}},
    {"crossRegionDetails": {}},
])  # fmt: skip
def test_a_guardrail_that_does_otherwise_has_another_sum(change):
    assert shapes.content_sha256({**ANSWER, **change}) != shapes.content_sha256(ANSWER)
