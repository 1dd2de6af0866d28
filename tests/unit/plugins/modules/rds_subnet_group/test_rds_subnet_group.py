# SPDX-License-Identifier: GPL-3.0-or-later
from types import SimpleNamespace

import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import AwsError
from ansible_collections.medzen.multiregion.plugins.modules import rds_subnet_group as module
from botocore.exceptions import ClientError

PARAMS = {
    "name": "Subnets",
    "state": "present",
    "subnet_ids": ["subnet-b", "subnet-a"],
    "description": None,
    "tags": {"W": "x"},
    "purge_tags": True,
}


class Exists(ClientError):
    pass


class Rds:
    """One subnet group in memory, as RDS answers."""

    exceptions = SimpleNamespace(DBSubnetGroupAlreadyExistsFault=Exists)

    def __init__(self):
        self.group, self.tags, self.calls, self.denied = None, {}, [], False

    def describe_db_subnet_groups(self, DBSubnetGroupName, aws_retry):
        if self.denied:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "Describe")
        if self.group is None:
            raise ClientError({"Error": {"Code": "DBSubnetGroupNotFoundFault", "Message": "no"}}, "Describe")
        return {"DBSubnetGroups": [self.group]}

    def list_tags_for_resource(self, ResourceName, aws_retry):
        return {"TagList": [{"Key": key, "Value": value} for key, value in self.tags.items()]}

    def create_db_subnet_group(self, Tags, **request):
        self.calls.append("create")
        if self.group is not None:
            raise Exists({"Error": {"Code": "DBSubnetGroupAlreadyExists", "Message": "there"}}, "Create")
        self.tags = {one["Key"]: one["Value"] for one in Tags}
        self._set(**request)

    def modify_db_subnet_group(self, **request):
        self.calls.append("modify")
        self._set(**request)

    def _set(self, DBSubnetGroupName, SubnetIds, DBSubnetGroupDescription, aws_retry):
        self.group = {
            "DBSubnetGroupName": DBSubnetGroupName,
            "DBSubnetGroupArn": "arn:group",
            "DBSubnetGroupDescription": DBSubnetGroupDescription,
            "Subnets": [{"SubnetIdentifier": one} for one in SubnetIds],
        }

    def add_tags_to_resource(self, ResourceName, Tags, aws_retry):
        self.calls.append("tag")
        self.tags |= {one["Key"]: one["Value"] for one in Tags}

    def remove_tags_from_resource(self, ResourceName, TagKeys, aws_retry):
        self.calls.append("untag")
        self.tags = {key: value for key, value in self.tags.items() if key not in TagKeys}

    def delete_db_subnet_group(self, DBSubnetGroupName, aws_retry):
        self.calls.append("delete")
        self.group = None


def run(rds, check_mode=False, **change):
    rds.calls.clear()
    params = {**PARAMS, **change}
    function = module.ensure_present if params["state"] == "present" else module.ensure_absent
    return function(SimpleNamespace(params=params, check_mode=check_mode), rds)


def test_check_mode_plans_and_makes_nothing():
    rds = Rds()
    result = run(rds, check_mode=True)
    assert result["changed"] and rds.calls == [] and result["subnet_group"]["name"] == "subnets"


def test_a_group_is_made_once_whatever_the_order_of_its_subnets():
    rds = Rds()
    assert run(rds)["changed"] and rds.tags == {"W": "x"}
    assert not run(rds, subnet_ids=["subnet-a", "subnet-b"])["changed"] and rds.calls == []


def test_other_subnets_are_set_and_the_description_stays():
    rds = Rds()
    run(rds, description="private")
    result = run(rds, subnet_ids=["subnet-a", "subnet-c"])
    assert rds.calls == ["modify"] and result["diff"]["before"]["subnet_ids"] == ["subnet-a", "subnet-b"]
    assert rds.group["DBSubnetGroupDescription"] == "private"


def test_tags_alone_do_not_touch_the_subnets():
    rds = Rds()
    run(rds)
    run(rds, tags={"V": "y"})
    assert rds.calls == ["tag", "untag"]


def test_a_creation_whose_answer_was_lost_is_found_again():
    rds = Rds()
    request = {"SubnetIds": ["subnet-a"], "DBSubnetGroupDescription": "x", "Tags": []}
    module.create_group(rds, "subnets", request)
    module.create_group(rds, "subnets", request)


def test_a_denied_read_is_no_absence():
    rds = Rds()
    rds.denied = True
    with pytest.raises(AwsError, match="AccessDenied"):
        run(rds)


def test_a_group_goes_once():
    rds = Rds()
    run(rds)
    assert run(rds, state="absent", check_mode=True)["changed"] and rds.group
    assert run(rds, state="absent")["changed"] and not run(rds, state="absent")["changed"]
