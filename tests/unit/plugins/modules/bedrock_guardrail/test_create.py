# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import MultiregionError

WAITED = {"status": "READY"}


def test_check_mode_creates_nothing_and_tells_what_there_would_be(ensure, bedrock, full):
    result = ensure(check_mode=True, **full)
    assert result["changed"] and bedrock.writes == [] and bedrock.drafts == {}
    assert [topic["name"] for topic in result["guardrail"]["topic_policy"]["topics"]] == ["dosage", "law"]
    assert result["diff"]["before"] == {} and result["diff"]["after"]["tags"] == {"a": "1"}


def test_a_guardrail_is_created_and_a_second_run_writes_nothing(ensure, bedrock, full):
    made = ensure(**full)
    bedrock.calls.clear()
    again = ensure(**full)
    assert made["changed"] and made["guardrail"]["tags"] == {"a": "1"} and made["version"] == "DRAFT"
    assert not again["changed"] and bedrock.writes == []


def test_a_prompt_attack_filter_gets_the_only_strength_that_answers_can_have(ensure, bedrock, full):
    ensure(**full)
    filters = {item["type"]: item for item in bedrock.drafts["g1"]["contentPolicy"]["filters"]}
    assert filters["PROMPT_ATTACK"]["outputStrength"] == "NONE"


def test_ready_counts_once_it_was_seen_twice(ensure, bedrock, full):
    bedrock.statuses = [WAITED, {"status": "CREATING"}, WAITED, WAITED]
    ensure(**full)
    # Four looks of the wait and the one that the result is made of.
    assert bedrock.calls.count("get_guardrail") == 5


def test_a_new_guardrail_may_be_unknown_for_a_moment(ensure, bedrock, full):
    bedrock.unknown = 2
    assert ensure(**full)["guardrail"]["status"] == "READY"


def test_a_failure_carries_its_reasons_and_what_is_recommended(ensure, bedrock, full):
    bedrock.statuses = [{"status": "FAILED", "statusReasons": ["bad key"], "failureRecommendations": ["check grants"]}]
    with pytest.raises(MultiregionError, match="FAILED: bad key. Recommended: check grants"):
        ensure(**full)


def test_a_creation_that_is_tried_again_carries_the_same_token(ensure, bedrock, full, monkeypatch):
    create = bedrock.create_guardrail

    def lose_the_answer(**request):
        create(**dict(request))
        return create(**request)

    monkeypatch.setattr(bedrock, "create_guardrail", lose_the_answer)
    ensure(**full)
    assert list(bedrock.drafts) == ["g1"]


def test_a_key_is_sent_by_its_arn_and_an_alias_of_it_is_no_change(ensure, bedrock, full):
    ensure(**full, kms_key_id="alias/medzen")
    assert bedrock.drafts["g1"]["kmsKeyArn"].endswith("555555555555")
    assert not ensure(**full, kms_key_id="alias/medzen")["changed"]


def test_without_wait_nobody_looks_until_it_is_ready(ensure, bedrock, full):
    bedrock.statuses = [{"status": "CREATING"}]
    assert ensure(**full, wait=False)["guardrail"]["status"] == "CREATING"


def test_messages_are_in_no_diff_unless_they_are_asked_for(ensure, full):
    hidden = ensure(check_mode=True, **full)["diff"]["after"]
    shown = ensure(check_mode=True, **full, diff_sensitive=True)["diff"]["after"]
    assert hidden["blocked_input_messaging"].startswith("hidden, sha256 ")
    assert shown["blocked_input_messaging"] == "no prompt"
    assert "about law" not in str(hidden) and "about law" in str(shown)
