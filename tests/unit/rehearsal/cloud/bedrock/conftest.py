# SPDX-License-Identifier: GPL-3.0-or-later
"""Bedrock in the session's world, as new for every test."""

import itertools

import botocore.exceptions
import pytest

from rehearsal.cloud import bedrock as layer
from rehearsal.cloud.bedrock.catalogue import load_catalogue
from rehearsal.cloud.bedrock.control import control

WORDS = {"wordPolicyConfig": {"wordsConfig": [{"text": "overdose"}]}}
NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def installed(world):
    return layer.install(world)


@pytest.fixture
def bedrock(installed):
    """The layer's state, emptied: the world is one for all tests."""
    installed.__init__(installed.world)
    installed.catalogue = load_catalogue(installed.now())
    return installed


@pytest.fixture
def api(bedrock, client):
    return client("bedrock")


@pytest.fixture
def runtime(bedrock, client):
    return client("bedrock-runtime")


@pytest.fixture
def settings(bedrock):
    """POST to the control route: settings(knobs={...})."""
    return lambda **body: control(bedrock, "POST", body)


@pytest.fixture
def guardrail(api, pass_time):
    """Make a guardrail and wait until it is READY; returns its id."""

    def make(**options):
        request = {
            "name": f"safe-{next(NUMBERS)}",
            "blockedInputMessaging": "No.",
            "blockedOutputsMessaging": "Nothing.",
        }
        made = api.create_guardrail(**{**request, **(options or WORDS)})
        pass_time(11)
        return made["guardrailId"]

    return make


@pytest.fixture
def refused():
    """Expect an error code: `with refused("ConflictException"): ...`."""
    return expect_code


class expect_code:
    def __init__(self, code, text=""):
        self.code, self.text = code, text

    def __enter__(self):
        return self

    def __exit__(self, kind, problem, _trace):
        assert isinstance(problem, botocore.exceptions.ClientError), f"expected {self.code}, got {problem!r}"
        assert problem.response["Error"]["Code"] == self.code, problem
        assert self.text in str(problem)
        return True
