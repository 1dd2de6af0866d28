# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import AwsError, Refused

GROUNDING = {"contextualGroundingPolicyConfig": {"filtersConfig": [{"type": "GROUNDING", "threshold": 0.7}]}}


def test_what_is_not_given_is_sent_again(ensure, bedrock, full):
    ensure(**full, description="old", cross_region_profile="eu.guardrail.v1:0")
    ensure(description="new")
    draft = bedrock.drafts["g1"]
    assert draft["description"] == "new" and draft["blockedInputMessaging"] == "no prompt"
    assert len(draft["topicPolicy"]["topics"]) == 2 and len(draft["contentPolicy"]["filters"]) == 2
    assert draft["crossRegionDetails"] == {"guardrailProfileId": "eu.guardrail.v1:0"}


@pytest.mark.parametrize(
    ("empty", "gone"),
    [
        ({"topic_policy": {"topics": None, "tier": None}}, "topicPolicy"),
        ({"topic_policy": {"topics": [], "tier": None}}, "topicPolicy"),
        ({"content_policy": {"filters": [], "tier": None}}, "contentPolicy"),
        ({"description": ""}, "description"),
        ({"cross_region_profile": ""}, "crossRegionDetails"),
        ({"kms_key_id": ""}, "kmsKeyArn"),
    ],
)
def test_what_is_given_empty_goes_and_stays_gone(ensure, bedrock, full, empty, gone):
    ensure(**full, description="x", cross_region_profile="eu.guardrail.v1:0", kms_key_id="alias/medzen")
    assert gone in bedrock.drafts["g1"]
    assert ensure(**empty)["changed"]
    assert gone not in bedrock.drafts["g1"] and "blockedInputMessaging" in bedrock.drafts["g1"]
    assert not ensure(**empty)["changed"]


def test_a_list_of_a_policy_goes_and_the_other_one_stays(ensure, bedrock):
    words = {"wordsConfig": [{"text": "fool"}], "managedWordListsConfig": [{"type": "PROFANITY"}]}
    bedrock.made(wordPolicyConfig=words)
    ensure(word_policy={"words": [], "managed_word_lists": None})
    assert list(bedrock.drafts["g1"]["wordPolicy"]) == ["managedWordLists"]


def test_the_order_of_items_is_no_change(ensure, bedrock, full, topic):
    ensure(**full)
    turned = {**full, "topic_policy": {"topics": [topic("law"), topic("dosage")], "tier": None}}
    assert not ensure(**turned)["changed"]


def test_a_number_that_came_back_as_a_float_is_no_change(ensure, bedrock):
    bedrock.made(contextualGroundingPolicyConfig={"filtersConfig": [{"type": "GROUNDING", "threshold": 0.70000001}]})
    grounding = {"type": "GROUNDING", "threshold": 0.7, "action": None, "enabled": None}
    assert not ensure(contextual_grounding_policy={"filters": [grounding], "tier": None})["changed"]
    other = {**grounding, "threshold": 0.71}
    assert ensure(contextual_grounding_policy={"filters": [other], "tier": None})["changed"]


def test_a_default_that_is_said_is_no_change(ensure, bedrock, full, topic):
    ensure(**full)
    said = [topic("law", input_action="BLOCK", output_enabled=True, examples=[]), topic("dosage")]
    assert not ensure(topic_policy={"topics": said, "tier": "CLASSIC"})["changed"]


def test_an_action_that_is_no_longer_said_goes_back_to_the_default(ensure, bedrock, topic):
    bedrock.made(topicPolicyConfig={"topicsConfig": [
        {"name": "law", "definition": "about law", "type": "DENY", "inputAction": "NONE"}]})  # fmt: skip
    assert ensure(topic_policy={"topics": [topic("law")], "tier": None})["changed"]
    assert bedrock.drafts["g1"]["topicPolicy"]["topics"][0]["inputAction"] == "BLOCK"


def test_the_tier_stays_when_it_is_not_given(ensure, bedrock, full, topic):
    standard = {"topics": [topic("law")], "tier": "STANDARD"}
    ensure(**{**full, "topic_policy": standard}, cross_region_profile="eu.guardrail.v1:0")
    ensure(topic_policy={"topics": [topic("law"), topic("money")], "tier": None})
    assert bedrock.drafts["g1"]["topicPolicy"]["tier"] == {"tierName": "STANDARD"}


def test_check_mode_updates_nothing_and_tells_the_difference(ensure, bedrock, full):
    ensure(**full)
    bedrock.calls.clear()
    result = ensure(check_mode=True, description="new", diff_sensitive=True)
    assert result["changed"] and bedrock.writes == [] and result["guardrail"]["description"] == "new"
    assert "description" not in result["diff"]["before"] and result["diff"]["after"]["description"] == "new"


def test_an_id_finds_the_guardrail_and_the_name_renames_it(ensure, bedrock):
    made = bedrock.made(name="old")
    ensure(guardrail_id=made, name="new")
    assert bedrock.drafts[made]["name"] == "new"


def test_a_guardrail_that_is_under_way_is_joined_before_it_is_compared(ensure, bedrock):
    bedrock.made(description="x")
    bedrock.listed_statuses = ["UPDATING", "UPDATING", "READY", "UPDATING"]
    assert not ensure(description="x")["changed"]
    # The first look, three more until it rests, and two that say so.
    assert bedrock.calls.count("list_guardrails") == 7


def test_a_guardrail_that_failed_is_sent_again(ensure, bedrock):
    bedrock.made(description="x")
    bedrock.statuses = [{"status": "FAILED"}]
    assert ensure(description="x")["changed"]
    assert bedrock.writes == ["update_guardrail"]


def test_tags_are_set_and_purged_without_touching_the_guardrail(ensure, bedrock):
    bedrock.made(tags=[{"key": "old", "value": "1"}])
    assert ensure(tags={"new": "2"})["guardrail"]["tags"] == {"new": "2"}
    assert bedrock.writes == ["untag_resource", "tag_resource"]


def test_tags_that_are_not_purged_stay(ensure, bedrock):
    bedrock.made(tags=[{"key": "old", "value": "1"}])
    assert ensure(tags={"new": "2"}, purge_tags=False)["guardrail"]["tags"] == {"old": "1", "new": "2"}


def test_an_update_takes_no_tags(ensure, bedrock):
    bedrock.made(**GROUNDING)
    ensure(description="new", tags={"a": "1"})
    assert bedrock.writes == ["update_guardrail", "tag_resource"]


def test_the_last_policy_is_not_taken_away(ensure, bedrock):
    bedrock.made()
    with pytest.raises(Refused, match="no policy is left"):
        ensure(word_policy={"words": [], "managed_word_lists": None})
    assert bedrock.writes == []


def lose_first(bedrock, monkeypatch, name, refuse, effect=True):
    """The call takes effect, its answer is lost, and botocore's second try meets a conflict."""
    call = getattr(bedrock, name)

    def lost(**request):
        if effect:
            call(**request)
        raise refuse("ConflictException", "Any", 409)

    monkeypatch.setattr(bedrock, name, lost)


def test_an_update_that_conflicts_with_itself_after_a_lost_answer_is_done(ensure, bedrock, monkeypatch, refuse):
    bedrock.made()
    lose_first(bedrock, monkeypatch, "update_guardrail", refuse)
    assert ensure(description="new")["guardrail"]["description"] == "new"


def test_an_update_that_conflicts_with_somebody_else_fails(ensure, bedrock, monkeypatch, refuse):
    bedrock.made()
    lose_first(bedrock, monkeypatch, "update_guardrail", refuse, effect=False)
    with pytest.raises(AwsError, match="ConflictException"):
        ensure(description="new")


def test_a_deletion_that_conflicts_with_somebody_else_fails(ensure, bedrock, monkeypatch, refuse):
    bedrock.made()
    lose_first(bedrock, monkeypatch, "delete_guardrail", refuse, effect=False)
    with pytest.raises(AwsError, match="ConflictException"):
        ensure(state="absent")


def test_a_deletion_whose_answer_was_lost_is_done(ensure, bedrock, monkeypatch, refuse):
    bedrock.made()
    lose_first(bedrock, monkeypatch, "delete_guardrail", refuse)
    assert ensure(state="absent")["changed"] and bedrock.drafts == {}
