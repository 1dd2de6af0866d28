# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.guardrail_assertions import iter_violations

REGION = "eu-central-1"
GUARDRAIL = {
    "status": "READY",
    "contentPolicy": {
        "filters": [
            {"type": "HATE", "inputStrength": "HIGH", "outputStrength": "LOW"},
            {"type": "INSULTS", "inputStrength": "HIGH", "outputStrength": "HIGH", "inputAction": "NONE"},
            {"type": "PROMPT_ATTACK", "inputStrength": "MEDIUM", "outputStrength": "NONE"},
        ],
        "tier": {"tierName": "STANDARD"},
    },
    "topicPolicy": {"topics": [{"name": "law", "definition": "d", "outputEnabled": False}]},
    "wordPolicy": {"words": [{"text": "fool"}], "managedWordLists": [{"type": "PROFANITY"}]},
    "sensitiveInformationPolicy": {
        "piiEntities": [{"type": "NAME", "action": "ANONYMIZE"}, {"type": "EMAIL", "action": "BLOCK"}],
        "regexes": [{"name": "id", "pattern": "x", "action": "NONE"}],
    },
    "contextualGroundingPolicy": {"filters": [{"type": "GROUNDING", "threshold": 0.7}]},
    "crossRegionDetails": {"guardrailProfileId": "eu.guardrail.v1:0"},
}
EU = ["eu-central-1", "eu-north-1", "eu-south-1", "eu-south-2", "eu-west-1", "eu-west-3"]


def violations(guardrail=None, **assertions):
    return list(iter_violations(guardrail or GUARDRAIL, assertions, REGION))


def block(policy, name, **more):
    usual = {"sides": ["INPUT", "OUTPUT"], "min_strength": "LOW", "anonymized_counts": False}
    return {"policy": policy, "name": name, **usual, **more}


@pytest.mark.parametrize(
    "wanted",
    [
        block("content", "HATE"),
        block("content", "HATE", sides=["INPUT"], min_strength="HIGH"),
        block("content", "PROMPT_ATTACK", sides=["INPUT"], min_strength="MEDIUM"),
        block("topic", "law", sides=["INPUT"]),
        block("word", "fool"),
        block("managed_word_list", "PROFANITY"),
        block("pii", "EMAIL"),
        block("pii", "NAME", anonymized_counts=True),
        block("grounding", "GROUNDING", sides=["OUTPUT"]),
    ],
)
def test_what_is_blocked_is_no_violation(wanted):
    assert violations(must_block=[wanted]) == []


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        (block("content", "SEXUAL"), "content SEXUAL is not in it"),
        (
            block("content", "HATE", min_strength="MEDIUM"),
            "content HATE has the strength LOW on OUTPUT; expected MEDIUM",
        ),
        (block("content", "PROMPT_ATTACK"), "content PROMPT_ATTACK has the strength NONE on OUTPUT"),
        (block("content", "INSULTS"), "content INSULTS has the action NONE on INPUT; expected BLOCK"),
        (block("topic", "law"), "topic law is not evaluated on OUTPUT"),
        (block("pii", "NAME", sides=["INPUT"]), "pii NAME has the action ANONYMIZE on INPUT; expected BLOCK"),
        (block("regex", "id", sides=["INPUT"]), "regex id has the action NONE on INPUT"),
        (block("grounding", "RELEVANCE"), "grounding RELEVANCE is not in it"),
        (block("grounding", "GROUNDING", sides=["INPUT"]), "looks at answers only"),
    ],
)
def test_what_is_not_blocked_is_told_with_what_was_found(wanted, told):
    found = violations(must_block=[wanted])
    assert len(found) == 1 and told in found[0]


def test_a_language_beyond_the_tier_is_a_violation_of_its_policy():
    assert violations(languages=["en", "fr-CM"]) == []
    assert violations(languages=["de"]) == ["the topic policy of tier CLASSIC is not known to understand de"]
    assert "content policy of tier STANDARD is not known to understand sw" in violations(languages=["sw"])[0]


def test_a_guardrail_that_reads_no_meaning_understands_no_language():
    assert "neither content filters nor denied topics" in violations({"status": "READY"}, languages=["en"])[0]


def test_a_destination_outside_of_those_allowed_is_a_violation():
    assert violations(destinations=EU) == []
    assert violations(destinations=EU[:5]) == [f"it may be evaluated in eu-west-3; allowed are {', '.join(EU[:5])}"]


def test_an_unknown_profile_is_a_violation_and_none_stays_at_home():
    strange = {**GUARDRAIL, "crossRegionDetails": {"guardrailProfileId": "mars.guardrail.v1:0"}}
    assert violations(strange, destinations=EU) == ["where its profile routes to is not known"]
    assert violations({"status": "READY"}, destinations=[REGION]) == []


def test_a_guardrail_that_is_not_ready_holds_nothing():
    assert violations({**GUARDRAIL, "status": "FAILED"}) == ["its status is FAILED; expected READY"]
