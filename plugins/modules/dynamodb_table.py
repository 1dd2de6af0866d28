#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: dynamodb_table
version_added: 1.0.0
short_description: Manage a DynamoDB table with its expiry, backups, key and replicas in other regions
description:
  - Creates, changes and deletes a table that is billed on demand. A table that is there already, whoever made it, is
    changed to what is described; it is never made again.
  - With O(replica_regions) it is a global table of version 2019.11.21. DynamoDB adds and removes replicas one at a
    time; the module waits for each before it goes on to the next, whatever O(wait) says.
  - Point-in-time recovery, deletion protection, key and tags belong to one region's table. Run the module in each
    region to set them there; O(replica_regions) can be the same list everywhere, the module's own region is left out.
  - Secondary indexes are left alone.
  - Operations used are C(dynamodb:DescribeTable), C(dynamodb:DescribeContinuousBackups),
    C(dynamodb:DescribeTimeToLive), C(dynamodb:ListTagsOfResource), C(dynamodb:CreateTable), C(dynamodb:UpdateTable),
    C(dynamodb:UpdateContinuousBackups), C(dynamodb:UpdateTimeToLive), C(dynamodb:TagResource),
    C(dynamodb:UntagResource), C(dynamodb:DeleteTable) and C(kms:DescribeKey), with the IAM permissions of the same
    names. Replicas also take C(dynamodb:CreateTableReplica), C(dynamodb:DeleteTableReplica), the rights to read and
    write items of both tables, and C(iam:CreateServiceLinkedRole).
author:
  - MedZen platform team (@medzen)
options:
  name:
    description:
      - Name of the table.
    type: str
    required: true
  state:
    description:
      - Whether the table is to be there.
      - V(absent) deletes the table of this region only, with its items, and refuses while deletion protection is on.
        Replicas in other regions stay; they are named in the result.
    type: str
    choices: [present, absent]
    default: present
  hash_key:
    description:
      - Partition key. Required with O(state=present).
      - Keys cannot be changed; other ones than the table has are refused.
    type: dict
    suboptions: &key
      name:
        description: Name of the attribute.
        type: str
        required: true
      type:
        description: Its type, V(S) for text, V(N) for a number, V(B) for bytes.
        type: str
        choices: [S, N, B]
        default: S
  range_key:
    description:
      - Sort key. Without one the table has none.
    type: dict
    suboptions: *key
  ttl_attribute:
    description:
      - Attribute that holds the time, in seconds since 1970, at which an item expires. Empty text turns expiry off.
      - Not given leaves it alone. Another attribute than the present one is refused, since DynamoDB takes an hour
        between the two.
    type: str
  point_in_time_recovery:
    description:
      - Whether the table can be restored to any second of the last 35 days.
    type: bool
    default: true
  deletion_protection:
    description:
      - Whether the table refuses to be deleted.
    type: bool
    default: true
  kms_key_id:
    description:
      - Key of this region that the table is encrypted with, as ARN, id or alias. Not given leaves the key alone; a new
        table then has the one that DynamoDB owns.
    type: str
  replica_regions:
    description:
      - Regions that have a replica. Not given leaves replicas alone.
      - The stream that replication needs is turned on. A region in which another table has this name is refused.
    type: list
    elements: str
  replica_kms_keys:
    description:
      - Keys that new replicas are encrypted with, by region. DynamoDB wants the same type of key in all regions, so
        with O(kms_key_id) each region of O(replica_regions) needs one.
    type: dict
    default: {}
  purge_replicas:
    description:
      - Whether replicas in regions that O(replica_regions) does not name are deleted, with their items.
      - DynamoDB keeps a region for 24 hours after another was copied from it.
    type: bool
    default: false
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - amazon.aws.tags
  - medzen.multiregion.wait
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
- name: The audit trail of visits, in two regions
  medzen.multiregion.dynamodb_table:
    region: eu-central-1
    name: medzen-meeting-audit
    hash_key: {name: pk}
    range_key: {name: sk}
    ttl_attribute: ttl
    replica_regions: [eu-central-1, eu-west-1]
    tags:
      Workload: medzen-chime

- name: The region that was left has no replica any more
  medzen.multiregion.dynamodb_table:
    region: eu-central-1
    name: medzen-meeting-audit
    hash_key: {name: pk}
    range_key: {name: sk}
    replica_regions: [eu-west-1]
    purge_replicas: true
"""

RETURN = r"""
table:
  description: The table; in check mode as it would be.
  type: dict
  returned: when O(state=present)
  contains:
    arn: {description: "ARN of the table, V(null) for one that is only planned.", type: str}
    name: {description: Its name., type: str}
    status: {description: "Its status, V(null) for one that is only planned.", type: str}
    hash_key: {description: Name and type of its partition key., type: dict}
    range_key: {description: "Name and type of its sort key, V(null) for none.", type: dict}
    billing_mode: {description: How it is billed., type: str}
    stream: {description: "What its stream tells of a change, V(null) for no stream.", type: str}
    stream_arn: {description: ARN of its stream., type: str}
    kms_key_arn: {description: "ARN of its key, V(null) for the one that DynamoDB owns.", type: str}
    ttl_attribute: {description: "Attribute with the time of expiry, V(null) for none.", type: str}
    point_in_time_recovery: {description: Whether it can be restored to a point in time., type: bool}
    deletion_protection: {description: Whether it refuses to be deleted., type: bool}
    replicas: {description: "Status of its replica in each other region, V(PLANNED) in check mode.", type: dict}
    tags: {description: Its tags., type: dict}
remaining_replicas:
  description: Regions that still have a replica of the table that was deleted.
  type: list
  elements: str
  returned: when O(state=absent)
"""

from dataclasses import dataclass
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.medzen.multiregion.plugins.module_utils import tags as tagging
from ansible_collections.medzen.multiregion.plugins.module_utils.aws import client, describe, paginate
from ansible_collections.medzen.multiregion.plugins.module_utils.dynamodb_tables import delete_table, describe_table
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import AwsError, Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.kms import require_key_arn
from ansible_collections.medzen.multiregion.plugins.module_utils.runner import run
from ansible_collections.medzen.multiregion.plugins.module_utils.service_model import check_request
from ansible_collections.medzen.multiregion.plugins.module_utils.table_plan import (
    EMPTY,
    OPTIONS,
    build_after,
    build_create,
    build_replicas,
    build_settings,
    check_deletable,
    check_options,
    check_present,
    diff_side,
    differs,
    failure_of,
    is_on,
    is_settled,
    normalize,
    regions_of,
    shown,
    state_of,
)
from ansible_collections.medzen.multiregion.plugins.module_utils.wait import TimeLeft, wait_arguments, wait_until

# How DynamoDB refuses what a call did whose answer was lost.
REPEATED = ("ResourceInUseException", "ValidationException")
# The first backup of a new table is not ready at once; AWS names no time, seconds are usual.
BACKUP_SECONDS_MAX = 300


@describe("describe the backups of table {name}")
def describe_backups(connection, name):
    found = connection.describe_continuous_backups(TableName=name, aws_retry=True)["ContinuousBackupsDescription"]
    return found.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus") == "ENABLED"


@describe("describe the expiry of table {name}")
def describe_expiry(connection, name):
    return connection.describe_time_to_live(TableName=name, aws_retry=True)["TimeToLiveDescription"]


@describe("list the tags of table {arn}")
def list_tags(connection, arn):
    return tagging.from_boto(paginate(connection, "list_tags_of_resource", "Tags", ResourceArn=arn))


@describe("create table {name}")
def create_table(connection, name, request):
    """A retry after a lost answer meets the table that the first call made."""
    try:
        connection.create_table(**request, aws_retry=True)
    except connection.exceptions.ResourceInUseException:
        if describe_table(connection, name) is None:
            raise


@describe("update table {name}")
def update_table(connection, name, request):
    connection.update_table(TableName=name, **request, aws_retry=True)


@describe("set point-in-time recovery of table {name}")
def update_backups(connection, name, enabled):
    specification = {"PointInTimeRecoveryEnabled": enabled}
    connection.update_continuous_backups(TableName=name, PointInTimeRecoverySpecification=specification, aws_retry=True)


@describe("set the expiry of table {name}")
def update_expiry(connection, name, attribute, enabled):
    specification = {"AttributeName": attribute, "Enabled": enabled}
    connection.update_time_to_live(TableName=name, TimeToLiveSpecification=specification, aws_retry=True)


@describe("tag table {arn}")
def tag(connection, arn, tags):
    connection.tag_resource(ResourceArn=arn, Tags=tagging.to_boto(tags), aws_retry=True)


@describe("remove tags from table {arn}")
def untag(connection, arn, keys):
    connection.untag_resource(ResourceArn=arn, TagKeys=keys, aws_retry=True)


# --- what is there ---------------------------------------------------------------------------------------------------


def find_table(connection, name):
    """The table with everything that this module manages; None when there is none, or none for long."""
    found = describe_table(connection, name)
    if found is None or found["TableStatus"] == "DELETING":
        return None
    expiry = describe_expiry(connection, name)
    return {
        **normalize(found, connection.meta.region_name),
        "ttl_attribute": expiry.get("AttributeName") if is_on(expiry) else None,
        "point_in_time_recovery": describe_backups(connection, name),
        "tags": list_tags(connection, found["TableArn"]),
    }


def check_free(connection, region, name):
    """A replica takes the name of its table, which must be free over there."""
    found = describe_table(connection, name)
    if found is not None and found["TableStatus"] != "DELETING":
        raise Refused(
            f"A replica of table {name} cannot be made in {region}",
            found=f"{found['TableArn']} with {found.get('ItemCount', 0)} items, which is no replica of it",
            expected="no table of this name",
            next_step=f"run in {region} with it as the source, or delete it if nothing in it is needed",
            result={"reason": "name_taken", "arn": found["TableArn"]},
        )


@dataclass(frozen=True)
class Target:
    """The table that is worked on, and how long it may take."""

    connection: Any
    name: str
    left: TimeLeft
    poll_seconds: float

    def look(self):
        found = describe_table(self.connection, self.name)
        return found and normalize(found, self.connection.meta.region_name)

    def wait_settled(self):
        """DynamoDB takes one change at a time; a table or replica that is under way refuses the next."""
        return wait_until(
            self.look, is_settled, f"table {self.name}", self.left.seconds(), self.poll_seconds,
            failed=failure_of, text=state_of,
        )  # fmt: skip

    def wait_gone(self):
        wait_until(
            self.look, lambda found: found is None, f"table {self.name} to be gone", self.left.seconds(),
            self.poll_seconds, text=state_of,
        )  # fmt: skip

    def apply(self, change):
        """What holds although the call was refused was done by a call whose answer was lost."""
        self.wait_settled()
        try:
            update_table(self.connection, self.name, change.request)
        except AwsError as error:
            if error.code not in REPEATED or not change.holds(self.wait_settled()):
                raise


def write(target, current, params, after):
    """From what is there, or a new table, to what is to be; replicas last, since they take longest."""
    if current is None:
        target.wait_gone()
        create_table(target.connection, target.name, build_create(params, after["kms_key_arn"], after["stream"]))
    if current is None or not is_settled(current):
        target.wait_settled()
        current = find_table(target.connection, target.name)
    for change in build_settings(current, after):
        target.apply(change)
    write_expiry(target, current["ttl_attribute"], after["ttl_attribute"])
    if current["point_in_time_recovery"] != after["point_in_time_recovery"]:
        write_backups(target, after["point_in_time_recovery"])
    write_tags(target, current, after)
    for change in build_replicas(current, after, params["replica_kms_keys"]):
        target.apply(change)


def write_expiry(target, present, wanted):
    if present == wanted:
        return
    target.wait_settled()
    try:
        update_expiry(target.connection, target.name, wanted or present, bool(wanted))
    except AwsError as error:
        found = describe_expiry(target.connection, target.name)
        if error.code not in REPEATED or (found.get("AttributeName") if is_on(found) else None) != wanted:
            raise


def write_backups(target, enabled):
    def attempt():
        try:
            update_backups(target.connection, target.name, enabled)
        except AwsError as error:
            if error.code == "ContinuousBackupsUnavailableException":
                return error
            raise
        return None

    target.wait_settled()
    wait_until(
        attempt,
        lambda error: error is None,
        f"backups of table {target.name}",
        min(BACKUP_SECONDS_MAX, target.left.seconds()),
        target.poll_seconds,
        text=lambda error: "not available yet" if error else "set",
    )


def write_tags(target, current, after):
    to_set, to_remove = tagging.diff_tags(current["tags"], after["tags"])
    if to_set:
        tag(target.connection, current["arn"], to_set)
    if to_remove:
        untag(target.connection, current["arn"], to_remove)


def ensure_present(module, connection):
    params, region = module.params, connection.meta.region_name
    check_options(params, region)
    key = params["kms_key_id"] and require_key_arn(client(module, "kms"), params["kms_key_id"], "kms_key_id")
    check_request(connection, "CreateTable", build_create(params, key, None), OPTIONS)
    current = find_table(connection, params["name"])
    after = build_after(current, params, region, key)
    if current is not None:
        check_present(current, after)
    for added in sorted(set(regions_of(after)) - set(regions_of(current or EMPTY))):
        check_free(client(module, "dynamodb", added), added, params["name"])
    result = {
        "changed": differs(current, after),
        "table": shown(after),
        "diff": {"before": diff_side(current), "after": diff_side(after)},
    }
    if module.check_mode:
        return result
    target = Target(connection, params["name"], TimeLeft(params["wait_timeout"]), params["poll_seconds"])
    if result["changed"]:
        write(target, current, params, after)
    if params["wait"] and (result["changed"] or not is_settled(current)):
        target.wait_settled()
    return {**result, "table": shown(find_table(connection, params["name"]) or after)}


def ensure_absent(module, connection):
    params = module.params
    current = find_table(connection, params["name"])
    if current is not None:
        check_deletable(current)
    result = {
        "changed": current is not None,
        "remaining_replicas": regions_of(current or EMPTY),
        "diff": {"before": diff_side(current), "after": {}},
    }
    if module.check_mode:
        return result
    target = Target(connection, params["name"], TimeLeft(params["wait_timeout"]), params["poll_seconds"])
    if current is not None:
        target.wait_settled()
        delete_table(connection, params["name"])
    if params["wait"]:
        target.wait_gone()
    return result


def ensure(module):
    connection = client(module, "dynamodb")
    return (ensure_present if module.params["state"] == "present" else ensure_absent)(module, connection)


KEY = {"name": {"required": True}, "type": {"choices": ["S", "N", "B"], "default": "S"}}


def main():
    argument_spec = {
        "name": {"required": True},
        "state": {"choices": ["present", "absent"], "default": "present"},
        "hash_key": {"type": "dict", "options": KEY, "no_log": False},
        "range_key": {"type": "dict", "options": KEY, "no_log": False},
        "ttl_attribute": {},
        "point_in_time_recovery": {"type": "bool", "default": True},
        "deletion_protection": {"type": "bool", "default": True},
        "kms_key_id": {"no_log": False},
        "replica_regions": {"type": "list", "elements": "str"},
        "replica_kms_keys": {"type": "dict", "default": {}, "no_log": False},
        "purge_replicas": {"type": "bool", "default": False},
        **tagging.ARGUMENTS,
        **wait_arguments(3600),
    }
    module = AnsibleAWSModule(
        argument_spec=argument_spec,
        required_if=[("state", "present", ["hash_key"])],
        supports_check_mode=True,
    )
    run(module, ensure)


if __name__ == "__main__":
    main()
