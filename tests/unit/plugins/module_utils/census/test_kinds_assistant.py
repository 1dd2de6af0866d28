# SPDX-License-Identifier: GPL-3.0-or-later
"""Bedrock's answers as items."""

from types import SimpleNamespace

import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.census import kinds_assistant as kinds
from ansible_collections.medzen.multiregion.plugins.module_utils.census.plan import Rules, build_plan
from ansible_collections.medzen.multiregion.plugins.module_utils.census.registry import DELETING, LIVE, Item, Place
from ansible_collections.medzen.multiregion.plugins.module_utils.census.scan import Finding

ARN = "arn:aws:bedrock:af-south-1:123456789012"
KEY_ARN = "arn:aws:kms:af-south-1:123456789012:key/k-1"
GUARDRAIL = {"guardrailId": "g-1", "guardrailArn": f"{ARN}:guardrail/g-1", "name": "medzen-clinical", "status": "READY"}
PROFILE = {"inferenceProfileArn": f"{ARN}:application-inference-profile/p-1", "inferenceProfileName": "medzen-ai-chat"}
CONFIG = {
    "cloudWatchConfig": {
        "logGroupName": "/medzen/bedrock",
        "roleArn": "arn:r",
        "largeDataDeliveryS3Config": {"bucketName": "medzen-bedrock-logs"},
    },
    "s3Config": {"bucketName": "medzen-bedrock-logs"},
}


class Bedrock:
    """One region's Bedrock; `gone` guardrails are listed and not there any more."""

    def __init__(self, config=None, gone=()):
        self.config, self.gone, self.calls = config or {}, gone, []

    def get_paginator(self, operation):
        guardrails = [{"id": one} for one in ("g-1", *self.gone)]
        found = {"list_guardrails": {"guardrails": guardrails}}
        found["list_inference_profiles"] = {"inferenceProfileSummaries": [PROFILE]}
        result = SimpleNamespace(build_full_result=lambda: found[operation])
        return SimpleNamespace(paginate=lambda **parameters: self.calls.append((operation, parameters)) or result)

    def get_guardrail(self, guardrailIdentifier, **_parameters):
        return None if guardrailIdentifier in self.gone else {**GUARDRAIL, "kmsKeyArn": KEY_ARN}

    def list_tags_for_resource(self, resourceARN, aws_retry):
        return {"tags": [{"key": "Workload", "value": resourceARN.rpartition("/")[2]}]}

    def get_model_invocation_logging_configuration(self, aws_retry):
        return {"loggingConfig": self.config} if self.config else {}

    def __getattr__(self, operation):
        return lambda **parameters: self.calls.append((operation, parameters))


def place(client, region="af-south-1"):
    return Place(lambda service, where: client, region)


def test_a_guardrail_has_its_tags_and_needs_its_key():
    found = kinds.list_guardrails(place(Bedrock(gone=["g-2"])))
    assert [(one.key, one.name, one.tags, one.uses) for one in found] == [
        ("bedrock_guardrail/g-1", "medzen-clinical", {"Workload": "g-1"}, ("kms_key/k-1",))
    ]


@pytest.mark.parametrize(("status", "state"), [("READY", LIVE), ("FAILED", LIVE), ("DELETING", DELETING)])
def test_a_guardrail_on_its_way_out_is_being_deleted(status, state):
    assert kinds.guardrail_item({**GUARDRAIL, "status": status}, {}).state == state


def test_only_profiles_of_the_account_are_listed():
    client = Bedrock()
    found = kinds.list_inference_profiles(place(client))
    assert [(one.name, one.tags) for one in found] == [("medzen-ai-chat", {"Workload": "p-1"})]
    assert client.calls == [("list_inference_profiles", {"typeEquals": "APPLICATION"})]


def test_a_logging_is_known_by_where_it_writes_and_needs_it():
    (found,) = kinds.list_logging(place(Bedrock(CONFIG)))
    assert (found.key, found.name) == ("bedrock_invocation_logging/configuration", "/medzen/bedrock")
    assert found.uses == ("log_group//medzen/bedrock", "s3_bucket/medzen-bedrock-logs")
    assert kinds.list_logging(place(Bedrock())) == []


@pytest.mark.parametrize("lister", [kinds.list_guardrails, kinds.list_inference_profiles, kinds.list_logging])
def test_a_region_without_bedrock_has_nothing_of_it_and_is_not_asked(lister):
    client = Bedrock(CONFIG)
    assert lister(place(client, "cn-north-1")) == [] and client.calls == []


def test_each_kind_is_deleted_by_one_call():
    client = Bedrock()
    where = place(client)
    kinds.delete_guardrail(where, kinds.guardrail_item(GUARDRAIL, {}))
    kinds.delete_inference_profile(where, kinds.profile_item(PROFILE, {}))
    kinds.delete_logging(where, kinds.logging_item(CONFIG))
    assert [operation for operation, _parameters in client.calls] == [
        "delete_guardrail",
        "delete_inference_profile",
        "delete_model_invocation_logging_configuration",
    ]


def test_a_logging_of_somebody_else_keeps_the_bucket_that_it_writes_to():
    other = {"cloudWatchConfig": {"logGroupName": "other", "roleArn": "arn:r"}, "s3Config": {"bucketName": "medzen-b"}}
    bucket = Item("s3_bucket", "medzen-b", "medzen-b")
    findings = {
        "bedrock_invocation_logging": Finding("bedrock_invocation_logging", (kinds.logging_item(other),)),
        "s3_bucket": Finding("s3_bucket", (bucket,)),
    }
    plan = build_plan(findings, Rules("medzen", include=frozenset({"s3_bucket"})))
    assert plan.steps == () and "still needs it" in plan.kept["s3_bucket/medzen-b"]
