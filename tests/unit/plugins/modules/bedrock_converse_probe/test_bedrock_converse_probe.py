# SPDX-License-Identifier: GPL-3.0-or-later
import itertools

import boto3
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused
from ansible_collections.medzen.multiregion.plugins.modules import bedrock_converse_probe as module
from botocore.exceptions import ClientError, ReadTimeoutError

HOME, DR, EU, NOVA = "eu-central-1", "eu-west-1", "eu.amazon.nova-lite-v1:0", "amazon.nova-lite-v1:0"
SECRET = "the text of the answer"
KEYS = {"aws_access_key_id": "a", "aws_secret_access_key": "b"}


def error(code, message=""):
    return ClientError({"Error": {"Code": code, "Message": message}}, "Converse")


class FakeRuntime:
    meta = boto3.client("bedrock-runtime", HOME, **KEYS).meta

    def __init__(self):
        self.asked, self.failing, self.stop = [], None, "end_turn"

    def converse(self, aws_retry, **request):
        self.asked.append(request)
        if self.failing:
            raise self.failing
        return {
            "output": {"message": {"role": "assistant", "content": [{"text": SECRET}]}},
            "stopReason": self.stop,
            "usage": {"inputTokens": 8, "outputTokens": 2, "totalTokens": 10},
        }


class FakeBedrock:
    def __init__(self):
        self.failing = None

    def get_inference_profile(self, inferenceProfileIdentifier, aws_retry):
        if self.failing:
            raise self.failing
        if inferenceProfileIdentifier != EU:
            raise error("ResourceNotFoundException")
        models = [{"modelArn": f"arn:aws:bedrock:{region}::foundation-model/{NOVA}"} for region in (HOME, DR)]
        return {"inferenceProfileId": EU, "models": models}


class Module:
    region = HOME

    def __init__(self, params, clients, check_mode=False):
        self.params, self.clients, self.check_mode = params, clients, check_mode
        self.configs = []

    def client(self, service, retry_decorator, region, config):
        self.configs.append(config)
        return self.clients[service, region]


@pytest.fixture
def clients():
    made = {("bedrock-runtime", region): FakeRuntime() for region in (HOME, DR)}
    return {**made, **{("bedrock", region): FakeBedrock() for region in (HOME, DR)}}


@pytest.fixture
def probe(clients):
    base = {name: option.get("default") for name, option in module.ARGUMENT_SPEC.items()}
    base["targets"] = [target(HOME), target(DR)]

    def call(check_mode=False, **given):
        return module.report(Module({**base, "require_pass": False, **given}, clients, check_mode))

    return call


def target(region, model=EU, guardrail=None):
    return {"region": region, "model": model, "guardrail": guardrail}


def test_every_target_is_asked_and_the_text_stays_inside(probe):
    result = probe(expect_regex="answer")
    assert result["ok"] is True and result["changed"] is False
    assert [one["ok"] for one in result["targets"]] == [True, True]
    assert result["targets"][0]["usage"] == {"input_tokens": 8, "output_tokens": 2, "total_tokens": 10}
    assert SECRET not in str(result)


def test_the_text_is_returned_on_demand(probe):
    assert probe(return_text=True)["targets"][0]["text"] == SECRET


def test_nothing_is_called_in_check_mode(probe, clients):
    result = probe(check_mode=True, require_pass=True)
    assert (result["skipped_call"], result["ok"]) == (True, None)
    assert [one["called"] for one in result["targets"]] == [False, False]
    assert clients["bedrock-runtime", HOME].asked == []


def test_the_first_success_ends_the_probe(probe, clients):
    result = probe(strategy="first_success")
    assert (len(result["targets"]), result["serving"]["region"]) == (1, HOME)
    assert clients["bedrock-runtime", DR].asked == []


def test_a_simulated_failure_goes_on_without_a_call(probe, clients):
    result = probe(strategy="first_success", simulate_failure_of=[HOME])
    assert (result["ok"], result["serving"]["region"]) == (True, DR)
    assert (result["targets"][0]["reason"], result["targets"][0]["failure_class"]) == ("simulated", "unavailable")
    assert clients["bedrock-runtime", HOME].asked == []


@pytest.mark.parametrize(
    ("failure", "kind", "code"),
    [
        (error("ThrottlingException"), "throttled", "ThrottlingException"),
        (error("ValidationException", "The provided model identifier is invalid."), "eol", "ValidationException"),
        (ReadTimeoutError(endpoint_url="https://bedrock"), "unavailable", None),
    ],
)
def test_a_failed_call_is_told_by_its_class(probe, clients, failure, kind, code):
    clients["bedrock-runtime", HOME].failing = failure
    first, second = probe()["targets"]
    assert (first["called"], first["reason"], first["failure_class"], first["error_code"]) == (
        True, "call_failed", kind, code,
    )  # fmt: skip
    assert second["ok"] is True


def test_a_failure_fails_the_task_with_the_whole_result(probe, clients):
    clients["bedrock-runtime", DR].failing = error("AccessDeniedException")
    with pytest.raises(Refused, match=r"eu-west-1.*access_denied, AccessDeniedException") as refused:
        probe(require_pass=True)
    assert [one["ok"] for one in refused.value.result["targets"]] == [True, False]


def test_a_target_that_may_go_elsewhere_is_not_called(probe, clients):
    result = probe(allowed_regions=[HOME], targets=[target(HOME), target(HOME, NOVA)])
    assert [(one["reason"], one["called"]) for one in result["targets"]] == [
        ("outside_allowed_regions", False),
        (None, True),
    ]
    assert [request["modelId"] for request in clients["bedrock-runtime", HOME].asked] == [NOVA]


def test_destinations_that_may_not_be_read_are_outside_of_every_list(probe, clients):
    clients["bedrock", HOME].failing = error("AccessDeniedException")
    (entry,) = probe(targets=[target(HOME)], allowed_regions=[HOME, DR])["targets"]
    assert (entry["called"], entry["destinations"], entry["outside"]) == (False, None, ["unknown"])
    (entry,) = probe(targets=[target(HOME)])["targets"]
    assert (entry["ok"], entry["destinations"]) == (True, None)


def test_a_guardrail_is_applied_and_its_intervention_expected(probe, clients):
    guardrail = {"id": "abc123", "version": "3"}
    clients["bedrock-runtime", HOME].stop = "guardrail_intervened"
    given = {"targets": [target(HOME)], "guardrail": guardrail}
    assert probe(**given)["targets"][0]["reason"] == "guardrail_intervened"
    assert probe(**given, expect_guardrail=True)["ok"] is True
    config = clients["bedrock-runtime", HOME].asked[0]["guardrailConfig"]
    assert config == {"guardrailIdentifier": "abc123", "guardrailVersion": "3"}


def test_latency_counts_from_here(clients):
    ticks = itertools.count(step=0.25)
    options = {name: option.get("default") for name, option in module.ARGUMENT_SPEC.items()} | {"max_latency_ms": 249}
    asked = module.Probe(options, lambda service, region: clients[service, region], clock=lambda: next(ticks))
    entry = module.probe_target(asked, target(HOME))
    assert (entry["latency_ms"], entry["reason"]) == (250, "too_slow")


def test_a_region_without_bedrock_is_not_called(probe):
    (entry,) = probe(targets=[target("eu-nowhere-1")])["targets"]
    assert (entry["reason"], entry["called"]) == ("region_unsupported", False)


def test_calls_are_bounded_in_time_and_attempts(clients):
    asked = Module({"timeout_s": 3, "attempts": 2}, clients)
    module.connector(asked)("bedrock-runtime", HOME)
    (config,) = asked.configs
    assert (config.connect_timeout, config.read_timeout) == (3, 3)
    assert config.retries == {"total_max_attempts": 2, "mode": "standard"}


def test_a_wrong_timeout_is_found_before_a_client_is_made_with_it():
    options = {name: option.get("default") for name, option in module.ARGUMENT_SPEC.items()}
    asked = Module({**options, "targets": [target(HOME)], "timeout_s": 0}, clients={})
    with pytest.raises(Refused, match="timeout_s"):
        module.report(asked)
    assert asked.configs == []


@pytest.mark.parametrize(
    ("option", "value", "named"),
    [
        ("max_tokens", 65, "max_tokens"),
        ("max_tokens", 0, "max_tokens"),
        ("timeout_s", 0, "timeout_s"),
        ("attempts", 6, "attempts"),
        ("max_latency_ms", 0, "max_latency_ms"),
        ("prompt", " ", "prompt"),
        ("targets", [], "targets"),
        ("targets", [target(HOME), target(DR, "not an id")], r"targets\[1\].model"),
        ("targets", [target(HOME, guardrail={"id": "A B", "version": "1"})], r"targets\[0\].guardrail.id"),
        ("guardrail", {"id": "abc", "version": "latest"}, "guardrail.version"),
        ("expect_guardrail", True, "expect_guardrail"),
        ("expect_regex", "(", "expect_regex"),
        ("simulate_failure_of", ["us-east-1"], "simulate_failure_of"),
        ("allowed_regions", ["eu-"], "allowed_regions"),
    ],
)
def test_a_wrong_option_is_named_before_any_call(probe, clients, option, value, named):
    with pytest.raises(Refused, match=named):
        probe(**{option: value})
    assert clients["bedrock-runtime", HOME].asked == []
