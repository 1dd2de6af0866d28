#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: dynamodb_table_merge
version_added: 1.0.0
short_description: Bring the items of another region's table into the table of the same name here
description:
  - Regions that were built one by one have tables of one name that know nothing of each other. DynamoDB makes no
    replica where a table has the name already, so their items have to be brought together first.
  - Copies the items that O(region) lacks, each only if its key is still free. Nothing is ever overwritten. An item that
    is in both regions with another content refuses the task before anything is written.
  - With O(remove_source=true) the table of O(source_region) makes room for a replica. It is backed up, both tables are
    read once more, and it is deleted only when every one of its items is here with the same content.
  - A table of O(source_region) that is a replica of the one here is left alone; they are one table.
  - Operations used are C(dynamodb:DescribeTable), C(dynamodb:Scan) and C(dynamodb:PutItem), and for O(remove_source)
    also C(dynamodb:ListBackups), C(dynamodb:CreateBackup), C(dynamodb:DescribeBackup) and C(dynamodb:DeleteTable), with
    the IAM permissions of the same names.
author:
  - MedZen platform team (@medzen)
options:
  name:
    description:
      - Name of the tables.
    type: str
    required: true
  source_region:
    description:
      - Region whose items are brought over. One without such a table has nothing to bring.
    type: str
    required: true
  remove_source:
    description:
      - Whether the table of O(source_region) is deleted afterwards. Its backup stays. A table with deletion protection
        is refused.
    type: bool
    default: false
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
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
notes:
  - Reads every item of both tables; what it keeps in memory is a key and a checksum of each.
  - An item that is deleted here while it is there comes back with the next run. It is meant for records that are only
    added.
seealso:
  - module: medzen.multiregion.dynamodb_table
  - module: medzen.multiregion.copies_info
"""

EXAMPLES = r"""
- name: Bring the audit rows of the region that is left to the one that stays
  medzen.multiregion.dynamodb_table_merge:
    region: eu-central-1
    name: medzen-meeting-audit
    source_region: af-south-1

- name: Make room for a replica in Ireland
  medzen.multiregion.dynamodb_table_merge:
    region: eu-central-1
    name: medzen-meeting-audit
    source_region: eu-west-1
    remove_source: true
"""

RETURN = r"""
source:
  description:
    - What O(source_region) has under the name, V(none), V(replica) of the table here, or V(own), a table of its own.
  type: str
  returned: always
  sample: own
item_count:
  description: How many items that table of its own holds.
  type: int
  returned: always
copied_count:
  description: How many of them were copied; in check mode, would be.
  type: int
  returned: always
removed:
  description: Whether the table of O(source_region) was deleted; in check mode, would be.
  type: bool
  returned: always
backup_arn:
  description: ARN of the backup of the table that was deleted.
  type: str
  returned: when a table was deleted
"""

from dataclasses import dataclass
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.medzen.multiregion.plugins.module_utils import copies
from ansible_collections.medzen.multiregion.plugins.module_utils import dynamodb_tables as tables
from ansible_collections.medzen.multiregion.plugins.module_utils.aws import client, describe, list_all
from ansible_collections.medzen.multiregion.plugins.module_utils.creation import is_unanswered
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import AwsError, Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.runner import run
from ansible_collections.medzen.multiregion.plugins.module_utils.wait import TimeLeft, wait_arguments, wait_until

NONE = "none"
REPLICA = "replica"
OWN = "own"
NAMED_MAX = 10


@describe("copy an item into table {name}")
def put_new(dynamodb, name, item, hash_key):
    """Whether the key was free; a key that was taken in the meantime keeps its item."""
    try:
        dynamodb.put_item(
            TableName=name,
            Item=item,
            ConditionExpression="attribute_not_exists(#key)",
            ExpressionAttributeNames={"#key": hash_key},
            aws_retry=True,
        )
    except dynamodb.exceptions.ConditionalCheckFailedException:
        return False
    return True


@describe("list the backups of table {name}")
def list_backups(dynamodb, name):
    return list_all(dynamodb.list_backups, "BackupSummaries", TableName=name, BackupType="USER")


@describe("back up table {name}")
def create_backup(dynamodb, name, backup):
    return dynamodb.create_backup(TableName=name, BackupName=backup, aws_retry=True)["BackupDetails"]["BackupArn"]


@describe("read backup {arn}")
def read_backup_status(dynamodb, arn):
    found = dynamodb.describe_backup(BackupArn=arn, aws_retry=True)["BackupDescription"]
    return found["BackupDetails"]["BackupStatus"]


# --- what is there ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Table:
    """One region's table of the name."""

    connection: Any
    name: str

    @property
    def region(self):
        return self.connection.meta.region_name

    def look(self):
        return tables.describe_table(self.connection, self.name)

    def iter_items(self):
        return tables.iter_items(self.connection, self.name)

    def read_digests(self, keys):
        return tables.read_digests(self.connection, self.name, keys)


def key_names(described):
    """Names of the keys, the partition key first."""
    by_type = {key["KeyType"]: key["AttributeName"] for key in described["KeySchema"]}
    return [by_type[kind] for kind in ("HASH", "RANGE") if kind in by_type]


def is_replica(described, region):
    return any(one["RegionName"] == region for one in described.get("Replicas") or [])


def plain_item(item):
    """Without what the first version of global tables wrote into it."""
    return {name: value for name, value in item.items() if name not in copies.REPLICATION_ATTRIBUTES}


def find_source(here, there):
    """What the other region has under the name, and how DynamoDB describes it."""
    described = there.look()
    if described is None or described["TableStatus"] == "DELETING":
        return NONE, described
    target = here.look()
    return (REPLICA if target and is_replica(target, there.region) else OWN), described


# --- refusals --------------------------------------------------------------------------------------------------------


def check_options(module):
    if module.params["source_region"] == module.region:
        raise Refused(
            "A table is not merged with itself",
            found=f"source_region is {module.region}, which is the region of the task",
            expected="another region",
            next_step="name the region whose items are to be brought here",
            result={"reason": "invalid_option"},
        )


def check_removable(source, described):
    if described.get("DeletionProtectionEnabled"):
        raise Refused(
            f"Table {source.name} of {source.region} cannot make room for a replica",
            found="deletion protection on",
            expected="deletion protection off",
            next_step="turn it off if its items may move, or leave remove_source out",
            result={"reason": "deletion_protection"},
        )


def check_target(here, described, source):
    """The table that takes the items: there, with the same keys."""
    target = here.look()
    if target is None:
        raise Refused(
            f"Table {here.name} is not there in {here.region}",
            found="no such table",
            expected=f"the table that takes the items of {source.region}",
            next_step="make it first",
            result={"reason": "target_missing"},
        )
    if key_names(target) != key_names(described):
        raise Refused(
            f"Tables {here.name} of {source.region} and {here.region} have other keys",
            found=f"{', '.join(key_names(described))} there, {', '.join(key_names(target))} here",
            expected="the same keys",
            next_step="name the table of one region otherwise",
            result={"reason": "other_keys"},
        )


def check_same(name, rows, held, regions):
    """An item of both regions must be one item: nobody knows here which content is right."""
    different = sorted(copies.readable(key) for key, digest in rows.items() if held.get(key, digest) != digest)
    if different:
        raise Refused(
            f"Items of table {name} are in {regions[0]} and {regions[1]} with another content",
            found=f"{len(different)}, as {', '.join(different[:NAMED_MAX])}",
            expected="none; nothing is overwritten",
            next_step="compare these items, make them alike or delete the wrong ones, and run again",
            result={"reason": "different_items", "different": different[:NAMED_MAX]},
        )


# --- changes ---------------------------------------------------------------------------------------------------------


def put_surely(target, item, hash_key):
    """Whether the item was put. botocore does not ask DynamoDB again when an answer is lost; the condition lets us."""
    try:
        return put_new(target.connection, target.name, item, hash_key)
    except AwsError as error:
        if not is_unanswered(error):
            raise
    put_new(target.connection, target.name, item, hash_key)
    return True


def copy_missing(source, target, keys, held):
    """Items whose keys are not held; how many were put."""
    wanted = (item for item in source.iter_items() if copies.item_key(item, keys) not in held)
    return sum(put_surely(target, plain_item(item), keys[0]) for item in wanted)


def ensure_backup(source, described, left, poll_seconds):
    """The ARN of a backup of this very table; one that an earlier run made is as good, as the items are here by now."""
    name = f"{source.name}-merged"
    found = list_backups(source.connection, source.name)
    ours = [one for one in found if one["BackupName"] == name and one.get("TableId") == described.get("TableId")]
    arn = ours[0]["BackupArn"] if ours else create_backup(source.connection, source.name, name)
    wait_until(
        lambda: read_backup_status(source.connection, arn),
        lambda status: status == "AVAILABLE",
        f"the backup of table {source.name} in {source.region}",
        left.seconds(),
        poll_seconds,
    )
    return arn


def prove_all_here(source, target, keys):
    """Both tables read anew, behind the copy and the backup."""
    rows, held = source.read_digests(keys), target.read_digests(keys)
    check_same(source.name, rows, held, (source.region, target.region))
    lacking = sorted(copies.readable(key) for key in rows if key not in held)
    if lacking:
        raise Refused(
            f"Table {source.name} of {source.region} is still written to",
            found=f"{len(lacking)} items that came in the meantime, as {lacking[0]}",
            expected=f"every item in {target.region}",
            next_step=f"stop what writes in {source.region}, and run again; the table was not deleted",
            result={"reason": "still_written"},
        )


def remove(source, target, keys, left, poll_seconds):
    described = source.look()
    arn = ensure_backup(source, described, left, poll_seconds)
    prove_all_here(source, target, keys)
    tables.delete_table(source.connection, source.name)
    return arn


def wait_gone(source, left, poll_seconds):
    wait_until(
        source.look,
        lambda found: found is None,
        f"table {source.name} of {source.region} to be gone",
        left.seconds(),
        poll_seconds,
        text=lambda found: found["TableStatus"] if found else "gone",
    )


def build_result(kind, rows, missing, removes):
    return {
        "changed": bool(missing) or removes,
        "source": kind,
        "item_count": len(rows),
        "copied_count": len(missing),
        "removed": removes,
        "diff": {
            "before": {"items_missing": len(missing), "source": kind},
            "after": {"items_missing": 0, "source": NONE if removes else kind},
        },
    }


def merge(module, source, target, described):
    params, keys = module.params, key_names(described)
    if params["remove_source"]:
        check_removable(source, described)
    rows, left = source.read_digests(keys), TimeLeft(params["wait_timeout"])
    if target.look() is None and module.check_mode:
        # It may be made in the same play.
        return build_result(OWN, rows, list(rows), params["remove_source"])
    check_target(target, described, source)
    held = target.read_digests(keys)
    check_same(target.name, rows, held, (source.region, target.region))
    result = build_result(OWN, rows, [key for key in rows if key not in held], params["remove_source"])
    if module.check_mode:
        return result
    if result["copied_count"]:
        result["copied_count"] = copy_missing(source, target, keys, held)
    if params["remove_source"]:
        result["backup_arn"] = remove(source, target, keys, left, params["poll_seconds"])
        wait_gone(source, left, params["poll_seconds"])
    return result


def ensure(module):
    check_options(module)
    params = module.params
    target = Table(client(module, "dynamodb"), params["name"])
    source = Table(client(module, "dynamodb", params["source_region"]), params["name"])
    kind, described = find_source(target, source)
    if kind == OWN:
        return merge(module, source, target, described)
    if described is not None and kind == NONE and params["remove_source"] and not module.check_mode:
        wait_gone(source, TimeLeft(params["wait_timeout"]), params["poll_seconds"])
    return build_result(kind, {}, [], False)


def main():
    argument_spec = {
        "name": {"required": True},
        "source_region": {"required": True},
        "remove_source": {"type": "bool", "default": False},
        **wait_arguments(3600),
    }
    run(AnsibleAWSModule(argument_spec=argument_spec, supports_check_mode=True), ensure)


if __name__ == "__main__":
    main()
