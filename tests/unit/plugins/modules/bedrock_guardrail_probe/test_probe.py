# SPDX-License-Identifier: GPL-3.0-or-later
from types import SimpleNamespace

import botocore.session
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused
from ansible_collections.medzen.multiregion.plugins.modules import bedrock_guardrail_probe as module
from botocore.exceptions import ClientError

STOPPED, PASSED = "GUARDRAIL_INTERVENED", "NONE"


class Runtime:
    """Stops what has the word "attack" in it, unless its region is deaf; one region refuses."""

    calls = []

    def __init__(self, region, model):
        self.region = region
        self.meta = SimpleNamespace(service_model=model, region_name=region)

    def apply_guardrail(self, aws_retry=False, **request):
        Runtime.calls.append((self.region, request["guardrailIdentifier"], request["guardrailVersion"]))
        if self.region == "us-east-1":
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "ApplyGuardrail")
        text = request["content"][0]["text"]["text"]
        if "attack" not in text or self.region == "eu-west-1":
            return {"action": PASSED, "outputs": [], "assessments": []}
        found = {
            "contentPolicy": {"filters": [{"type": "PROMPT_ATTACK", "action": "BLOCKED"}]},
            "wordPolicy": {"customWords": [{"match": text, "action": "BLOCKED"}], "managedWordLists": []},
            "topicPolicy": {"topics": [{"name": "seen", "action": "NONE"}]},
        }
        return {"action": STOPPED, "outputs": [{"text": "no"}], "assessments": [found]}


@pytest.fixture(scope="session")
def model():
    return botocore.session.get_session().get_service_model("bedrock-runtime")


@pytest.fixture(autouse=True)
def runtime(monkeypatch, model):
    Runtime.calls = []
    monkeypatch.setattr(module.bedrock, "connect", lambda _module, service, region: Runtime(region, model))
    monkeypatch.setattr(module.bedrock, "list_rows", lambda _connection, guardrail_id: [
        {"version": one, "status": "READY"} for one in ("DRAFT", "2", "10") if guardrail_id != "none"])  # fmt: skip
    monkeypatch.setattr(module.bedrock, "list_guardrails", lambda connection: [
        {"id": f"id{connection.region[:2]}", "name": "g"}])  # fmt: skip


def target(region=None, guardrail_id="abc", name=None, version="1"):
    return {"region": region, "guardrail_id": guardrail_id, "name": name, "version": version}


def case(text, expect, name=None, source="INPUT"):
    return {"name": name, "text": text, "source": source, "expect": expect}


def probe(*cases, targets=None, check_mode=False, **more):
    given = {"targets": targets or [target()], "cases": list(cases), "return_text": False, "extra_regions": [], **more}
    return module.probe(SimpleNamespace(region="eu-central-1", check_mode=check_mode, params=given))


def test_what_acts_as_expected_is_told_without_the_text():
    result = probe(case("an attack", STOPPED, "attack"), case("hello", PASSED))
    assert result["same"] and not result["changed"] and [row["case"] for row in result["results"]] == ["attack", "2"]
    assert result["results"][0]["policies"] == ["content PROMPT_ATTACK", "word"]
    assert "an attack" not in str(result) and "texts" not in result["results"][0]


def test_texts_come_back_on_demand():
    assert probe(case("an attack", STOPPED), return_text=True)["results"][0]["texts"] == ["no"]


def test_nothing_is_asked_in_check_mode():
    result = probe(case("an attack", STOPPED), targets=[target(guardrail_id=None, name="g")], check_mode=True)
    assert result == {"changed": False, "skipped_call": True, "results": []} and Runtime.calls == []


def test_two_regions_that_act_differently_fail_after_both_were_asked():
    with pytest.raises(Refused, match="eu-west-1 abc version 1, case attack: NONE, expected GUARDRAIL") as refused:
        probe(case("an attack", STOPPED, "attack"), targets=[target("eu-west-1"), target("eu-central-1")])
    assert refused.value.result["different_cases"] == ["attack"] and len(refused.value.result["results"]) == 2


def test_a_guardrail_that_cannot_be_asked_fails_with_its_class_and_the_others_are_asked():
    with pytest.raises(Refused, match="AccessDeniedException") as refused:
        probe(case("hello", PASSED), targets=[target("us-east-1"), target("eu-central-1")])
    rows = refused.value.result["results"]
    assert rows[0]["failure_class"] == "access_denied" and rows[1]["ok"] and not refused.value.result["same"]


def test_a_name_is_looked_up_in_its_region():
    probe(case("hello", PASSED), targets=[target(guardrail_id=None, name="g"), target("af-south-1", None, "g")])
    assert [call[:2] for call in Runtime.calls] == [("eu-central-1", "ideu"), ("af-south-1", "idaf")]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"targets": [target(guardrail_id=None)]}, "does not name one guardrail"),
        ({"targets": [target(name="g")]}, "does not name one guardrail"),
        ({"targets": [target(version="newest")]}, "targets.version: 'newest' does not match"),
        ({"targets": [target(guardrail_id="A B")]}, "targets.guardrail_id: 'A B' does not match"),
        ({"targets": [target(guardrail_id=None, name="none")]}, "There is no guardrail none in eu-central-1"),
        (
            {"targets": [target(guardrail_id="arn:aws:bedrock:eu-west-1:123456789012:guardrail/abc")]},
            "guardrail_id names a resource of another region",
        ),
    ],
)
def test_a_bad_target_is_refused_before_a_text_leaves(given, told):
    with pytest.raises(Refused, match=told):
        probe(case("hello", PASSED), **given)
    assert Runtime.calls == []


def test_cases_need_names_of_their_own():
    with pytest.raises(Refused, match="2 more than once"):
        probe(case("a", PASSED, "2"), case("b", PASSED))


def test_the_newest_version_is_asked_by_its_number():
    result = probe(case("attack", STOPPED), targets=[target(version="NEWEST")])
    assert Runtime.calls == [("eu-central-1", "abc", "10")] and result["results"][0]["version"] == "10"


def test_a_guardrail_without_a_version_has_no_newest_one():
    with pytest.raises(Refused, match="no numbered version"):
        probe(case("attack", STOPPED), targets=[target(guardrail_id="none", version="NEWEST")])
    assert Runtime.calls == []
