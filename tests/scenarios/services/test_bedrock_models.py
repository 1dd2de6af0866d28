# SPDX-License-Identifier: GPL-3.0-or-later
"""Inference profiles, the verdict on models, and the probe of models, against the stand-in's Bedrock."""

from __future__ import annotations

import contextlib

import pytest

HOME, DR, SOUTH, NOWHERE = "eu-central-1", "eu-west-1", "af-south-1", "ap-east-1"
EU = "eu.amazon.nova-lite-v1:0"
EU_PLACES = ["eu-central-1", "eu-north-1", "eu-west-1", "eu-west-3"]
WORLD = "global.amazon.nova-2-lite-v1:0"
MODEL = "amazon.titan-embed-text-v2:0"
MODEL_ARN = f"arn:aws:bedrock:{HOME}::foundation-model/{MODEL}"
CREATE = "bedrock:CreateInferenceProfile"
QUICK = {"poll_seconds": 0.05, "wait_timeout": 20}


@pytest.fixture
def profile(step):
    """A step for a profile of this name."""
    return lambda name, *faults, **options: step(
        "bedrock_inference_profile", *faults, **{"name": name, "model_source": EU, **QUICK, **options}
    )


@pytest.fixture
def named(services):
    """The application profiles of a name, as Bedrock lists them."""

    def read(name, region=HOME):
        listed = services.client("bedrock", region).list_inference_profiles(typeEquals="APPLICATION")
        return [one for one in listed["inferenceProfileSummaries"] if one["inferenceProfileName"] == name]

    return read


@contextlib.contextmanager
def changed(services, **change):
    """A change of the stand-in's Bedrock that is taken back."""
    services.control("bedrock", change)
    try:
        yield
    finally:
        services.control("bedrock", {key: {**value, "on": key == "endpoint"} for key, value in change.items()})


# ---- bedrock_inference_profile ----


def test_a_profile_is_made_changed_and_removed_each_once(services, profile, named):
    given = {"description": "The assistant", "tags": {"Workload": "ai"}, "allowed_regions": EU_PLACES}
    checked, made, checked_again, again = services.play(
        profile("life", check=True, **given), profile("life", **given), profile("life", check=True, **given),
        profile("life", **given),
    )  # fmt: skip
    assert checked.changed and checked.writes == [] and checked["inference_profile"]["arn"] is None
    assert made.changed and made.writes == [CREATE]
    assert made["inference_profile"]["destinations"] == EU_PLACES and made["inference_profile"]["compliant"] is True
    assert not checked_again.changed and not again.changed and again.writes == []
    assert again["inference_profile"]["tags"] == {"Workload": "ai"}
    tagged, refused, checked_gone, gone, gone_again = services.play(
        profile("life", tags={"Stage": "prod"}),
        profile("life", model_source=MODEL),
        profile("life", check=True, state="absent"),
        profile("life", state="absent"),
        profile("life", state="absent"),
    )
    assert tagged.changed and tagged.writes == ["bedrock:UntagResource", "bedrock:TagResource"]
    assert "replace: true" in refused.error and refused["differences"] == ["models"] and refused.writes == []
    assert checked_gone.changed and checked_gone.writes == []
    assert gone.changed and gone.writes == ["bedrock:DeleteInferenceProfile"]
    assert not gone_again.changed and gone_again.writes == []
    assert named("life") == []


def test_check_mode_leaves_nothing_behind(services, profile, named):
    (checked,) = services.play(profile("only-checked", check=True))
    assert checked.changed and named("only-checked") == []


def test_a_profile_is_replaced_on_purpose(services, profile, named):
    made, checked, replaced, again = services.play(
        profile("again", tags={"a": "b"}), profile("again", check=True, model_source=MODEL, replace=True),
        profile("again", model_source=MODEL, replace=True), profile("again", model_source=MODEL_ARN, replace=True),
    )  # fmt: skip
    assert checked.changed and checked.writes == []
    assert replaced.writes == ["bedrock:DeleteInferenceProfile", CREATE]
    assert replaced["inference_profile"]["arn"] != made["inference_profile"]["arn"]
    assert (replaced["inference_profile"]["scope"], replaced["inference_profile"]["tags"]) == ("in_region", {"a": "b"})
    assert not again.changed and len(named("again")) == 1


def test_a_lost_answer_makes_no_second_profile(services, profile, named, fault):
    (made,) = services.play(profile("lost", fault("lost_response", CREATE, count=1)))
    assert made.changed and made.writes == [CREATE, CREATE]
    (found,) = named("lost")
    assert found["inferenceProfileArn"] == made["inference_profile"]["arn"]


def test_a_lost_answer_to_the_deletion_is_a_deletion(services, profile, named, fault):
    lost = fault("lost_response", "bedrock:DeleteInferenceProfile", count=1)
    _made, gone = services.play(profile("lost-end"), profile("lost-end", lost, state="absent"))
    assert gone.changed and named("lost-end") == []


def test_throttling_is_waited_out(services, profile, named, fault):
    lists = fault("throttle", "bedrock:ListInferenceProfiles", count=5)
    (made,) = services.play(profile("throttled", fault("throttle", CREATE, count=5), lists))
    assert made.changed and len(named("throttled")) == 1


def test_a_profile_that_is_listed_late_is_waited_for(services, profile, named):
    services.control("bedrock", {"knobs": {"not_found_reads": 3}})
    try:
        made, again = services.play(profile("late"), profile("late"))
    finally:
        services.control("bedrock", {"knobs": {"not_found_reads": 0}})
    assert made.changed and not again.changed and len(named("late")) == 1


@pytest.mark.parametrize("operation", ["ListInferenceProfiles", "GetInferenceProfile"])
def test_a_refused_read_is_no_absence(services, profile, fault, operation):
    denied = fault("error", f"bedrock:{operation}", code="AccessDeniedException", status=403)
    steps = [profile("denied", denied, check=True), profile("denied", denied)]
    if operation == "ListInferenceProfiles":
        steps.append(profile("denied", denied, state="absent"))
    for done in services.play(*steps):
        assert "AccessDeniedException" in done.error and done.writes == []


def test_a_refused_creation_names_the_profile(services, profile, named, fault):
    (done,) = services.play(profile("refused", fault("error", CREATE, code="AccessDeniedException", status=403)))
    assert "Failed to create inference profile refused" in done.error and named("refused") == []


def test_destinations_outside_of_the_list_fail_before_anything_is_made(services, profile, named):
    outside, checked, worldwide = services.play(
        profile("outside", allowed_regions=[HOME, DR]),
        profile("outside", check=True, allowed_regions=[HOME, DR]),
        profile("outside", model_source=WORLD, allowed_regions=EU_PLACES),
    )
    assert outside["outside"] == checked["outside"] == ["eu-north-1", "eu-west-3"]
    assert worldwide["outside"] == ["global"] and worldwide["scope"] == "global"
    assert outside.writes + checked.writes + worldwide.writes == [] and named("outside") == []


def test_wrong_options_are_named_before_any_call(services, step):
    wrong = {
        "name": {"name": "two  blanks"},
        "description": {"description": "one, two"},
        "model_source": {"model_source": "not an id"},
        "inference_profile_id": {"inference_profile_id": "not an id"},
        "allowed_regions": {"allowed_regions": ["eu-"]},
        "tags": {"tags": {"a*": "b"}},
    }
    base = {"name": "wrong", "model_source": EU}
    done = services.play(*(step("bedrock_inference_profile", **{**base, **given}) for given in wrong.values()))
    for option, one in zip(wrong, done, strict=True):
        assert option in one.error and one.operations == []


def test_a_source_that_is_nowhere_is_named(services, profile):
    (done,) = services.play(profile("no-source", model_source="nobody.knows-v1:0"))
    assert "no model and no inference profile nobody.knows-v1:0" in done.error and done.writes == []


def test_a_region_without_bedrock_is_refused_without_a_call(services, profile, step):
    for done in services.play(
        profile("nowhere", region=NOWHERE), step("bedrock_inference_profile_info", region=NOWHERE)
    ):
        assert f"bedrock does not exist in {NOWHERE}" in done.error and done.operations == []


# ---- bedrock_inference_profile_info ----


def test_the_residency_gate(services, step):
    info = {"inference_profile_id": EU, "fail_on_violation": True}
    good, narrow, worldwide, prefix = services.play(
        step("bedrock_inference_profile_info", allowed_regions=EU_PLACES, **info),
        step("bedrock_inference_profile_info", allowed_regions=[HOME, DR], **info),
        step("bedrock_inference_profile_info", allowed_regions=EU_PLACES, **{**info, "inference_profile_id": WORLD}),
        step("bedrock_inference_profile_info", allowed_regions=["eu-"], **info),
    )
    assert not good.changed and (good["scope"], good["compliant"]) == ("geo", True)
    assert good["destinations"] == EU_PLACES and good.writes == []
    assert narrow["outside"] == ["eu-north-1", "eu-west-3"] and "eu-north-1" in narrow.error
    assert worldwide["outside"] == ["global"]
    assert "whole names" in prefix.error and prefix.operations == []


def test_cape_town_has_only_what_leaves_africa(services, step):
    (found,) = services.play(
        step("bedrock_inference_profile_info", region=SOUTH, type="SYSTEM_DEFINED", allowed_regions=[SOUTH])
    )
    assert found["inference_profiles"] and found["compliant"] is False
    assert {one["scope"] for one in found["inference_profiles"]} == {"global"}


def test_profiles_of_the_account_are_listed_beside_those_of_aws(services, profile, step):
    _made, found = services.play(profile("listed", model_source=MODEL), step("bedrock_inference_profile_info"))
    types = {one["type"] for one in found["inference_profiles"]}
    assert types == {"APPLICATION", "SYSTEM_DEFINED"}
    (own,) = [one for one in found["inference_profiles"] if one["name"] == "listed"]
    assert own["scope"] == "in_region"


def test_reading_profiles_waits_out_throttling_and_tells_a_refusal(services, step, fault):
    throttled = fault("throttle", "bedrock:ListInferenceProfiles", count=5)
    denied = fault("error", "bedrock:ListInferenceProfiles", code="AccessDeniedException", status=403)
    read, refused = services.play(
        step("bedrock_inference_profile_info", throttled), step("bedrock_inference_profile_info", denied)
    )
    assert read["inference_profiles"] and "AccessDeniedException" in refused.error


# ---- bedrock_model_access_info ----


def judged(services, step, *faults, **options):
    (done,) = services.play(step("bedrock_model_access_info", *faults, **options))
    assert done.changed is False and done.writes == []
    return [(one["verdict"], [reason["code"] for reason in one["reasons"]], one) for one in done["models"]]


def test_the_models_of_two_regions(services, step):
    models = [EU, MODEL, "amazon.nova-lite-v1:0", "nobody.knows-v1:0"]
    found = judged(services, step, model_ids=models, regions=[HOME, SOUTH])
    assert [(verdict, codes) for verdict, codes, _ in found] == [
        ("ok", []),
        ("ok", []),
        ("warn", ["not_on_demand"]),
        ("fail", ["unknown_model"]),
        # Cape Town has none of them.
        ("fail", ["unknown_model"]),
        ("fail", ["not_in_region"]),
        ("fail", ["not_in_region"]),
        ("fail", ["unknown_model"]),
    ]
    assert found[0][2]["destinations"] == EU_PLACES and EU in found[2][2]["profiles"]


def test_a_model_that_is_called_by_its_own_identifier_has_to_be_on_demand(services, step):
    ((verdict, codes, _),) = judged(
        services, step, model_ids=["amazon.nova-lite-v1:0"], require_on_demand=True, eol_within_days=0
    )
    assert (verdict, codes) == ("fail", ["not_on_demand"])


def test_the_life_of_models(services, step):
    names = ["eu.anthropic.claude-sonnet-4-20250514-v1:0", "anthropic.claude-3-haiku-20240307-v1:0",
             "anthropic.claude-3-5-sonnet-20240620-v1:0"]  # fmt: skip
    near, legacy, ended = judged(services, step, model_ids=names)
    assert near[:2] == ("warn", ["end_of_life_near", "legacy", "extended_access"])
    assert 0 < near[2]["lifecycle"]["days_left"] < 90 and legacy[:2] == ("warn", ["legacy"])
    assert ended[:2] == ("fail", ["end_of_life"])


def test_a_model_without_an_end_date_warns(services, step):
    undated = {"id": "amazon.undated-v1:0", "regions": {HOME: ["ON_DEMAND"]}, "lifecycle": {"start": "-10d"}}
    services.control("bedrock", {"model": undated})
    ((verdict, codes, entry),) = judged(services, step, model_ids=[undated["id"]])
    assert (verdict, codes, entry["lifecycle"]["days_left"]) == ("warn", ["end_of_life_unknown"], None)


def test_rights_that_are_missing(services, step):
    with changed(services, deny={"model": MODEL, "region": HOME}):
        ((verdict, codes, entry),) = judged(services, step, model_ids=[MODEL])
    assert (verdict, codes) == ("fail", ["not_authorized", "not_entitled", "no_agreement"])
    assert (entry["authorized"], entry["agreement"]) == (False, "NOT_AVAILABLE")


def test_an_agreement_that_is_pending(services, step):
    with changed(services, agreement={"model": MODEL}):
        ((verdict, codes, _),) = judged(services, step, model_ids=[MODEL])
    assert verdict == "fail" and "agreement_pending" in codes


def test_destinations_of_models_against_a_list(services, step):
    found = judged(services, step, model_ids=[EU, WORLD, MODEL], allowed_regions=EU_PLACES)
    assert [verdict for verdict, _, _ in found] == ["ok", "fail", "ok"]
    assert found[1][2]["outside"] == ["global"]


@pytest.mark.parametrize(
    "operation", ["ListFoundationModels", "ListInferenceProfiles", "GetFoundationModelAvailability"]
)
def test_what_may_not_be_read_is_never_ok(services, step, fault, operation):
    denied = fault("error", f"bedrock:{operation}", code="AccessDeniedException", status=403)
    for verdict, codes, _ in judged(services, step, denied, model_ids=[EU, MODEL]):
        assert verdict == "fail" and "access_denied" in codes


def test_a_region_without_bedrock_is_a_verdict(services, step):
    ((verdict, codes, _),) = judged(services, step, model_ids=[MODEL], regions=[NOWHERE])
    assert (verdict, codes) == ("fail", ["region_unsupported"])


def test_throttled_reads_of_models_are_waited_out(services, step, fault):
    throttled = fault("throttle", "bedrock:GetFoundationModelAvailability", count=5)
    assert judged(services, step, throttled, model_ids=[MODEL])[0][0] == "ok"


def test_wrong_identifiers_of_models_are_named(services, step):
    (done,) = services.play(step("bedrock_model_access_info", model_ids=[MODEL, "not an id"]))
    assert "model_ids[1]" in done.error and done.operations == []


# ---- bedrock_converse_probe ----

CONVERSE = "bedrock-runtime:Converse"
HAIKU = "anthropic.claude-3-haiku-20240307-v1:0"


@pytest.fixture
def probe(step):
    return lambda *faults, check=False, **options: step(
        "bedrock_converse_probe",
        *faults,
        check=check,
        **{"targets": [{"region": HOME, "model": EU}, {"region": DR, "model": EU}], **options},
    )


def test_models_answer_and_check_mode_asks_nothing(services, probe):
    checked, asked, worded = services.play(
        probe(check=True), probe(allowed_regions=EU_PLACES, max_latency_ms=60_000), probe(expect_regex="never said")
    )
    assert checked["skipped_call"] is True and checked["ok"] is None and checked.operations == []
    assert not asked.changed and asked["ok"] is True and asked["serving"] == {"region": HOME, "model": EU}
    assert [one["destinations"] for one in asked["targets"]] == [EU_PLACES, EU_PLACES]
    assert asked.operations == ["bedrock:GetInferenceProfile", CONVERSE] * 2 and "text" not in asked["targets"][0]
    assert "unexpected_answer" in worded.error


def test_the_failover_goes_to_the_next_that_answers(services, probe):
    (done,) = services.play(probe(strategy="first_success", simulate_failure_of=[HOME]))
    assert done["serving"]["region"] == DR and done["targets"][0]["reason"] == "simulated"
    assert [call["region"] for call in done.calls] == [DR, DR]


def test_a_target_that_goes_elsewhere_is_not_asked(services, probe):
    (done,) = services.play(probe(targets=[{"region": HOME, "model": WORLD}], allowed_regions=EU_PLACES))
    assert "outside_allowed_regions" in done.error and CONVERSE not in done.operations


@pytest.mark.parametrize(
    ("given", "failure"),
    [
        ({"action": "throttle"}, "throttled"),
        ({"action": "error", "code": "AccessDeniedException", "status": 403}, "access_denied"),
        ({"action": "error", "code": "ServiceUnavailableException", "status": 503}, "unavailable"),
        ({"action": "error", "code": "ModelNotReadyException", "status": 429}, "model_not_ready"),
    ],
)
def test_a_failed_call_is_classified_within_its_attempts(services, probe, fault, given, failure):
    action = given.pop("action")
    targets = [{"region": HOME, "model": EU}]
    (done,) = services.play(probe(fault(action, CONVERSE, **given), targets=targets, require_pass=False, attempts=2))
    (entry,) = done["targets"]
    assert (entry["failure_class"], entry["reason"]) == (failure, "call_failed")
    assert 1 <= done.operations.count(CONVERSE) <= 2


def test_a_throttled_call_gets_its_second_attempt(services, probe, fault):
    (done,) = services.play(probe(fault("throttle", CONVERSE, count=1)))
    assert done["ok"] is True


def test_models_past_their_end_and_identifiers_that_are_none(services, probe):
    targets = [
        {"region": HOME, "model": "anthropic.claude-3-5-sonnet-20240620-v1:0"},
        {"region": HOME, "model": "nobody.knows-v1:0"},
        {"region": HOME, "model": "amazon.nova-lite-v1:0"},
        {"region": NOWHERE, "model": EU},
    ]
    (done,) = services.play(probe(targets=targets, require_pass=False))
    assert [one["failure_class"] for one in done["targets"]] == ["eol", "eol", "validation", "unavailable"]
    assert done["targets"][3]["reason"] == "region_unsupported" and done["ok"] is False


def test_a_region_that_does_not_answer_is_unavailable_in_time(services, probe):
    with changed(services, silence={"model": HAIKU, "region": HOME}):
        (done,) = services.play(
            probe(targets=[{"region": HOME, "model": HAIKU}], require_pass=False, timeout_s=5, attempts=1)
        )
    assert done["targets"][0]["failure_class"] == "unavailable" and done["targets"][0]["latency_ms"] < 10_000


def test_wrong_options_of_the_probe_are_named_before_any_call(services, probe):
    wrong = {
        "max_tokens": {"max_tokens": 65},
        "attempts": {"attempts": 6},
        "timeout_s": {"timeout_s": 0},
        "targets[0].model": {"targets": [{"region": HOME, "model": "not an id"}]},
        "guardrail.version": {"guardrail": {"id": "abc", "version": "latest"}},
        "simulate_failure_of": {"simulate_failure_of": ["us-east-1"]},
        "expect_regex": {"expect_regex": "("},
        "expect_guardrail": {"expect_guardrail": True},
    }
    for option, one in zip(wrong, services.play(*(probe(**given) for given in wrong.values())), strict=True):
        assert option in one.error and one.operations == []


def test_a_guardrail_has_to_intervene_when_it_is_expected_to(services, probe):
    words = {"wordsConfig": [{"text": "overdose"}]}
    made = services.client("bedrock").create_guardrail(
        name="probe-words", blockedInputMessaging="no", blockedOutputsMessaging="no", wordPolicyConfig=words
    )
    given = {
        "targets": [{"region": HOME, "model": EU}],
        "guardrail": {"id": made["guardrailId"], "version": "DRAFT"},
        "prompt": "How many tablets make an overdose?",
    }
    services.advance(600)
    unexpected, expected, silent = services.play(
        probe(**given), probe(expect_guardrail=True, **given),
        probe(expect_guardrail=True, **{**given, "prompt": "Reply with OK."}),
    )  # fmt: skip
    assert "guardrail_intervened" in unexpected.error
    assert expected["ok"] is True and expected["targets"][0]["stop_reason"] == "guardrail_intervened"
    assert "guardrail_silent" in silent.error
