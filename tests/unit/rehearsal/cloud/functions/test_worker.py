# SPDX-License-Identifier: GPL-3.0-or-later
"""Real worker processes: what a function sees, and how its errors are told."""

import io
import os
import shutil
import tempfile
import zipfile
from pathlib import Path

import pytest

from rehearsal.cloud.functions.model import Request, Version
from rehearsal.cloud.functions.worker import Worker
from rehearsal.processes import Processes, wait_until
from rehearsal.settings import Settings
from rehearsal.up import prepare_folders, worker_environment
from tests.unit.rehearsal.cloud.functions.conftest import pack

SOURCE = """
import json, logging, os, sys
import boto3

def environment(event, context):
    print("hello")
    logging.getLogger().warning("careful")
    return {"region": os.environ["AWS_REGION"], "own": os.environ["TABLE"], "name": context.function_name,
            "endpoint": boto3.client("dynamodb").meta.endpoint_url, "uid": os.getuid(),
            "left_ms": context.get_remaining_time_in_millis()}

def fail(event, context):
    raise ValueError("bad " + event["what"])

def unserializable(event, context):
    return object()

def hang(event, context):
    while True:
        pass

def leave(event, context):
    os._exit(3)
"""


@pytest.fixture(scope="module")
def settings():
    """A folder that an ordinary user can read, unlike pytest's own."""
    base = Path(tempfile.mkdtemp(prefix="functions-"))
    base.chmod(0o755)
    made = Settings(251, base)
    prepare_folders(made)
    yield made
    shutil.rmtree(base)


@pytest.fixture
def start(settings, monkeypatch):
    """Start a worker: start("main.handler") -> (worker, what kept it from starting)."""
    for name, value in worker_environment().items():
        monkeypatch.setenv(name, value)
    workers = []

    def begin(handler, runtime="python3.13", archive=None, timeout_s=20):
        arn = "arn:aws:lambda:eu-west-1:123456789012:function:fn"
        code = pack(main=SOURCE) if archive is None else archive
        version = Version(
            arn, "eu-west-1", "fn", "$LATEST", handler, runtime, timeout_s, 128, (("TABLE", "audit"),),
            str(hash(code)), code,
        )  # fmt: skip
        worker = Worker(Processes(settings), version, f"function-{len(workers)}")
        workers.append(worker)
        return worker, worker.start()

    yield begin
    for worker in workers:
        worker.end()


def test_a_function_sees_its_region_its_environment_and_the_worlds_endpoint(start, settings):
    worker, problem = start("main.environment")
    assert problem is None
    outcome = worker.invoke(Request({}))
    value = outcome.value()
    assert (value["region"], value["own"], value["name"]) == ("eu-west-1", "audit", "fn")
    assert value["endpoint"] == settings.api_url
    assert 0 < value["left_ms"] <= 20_000
    assert outcome.log.startswith("hello\n[WARNING]\t")


@pytest.mark.skipif(os.getuid() != 0, reason="only root has something to give up")
def test_the_code_of_a_function_does_not_run_as_root(start):
    worker, _ = start("main.environment")
    assert worker.invoke(Request({})).value()["uid"] != 0


def test_a_raised_error_has_its_type_its_text_and_its_place(start):
    worker, _ = start("main.fail")
    outcome = worker.invoke(Request({"what": "luck"}))
    assert outcome.error == "Unhandled"
    assert (outcome.value()["errorType"], outcome.value()["errorMessage"]) == ("ValueError", "bad luck")
    assert 'raise ValueError("bad "' in outcome.value()["stackTrace"][-1]


def test_the_worker_of_a_failed_invocation_takes_the_next_one(start):
    worker, _ = start("main.fail")
    worker.invoke(Request({"what": "luck"}))
    assert worker.alive and worker.invoke(Request({"what": "again"})).value()["errorMessage"] == "bad again"


def test_a_result_that_is_no_json_is_an_error(start):
    worker, _ = start("main.unserializable")
    assert worker.invoke(Request({})).value()["errorType"] == "Runtime.MarshalError"


def test_a_function_that_takes_too_long_is_ended(start):
    worker, _ = start("main.hang", timeout_s=1)
    outcome = worker.invoke(Request({}))
    assert outcome.value()["errorType"] == "Sandbox.Timedout"
    assert "Task timed out after 1.00 seconds" in outcome.value()["errorMessage"]
    assert not worker.alive


def test_a_process_that_ends_is_an_error_of_the_runtime(start):
    worker, _ = start("main.leave")
    assert worker.invoke(Request({})).value()["errorType"] == "Runtime.ExitError"
    assert not worker.alive


@pytest.mark.parametrize(
    ("handler", "error"),
    [("none.handle", "Runtime.ImportModuleError"), ("main.none", "Runtime.HandlerNotFound")],
)
def test_a_handler_that_is_not_there_is_told_by_lambdas_names(start, handler, error):
    assert start(handler)[1].value()["errorType"] == error


def test_a_worker_ends_when_the_cloud_lets_go_even_in_the_middle_of_work(start):
    worker, _ = start("main.hang", timeout_s=1)
    process = worker._processes.find(worker.name)
    worker._socket.sendall(b'{"request_id": "1", "event": {}, "deadline_ms": 0, "arn": ""}\n')
    worker._socket.close()
    assert wait_until(lambda: not process.alive(), 10)


@pytest.mark.skipif(shutil.which("node") is None, reason="this machine has no node")
def test_node_runs_too(start):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("index.js", "exports.handler = async (event) => ({ statusCode: 200, got: event.a });\n")
    worker, problem = start("index.handler", "nodejs22.x", data.getvalue())
    assert problem is None
    assert worker.invoke(Request({"a": 5})).value() == {"statusCode": 200, "got": 5}


def test_a_runtime_that_cannot_run_here_says_so(start):
    assert start("Main", "java21")[1].value()["errorType"] == "Runtime.NotAvailableHere"
