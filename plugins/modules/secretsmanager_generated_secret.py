#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: secretsmanager_generated_secret
version_added: 1.0.0
short_description: Keep a secret that nobody has to know
description:
  - Makes a secret in Secrets Manager whose value AWS generates, or which is copied inside the module from another
    secret. The value is never returned, shown in a diff or logged.
  - Keeps the set of regions that hold a replica, each with a key of its own, and makes a replica stand-alone when its
    primary goes.
  - Nothing given means nothing changed. The value of an existing secret is left alone, except with O(copy_from),
    where it becomes that of the source.
  - Operations used are C(secretsmanager:DescribeSecret), C(secretsmanager:GetRandomPassword),
    C(secretsmanager:CreateSecret), C(secretsmanager:UpdateSecret), C(secretsmanager:RestoreSecret),
    C(secretsmanager:ReplicateSecretToRegions), C(secretsmanager:RemoveRegionsFromReplication),
    C(secretsmanager:StopReplicationToReplica), C(secretsmanager:TagResource), C(secretsmanager:UntagResource) and
    C(kms:DescribeKey); with O(copy_from) also C(secretsmanager:GetSecretValue) and C(secretsmanager:PutSecretValue).
    The IAM permissions have the same names.
author:
  - MedZen platform team (@medzen)
options:
  name:
    description:
      - Name of the secret.
    type: str
    required: true
  description:
    description:
      - Description of the secret.
    type: str
  length:
    description:
      - Number of characters to generate.
    type: int
    default: 32
  exclude_punctuation:
    description:
      - Whether to generate letters and digits only, which every connection string takes.
    type: bool
    default: true
  exclude_characters:
    description:
      - Characters not to use.
    type: str
  copy_from:
    description:
      - Secret whose value is to be copied. A restored database still has the passwords of its source.
      - If there is no such secret any more, an existing copy stays as it is.
    type: dict
    suboptions:
      name:
        description: Name or ARN of the source.
        type: str
        required: true
      region:
        description: Region of the source.
        type: str
        required: true
  kms_key_id:
    description:
      - ARN, identifier or alias of the key in the module's region.
    type: str
  replica_regions:
    description:
      - Regions that are to hold a replica; exactly these. If it is not given, replicas are left alone.
    type: list
    elements: dict
    suboptions:
      region:
        description: Region of the replica.
        type: str
        required: true
      kms_key_id:
        description: Key of that region. Without it AWS uses C(alias/aws/secretsmanager) there.
        type: str
  promote_replica:
    description:
      - If the secret is a replica in the module's region, make it stand-alone. This ends its replication for good.
    type: bool
    default: false
  restore:
    description:
      - Whether to bring back a secret of this name that is scheduled for deletion. Without it the task fails.
    type: bool
    default: false
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - amazon.aws.tags
  - medzen.multiregion.wait
notes:
  - With O(wait=true) the task ends when each replica is in step with its primary.
attributes:
  check_mode:
    description: Can run in check mode and predict changes without making them.
    support: full
    details: A source secret that is not there is reported by RV(source_exists), because an earlier step may make it.
  diff_mode:
    description: Returns what has changed when in diff mode.
    support: full
    details: The diff says that a value changes, never what it is.
  idempotent:
    description: A second run with the same options changes nothing.
    support: full
"""

EXAMPLES = r"""
- name: Keep the administrator's password, with a replica for the DR region
  medzen.multiregion.secretsmanager_generated_secret:
    region: eu-central-1
    name: eu-central-1/medzen-ehrbase/db_admin_password
    kms_key_id: alias/medzen-ehrbase-eu-central-1
    replica_regions:
      - {region: eu-west-1, kms_key_id: alias/medzen-ehrbase-eu-west-1}
    tags:
      Workload: medzen-ehrbase

- name: Give a restored database the password it has
  medzen.multiregion.secretsmanager_generated_secret:
    region: eu-central-1
    name: eu-central-1/medzen-ehrbase/db_user_password
    copy_from: {name: af-south-1/medzen-ehrbase/db_user_password, region: af-south-1}
"""

RETURN = r"""
arn:
  description: ARN of the secret; absent in check mode while there is none.
  type: str
  returned: when it exists
name:
  description: Name of the secret.
  type: str
  returned: always
version_id:
  description: Identifier of the current version.
  type: str
  returned: when it exists
role:
  description: V(primary), V(replica), or V(absent) in check mode while there is none.
  type: str
  returned: always
replicas:
  description: Status by region.
  type: dict
  returned: always
  sample: {"eu-west-1": "InSync"}
source_exists:
  description: Whether the secret to copy from is there.
  type: bool
  returned: with O(copy_from)
"""

import hmac
from dataclasses import dataclass

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.medzen.multiregion.plugins.module_utils import tags as tagging
from ansible_collections.medzen.multiregion.plugins.module_utils.aws import client, describe, token
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import AwsError, Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.kms import describe_key
from ansible_collections.medzen.multiregion.plugins.module_utils.runner import run
from ansible_collections.medzen.multiregion.plugins.module_utils.wait import wait_arguments, wait_until

MISSING = ("ResourceNotFoundException",)
DEFAULT_KEY = "alias/aws/secretsmanager"
IN_SYNC = "InSync"
FAILED = "Failed"


@dataclass(frozen=True)
class Source:
    """The value to take over: `exists` is False when there is no such secret; `value` never leaves the module."""

    exists: bool
    value: str | None = None

    def __repr__(self):
        return f"Source(exists={self.exists})"


# --- calls -----------------------------------------------------------------------------------------------------------


@describe("describe secret {name}", missing=MISSING)
def describe_secret(connection, name):
    return connection.describe_secret(SecretId=name, aws_retry=True)


@describe("read secret {name}", missing=MISSING)
def read_value(connection, name):
    return connection.get_secret_value(SecretId=name, aws_retry=True)["SecretString"]


@describe("generate a password")
def generate_value(connection, request):
    return connection.get_random_password(**request, aws_retry=True)["RandomPassword"]


@describe("create secret {name}")
def create_secret(connection, name, request):
    return connection.create_secret(Name=name, **request, aws_retry=True)


@describe("restore secret {name}")
def restore_secret(connection, name):
    return connection.restore_secret(SecretId=name, aws_retry=True)


@describe("write a version of secret {name}")
def put_value(connection, name, request):
    return connection.put_secret_value(SecretId=name, **request, aws_retry=True)


@describe("update secret {name}")
def update_secret(connection, name, changes):
    return connection.update_secret(SecretId=name, **changes, aws_retry=True)


@describe("replicate secret {name}")
def add_replicas(connection, name, replicas):
    return connection.replicate_secret_to_regions(SecretId=name, AddReplicaRegions=replicas, aws_retry=True)


@describe("remove replicas of secret {name}")
def remove_replicas(connection, name, regions):
    return connection.remove_regions_from_replication(SecretId=name, RemoveReplicaRegions=regions, aws_retry=True)


@describe("make replica {name} a secret of its own")
def stop_replication(connection, name):
    return connection.stop_replication_to_replica(SecretId=name, aws_retry=True)


@describe("tag secret {name}")
def tag_secret(connection, name, tags):
    connection.tag_resource(SecretId=name, Tags=tagging.to_boto(tags), aws_retry=True)


@describe("remove tags from secret {name}")
def untag_secret(connection, name, keys):
    connection.untag_resource(SecretId=name, TagKeys=keys, aws_retry=True)


# --- pure ------------------------------------------------------------------------------------------------------------


def build_generate_request(params):
    request = {"PasswordLength": params["length"], "ExcludePunctuation": params["exclude_punctuation"]}
    if params["exclude_characters"]:
        request["ExcludeCharacters"] = params["exclude_characters"]
    return request


def build_replica(replica):
    key = {"KmsKeyId": replica["kms_key_id"]} if replica.get("kms_key_id") else {}
    return {"Region": replica["region"], **key}


def build_create_request(params, value):
    request = {
        "SecretString": value,
        "ClientRequestToken": token("create secret", params["name"]),
        "Description": params["description"],
        "KmsKeyId": params["kms_key_id"],
        "Tags": tagging.to_boto(params["tags"]),
        "AddReplicaRegions": [build_replica(replica) for replica in params["replica_regions"] or []],
    }
    return {key: item for key, item in request.items() if item}


def is_replica(secret, region):
    return bool(secret.get("PrimaryRegion")) and secret["PrimaryRegion"] != region


def current_version(secret):
    versions = secret.get("VersionIdsToStages") or {}
    return next((version for version, stages in versions.items() if "AWSCURRENT" in stages), None)


def replica_statuses(secret):
    return {entry["Region"]: entry.get("Status", "unknown") for entry in secret.get("ReplicationStatus") or []}


def is_same_key(found, wanted):
    """Whether two ways to name a key of one region mean the same, as far as the names tell."""
    if not wanted:
        return True
    found = found or DEFAULT_KEY
    return found == wanted or found.endswith((f":{wanted}", f":key/{wanted}"))


def diff_replicas(secret, wanted, same_key):
    """Replicas to add and regions to remove. A replica whose key is to change is removed and added again."""
    if wanted is None:
        return [], []
    present = {entry["Region"]: entry.get("KmsKeyId") for entry in secret.get("ReplicationStatus") or []}
    kept = {
        replica["region"]
        for replica in wanted
        if replica["region"] in present
        and same_key(present[replica["region"]], replica.get("kms_key_id"), replica["region"])
    }
    to_add = [build_replica(replica) for replica in wanted if replica["region"] not in kept]
    return to_add, sorted(set(present) - kept)


def diff_attributes(secret, params, same_key):
    """What UpdateSecret has to change."""
    changes = {}
    if params["kms_key_id"] and not same_key(secret.get("KmsKeyId"), params["kms_key_id"], None):
        changes["KmsKeyId"] = params["kms_key_id"]
    if params["description"] is not None and params["description"] != secret.get("Description", ""):
        changes["Description"] = params["description"]
    return changes


def check_restorable(secret, params):
    if secret.get("DeletedDate") and not params["restore"]:
        raise Refused(
            f"Secret {params['name']} is scheduled for deletion",
            found=f"deletion asked for on {secret['DeletedDate'].isoformat()}",
            expected="a secret in use",
            next_step="set restore: true to bring it back, or choose another name",
        )


def summarise(secret):
    """A secret as a diff may show it."""
    return {
        "description": secret.get("Description", ""),
        "kms_key_id": secret.get("KmsKeyId") or DEFAULT_KEY,
        "replicas": sorted(replica_statuses(secret)),
        "tags": tagging.from_boto(secret.get("Tags")),
    }


def build_after(secret, params, plan):
    """What the secret becomes. The value is named, never shown."""
    before = summarise(secret)
    removed, added = set(plan["remove"]), {entry["Region"] for entry in plan["add"]}
    tags = {key: value for key, value in before["tags"].items() if key not in plan["untag"]}
    after = {
        "description": plan["update"].get("Description", before["description"]),
        "kms_key_id": plan["update"].get("KmsKeyId", before["kms_key_id"]),
        "replicas": sorted((set(before["replicas"]) - removed) | added),
        "tags": {**tags, **plan["tag"]},
    }
    if plan["value"]:
        after["value"] = f"that of {params['copy_from']['name']} in {params['copy_from']['region']}"
    return after


# --- create ----------------------------------------------------------------------------------------------------------


def find_source(module):
    """The secret to copy from, with its value: whether a copy is up to date can be told only by comparing."""
    wanted = module.params["copy_from"]
    if not wanted:
        return None
    connection = client(module, "secretsmanager", wanted["region"])
    secret = describe_secret(connection, wanted["name"])
    if secret is None or secret.get("DeletedDate"):
        return Source(exists=False)
    return Source(exists=True, value=read_value(connection, wanted["name"]))


def check_source(params, source):
    if source is not None and not source.exists:
        raise Refused(
            f"There is no secret {params['copy_from']['name']} in {params['copy_from']['region']} to copy",
            next_step="check copy_from",
        )


def create(module, connection, source):
    """Make the secret. After a lost answer AWS says that it exists: the token proves that it is this task's own."""
    params = module.params
    value = source.value if source else generate_value(connection, build_generate_request(params))
    request = build_create_request(params, value)
    try:
        create_secret(connection, params["name"], request)
    except AwsError as error:
        secret = describe_secret(connection, params["name"]) if error.code == "ResourceExistsException" else None
        if secret is None or current_version(secret) != request["ClientRequestToken"]:
            raise
    return describe_secret(connection, params["name"])


def ensure_created(module, connection, source):
    params = module.params
    after = {
        "value": "generated" if source is None else f"that of {params['copy_from']['name']}",
        "kms_key_id": params["kms_key_id"] or DEFAULT_KEY,
        "replicas": sorted(replica["region"] for replica in params["replica_regions"] or []),
        "tags": params["tags"] or {},
    }
    result = {"changed": True, "diff": {"before": {}, "after": {params["name"]: after}}}
    if module.check_mode:
        return {**result, "name": params["name"], "role": "absent", "replicas": {}, **source_result(source)}
    check_source(params, source)
    create(module, connection, source)
    return {**result, **finish(module, connection, source)}


# --- converge --------------------------------------------------------------------------------------------------------


def build_same_key(module):
    """Whether two names mean one key: by the names if they tell, else by asking KMS in the region."""

    def same_key(found, wanted, region):
        if is_same_key(found, wanted):
            return True
        connection = client(module, "kms", region)
        keys = [describe_key(connection, name) for name in (found or DEFAULT_KEY, wanted)]
        return None not in keys and keys[0]["Arn"] == keys[1]["Arn"]

    return same_key


def has_other_value(connection, params, source):
    """Whether the value has to become that of the source. Compared in constant time, as one compares secrets."""
    if source is None or not source.exists:
        return False
    present = read_value(connection, params["name"])
    return present is None or not hmac.compare_digest(present.encode(), source.value.encode())


def build_plan(module, connection, secret, source):
    """Everything that is to change, as values."""
    params, same_key = module.params, build_same_key(module)
    tag, untag = tagging.diff_tags(tagging.from_boto(secret.get("Tags")), params["tags"], params["purge_tags"])
    add, remove = diff_replicas(secret, params["replica_regions"], same_key)
    return {
        "restore": bool(secret.get("DeletedDate")),
        # A secret that waits for its deletion cannot be read.
        "value": not secret.get("DeletedDate") and has_other_value(connection, params, source),
        "update": diff_attributes(secret, params, same_key),
        "add": add,
        "remove": remove,
        "tag": tag,
        "untag": untag,
    }


def apply_plan(connection, params, plan, source):
    name = params["name"]
    if plan["restore"]:
        restore_secret(connection, name)
    if plan["restore"] and has_other_value(connection, params, source) or plan["value"]:
        request = {"SecretString": source.value, "ClientRequestToken": token("value", name)}
        put_value(connection, name, request)
    if plan["update"]:
        update_secret(connection, name, plan["update"])
    if plan["remove"]:
        remove_replicas(connection, name, plan["remove"])
    if plan["add"]:
        add_replicas(connection, name, plan["add"])
    if plan["untag"]:
        untag_secret(connection, name, plan["untag"])
    if plan["tag"]:
        tag_secret(connection, name, plan["tag"])


def ensure_converged(module, connection, secret, source):
    params = module.params
    check_restorable(secret, params)
    plan = build_plan(module, connection, secret, source)
    changed = any(plan.values())
    before = {**summarise(secret), **({"state": "scheduled for deletion"} if plan["restore"] else {})}
    diff = {"before": {params["name"]: before}, "after": {params["name"]: build_after(secret, params, plan)}}
    if not module.check_mode:
        apply_plan(connection, params, plan, source)
    elif changed:
        return {"changed": True, "diff": diff, **build_result(module, secret, source)}
    return {"changed": changed, "diff": diff, **finish(module, connection, source)}


def ensure_replica(module, connection, secret, source):
    """A replica takes everything from its primary; all that can be done here is to make it stand-alone."""
    promote = module.params["promote_replica"]
    name = module.params["name"]
    before, after = {"role": "replica", "primary_region": secret["PrimaryRegion"]}, {"role": "primary"}
    result = {"changed": promote, "diff": {"before": {name: before}, "after": {name: after if promote else before}}}
    if promote and not module.check_mode:
        stop_replication(connection, name)
        secret = describe_secret(connection, name)
    return {**result, **build_result(module, secret, source)}


# --- end -------------------------------------------------------------------------------------------------------------


def source_result(source):
    return {} if source is None else {"source_exists": source.exists}


def build_result(module, secret, source):
    return {
        "arn": secret["ARN"],
        "name": secret["Name"],
        "version_id": current_version(secret),
        "role": "replica" if is_replica(secret, module.region) else "primary",
        "replicas": replica_statuses(secret),
        **source_result(source),
    }


def find_failed_replica(secret):
    failed = [entry for entry in secret.get("ReplicationStatus") or [] if entry.get("Status") == FAILED]
    return "; ".join(f"{entry['Region']}: {entry.get('StatusMessage', 'no reason given')}" for entry in failed) or None


def finish(module, connection, source):
    """The secret at the end, with its replicas in step if that is to be waited for."""
    params = module.params
    secret = describe_secret(connection, params["name"])
    if params["wait"] and not module.check_mode and params["replica_regions"]:
        secret = wait_until(
            lambda: describe_secret(connection, params["name"]),
            lambda found: all(status == IN_SYNC for status in replica_statuses(found).values()),
            f"replicas of secret {params['name']}",
            params["wait_timeout"],
            params["poll_seconds"],
            failed=find_failed_replica,
            text=lambda found: str(replica_statuses(found)),
        )
    return build_result(module, secret, source)


def ensure(module):
    connection = client(module, "secretsmanager")
    secret = describe_secret(connection, module.params["name"])
    source = find_source(module)
    if secret is None:
        return ensure_created(module, connection, source)
    if is_replica(secret, module.region):
        return ensure_replica(module, connection, secret, source)
    return ensure_converged(module, connection, secret, source)


def main():
    required = {"required": True}
    argument_spec = {
        "name": required,
        "description": {},
        "length": {"type": "int", "default": 32},
        "exclude_punctuation": {"type": "bool", "default": True},
        "exclude_characters": {},
        "copy_from": {"type": "dict", "options": {"name": required, "region": required}},
        "kms_key_id": {},
        "replica_regions": {
            "type": "list",
            "elements": "dict",
            "options": {"region": required, "kms_key_id": {}},
        },
        "promote_replica": {"type": "bool", "default": False},
        "restore": {"type": "bool", "default": False},
        **tagging.ARGUMENTS,
        **wait_arguments(),
    }
    module = AnsibleAWSModule(argument_spec=argument_spec, supports_check_mode=True)
    run(module, ensure)


if __name__ == "__main__":
    main()
