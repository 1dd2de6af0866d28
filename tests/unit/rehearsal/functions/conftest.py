# SPDX-License-Identifier: GPL-3.0-or-later
"""The estate's functions as modules of their own, with clients that note what they are asked."""

import importlib.util
from types import SimpleNamespace

import botocore.exceptions
import pytest

from rehearsal import packages

CONTEXT = SimpleNamespace(aws_request_id="1", function_name="fn")


class Client:
    """Answers what the test says and notes every call: client.answers["create_meeting"] = {...}."""

    def __init__(self):
        self.calls, self.answers = [], {}

    def __getattr__(self, operation):
        def call(**parameters):
            self.calls.append((operation, parameters))
            answer = self.answers.get(operation, {})
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call


@pytest.fixture
def refusal():
    """An error of a service: refusal("NotFoundException")."""
    return lambda code: botocore.exceptions.ClientError({"Error": {"Code": code, "Message": code}}, "Operation")


@pytest.fixture
def load(monkeypatch):
    """Load a function in a region with its settings: load("meeting_manager", AUDIT_TABLE="audit")."""

    def build(name, **environment):
        settings = {"AWS_REGION": "eu-central-1", "AWS_DEFAULT_REGION": "eu-central-1", **environment}
        for key, value in settings.items():
            monkeypatch.setenv(key, value)
        spec = importlib.util.spec_from_file_location(f"function_{name}", packages.SOURCES / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        for client in ("chime", "dynamodb", "messaging", "polly"):
            if hasattr(module, client):
                setattr(module, client, Client())
        return module

    return build
