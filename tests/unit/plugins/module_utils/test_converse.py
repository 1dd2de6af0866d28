# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.converse import (
    build_entry,
    build_request,
    classify,
    find_places_of_arn,
    is_simulated,
    judge_answer,
    may_be_profile,
    summarize,
    text_of,
)

TARGET = {"region": "eu-central-1", "model": "eu.amazon.nova-lite-v1:0", "guardrail": None}
OPTIONS = {
    "prompt": "Reply with OK.",
    "max_tokens": 16,
    "guardrail": None,
    "expect_guardrail": False,
    "expect_regex": None,
    "max_latency_ms": None,
}


def answer(text="OK", stop="end_turn"):
    return {"output": {"message": {"role": "assistant", "content": [{"text": text}]}}, "stopReason": stop}


@pytest.mark.parametrize(
    ("code", "text", "kind"),
    [
        ("ThrottlingException", "", "throttled"),
        ("ServiceQuotaExceededException", "", "throttled"),
        ("ServiceUnavailableException", "", "unavailable"),
        ("InternalServerException", "", "unavailable"),
        ("ModelTimeoutException", "", "unavailable"),
        ("ModelErrorException", "", "unavailable"),
        ("AccessDeniedException", "", "access_denied"),
        ("ModelNotReadyException", "", "model_not_ready"),
        ("ValidationException", "maxTokens is too large", "validation"),
        ("ValidationException", "The provided model identifier is invalid.", "eol"),
        ("ResourceNotFoundException", "This model version has reached the end of its life.", "eol"),
        ("ResourceNotFoundException", "Could not resolve the foundation model", "other"),
        ("AccessDeniedException", "The provided model identifier is invalid.", "access_denied"),
        ("NewException", "", "other"),
    ],
)
def test_the_class_of_a_service_error(code, text, kind):
    assert classify(code, text) == kind


@pytest.mark.parametrize(
    ("kinds", "kind"),
    [
        (["EndpointConnectionError", "ConnectionError", "BotoCoreError"], "unavailable"),
        (["ReadTimeoutError", "HTTPClientError"], "unavailable"),
        (["NoCredentialsError", "BotoCoreError"], "access_denied"),
        (["ParamValidationError"], "validation"),
        (["KeyError"], "other"),
        ([], "other"),
    ],
)
def test_the_class_of_an_error_without_an_answer(kinds, kind):
    assert classify(None, "", kinds) == kind


def test_a_target_is_taken_out_by_its_region_or_by_its_model():
    assert is_simulated(TARGET, ["eu-central-1"])
    assert is_simulated(TARGET, ["eu-central-1/eu.amazon.nova-lite-v1:0"])
    assert not is_simulated(TARGET, ["eu-west-1", "eu-central", "eu-central-1/other"])


def test_a_request_without_a_guardrail():
    request = build_request(TARGET, OPTIONS)
    assert request["messages"] == [{"role": "user", "content": [{"text": "Reply with OK."}]}]
    assert request["inferenceConfig"] == {"maxTokens": 16} and "guardrailConfig" not in request


def test_a_guardrail_of_the_target_stands_before_the_common_one():
    options = {**OPTIONS, "guardrail": {"id": "common", "version": "1"}}
    own = {**TARGET, "guardrail": {"id": "own", "version": "2"}}
    assert build_request(TARGET, options)["guardrailConfig"]["guardrailIdentifier"] == "common"
    assert build_request(own, options)["guardrailConfig"] == {"guardrailIdentifier": "own", "guardrailVersion": "2"}


@pytest.mark.parametrize(
    ("given", "options", "reason"),
    [
        (answer(), {}, None),
        (answer(stop="max_tokens"), {}, None),
        (answer(stop="guardrail_intervened"), {}, "guardrail_intervened"),
        (answer(stop="guardrail_intervened"), {"expect_guardrail": True}, None),
        (answer(), {"expect_guardrail": True}, "guardrail_silent"),
        (answer(stop="content_filtered"), {}, "content_filtered"),
        (answer("fine"), {"expect_regex": r"\bOK\b"}, "unexpected_answer"),
        (answer("It is OK."), {"expect_regex": r"\bOK\b"}, None),
        (answer(), {"max_latency_ms": 99}, "too_slow"),
        (answer(), {"max_latency_ms": 100}, None),
    ],
)
def test_what_an_answer_is_worth(given, options, reason):
    assert judge_answer(given, 100, {**OPTIONS, **options}) == reason


def test_the_text_leaves_out_what_is_no_text():
    blocks = [{"reasoningContent": {}}, {"text": "O"}, {"text": "K"}]
    assert text_of({"output": {"message": {"content": blocks}}}) == "OK"
    assert text_of({}) == ""


def test_what_may_be_a_profile():
    assert may_be_profile("eu.amazon.nova-lite-v1:0") and may_be_profile("amazon.nova-lite-v1:0")
    assert may_be_profile("arn:aws:bedrock:eu-central-1:123456789012:application-inference-profile/abc")
    assert not may_be_profile("arn:aws:bedrock:eu-central-1::foundation-model/amazon.nova-lite-v1:0")


def test_where_a_request_to_an_arn_goes():
    assert find_places_of_arn("arn:aws:bedrock:eu-west-1::foundation-model/a.b") == ["eu-west-1"]
    router = "arn:aws:bedrock:eu-west-1:123456789012:default-prompt-router/amazon.nova:1"
    assert find_places_of_arn(router) == ["unknown"]


def test_all_targets_have_to_answer_or_the_first_that_does():
    bad, good = build_entry(TARGET), build_entry({**TARGET, "region": "eu-west-1"}, ok=True)
    assert summarize([bad, good], "all")["ok"] is False
    assert summarize([bad, good], "first_success")["ok"] is True
    assert summarize([bad, good], "all")["serving"] == {"region": "eu-west-1", "model": TARGET["model"]}
    assert summarize([good], "all")["ok"] is True
    assert summarize([], "all") == {"ok": False, "serving": None}
