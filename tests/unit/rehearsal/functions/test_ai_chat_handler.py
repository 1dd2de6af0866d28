# SPDX-License-Identifier: GPL-3.0-or-later
import json

import pytest
from botocore.exceptions import EndpointConnectionError

TARGETS = [{"region": "eu-central-1", "model": "eu.model-a"}, {"region": "eu-west-1", "model": "eu.model-b"}]
ANSWER = {"output": {"message": {"content": [{"text": "Drink "}, {"text": "water."}]}}, "stopReason": "end_turn"}


class Runtime:
    """Bedrock in one region."""

    def __init__(self, answer):
        self.answer, self.requests = answer, []

    def converse(self, **request):
        self.requests.append(request)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def assistant(load, monkeypatch):
    """assistant(first answer, second answer) -> module with its two regions."""

    def build(*answers, targets=TARGETS):
        module = load("ai_chat_handler", MODEL_TARGETS=json.dumps(targets))
        module.regions = dict(zip(("eu-central-1", "eu-west-1"), map(Runtime, answers), strict=False))
        monkeypatch.setattr(module, "client_of", module.regions.get)
        return module

    return build


def ask(module, body=None, route="POST /ai/chat"):
    answer = module.handle({"routeKey": route, "body": json.dumps(body)}, None)
    return answer["statusCode"], json.loads(answer["body"])


def test_the_first_target_answers(assistant):
    module = assistant(ANSWER, ANSWER)
    body = {"answer": "Drink water.", "model": "eu.model-a", "region": "eu-central-1", "intervened": False}
    assert ask(module, {"message": "I have a fever", "language": "sw"}) == (200, body)
    assert "Swahili" in module.regions["eu-central-1"].requests[0]["system"][0]["text"]
    assert module.regions["eu-west-1"].requests == []


@pytest.mark.parametrize("code", ["ThrottlingException", "ServiceUnavailableException", "ModelNotReadyException"])
def test_a_target_that_cannot_answer_is_followed_by_the_next(assistant, refusal, code):
    assert ask(assistant(refusal(code), ANSWER), {"message": "hello"})[1]["region"] == "eu-west-1"


def test_a_region_that_cannot_be_reached_is_followed_by_the_next(assistant):
    unreachable = EndpointConnectionError(endpoint_url="https://bedrock")
    assert ask(assistant(unreachable, ANSWER), {"message": "hello"})[1]["model"] == "eu.model-b"


def test_a_refused_request_is_not_asked_again_elsewhere(assistant, refusal):
    module = assistant(refusal("AccessDeniedException"), ANSWER)
    assert ask(module, {"message": "hello"})[0] == 502
    assert module.regions["eu-west-1"].requests == []


def test_without_any_target_that_answers_the_service_is_unavailable(assistant, refusal):
    status, body = ask(assistant(*[refusal("ThrottlingException")] * 2), {"message": "hello"})
    assert status == 503
    assert [one["error"] for one in body["failed"]] == ["ThrottlingException"] * 2


def test_what_a_patient_writes_is_not_logged(assistant, refusal, capsys):
    ask(assistant(refusal("ThrottlingException"), ANSWER), {"message": "my secret illness"})
    assert "secret illness" not in "".join(capsys.readouterr())


def guarded(*guardrails):
    return [{**target, "guardrail": guardrail} for target, guardrail in zip(TARGETS, guardrails, strict=True)]


def test_a_guardrail_is_applied_and_its_intervention_told(assistant):
    targets = guarded({"id": "g1", "version": "3"}, None)
    module = assistant(ANSWER | {"stopReason": "guardrail_intervened"}, targets=targets)
    assert ask(module, {"message": "hello"})[1]["intervened"] is True
    wanted = {"guardrailIdentifier": "g1", "guardrailVersion": "3"}
    assert module.regions["eu-central-1"].requests[0]["guardrailConfig"] == wanted


def test_the_target_that_is_asked_next_has_the_guardrail_of_its_own_region(assistant, refusal):
    targets = guarded({"id": "g1", "version": "3"}, {"id": "g2", "version": "5"})
    module = assistant(refusal("ThrottlingException"), ANSWER, targets=targets)
    assert ask(module, {"message": "hello"})[0] == 200
    wanted = {"guardrailIdentifier": "g2", "guardrailVersion": "5"}
    assert module.regions["eu-west-1"].requests[0]["guardrailConfig"] == wanted


def test_a_failure_tells_no_guardrail(assistant, refusal):
    targets = guarded({"id": "g1", "version": "3"}, {"id": "g2", "version": "5"})
    body = ask(assistant(*[refusal("ThrottlingException")] * 2, targets=targets), {"message": "hello"})[1]
    assert set(body["failed"][0]) == {"region", "model", "error"}


@pytest.mark.parametrize(
    "body", [{}, {"message": " "}, {"message": "x" * 8001}, {"message": "a", "language": "tlh"}, []]
)
def test_a_request_that_makes_no_sense_is_refused(assistant, body):
    assert ask(assistant(ANSWER), body)[0] == 400


def test_health_answers_without_asking_a_model(assistant):
    module = assistant(ANSWER)
    assert ask(module, route="GET /health") == (200, {"status": "ok", "region": "eu-central-1", "targets": 2})
    assert module.regions["eu-central-1"].requests == []
