#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: rds_snapshot_copy
version_added: 1.0.0
short_description: Copy an RDS snapshot to another region, encrypted with a key of that region
description:
  - Copies a database snapshot into the module's region and waits with percent, rate and estimated time.
  - An encrypted snapshot needs a key of the target region. The key is looked up there before anything is started, and
    it must be enabled.
  - A snapshot that already has the target's name is used only if it was copied from the same source snapshot and
    region, is encrypted with the same key, is available or being copied, has the same size, and is not older than
    O(min_create_time) nor than the source. A copy that is under way is joined. A copy of the same source that failed
    is deleted and made again, because it holds nothing. Everything else is refused.
  - Where AWS has reached its limit of copies at a time (C(SnapshotQuotaExceeded)), the copy waits for its turn.
  - Operations used are C(rds:DescribeDBSnapshots) in both regions, C(rds:CopyDBSnapshot),
    C(rds:DeleteDBSnapshot), C(rds:AddTagsToResource), C(rds:RemoveTagsFromResource) and C(kms:DescribeKey), with the
    IAM permissions of the same names;
    C(rds:CopyDBSnapshot) also needs C(kms:CreateGrant) on both keys.
author:
  - MedZen platform team (@medzen)
options:
  source_snapshot_arn:
    description:
      - ARN of the snapshot to copy.
      - Either this or both of O(source_region) and O(source_snapshot) is required.
    type: str
  source_region:
    description:
      - Region of the snapshot to copy.
    type: str
  source_snapshot:
    description:
      - Identifier of the snapshot to copy, in O(source_region) and in the account of the caller.
    type: str
  db_snapshot_identifier:
    description:
      - Name of the copy.
    type: str
    required: true
    aliases: [target_snapshot]
  kms_key_id:
    description:
      - ARN, identifier or alias of the key in the target region. Required when the source is encrypted.
    type: str
  option_group_name:
    description:
      - Option group for the copy, where the source has one that the target region lacks.
    type: str
  copy_tags:
    description:
      - Whether the copy takes the source's tags. AWS takes them only where O(tags) is not given.
    type: bool
    default: false
  min_create_time:
    description:
      - The data must not be older than this, as ISO 8601 text such as V(2026-11-21T08:00:00Z).
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
    details:
      - A source snapshot or key that is not there is reported by RV(source_exists) and RV(key_exists), because an
        earlier step may make it.
  diff_mode:
    description: Returns what has changed when in diff mode.
    support: full
  idempotent:
    description: A second run with the same options changes nothing.
    support: full
"""

EXAMPLES = r"""
- name: Copy the snapshot of the move
  medzen.multiregion.rds_snapshot_copy:
    region: eu-central-1
    source_region: af-south-1
    source_snapshot: medzen-ehrbase-move-20261121t0800
    db_snapshot_identifier: medzen-ehrbase-move-20261121t0800
    kms_key_id: alias/medzen-ehrbase-eu-central-1
    min_create_time: "2026-11-21T08:00:00Z"
    wait_timeout: 5400
"""

RETURN = r"""
snapshot:
  description: The copy as RDS describes it, in snake_case.
  type: dict
  returned: when it exists
  sample:
    db_snapshot_arn: arn:aws:rds:eu-central-1:123456789012:snapshot:medzen-ehrbase-move-20261121t0800
    kms_key_id: arn:aws:kms:eu-central-1:123456789012:key/8b1ccc27-5d3a-4b9c-a9a0-3b3b0c9d4a4e
    percent_progress: 100
    source_db_snapshot_identifier: arn:aws:rds:af-south-1:123456789012:snapshot:medzen-ehrbase-move-20261121t0800
    source_region: af-south-1
    status: available
source_snapshot_arn:
  description: ARN of the source; empty while it is not there yet in check mode.
  type: str
  returned: always
joined:
  description: Whether the copy was already under way when the task began.
  type: bool
  returned: always
replaced:
  description: Whether a copy of that name that had failed was deleted and made again.
  type: bool
  returned: always
source_exists:
  description: Whether the source snapshot is there. In check mode an earlier step may still have to make it.
  type: bool
  returned: always
key_exists:
  description: Whether the key is there. V(false) only in check mode.
  type: bool
  returned: always
rate_gb_per_minute:
  description: Copying speed measured over this task's wait, in GB a minute.
  type: float
  returned: when this task saw progress
  sample: 8.3
"""

import time
from dataclasses import dataclass

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.medzen.multiregion.plugins.module_utils import rds
from ansible_collections.medzen.multiregion.plugins.module_utils import tags as tagging
from ansible_collections.medzen.multiregion.plugins.module_utils.aws import client, describe, snake
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import AwsError, Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.kms import describe_key
from ansible_collections.medzen.multiregion.plugins.module_utils.runner import run
from ansible_collections.medzen.multiregion.plugins.module_utils.wait import (
    TimeLeft,
    state_text,
    wait_arguments,
    wait_until,
)

ALREADY_EXISTS = "DBSnapshotAlreadyExists"
TOO_MANY_COPIES = "SnapshotQuotaExceeded"
USABLE = (rds.AVAILABLE, *rds.SNAPSHOT_IN_THE_MAKING)


@dataclass(frozen=True)
class Wanted:
    """What the copy has to be. `source` and `key_arn` are None for what an earlier step still has to make."""

    name: str
    region: str
    source_region: str
    source_arn: str
    source: dict | None
    key_arn: str | None
    min_create_time: str | None


@describe("copy snapshot {source_arn}")
def copy_snapshot(connection, source_arn, request):
    return connection.copy_db_snapshot(SourceDBSnapshotIdentifier=source_arn, **request, aws_retry=True)["DBSnapshot"]


def region_of_arn(arn):
    parts = arn.split(":")
    if len(parts) < 7 or parts[2] != "rds" or parts[5] != "snapshot":
        raise Refused(
            "A snapshot ARN cannot be read", found=arn, expected="arn:aws:rds:<region>:<account>:snapshot:<name>"
        )
    return parts[3]


def build_request(params, wanted):
    """The copy, as CopyDBSnapshot takes it. SourceRegion makes botocore sign the request that the source needs."""
    request = {"TargetDBSnapshotIdentifier": wanted.name, "CopyTags": params["copy_tags"]}
    if wanted.source_region != wanted.region:
        request["SourceRegion"] = wanted.source_region
    if wanted.key_arn:
        request["KmsKeyId"] = wanted.key_arn
    if params["option_group_name"]:
        request["OptionGroupName"] = params["option_group_name"]
    if params["tags"]:
        request["Tags"] = tagging.to_boto(params["tags"])
    return request


def check_source(source, wanted):
    """Refuse a source that can never become the wanted copy."""
    if reason := rds.snapshot_failure_reason(source):
        raise Refused(
            f"Source snapshot {wanted.source_arn} cannot be copied", found=reason, next_step="take a new snapshot"
        )
    rds.check_age(source, wanted.min_create_time)
    if source.get("Encrypted") and not wanted.key_arn:
        raise Refused(
            f"Source snapshot {wanted.source_arn} is encrypted",
            found="no kms_key_id",
            expected=f"a key of {wanted.region}",
            next_step="name the key that the copy is to be encrypted with",
        )


def find_mismatches(existing, wanted):
    """What tells an existing target from the wanted copy, as (what, found, expected)."""
    pairs = [("status", rds.snapshot_status(existing), USABLE)]
    if wanted.source_region != wanted.region:
        pairs.append(("source", existing.get("SourceDBSnapshotIdentifier"), (wanted.source_arn,)))
        # The ARN says it too; the field is checked where AWS gives it.
        pairs.append(("source region", existing.get("SourceRegion", wanted.source_region), (wanted.source_region,)))
    if wanted.key_arn:
        pairs.append(("encryption key", existing.get("KmsKeyId"), (wanted.key_arn,)))
    if wanted.source:
        pairs.append(("size in GB", existing.get("AllocatedStorage"), (wanted.source.get("AllocatedStorage"),)))
    return [(what, found, expected) for what, found, expected in pairs if found not in expected]


def is_older_than_source(existing, source):
    """A source that was taken again under its old name is newer than what was copied from it."""
    copied, taken = existing.get("OriginalSnapshotCreateTime"), source and rds.data_time(source)
    return copied is not None and taken is not None and copied.replace(microsecond=0) < taken.replace(microsecond=0)


def is_failed_attempt(existing, wanted):
    """The wanted copy, but for its end: RDS could not finish it. Only a source that is there can be copied again."""
    others = [what for what, _found, _expected in find_mismatches(existing, wanted) if what != "status"]
    return rds.is_snapshot_failed(existing) and wanted.source is not None and not others


def check_existing(existing, wanted):
    """Refuse a target of this name that is not the wanted copy."""
    mismatches = find_mismatches(existing, wanted)
    if mismatches:
        raise Refused(
            f"Snapshot {wanted.name} in {wanted.region} is not the wanted copy",
            found="; ".join(f"{what} {found or 'unknown'}" for what, found, _expected in mismatches),
            expected="; ".join(f"{what} {' or '.join(map(str, expected))}" for what, _found, expected in mismatches),
            next_step="choose a name that is unique for this move, or delete that snapshot",
        )
    rds.check_age(existing, wanted.min_create_time)
    if is_older_than_source(existing, wanted.source):
        raise Refused(
            f"Snapshot {wanted.name} in {wanted.region} is a copy of an earlier snapshot of the same name",
            found=existing["OriginalSnapshotCreateTime"].isoformat(),
            expected=rds.data_time(wanted.source).isoformat(),
            next_step="choose a name that is unique for this move, or delete that snapshot",
        )


def build_diff(name, before, after):
    return {"before": {name: before} if before is not None else {}, "after": {name: after}}


class CopyRate:
    """Measures the copy while it is watched: GB a minute, from the first percentage seen to the last."""

    def __init__(self, clock=time.monotonic):
        self._clock = clock
        self._first = self._last = None

    def see(self, snapshot):
        percent = rds.snapshot_percent(snapshot)
        size = (snapshot or {}).get("AllocatedStorage")
        if percent is None or not size:
            return
        self._last = (self._clock(), percent * size / 100)
        self._first = self._first or self._last

    def gb_per_minute(self):
        if not self._first or self._last[0] <= self._first[0] or self._last[1] <= self._first[1]:
            return None
        return round((self._last[1] - self._first[1]) / (self._last[0] - self._first[0]) * 60, 2)

    def text(self, snapshot):
        """The state, with the rate once there is one."""
        self.see(snapshot)
        rate = self.gb_per_minute()
        return state_text(snapshot) + (f", {rate:.3g} GB a minute" if rate else "")


def start_copy(connection, params, wanted):
    """Ask for the copy; None when AWS is copying as many as it will at a time."""
    try:
        return copy_snapshot(connection, wanted.source_arn, build_request(params, wanted))
    except AwsError as error:
        if error.code == TOO_MANY_COPIES and params["wait"]:
            return None
        # An answer that was lost shows as "already exists": then the copy is our own.
        existing = rds.describe_snapshot(connection, wanted.name) if error.code == ALREADY_EXISTS else None
        if existing is None:
            raise
        check_existing(existing, wanted)
        return existing


def queue_copy(connection, params, wanted, left):
    return wait_until(
        lambda: start_copy(connection, params, wanted),
        lambda snapshot: snapshot is not None,
        f"a turn to copy snapshot {wanted.name} to {wanted.region}",
        left.seconds(),
        params["poll_seconds"],
        text=lambda snapshot: "queued: too many copies at a time" if snapshot is None else state_text(snapshot),
    )


def finish(connection, params, wanted, left, result):
    """Wait if asked to, and return the copy as it is then."""
    if not params["wait"]:
        return {**result, "snapshot": snake(rds.describe_snapshot(connection, wanted.name))}
    rate = CopyRate()
    snapshot = rds.wait_snapshot(
        connection,
        wanted.name,
        what=f"copy of snapshot {wanted.name} to {wanted.region}",
        timeout_s=left.seconds(),
        poll_seconds=params["poll_seconds"],
        text=rate.text,
    )
    measured = rate.gb_per_minute()
    return {**result, "snapshot": snake(snapshot), **({"rate_gb_per_minute": measured} if measured else {})}


def find_key(module, name):
    """ARN of the key, None for one that an earlier step still has to make (check mode only)."""
    if not name:
        return None
    key = describe_key(client(module, "kms"), name)
    if key is None and module.check_mode:
        return None
    if key is None or not key["Enabled"]:
        raise Refused(
            f"Key {name} in {module.region} cannot encrypt the copy",
            found="no such key" if key is None else f"state {key['KeyState']}",
            expected="an enabled key of the target region",
            next_step="create or enable the key, or name another",
        )
    return key["Arn"]


def find_source(module, params, source_region):
    """The source, or None: a copy may outlive it, and in check mode it may still have to be made."""
    name = params["source_snapshot_arn"] or params["source_snapshot"]
    return rds.describe_snapshot(client(module, "rds", source_region), name)


def build_source_arn(params, source, existing):
    """ARN of the source. One that is gone has, within an account, the ARN that its name and region give."""
    if params["source_snapshot_arn"] or source is not None:
        return params["source_snapshot_arn"] or source["DBSnapshotArn"]
    if existing is None:
        return ""
    parts = existing["DBSnapshotArn"].split(":")
    return ":".join([*parts[:3], params["source_region"], parts[4], "snapshot", params["source_snapshot"].lower()])


def find_wanted(module, existing):
    params = module.params
    source_region = params["source_region"] or region_of_arn(params["source_snapshot_arn"])
    source = find_source(module, params, source_region)
    return Wanted(
        name=params["db_snapshot_identifier"],
        region=module.region,
        source_region=source_region,
        source_arn=build_source_arn(params, source, existing),
        source=source,
        key_arn=find_key(module, params["kms_key_id"]),
        min_create_time=params["min_create_time"],
    )


def converge_existing(module, connection, wanted, existing, left, result):
    params = module.params
    check_existing(existing, wanted)
    present = tagging.from_boto(existing.get("TagList"))
    to_set, to_remove = tagging.diff_tags(present, params["tags"], params["purge_tags"])
    after = {**{key: value for key, value in present.items() if key not in to_remove}, **to_set}
    result = {
        **result,
        "changed": bool(to_set or to_remove),
        "joined": not rds.is_snapshot_available(existing),
        "diff": build_diff(wanted.name, {"tags": present}, {"tags": after}),
    }
    if module.check_mode:
        return {**result, "snapshot": snake(existing)}
    rds.converge_tags(connection, existing["DBSnapshotArn"], to_set, to_remove)
    return finish(connection, params, wanted, left, result)


def ensure_source_ready(module, wanted, left):
    """The source, complete. Waiting for it is part of the task: it may still be in the making."""
    if wanted.source is None:
        raise Refused(
            f"There is no source snapshot {module.params['source_snapshot_arn'] or module.params['source_snapshot']} "
            f"in {wanted.source_region}",
            next_step="take the snapshot first",
        )
    check_source(wanted.source, wanted)
    if rds.is_snapshot_available(wanted.source):
        return
    if not module.params["wait"]:
        raise Refused(
            f"Source snapshot {wanted.source_arn} is not complete",
            found=rds.snapshot_status(wanted.source),
            expected="available",
            next_step="wait for it, or set wait",
        )
    source = rds.wait_snapshot(
        client(module, "rds", wanted.source_region),
        wanted.source_arn,
        what=f"source snapshot {wanted.source['DBSnapshotIdentifier']} in {wanted.source_region}",
        timeout_s=left.seconds(),
        poll_seconds=module.params["poll_seconds"],
    )
    check_source(source, wanted)


def ensure_copy(module):
    params, left = module.params, TimeLeft(module.params["wait_timeout"])
    connection = client(module, "rds")
    existing = rds.describe_snapshot(connection, params["db_snapshot_identifier"])
    wanted = find_wanted(module, existing)
    result = {
        "source_snapshot_arn": wanted.source_arn,
        "joined": False,
        "replaced": existing is not None and is_failed_attempt(existing, wanted),
        "source_exists": wanted.source is not None,
        "key_exists": wanted.key_arn is not None or not params["kms_key_id"],
    }
    if existing is not None and not result["replaced"]:
        return converge_existing(module, connection, wanted, existing, left, result)
    key = wanted.key_arn or params["kms_key_id"]
    after = {"source": wanted.source_arn, "kms_key_id": key, "tags": params["tags"] or {}}
    before = {"status": "failed"} if result["replaced"] else None
    result.update(changed=True, diff=build_diff(wanted.name, before, after))
    if module.check_mode:
        if wanted.source is not None and result["key_exists"]:
            check_source(wanted.source, wanted)
        return result
    ensure_source_ready(module, wanted, left)
    if result["replaced"]:
        rds.remove_snapshot(connection, wanted.name, left.seconds(), params["poll_seconds"])
    queue_copy(connection, params, wanted, left)
    return finish(connection, params, wanted, left, result)


def main():
    argument_spec = {
        "source_snapshot_arn": {},
        "source_region": {},
        "source_snapshot": {},
        "db_snapshot_identifier": {"required": True, "aliases": ["target_snapshot"]},
        "kms_key_id": {},
        "option_group_name": {},
        "copy_tags": {"type": "bool", "default": False},
        "min_create_time": {},
        **tagging.ARGUMENTS,
        **wait_arguments(),
    }
    module = AnsibleAWSModule(
        argument_spec=argument_spec,
        required_one_of=[("source_snapshot_arn", "source_snapshot")],
        mutually_exclusive=[("source_snapshot_arn", "source_snapshot")],
        required_by={"source_snapshot": "source_region"},
        supports_check_mode=True,
    )
    run(module, ensure_copy)


if __name__ == "__main__":
    main()
