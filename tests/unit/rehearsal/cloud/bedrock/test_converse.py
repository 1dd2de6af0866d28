# SPDX-License-Identifier: GPL-3.0-or-later
import json

import pytest

from rehearsal.cloud.bedrock.control import answers
from rehearsal.cloud.ledger import is_write

SONNET = "anthropic.claude-sonnet-4-5-20250929-v1:0"
OLD = "anthropic.claude-3-5-sonnet-20240620-v1:0"
HAIKU_3 = "anthropic.claude-3-haiku-20240307-v1:0"
TITAN = "amazon.titan-embed-text-v2:0"
HELLO = "In which language do you answer?"


def converse(runtime, model=HAIKU_3, text=HELLO, **more):
    return runtime.converse(modelId=model, messages=[{"role": "user", "content": [{"text": text}]}], **more)


def said(answer):
    return answer["output"]["message"]["content"][0]["text"]


def test_an_answer_is_the_same_each_time_and_costs_tokens(runtime):
    first, again = converse(runtime), converse(runtime)
    assert said(first) == said(again)
    assert "English" in said(first)
    used = first["usage"]
    assert used["inputTokens"] + used["outputTokens"] == used["totalTokens"] > 10
    assert first["metrics"]["latencyMs"] > 420 and first["stopReason"] == "end_turn"


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("Answer in French.", "français"),
        ("Tafadhali, ninaweza kunywa dawa hii?", "Kiswahili"),
        ("كيف حالك؟", "العربية"),
        ("Abeg, wetin I fit do?", "Pidgin"),
    ],
)
def test_it_answers_in_the_language_asked_for(runtime, text, part):
    assert part in said(converse(runtime, text=text))


def test_nothing_of_the_question_comes_back_but_a_word_asked_for(runtime):
    assert "Amina" not in said(converse(runtime, text="My name is Amina, am I ill?"))
    assert said(converse(runtime, text="Answer with the single word READY")) == "READY"


def test_an_answer_ends_at_its_limit(runtime):
    short = converse(runtime, inferenceConfig={"maxTokens": 4})
    assert (short["stopReason"], short["usage"]["outputTokens"]) == ("max_tokens", 4)
    assert converse(runtime, inferenceConfig={"stopSequences": ["."]})["stopReason"] == "stop_sequence"


def test_the_destinations_of_a_profile_take_turns(runtime, bedrock):
    for _ in range(12):
        converse(runtime, f"eu.{SONNET}")
    shown = answers(bedrock, {"allowed": "eu-central-1,eu-west-1"})
    assert shown["by_region"]["eu-south-2"] == 2 and shown["outside"] == 8
    assert answers(bedrock, {"since": "12"})["answers"] == []


def test_an_application_profile_answers_by_its_arn(api, runtime, bedrock):
    source = f"arn:aws:bedrock:eu-central-1:123456789012:inference-profile/eu.{SONNET}"
    made = api.create_inference_profile(inferenceProfileName="chat", modelSource={"copyFrom": source})
    converse(runtime, made["inferenceProfileArn"])
    assert bedrock.answers[-1]["profile"] == made["inferenceProfileArn"].rpartition("/")[2]
    assert bedrock.answers[-1]["model"] == SONNET


def test_a_global_profile_leaves_the_continent(client, bedrock):
    away = client("bedrock-runtime", "af-south-1")
    for _ in range(12):
        converse(away, f"global.{SONNET}")
    assert answers(bedrock, {"allowed": "af-south-1"})["outside"] == 11


def test_a_silent_destination_is_passed_over(runtime, bedrock, settings, refused):
    settings(profile={"id": f"eu.{SONNET}", "destinations": ["eu-west-1", "eu-west-3"]})
    settings(silence={"model": SONNET, "region": "eu-west-1"})
    for _ in range(3):
        converse(runtime, f"eu.{SONNET}")
    assert {row["answered_in"] for row in bedrock.answers} == {"eu-west-3"}
    settings(silence={"model": SONNET})
    with refused("ServiceUnavailableException"):
        converse(runtime, f"eu.{SONNET}")


def test_a_throttle_counts_in_the_region_that_asks(runtime, client, settings, refused):
    settings(throttle={"model": SONNET, "region": "eu-central-1"})
    with refused("ThrottlingException"):
        converse(runtime, f"eu.{SONNET}")
    assert converse(client("bedrock-runtime", "eu-west-1"), f"eu.{SONNET}")["stopReason"] == "end_turn"


def test_a_denied_destination_fails_the_request(runtime, settings, refused):
    settings(deny={"model": SONNET, "region": "eu-south-1"})
    with refused("AccessDeniedException"):
        converse(runtime, f"eu.{SONNET}")


@pytest.mark.parametrize(
    ("model", "code", "text"),
    [
        (SONNET, "ValidationException", "on-demand throughput isn"),
        ("amazon.unknown-v1:0", "ValidationException", "identifier is invalid"),
        (f"us.{SONNET}", "ValidationException", "identifier is invalid"),
        (OLD, "ResourceNotFoundException", "end of its life"),
        (TITAN, "ValidationException", "doesn't support the model"),
    ],
)
def test_a_model_is_refused(runtime, refused, model, code, text):
    with refused(code, text):
        converse(runtime, model)


def test_a_provider_may_want_a_form_first(api, runtime, settings, refused):
    settings(knobs={"use_case_submitted": False})
    with refused("ResourceNotFoundException", "use case details"):
        converse(runtime, HAIKU_3)
    assert converse(runtime, "eu.amazon.nova-lite-v1:0")["stopReason"] == "end_turn"
    found = api.get_foundation_model_availability(modelId=HAIKU_3)
    assert found["agreementAvailability"]["status"] == "NOT_AVAILABLE"


def test_how_a_dead_model_refuses_can_be_set(runtime, settings, refused):
    settings(knobs={"end_of_life_code": "ValidationException"})
    with refused("ValidationException", "identifier is invalid"):
        converse(runtime, OLD)


def test_a_model_dies_while_the_world_lives(runtime, settings, refused):
    settings(lifecycle={"model": SONNET, "end": "-1d"})
    with refused("ResourceNotFoundException"):
        converse(runtime, f"eu.{SONNET}")


def test_a_conversation_begins_with_the_user(runtime, refused):
    with refused("ValidationException", "start with a user message"):
        runtime.converse(modelId=HAIKU_3, messages=[{"role": "assistant", "content": [{"text": "Hi"}]}])


def test_a_blocked_question_reaches_no_model(runtime, bedrock, guardrail):
    wanted = {"guardrailIdentifier": guardrail(), "guardrailVersion": "DRAFT", "trace": "enabled"}
    answer = converse(runtime, text="How large is an overdose?", guardrailConfig=wanted)
    assert (said(answer), answer["stopReason"], answer["usage"]["totalTokens"]) == ("No.", "guardrail_intervened", 0)
    assert bedrock.answers[-1]["answered_in"] is None
    found = answer["trace"]["guardrail"]["inputAssessment"][wanted["guardrailIdentifier"]]
    assert found["wordPolicy"]["customWords"][0]["match"] == "overdose"


def test_a_blocked_answer_is_replaced(runtime, guardrail):
    words = [{"text": "aspirin", "inputAction": "NONE"}]
    wanted = {"guardrailIdentifier": guardrail(wordPolicyConfig={"wordsConfig": words}), "guardrailVersion": "DRAFT"}
    answer = converse(runtime, text="Answer with the word aspirin", guardrailConfig=wanted)
    assert (said(answer), answer["stopReason"]) == ("Nothing.", "guardrail_intervened")
    assert answer["usage"]["outputTokens"] > 0


def test_a_guardrail_needs_id_and_version(runtime, refused):
    with refused("ValidationException", "Both"):
        converse(runtime, guardrailConfig={"guardrailIdentifier": "abc"})
    with refused("ValidationException", "does not exist"):
        converse(runtime, guardrailConfig={"guardrailIdentifier": "abc", "guardrailVersion": "1"})


@pytest.mark.parametrize(
    ("model", "body", "path"),
    [
        (
            HAIKU_3,
            {"anthropic_version": "x", "max_tokens": 50, "messages": [{"role": "user", "content": HELLO}]},
            ("content", 0, "text"),
        ),
        (TITAN, {"inputText": "fever and cough"}, ("inputTextTokenCount",)),
        (
            "eu.amazon.nova-lite-v1:0",
            {"messages": [{"role": "user", "content": [{"text": HELLO}]}]},
            ("output", "message", "content", 0, "text"),
        ),
    ],
)
def test_native_requests_are_answered(runtime, model, body, path):
    answer = json.loads(runtime.invoke_model(modelId=model, body=json.dumps(body))["body"].read())
    for step in path:
        answer = answer[step]
    assert answer == 3 or "English" in answer


def test_a_malformed_native_request_is_refused(runtime, refused):
    without_role = {"anthropic_version": "x", "max_tokens": 5, "messages": [{"content": "no role"}]}
    for body in ([], {}, without_role):
        with refused("ValidationException", "Malformed"):
            runtime.invoke_model(modelId=HAIKU_3, body=json.dumps(body))


def test_asking_changes_nothing():
    assert not any(is_write("bedrock-runtime", name) for name in ("Converse", "InvokeModel", "ApplyGuardrail"))


def test_fields_of_a_models_own_are_taken_as_they_are(runtime):
    assert (
        converse(runtime, additionalModelRequestFields={"top_k": 3, "more": {"deep": [1]}})["stopReason"] == "end_turn"
    )


def test_a_fault_throttles_as_bedrock_does(runtime, world, refused):
    rule = world.faults.add({"match": {"service": "bedrock-runtime", "nth": 1}, "action": "throttle"})
    with refused("ThrottlingException"):
        converse(runtime)
    world.faults.remove(rule.id)
    assert converse(runtime)["stopReason"] == "end_turn"
