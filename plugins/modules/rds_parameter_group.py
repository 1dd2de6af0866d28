#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: rds_parameter_group
version_added: 1.0.0
short_description: Manage an RDS parameter group with its values
description:
  - Creates, changes and deletes a DB parameter group. A dynamic parameter is applied at once, a static one with the
    next reboot of the instances that use the group.
  - A parameter that the group's family does not have, cannot change or does not allow is refused before anything is
    written; with a group that is only planned this is known when it is made.
  - Operations used are C(rds:DescribeDBParameterGroups), C(rds:DescribeDBParameters), C(rds:ListTagsForResource),
    C(rds:CreateDBParameterGroup), C(rds:ModifyDBParameterGroup), C(rds:ResetDBParameterGroup),
    C(rds:AddTagsToResource), C(rds:RemoveTagsFromResource) and C(rds:DeleteDBParameterGroup), with the IAM permissions
    of the same names.
author:
  - MedZen platform team (@medzen)
options:
  name:
    description:
      - Name of the group.
    type: str
    required: true
  state:
    description:
      - Whether the group is to be there. RDS refuses to delete one that instances use.
    type: str
    choices: [present, absent]
    default: present
  family:
    description:
      - Family of the group, as V(postgres16). It cannot be changed. Required with O(state=present).
    type: str
  description:
    description:
      - Description of a new group; its name when not given. It cannot be changed.
    type: str
  parameters:
    description:
      - Values that differ from the engine's, by name.
    type: dict
    default: {}
  purge_parameters:
    description:
      - Whether values that O(parameters) does not name go back to the engine's.
    type: bool
    default: false
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
- name: Connections for two tasks, and TLS for everybody
  medzen.multiregion.rds_parameter_group:
    region: eu-central-1
    name: medzen-ehrbase-pg-eu-central-1
    family: postgres16
    parameters:
      max_connections: 200
      rds.force_ssl: 1
    tags:
      Workload: medzen-ehrbase
"""

RETURN = r"""
parameter_group:
  description: The group; in check mode as it would be.
  type: dict
  returned: when O(state=present)
  contains:
    name: {description: Its name., type: str}
    family: {description: Its family., type: str}
    parameters: {description: Values that differ from the engine's., type: dict}
    tags: {description: Its tags., type: dict}
reboot_needed:
  description: Static parameters that are written now and count from the next reboot.
  type: list
  elements: str
  returned: when O(state=present)
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.medzen.multiregion.plugins.module_utils import rds
from ansible_collections.medzen.multiregion.plugins.module_utils import tags as tagging
from ansible_collections.medzen.multiregion.plugins.module_utils.aws import client, describe, paginate
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.runner import run

MISSING = ("DBParameterGroupNotFound", "DBParameterGroupNotFoundFault")
# RDS takes so many parameters a call.
PARAMETERS_A_CALL = 20


@describe("describe parameter group {name}", missing=MISSING)
def describe_group(connection, name):
    return connection.describe_db_parameter_groups(DBParameterGroupName=name, aws_retry=True)["DBParameterGroups"][0]


@describe("describe the parameters of group {name}")
def describe_parameters(connection, name):
    found = paginate(connection, "describe_db_parameters", "Parameters", DBParameterGroupName=name)
    return {row["ParameterName"]: row for row in found}


@describe("create parameter group {name}")
def create_group(connection, name, request):
    """A retry after a lost answer meets the group that the first call made."""
    try:
        connection.create_db_parameter_group(DBParameterGroupName=name, **request, aws_retry=True)
    except connection.exceptions.DBParameterGroupAlreadyExistsFault:
        if describe_group(connection, name) is None:
            raise


@describe("modify parameter group {name}")
def modify_group(connection, name, rows):
    connection.modify_db_parameter_group(DBParameterGroupName=name, Parameters=rows, aws_retry=True)


@describe("reset parameters of group {name}")
def reset_group(connection, name, rows):
    connection.reset_db_parameter_group(DBParameterGroupName=name, Parameters=rows, aws_retry=True)


@describe("delete parameter group {name}", missing=MISSING)
def delete_group(connection, name):
    connection.delete_db_parameter_group(DBParameterGroupName=name, aws_retry=True)


def find_group(connection, name):
    """The group with its tags and every parameter that it has; None when there is none."""
    group = describe_group(connection, name)
    if group is None:
        return None
    return {
        "name": name,
        "arn": group["DBParameterGroupArn"],
        "family": group["DBParameterGroupFamily"],
        "rows": describe_parameters(connection, name),
        "tags": rds.list_tags(connection, group["DBParameterGroupArn"]),
    }


def text(value):
    """A value as RDS writes it: 1 and 0 for booleans, no more digits than needed for numbers."""
    if isinstance(value, bool):
        return "1" if value else "0"
    return f"{value:g}" if isinstance(value, float) else str(value)


def values_of(rows):
    return {name: row.get("ParameterValue") for name, row in rows.items() if row.get("Source") == "user"}


def check_parameters(rows, parameters, family):
    """Refuse what the family does not have or cannot change, all of it at once."""
    unknown = sorted(set(parameters) - set(rows))
    fixed = sorted(name for name in set(parameters) & set(rows) if not rows[name].get("IsModifiable", True))
    faults = [f"{name} does not exist" for name in unknown] + [f"{name} cannot be changed" for name in fixed]
    if faults:
        raise Refused(
            f"Family {family} does not take these parameters",
            found=", ".join(faults),
            expected="parameters that describe_db_engine_default_parameters lists as modifiable",
            next_step="correct the option parameters",
        )


def build_rows(rows, values):
    """The rows of a call: what is dynamic at once, what is static with the next reboot."""
    methods = {name: "pending-reboot" if rows[name].get("ApplyType") == "static" else "immediate" for name in values}
    return [
        {"ParameterName": name, "ApplyMethod": methods[name], **({} if value is None else {"ParameterValue": value})}
        for name, value in sorted(values.items())
    ]


def plan(current, params):
    """Values to write and to reset, and tags."""
    wanted = {name: text(value) for name, value in params["parameters"].items()}
    present = values_of(current["rows"]) if current else {}
    rows = current["rows"] if current else {}
    effective = {**{name: row.get("ParameterValue") for name, row in rows.items()}, **present}
    to_set, to_remove = tagging.diff_tags(current["tags"] if current else {}, params["tags"], params["purge_tags"])
    return {
        "write": {name: value for name, value in wanted.items() if name not in present or effective[name] != value},
        "reset": sorted(set(present) - set(wanted)) if params["purge_parameters"] else [],
        "to_set": to_set,
        "to_remove": to_remove,
    }


def build_after(current, params, planned):
    present = current or {"name": params["name"], "family": params["family"], "rows": {}, "tags": {}}
    kept = {name: value for name, value in values_of(present["rows"]).items() if name not in planned["reset"]}
    tags = {key: value for key, value in present["tags"].items() if key not in planned["to_remove"]}
    return {
        "name": present["name"],
        "family": present["family"],
        "parameters": {**kept, **planned["write"]},
        "tags": {**tags, **planned["to_set"]},
    }


def write(connection, params, current, planned):
    name = params["name"]
    if current is None:
        request = {"DBParameterGroupFamily": params["family"], "Description": params["description"] or name}
        create_group(connection, name, {**request, "Tags": tagging.to_boto(params["tags"])})
        rows = describe_parameters(connection, name)
        check_parameters(rows, params["parameters"], params["family"])
    else:
        rows = current["rows"]
        rds.converge_tags(connection, current["arn"], planned["to_set"], planned["to_remove"])
    for function, values in ((modify_group, planned["write"]), (reset_group, dict.fromkeys(planned["reset"]))):
        wanted = build_rows(rows, values)
        for start in range(0, len(wanted), PARAMETERS_A_CALL):
            function(connection, name, wanted[start : start + PARAMETERS_A_CALL])
    return sorted(one for one in planned["write"] if rows[one].get("ApplyType") == "static")


def check_family(current, params):
    if current and current["family"] != params["family"]:
        raise Refused(
            f"The family of parameter group {params['name']} cannot be changed",
            found=current["family"],
            expected=params["family"],
            next_step="give the new family a group of another name",
        )


def diff_side(group):
    return {key: group[key] for key in ("family", "parameters", "tags")}


def ensure_present(module, connection):
    params = module.params
    current = find_group(connection, params["name"])
    check_family(current, params)
    if current:
        check_parameters(current["rows"], params["parameters"], current["family"])
    planned = plan(current, params)
    after = build_after(current, params, planned)
    before = diff_side({**current, "parameters": values_of(current["rows"])}) if current else {}
    result = {
        "changed": current is None or any(planned.values()),
        "parameter_group": after,
        "reboot_needed": [],
        "diff": {"before": before, "after": diff_side(after)},
    }
    if result["changed"] and not module.check_mode:
        result["reboot_needed"] = write(connection, params, current, planned)
    return result


def ensure_absent(module, connection):
    name = module.params["name"]
    current = find_group(connection, name)
    if current and not module.check_mode:
        delete_group(connection, name)
    before = diff_side({**current, "parameters": values_of(current["rows"])}) if current else {}
    return {"changed": current is not None, "diff": {"before": before, "after": {}}}


def ensure(module):
    connection = client(module, "rds")
    return (ensure_present if module.params["state"] == "present" else ensure_absent)(module, connection)


def main():
    argument_spec = {
        "name": {"required": True},
        "state": {"choices": ["present", "absent"], "default": "present"},
        "family": {},
        "description": {},
        "parameters": {"type": "dict", "default": {}},
        "purge_parameters": {"type": "bool", "default": False},
        **tagging.ARGUMENTS,
    }
    module = AnsibleAWSModule(
        argument_spec=argument_spec, required_if=[("state", "present", ["family"])], supports_check_mode=True
    )
    run(module, ensure)


if __name__ == "__main__":
    main()
