# SPDX-License-Identifier: GPL-3.0-or-later
import copy

import boto3
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import AwsError, MultiregionError, Refused
from ansible_collections.medzen.multiregion.plugins.modules import bedrock_inference_profile as module
from botocore.exceptions import ClientError

HOME, ACCOUNT = "eu-central-1", "123456789012"
NOVA = "amazon.nova-lite-v1:0"
EU, WORLD = f"eu.{NOVA}", f"global.{NOVA}"
READS = ("get_inference_profile", "list_inference_profiles", "get_foundation_model", "list_tags_for_resource")


def model_arn(region, model=NOVA):
    return f"arn:aws:bedrock:{region}::foundation-model/{model}"


def system_profile(identifier, *regions):
    return {
        "inferenceProfileName": identifier,
        "inferenceProfileArn": f"arn:aws:bedrock:{HOME}:{ACCOUNT}:inference-profile/{identifier}",
        "inferenceProfileId": identifier,
        "models": [{"modelArn": model_arn(region)} for region in regions],
        "status": "ACTIVE",
        "type": "SYSTEM_DEFINED",
    }


class FakeBedrock:
    """Profiles and tags in memory; answers and refusals as Bedrock's."""

    meta = boto3.client("bedrock", HOME, aws_access_key_id="a", aws_secret_access_key="b").meta

    def __init__(self):
        self.calls, self.tags, self.tokens, self.failing = [], {}, {}, {}
        self.profiles = [
            system_profile(EU, "eu-west-1", HOME),
            system_profile(WORLD, HOME, ""),
        ]

    def get_paginator(self, operation):
        self.operation = operation
        return self

    def paginate(self, **request):
        self.note("list_inference_profiles")
        kept = [one for one in self.profiles if one["type"] == request["typeEquals"]]
        self.answer = {"inferenceProfileSummaries": copy.deepcopy(kept)}
        return self

    def build_full_result(self):
        return self.answer

    def note(self, name):
        self.calls.append(name)
        if name in self.failing:
            raise ClientError({"Error": {"Code": self.failing[name], "Message": "as told"}}, name)

    def find(self, identifier):
        for one in self.profiles:
            if identifier in (one["inferenceProfileId"], one["inferenceProfileArn"]):
                return one
        raise ClientError({"Error": {"Code": "ResourceNotFoundException", "Message": identifier}}, "Get")

    def get_inference_profile(self, inferenceProfileIdentifier, aws_retry):
        self.note("get_inference_profile")
        return copy.deepcopy(self.find(inferenceProfileIdentifier))

    def get_foundation_model(self, modelIdentifier, aws_retry):
        self.note("get_foundation_model")
        if NOVA not in modelIdentifier:
            raise ClientError({"Error": {"Code": "ValidationException", "Message": "invalid"}}, "Get")
        return {"modelDetails": {"modelArn": model_arn(HOME), "modelId": NOVA}}

    def create_inference_profile(self, aws_retry, clientRequestToken, modelSource, **request):
        self.note("create_inference_profile")
        if clientRequestToken in self.tokens:
            return {"inferenceProfileArn": self.tokens[clientRequestToken]}
        source = modelSource["copyFrom"]
        models = [{"modelArn": source}] if "foundation-model" in source else self.find(source)["models"]
        number = f"p{len(self.profiles)}{len(self.calls)}"
        arn = f"arn:aws:bedrock:{HOME}:{ACCOUNT}:application-inference-profile/{number}"
        self.tags[arn] = request.pop("tags", [])
        made = {"inferenceProfileArn": arn, "inferenceProfileId": number, "models": models[::-1]}
        self.profiles.append({**request, **made, "status": "ACTIVE", "type": "APPLICATION"})
        self.tokens[clientRequestToken] = arn
        return {"inferenceProfileArn": arn}

    def delete_inference_profile(self, inferenceProfileIdentifier, aws_retry):
        self.note("delete_inference_profile")
        self.profiles.remove(self.find(inferenceProfileIdentifier))

    def list_tags_for_resource(self, resourceARN, aws_retry):
        self.note("list_tags_for_resource")
        return {"tags": self.tags[resourceARN]}

    def tag_resource(self, resourceARN, tags, aws_retry):
        self.note("tag_resource")
        kept = [one for one in self.tags[resourceARN] if one["key"] not in {tag["key"] for tag in tags}]
        self.tags[resourceARN] = kept + tags

    def untag_resource(self, resourceARN, tagKeys, aws_retry):
        self.note("untag_resource")
        self.tags[resourceARN] = [one for one in self.tags[resourceARN] if one["key"] not in tagKeys]

    @property
    def writes(self):
        return [name for name in self.calls if name not in READS]

    @property
    def own(self):
        return [one for one in self.profiles if one["type"] == "APPLICATION"]


class Module:
    region = HOME

    def __init__(self, check_mode, params):
        self.check_mode, self.params = check_mode, params


@pytest.fixture
def bedrock(monkeypatch):
    fake = FakeBedrock()
    monkeypatch.setattr(module, "connect", lambda _module: fake)
    return fake


@pytest.fixture
def ensure(bedrock):
    def call(check_mode=False, **given):
        base = {"name": "chat", "inference_profile_id": None, "state": "present", "model_source": EU}
        base |= {"description": None, "allowed_regions": None, "replace": False, "diff_sensitive": False}
        base |= {"tags": None, "purge_tags": True, "wait": True, "wait_timeout": 1, "poll_seconds": 0}
        bedrock.calls.clear()
        return module.ensure(Module(check_mode, {**base, **given}))

    return call


def test_check_mode_says_what_would_be_and_writes_nothing(bedrock, ensure):
    result = ensure(check_mode=True, tags={"a": "b"})
    assert result["changed"] and bedrock.writes == [] and bedrock.own == []
    made = result["inference_profile"]
    assert (made["arn"], made["destinations"], made["tags"]) == (None, [HOME, "eu-west-1"], {"a": "b"})


def test_a_profile_is_made_with_its_tags(bedrock, ensure):
    result = ensure(description="for the assistant", tags={"a": "b"}, allowed_regions=[HOME, "eu-west-1"])
    assert result["changed"] and bedrock.writes == ["create_inference_profile"]
    made = result["inference_profile"]
    assert (made["scope"], made["compliant"], made["description"]) == ("geo", True, "for the assistant")
    assert bedrock.tags[made["arn"]] == [{"key": "a", "value": "b"}]


def test_a_second_run_writes_nothing_though_the_models_come_in_another_order(bedrock, ensure):
    given = {"description": "for the assistant", "tags": {"a": "b"}}
    ensure(**given)
    assert ensure(**given)["changed"] is False
    assert bedrock.writes == []


def test_a_profile_of_a_model_stays_in_the_region(bedrock, ensure):
    for source in (NOVA, model_arn(HOME)):
        assert ensure(model_source=source)["inference_profile"]["scope"] == "in_region"


def test_one_token_stands_for_all_the_tries_of_a_task(bedrock, ensure):
    ensure()
    bedrock.profiles = [one for one in bedrock.profiles if one["type"] != "APPLICATION"]
    ensure(wait=False)
    assert len(bedrock.tokens) == 1


def test_another_source_fails_with_the_diff(bedrock, ensure):
    ensure()
    with pytest.raises(Refused, match="differs in its models, which cannot be changed.*replace: true") as refused:
        ensure(model_source=NOVA)
    assert refused.value.result["diff"]["after"]["models"] == [model_arn(HOME)]
    assert bedrock.writes == []


def test_another_description_fails_and_is_not_shown(bedrock, ensure):
    ensure(description="secret one")
    with pytest.raises(Refused) as refused:
        ensure(description="secret two")
    assert refused.value.result["differences"] == ["description"]
    assert "secret" not in str(refused.value.result) + refused.value.message


def test_the_description_is_shown_on_demand(ensure):
    assert ensure(description="plain", diff_sensitive=True)["diff"]["after"]["description"] == "plain"


def test_replace_makes_it_again_and_keeps_what_was_not_given(bedrock, ensure):
    first = ensure(description="kept", tags={"a": "b"})["inference_profile"]
    result = ensure(model_source=NOVA, replace=True)
    assert bedrock.writes == ["delete_inference_profile", "create_inference_profile"]
    second = result["inference_profile"]
    assert second["arn"] != first["arn"] and len(bedrock.own) == 1
    assert (second["description"], second["tags"], second["scope"]) == ("kept", {"a": "b"}, "in_region")


def test_replace_has_a_check_mode(bedrock, ensure):
    ensure()
    result = ensure(check_mode=True, model_source=NOVA, replace=True)
    assert result["changed"] and bedrock.writes == [] and result["inference_profile"]["arn"] is None


def test_replace_alone_changes_nothing(bedrock, ensure):
    ensure()
    assert ensure(replace=True)["changed"] is False


def test_tags_are_changed_in_place(bedrock, ensure):
    ensure(tags={"a": "1", "b": "2"})
    result = ensure(tags={"a": "1", "c": "3"})
    assert bedrock.writes == ["untag_resource", "tag_resource"]
    assert result["inference_profile"]["tags"] == {"a": "1", "c": "3"}
    assert ensure(tags={"d": "4"}, purge_tags=False)["inference_profile"]["tags"] == {"a": "1", "c": "3", "d": "4"}


def test_a_destination_outside_fails_before_anything_is_made(bedrock, ensure):
    with pytest.raises(Refused, match="eu-west-1") as refused:
        ensure(allowed_regions=[HOME])
    assert refused.value.result["outside"] == ["eu-west-1"]
    assert bedrock.writes == [] and bedrock.own == []


def test_a_global_source_is_outside_of_every_list(ensure):
    with pytest.raises(Refused) as refused:
        ensure(check_mode=True, model_source=WORLD, allowed_regions=[HOME, "eu-west-1"])
    assert refused.value.result["outside"] == ["global"]


def test_a_name_of_several_is_refused_with_their_arns(bedrock, ensure):
    first = ensure()["inference_profile"]["arn"]
    twin = {**bedrock.own[0], "inferenceProfileArn": f"{first}x", "inferenceProfileId": "x"}
    bedrock.profiles.append(twin)
    for state in ("present", "absent"):
        with pytest.raises(Refused) as refused:
            ensure(state=state)
        assert refused.value.result["arns"] == [first, f"{first}x"]


def test_one_of_several_is_named_by_its_arn(bedrock, ensure):
    first = ensure()["inference_profile"]["arn"]
    assert ensure(name=None, inference_profile_id=first)["changed"] is False
    assert ensure(state="absent", name=None, inference_profile_id=first)["changed"] is True
    assert bedrock.own == []


def test_an_identifier_that_is_not_there_makes_nothing(bedrock, ensure):
    with pytest.raises(Refused, match="There is no inference profile gone"):
        ensure(inference_profile_id="gone")
    assert ensure(state="absent", inference_profile_id="gone")["changed"] is False


def test_a_profile_of_aws_is_not_deleted(bedrock, ensure):
    with pytest.raises(Refused, match="not yours"):
        ensure(state="absent", name=None, inference_profile_id=EU)
    assert bedrock.writes == []


def test_a_source_that_is_nowhere_is_named(ensure):
    with pytest.raises(Refused) as refused:
        ensure(model_source="nobody.knows-v1:0")
    assert refused.value.result["reason"] == "unknown_model_source"


def test_it_is_removed_once(bedrock, ensure):
    ensure()
    assert ensure(check_mode=True, state="absent")["changed"] and bedrock.own
    assert ensure(state="absent")["changed"] and not bedrock.own
    assert ensure(state="absent")["changed"] is False


@pytest.mark.parametrize("operation", READS[:3])
def test_a_refused_read_is_no_absence(bedrock, ensure, operation):
    ensure()
    bedrock.failing[operation] = "AccessDeniedException"
    with pytest.raises(AwsError) as failed:
        ensure(model_source=model_arn(HOME), state="absent" if operation == "list_inference_profiles" else "present",
               inference_profile_id="x" if operation == "get_inference_profile" else None)  # fmt: skip
    assert failed.value.code == "AccessDeniedException" and bedrock.writes == []


def test_a_refused_deletion_is_a_failure(bedrock, ensure):
    ensure()
    bedrock.failing["delete_inference_profile"] = "AccessDeniedException"
    with pytest.raises(MultiregionError, match="Failed to delete inference profile arn:"):
        ensure(state="absent")


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("name", "two  blanks"),
        ("name", "a" * 65),
        ("description", "one, two"),
        ("description", ""),
        ("description", "a" * 201),
        ("model_source", "not an id"),
        ("model_source", f"arn:aws:bedrock:{HOME}:{ACCOUNT}:guardrail/abc"),
        ("model_source", "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0"),
        ("inference_profile_id", "not an id"),
        ("allowed_regions", ["eu-"]),
        ("tags", {"a*": "b"}),
    ],
)
def test_a_wrong_option_is_named_before_any_call(bedrock, ensure, option, value):
    with pytest.raises(Refused) as refused:
        ensure(**{option: value})
    assert option in str(refused.value.message)
    assert bedrock.calls == []
