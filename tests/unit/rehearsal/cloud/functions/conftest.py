# SPDX-License-Identifier: GPL-3.0-or-later
"""The functions of the session's world over workers that are no processes: they call what the test gives them."""

import io
import itertools
import json
import zipfile

import botocore.exceptions
import pytest

from rehearsal.cloud import functions as layer
from rehearsal.cloud.functions.model import Outcome
from rehearsal.cloud.functions.pool import Pool

NUMBERS = itertools.count(1)


class Worker:
    """Answers by a function of the test: `code(event) -> value`."""

    code = staticmethod(lambda event: event)
    started = []

    def __init__(self, processes, version, name):
        self.version, self.name, self.idle_since, self.alive = version, name, 0.0, False

    def start(self):
        self.alive = True
        Worker.started.append(self)

    def invoke(self, request):
        result = Worker.code(request.event)
        if isinstance(result, Outcome):
            return result
        return Outcome(json.dumps(result).encode(), "", "said\n")

    def end(self):
        self.alive = False


@pytest.fixture(scope="session")
def invoker(world):
    if world.functions is None:
        layer.install_with(world, Pool(world.processes, Worker))
    return world.functions


@pytest.fixture
def code(invoker, monkeypatch):
    """Say what the workers answer: code(lambda event: ...)."""
    Worker.started = []
    return lambda function: monkeypatch.setattr(Worker, "code", staticmethod(function))


def pack(**files):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, source in files.items():
            archive.writestr(f"{name}.py", source)
    return data.getvalue()


@pytest.fixture
def lambdas(client, invoker):
    return client("lambda")


@pytest.fixture
def role(client):
    iam = client("iam", "us-east-1")
    try:
        return iam.create_role(RoleName="functions-tests", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    except iam.exceptions.EntityAlreadyExistsException:
        return iam.get_role(RoleName="functions-tests")["Role"]["Arn"]


@pytest.fixture
def refused():
    return lambda code: pytest.raises(botocore.exceptions.ClientError, match=rf"\({code}\)")


@pytest.fixture
def create(lambdas, role, pass_time):
    """Create a function: create(active=True, **options); returns its configuration."""

    def make(*, active=True, **options):
        request = {
            "FunctionName": f"function-{next(NUMBERS)}",
            "Runtime": "python3.13",
            "Role": role,
            "Handler": "main.handle",
            "Code": {"ZipFile": pack(main="def handle(event, context): return event")},
        } | options
        made = lambdas.create_function(**request)
        if active:
            pass_time(60)
        return made

    return make


@pytest.fixture
def invoke(lambdas):
    def call(name, event=None, **options):
        answer = lambdas.invoke(FunctionName=name, Payload=json.dumps(event), **options)
        answer["Value"] = json.loads(answer["Payload"].read() or b"null")
        return answer

    return call
