# SPDX-License-Identifier: GPL-3.0-or-later
import json
from types import SimpleNamespace

import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import AwsError
from ansible_collections.medzen.multiregion.plugins.modules import iam_service_role as module
from botocore.exceptions import ClientError

READ = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}
WRITE = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:PutObject", "Resource": "*"}]}
PARAMS = {
    "name": "reader",
    "state": "present",
    "services": ["ecs-tasks.amazonaws.com"],
    "managed_policies": ["arn:a"],
    "policies": {"read": READ},
    "purge_policies": False,
    "tags": {"Workload": "clinic"},
    "purge_tags": True,
}


class EntityAlreadyExists(ClientError):
    pass


class Iam:
    """One role in memory, as IAM answers. `lost` makes the first creation take effect and fail."""

    exceptions = SimpleNamespace(EntityAlreadyExistsException=EntityAlreadyExists)

    def __init__(self, role=None, managed=(), policies=None, denied=False):
        self.role, self.managed, self.policies = role, list(managed), dict(policies or {})
        self.denied, self.calls = denied, []

    def __getattr__(self, name):
        def call(aws_retry=True, **request):
            self.calls.append(name)
            return getattr(self, f"_{name}")(request) or {}

        if name.startswith("_"):
            raise AttributeError(name)
        return call

    def _get_role(self, request):
        if self.denied:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "GetRole")
        if self.role is None:
            raise ClientError({"Error": {"Code": "NoSuchEntity", "Message": "no"}}, "GetRole")
        return {"Role": self.role}

    def _create_role(self, request):
        if self.role is not None:
            raise EntityAlreadyExists({"Error": {"Code": "EntityAlreadyExists", "Message": "there"}}, "CreateRole")
        trust = json.loads(request["AssumeRolePolicyDocument"])
        self.role = {"Arn": "arn:role", "AssumeRolePolicyDocument": trust, "Tags": request.get("Tags", [])}

    def _update_assume_role_policy(self, request):
        self.role["AssumeRolePolicyDocument"] = json.loads(request["PolicyDocument"])

    def _attach_role_policy(self, request):
        self.managed.append(request["PolicyArn"])

    def _detach_role_policy(self, request):
        self.managed.remove(request["PolicyArn"])

    def _put_role_policy(self, request):
        self.policies[request["PolicyName"]] = json.loads(request["PolicyDocument"])

    def _delete_role_policy(self, request):
        del self.policies[request["PolicyName"]]

    def _get_role_policy(self, request):
        return {"PolicyDocument": self.policies[request["PolicyName"]]}

    def _tag_role(self, request):
        self.role["Tags"] = self.role["Tags"] + request["Tags"]

    def _untag_role(self, request):
        self.role["Tags"] = [one for one in self.role["Tags"] if one["Key"] not in request["TagKeys"]]

    def _delete_role(self, request):
        assert not self.managed and not self.policies, "IAM refuses a role that has policies"
        self.role = None

    def get_paginator(self, operation):
        key, items = {
            "list_attached_role_policies": ("AttachedPolicies", [{"PolicyArn": arn} for arn in self.managed]),
            "list_role_policies": ("PolicyNames", list(self.policies)),
        }[operation]
        result = SimpleNamespace(build_full_result=lambda: {key: items})
        return SimpleNamespace(paginate=lambda **_: result)


WRITES = ("create", "update", "attach", "detach", "put", "delete", "tag", "untag")


def run(iam, check_mode=False, **change):
    iam.calls.clear()
    params = {**PARAMS, **change}
    task = SimpleNamespace(params=params, check_mode=check_mode)
    function = module.ensure_present if params["state"] == "present" else module.ensure_absent
    return function(task, iam), [name for name in iam.calls if name.startswith(WRITES)]


def test_check_mode_plans_a_role_and_makes_none():
    iam = Iam()
    result, writes = run(iam, check_mode=True)
    assert result["changed"] and not writes and iam.role is None
    assert result["role"] == {
        "arn": None,
        "services": ["ecs-tasks.amazonaws.com"],
        "managed_policies": ["arn:a"],
        "policies": {"read": READ},
        "tags": {"Workload": "clinic"},
    }


def test_a_role_is_made_with_its_policies_and_a_second_run_changes_nothing():
    iam = Iam()
    result, _ = run(iam)
    assert result["changed"] and result["role"]["arn"] == "arn:role"
    assert (iam.managed, iam.policies) == (["arn:a"], {"read": READ})
    result, writes = run(iam)
    assert not result["changed"] and not writes


def test_policies_that_are_not_named_stay_unless_they_are_purged():
    iam = Iam()
    run(iam)
    iam.managed.append("arn:other")
    iam.policies["write"] = WRITE
    assert not run(iam)[0]["changed"]
    result, _ = run(iam, purge_policies=True)
    assert result["changed"] and (iam.managed, iam.policies) == (["arn:a"], {"read": READ})


def test_policies_that_are_not_given_are_left_alone_also_when_purging():
    iam = Iam()
    run(iam)
    result, _ = run(iam, managed_policies=None, policies=None, purge_policies=True)
    assert not result["changed"] and iam.managed == ["arn:a"]


def test_a_changed_document_and_trust_are_written():
    iam = Iam()
    run(iam)
    result, writes = run(iam, policies={"read": WRITE}, services=["lambda.amazonaws.com"])
    assert writes == ["update_assume_role_policy", "put_role_policy"]
    assert result["diff"]["before"]["policies"] == {"read": READ}
    assert result["role"]["services"] == ["lambda.amazonaws.com"]


def test_tags_are_set_and_purged():
    iam = Iam()
    run(iam)
    run(iam, tags={"Environment": "test"})
    assert iam.role["Tags"] == [{"Key": "Environment", "Value": "test"}]


def test_a_role_goes_after_its_policies_and_is_gone_once():
    iam = Iam()
    run(iam)
    result, _ = run(iam, state="absent", check_mode=True)
    assert result["changed"] and iam.role
    assert run(iam, state="absent")[0]["changed"] and iam.role is None
    assert not run(iam, state="absent")[0]["changed"]


def test_a_creation_whose_answer_was_lost_is_found_again():
    iam = Iam()
    module.create_role(iam, "reader", module.build_trust(["a.amazonaws.com"]), None)
    module.create_role(iam, "reader", module.build_trust(["a.amazonaws.com"]), None)


def test_a_denied_read_is_no_absence():
    with pytest.raises(AwsError, match="read role reader.*AccessDenied"):
        run(Iam(denied=True))


def test_several_services_are_one_principal():
    trust = module.build_trust(["b.amazonaws.com", "a.amazonaws.com"])
    assert module.services_of(trust) == ["a.amazonaws.com", "b.amazonaws.com"]
