# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role chime builds is what the plan is judged by, what its functions call is what they may."""

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
ROLE = ROOT / "roles" / "chime"
DEFAULTS = yaml.safe_load((ROLE / "defaults" / "main.yml").read_text())
VARIABLES = yaml.safe_load((ROLE / "vars" / "main.yml").read_text())
SHARED = yaml.safe_load((ROOT / "group_vars" / "all.yml").read_text())
FUNCTIONS = DEFAULTS["chime_functions"]
# Calls of clients that need another permission than their own name, or none.
PERMISSIONS = {"put_item": "dynamodb:PutItem", "synthesize_speech": "polly:SynthesizeSpeech"}


def handler_of(function):
    return ROOT / "rehearsal" / "functions" / f"{function['package'].removesuffix('.zip')}.py"


def permission_of(call):
    return PERMISSIONS.get(call) or "chime:" + "".join(word.capitalize() for word in call.split("_"))


def test_the_functions_are_those_that_the_preflight_judges():
    judged = {one["name"]: one["runtime"] for one in SHARED["video_ai_preflight_functions"]}
    assert {one["name"]: judged.get(one["name"]) for one in FUNCTIONS} == {
        one["name"]: one["runtime"] for one in FUNCTIONS
    }


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda one: one["name"])
def test_each_function_has_a_handler_that_answers_its_routes(function):
    text = handler_of(function).read_text()
    module, _, name = function["handler"].partition(".")
    assert module == handler_of(function).stem and f"def {name}(event, context)" in text
    assert [route for route in function["routes"] if f'"{route}"' not in text] == []


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda one: one["name"])
def test_the_execution_role_allows_what_the_function_calls_and_no_action_is_a_wildcard(function):
    calls = re.findall(r"\b(?:chime|dynamodb|messaging|polly)\.([a-z_]+)\(", handler_of(function).read_text())
    allowed = [action for row in VARIABLES["__chime_execution_statements"] for action in row["Action"]]
    assert {permission_of(call) for call in calls} - set(allowed) == set()
    assert [one for one in allowed if one.endswith(":*")] == []


def test_every_variable_that_a_handler_reads_is_set():
    names = {
        name for one in FUNCTIONS for name in re.findall(r'environ(?:\.get\(|\[)"(\w+)"', handler_of(one).read_text())
    }
    assert names - {"AWS_REGION"} <= set(re.findall(r"'([A-Z_]+)':", VARIABLES["__chime_environment"]))


def test_a_function_is_told_of_recordings_and_it_is_one_of_them():
    assert DEFAULTS["chime_recording_function"] in [one["name"] for one in FUNCTIONS]


def test_the_buckets_are_those_that_a_decommission_compares():
    prefixes = yaml.safe_load((ROOT / "roles/visit_history/defaults/main.yml").read_text())
    names = [DEFAULTS[f"chime_{kind}_bucket"] for kind in ("recordings", "transcripts", "medical_entities")]
    compared = (ROOT / "roles/decommission/defaults/main.yml").read_text()
    assert prefixes["visit_history_bucket_prefixes"] == names
    assert [name for name in names if f"'{name}'" not in compared] == []


def test_what_is_copied_from_elsewhere_calls_no_function():
    assert "s3:ObjectCreated:*" not in (events := VARIABLES["__chime_notification"]["events"])
    assert "s3:ObjectCreated:Copy" not in events
