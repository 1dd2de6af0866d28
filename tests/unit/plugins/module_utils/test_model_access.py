# SPDX-License-Identifier: GPL-3.0-or-later
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.model_access import (
    Catalog,
    Reason,
    Rules,
    bare_id,
    find_facts,
    find_worst,
    judge,
    judge_unsupported,
)

HOME, NOW = "eu-central-1", datetime(2026, 5, 1, tzinfo=UTC)
NOVA, EU = "amazon.nova-lite-v1:0", "eu.amazon.nova-lite-v1:0"
GOOD = {
    "regionAvailability": "AVAILABLE",
    "authorizationStatus": "AUTHORIZED",
    "entitlementAvailability": "AVAILABLE",
    "agreementAvailability": {"status": "AVAILABLE"},
}
DENIED = Reason("access_denied", "not allowed")


def arn(region, model=NOVA):
    return f"arn:aws:bedrock:{region}::foundation-model/{model}"


def catalog(types=("ON_DEMAND",), days=400, **change):
    life = {"status": "ACTIVE", **({} if days is None else {"endOfLifeTime": NOW + timedelta(days=days)})}
    model = {"modelId": NOVA, "modelArn": arn(HOME), "inferenceTypesSupported": list(types), "modelLifecycle": life}
    profile = {"inferenceProfileId": EU, "models": [{"modelArn": arn("eu-west-1")}, {"modelArn": arn(HOME)}]}
    return Catalog(**{"models": [model], "profiles": [profile], **change})


def verdict_of(model_id=NOVA, availability=GOOD, found=None, unread=(), **rules):
    found = found or catalog()
    entry = judge(find_facts(found, model_id), availability, list(unread), Rules(HOME, NOW, **rules))
    return entry["verdict"], [one["code"] for one in entry["reasons"]], entry


def test_a_model_that_can_be_used_is_ok():
    verdict, reasons, entry = verdict_of()
    assert (verdict, reasons) == ("ok", [])
    assert (entry["kind"], entry["profiles"], entry["destinations"]) == ("foundation_model", [EU], [HOME])
    assert (entry["region_available"], entry["authorized"], entry["entitlement"]) == (True, True, "AVAILABLE")


def test_a_profile_is_judged_by_its_model_and_goes_where_it_lists():
    verdict, _, entry = verdict_of(EU)
    assert (verdict, entry["kind"], entry["foundation_model_id"]) == ("ok", "inference_profile", NOVA)
    assert (entry["destinations"], entry["scope"]) == ([HOME, "eu-west-1"], "geo")


@pytest.mark.parametrize("given", [arn(HOME), f"arn:aws:bedrock:{HOME}:123456789012:inference-profile/{EU}"])
def test_an_arn_is_known_by_its_identifier(given):
    assert verdict_of(given)[0] == "ok"
    assert bare_id(given) in (NOVA, EU)


def test_an_unknown_model_fails_with_its_reason():
    verdict, reasons, entry = verdict_of("nobody.knows-v1:0", None)
    assert (verdict, reasons, entry["kind"]) == ("fail", ["unknown_model"], "unknown")
    assert entry["foundation_model_id"] is None


@pytest.mark.parametrize(
    ("member", "value", "code"),
    [
        ("regionAvailability", "NOT_AVAILABLE", "not_in_region"),
        ("authorizationStatus", "NOT_AUTHORIZED", "not_authorized"),
        ("entitlementAvailability", "NOT_AVAILABLE", "not_entitled"),
        ("agreementAvailability", {"status": "ERROR", "errorMessage": "no card"}, "agreement_error"),
    ],
)
def test_a_right_that_is_missing_fails(member, value, code):
    assert verdict_of(availability={**GOOD, member: value})[:2] == ("fail", [code])


@pytest.mark.parametrize(("status", "code"), [("PENDING", "agreement_pending"), ("NOT_AVAILABLE", "no_agreement")])
def test_an_agreement_that_the_first_call_makes_warns(status, code):
    assert verdict_of(availability={**GOOD, "agreementAvailability": {"status": status}})[:2] == ("warn", [code])


def test_a_model_that_another_region_has_is_not_in_this_one():
    elsewhere = {**GOOD, "regionAvailability": "NOT_AVAILABLE"}
    verdict, reasons, entry = verdict_of("amazon.nova-pro-v1:0", elsewhere)
    assert (verdict, reasons, entry["region_available"]) == ("fail", ["not_in_region"], False)


def test_the_end_of_life():
    assert verdict_of(found=catalog(days=-1))[:2] == ("fail", ["end_of_life"])
    assert verdict_of(found=catalog(days=89))[:2] == ("warn", ["end_of_life_near"])
    assert verdict_of(found=catalog(days=89), eol_within_days=30)[0] == "ok"
    assert verdict_of(EU, found=catalog(days=-1))[:2] == ("fail", ["end_of_life"])


def test_no_end_date_is_unknown_and_warns():
    verdict, reasons, entry = verdict_of(found=catalog(days=None))
    assert (verdict, reasons) == ("warn", ["end_of_life_unknown"])
    assert (entry["lifecycle"]["days_left"], entry["lifecycle"]["verdict"]) == (None, "unknown")


def test_a_model_that_only_a_profile_can_call_names_the_profile():
    verdict, reasons, entry = verdict_of(found=catalog(types=["INFERENCE_PROFILE"]))
    assert (verdict, reasons) == ("warn", ["not_on_demand"]) and EU in entry["reasons"][0]["text"]
    assert verdict_of(found=catalog(types=["PROVISIONED"]), require_on_demand=True)[0] == "fail"
    assert verdict_of(EU, found=catalog(types=["PROVISIONED"]), require_on_demand=True)[0] == "ok"


def test_destinations_outside_of_the_list_fail():
    assert verdict_of(EU, allowed_regions=[HOME])[:2] == ("fail", ["outside_allowed_regions"])
    assert verdict_of(NOVA, allowed_regions=[HOME])[0] == "ok"


@pytest.mark.parametrize("model_id", [NOVA, EU, "nobody.knows-v1:0"])
def test_what_could_not_be_read_is_never_ok(model_id):
    assert verdict_of(model_id, None, unread=[DENIED])[:2] == ("fail", ["access_denied"])
    without = catalog(models=None)
    assert verdict_of(model_id, found=without, unread=[DENIED])[0] == "fail"
    unknown = verdict_of(NOVA, found=catalog(profiles=None), unread=[DENIED])[2]
    assert (unknown["verdict"], unknown["profiles"]) == ("fail", None)


def test_an_availability_that_bedrock_does_not_know_is_not_ok():
    assert verdict_of(availability=None)[:2] == ("fail", ["unreadable"])


def test_a_region_without_bedrock():
    entry = judge_unsupported(NOVA, Rules("eu-nowhere-1", NOW))
    assert (entry["verdict"], entry["region_available"]) == ("fail", False)
    assert [one["code"] for one in entry["reasons"]] == ["region_unsupported"]


def test_the_worst_verdict_of_all_and_of_none():
    assert find_worst(["ok", "fail", "warn"]) == "fail"
    assert find_worst(["ok", "warn"]) == "warn"
    assert find_worst([]) == "fail"


def test_a_model_is_not_said_to_be_elsewhere_when_the_list_could_not_be_read():
    assert verdict_of(found=catalog(models=None), unread=[DENIED])[:2] == ("fail", ["access_denied"])


def test_a_model_whose_life_has_ended_is_not_said_to_be_elsewhere():
    facts = replace(find_facts(catalog(models=[]), "anthropic.old-v1:0"), ended=True)
    entry = judge(facts, {**GOOD, "regionAvailability": "NOT_AVAILABLE"}, [], Rules(HOME, NOW))
    assert (entry["verdict"], [one["code"] for one in entry["reasons"]]) == ("fail", ["end_of_life"])
