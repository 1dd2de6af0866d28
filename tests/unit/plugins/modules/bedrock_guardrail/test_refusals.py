# SPDX-License-Identifier: GPL-3.0-or-later
"""Each of these is refused before the first call."""

import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import MultiregionError, Refused

SIDES = dict.fromkeys(("input_action", "output_action", "input_enabled", "output_enabled"))
PII = {"type": "NAME", "action": "BLOCK", **SIDES}
REGEX = {"name": "id", "description": None, "pattern": "x", "action": "BLOCK", **SIDES}


def filters(make):
    return lambda topic, strength: {"content_policy": {"filters": make(strength), "tier": None}}


def topics(make, tier=None):
    return lambda topic, strength: {"topic_policy": {"topics": make(topic), "tier": tier}}


def plain(**options):
    return lambda topic, strength: options


def sensitive(**lists):
    return plain(sensitive_information_policy={"pii_entities": None, "regexes": None, **lists})


def words(texts):
    return plain(word_policy={"words": [{"text": text, **SIDES} for text in texts], "managed_word_lists": None})


# What is given, and what the refusal says.
CASES = {
    "attack with output": (filters(lambda make: [make("PROMPT_ATTACK")]), "PROMPT_ATTACK has output_strength HIGH"),
    "doubled filter": (filters(lambda make: [make("HATE"), make("HATE")]), "content_policy.filters: 'HATE' stands"),
    "doubled topic": (topics(lambda make: [make("a"), make("a")]), "topic_policy.topics: 'a' stands there 2 times"),
    "standard alone": (topics(lambda make: [make("a")], "STANDARD"), "topic_policy.tier: STANDARD needs"),
    "unknown filter": (filters(lambda make: [make("RUDE")]), r"content_policy.filters\[0\].type: is 'RUDE'"),
    "no strength": (
        filters(lambda make: [make("HATE", None)]),
        r"content_policy.filters\[0\].input_strength: is req",
    ),
    "unknown strength": (filters(lambda make: [make("HATE", "MAX")]), r"filters\[0\].input_strength: is 'MAX'"),
    "unknown modality": (
        filters(lambda make: [make("HATE", input_modalities=["SMELL"])]),
        r"content_policy.filters\[0\].input_modalities\[0\]: is the value; expected one of TEXT, IMAGE",
    ),
    "unknown action": (topics(lambda make: [make("a", input_action="SHOUT")]), r"topics\[0\].input_action: is the"),
    "unknown tier": (
        topics(lambda make: [make("a")], "GOLD"),
        "topic_policy.tier: is the value; expected one of CL",
    ),
    "31 topics": (
        topics(lambda make: [make(f"t{number}") for number in range(31)]),
        "topic_policy.topics: has 31 items",
    ),
    "topic name": (topics(lambda make: [make("a/b")]), r"topic_policy.topics\[0\].name: .* does not match"),
    "long definition": (
        topics(lambda make: [make("a", definition="x" * 201)]),
        r"topic_policy.topics\[0\].definition: has 201 characters; expected 200",
    ),
    "six examples": (
        topics(lambda make: [make("a", examples=list("abcdef"))]),
        r"topics\[0\].examples: has 6 items",
    ),
    "long example": (topics(lambda make: [make("a", examples=["x" * 101])]), r"examples\[0\]: has 101 characters"),
    "doubled word": (words(["a", "a"]), "word_policy.words: 'a' stands there 2 times"),
    "doubled pii": (sensitive(pii_entities=[PII, PII]), "sensitive_information_policy.pii_entities: 'NAME'"),
    "foreign profile": (plain(cross_region_profile="us.guardrail.v1:0"), "cannot be used in eu-central-1"),
    "foreign profile arn": (
        plain(cross_region_profile="arn:aws:bedrock:eu-west-1:123456789012:guardrail-profile/eu.guardrail.v1:0"),
        "a profile in eu-west-1",
    ),
    "malformed profile": (plain(cross_region_profile="eu"), "cross_region_profile: 'eu' does not match"),
    "long word": (words(["x" * 101]), r"word_policy.words\[0\].text: has 101 characters"),
    "unknown pii": (sensitive(pii_entities=[{**PII, "type": "SOUL"}]), r"pii_entities\[0\].type: is 'SOUL'"),
    "pii action": (sensitive(pii_entities=[{**PII, "action": "EAT"}]), r"pii_entities\[0\].action: is 'EAT'"),
    "look-around": (
        sensitive(regexes=[{**REGEX, "pattern": "(?<!x)y"}]),
        "the pattern of 'id' looks ahead or behind",
    ),
    "topics that differ in case": (
        topics(lambda make: [make("Law"), make("law")]),
        "topic_policy.topics: 'Law' and 'law' stands there 2 times",
    ),
    "threshold of one": (
        plain(contextual_grounding_policy={"filters": [{"type": "RELEVANCE", "threshold": 1.0}], "tier": None}),
        "RELEVANCE has the threshold 1; expected 0.99 at most",
    ),
    "long pattern": (sensitive(regexes=[{**REGEX, "pattern": "x" * 501}]), r"regexes\[0\].pattern: has 501"),
    "31 regexes": (
        sensitive(regexes=[{**REGEX, "name": str(number)} for number in range(31)]),
        "sensitive_information_policy.regexes: has 31 items",
    ),
    "long message": (plain(blocked_input_messaging="x" * 501), "blocked_input_messaging: has 501 characters"),
    "long description": (plain(description="x" * 201), "description: has 201 characters"),
    "long name": (plain(name="x" * 51), "name: has 51 characters"),
    "name": (plain(name="a b"), "name: the value does not match"),
    "version description": (plain(version_description="x" * 201), "version_description: has 201 characters"),
    "tag": (plain(tags={"a?": "1"}), r"tags\[0\].key: 'a\?' does not match"),
    "keep none": (plain(keep_versions=0), "keep_versions: is 0; expected 1 or more"),
    "foreign guardrail": (
        plain(guardrail_id="arn:aws:bedrock:us-east-1:123456789012:guardrail/abc"),
        "guardrail_id names a resource of another region",
    ),
    "foreign key": (
        plain(kms_key_id="arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555"),
        "kms_key_id names a resource of another region",
    ),
    "malformed key": (plain(kms_key_id="my key"), "kms_key_id: 'my key' does not match"),
    "negative threshold": (
        plain(contextual_grounding_policy={"filters": [{"type": "GROUNDING", "threshold": -1.0}], "tier": None}),
        r"contextual_grounding_policy.filters\[0\].threshold: has -1; expected 0 or more",
    ),
    "reasoning policy": (
        plain(automated_reasoning_policy={"policies": ["x"], "confidence_threshold": None}),
        r"automated_reasoning_policy.policies\[0\]: 'x' does not match",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_bad_input_is_refused_before_any_call(ensure, bedrock, topic, strength, case):
    make, expected = CASES[case]
    with pytest.raises(Refused, match=expected):
        ensure(check_mode=True, **make(topic, strength))
    assert bedrock.calls == []


def test_a_standard_definition_may_have_a_thousand_characters(ensure, full, topic):
    standard = {**full, "cross_region_profile": "eu.guardrail.v1:0"}
    long = {"topics": [topic("a", definition="x" * 1000)], "tier": "STANDARD"}
    assert ensure(**{**standard, "topic_policy": long})["changed"]
    with pytest.raises(Refused, match="has 1001 characters; expected 1 to 1000"):
        ensure(**{**standard, "topic_policy": {**long, "topics": [topic("a", definition="x" * 1001)]}})


def test_the_profile_that_a_standard_tier_needs_is_not_taken_away(ensure, bedrock, full, topic):
    standard = {"topics": [topic("a")], "tier": "STANDARD"}
    ensure(**{**full, "topic_policy": standard}, cross_region_profile="eu.guardrail.v1:0")
    bedrock.calls.clear()
    with pytest.raises(Refused, match="topic_policy has the tier STANDARD, which needs a cross_region_profile"):
        ensure(cross_region_profile="")
    assert bedrock.writes == []


def test_a_new_guardrail_needs_both_messages(ensure, bedrock):
    with pytest.raises(Refused, match="no blocked_outputs_messaging"):
        ensure(check_mode=True, blocked_input_messaging="no")
    assert bedrock.writes == []


def test_an_id_that_is_not_there_is_not_created(ensure, bedrock):
    with pytest.raises(Refused, match="There is no guardrail nothere in eu-central-1"):
        ensure(guardrail_id="nothere")
    assert bedrock.writes == []


def test_two_of_one_name_are_nobodys_to_choose_from(ensure, bedrock):
    bedrock.made()
    bedrock.drafts["g2"] = bedrock.drafts["g1"]
    with pytest.raises(Refused, match="Several guardrails are named g"):
        ensure(description="x")
    assert bedrock.writes == []


def test_a_tier_without_items_is_refused(ensure, bedrock):
    bedrock.made()
    with pytest.raises(MultiregionError, match="topic_policy.topics: is required"):
        ensure(topic_policy={"topics": None, "tier": "CLASSIC"})
    assert bedrock.writes == []


def test_automated_reasoning_needs_a_profile(ensure, bedrock, full):
    arn = "arn:aws:bedrock:eu-central-1:123456789012:automated-reasoning-policy/abcdefghijkl"
    with pytest.raises(Refused, match="automated_reasoning_policy needs a cross_region_profile"):
        ensure(**full, automated_reasoning_policy={"policies": [arn], "confidence_threshold": None})
    assert bedrock.writes == []
