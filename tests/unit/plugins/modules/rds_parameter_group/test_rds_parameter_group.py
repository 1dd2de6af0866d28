# SPDX-License-Identifier: GPL-3.0-or-later
from types import SimpleNamespace

import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import AwsError, Refused
from ansible_collections.medzen.multiregion.plugins.modules import rds_parameter_group as module
from botocore.exceptions import ClientError

ENGINE = {
    "max_connections": {"ParameterValue": "100", "ApplyType": "static"},
    "work_mem": {"ParameterValue": "4096", "ApplyType": "dynamic"},
    "server_version": {"ParameterValue": "16", "ApplyType": "static", "IsModifiable": False},
}
PARAMS = {
    "name": "pg",
    "state": "present",
    "family": "postgres16",
    "description": None,
    "parameters": {"max_connections": 200},
    "purge_parameters": False,
    "tags": {"W": "x"},
    "purge_tags": True,
}


class Exists(ClientError):
    pass


class Rds:
    """One parameter group in memory, as RDS answers."""

    exceptions = SimpleNamespace(DBParameterGroupAlreadyExistsFault=Exists)

    def __init__(self):
        self.group, self.values, self.tags, self.calls, self.denied = None, {}, {}, [], False

    def describe_db_parameter_groups(self, DBParameterGroupName, aws_retry):
        if self.denied:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "Describe")
        if self.group is None:
            raise ClientError({"Error": {"Code": "DBParameterGroupNotFound", "Message": "no"}}, "Describe")
        return {"DBParameterGroups": [self.group]}

    def get_paginator(self, operation):
        assert operation == "describe_db_parameters"
        rows = [
            {"ParameterName": name, "Source": "user" if name in self.values else "system", **row}
            | ({"ParameterValue": self.values[name]} if name in self.values else {})
            for name, row in ENGINE.items()
        ]
        result = SimpleNamespace(build_full_result=lambda: {"Parameters": rows})
        return SimpleNamespace(paginate=lambda **_: result)

    def list_tags_for_resource(self, ResourceName, aws_retry):
        return {"TagList": [{"Key": key, "Value": value} for key, value in self.tags.items()]}

    def create_db_parameter_group(self, DBParameterGroupName, DBParameterGroupFamily, Description, Tags, aws_retry):
        self.calls.append("create")
        if self.group is not None:
            raise Exists({"Error": {"Code": "DBParameterGroupAlreadyExists", "Message": "there"}}, "Create")
        self.group = {"DBParameterGroupArn": "arn:pg", "DBParameterGroupFamily": DBParameterGroupFamily}
        self.tags = {one["Key"]: one["Value"] for one in Tags}

    def modify_db_parameter_group(self, DBParameterGroupName, Parameters, aws_retry):
        self.calls += [f"{row['ParameterName']}={row['ParameterValue']} {row['ApplyMethod']}" for row in Parameters]
        self.values |= {row["ParameterName"]: row["ParameterValue"] for row in Parameters}

    def reset_db_parameter_group(self, DBParameterGroupName, Parameters, aws_retry):
        self.calls += [f"reset {row['ParameterName']}" for row in Parameters]
        for row in Parameters:
            del self.values[row["ParameterName"]]

    def add_tags_to_resource(self, ResourceName, Tags, aws_retry):
        self.calls.append("tag")
        self.tags |= {one["Key"]: one["Value"] for one in Tags}

    def remove_tags_from_resource(self, ResourceName, TagKeys, aws_retry):
        self.calls.append("untag")
        self.tags = {key: value for key, value in self.tags.items() if key not in TagKeys}

    def delete_db_parameter_group(self, DBParameterGroupName, aws_retry):
        self.calls.append("delete")
        self.group = None


def run(rds, check_mode=False, **change):
    rds.calls.clear()
    params = {**PARAMS, **change}
    function = module.ensure_present if params["state"] == "present" else module.ensure_absent
    return function(SimpleNamespace(params=params, check_mode=check_mode), rds)


def test_check_mode_plans_a_group_that_is_not_there():
    rds = Rds()
    result = run(rds, check_mode=True)
    assert result["changed"] and rds.calls == []
    assert result["parameter_group"]["parameters"] == {"max_connections": "200"}


def test_a_group_is_made_once_and_says_what_waits_for_a_reboot():
    rds = Rds()
    result = run(rds)
    assert rds.calls == ["create", "max_connections=200 pending-reboot"] and rds.tags == {"W": "x"}
    assert result["reboot_needed"] == ["max_connections"]
    assert not run(rds)["changed"] and rds.calls == []


def test_only_what_differs_is_written():
    rds = Rds()
    run(rds)
    result = run(rds, parameters={"max_connections": 200, "work_mem": 8192})
    assert rds.calls == ["work_mem=8192 immediate"] and result["reboot_needed"] == []
    assert result["diff"]["before"]["parameters"] == {"max_connections": "200"}


def test_a_value_that_is_the_engines_is_written_so_that_it_stays():
    rds = Rds()
    run(rds, parameters={"work_mem": "4096"})
    assert rds.values == {"work_mem": "4096"}


def test_values_that_are_not_named_stay_unless_they_are_purged():
    rds = Rds()
    run(rds, parameters={"max_connections": 200, "work_mem": 8192})
    assert not run(rds)["changed"]
    assert run(rds, purge_parameters=True)["changed"] and rds.calls == ["reset work_mem"]


@pytest.mark.parametrize(
    ("parameters", "told"), [({"max_conections": 1}, "does not exist"), ({"server_version": 17}, "cannot be changed")]
)
def test_a_parameter_that_cannot_be_set_is_refused(parameters, told):
    rds = Rds()
    run(rds)
    with pytest.raises(Refused, match=told):
        run(rds, parameters=parameters)
    assert rds.calls == []


def test_another_family_is_refused():
    rds = Rds()
    run(rds)
    with pytest.raises(Refused, match="postgres16.*postgres17"):
        run(rds, family="postgres17")


def test_tags_are_converged():
    rds = Rds()
    run(rds)
    run(rds, tags={"V": "y"})
    assert rds.calls == ["tag", "untag"] and rds.tags == {"V": "y"}


def test_a_creation_whose_answer_was_lost_is_found_again():
    rds = Rds()
    request = {"DBParameterGroupFamily": "postgres16", "Description": "pg", "Tags": []}
    module.create_group(rds, "pg", request)
    module.create_group(rds, "pg", request)


def test_a_denied_read_is_no_absence():
    rds = Rds()
    rds.denied = True
    with pytest.raises(AwsError, match="AccessDenied"):
        run(rds, state="absent")


def test_a_group_goes_once():
    rds = Rds()
    run(rds)
    assert run(rds, state="absent", check_mode=True)["changed"] and rds.group
    assert run(rds, state="absent")["changed"] and not run(rds, state="absent")["changed"]


@pytest.mark.parametrize(("value", "expected"), [(True, "1"), (False, "0"), (200, "200"), (0.5, "0.5"), ("on", "on")])
def test_values_are_written_as_rds_writes_them(value, expected):
    assert module.text(value) == expected
