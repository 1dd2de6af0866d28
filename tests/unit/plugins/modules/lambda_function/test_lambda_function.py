# SPDX-License-Identifier: GPL-3.0-or-later
import hashlib
import json
from types import SimpleNamespace

import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import (
    AwsError,
    MultiregionError,
    Refused,
    WaitTimeout,
)
from ansible_collections.medzen.multiregion.plugins.modules import lambda_function as module
from botocore.exceptions import ClientError

API = {"id": "api", "principal": "apigateway.amazonaws.com", "source_arn": "arn:api/*", "source_account": None}
BUCKET = {"id": "s3", "principal": "s3.amazonaws.com", "source_arn": "arn:bucket", "source_account": "123456789012"}


class Conflict(ClientError):
    pass


def error(code, message="no", kind=ClientError):
    return kind({"Error": {"Code": code, "Message": message}}, "Operation")


class Lambda:
    """One function in memory, as Lambda answers. `young_role` refuses so many creations.

    It is `busy` for so many permissions, `pending` for so many looks, and a permission's answer can be `lost`.
    """

    exceptions = SimpleNamespace(ResourceConflictException=Conflict)

    def __init__(self, young_role=0, broken=""):
        self.function, self.package, self.policy, self.tags = None, None, {}, {}
        self.young_role, self.broken, self.calls = young_role, broken, []
        self.tags_error, self.busy, self.pending, self.lost = None, 0, 0, False

    def get_function(self, FunctionName, aws_retry):
        if self.function is None:
            raise error("ResourceNotFoundException")
        state = "Pending" if self.pending else self.function["State"]
        self.pending = max(0, self.pending - 1)
        if self.tags_error:
            return {"Configuration": self.function, "TagsError": self.tags_error}
        return {"Configuration": {**self.function, "State": state}, "Tags": dict(self.tags)}

    def get_policy(self, FunctionName, aws_retry):
        if not self.policy:
            raise error("ResourceNotFoundException")
        return {"Policy": json.dumps({"Statement": list(self.policy.values())})}

    def create_function(self, FunctionName, Code, PackageType, aws_retry, Tags=None, **request):
        self.calls.append("create")
        if self.function is not None:
            raise error("ResourceConflictException", kind=Conflict)
        if self.young_role:
            self.young_role -= 1
            raise error("InvalidParameterValueException", "The role cannot be assumed by Lambda.")
        self.function = {"FunctionName": FunctionName, "FunctionArn": "arn:function", "State": "Active", **request}
        self.function["CodeSha256"] = module.checksum(Code["ZipFile"])
        if self.broken:
            self.function |= {"State": "Failed", "StateReason": self.broken}
        self.tags = dict(Tags or {})

    def update_function_code(self, FunctionName, ZipFile, aws_retry):
        self.calls.append("code")
        self.function["CodeSha256"] = module.checksum(ZipFile)

    def update_function_configuration(self, FunctionName, aws_retry, **request):
        self.calls.append("configuration")
        self.function |= request

    def add_permission(self, FunctionName, Action, StatementId, Principal, SourceArn, aws_retry, SourceAccount=None):
        self.calls.append(f"add {StatementId}")
        self.busy -= 1
        if self.busy >= 0 or self.pending or StatementId in self.policy:
            raise error("ResourceConflictException", kind=Conflict)
        condition = {"ArnLike": {"AWS:SourceArn": SourceArn}}
        if SourceAccount:
            condition["StringEquals"] = {"AWS:SourceAccount": SourceAccount}
        statement = {"Sid": StatementId, "Principal": {"Service": Principal}, "Condition": condition}
        self.policy[StatementId] = {"Effect": "Allow", "Action": Action, **statement}
        if self.lost:
            # The retry of the same call meets the statement that the first one made.
            raise error("ResourceConflictException", kind=Conflict)

    def remove_permission(self, FunctionName, StatementId, aws_retry):
        self.calls.append(f"remove {StatementId}")
        del self.policy[StatementId]

    def tag_resource(self, Resource, Tags, aws_retry):
        self.calls.append("tag")
        self.tags |= Tags

    def untag_resource(self, Resource, TagKeys, aws_retry):
        self.calls.append("untag")
        self.tags = {key: value for key, value in self.tags.items() if key not in TagKeys}

    def delete_function(self, FunctionName, aws_retry):
        self.calls.append("delete")
        self.function = None


@pytest.fixture
def run(tmp_path, monkeypatch):
    package = tmp_path / "code.zip"
    package.write_bytes(b"one")
    monkeypatch.setattr(module, "check_request", lambda *_: None)
    base = {
        "name": "visits",
        "state": "present",
        "runtime": "python3.13",
        "handler": "index.handler",
        "role_arn": "arn:aws:iam::123456789012:role/visits",
        "package": str(package),
        "environment": {"TABLE": "audit"},
        "timeout_s": 30,
        "memory_mb": 256,
        "description": "",
        "permissions": [API],
        "runtime_ends": {},
        "tags": {"W": "x"},
        "purge_tags": True,
        "wait": True,
        "wait_timeout": 5,
        "poll_seconds": 0,
    }

    def call(connection, check_mode=False, code=None, **change):
        connection.calls.clear()
        if code is not None:
            package.write_bytes(code)
        task = SimpleNamespace(params={**base, **change}, check_mode=check_mode, warn=lambda text: None)
        function = module.ensure_present if task.params["state"] == "present" else module.ensure_absent
        return function(task, connection)

    return call


def test_check_mode_plans_a_function_and_makes_none(run):
    connection = Lambda()
    result = run(connection, check_mode=True)
    assert result["changed"] and connection.calls == [] and connection.function is None
    assert result["function"]["arn"] is None and result["function"]["permissions"] == ["api"]


def test_a_function_is_made_once(run):
    connection = Lambda()
    assert run(connection)["function"]["arn"] == "arn:function" and connection.tags == {"W": "x"}
    assert connection.calls == ["create", "add api"]
    assert run(connection)["changed"] is False and connection.calls == []


@pytest.mark.parametrize(
    ("change", "calls"),
    [
        ({"code": b"two"}, ["code"]),
        ({"memory_mb": 512}, ["configuration"]),
        ({"environment": {"TABLE": "other"}}, ["configuration"]),
        ({"permissions": [API, BUCKET]}, ["add s3"]),
        ({"permissions": [{**API, "source_arn": "arn:other/*"}]}, ["remove api", "add api"]),
        ({"tags": {"V": "y"}}, ["tag", "untag"]),
    ],
)
def test_only_what_differs_is_changed_and_then_nothing(run, change, calls):
    connection = Lambda()
    run(connection)
    assert run(connection, check_mode=True, **change)["changed"] and connection.calls == []
    assert run(connection, **change)["changed"] and connection.calls == calls
    assert not run(connection, **change)["changed"]


def test_a_permission_of_another_id_is_left_alone(run):
    connection = Lambda()
    run(connection, permissions=[API, BUCKET])
    assert not run(connection, permissions=[API])["changed"] and set(connection.policy) == {"api", "s3"}


def test_no_value_of_the_environment_is_told(run):
    connection = Lambda()
    result = run(connection, environment={"TABLE": "word-of-mouth"})
    again = run(connection, environment={"TABLE": "other-word"})
    assert "word" not in json.dumps([result, again])
    assert again["diff"]["before"]["Environment"] != again["diff"]["after"]["Environment"]


def test_a_role_that_is_too_young_is_tried_again(run):
    connection = Lambda(young_role=2)
    assert run(connection)["changed"] and connection.calls[:3] == ["create"] * 3


def test_a_role_that_stays_unknown_is_told_with_lambdas_words(run):
    with pytest.raises(WaitTimeout, match="role visits.*The role cannot be assumed by Lambda") as timeout:
        run(Lambda(young_role=10**9), wait_timeout=0)
    # Ansible gives up on a result with anything in it that JSON does not have.
    assert "cannot be assumed" in json.dumps(timeout.value.result)


def test_another_refusal_is_not_tried_again(run):
    connection = Lambda()
    connection.create_function = lambda **_: (_ for _ in ()).throw(error("InvalidParameterValueException", "bad"))
    with pytest.raises(AwsError, match="create function visits.*bad"):
        run(connection)


def test_a_creation_whose_answer_was_lost_is_no_conflict(run):
    connection = Lambda()
    run(connection)
    module.create_function(connection, "visits", {"Code": {"ZipFile": b"one"}, "PackageType": "Zip"})


def test_a_function_that_cannot_start_fails_with_its_reason(run):
    with pytest.raises(MultiregionError, match="no such handler"):
        run(Lambda(broken="no such handler"))


def test_a_runtime_past_its_end_is_refused_before_any_call(run):
    connection = Lambda()
    with pytest.raises(Refused, match="nodejs16.x"):
        run(connection, runtime="nodejs16.x")
    assert connection.calls == []


def test_a_package_that_is_not_there_is_refused(run):
    with pytest.raises(Refused, match="package"):
        run(Lambda(), package="/nowhere/code.zip")


def test_a_function_goes_once(run):
    connection = Lambda()
    run(connection)
    assert run(connection, state="absent", check_mode=True)["changed"] and connection.function
    assert run(connection, state="absent")["changed"] and connection.function is None
    assert not run(connection, state="absent")["changed"]


def test_who_knows_a_value_of_the_environment_can_tell_that_the_function_has_it(run):
    told = run(Lambda(), environment={"TABLE": "audit"})["function"]["environment_checksums"]
    assert told == {"TABLE": hashlib.sha256(b"audit").hexdigest()[:8]}


def test_tags_that_cannot_be_read_are_not_taken_for_none(run):
    connection = Lambda()
    run(connection)
    connection.tags_error = {"ErrorCode": "AccessDeniedException", "Message": "not allowed: lambda:ListTags"}
    for check_mode in (True, False):
        with pytest.raises(Refused, match="AccessDeniedException.*Next: allow lambda:ListTags"):
            run(connection, check_mode=check_mode, memory_mb=512)
    assert connection.calls == []
    left_alone = run(connection, tags=None)
    assert not left_alone["changed"] and left_alone["function"]["tags"] is None
    assert run(connection, tags=None, memory_mb=512)["diff"]["after"]["Tags"] is None
    assert run(connection, state="absent")["changed"]


def test_a_permission_that_was_not_given_is_not_taken_for_given(run):
    connection = Lambda()
    connection.busy = 2
    assert run(connection)["changed"] and set(connection.policy) == {"api"}
    assert connection.calls == ["create", "add api", "add api", "add api"]
    connection.busy = 10**9
    with pytest.raises(WaitTimeout, match="permission s3 of function visits") as timeout:
        run(connection, permissions=[API, BUCKET], wait_timeout=0)
    assert json.dumps(timeout.value.result) and set(connection.policy) == {"api"}


def test_a_permission_waits_until_the_function_is_ready(run):
    connection = Lambda()
    connection.pending = 2
    assert run(connection, wait=False)["changed"]
    assert connection.calls == ["create", "add api"] and set(connection.policy) == {"api"}


def test_a_permission_whose_answer_was_lost_is_given_once(run):
    connection = Lambda()
    connection.lost = True
    assert run(connection)["changed"] and connection.calls == ["create", "add api"]


def test_a_permission_that_is_refused_is_not_tried_again(run):
    connection = Lambda()
    connection.add_permission = lambda **_: (_ for _ in ()).throw(error("PublicPolicyException", "public"))
    with pytest.raises(AwsError, match="let apigateway.amazonaws.com invoke function visits.*public"):
        run(connection)


def test_an_idle_function_is_changed_and_not_waited_for(run):
    connection = Lambda()
    run(connection)
    connection.function["State"] = "Inactive"
    assert not run(connection, wait_timeout=0)["changed"] and connection.calls == []
    change = {"memory_mb": 512, "permissions": [API, BUCKET], "wait_timeout": 0}
    assert run(connection, **change)["changed"] and connection.calls == ["configuration", "add s3"]
