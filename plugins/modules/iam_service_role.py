#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: iam_service_role
version_added: 1.0.0
short_description: Manage the role that an AWS service acts as, with its policies
description:
  - Creates, changes and deletes an IAM role whose trust policy names services, and nobody else.
  - Trust, attached policies and inline policies are one object here, so that a role is never seen without its rights
    for longer than the calls take.
  - IAM is global. A role that was just made can be refused by other services for some seconds; IAM tells nobody when
    that is over.
  - Operations used are C(iam:GetRole), C(iam:ListAttachedRolePolicies), C(iam:ListRolePolicies),
    C(iam:GetRolePolicy), C(iam:CreateRole), C(iam:UpdateAssumeRolePolicy), C(iam:AttachRolePolicy),
    C(iam:DetachRolePolicy), C(iam:PutRolePolicy), C(iam:DeleteRolePolicy), C(iam:TagRole), C(iam:UntagRole) and
    C(iam:DeleteRole), with the IAM permissions of the same names.
author:
  - MedZen platform team (@medzen)
options:
  name:
    description:
      - Name of the role.
    type: str
    required: true
  state:
    description:
      - Whether the role is to be there. A role that is deleted loses its policies first.
    type: str
    choices: [present, absent]
    default: present
  services:
    description:
      - Principals that may assume the role, as V(ecs-tasks.amazonaws.com). Required with O(state=present).
      - The trust policy becomes exactly this.
    type: list
    elements: str
  managed_policies:
    description:
      - ARNs of managed policies that are attached. Not given leaves them alone.
    type: list
    elements: str
  policies:
    description:
      - Inline policies by name, each a policy document. Not given leaves them alone.
    type: dict
  purge_policies:
    description:
      - Whether policies that O(managed_policies) and O(policies) do not name are taken away. What is not given at all
        is left alone.
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
- name: The role with which RDS delivers enhanced monitoring
  medzen.multiregion.iam_service_role:
    name: medzen-rds-monitoring-role
    services: [monitoring.rds.amazonaws.com]
    managed_policies: [arn:aws:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole]

- name: The role of functions that write the audit trail of visits
  medzen.multiregion.iam_service_role:
    name: medzen-lambda-execution-role
    services: [lambda.amazonaws.com]
    policies:
      write-audit:
        Version: "2012-10-17"
        Statement:
          - Effect: Allow
            Action: dynamodb:PutItem
            Resource: arn:aws:dynamodb:*:*:table/medzen-meeting-audit
    tags:
      Workload: medzen-ehrbase
"""

RETURN = r"""
role:
  description: The role; in check mode as it would be.
  type: dict
  returned: when O(state=present)
  contains:
    arn: {description: "ARN of the role, V(null) for one that is only planned.", type: str}
    services: {description: Who may assume it., type: list, elements: str}
    managed_policies: {description: ARNs of the attached policies., type: list, elements: str}
    policies: {description: Inline policies by name., type: dict}
    tags: {description: Its tags., type: dict}
"""

import json

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.policy import compare_policies
from ansible_collections.medzen.multiregion.plugins.module_utils import tags as tagging
from ansible_collections.medzen.multiregion.plugins.module_utils.aws import client, describe, paginate
from ansible_collections.medzen.multiregion.plugins.module_utils.runner import run

MISSING = ("NoSuchEntity",)


@describe("read role {name}", missing=MISSING)
def get_role(iam, name):
    return iam.get_role(RoleName=name, aws_retry=True)["Role"]


@describe("list the policies attached to role {name}")
def list_attached(iam, name):
    found = paginate(iam, "list_attached_role_policies", "AttachedPolicies", RoleName=name)
    return sorted(one["PolicyArn"] for one in found)


@describe("list the inline policies of role {name}")
def list_inline(iam, name):
    return sorted(paginate(iam, "list_role_policies", "PolicyNames", RoleName=name))


@describe("read policy {policy} of role {name}")
def get_inline(iam, name, policy):
    return iam.get_role_policy(RoleName=name, PolicyName=policy, aws_retry=True)["PolicyDocument"]


@describe("create role {name}")
def create_role(iam, name, trust, tags):
    """A retry after a lost answer meets the role that the first call made."""
    request = {"RoleName": name, "AssumeRolePolicyDocument": json.dumps(trust)}
    if tags:
        request["Tags"] = tagging.to_boto(tags)
    try:
        iam.create_role(**request, aws_retry=True)
    except iam.exceptions.EntityAlreadyExistsException:
        if get_role(iam, name) is None:
            raise


@describe("change who may assume role {name}")
def update_trust(iam, name, trust):
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(trust), aws_retry=True)


@describe("attach {arn} to role {name}")
def attach(iam, name, arn):
    iam.attach_role_policy(RoleName=name, PolicyArn=arn, aws_retry=True)


@describe("detach {arn} from role {name}", missing=MISSING)
def detach(iam, name, arn):
    iam.detach_role_policy(RoleName=name, PolicyArn=arn, aws_retry=True)


@describe("write policy {policy} of role {name}")
def put_inline(iam, name, policy, document):
    iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=json.dumps(document), aws_retry=True)


@describe("delete policy {policy} of role {name}", missing=MISSING)
def delete_inline(iam, name, policy):
    iam.delete_role_policy(RoleName=name, PolicyName=policy, aws_retry=True)


@describe("tag role {name}")
def tag(iam, name, tags):
    iam.tag_role(RoleName=name, Tags=tagging.to_boto(tags), aws_retry=True)


@describe("remove tags from role {name}")
def untag(iam, name, keys):
    iam.untag_role(RoleName=name, TagKeys=keys, aws_retry=True)


@describe("delete role {name}", missing=MISSING)
def delete_role(iam, name):
    iam.delete_role(RoleName=name, aws_retry=True)


def build_trust(services):
    principal = services[0] if len(services) == 1 else sorted(services)
    statement = {"Effect": "Allow", "Principal": {"Service": principal}, "Action": "sts:AssumeRole"}
    return {"Version": "2012-10-17", "Statement": [statement]}


def find_role(iam, name):
    """The role with everything that this module manages; None when there is none."""
    role = get_role(iam, name)
    if role is None:
        return None
    return {
        "arn": role["Arn"],
        "trust": role["AssumeRolePolicyDocument"],
        "managed": list_attached(iam, name),
        "policies": {policy: get_inline(iam, name, policy) for policy in list_inline(iam, name)},
        "tags": tagging.from_boto(role.get("Tags")),
    }


def plan(current, params):
    """What has to change, as values."""
    present = current or {"trust": None, "managed": [], "policies": {}, "tags": {}}
    managed, policies = params["managed_policies"], params["policies"]
    trust = build_trust(params["services"])
    to_set, to_remove = tagging.diff_tags(present["tags"], params["tags"], params["purge_tags"])
    purge = params["purge_policies"]
    return {
        "trust": trust if current is None or compare_policies(present["trust"], trust) else None,
        "attach": sorted(set(managed or []) - set(present["managed"])),
        "detach": sorted(set(present["managed"]) - set(managed)) if purge and managed is not None else [],
        "put": {name: one for name, one in (policies or {}).items() if differs(present["policies"].get(name), one)},
        "delete": sorted(set(present["policies"]) - set(policies)) if purge and policies is not None else [],
        "to_set": to_set,
        "to_remove": to_remove,
    }


def differs(present, wanted):
    return present is None or compare_policies(present, wanted)


def build_after(current, planned):
    present = current or {"arn": None, "trust": None, "managed": [], "policies": {}, "tags": {}}
    policies = {name: one for name, one in present["policies"].items() if name not in planned["delete"]}
    tags = {key: value for key, value in present["tags"].items() if key not in planned["to_remove"]}
    return {
        "arn": present["arn"],
        "trust": planned["trust"] or present["trust"],
        "managed": sorted((set(present["managed"]) - set(planned["detach"])) | set(planned["attach"])),
        "policies": {**policies, **planned["put"]},
        "tags": {**tags, **planned["to_set"]},
    }


def write(iam, name, current, planned):
    """New rights before old ones go: what runs under the role must not be without them in between."""
    if current is None:
        create_role(iam, name, planned["trust"], planned["to_set"])
    else:
        write_trust_and_tags(iam, name, planned)
    for arn in planned["attach"]:
        attach(iam, name, arn)
    for policy, document in planned["put"].items():
        put_inline(iam, name, policy, document)
    for arn in planned["detach"]:
        detach(iam, name, arn)
    for policy in planned["delete"]:
        delete_inline(iam, name, policy)


def write_trust_and_tags(iam, name, planned):
    if planned["trust"]:
        update_trust(iam, name, planned["trust"])
    if planned["to_set"]:
        tag(iam, name, planned["to_set"])
    if planned["to_remove"]:
        untag(iam, name, planned["to_remove"])


def services_of(trust):
    statements = (trust or {}).get("Statement", [])
    found = [one.get("Principal", {}).get("Service", []) for one in statements]
    return sorted({name for one in found for name in ([one] if isinstance(one, str) else one)})


def shown(role):
    return {
        "arn": role["arn"],
        "services": services_of(role["trust"]),
        "managed_policies": role["managed"],
        "policies": role["policies"],
        "tags": role["tags"],
    }


def diff_side(role):
    return {key: role[key] for key in ("trust", "managed", "policies", "tags")} if role else {}


def ensure_present(module, iam):
    params, name = module.params, module.params["name"]
    current = find_role(iam, name)
    planned = plan(current, params)
    after = build_after(current, planned)
    result = {
        "changed": current is None or any(planned.values()),
        "role": shown(after),
        "diff": {"before": diff_side(current), "after": diff_side(after)},
    }
    if result["changed"] and not module.check_mode:
        write(iam, name, current, planned)
        result["role"]["arn"] = get_role(iam, name)["Arn"]
    return result


def ensure_absent(module, iam):
    name = module.params["name"]
    current = find_role(iam, name)
    result = {"changed": current is not None, "diff": {"before": diff_side(current), "after": {}}}
    if current is None or module.check_mode:
        return result
    for arn in current["managed"]:
        detach(iam, name, arn)
    for policy in current["policies"]:
        delete_inline(iam, name, policy)
    delete_role(iam, name)
    return result


def ensure(module):
    iam = client(module, "iam")
    return (ensure_present if module.params["state"] == "present" else ensure_absent)(module, iam)


def main():
    argument_spec = {
        "name": {"required": True},
        "state": {"choices": ["present", "absent"], "default": "present"},
        "services": {"type": "list", "elements": "str"},
        "managed_policies": {"type": "list", "elements": "str"},
        "policies": {"type": "dict"},
        "purge_policies": {"type": "bool", "default": False},
        **tagging.ARGUMENTS,
    }
    module = AnsibleAWSModule(
        argument_spec=argument_spec,
        required_if=[("state", "present", ["services"])],
        supports_check_mode=True,
    )
    run(module, ensure)


if __name__ == "__main__":
    main()
