#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: rds_subnet_group
version_added: 1.0.0
short_description: Manage the group of subnets in which RDS places an instance
description:
  - Creates, changes and deletes a DB subnet group. The order of subnets does not count.
  - Operations used are C(rds:DescribeDBSubnetGroups), C(rds:ListTagsForResource), C(rds:CreateDBSubnetGroup),
    C(rds:ModifyDBSubnetGroup), C(rds:AddTagsToResource), C(rds:RemoveTagsFromResource) and C(rds:DeleteDBSubnetGroup),
    with the IAM permissions of the same names.
author:
  - MedZen platform team (@medzen)
options:
  name:
    description:
      - Name of the group; RDS keeps it in lower case.
    type: str
    required: true
  state:
    description:
      - Whether the group is to be there. RDS refuses to delete one that an instance uses.
    type: str
    choices: [present, absent]
    default: present
  subnet_ids:
    description:
      - The subnets, of one VPC and at least two availability zones; exactly these. Required with O(state=present).
    type: list
    elements: str
  description:
    description:
      - Description of the group; its name when not given.
    type: str
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - amazon.aws.tags
attributes:
  check_mode:
    description: Can run in check mode and predict changes without making them.
    support: full
  diff_mode:
    description: Returns what has changed when in diff mode.
    support: full
  idempotent:
    description: A second run with the same options changes nothing.
    support: full
"""

EXAMPLES = r"""
- name: Both private subnets
  medzen.multiregion.rds_subnet_group:
    region: eu-central-1
    name: medzen-ehrbase-subnets-eu-central-1
    subnet_ids: [subnet-0a1b2c3d, subnet-1b2c3d4e]
    tags:
      Workload: medzen-ehrbase
"""

RETURN = r"""
subnet_group:
  description: The group; in check mode as it would be.
  type: dict
  returned: when O(state=present)
  contains:
    name: {description: Its name., type: str}
    subnet_ids: {description: Its subnets., type: list, elements: str}
    description: {description: Its description., type: str}
    tags: {description: Its tags., type: dict}
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.medzen.multiregion.plugins.module_utils import rds
from ansible_collections.medzen.multiregion.plugins.module_utils import tags as tagging
from ansible_collections.medzen.multiregion.plugins.module_utils.aws import client, describe
from ansible_collections.medzen.multiregion.plugins.module_utils.runner import run

MISSING = ("DBSubnetGroupNotFoundFault",)


@describe("describe subnet group {name}", missing=MISSING)
def describe_group(connection, name):
    return connection.describe_db_subnet_groups(DBSubnetGroupName=name, aws_retry=True)["DBSubnetGroups"][0]


@describe("create subnet group {name}")
def create_group(connection, name, request):
    """A retry after a lost answer meets the group that the first call made."""
    try:
        connection.create_db_subnet_group(DBSubnetGroupName=name, **request, aws_retry=True)
    except connection.exceptions.DBSubnetGroupAlreadyExistsFault:
        if describe_group(connection, name) is None:
            raise


@describe("modify subnet group {name}")
def modify_group(connection, name, request):
    connection.modify_db_subnet_group(DBSubnetGroupName=name, **request, aws_retry=True)


@describe("delete subnet group {name}", missing=MISSING)
def delete_group(connection, name):
    connection.delete_db_subnet_group(DBSubnetGroupName=name, aws_retry=True)


def find_group(connection, name):
    group = describe_group(connection, name)
    if group is None:
        return None
    return {
        "name": group["DBSubnetGroupName"],
        "arn": group["DBSubnetGroupArn"],
        "subnet_ids": sorted(subnet["SubnetIdentifier"] for subnet in group["Subnets"]),
        "description": group["DBSubnetGroupDescription"],
        "tags": rds.list_tags(connection, group["DBSubnetGroupArn"]),
    }


def build_wanted(current, params):
    """The settings of the group; a description that is not given stays as it is."""
    name = params["name"].lower()
    present = current["description"] if current else name
    return {"subnet_ids": sorted(set(params["subnet_ids"])), "description": params["description"] or present}


def plan(current, params):
    wanted = build_wanted(current, params)
    to_set, to_remove = tagging.diff_tags(current["tags"] if current else {}, params["tags"], params["purge_tags"])
    differs = current is None or any(current[key] != value for key, value in wanted.items())
    return {"settings": wanted if differs else None, "to_set": to_set, "to_remove": to_remove}


def build_after(current, params, planned):
    kept = {key: one for key, one in (current or {"tags": {}})["tags"].items() if key not in planned["to_remove"]}
    return {
        "name": params["name"].lower(),
        **build_wanted(current, params),
        "tags": {**kept, **planned["to_set"]},
    }


def write(connection, params, current, planned):
    settings = planned["settings"]
    request = settings and {
        "SubnetIds": settings["subnet_ids"],
        "DBSubnetGroupDescription": settings["description"],
    }
    if current is None:
        create_group(connection, params["name"].lower(), {**request, "Tags": tagging.to_boto(params["tags"])})
        return
    if request:
        modify_group(connection, params["name"].lower(), request)
    rds.converge_tags(connection, current["arn"], planned["to_set"], planned["to_remove"])


def diff_side(group):
    return {key: group[key] for key in ("subnet_ids", "description", "tags")} if group else {}


def ensure_present(module, connection):
    params = module.params
    current = find_group(connection, params["name"].lower())
    planned = plan(current, params)
    after = build_after(current, params, planned)
    result = {
        "changed": any(planned.values()),
        "subnet_group": after,
        "diff": {"before": diff_side(current), "after": diff_side(after)},
    }
    if result["changed"] and not module.check_mode:
        write(connection, params, current, planned)
    return result


def ensure_absent(module, connection):
    name = module.params["name"].lower()
    current = find_group(connection, name)
    if current and not module.check_mode:
        delete_group(connection, name)
    return {"changed": current is not None, "diff": {"before": diff_side(current), "after": {}}}


def ensure(module):
    connection = client(module, "rds")
    return (ensure_present if module.params["state"] == "present" else ensure_absent)(module, connection)


def main():
    argument_spec = {
        "name": {"required": True},
        "state": {"choices": ["present", "absent"], "default": "present"},
        "subnet_ids": {"type": "list", "elements": "str"},
        "description": {},
        **tagging.ARGUMENTS,
    }
    module = AnsibleAWSModule(
        argument_spec=argument_spec, required_if=[("state", "present", ["subnet_ids"])], supports_check_mode=True
    )
    run(module, ensure)


if __name__ == "__main__":
    main()
