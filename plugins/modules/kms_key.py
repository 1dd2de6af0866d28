#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: kms_key
version_added: 1.0.0
short_description: Manage the symmetric KMS key behind an alias, made once also when an answer is lost
description:
  - Creates a symmetric encryption key with an alias, rotation and tags, changes it, or schedules its deletion.
  - C(kms:CreateKey) takes no idempotency token. A key that an unanswered or interrupted run left without its alias is
    found again by its description and tags, and gets the alias; C(amazon.aws.kms_key) makes another one.
  - A key that waits for its deletion is taken back with O(state=present).
  - Operations used are C(kms:DescribeKey), C(kms:GetKeyRotationStatus), C(kms:ListResourceTags), C(kms:ListAliases),
    C(kms:ListKeys), C(kms:CreateKey), C(kms:CreateAlias), C(kms:EnableKeyRotation), C(kms:DisableKeyRotation),
    C(kms:UpdateKeyDescription), C(kms:TagResource), C(kms:UntagResource), C(kms:CancelKeyDeletion), C(kms:EnableKey)
    and C(kms:ScheduleKeyDeletion), with the IAM permissions of the same names.
author:
  - MedZen platform team (@medzen)
options:
  alias:
    description:
      - Alias of the key in this region, with or without its prefix C(alias/).
    type: str
    required: true
  description:
    description:
      - Description of the key. Not given leaves it alone; a new key then carries its alias.
    type: str
  enable_key_rotation:
    description:
      - Whether KMS renews the key material each year.
    type: bool
    default: true
  pending_window:
    description:
      - Days from O(state=absent) to the deletion, from 7 to 30, during which the key can be taken back.
    type: int
    default: 30
  state:
    description:
      - Whether the key is to be there. What it encrypted cannot be read any more once it is deleted.
    type: str
    choices: [present, absent]
    default: present
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - amazon.aws.tags
notes:
  - The policy of the key is that of M(medzen.multiregion.kms_key_policy); a new key has the one that KMS gives it.
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
- name: The key of the region
  medzen.multiregion.kms_key:
    region: eu-central-1
    alias: medzen-ehrbase-eu-central-1
    tags:
      Workload: medzen-ehrbase

- name: Give a key up, with a month to take it back
  medzen.multiregion.kms_key:
    region: af-south-1
    alias: medzen-ehrbase-af-south-1
    state: absent
"""

RETURN = r"""
key:
  description: The key; in check mode as it would be.
  type: dict
  returned: when there is one, or would be
  contains:
    key_arn: {description: "ARN, V(null) in check mode while there is none.", type: str}
    alias: {description: "Alias with its prefix.", type: str}
    description: {description: "Description.", type: str}
    key_state: {description: "State, as V(Enabled) or V(PendingDeletion).", type: str}
    enable_key_rotation: {description: "Whether its material is renewed each year.", type: bool}
    tags: {description: "Tags.", type: dict}
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.medzen.multiregion.plugins.module_utils import tags as tagging
from ansible_collections.medzen.multiregion.plugins.module_utils.aws import client, describe, paginate
from ansible_collections.medzen.multiregion.plugins.module_utils.creation import create_once, single_try_client
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import AwsError, Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.kms import describe_key
from ansible_collections.medzen.multiregion.plugins.module_utils.runner import run
from ansible_collections.medzen.multiregion.plugins.module_utils.service_model import check_request

PREFIX = "alias/"
OF_AWS = "alias/aws/"
PENDING = "PendingDeletion"
# https://docs.aws.amazon.com/kms/latest/APIReference/API_ScheduleKeyDeletion.html
WINDOW_DAYS_MIN = 7
WINDOW_DAYS_MAX = 30
CREATE_SECONDS = 120
POLL_SECONDS = 2.0
# What a repeated call says when its first answer was lost.
DONE_BEFORE = ("AlreadyExistsException", "KMSInvalidStateException")

# --- calls -----------------------------------------------------------------------------------------------------------


@describe("read the rotation of key {arn}")
def read_rotation(kms, arn):
    return kms.get_key_rotation_status(KeyId=arn, aws_retry=True)["KeyRotationEnabled"]


@describe("list the tags of key {arn}")
def list_tags(kms, arn):
    return tagging.from_boto(kms_tags(paginate(kms, "list_resource_tags", "Tags", KeyId=arn)))


@describe("list the aliases of the region")
def list_aliases(kms):
    return paginate(kms, "list_aliases", "Aliases")


@describe("list the keys of the region")
def list_keys(kms):
    return paginate(kms, "list_keys", "Keys")


@describe("create the key {request[Description]}")
def create_key(once, request):
    return once.create_key(**request)["KeyMetadata"]


@describe("give key {arn} the alias {alias}")
def create_alias(kms, arn, alias):
    kms.create_alias(AliasName=alias, TargetKeyId=arn, aws_retry=True)


@describe("set the rotation of key {arn}")
def set_rotation(kms, arn, enabled):
    (kms.enable_key_rotation if enabled else kms.disable_key_rotation)(KeyId=arn, aws_retry=True)


@describe("describe key {arn} anew")
def update_description(kms, arn, text):
    kms.update_key_description(KeyId=arn, Description=text, aws_retry=True)


@describe("tag key {arn}")
def tag(kms, arn, tags):
    kms.tag_resource(KeyId=arn, Tags=tagging.to_boto(tags, "TagKey", "TagValue"), aws_retry=True)


@describe("remove tags from key {arn}")
def untag(kms, arn, keys):
    kms.untag_resource(KeyId=arn, TagKeys=keys, aws_retry=True)


@describe("take key {arn} back from its deletion")
def cancel_deletion(kms, arn):
    kms.cancel_key_deletion(KeyId=arn, aws_retry=True)


@describe("enable key {arn}")
def enable_key(kms, arn):
    kms.enable_key(KeyId=arn, aws_retry=True)


@describe("schedule the deletion of key {arn}")
def schedule_deletion(kms, arn, days):
    kms.schedule_key_deletion(KeyId=arn, PendingWindowInDays=days, aws_retry=True)


# --- pure ------------------------------------------------------------------------------------------------------------


def kms_tags(tags):
    """KMS's own spelling as that of the other services."""
    return [{"Key": one["TagKey"], "Value": one["TagValue"]} for one in tags]


def full_alias(alias):
    return alias if alias.startswith(PREFIX) else f"{PREFIX}{alias}"


def build_create_request(after):
    tags = tagging.to_boto(after["tags"], "TagKey", "TagValue")
    return {"Description": after["description"], **({"Tags": tags} if tags else {})}


def build_after(present, params):
    """The key as it is to be: what is not given stays."""
    current = present or {"key_arn": None, "description": full_alias(params["alias"]).removeprefix(PREFIX), "tags": {}}
    to_set, to_remove = tagging.diff_tags(current["tags"], params["tags"], params["purge_tags"])
    kept = {key: value for key, value in current["tags"].items() if key not in to_remove}
    return {
        "key_arn": current["key_arn"],
        "alias": full_alias(params["alias"]),
        "description": current["description"] if params["description"] is None else params["description"],
        "key_state": "Enabled",
        "enable_key_rotation": params["enable_key_rotation"],
        "tags": {**kept, **to_set},
    }


def is_left_over(key, after):
    """Whether a key without alias is one that an earlier try made: enabled, ours to manage, and described as ours."""
    ours = key["KeyManager"] == "CUSTOMER" and key["KeyState"] == "Enabled"
    return ours and key["KeySpec"] == "SYMMETRIC_DEFAULT" and key.get("Description") == after["description"]


# --- reads -----------------------------------------------------------------------------------------------------------


def read_key(kms, alias, metadata=None):
    """The key behind an alias as it is compared and shown; None when there is none."""
    metadata = metadata or describe_key(kms, alias)
    if metadata is None:
        return None
    arn = metadata["Arn"]
    return {
        "key_arn": arn,
        "alias": alias,
        "description": metadata.get("Description", ""),
        "key_state": metadata["KeyState"],
        # Rotation is off while a key waits for its deletion, and asking is refused.
        "enable_key_rotation": metadata["KeyState"] != PENDING and read_rotation(kms, arn),
        "tags": list_tags(kms, arn),
    }


def find_left_over(kms, after):
    """The metadata of the key that an earlier try left without its alias; refused when there are several."""
    named = {one.get("TargetKeyId") for one in list_aliases(kms)}
    nameless = [describe_key(kms, one["KeyArn"]) for one in list_keys(kms) if one["KeyId"] not in named]
    alike = [key for key in nameless if key and is_left_over(key, after)]
    found = [key for key in alike if after["tags"].items() <= list_tags(kms, key["Arn"]).items()]
    if len(found) > 1:
        raise Refused(
            f"It is not clear which key {after['alias']} is to name",
            found=f"{len(found)} keys without alias: {', '.join(sorted(key['Arn'] for key in found))}",
            expected="at most one key of this description and these tags without an alias",
            next_step=f"give the one in use the alias {after['alias']}, and schedule the deletion of the others",
            result={"reason": "ambiguous_name"},
        )
    return found[0] if found else None


# --- refusals --------------------------------------------------------------------------------------------------------


def check_options(kms, params):
    alias = full_alias(params["alias"])
    check_request(kms, "CreateAlias", {"AliasName": alias, "TargetKeyId": "any"}, {"AliasName": "alias"})
    if params["description"] is not None:
        check_request(kms, "CreateKey", {"Description": params["description"]}, {"Description": "description"})
    if alias.startswith(OF_AWS):
        raise Refused(
            f"{alias} is a key of AWS",
            found=f"the prefix {OF_AWS}",
            expected="a name of your own",
            next_step="correct alias",
            result={"reason": "invalid_option"},
        )
    if not WINDOW_DAYS_MIN <= params["pending_window"] <= WINDOW_DAYS_MAX:
        raise Refused(
            "KMS does not wait that long before it deletes a key",
            found=f"{params['pending_window']} days",
            expected=f"{WINDOW_DAYS_MIN} to {WINDOW_DAYS_MAX} days",
            next_step="correct pending_window",
            result={"reason": "invalid_option"},
        )


# --- ensure ----------------------------------------------------------------------------------------------------------


def tolerating(call, *arguments):
    """Make a call whose repetition is refused for its own effect; what holds then is read afterwards."""
    try:
        call(*arguments)
    except AwsError as error:
        if error.code not in DONE_BEFORE:
            raise


def create(module, kms, after):
    """The key with its alias, made once."""
    once, alias = single_try_client(module, "kms"), after["alias"]
    metadata = find_left_over(kms, after) or create_once(
        lambda: create_key(once, build_create_request(after)),
        lambda: find_left_over(kms, after),
        f"the key {alias}",
        CREATE_SECONDS,
        POLL_SECONDS,
    )
    tolerating(create_alias, kms, metadata["Arn"], alias)
    behind = describe_key(kms, alias)
    if behind is None or behind["Arn"] != metadata["Arn"]:
        raise Refused(
            f"The alias {alias} went to another key",
            found=behind["Arn"] if behind else "no such alias",
            expected=metadata["Arn"],
            next_step="find out who gave it away; then run this again",
        )
    return read_key(kms, alias, metadata)


def update(kms, present, after):
    arn = present["key_arn"]
    if present["key_state"] == PENDING:
        tolerating(cancel_deletion, kms, arn)
    if present["key_state"] != "Enabled":
        enable_key(kms, arn)
    if present["enable_key_rotation"] != after["enable_key_rotation"]:
        set_rotation(kms, arn, after["enable_key_rotation"])
    if present["description"] != after["description"]:
        update_description(kms, arn, after["description"])
    to_set, to_remove = tagging.diff_tags(present["tags"], after["tags"])
    if to_set:
        tag(kms, arn, to_set)
    if to_remove:
        untag(kms, arn, to_remove)


def ensure_present(module, kms):
    alias = full_alias(module.params["alias"])
    present = read_key(kms, alias)
    after = build_after(present, module.params)
    changed = present != after
    if changed and not module.check_mode:
        found = present or create(module, kms, after)
        # Rotation that was on when a deletion was scheduled comes back by itself.
        after = build_after(found, module.params)
        update(kms, found, after)
    return {"changed": changed, "key": after, "diff": {"before": present or {}, "after": after}}


def ensure_absent(module, kms):
    alias = full_alias(module.params["alias"])
    present = read_key(kms, alias)
    changed = present is not None and present["key_state"] != PENDING
    after = {**present, "key_state": PENDING, "enable_key_rotation": False} if present else None
    if changed and not module.check_mode:
        tolerating(schedule_deletion, kms, present["key_arn"], module.params["pending_window"])
        after = read_key(kms, alias)
    return {
        "changed": changed,
        **({"key": after} if after else {}),
        "diff": {"before": present or {}, "after": after or {}},
    }


def ensure(module):
    kms = client(module, "kms")
    check_options(kms, module.params)
    return (ensure_present if module.params["state"] == "present" else ensure_absent)(module, kms)


def main():
    argument_spec = {
        "alias": {"required": True},
        "description": {},
        "enable_key_rotation": {"type": "bool", "default": True, "no_log": False},
        "pending_window": {"type": "int", "default": 30},
        "state": {"choices": ["present", "absent"], "default": "present"},
        **tagging.ARGUMENTS,
    }
    run(AnsibleAWSModule(argument_spec=argument_spec, supports_check_mode=True), ensure)


if __name__ == "__main__":
    main()
