# SPDX-License-Identifier: GPL-3.0-or-later
from types import SimpleNamespace

import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import AwsError, Refused
from ansible_collections.medzen.multiregion.plugins.modules import cloudwatch_log_groups as module
from botocore.exceptions import ClientError

KEY = "arn:aws:kms:eu-central-1:123456789012:key/k-1"
GROUP = {"name": "/aws/lambda/chat", "retention_days": 90, "kms_key_id": KEY}
WHOLE = {"retention_days": 90, "kms_key_arn": KEY, "tags": {"W": "x"}}


def error(code):
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "Operation")


class Logs:
    """Log groups in memory. `made_meanwhile` is one that a writer makes between look and creation."""

    def __init__(self, made_meanwhile=None):
        self.groups, self.tags, self.calls, self.made_meanwhile = {}, {}, [], made_meanwhile

    def get_paginator(self, operation):
        assert operation == "describe_log_groups"
        return SimpleNamespace(paginate=self._pages)

    def _pages(self, logGroupNamePrefix):
        found = [one for name, one in self.groups.items() if name.startswith(logGroupNamePrefix)]
        return SimpleNamespace(build_full_result=lambda: {"logGroups": found})

    def list_tags_for_resource(self, resourceArn, aws_retry):
        return {"tags": dict(self.tags[resourceArn])}

    def make(self, name, tags=(), **more):
        self.groups[name] = {"logGroupName": name, "arn": f"arn:{name}:*", **more}
        self.tags[f"arn:{name}"] = dict(tags)

    def create_log_group(self, logGroupName, aws_retry, tags=(), **more):
        self.calls.append("create")
        if self.made_meanwhile == logGroupName:
            self.make(logGroupName)
        if logGroupName in self.groups:
            raise error("ResourceAlreadyExistsException")
        self.make(logGroupName, tags, **more)

    def put_retention_policy(self, logGroupName, retentionInDays, aws_retry):
        self.calls.append("retention")
        self.groups[logGroupName]["retentionInDays"] = retentionInDays

    def associate_kms_key(self, logGroupName, kmsKeyId, aws_retry):
        self.calls.append("key")
        self.groups[logGroupName]["kmsKeyId"] = kmsKeyId

    def tag_resource(self, resourceArn, tags, aws_retry):
        self.calls.append("tag")
        self.tags[resourceArn] |= tags

    def untag_resource(self, resourceArn, tagKeys, aws_retry):
        self.calls.append("untag")
        self.tags[resourceArn] = {key: one for key, one in self.tags[resourceArn].items() if key not in tagKeys}

    def delete_log_group(self, logGroupName, aws_retry):
        self.calls.append("delete")
        del self.groups[logGroupName]

    def seen(self, name=GROUP["name"]):
        one = self.groups[name]
        return {"retention_days": one.get("retentionInDays"), "kms_key_arn": one.get("kmsKeyId"),
                "tags": self.tags[f"arn:{name}"]}  # fmt: skip


@pytest.fixture(autouse=True)
def keys(monkeypatch):
    monkeypatch.setattr(module, "client", lambda _module, service: service)
    monkeypatch.setattr(module, "require_key_arn", lambda _kms, name, _option: KEY if "alias" in name else name)


def run(logs, check_mode=False, **change):
    logs.calls.clear()
    params = {"groups": [GROUP], "state": "present", "tags": {"W": "x"}, "purge_tags": True, **change}
    function = module.ensure_present if params["state"] == "present" else module.ensure_absent
    return function(SimpleNamespace(params=params, check_mode=check_mode), logs)


def test_check_mode_plans_a_group_and_makes_none():
    logs = Logs()
    result = run(logs, check_mode=True)
    assert result["changed"] and result["groups"][GROUP["name"]]["does"] == "created" and logs.groups == {}
    assert result["diff"] == {"before": {}, "after": {GROUP["name"]: WHOLE}}


def test_a_group_is_made_once_with_all_that_it_is_to_have():
    logs = Logs()
    assert run(logs)["changed"] and logs.seen() == WHOLE and logs.calls == ["create", "retention"]
    assert not run(logs)["changed"] and logs.calls == []


def test_a_group_that_a_function_made_gets_key_retention_and_tags_in_place():
    logs = Logs()
    logs.make(GROUP["name"], {"Old": "y"})
    assert run(logs)["groups"][GROUP["name"]]["does"] == "changed"
    assert logs.seen() == WHOLE and logs.calls == ["key", "retention", "tag", "untag"]
    assert not run(logs)["changed"]


def test_one_that_a_writer_makes_at_the_same_moment_is_no_conflict():
    logs = Logs(made_meanwhile=GROUP["name"])
    assert run(logs)["changed"] and logs.seen() == WHOLE


def test_another_refusal_is_told():
    logs = Logs()
    logs.create_log_group = lambda **_: (_ for _ in ()).throw(error("LimitExceededException"))
    with pytest.raises(AwsError, match="create log group /aws/lambda/chat"):
        run(logs)


def test_what_is_not_given_is_left_alone():
    logs = Logs()
    run(logs)
    assert not run(logs, groups=[{"name": GROUP["name"], "retention_days": None, "kms_key_id": None}])["changed"]
    assert not run(logs, tags=None)["changed"]


def test_a_key_is_compared_by_its_arn():
    logs = Logs()
    run(logs)
    assert not run(logs, groups=[{**GROUP, "kms_key_id": "alias/medzen"}])["changed"]


def test_a_group_whose_name_only_begins_alike_is_another_one():
    logs = Logs()
    logs.make(f"{GROUP['name']}-more")
    assert run(logs)["groups"][GROUP["name"]]["does"] == "created"


def test_a_group_is_deleted_once():
    logs = Logs()
    run(logs)
    assert run(logs, state="absent", check_mode=True)["changed"] and logs.calls == []
    assert run(logs, state="absent")["groups"][GROUP["name"]]["does"] == "deleted" and logs.groups == {}
    assert not run(logs, state="absent")["changed"]


def test_a_group_described_twice_is_refused(monkeypatch):
    with pytest.raises(Refused, match="described twice"):
        module.check_groups(None, [GROUP, GROUP])
