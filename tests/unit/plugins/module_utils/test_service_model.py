# SPDX-License-Identifier: GPL-3.0-or-later
import boto3
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.service_model import (
    check_members,
    check_request,
    option_name,
    require_operations,
)

GUARDRAIL = {"name": "clinic", "blockedInputMessaging": "no", "blockedOutputsMessaging": "no"}
NAMES = {"topicPolicyConfig": "topic_policy", "topicPolicyConfig.topicsConfig[]": "topic_policy.topics[]"}


@pytest.fixture(scope="module")
def bedrock():
    return boto3.client("bedrock", "eu-central-1", aws_access_key_id="a", aws_secret_access_key="b")


def faults(bedrock, request, **more):
    with pytest.raises(Refused) as refused:
        check_request(bedrock, "CreateGuardrail", {**GUARDRAIL, **request}, NAMES, **more)
    return refused.value.result["faults"]


def topic(**change):
    one = {"name": "dosage", "definition": "advice on doses", "type": "DENY", **change}
    return {"topicPolicyConfig": {"topicsConfig": [{**one, "type": "DENY", "name": "first"}, one]}}


def test_a_sound_request_passes(bedrock):
    check_request(bedrock, "CreateGuardrail", {**GUARDRAIL, **topic()}, NAMES)


def test_a_member_that_is_none_is_not_given(bedrock):
    check_request(bedrock, "CreateGuardrail", {**GUARDRAIL, "description": None})


def test_a_missing_member_is_named(bedrock):
    assert faults(bedrock, {"name": None}) == ["name: is required"]


def test_an_enum_lists_what_is_expected_under_the_name_of_the_option(bedrock):
    assert faults(bedrock, topic(type="ALLOW")) == ["topic_policy.topics[1].type: is 'ALLOW'; expected one of DENY"]


def test_a_text_that_is_too_long_is_told_with_its_length(bedrock):
    assert faults(bedrock, topic(name="a" * 101)) == [
        "topic_policy.topics[1].name: has 101 characters; expected 100 or fewer"
    ]


def test_a_limit_that_the_model_has_wrong_is_left_out(bedrock):
    path = "topicPolicyConfig.topicsConfig[].definition"
    assert faults(bedrock, topic(definition="a" * 300))
    check_request(bedrock, "CreateGuardrail", {**GUARDRAIL, **topic(definition="a" * 300)}, NAMES, skip=(path,))


def test_a_pattern_is_matched_whole_and_a_sensitive_value_is_not_repeated(bedrock):
    (found,) = faults(bedrock, {"name": "two words"})
    assert found.startswith("name: the value does not match") and "two words" not in found


def test_a_number_out_of_range_is_told(bedrock):
    grounding = {"filtersConfig": [{"type": "GROUNDING", "threshold": -1}]}
    (found,) = faults(bedrock, {"contextualGroundingPolicyConfig": grounding})
    assert "threshold: has -1; expected 0" in found


def test_a_list_with_too_few_items_is_told(bedrock):
    assert faults(
        bedrock, {"topicPolicyConfig": {"topicsConfig": [None]}, "tags": [{"key": "a", "value": "b"}] * 201}
    ) == ["tags: has 201 items; expected 200 or fewer"]


def test_a_member_that_this_botocore_does_not_know_is_no_silence(bedrock):
    (found,) = faults(bedrock, {"tomorrow": 1})
    assert found.startswith("tomorrow: is unknown to this botocore; it knows")


def test_every_fault_comes_in_one_message(bedrock):
    assert len(faults(bedrock, {"blockedInputMessaging": "", "description": "a" * 201})) == 2


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("blockedInputMessaging", "blocked_input_messaging"),
        ("topicPolicyConfig", "topic_policy"),
        ("topicPolicyConfig.tierConfig.tierName", "topic_policy.tier_config.tier_name"),
        ("topicPolicyConfig.topicsConfig[2].name", "topic_policy.topics[2].name"),
        ("topicPolicyConfig.topicsConfig[2].examples[4]", "topic_policy.topics[2].examples[4]"),
    ],
)
def test_a_path_is_told_as_the_option(path, expected):
    assert option_name(path, NAMES) == expected


def test_an_operation_that_botocore_lacks_is_refused_with_the_version_that_has_it(bedrock):
    with pytest.raises(Refused, match="boto3 9.9 or newer") as refused:
        require_operations(bedrock, "CreateGuardrail", "CreateTomorrow", since="9.9")
    assert refused.value.result["operations"] == ["CreateTomorrow"]


def test_operations_that_are_there_pass(bedrock):
    require_operations(bedrock, "CreateGuardrail")


def member_faults(members, names=None):
    with pytest.raises(Refused) as refused:
        check_members("bedrock", "CreateGuardrail", members, names)
    return refused.value.result["faults"]


def test_members_are_checked_without_the_rest_of_their_request():
    check_members("bedrock", "CreateGuardrail", {"name": "clinic", "description": None})
    assert member_faults({"name": "a" * 51}, {"name": "targets.name"}) == [
        "targets.name: has 51 characters; expected 50 or fewer"
    ]


def test_a_member_of_a_member_is_named_by_its_path():
    path = "topicPolicyConfig.tierConfig"
    check_members("bedrock", "CreateGuardrail", {path: {"tierName": "CLASSIC"}})
    (found,) = member_faults({path: {"tierName": "BEST"}}, NAMES)
    assert found.startswith("topic_policy.tier_config.tier_name: is the value; expected one of CLASSIC")
