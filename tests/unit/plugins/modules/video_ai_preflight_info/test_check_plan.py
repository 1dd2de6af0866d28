# SPDX-License-Identifier: GPL-3.0-or-later
"""Which checks are made of a plan, what is read for them, and what a refused read does to them."""

import ast
import copy
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import boto3
import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused
from ansible_collections.medzen.multiregion.plugins.modules import video_ai_preflight_info as module
from botocore.exceptions import ClientError

ROOT = Path(__file__).resolve().parents[5]
HOME, DR, SOUTH, ACCOUNT = "eu-central-1", "eu-west-1", "af-south-1", "123456789012"
NOVA = "amazon.nova-lite-v1:0"
# Place of the reason among the arguments of a check.
REASON = 7
PLAN = {
    "account": ACCOUNT,
    "allowed_regions": [HOME, DR],
    "visits": {"control_regions": [HOME], "dr": "none", "messaging_region": HOME, "messaging_dr": "none"},
    "recording": {"bucket": "recordings-{region}", "concurrent": 2},
    "models": [{"model_id": NOVA, "region": HOME, "failover_region": DR}],
    "guardrail": {"tier": "CLASSIC", "languages": ["en"], "regions": [HOME]},
    "data_retention": {"mode": "none", "regions": [HOME]},
    "functions": [{"name": "manager", "runtime": "python3.14"}],
    "audit": {"retention_years": 7},
    "rollbacks": [{"region": DR, "functions": ["manager"], "tables": ["audit"]}],
}
LIFE = {"status": "ACTIVE", "endOfLifeTime": datetime.now(UTC) + timedelta(days=400)}
ANSWERS = {
    "get_caller_identity": {"Account": ACCOUNT},
    "describe_regions": {"Regions": [{"RegionName": HOME}, {"RegionName": DR}]},
    "get_bucket_location": {"LocationConstraint": HOME},
    "get_service_quota": {"Quota": {"Value": 10.0}},
    "list_media_capture_pipelines": {"MediaCapturePipelines": [{"MediaPipelineId": "1"}]},
    "get_media_capture_pipeline": {"MediaCapturePipeline": {"Status": "InProgress"}},
    "list_foundation_models": {
        "modelSummaries": [{"modelId": NOVA, "inferenceTypesSupported": ["ON_DEMAND"], "modelLifecycle": LIFE}]
    },
    "list_inference_profiles": {"inferenceProfileSummaries": []},
    "get_foundation_model_availability": {
        "regionAvailability": "AVAILABLE",
        "authorizationStatus": "AUTHORIZED",
        "entitlementAvailability": "AVAILABLE",
        "agreementAvailability": {"status": "AVAILABLE"},
    },
    "get_foundation_model": "ValidationException",
    "get_account_data_retention": {"mode": "none"},
    "list_functions": {"Functions": [{"FunctionName": "manager"}]},
    "list_tables": {"TableNames": ["audit"]},
}


class Service:
    """A client; an answer that is text is the code of an error."""

    meta = boto3.client("bedrock", HOME, aws_access_key_id="a", aws_secret_access_key="b").meta

    def __init__(self, clients, region):
        self.clients, self.region = clients, region

    def __getattr__(self, operation):
        return lambda **_request: self.answer(operation)

    def get_paginator(self, operation):
        found = SimpleNamespace(build_full_result=lambda: self.answer(operation))
        return SimpleNamespace(paginate=lambda **_request: found)

    def answer(self, operation):
        with self.clients.lock:
            self.clients.calls.append((self.region, operation))
        answer = self.clients.answers[operation]
        if isinstance(answer, str):
            raise ClientError({"Error": {"Code": answer, "Message": "no"}}, operation)
        return answer


class Clients:
    def __init__(self):
        self.answers, self.calls, self.lock = dict(ANSWERS), [], threading.Lock()

    def __call__(self, service, region=None):
        return Service(self, region)


@pytest.fixture
def clients(monkeypatch):
    fake = Clients()
    monkeypatch.setattr(module, "Clients", lambda _module: fake)
    return fake


@pytest.fixture
def judge(clients):
    """Judge the plan with these changes; None takes a part out."""

    def run(**changes):
        given = {key: value for key, value in {**copy.deepcopy(PLAN), **changes}.items() if value is not None}
        validated = ArgumentSpecValidator(module.SPEC).validate(given)
        assert validated.error_messages == []
        return module.check_plan(SimpleNamespace(region=HOME, params=validated.validated_parameters))

    return run


def reasons(result, verdict):
    return [one["reason"] for one in result["checks"] if one["verdict"] == verdict]


def test_a_sound_plan_is_neither_refused_nor_unknown(judge):
    result = judge()
    assert (result["verdict"], result["changed"], result["refused"]) == ("warn", False, [])
    assert reasons(result, "warn") == ["dr_none", "messaging_dr_none"]


def test_every_part_of_the_plan_has_a_check(judge):
    names = {one["name"] for one in judge()["checks"]}
    assert names == {
        "account", "region", "visits", "visits dr", "messaging", "messaging dr", "phi detection", "capture bucket",
        f"owner of recordings-{HOME}", "quota pipelines", f"model {NOVA}", f"failover of {NOVA}",
        "guardrail tier CLASSIC", "guardrail profile", "planned data retention", "data retention",
        "runtime of manager", "audit retention", "rollback by dns",
    }  # fmt: skip


def test_a_plan_may_have_no_visits_and_no_assistant(judge, clients):
    nothing = dict.fromkeys(("visits", "recording", "guardrail", "data_retention", "audit"))
    result = judge(**nothing, models=[], functions=[], rollbacks=[])
    assert [one["name"] for one in result["checks"]] == ["account"]
    assert {operation for _region, operation in clients.calls} == {"get_caller_identity", "describe_regions"}


def test_all_faults_are_told_at_once(judge):
    result = judge(
        visits={"control_regions": [DR], "phi_detection_region": HOME},
        models=[{"model_id": "nobody.knows-v1:0", "region": HOME}],
        guardrail={"tier": "CLASSIC", "languages": ["ha"], "regions": [HOME]},
        data_retention={"mode": "provider_data_share", "regions": [HOME]},
        functions=[{"name": "manager", "runtime": "nodejs18.x", "library": "aws-sdk-js-v2"}],
        audit={"retention_years": 6, "example": {"created": "2025-11-22T00:23:03Z", "ttl": 1984522983}},
    )
    assert set(result["refused"]) >= {
        "control_region_unsupported", "dr_undecided", "phi_detection_unsupported", "guardrail_language_unsupported",
        "provider_data_share", "runtime_unsupported", "library_unsupported", "retention_years_short",
        "ttl_short", "bucket_region_differs",
    }  # fmt: skip


def test_a_region_without_pipelines_is_asked_for_none(judge, clients):
    judge(visits={"control_regions": [DR], "dr": "none"})
    assert (DR, "list_media_capture_pipelines") not in clients.calls


def test_a_region_that_is_not_enabled_is_not_asked(judge, clients):
    result = judge(rollbacks=[{"region": SOUTH, "functions": ["manager"]}])
    assert result["refused"] == ["region_not_enabled"]
    assert (SOUTH, "list_functions") not in clients.calls


def test_regions_that_could_not_be_listed_are_unknown_and_hide_nothing_else(judge, clients):
    clients.answers["describe_regions"] = "UnauthorizedOperation"
    result = judge()
    assert result["verdict"] == "unknown"
    assert (DR, "list_functions") in clients.calls


@pytest.mark.parametrize(
    ("operation", "name"),
    [
        ("get_caller_identity", "account"),
        ("get_bucket_location", "capture bucket"),
        ("list_media_capture_pipelines", "quota pipelines"),
        ("get_service_quota", "quota pipelines"),
        ("list_foundation_models", f"model {NOVA}"),
        ("list_inference_profiles", f"model {NOVA}"),
        ("get_foundation_model_availability", f"model {NOVA}"),
        ("get_account_data_retention", "data retention"),
        ("list_functions", "rollback by dns"),
        ("list_tables", "rollback by dns"),
    ],
)
def test_a_refused_read_is_unknown(judge, clients, operation, name):
    clients.answers[operation] = "AccessDeniedException"
    result = judge()
    assert name in [one["name"] for one in result["checks"] if one["verdict"] == "unknown"]
    assert result["refused"] == []


def test_a_bucket_that_is_not_there_is_made_later(judge, clients):
    clients.answers["get_bucket_location"] = "NoSuchBucket"
    assert judge()["refused"] == []


def test_a_bucket_that_is_planned_elsewhere_is_not_looked_at(judge, clients):
    result = judge(recording={"bucket": "recordings", "bucket_region": DR, "concurrent": 2})
    assert result["refused"] == ["bucket_region_differs"]
    assert (HOME, "get_bucket_location") not in clients.calls


def test_a_way_back_that_the_plan_deletes_is_not_asked_for(judge, clients):
    result = judge(rollbacks=[{"region": DR, "functions": ["manager"], "deleted": ["medzen-chime-sdk"]}])
    assert result["refused"] == ["way_back_without_stack"]
    assert (DR, "list_functions") not in clients.calls


def test_a_share_that_holds_in_the_account_is_refused_whatever_is_planned(judge, clients):
    clients.answers["get_account_data_retention"] = {"mode": "provider_data_share"}
    assert judge()["refused"] == ["provider_data_share"]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"account": "12345"}, "account"),
        ({"allowed_regions": ["eu-"]}, "allowed_regions"),
        ({"extra_regions": {"moon": ["eu-moon-1"]}}, "moon"),
        ({"eol_within_days": -1}, "eol_within_days"),
        ({"recording": {"bucket": "a", "concurrent": 0}}, "concurrent"),
        ({"visits": None}, "without visits"),
    ],
)
def test_a_wrong_option_is_named_before_any_call(judge, clients, change, named):
    with pytest.raises(Refused, match=named):
        judge(**change)
    assert clients.calls == []


# ---- documentation ----


def plain(options, below):
    keys = ("type", "elements", "default", "choices")
    return {
        name: {
            **{key: option.get(key) for key in keys},
            "required": bool(option.get("required")),
            "below": plain(option.get(below) or {}, below),
        }
        for name, option in options.items()
    }


def test_options_are_documented_as_they_are():
    documented = yaml.safe_load(module.DOCUMENTATION)["options"]
    assert plain(documented, "suboptions") == plain(module.SPEC, "options")


def find_reasons(path):
    """The last argument of each check that is built with one and is a text: its reason."""
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    made = [call.args for call in calls if getattr(call.func, "id", "") == "PlanCheck" and len(call.args) == REASON]
    return {args[-1].value for args in made if isinstance(args[-1], ast.Constant)}


def test_every_reason_stands_on_the_page_of_the_playbook():
    sources = [*(ROOT / "plugins/module_utils").glob("video_ai_preflight*.py")]
    page = (ROOT / "docs/preflight_video_ai.md").read_text()
    told = set().union(*map(find_reasons, sources))
    assert {"control_region_missing", "model_failover_same_region", "ttl_short"} <= told
    assert sorted(one for one in told if f"`{one}`" not in page) == []
