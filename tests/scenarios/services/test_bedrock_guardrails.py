# SPDX-License-Identifier: GPL-3.0-or-later
"""Guardrails against the stand-in's Bedrock, whose refusals are the harsher ones: while something of a guardrail is
under way it takes no change."""

import pytest

REGION, ELSEWHERE = "eu-central-1", "eu-west-1"
# A region in which botocore knows no Bedrock.
WITHOUT = "ap-east-1"
QUICK = {"poll_seconds": 0.1, "wait_timeout": 60}
TEXTS = {"blocked_input_messaging": "No prompt.", "blocked_outputs_messaging": "No answer."}
FILTERS = {"filters": [{"type": "HATE", "input_strength": "HIGH", "output_strength": "LOW"}]}
CREATE, UPDATE, GET, LIST = (
    f"bedrock:{name}" for name in ("CreateGuardrail", "UpdateGuardrail", "GetGuardrail", "ListGuardrails")
)
PUBLISH, DELETE = "bedrock:CreateGuardrailVersion", "bedrock:DeleteGuardrail"


@pytest.fixture
def guardrail(step):
    """A step for a guardrail of this name, with what it needs to be created."""

    def build(name, *faults, **options):
        given = {} if options.get("state") == "absent" else {**TEXTS, "content_policy": FILTERS}
        return step("bedrock_guardrail", *faults, name=name, **{**QUICK, **given, **options})

    return build


@pytest.fixture
def named(services):
    """The rows of the guardrails of a name, as the cloud itself has them."""

    def look(name, region=REGION):
        rows = services.client("bedrock", region).list_guardrails()["guardrails"]
        return [row for row in rows if row["name"] == name]

    return look


@pytest.fixture
def versions(services, named):
    def look(name):
        rows = services.client("bedrock").list_guardrails(guardrailIdentifier=named(name)[0]["id"])["guardrails"]
        return sorted(int(row["version"]) for row in rows if row["version"] != "DRAFT")

    return look


# --- life ------------------------------------------------------------------------------------------------------------


def test_a_guardrail_from_its_creation_to_its_end(services, step, guardrail):
    info = step("bedrock_guardrail_info", name="life")
    tags = {"Workload": "medzen"}
    checked, nothing, made, look, check_again, again = services.play(
        guardrail("life", check=True, tags=tags), info, guardrail("life", tags=tags), info,
        guardrail("life", check=True, tags=tags), guardrail("life", tags=tags),
    )  # fmt: skip
    assert checked.changed and checked.writes == [] and nothing["guardrails"] == []
    assert made.changed and made.writes == [CREATE] and made["guardrail"]["status"] == "READY"
    assert checked["diff"] == made["diff"]
    assert look["guardrails"][0]["tags"] == tags and look["guardrails"][0]["name"] == "life"
    assert [(one.changed, one.writes) for one in (check_again, again)] == [(False, []), (False, [])]


def test_a_change_keeps_what_is_not_given(services, step, guardrail):
    change = {"name": "change", "topic_policy": {"topics": [{"name": "law", "definition": "about law"}]}, **QUICK}
    _made, checked, changed, again, look = services.play(
        guardrail("change", description="kept"), step("bedrock_guardrail", check=True, **change),
        step("bedrock_guardrail", **change), step("bedrock_guardrail", **change),
        step("bedrock_guardrail_info", name="change"),
    )  # fmt: skip
    assert checked.changed and checked.writes == []
    assert changed.changed and changed.writes == [UPDATE] and changed["diff"] == checked["diff"]
    assert not again.changed and again.writes == []
    found = look["guardrails"][0]
    assert found["description"] == "kept" and found["content_policy"]["filters"][0]["output_strength"] == "LOW"
    assert found["topic_policy"]["topics"][0]["name"] == "law"


def test_a_policy_that_is_given_empty_is_removed(services, step, guardrail):
    words = {"word_policy": {"words": [{"text": "fool"}], "managed_word_lists": [{"type": "PROFANITY"}]}}
    _made, less, gone, again = services.play(
        guardrail("empty", **words), guardrail("empty", word_policy={"words": []}), guardrail("empty", word_policy={}),
        guardrail("empty", word_policy={}),
    )  # fmt: skip
    assert list(less["guardrail"]["word_policy"]) == ["managed_word_lists"]
    assert gone.changed and "word_policy" not in gone["guardrail"] and not again.changed


def test_deletion_is_checked_done_and_nothing_the_second_time(services, guardrail, named):
    _made, checked, gone, again = services.play(
        guardrail("gone"), guardrail("gone", state="absent", check=True), guardrail("gone", state="absent"),
        guardrail("gone", state="absent"),
    )  # fmt: skip
    assert checked.changed and checked.writes == []
    assert gone.changed and gone.writes == [DELETE] and named("gone") == []
    assert not again.changed and again.writes == []


def test_tags_are_purged_without_an_update(services, guardrail):
    _made, retagged, left = services.play(
        guardrail("tags", tags={"old": "1"}), guardrail("tags", tags={"new": "2"}), guardrail("tags"),
    )  # fmt: skip
    assert retagged.writes == ["bedrock:UntagResource", "bedrock:TagResource"]
    assert retagged["guardrail"]["tags"] == {"new": "2"} and not left.changed


def test_two_regions_have_guardrails_of_their_own(services, guardrail, named):
    first, second = services.play(guardrail("pair"), guardrail("pair", region=ELSEWHERE))
    assert first.changed and second.changed
    assert named("pair")[0]["id"] != named("pair", ELSEWHERE)[0]["id"]


def test_an_alias_is_the_key_that_it_names(services, guardrail):
    kms = services.client("kms")
    key = kms.create_key()["KeyMetadata"]
    kms.create_alias(AliasName="alias/guardrail", TargetKeyId=key["KeyId"])
    made, again, stays, lost = services.play(
        guardrail("key", kms_key_id="alias/guardrail"), guardrail("key", kms_key_id="alias/guardrail"),
        guardrail("key", description="x"), guardrail("lost-key", kms_key_id="alias/none"),
    )  # fmt: skip
    assert made["guardrail"]["kms_key_arn"] == key["Arn"] and not again.changed
    assert stays["guardrail"]["kms_key_arn"] == key["Arn"]
    assert "There is no key alias/none in eu-central-1" in lost.error and lost.writes == []


def test_the_standard_tier_takes_a_long_definition(services, guardrail):
    topics = {"topics": [{"name": "law", "definition": "x" * 1000}], "tier": "STANDARD"}
    given = {"topic_policy": topics, "cross_region_profile": "eu.guardrail.v1:0"}
    made, again = services.play(guardrail("standard", **given), guardrail("standard", **given))
    assert made["guardrail"]["topic_policy"]["tier"] == {"tier_name": "STANDARD"} and not again.changed


# --- versions --------------------------------------------------------------------------------------------------------


def test_versions_are_published_on_change_and_only_the_newest_are_kept(services, guardrail, versions):
    def at(text, **more):
        return guardrail("versions", blocked_input_messaging=text, publish_version="on_change", **more)

    first, same, second, third, check, fourth = services.play(
        at("a"), at("a"), at("b", version_description="b"), at("c"),
        at("d", keep_versions=1, pinned_versions=[2], check=True), at("d", keep_versions=1, pinned_versions=[2]),
    )  # fmt: skip
    assert [one["published_version"] for one in (first, second, third, fourth)] == ["1", "2", "3", "4"]
    assert not same.changed and same.writes == [] and same["version"] == "1"
    assert check.changed and check.writes == [] and check["deleted_versions"] == ["1", "3"]
    assert fourth["deleted_versions"] == ["1", "3"] and versions("versions") == [2, 4]
    assert fourth.writes == [UPDATE, PUBLISH, DELETE, DELETE]


def test_a_run_that_ended_before_the_publication_is_made_up_for(services, guardrail, fault, versions):
    published = {"publish_version": "on_change"}
    denied = fault("error", PUBLISH, code="AccessDeniedException", status=403)
    _made, broken, check, resumed, again = services.play(
        guardrail("resumed", **published), guardrail("resumed", denied, blocked_input_messaging="b", **published),
        guardrail("resumed", blocked_input_messaging="b", check=True, **published),
        guardrail("resumed", blocked_input_messaging="b", **published),
        guardrail("resumed", blocked_input_messaging="b", **published),
    )  # fmt: skip
    assert "AccessDeniedException" in broken.error and broken.writes[:2] == [UPDATE, PUBLISH]
    assert check.changed and check.writes == []
    assert resumed.changed and resumed.writes == [PUBLISH] and versions("resumed") == [1, 2]
    assert not again.changed


def test_a_guardrail_with_versions_needs_force_and_no_pin(services, guardrail, named):
    _made, refused, pinned, gone = services.play(
        guardrail("forced", publish_version="on_change"), guardrail("forced", state="absent"),
        guardrail("forced", state="absent", force=True, pinned_versions=[1]),
        guardrail("forced", state="absent", force=True),
    )  # fmt: skip
    assert "versions 1" in refused.error and "pinned" in pinned.error and refused.writes == pinned.writes == []
    assert gone.changed and named("forced") == []


def test_a_guardrail_in_use_is_not_deleted(services, guardrail, named):
    services.play(guardrail("used"))
    services.control("bedrock", {"in_use": [named("used")[0]["id"]]})
    (refused,) = services.play(guardrail("used", state="absent"))
    services.control("bedrock", {"in_use": []})
    assert "ResourceInUseException" in refused.error and len(named("used")) == 1


# --- faults ----------------------------------------------------------------------------------------------------------


def test_a_throttled_service_is_asked_again(services, guardrail, fault, named):
    (made,) = services.play(guardrail("throttled", fault("throttle", CREATE, count=5)))
    assert made.changed and made.writes == [CREATE] * 6 and len(named("throttled")) == 1


def test_lost_answers_make_nothing_twice(services, guardrail, fault, named, versions):
    made, changed = services.play(
        guardrail("lost", fault("lost_response", CREATE, count=1), fault("lost_response", PUBLISH, count=1),
                  publish_version="on_change"),
        guardrail("lost", fault("lost_response", UPDATE, count=1), fault("lost_response", PUBLISH, count=1),
                  blocked_input_messaging="b", publish_version="on_change"),
    )  # fmt: skip
    assert made.changed and made.writes == [CREATE] * 2 + [PUBLISH] * 2 and len(named("lost")) == 1
    assert changed.changed and changed["published_version"] == "2" and versions("lost") == [1, 2]


def test_the_lost_answer_of_a_deletion_is_no_failure(services, guardrail, fault, named):
    # Slow enough that the second try meets the deletion under way.
    services.play(guardrail("lost-delete"))
    services.control("durations", {"guardrail_delete": 1200})
    (gone,) = services.play(guardrail("lost-delete", fault("lost_response", DELETE, count=1), state="absent"))
    services.control("durations", {"guardrail_delete": 10})
    assert gone.changed and gone.writes == [DELETE] * 2 and named("lost-delete") == []


def test_a_guardrail_that_is_not_known_everywhere_yet_is_waited_for(services, guardrail):
    services.control("bedrock", {"knobs": {"not_found_reads": 3}})
    (made,) = services.play(guardrail("late"))
    services.control("bedrock", {"knobs": {"not_found_reads": 0}})
    assert made.changed and made["guardrail"]["status"] == "READY"


def test_a_run_joins_what_an_earlier_one_left_under_way(services, guardrail):
    services.control("durations", {"guardrail_create": 2400})
    started, joined, changed = services.play(
        guardrail("joined", wait=False), guardrail("joined"), guardrail("joined", description="x"),
    )  # fmt: skip
    services.control("durations", {"guardrail_create": 10})
    assert started["guardrail"]["status"] == "CREATING"
    assert not joined.changed and joined["guardrail"]["status"] == "READY" and joined.writes == []
    assert changed.changed


def test_a_failure_is_told_with_its_reasons_and_mended_by_the_next_run(services, guardrail):
    services.control("bedrock", {"fail": ["The key is not usable."]})
    failed, mended, again = services.play(guardrail("failing"), guardrail("failing"), guardrail("failing"))
    assert "FAILED: The key is not usable." in failed.error and "Recommended:" in failed.error
    assert mended.changed and mended.writes == [UPDATE] and not again.changed


@pytest.mark.parametrize("operation", [LIST, GET, "bedrock:ListTagsForResource"])
def test_what_may_not_be_read_is_not_absent(services, guardrail, fault, named, operation):
    name = f"denied-{operation.partition(':')[2]}"
    denied = fault("error", operation, code="AccessDeniedException", status=403)
    _made, absent, present, check = services.play(
        guardrail(name), guardrail(name, denied, state="absent"), guardrail(name, denied, description="x"),
        guardrail(name, denied, check=True),
    )  # fmt: skip
    for refused in (absent, present, check):
        assert "AccessDeniedException" in refused.error and refused.writes == []
    assert len(named(name)) == 1


# --- refusals --------------------------------------------------------------------------------------------------------


def test_bad_input_is_told_by_the_options_name_and_calls_nothing(services, guardrail):
    pii = {"type": "SOUL", "action": "BLOCK"}
    cases = {
        "content_policy.filters[0].type: is 'RUDE'": {"content_policy": {"filters": [{"type": "RUDE"}]}},
        "PROMPT_ATTACK has output_strength LOW": {
            "content_policy": {
                "filters": [{"type": "PROMPT_ATTACK", "input_strength": "LOW", "output_strength": "LOW"}]
            }
        },
        "topic_policy.tier: STANDARD needs": {"topic_policy": {"tier": "STANDARD", "topics": []}},
        "cannot be used in eu-central-1": {"cross_region_profile": "us.guardrail.v1:0"},
        "pii_entities[0].type: is 'SOUL'": {"sensitive_information_policy": {"pii_entities": [pii]}},
        "blocked_input_messaging: has 501 characters": {"blocked_input_messaging": "x" * 501},
        "keep_versions: is 0": {"keep_versions": 0},
        "must be one of: never, on_change, always": {"publish_version": "sometimes"},
    }
    done = services.play(*(guardrail("bad", check=True, **options) for options in cases.values()))
    for expected, refused in zip(cases, done, strict=True):
        assert expected in refused.error and refused.calls == []


def test_a_guardrail_without_a_policy_is_refused_before_the_service_does(services, step):
    (refused,) = services.play(step("bedrock_guardrail", name="bare", check=True, **TEXTS))
    assert "no policy is left" in refused.error and refused.writes == []


def test_two_guardrails_of_one_name_are_refused_by_the_service_too(services, guardrail, step, named):
    taken, refused = services.play(
        guardrail("first"), guardrail("second"),
    )  # fmt: skip
    assert taken.changed and refused.changed
    (renamed,) = services.play(step("bedrock_guardrail", guardrail_id=named("second")[0]["id"], name="first", **QUICK))
    assert "ConflictException" in renamed.error and len(named("first")) == 1


def test_a_region_without_bedrock_is_refused_and_a_new_one_is_believed(services, guardrail):
    refused, believed = services.play(
        guardrail("nowhere", region=WITHOUT), guardrail("nowhere", region=WITHOUT, extra_regions=[WITHOUT]),
    )  # fmt: skip
    assert f"bedrock does not exist in {WITHOUT}" in refused.error and refused.calls == []
    assert "Failed to list guardrails" in believed.error and believed.writes == []


# --- reading ---------------------------------------------------------------------------------------------------------


def test_assertions_are_a_gate(services, step, guardrail):
    hate = {"policy": "content", "name": "HATE"}
    asserted = {"must_block": [hate], "languages": ["en", "fr"], "destinations": [REGION]}
    strict = {"must_block": [{**hate, "min_strength": "HIGH"}], "languages": ["sw"], "destinations": []}
    _made, holds, fails, told, nothing = services.play(
        guardrail("gate", publish_version="on_change"),
        step("bedrock_guardrail_info", name="gate", version="NEWEST", all_versions=True, assertions=asserted),
        step("bedrock_guardrail_info", name="gate", assertions=strict),
        step("bedrock_guardrail_info", name="gate", assertions=strict, fail_on_violation=False),
        step("bedrock_guardrail_info", name="none", assertions=asserted),
    )  # fmt: skip
    assert holds["compliant"] and len(holds["guardrails"][0]["versions"]) == 1 and not holds.changed
    assert fails["violations"] == told["violations"] and len(told["violations"]) == 3 and not told["compliant"]
    assert "has the strength LOW on OUTPUT; expected HIGH or more" in fails.error
    assert "no guardrail none in eu-central-1" in nothing.error


def test_what_may_not_be_read_fails_the_gate(services, step, fault):
    denied = fault("error", LIST, code="AccessDeniedException", status=403)
    (refused,) = services.play(step("bedrock_guardrail_info", denied, name="gate", fail_on_violation=False))
    assert "AccessDeniedException" in refused.error
