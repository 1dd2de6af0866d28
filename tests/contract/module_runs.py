# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a module as a playbook does, up to its first call of an API: that one is noted, and not made."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from typing import Any, NoReturn

import boto3
import botocore.client
import botocore.session
import pytest
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.medzen.multiregion.plugins.module_utils.worker_module import Finished, Task, WorkerModule

PACKAGE = "ansible_collections.medzen.multiregion.plugins.modules"
WHERE = {"region": "eu-central-1", "access_key": "AKIDEXAMPLE", "secret_key": "wJalrXUtnFEMI"}


class Called(Exception):
    """A call was about to be made."""


@functools.cache
def client_of(service: str, region: str) -> Any:
    """One client a service: each reads its model anew."""
    session = botocore.session.Session()
    return session.create_client(service, region_name=region, aws_access_key_id="a", aws_secret_access_key="b")


def hold_calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Operations that were about to be called; none is."""
    made: list[str] = []

    def refuse(_client, operation, _parameters):
        made.append(operation)
        raise Called(operation)

    def client(_session, service_name, region_name=None, **_more):
        return client_of(service_name, region_name)

    monkeypatch.setattr(boto3.session.Session, "client", client)
    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", refuse)
    return made


class LightClient:
    """A client that ends at any operation. Its model is read only when somebody looks at it: that is half a second."""

    def __init__(self, made: list[str], service: str, region: str):
        self._made, self._service, self._region = made, service, region

    def __getattr__(self, name: str) -> Any:
        if name in ("meta", "exceptions"):
            return getattr(client_of(self._service, self._region), name)
        return functools.partial(self._call, name)

    def _call(self, name: str, operation: str = "", **_request: Any) -> NoReturn:
        called = operation if name in ("get_paginator", "get_waiter", "can_paginate") else name
        self._made.append("".join(map(str.capitalize, called.split("_"))))
        raise Called(called)


def hold_light_calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """As `hold_calls`, where requests need not be built to the end."""
    made: list[str] = []
    monkeypatch.setattr(
        boto3.session.Session,
        "client",
        lambda _session, service_name, region_name=None, **_more: LightClient(made, service_name, region_name),
    )
    return made


def make_run(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, dict], dict]:
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
