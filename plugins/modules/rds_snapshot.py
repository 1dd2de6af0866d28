#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: rds_snapshot
version_added: 1.0.0
short_description: Take or delete a snapshot of an RDS instance
description:
  - Takes a manual snapshot of a database instance and waits, with progress, until it is available.
  - A snapshot of that name which is there already is used only if it is of the same instance, is available or in
    the making, and is not older than O(min_create_time). Everything else is refused, because a stale snapshot
    loses data without a word.
  - A snapshot of the same instance that failed is deleted and taken again, because it holds nothing.
  - RDS takes a snapshot only of an instance at rest, so a backup or modification under way is waited out first.
  - Operations used are C(rds:DescribeDBInstances), C(rds:DescribeDBSnapshots), C(rds:CreateDBSnapshot),
    C(rds:DeleteDBSnapshot), C(rds:AddTagsToResource) and C(rds:RemoveTagsFromResource), with the IAM permissions of
    the same names.
author:
  - MedZen platform team (@medzen)
options:
  state:
    description:
      - Whether the snapshot is to be there.
      - With V(absent) the task ends when RDS answers that there is no such snapshot. One in the making is waited for.
    type: str
    choices: [present, absent]
    default: present
  db_instance_identifier:
    description:
      - The instance to take the snapshot of. Required when O(state=present).
    type: str
  db_snapshot_identifier:
    description:
      - Name of the snapshot. Make it unique for each move.
    type: str
    required: true
  min_create_time:
    description:
      - The snapshot must not be older than this, as ISO 8601 text such as V(2026-11-21T08:00:00Z).
      - Usually the moment of the fence.
    type: str
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
    details: An instance that is not there is reported by RV(source_exists), because an earlier step may make it.
  diff_mode:
    description: Returns what has changed when in diff mode.
    support: full
  idempotent:
    description: A second run with the same options changes nothing.
    support: full
"""

EXAMPLES = r"""
- name: Take a snapshot of production
  medzen.multiregion.rds_snapshot:
    region: af-south-1
    db_instance_identifier: medzen-ehrbase-db-af-south-1
    db_snapshot_identifier: medzen-ehrbase-move-20261121t0800
    min_create_time: "2026-11-21T08:00:00Z"
    tags:
      Workload: medzen-ehrbase

- name: Delete the snapshot of a finished drill
  medzen.multiregion.rds_snapshot:
    region: eu-central-1
    db_snapshot_identifier: medzen-ehrbase-drill-20261121
    state: absent
"""

RETURN = r"""
snapshot:
  description: The snapshot as RDS describes it, in snake_case.
  type: dict
  returned: when it exists
  sample:
    allocated_storage: 100
    db_snapshot_arn: arn:aws:rds:af-south-1:123456789012:snapshot:medzen-ehrbase-move-20261121t0800
    encrypted: true
    percent_progress: 100
    snapshot_create_time: "2026-11-21T08:00:12+00:00"
    status: available
joined:
  description: Whether the snapshot was already in the making when the task began.
  type: bool
  returned: when O(state=present)
replaced:
  description: Whether a snapshot of that name that had failed was deleted and taken again.
  type: bool
  returned: when O(state=present)
source_exists:
  description: Whether the instance is there. V(false) only in check mode.
  type: bool
  returned: when O(state=present)
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.medzen.multiregion.plugins.module_utils import rds
from ansible_collections.medzen.multiregion.plugins.module_utils import tags as tagging
from ansible_collections.medzen.multiregion.plugins.module_utils.aws import client, describe, snake
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import AwsError, Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.runner import run
from ansible_collections.medzen.multiregion.plugins.module_utils.wait import TimeLeft, wait_arguments

ALREADY_EXISTS = "DBSnapshotAlreadyExists"
USABLE = ("available", "creating")
# The states in which RDS takes a snapshot.
AT_REST = ("available", "storage-optimization")


@describe("create snapshot {name} of {instance}")
def create_snapshot(connection, instance, name, tags):
    request = {"DBInstanceIdentifier": instance, "DBSnapshotIdentifier": name}
    if tags:
        request["Tags"] = tagging.to_boto(tags)
    return connection.create_db_snapshot(**request, aws_retry=True)["DBSnapshot"]


def check_existing(snapshot, params):
    """Refuse a snapshot of this name that is not the one wanted."""
    name = params["db_snapshot_identifier"]
    if snapshot["DBInstanceIdentifier"] != params["db_instance_identifier"]:
        raise Refused(
            f"Snapshot {name} belongs to another database",
            found=snapshot["DBInstanceIdentifier"],
            expected=params["db_instance_identifier"],
            next_step="choose a name that is unique for this move",
        )
    if rds.snapshot_status(snapshot) not in USABLE:
        raise Refused(
            f"Snapshot {name} exists but cannot be used",
            found=f"status {rds.snapshot_status(snapshot)}",
            expected=f"status {' or '.join(USABLE)}",
            next_step="delete it or choose another name",
        )
    rds.check_age(snapshot, params["min_create_time"])


def is_failed_attempt(snapshot, params):
    """A snapshot of this instance that RDS could not finish. It holds nothing, so another one takes its place."""
    return rds.is_snapshot_failed(snapshot) and snapshot["DBInstanceIdentifier"] == params["db_instance_identifier"]


def build_diff(name, before, after):
    return {"before": {name: before} if before is not None else {}, "after": {name: after} if after is not None else {}}


def wait_until_at_rest(connection, params, left):
    """The instance, when RDS would take a snapshot of it."""
    return rds.wait_instance(
        connection,
        params["db_instance_identifier"],
        lambda instance: rds.status(instance) in AT_REST,
        what=f"database {params['db_instance_identifier']} to be at rest before its snapshot",
        timeout_s=left.seconds(),
        poll_seconds=params["poll_seconds"],
    )


def create(connection, params, left):
    """Ask for the snapshot. An answer that was lost shows as "already exists": then it is the one we asked for."""
    name = params["db_snapshot_identifier"]
    if params["wait"]:
        wait_until_at_rest(connection, params, left)
    try:
        return create_snapshot(connection, params["db_instance_identifier"], name, params["tags"])
    except AwsError as error:
        snapshot = rds.describe_snapshot(connection, name) if error.code == ALREADY_EXISTS else None
        if snapshot is None:
            raise
        check_existing(snapshot, params)
        return snapshot


def finish(connection, params, left, result):
    """Wait if asked to, and return the snapshot as it is then."""
    name = params["db_snapshot_identifier"]
    if params["wait"]:
        snapshot = rds.wait_snapshot(connection, name, timeout_s=left.seconds(), poll_seconds=params["poll_seconds"])
    else:
        snapshot = rds.describe_snapshot(connection, name)
    return {**result, "snapshot": snake(snapshot)}


def converge_existing(module, connection, snapshot, left):
    """Tags are all that can change in a snapshot."""
    params = module.params
    check_existing(snapshot, params)
    present = tagging.from_boto(snapshot.get("TagList"))
    to_set, to_remove = tagging.diff_tags(present, params["tags"], params["purge_tags"])
    after = {**{key: value for key, value in present.items() if key not in to_remove}, **to_set}
    result = {
        "changed": bool(to_set or to_remove),
        "joined": not rds.is_snapshot_available(snapshot),
        "replaced": False,
        "source_exists": True,
        "diff": build_diff(params["db_snapshot_identifier"], {"tags": present}, {"tags": after}),
    }
    if module.check_mode:
        return {**result, "snapshot": snake(snapshot)}
    rds.converge_tags(connection, snapshot["DBSnapshotArn"], to_set, to_remove)
    return finish(connection, params, left, result)


def ensure_present(module, connection):
    params, left = module.params, TimeLeft(module.params["wait_timeout"])
    snapshot = rds.describe_snapshot(connection, params["db_snapshot_identifier"])
    failed = is_failed_attempt(snapshot, params)
    if snapshot is not None and not failed:
        return converge_existing(module, connection, snapshot, left)
    instance = rds.describe_instance(connection, params["db_instance_identifier"])
    if instance is None and not module.check_mode:
        raise Refused(
            f"There is no database {params['db_instance_identifier']} in {module.region}",
            next_step="check the identifier and the region",
        )
    after = {"db_instance_identifier": params["db_instance_identifier"], "tags": params["tags"] or {}}
    result = {
        "changed": True,
        "joined": False,
        "replaced": failed,
        "source_exists": instance is not None,
        "diff": build_diff(params["db_snapshot_identifier"], {"status": "failed"} if failed else None, after),
    }
    if module.check_mode:
        return result
    if failed:
        rds.remove_snapshot(connection, params["db_snapshot_identifier"], left.seconds(), params["poll_seconds"])
    create(connection, params, left)
    return finish(connection, params, left, result)


def wait_until_deletable(connection, params, left):
    """One in the making cannot be deleted; a failed one can, and one that is gone by now is no fault."""
    rds.wait_snapshot(
        connection,
        params["db_snapshot_identifier"],
        lambda found: rds.snapshot_status(found) not in rds.SNAPSHOT_IN_THE_MAKING,
        what=f"snapshot {params['db_snapshot_identifier']} to be complete before its deletion",
        timeout_s=left.seconds(),
        poll_seconds=params["poll_seconds"],
        failed=lambda found: None,
    )


def ensure_absent(module, connection):
    params = module.params
    name = params["db_snapshot_identifier"]
    snapshot = rds.describe_snapshot(connection, name)
    if snapshot is None:
        return {"changed": False, "diff": build_diff(name, None, None)}
    result = {"changed": True, "diff": build_diff(name, {"status": rds.snapshot_status(snapshot)}, None)}
    if module.check_mode:
        return result
    left = TimeLeft(params["wait_timeout"])
    if params["wait"]:
        wait_until_deletable(connection, params, left)
        rds.remove_snapshot(connection, name, left.seconds(), params["poll_seconds"])
    else:
        rds.delete_snapshot(connection, name)
    return result


def ensure(module):
    connection = client(module, "rds")
    return (ensure_present if module.params["state"] == "present" else ensure_absent)(module, connection)


def main():
    argument_spec = {
        "state": {"choices": ["present", "absent"], "default": "present"},
        "db_instance_identifier": {},
        "db_snapshot_identifier": {"required": True},
        "min_create_time": {},
        **tagging.ARGUMENTS,
        **wait_arguments(),
    }
    module = AnsibleAWSModule(
        argument_spec=argument_spec,
        required_if=[("state", "present", ["db_instance_identifier"])],
        supports_check_mode=True,
    )
    run(module, ensure)


if __name__ == "__main__":
    main()
