# SPDX-License-Identifier: GPL-3.0-or-later
"""What a plan for the assistant gets told of its models, its guardrail and its data retention."""

import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils import model_access as access
from ansible_collections.medzen.multiregion.plugins.module_utils import video_ai_preflight_assistant as preflight
from ansible_collections.medzen.multiregion.plugins.module_utils.preflight import Unknown

HOME, DR, LONDON, VIRGINIA = "eu-central-1", "eu-west-1", "eu-west-2", "us-east-1"
ALLOWED = [HOME, DR]
MODEL = "amazon.nova-lite-v1:0"
PROFILE = "eu.guardrail.v1:0"


def entry(*codes, kind=access.FOUNDATION_MODEL):
    """An entry of model_access with these reasons."""
    reasons = [{"code": code, "text": f"it is {code}"} for code in codes]
    return {"model_id": MODEL, "region": HOME, "kind": kind, "destinations": [HOME], "reasons": reasons}


def told(check):
    return check.verdict, check.reason


# ---- models ----


def test_each_target_is_asked_for_once_and_by_region():
    models = [
        preflight.Model("a", HOME, DR, "b"),
        preflight.Model("a", HOME, DR),
        preflight.Model("c", DR),
    ]
    assert preflight.group_targets(models) == {HOME: ["a"], DR: ["b", "a", "c"]}


@pytest.mark.parametrize(
    ("failover", "expected"),
    [
        (DR, ("ok", "")),
        ("", ("warn", "model_without_failover")),
        (HOME, ("refuse", "model_failover_same_region")),
    ],
)
def test_a_model_fails_over_to_another_region(failover, expected):
    assert told(preflight.check_failover(preflight.Model(MODEL, HOME, failover))) == expected


def test_a_model_without_reasons_is_ok():
    (check,) = preflight.check_model(entry())
    assert told(check) == ("ok", "") and HOME in check.found


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("end_of_life", ("refuse", "model_end_of_life")),
        ("end_of_life_near", ("warn", "model_end_of_life_near")),
        ("legacy", ("warn", "model_legacy")),
        ("not_in_region", ("refuse", "model_not_in_region")),
        ("region_unsupported", ("refuse", "model_region_unsupported")),
        ("unknown_model", ("refuse", "unknown_model")),
        ("not_on_demand", ("refuse", "model_not_on_demand")),
        ("outside_allowed_regions", ("refuse", "model_outside_allowed_regions")),
        ("no_agreement", ("warn", "model_no_agreement")),
        ("access_denied", ("unknown", "model_access_denied")),
        ("unreadable", ("unknown", "model_unreadable")),
    ],
)
def test_a_reason_of_the_models_judge_becomes_a_check(code, expected):
    (check,) = preflight.check_model(entry(code))
    assert told(check) == expected and check.found == f"it is {code}"


def test_every_reason_is_a_check_of_its_own():
    checks = preflight.check_model(entry("end_of_life", "outside_allowed_regions"))
    assert [check.reason for check in checks] == ["model_end_of_life", "model_outside_allowed_regions"]


@pytest.mark.parametrize(("allowed", "reasons"), [([HOME], []), ([DR], ["model_outside_allowed_regions"])])
def test_a_model_that_a_region_does_not_know_is_judged_by_the_region(allowed, reasons):
    checks = preflight.check_model(entry("not_in_region", kind=access.UNKNOWN), None, allowed)
    assert [check.reason for check in checks] == ["model_not_in_region", *reasons]


def test_reads_that_failed_alike_are_one_check():
    one = entry("unreadable", "unreadable")
    one["reasons"][1]["text"] = "nor are the profiles"
    (check,) = preflight.check_model(one)
    assert (check.reason, check.found) == ("model_unreadable", "it is unreadable; nor are the profiles")


def test_every_reason_of_the_models_judge_says_what_to_do():
    known = {
        *preflight.MODEL_STEPS,
        *access.WARNINGS,
        *access.LIFE,
        *(code for code, _text in access.AGREEMENTS.values()),
    }
    assert all(check.expected and check.next_step for check in preflight.check_model(entry(*sorted(known))))


@pytest.mark.parametrize(
    ("kind", "through_profile", "reasons"),
    [
        (access.FOUNDATION_MODEL, None, [""]),
        (access.FOUNDATION_MODEL, False, [""]),
        (access.FOUNDATION_MODEL, True, ["model_identifier_kind"]),
        (access.INFERENCE_PROFILE, True, [""]),
        (access.INFERENCE_PROFILE, False, ["model_identifier_kind"]),
    ],
)
def test_an_identifier_is_what_the_plan_takes_it_for(kind, through_profile, reasons):
    checks = preflight.check_model(entry(kind=kind), through_profile)
    assert [check.reason for check in checks] == reasons


# ---- guardrail ----


@pytest.mark.parametrize(
    ("tier", "languages", "accepted", "expected"),
    [
        ("CLASSIC", ("en", "fr-CM"), (), ("ok", "")),
        ("CLASSIC", ("en", "ar"), (), ("refuse", "guardrail_language_unsupported")),
        ("STANDARD", ("en", "ar"), (), ("ok", "")),
        ("STANDARD", ("en", "sg"), (), ("refuse", "guardrail_language_unsupported")),
        ("STANDARD", ("en", "sg"), ("sg",), ("warn", "guardrail_language_accepted")),
    ],
)
def test_a_language_is_understood_or_recorded(tier, languages, accepted, expected):
    guardrail = preflight.Guardrail(tier, languages, accepted)
    assert told(preflight.check_guardrail_languages(guardrail)) == expected


def test_only_languages_that_are_not_recorded_are_named():
    check = preflight.check_guardrail_languages(preflight.Guardrail("CLASSIC", ("sw", "ha", "fr"), ("ha",)))
    assert check.found == "not known to understand sw"


@pytest.mark.parametrize(
    ("tier", "profile", "region", "expected"),
    [
        ("CLASSIC", "", HOME, ("ok", "")),
        ("CLASSIC", "", LONDON, ("refuse", "guardrail_outside_allowed_regions")),
        ("STANDARD", "", HOME, ("refuse", "guardrail_profile_missing")),
        ("STANDARD", PROFILE, HOME, ("refuse", "guardrail_outside_allowed_regions")),
        ("STANDARD", "us.guardrail.v1:0", HOME, ("refuse", "guardrail_profile_unsupported")),
        ("STANDARD", "moon.guardrail.v1:0", HOME, ("unknown", "guardrail_destinations_unknown")),
    ],
)
def test_a_guardrail_is_evaluated_in_allowed_regions(tier, profile, region, expected):
    guardrail = preflight.Guardrail(tier, ("en",), (), profile)
    assert told(preflight.check_guardrail_profile(guardrail, region, ALLOWED)) == expected


def test_a_profile_is_fine_when_all_its_regions_are_allowed():
    guardrail = preflight.Guardrail("STANDARD", ("en",), (), PROFILE)
    everywhere = [HOME, DR, "eu-north-1", "eu-south-1", "eu-south-2", "eu-west-3"]
    assert told(preflight.check_guardrail_profile(guardrail, HOME, everywhere)) == ("ok", "")


# ---- data retention ----


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("none", ("ok", "")),
        ("default", ("ok", "")),
        ("aws_review", ("warn", "data_retention_review")),
        ("inherit", ("unknown", "data_retention_inherited")),
        ("provider_data_share", ("refuse", "provider_data_share")),
        ("newer_than_this", ("unknown", "data_retention_unknown")),
    ],
)
def test_what_is_kept_is_judged_in_the_plan_and_in_the_account(mode, expected):
    assert told(preflight.check_planned_retention(mode)) == expected
    assert told(preflight.check_retention(HOME, mode)) == expected


def test_a_retention_that_could_not_be_read_is_unknown():
    assert told(preflight.check_retention(HOME, Unknown("AccessDenied"))) == ("unknown", "unreadable")
