# SPDX-License-Identifier: GPL-3.0-or-later
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused
from ansible_collections.medzen.multiregion.plugins.modules import bedrock_model_access_info as module
from botocore.exceptions import ClientError, EndpointConnectionError

HOME, DR, NOVA = "eu-central-1", "eu-west-1", "amazon.nova-lite-v1:0"
GOOD = {
    "regionAvailability": "AVAILABLE",
    "authorizationStatus": "AUTHORIZED",
    "entitlementAvailability": "AVAILABLE",
    "agreementAvailability": {"status": "AVAILABLE"},
}


class FakeBedrock:
    meta = boto3.client("bedrock", HOME, aws_access_key_id="a", aws_secret_access_key="b").meta

    def __init__(self):
        self.failing, self.calls = {}, []

    def note(self, operation):
        self.calls.append(operation)
        if operation in self.failing:
            raise self.failing[operation]

    def list_foundation_models(self, aws_retry):
        self.note("ListFoundationModels")
        life = {"status": "ACTIVE", "endOfLifeTime": datetime.now(UTC) + timedelta(days=400)}
        return {"modelSummaries": [{"modelId": NOVA, "inferenceTypesSupported": ["ON_DEMAND"], "modelLifecycle": life}]}

    def get_paginator(self, _operation):
        return self

    def paginate(self, typeEquals):
        self.note("ListInferenceProfiles")
        return self

    def build_full_result(self):
        return {"inferenceProfileSummaries": []}

    def get_foundation_model_availability(self, modelId, aws_retry):
        self.note("GetFoundationModelAvailability")
        if modelId != NOVA:
            raise ClientError({"Error": {"Code": "ValidationException", "Message": "invalid"}}, "Read")
        return GOOD

    def get_foundation_model(self, modelIdentifier, aws_retry):
        self.note("GetFoundationModel")
        raise ClientError({"Error": {"Code": "ValidationException", "Message": "invalid"}}, "Read")


class Module:
    region, check_mode = HOME, False

    def __init__(self, params):
        self.params = params


@pytest.fixture
def regions(monkeypatch):
    fakes = {HOME: FakeBedrock(), DR: FakeBedrock()}
    monkeypatch.setattr(module, "client", lambda _module, _service, region=None: fakes[region or HOME])
    return fakes


@pytest.fixture
def report(regions):
    base = {"model_ids": [NOVA], "regions": None, "eol_within_days": 90, "require_on_demand": False}
    base |= {"allowed_regions": None, "extra_regions": []}
    return lambda **given: module.report(Module({**base, **given}))


def denied():
    return ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "Read")


def test_each_model_is_judged_in_each_region(report):
    result = report(regions=[HOME, DR], model_ids=[NOVA, "nobody.knows-v1:0"])
    found = [(one["region"], one["model_id"], one["verdict"]) for one in result["models"]]
    unknown = "nobody.knows-v1:0"
    assert found == [(HOME, NOVA, "ok"), (HOME, unknown, "fail"), (DR, NOVA, "ok"), (DR, unknown, "fail")]
    assert result["verdict"] == "fail"


def test_a_region_is_listed_once_for_all_its_models(report, regions):
    report(model_ids=[NOVA, "nobody.knows-v1:0"])
    lists = ["ListFoundationModels", "ListInferenceProfiles", "ListInferenceProfiles"]
    asked = ["GetFoundationModelAvailability", "GetFoundationModel", "GetFoundationModelAvailability"]
    assert regions[HOME].calls == [*lists, *asked]


@pytest.mark.parametrize(
    "operation", ["ListFoundationModels", "ListInferenceProfiles", "GetFoundationModelAvailability"]
)
def test_a_refused_read_is_a_verdict_and_hides_no_other_region(report, regions, operation):
    regions[HOME].failing[operation] = denied()
    result = report(regions=[HOME, DR])
    assert [one["verdict"] for one in result["models"]] == ["fail", "ok"]
    assert "access_denied" in [one["code"] for one in result["models"][0]["reasons"]]


@pytest.mark.parametrize(
    ("code", "message", "reason"),
    [
        ("ResourceNotFoundException", "This model version has reached the end of its life.", "end_of_life"),
        ("ResourceNotFoundException", "There is no such model.", "not_in_region"),
        ("AccessDeniedException", "no", "not_in_region"),
    ],
)
def test_a_model_that_is_listed_no_more_is_asked_for(report, regions, monkeypatch, code, message, reason):
    regions[HOME].failing["GetFoundationModel"] = ClientError({"Error": {"Code": code, "Message": message}}, "Read")
    monkeypatch.setattr(regions[HOME], "get_foundation_model_availability", lambda **_request: GOOD)
    (entry,) = report(model_ids=["anthropic.claude-old-v1:0"])["models"]
    assert (entry["verdict"], [one["code"] for one in entry["reasons"]]) == ("fail", [reason])


def test_a_region_that_does_not_answer_is_a_verdict(report, regions):
    regions[HOME].failing["ListFoundationModels"] = EndpointConnectionError(endpoint_url="https://bedrock")
    (entry,) = report()["models"]
    assert (entry["verdict"], entry["reasons"][0]["code"]) == ("fail", "unreadable")


def test_a_region_without_bedrock_is_not_called(report):
    (entry,) = report(regions=["eu-nowhere-1"])["models"]
    assert (entry["verdict"], entry["reasons"][0]["code"]) == ("fail", "region_unsupported")


@pytest.mark.parametrize(
    ("option", "value", "named"),
    [
        ("model_ids", [NOVA, "not an id"], r"model_ids\[1\]"),
        ("model_ids", [], "model_ids"),
        ("regions", [], "regions"),
        ("allowed_regions", ["eu-"], "allowed_regions"),
        ("eol_within_days", -1, "eol_within_days"),
    ],
)
def test_a_wrong_option_is_named_before_any_call(report, regions, option, value, named):
    with pytest.raises(Refused, match=named):
        report(**{option: value})
    assert regions[HOME].calls == []
