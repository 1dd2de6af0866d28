# SPDX-License-Identifier: GPL-3.0-or-later
"""Lambda's control plane: states, versions, permissions, and what is refused."""

import json

import pytest

from tests.unit.rehearsal.cloud.functions.conftest import pack

API = "arn:aws:execute-api:eu-central-1:123456789012:abc123/*/*"


def test_a_new_function_is_pending_first_and_cannot_be_invoked(create, lambdas, invoke, pass_time, refused):
    made = create(active=False)
    assert (made["State"], made["StateReasonCode"]) == ("Pending", "Creating")
    with refused("ResourceConflictException"):
        invoke(made["FunctionName"])
    pass_time(60)
    found = lambdas.get_function_configuration(FunctionName=made["FunctionName"])
    assert (found["State"], found["LastUpdateStatus"]) == ("Active", "Successful")


def test_an_update_takes_its_time_and_no_second_one_begins_before(create, lambdas, pass_time, refused):
    name = create()["FunctionName"]
    changed = lambdas.update_function_configuration(FunctionName=name, Timeout=30)
    assert (changed["LastUpdateStatus"], changed["Timeout"]) == ("InProgress", 30)
    with refused("ResourceConflictException"):
        lambdas.update_function_code(FunctionName=name, ZipFile=pack(main="x = 1"))
    pass_time(60)
    assert lambdas.get_function_configuration(FunctionName=name)["LastUpdateStatus"] == "Successful"


def test_a_function_answers_while_it_is_being_updated(create, lambdas, invoke, code):
    code(lambda event: "still here")
    name = create()["FunctionName"]
    lambdas.update_function_configuration(FunctionName=name, Timeout=30)
    assert invoke(name)["Value"] == "still here"


def test_the_hash_of_the_code_is_that_of_the_upload(create, lambdas):
    archive = pack(main="def handle(event, context): return 1")
    first, second = (create(Code={"ZipFile": archive})["CodeSha256"] for _ in range(2))
    assert first == second != create()["CodeSha256"]


def test_every_change_has_a_revision_of_its_own_and_a_stale_one_is_refused(create, lambdas, pass_time, refused):
    made = create()
    name, revision = made["FunctionName"], made["RevisionId"]
    lambdas.update_function_configuration(FunctionName=name, Timeout=9, RevisionId=revision)
    pass_time(60)
    with refused("PreconditionFailedException"):
        lambdas.update_function_configuration(FunctionName=name, Timeout=10, RevisionId=revision)


@pytest.mark.parametrize("runtime", ["nodejs18.x", "nodejs16.x", "python3.8", "python3.7", "python3.9"])
def test_a_runtime_past_its_end_is_refused(create, refused, runtime):
    with refused("InvalidParameterValueException"):
        create(Runtime=runtime)


@pytest.mark.parametrize(
    "options",
    [
        {"Code": {"ZipFile": b"no zip"}},
        {"Environment": {"Variables": {"AWS_REGION": "eu-west-1"}}},
        {"Environment": {"Variables": {"BIG": "x" * 4096}}},
        {"Runtime": "python9.9"},
    ],
)
def test_what_lambda_refuses_is_refused(create, refused, options):
    with refused("InvalidParameterValueException|ValidationException"):
        create(**options)


def test_a_version_is_published_once_for_the_same_code(create, lambdas, pass_time):
    name = create()["FunctionName"]
    archive = pack(main="def handle(event, context): return 2")
    numbers = [lambdas.publish_version(FunctionName=name)["Version"]]
    numbers.append(lambdas.publish_version(FunctionName=name)["Version"])
    for _ in range(2):
        lambdas.update_function_code(FunctionName=name, ZipFile=archive)
        pass_time(60)
        numbers.append(lambdas.publish_version(FunctionName=name)["Version"])
    assert numbers == ["1", "1", "2", "2"]


def test_an_alias_invokes_the_version_it_names(create, lambdas, invoke, code, pass_time):
    name = create()["FunctionName"]
    version = lambdas.publish_version(FunctionName=name)["Version"]
    lambdas.create_alias(FunctionName=name, Name="live", FunctionVersion=version)
    assert invoke(name, Qualifier="live")["ExecutedVersion"] == "1"


def test_permissions_round_trip_and_a_statement_id_is_taken_once(create, lambdas, refused):
    name = create()["FunctionName"]
    statement = {"FunctionName": name, "StatementId": "api", "Action": "lambda:InvokeFunction"}
    statement |= {"Principal": "apigateway.amazonaws.com", "SourceArn": API}
    lambdas.add_permission(**statement)
    with refused("ResourceConflictException"):
        lambdas.add_permission(**statement)
    policy = json.loads(lambdas.get_policy(FunctionName=name)["Policy"])
    assert policy["Statement"][0]["Condition"] == {"ArnLike": {"AWS:SourceArn": API}}
    lambdas.remove_permission(FunctionName=name, StatementId="api")
    with refused("ResourceNotFoundException"):
        lambdas.get_policy(FunctionName=name)
