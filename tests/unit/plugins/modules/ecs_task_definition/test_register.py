# SPDX-License-Identifier: GPL-3.0-or-later
"""ECS knows no token for a revision: a repeated registration is another one, which nobody would ever remove."""

import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import AwsError
from ansible_collections.medzen.multiregion.plugins.modules import ecs_task_definition as module
from botocore.exceptions import ClientError, ReadTimeoutError

REQUEST = {"family": "care", "containerDefinitions": [{"name": "app", "image": "app:2"}], "networkMode": "awsvpc"}
PLANNED = {"request": REQUEST, "tags": {}}
BEFORE = {"family": "care", "revision": 3, "containerDefinitions": [{"name": "app", "image": "app:1"}]}


class Ecs:
    """Keeps revisions; each of `faults` meets one registration: before its effect a ClientError, after it the rest."""

    def __init__(self, *faults):
        self.revisions, self.faults = [BEFORE], list(faults)

    def register_task_definition(self, **request):
        fault = self.faults.pop(0) if self.faults else None
        if isinstance(fault, ClientError):
            raise fault
        self.revisions.append({**request, "revision": len(self.revisions) + 3, "status": "ACTIVE"})
        if fault:
            raise fault
        return {"taskDefinition": self.revisions[-1]}

    def describe_task_definition(self, **_request):
        return {"taskDefinition": self.revisions[-1]}


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr(module, "POLL_SECONDS", 0)


def register(ecs):
    return module.register_once(ecs, ecs, BEFORE, PLANNED, {"family": "care"})


def refusal(code):
    return ClientError({"Error": {"Code": code, "Message": ""}}, "RegisterTaskDefinition")


def test_a_lost_answer_makes_no_second_revision():
    ecs = Ecs(ReadTimeoutError(endpoint_url="x"))
    assert register(ecs)["revision"] == 4
    assert len(ecs.revisions) == 2


def test_a_throttled_registration_is_made_again():
    ecs = Ecs(refusal("ThrottlingException"))
    assert register(ecs)["revision"] == 4


def test_a_refused_registration_is_told():
    with pytest.raises(AwsError, match="Failed to register a revision of care"):
        register(Ecs(refusal("InvalidParameterException")))
