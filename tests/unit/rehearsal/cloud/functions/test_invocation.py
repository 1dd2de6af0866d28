# SPDX-License-Identifier: GPL-3.0-or-later
"""Invoke: the lock is free meanwhile, errors are told as Lambda tells them, events are tried again."""

import base64
import threading

import pytest

from rehearsal.cloud.functions.invocation import Refused
from rehearsal.cloud.functions.model import failure

SECONDS_MAX = 10


def test_a_function_that_calls_dynamodb_does_not_wait_for_its_own_invoke(create, invoke, client, code):
    tables = []

    def list_tables():
        tables.append(client("dynamodb").list_tables()["TableNames"])

    def call_back(event):
        # A worker is another process: its calls arrive in other threads than the one that waits for it.
        thread = threading.Thread(target=list_tables, daemon=True)
        thread.start()
        thread.join(SECONDS_MAX)
        return "dead-locked" if thread.is_alive() else "answered"

    code(call_back)
    assert invoke(create()["FunctionName"])["Value"] == "answered"
    assert len(tables) == 1


def test_the_answer_carries_value_version_and_the_tail_of_the_log(create, invoke, code):
    code(lambda event: {"got": event})
    answer = invoke(create()["FunctionName"], {"a": 1}, LogType="Tail")
    assert (answer["StatusCode"], answer["Value"], answer["ExecutedVersion"]) == (200, {"got": {"a": 1}}, "$LATEST")
    assert "said\nEND RequestId" in base64.b64decode(answer["LogResult"]).decode()


def test_an_error_of_the_function_is_a_success_of_the_call(create, invoke, code):
    code(lambda event: failure("KeyError", "'appointmentId'"))
    answer = invoke(create()["FunctionName"])
    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    assert answer["Value"] == {"errorType": "KeyError", "errorMessage": "'appointmentId'"}


def test_what_a_function_says_is_in_its_log_group(create, invoke, code, client):
    code(lambda event: 1)
    name = create()["FunctionName"]
    invoke(name)
    found = client("logs").filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]
    assert [event["message"].split()[0] for event in found] == ["START", "said", "END", "REPORT"]


def test_an_event_is_accepted_at_once_and_tried_three_times(create, invoke, code, invoker, monkeypatch):
    done, tried = threading.Event(), []

    def fail(event):
        tried.append(event)
        if len(tried) == 3:
            done.set()
        return failure("ValueError", "no")

    code(fail)
    monkeypatch.setattr(invoker._stopped, "wait", lambda seconds: False)
    assert invoke(create()["FunctionName"], {"n": 1}, InvocationType="Event")["StatusCode"] == 202
    assert done.wait(SECONDS_MAX)
    assert tried == [{"n": 1}] * 3


def test_a_dry_run_invokes_nothing(create, invoke, code):
    called = []
    code(called.append)
    assert invoke(create()["FunctionName"], InvocationType="DryRun")["StatusCode"] == 204
    assert called == []


def test_an_unknown_function_and_a_payload_that_is_no_json_are_refused(create, lambdas, refused):
    with refused("ResourceNotFoundException"):
        lambdas.invoke(FunctionName="nowhere")
    with refused("InvalidRequestContentException"):
        lambdas.invoke(FunctionName=create()["FunctionName"], Payload=b"{")


def test_a_service_needs_a_statement_that_fits_its_source(create, lambdas, invoker, world):
    made = create()
    api = "arn:aws:execute-api:eu-central-1:123456789012:abc123"
    lambdas.add_permission(
        FunctionName=made["FunctionName"],
        StatementId="api",
        Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
        SourceArn=f"{api}/*/*/meetings",
    )
    arn = made["FunctionArn"]
    with world.lock:
        fits = invoker.prepare_for("apigateway.amazonaws.com", f"{api}/$default/POST/meetings", arn)
        assert fits.name == made["FunctionName"]
        for service, source in (
            ("s3.amazonaws.com", f"{api}/$default/POST/meetings"),
            ("apigateway.amazonaws.com", f"{api}/$default/POST/other"),
            ("apigateway.amazonaws.com", f"{api.replace('abc123', 'other1')}/$default/POST/meetings"),
        ):
            with pytest.raises(Refused):
                invoker.prepare_for(service, source, arn)
