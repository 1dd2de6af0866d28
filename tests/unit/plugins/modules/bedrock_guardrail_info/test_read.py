# SPDX-License-Identifier: GPL-3.0-or-later
from types import SimpleNamespace

import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused
from ansible_collections.medzen.multiregion.plugins.modules import bedrock_guardrail_info as module

DRAFT = {"guardrailId": "a", "guardrailArn": "arn:a", "name": "g", "version": "DRAFT", "status": "READY"}
GUARDRAILS = {"a": DRAFT, "b": {**DRAFT, "guardrailId": "b", "name": "h"}}
FILTER = {"type": "HATE", "inputStrength": "HIGH", "outputStrength": "HIGH"}
VERSIONS = {"2": {**DRAFT, "version": "2", "contentPolicy": {"filters": [FILTER]}}, "1": {**DRAFT, "version": "1"}}
HATE = {"policy": "content", "name": "HATE", "sides": ["INPUT"], "min_strength": "LOW", "anonymized_counts": False}


@pytest.fixture(autouse=True)
def bedrock(monkeypatch):
    def get(_connection, guardrail_id, version="DRAFT"):
        return GUARDRAILS.get(guardrail_id) if version == "DRAFT" else VERSIONS.get(version)

    monkeypatch.setattr(module.bedrock, "connect", lambda _module: None)
    monkeypatch.setattr(module.bedrock, "get_guardrail", get)
    monkeypatch.setattr(
        module.bedrock,
        "list_guardrails",
        lambda _connection: [{"id": key, "name": one["name"]} for key, one in GUARDRAILS.items()],
    )
    monkeypatch.setattr(
        module.bedrock,
        "list_rows",
        lambda _connection, key: [{"version": number, "status": "READY"} for number in VERSIONS if key == "a"],
    )
    monkeypatch.setattr(module.bedrock, "list_tags", lambda _connection, arn: {"arn": arn})


def read(**given):
    params = {"name": None, "guardrail_id": None, "all_versions": False, "version": "DRAFT", "assertions": None}
    usual = {"fail_on_violation": True, "extra_regions": []}
    return module.read(SimpleNamespace(region="eu-central-1", params={**params, **usual, **given}))


def test_all_guardrails_of_a_region_are_read():
    found = read()["guardrails"]
    assert [one["name"] for one in found] == ["g", "h"]
    assert found[0]["destinations"] == ["eu-central-1"] and found[0]["tags"] == {"arn": "arn:a"}


def test_one_that_is_not_there_is_an_empty_list():
    assert read(name="none") == {"changed": False, "guardrails": []}


def test_all_versions_are_read_on_demand():
    assert "versions" not in read(name="g")["guardrails"][0]
    assert [one["version"] for one in read(name="g", all_versions=True)["guardrails"][0]["versions"]] == ["2", "1"]


def test_draft_and_versions_tell_what_they_do_by_a_sum():
    found = read(name="g", all_versions=True)["guardrails"][0]
    blocking, empty = (one["content_sha256"] for one in found["versions"])
    assert len(blocking) == 64 and empty == found["content_sha256"] != blocking


def test_an_assertion_holds_of_the_version_that_it_is_made_of():
    wanted = {"must_block": [HATE]}
    assert read(name="g", version="NEWEST", assertions=wanted)["compliant"]
    assert read(name="g", version="2", assertions=wanted)["violations"] == []
    with pytest.raises(Refused, match=r"g \(1\): content HATE is not in it"):
        read(name="g", version="1", assertions=wanted)


def test_a_failed_assertion_can_be_told_without_failing():
    result = read(name="g", assertions={"must_block": [HATE]}, fail_on_violation=False)
    assert not result["compliant"] and result["violations"] == ["g (DRAFT): content HATE is not in it"]


@pytest.mark.parametrize(("name", "version", "told"), [
    ("none", "DRAFT", "no guardrail none in eu-central-1"),
    ("g", "9", r"g \(9\): the version is not there"),
    ("h", "NEWEST", r"h \(NEWEST\): the version is not there"),
])  # fmt: skip
def test_nothing_is_asserted_of_what_is_not_there(name, version, told):
    with pytest.raises(Refused, match=told):
        read(name=name, version=version, assertions={})


def test_a_failed_gate_carries_what_it_saw():
    with pytest.raises(Refused) as refused:
        read(name="g", assertions={"must_block": [HATE]})
    assert refused.value.result["compliant"] is False and refused.value.result["guardrails"][0]["name"] == "g"


def test_a_version_that_is_none_is_refused():
    with pytest.raises(Refused, match="version is latest"):
        read(version="latest")
