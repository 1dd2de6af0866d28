#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: cloudwatch_log_groups
version_added: 1.0.0
short_description: Manage a set of CloudWatch log groups with retention, KMS key and tags in one call
description:
  - Creates, changes and deletes log groups. A group that is there already, as one that a function made with its first
    line, gets its key, retention and tags in place.
  - A KMS key encrypts what is written from then on; older events stay as they are. The policy of the key must let
    C(logs.<region>.amazonaws.com) use it.
  - Operations used are C(logs:DescribeLogGroups), C(logs:ListTagsForResource), C(logs:CreateLogGroup),
    C(logs:PutRetentionPolicy), C(logs:AssociateKmsKey), C(logs:TagResource), C(logs:UntagResource),
    C(logs:DeleteLogGroup) and, for a key that is not an ARN, C(kms:DescribeKey), with the IAM permissions of the same
    names.
author:
  - MedZen platform team
options:
  groups:
    description:
      - The log groups. With O(state=absent) only their names are looked at.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the log group.
        type: str
        required: true
      retention_days:
        description: Days after which events are deleted. Not given leaves it alone; a new group then keeps for ever.
        type: int
        choices:
          [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653]
      kms_key_id:
        description: Key of this region, as ARN, id or alias. Not given leaves it alone.
        type: str
  state:
    description:
      - Whether the log groups are to be there. Deleting one deletes its events.
    type: str
    choices: [present, absent]
    default: present
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
- name: Encrypted logs of the assistant, kept for ninety days
  medzen.multiregion.cloudwatch_log_groups:
    region: eu-central-1
    groups:
      - name: /aws/lambda/medzen-ai-chat-handler
        retention_days: 90
        kms_key_id: alias/medzen-ehrbase-eu-central-1
      - name: /aws/apigateway/medzen-ai-api
        retention_days: 90
    tags:
      Workload: medzen-ehrbase
"""

RETURN = r"""
groups:
  description: The log groups by name; in check mode as they would be.
  type: dict
  returned: always
  contains:
    does: {description: "What was done: C(created), C(changed), C(unchanged), C(deleted) or C(absent).", type: str}
    retention_days: {description: "Days that events are kept, V(null) for ever.", type: int}
    kms_key_arn: {description: "ARN of the key, V(null) for none.", type: str}
  sample:
    /aws/lambda/medzen-ai-chat-handler:
      does: created
      retention_days: 90
      kms_key_arn: arn:aws:kms:eu-central-1:123456789012:key/3f8c6b52-0d5e-4c53-9d0b-0f3f6f0a7c11
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.medzen.multiregion.plugins.module_utils import tags as tagging
from ansible_collections.medzen.multiregion.plugins.module_utils.aws import client, describe, paginate
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import AwsError, Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.kms import require_key_arn
from ansible_collections.medzen.multiregion.plugins.module_utils.runner import run
from ansible_collections.medzen.multiregion.plugins.module_utils.service_model import check_request

MISSING = ("ResourceNotFoundException",)
EXISTS = "ResourceAlreadyExistsException"
# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
RETENTION_DAYS = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545),
    *(731, 1096, 1827, 2192, 2557, 2922, 3288, 3653),
)


@describe("find log group {name}")
def find_group(logs, name):
    """The listing knows prefixes only."""
    groups = paginate(logs, "describe_log_groups", "logGroups", logGroupNamePrefix=name)
    return next((one for one in groups if one["logGroupName"] == name), None)


@describe("list the tags of {arn}", missing=MISSING, default={})
def list_tags(logs, arn):
    return logs.list_tags_for_resource(resourceArn=arn, aws_retry=True).get("tags") or {}


@describe("create log group {name}")
def create_group(logs, name, request):
    logs.create_log_group(logGroupName=name, **request, aws_retry=True)


@describe("keep the events of log group {name} for {days} days")
def put_retention(logs, name, days):
    logs.put_retention_policy(logGroupName=name, retentionInDays=days, aws_retry=True)


@describe("encrypt log group {name} with {key}")
def associate_key(logs, name, key):
    logs.associate_kms_key(logGroupName=name, kmsKeyId=key, aws_retry=True)


@describe("tag {arn}")
def tag(logs, arn, tags):
    logs.tag_resource(resourceArn=arn, tags=tags, aws_retry=True)


@describe("remove tags from {arn}")
def untag(logs, arn, keys):
    logs.untag_resource(resourceArn=arn, tagKeys=keys, aws_retry=True)


@describe("delete log group {name}", missing=MISSING)
def delete_group(logs, name):
    logs.delete_log_group(logGroupName=name, aws_retry=True)


def check_groups(logs, groups):
    names = [group["name"] for group in groups]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise Refused("A log group is described twice", found=", ".join(twice), expected="each name once")
    for number, name in enumerate(names):
        check_request(logs, "CreateLogGroup", {"logGroupName": name}, {"logGroupName": f"groups[{number}].name"})


def resolve_key(module, group, number):
    """The group with the ARN of its key, which is what the service answers with."""
    key, option = group["kms_key_id"], f"groups[{number}].kms_key_id"
    return {**group, "kms_key_id": key and require_key_arn(client(module, "kms"), key, option)}


def read_group(logs, name):
    """A group as it is compared and shown; None when it is not there."""
    found = find_group(logs, name)
    if found is None:
        return None
    # Tags belong to the ARN without the asterisk that stands for the streams.
    arn = found["arn"].removesuffix(":*")
    return {
        "arn": arn,
        "retention_days": found.get("retentionInDays"),
        "kms_key_arn": found.get("kmsKeyId"),
        "tags": list_tags(logs, arn),
    }


def plan_group(present, group, params):
    """The group as it is to be, and its tags that change."""
    current = present or {"retention_days": None, "kms_key_arn": None, "tags": {}}
    to_set, to_remove = tagging.diff_tags(current["tags"], params["tags"], params["purge_tags"])
    kept = {key: value for key, value in current["tags"].items() if key not in to_remove}
    after = {
        "retention_days": group["retention_days"] or current["retention_days"],
        "kms_key_arn": group["kms_key_id"] or current["kms_key_arn"],
        "tags": {**kept, **to_set},
    }
    return {"after": after, "to_set": to_set, "to_remove": to_remove}


def create(logs, name, after):
    """A group that a writer made in the meantime is as good: what it lacks it gets like any other."""
    request = {"kmsKeyId": after["kms_key_arn"], "tags": after["tags"]}
    try:
        create_group(logs, name, {key: value for key, value in request.items() if value})
    except AwsError as error:
        if error.code != EXISTS:
            raise


def write(logs, group, present, params):
    name = group["name"]
    if present is None:
        create(logs, name, plan_group(None, group, params)["after"])
        present = read_group(logs, name)
    planned = plan_group(present, group, params)
    after = planned["after"]
    if after["kms_key_arn"] != present["kms_key_arn"]:
        associate_key(logs, name, after["kms_key_arn"])
    if after["retention_days"] != present["retention_days"]:
        put_retention(logs, name, after["retention_days"])
    if planned["to_set"]:
        tag(logs, present["arn"], planned["to_set"])
    if planned["to_remove"]:
        untag(logs, present["arn"], planned["to_remove"])


def shown(group):
    return {key: value for key, value in group.items() if key != "arn"}


def tell(present, after):
    does = "created" if present is None else "unchanged" if shown(present) == after else "changed"
    return {"does": does, "retention_days": after["retention_days"], "kms_key_arn": after["kms_key_arn"]}


def ensure_present(module, logs):
    params = module.params
    groups = [resolve_key(module, group, number) for number, group in enumerate(params["groups"])]
    found = {group["name"]: read_group(logs, group["name"]) for group in groups}
    after = {group["name"]: plan_group(found[group["name"]], group, params)["after"] for group in groups}
    told = {name: tell(found[name], after[name]) for name in after}
    if not module.check_mode:
        for group in groups:
            if told[group["name"]]["does"] != "unchanged":
                write(logs, group, found[group["name"]], params)
    return {
        "changed": any(one["does"] != "unchanged" for one in told.values()),
        "groups": told,
        "diff": {"before": {name: shown(one) for name, one in found.items() if one}, "after": after},
    }


def ensure_absent(module, logs):
    found = {group["name"]: read_group(logs, group["name"]) for group in module.params["groups"]}
    present = {name: shown(one) for name, one in found.items() if one}
    if not module.check_mode:
        for name in present:
            delete_group(logs, name)
    unknown = {"retention_days": None, "kms_key_arn": None}
    return {
        "changed": bool(present),
        "groups": {name: {"does": "deleted" if name in present else "absent", **unknown} for name in found},
        "diff": {"before": present, "after": {}},
    }


def ensure(module):
    logs = client(module, "logs")
    check_groups(logs, module.params["groups"])
    return (ensure_present if module.params["state"] == "present" else ensure_absent)(module, logs)


def main():
    group = {
        "name": {"required": True},
        "retention_days": {"type": "int", "choices": [*RETENTION_DAYS]},
        "kms_key_id": {},
    }
    argument_spec = {
        "groups": {"type": "list", "elements": "dict", "required": True, "options": group},
        "state": {"choices": ["present", "absent"], "default": "present"},
        **tagging.ARGUMENTS,
    }
    run(AnsibleAWSModule(argument_spec=argument_spec, supports_check_mode=True), ensure)


if __name__ == "__main__":
    main()
