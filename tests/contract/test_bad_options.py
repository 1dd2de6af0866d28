# SPDX-License-Identifier: GPL-3.0-or-later
"""Every constrained option, given a wrong value, ends in an error that names it, before any call.

The values are made from the documentation, botocore's model and shapes.yml; nothing is listed here.
"""

import functools
import importlib

import boto3
import botocore.client
import botocore.session
import pytest
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.medzen.multiregion.plugins.module_utils.worker_module import Finished, Task, WorkerModule
from bad_options import Case, iter_cases, right_task
from module_shapes import MODULES, OPTIONS, table

PACKAGE = "ansible_collections.medzen.multiregion.plugins.modules"
WHERE = {"region": "eu-central-1", "access_key": "AKIDEXAMPLE", "secret_key": "secret"}
CASES = [case for module in MODULES for case in iter_cases(module)]


class Called(Exception):
    """A call was about to be made."""


@functools.cache
def client_of(service, region):
    """One client a service: each reads its model anew."""
    session = botocore.session.Session()
    return session.create_client(service, region_name=region, aws_access_key_id="a", aws_secret_access_key="b")


@pytest.fixture
def calls(monkeypatch):
    """Operations that were about to be called; none is."""
    made = []

    def refuse(_client, operation, _parameters):
        made.append(operation)
        raise Called(operation)

    def client(_session, service_name, region_name=None, **_more):
        return client_of(service_name, region_name)

    monkeypatch.setattr(boto3.session.Session, "client", client)
    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", refuse)
    return made


@pytest.fixture
def run(monkeypatch, calls):
    """What a module returns for these options; a call raises Called."""

    def start(module, options):
        task = Task(module, {**WHERE, **options}, False, True, lambda _text: None, lambda *_a, **_k: None)
        monkeypatch.setitem(AnsibleAWSModule.default_settings, "module_class", functools.partial(WorkerModule, task))
        try:
            importlib.import_module(f"{PACKAGE}.{module}").main()
        except Finished as finished:
            return finished.result
        raise AssertionError("the module ended without a result")

    return start


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_wrong_value_is_refused_by_the_options_name_before_any_call(run, calls, case: Case):
    result = run(case.module, case.options)
    assert result.get("failed") and calls == [], result
    assert [word for word in case.words if word not in result["msg"]] == [], result["msg"]


PATHS = sorted({(case.module, case.path) for case in CASES})


@pytest.mark.parametrize(("module", "path"), PATHS, ids=map("-".join, PATHS))
def test_the_same_task_with_a_right_value_goes_on(run, module, path):
    """Otherwise something else than the wrong value could have ended the tasks above."""
    try:
        result = run(module, right_task(module, path))
    except Called:
        return
    assert not result.get("failed"), result


def test_there_are_cases_of_every_kind():
    kinds = {case.why.rstrip("0123456789") for case in CASES}
    assert kinds >= {"choice", "type", "word", "long", "empty", "pattern", "small", "large", "crowd", "missing", "bad"}
    assert {case.module for case in CASES} == {module for module in MODULES if table()[module][OPTIONS]}
