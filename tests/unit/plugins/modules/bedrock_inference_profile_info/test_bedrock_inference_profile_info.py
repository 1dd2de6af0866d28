# SPDX-License-Identifier: GPL-3.0-or-later
import boto3
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import AwsError, Refused
from ansible_collections.medzen.multiregion.plugins.modules import bedrock_inference_profile_info as module
from botocore.exceptions import ClientError

HOME = "eu-central-1"
EU = [HOME, "eu-west-1"]


def profile(identifier, *regions, type_="SYSTEM_DEFINED"):
    return {
        "inferenceProfileName": identifier,
        "inferenceProfileArn": f"arn:aws:bedrock:{HOME}:123456789012:inference-profile/{identifier}",
        "inferenceProfileId": identifier,
        "models": [{"modelArn": f"arn:aws:bedrock:{region}::foundation-model/a.b-v1:0"} for region in regions],
        "status": "ACTIVE",
        "type": type_,
    }


LISTED = [
    profile("us.a.b-v1:0", "us-east-1", "us-west-2"),
    profile("eu.a.b-v1:0", *EU),
    profile("global.a.b-v1:0", HOME, ""),
    profile("abc123", HOME, type_="APPLICATION"),
]


class FakeBedrock:
    meta = boto3.client("bedrock", HOME, aws_access_key_id="a", aws_secret_access_key="b").meta
    code = None

    def get_paginator(self, _operation):
        return self

    def paginate(self, typeEquals="SYSTEM_DEFINED"):
        self.fail()
        self.found = [one for one in LISTED if one["type"] == typeEquals]
        return self

    def build_full_result(self):
        return {"inferenceProfileSummaries": self.found}

    def fail(self):
        if self.code:
            raise ClientError({"Error": {"Code": self.code, "Message": ""}}, "Read")

    def get_inference_profile(self, inferenceProfileIdentifier, aws_retry):
        self.fail()
        for one in LISTED:
            if inferenceProfileIdentifier in (one["inferenceProfileId"], one["inferenceProfileArn"]):
                return one
        raise ClientError({"Error": {"Code": "ResourceNotFoundException", "Message": ""}}, "Read")


class Module:
    region, check_mode = HOME, False

    def __init__(self, params):
        self.params = params


@pytest.fixture
def bedrock(monkeypatch):
    fake = FakeBedrock()
    monkeypatch.setattr(module, "connect", lambda _module: fake)
    return fake


@pytest.fixture
def report(bedrock):
    base = dict.fromkeys(("inference_profile_id", "prefix", "type", "allowed_regions"))
    return lambda **given: module.report(Module({**base, "fail_on_violation": False, **given}))


def ids(result):
    return [one["id"] for one in result["inference_profiles"]]


def test_all_are_told_in_the_order_of_their_identifiers(report):
    result = report()
    assert ids(result) == ["abc123", "eu.a.b-v1:0", "global.a.b-v1:0", "us.a.b-v1:0"]
    assert (result["scope"], result["compliant"], result["outside"]) == ("global", None, [])
    assert result["destinations"] == [*EU, "global", "us-east-1", "us-west-2"]


def test_those_of_a_prefix_and_of_a_type(report):
    assert ids(report(prefix="eu.")) == ["eu.a.b-v1:0"]
    assert ids(report(type="APPLICATION")) == ["abc123"]


def test_one_within_the_list_is_compliant(report):
    result = report(inference_profile_id="eu.a.b-v1:0", allowed_regions=EU, fail_on_violation=True)
    assert (result["compliant"], result["scope"]) == (True, "geo")


def test_each_is_judged_by_itself_and_all_together(report):
    result = report(allowed_regions=EU)
    assert [one["compliant"] for one in result["inference_profiles"]] == [True, True, False, False]
    assert (result["compliant"], result["outside"]) == (False, ["global", "us-east-1", "us-west-2"])


def test_a_violation_can_be_a_failure_with_the_whole_result(report):
    with pytest.raises(Refused, match=r"global.a.b-v1:0 \(global\)") as refused:
        report(prefix="global.", allowed_regions=EU, fail_on_violation=True)
    assert refused.value.result["inference_profiles"][0]["outside"] == ["global"]


def test_none_at_all_is_not_compliant(report):
    assert report(inference_profile_id="gone", allowed_regions=EU)["compliant"] is False
    assert report(inference_profile_id="gone")["inference_profiles"] == []
    with pytest.raises(Refused, match="No inference profile is found"):
        report(prefix="xx.", allowed_regions=EU, fail_on_violation=True)


@pytest.mark.parametrize("given", [{}, {"inference_profile_id": "eu.a.b-v1:0"}])
def test_a_refused_read_fails(bedrock, report, given):
    bedrock.code = "AccessDeniedException"
    with pytest.raises(AwsError, match="AccessDenied"):
        report(**given)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("inference_profile_id", "not an id"),
        ("inference_profile_id", "arn:aws:bedrock:us-east-1:123456789012:inference-profile/eu.a.b-v1:0"),
        ("allowed_regions", ["eu-*"]),
        ("type", "MINE"),
    ],
)
def test_a_wrong_option_is_named(report, option, value):
    with pytest.raises(Refused, match=option):
        report(**{option: value})
