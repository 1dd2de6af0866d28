# SPDX-License-Identifier: GPL-3.0-or-later
"""Bedrock's guardrails in memory: answers in the service's shape, with the values that it fills in."""

import copy
import datetime
from types import SimpleNamespace

import botocore.session
import pytest
from ansible_collections.medzen.multiregion.plugins.modules import bedrock_guardrail as module
from botocore.exceptions import ClientError
from botocore.validate import ParamValidator

REGION = "eu-central-1"
ARN = f"arn:aws:bedrock:{REGION}:123456789012:guardrail"
KEY_ARN = f"arn:aws:kms:{REGION}:123456789012:key/11111111-2222-3333-4444-555555555555"
TIME = datetime.datetime(2026, 11, 25, tzinfo=datetime.UTC)
# Members of a request to members of an answer.
POLICIES = {
    "topicPolicyConfig": ("topicPolicy", {"topicsConfig": "topics"}),
    "contentPolicyConfig": ("contentPolicy", {"filtersConfig": "filters"}),
    "wordPolicyConfig": ("wordPolicy", {"wordsConfig": "words", "managedWordListsConfig": "managedWordLists"}),
    "sensitiveInformationPolicyConfig": (
        "sensitiveInformationPolicy",
        {"piiEntitiesConfig": "piiEntities", "regexesConfig": "regexes"},
    ),
    "contextualGroundingPolicyConfig": ("contextualGroundingPolicy", {"filtersConfig": "filters"}),
    "automatedReasoningPolicyConfig": ("automatedReasoningPolicy", {"policies": "policies"}),
}
FILLED_IN = {"inputAction": "BLOCK", "outputAction": "BLOCK", "inputEnabled": True, "outputEnabled": True}


def error(code, operation, status=400):
    metadata = {"HTTPStatusCode": status}
    return ClientError({"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": metadata}, operation)


def answer(request):
    found = {name: value for name, value in request.items() if not name.endswith("Config") and name not in ("tags",)}
    for put, (got, lists) in POLICIES.items():
        if put in request:
            config = copy.deepcopy(request[put])
            found[got] = {lists[name]: value for name, value in config.items() if name in lists}
            if got in ("topicPolicy", "contentPolicy"):
                found[got]["tier"] = config.get("tierConfig", {"tierName": "CLASSIC"})
                for item in next(iter(found[got].values())):
                    for name, value in FILLED_IN.items():
                        item.setdefault(name, value)
    if "crossRegionConfig" in request:
        found["crossRegionDetails"] = {"guardrailProfileId": request["crossRegionConfig"]["guardrailProfileIdentifier"]}
    if "kmsKeyId" in found:
        found["kmsKeyArn"] = found.pop("kmsKeyId")
    found.pop("clientRequestToken", None)
    return found


class Bedrock:
    """Takes aws_retry; remembers its calls. `statuses`, `listed_statuses` and `unknown` are what the next looks see."""

    def __init__(self, model):
        self.meta = SimpleNamespace(service_model=model, region_name=REGION)
        self.drafts, self.versions, self.tags, self.tokens = {}, {}, {}, {}
        self.calls, self.requests, self.statuses, self.listed_statuses, self.unknown = [], [], [], [], 0

    # ---- what a test does ----

    @property
    def writes(self):
        return [name for name in self.calls if not name.startswith(("get_", "list_"))]

    def made(self, **request):
        """A guardrail that is there already."""
        texts = {"name": "g", "blockedInputMessaging": "no", "blockedOutputsMessaging": "no"}
        words = {"wordPolicyConfig": {"wordsConfig": [{"text": "fool"}]}}
        made = self.create_guardrail(**{**texts, **words, **request})["guardrailId"]
        self.calls.clear()
        return made

    def published(self, guardrail_id):
        number = self.create_guardrail_version(guardrailIdentifier=guardrail_id)["version"]
        self.calls.clear()
        return number

    # ---- the service ----

    def _take(self, name, operation, request):
        request.pop("aws_retry", None)
        self.calls.append(name)
        self.requests.append(request)
        shape = self.meta.service_model.operation_model(operation).input_shape
        report = ParamValidator().validate(request, shape)
        assert not report.has_errors(), report.generate_report()

    def create_guardrail(self, **request):
        self._take("create_guardrail", "CreateGuardrail", request)
        token = request.get("clientRequestToken")
        if token and token in self.tokens:
            return self.tokens[token]
        made = f"g{len(self.drafts) + 1}"
        self.drafts[made], self.versions[made] = answer(request), {}
        self.tags[f"{ARN}/{made}"] = {tag["key"]: tag["value"] for tag in request.get("tags", [])}
        self.tokens[token] = {"guardrailId": made, "guardrailArn": f"{ARN}/{made}", "version": "DRAFT"}
        return self.tokens[token]

    def update_guardrail(self, **request):
        self._take("update_guardrail", "UpdateGuardrail", request)
        found = request.pop("guardrailIdentifier")
        self.drafts[found] = answer(request)

    def create_guardrail_version(self, **request):
        self._take("create_guardrail_version", "CreateGuardrailVersion", request)
        found = request["guardrailIdentifier"]
        number = str(max(map(int, self.versions[found]), default=0) + 1)
        self.versions[found][number] = {**self.drafts[found], "description": request.get("description", "")}
        return {"guardrailId": found, "version": number}

    def get_guardrail(self, **request):
        self._take("get_guardrail", "GetGuardrail", request)
        found, version = request["guardrailIdentifier"].rpartition("/")[2], request["guardrailVersion"]
        self.unknown -= 1
        body = self.drafts.get(found) if version == "DRAFT" else self.versions.get(found, {}).get(version)
        if self.unknown >= 0 or body is None:
            raise error("ResourceNotFoundException", "GetGuardrail", 404)
        own = {"guardrailId": found, "guardrailArn": f"{ARN}/{found}", "version": version, "createdAt": TIME}
        more = self.statuses.pop(0) if self.statuses else {"status": "READY"}
        return {**copy.deepcopy(body), **own, **more}

    def delete_guardrail(self, **request):
        self._take("delete_guardrail", "DeleteGuardrail", request)
        found, version = request["guardrailIdentifier"], request.get("guardrailVersion")
        if version:
            del self.versions[found][version]
        else:
            del self.drafts[found], self.versions[found]

    def list_tags_for_resource(self, **request):
        self._take("list_tags_for_resource", "ListTagsForResource", request)
        return {"tags": [{"key": key, "value": value} for key, value in self.tags[request["resourceARN"]].items()]}

    def tag_resource(self, **request):
        self._take("tag_resource", "TagResource", request)
        self.tags[request["resourceARN"]] |= {tag["key"]: tag["value"] for tag in request["tags"]}

    def untag_resource(self, **request):
        self._take("untag_resource", "UntagResource", request)
        for key in request["tagKeys"]:
            del self.tags[request["resourceARN"]][key]

    def get_paginator(self, _operation):
        return self

    def paginate(self, guardrailIdentifier=None):
        self.calls.append("list_guardrails")
        if guardrailIdentifier:
            versions = ["DRAFT", *self.versions[guardrailIdentifier]]
            status = self.listed_statuses.pop(0) if self.listed_statuses else "READY"
            rows = [{"id": guardrailIdentifier, "version": version, "status": status} for version in versions]
        else:
            rows = [{"id": key, "arn": f"{ARN}/{key}", "name": value["name"]} for key, value in self.drafts.items()]
        return SimpleNamespace(build_full_result=lambda: {"guardrails": rows})


@pytest.fixture(scope="session")
def model():
    return botocore.session.get_session().get_service_model("bedrock")


@pytest.fixture
def bedrock(model):
    return Bedrock(model)


@pytest.fixture
def ensure(bedrock, monkeypatch):
    """Run the module's function with options over its defaults."""
    keys = SimpleNamespace(describe_key=lambda **request: {"KeyMetadata": {"Arn": KEY_ARN}})
    monkeypatch.setattr(module.bedrock, "client", lambda _module, service, region: bedrock)
    monkeypatch.setattr(module, "client", lambda _module, service: keys)
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    spec = module.build_argument_spec()

    def run(check_mode=False, **given):
        params = {name: option.get("default") for name, option in spec.items()}
        own = {"wait_timeout": 5, "poll_seconds": 0, "name": "g", **given}
        return module.ensure(SimpleNamespace(check_mode=check_mode, region=REGION, params={**params, **own}))

    return run


@pytest.fixture
def full(ensure):
    """Options of a whole guardrail."""
    return {
        "blocked_input_messaging": "no prompt",
        "blocked_outputs_messaging": "no answer",
        "topic_policy": {"topics": [topic("dosage"), topic("law")], "tier": None},
        "content_policy": {"filters": [strength("HATE"), strength("PROMPT_ATTACK", outputs=None)], "tier": None},
        "tags": {"a": "1"},
    }


def topic(name, **more):
    sides = dict.fromkeys(("input_action", "output_action", "input_enabled", "output_enabled"))
    return {"name": name, "definition": f"about {name}", "examples": None, "type": "DENY", **sides, **more}


def strength(kind, inputs="HIGH", outputs="HIGH", **more):
    unset = (
        "input_modalities",
        "output_modalities",
        "input_action",
        "output_action",
        "input_enabled",
        "output_enabled",
    )
    return {"type": kind, "input_strength": inputs, "output_strength": outputs, **dict.fromkeys(unset), **more}


@pytest.fixture(name="topic")
def topic_fixture():
    return topic


@pytest.fixture(name="strength")
def strength_fixture():
    return strength


@pytest.fixture
def refuse():
    """Build an error as the service answers it: refuse(code, operation, status)."""
    return error
