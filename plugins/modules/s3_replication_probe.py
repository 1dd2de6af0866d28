#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: s3_replication_probe
version_added: 1.0.0
short_description: Put a small object into a bucket, see it arrive in the buckets that copy it, and delete it everywhere
description:
  - Puts a text of a few bytes into O(bucket), waits until each of O(copies) has the same version of it, says whether
    bucket and copies encrypt with a key of KMS, and deletes all of them by their versions in any case.
  - What could not be deleted fails the task, whatever the probe found, and is named.
  - The object's name ends in C(.probe), so that events for recordings do not fire.
  - Operations used are C(s3:PutObject), C(s3:HeadObject) and C(s3:DeleteObject). The IAM permissions are
    C(s3:PutObject), C(s3:GetObject), C(s3:ListBucket), C(s3:DeleteObject) and C(s3:DeleteObjectVersion) on the buckets,
    and C(kms:GenerateDataKey) and C(kms:Decrypt) on their keys.
author:
  - MedZen platform team (@medzen)
options:
  bucket:
    description:
      - Bucket in O(region).
    type: str
    required: true
  copies:
    description:
      - Buckets that are to have the object too. Without any, only O(bucket) is probed.
    type: list
    elements: dict
    default: []
    suboptions:
      bucket:
        description: Name of the bucket.
        type: str
        required: true
      region:
        description: Its region.
        type: str
        required: true
  prefix:
    description:
      - Beginning of the object's key, without a slash at its end.
    type: str
    default: ansible-probe
  require_kms:
    description:
      - Whether an object that is not encrypted with a key of KMS makes the verdict V(refuse).
    type: bool
    default: true
  require_ok:
    description:
      - Whether the task fails when the verdict is not V(ok). The result is the same.
    type: bool
    default: true
  wait_timeout:
    description:
      - How long to wait for the copies, in seconds. S3 promises 15 minutes only with replication time control.
    type: int
    default: 900
  poll_seconds:
    description:
      - How long to pause between two looks, in seconds.
    type: float
    default: 5.0
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - medzen.multiregion.service_regions
attributes:
  check_mode:
    description: Checks the options and makes no call.
    support: full
    details: RV(skipped_call) says so; there is no verdict.
  diff_mode:
    description: Leaves nothing behind and has no diff.
    support: none
  idempotent:
    description: Leaves nothing behind.
    support: full
seealso:
  - module: medzen.multiregion.s3_private_bucket
"""

EXAMPLES = r"""
- name: A recording of Frankfurt reaches its copy in Ireland
  medzen.multiregion.s3_replication_probe:
    region: eu-central-1
    bucket: medzen-meeting-recordings-123456789012-eu-central-1
    copies:
      - {bucket: medzen-meeting-recordings-123456789012-eu-west-1, region: eu-west-1}
    wait_timeout: 300
"""

RETURN = r"""
verdict:
  description: V(ok) or V(refuse).
  type: str
  returned: when the object was put
  sample: ok
reasons:
  description: Why the verdict is not V(ok).
  type: list
  elements: str
  returned: when the object was put
key:
  description: Key of the object, which is gone.
  type: str
  returned: always
arrived:
  description: The copies that have the object.
  type: list
  elements: dict
  returned: when the object was put
  contains:
    bucket: {description: Name of the bucket., type: str}
    after_s: {description: How long it took in seconds., type: float}
encryption:
  description: How bucket and copies encrypted it, by bucket.
  type: dict
  returned: when the object was put
  sample: {"medzen-meeting-recordings-123456789012-eu-central-1": "aws:kms"}
deleted:
  description: Whether nothing is left.
  type: bool
  returned: when the object was put
left:
  description: What could not be deleted, as C(bucket/key).
  type: list
  elements: str
  returned: when the object was put
skipped_call:
  description: Whether no call was made because of check mode.
  type: bool
  returned: always
"""

import time

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.medzen.multiregion.plugins.module_utils.aws import client, describe, token
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import (
    AwsError,
    Refused,
    WaitTimeout,
    refuse_faults,
)
from ansible_collections.medzen.multiregion.plugins.module_utils.runner import run
from ansible_collections.medzen.multiregion.plugins.module_utils.service_regions import ARGUMENTS, require_region
from ansible_collections.medzen.multiregion.plugins.module_utils.wait import TimeLeft, wait_until

# A HEAD has no body that could say NoSuchKey.
NOT_THERE = ("404", "NoSuchKey")
KMS = ("aws:kms", "aws:kms:dsse")
BODY = b"This object proves that a bucket is copied. It may be deleted.\n"


@describe("put {key} into {bucket}", missing=("PreconditionFailed",))
def put_object(s3, bucket, key):
    """The answer; none when the object is there already, from a call before it whose answer was lost."""
    return s3.put_object(Bucket=bucket, Key=key, Body=BODY, IfNoneMatch="*", aws_retry=True)


@describe("look for {key} in {bucket}", missing=NOT_THERE)
def head_object(s3, bucket, key):
    return s3.head_object(Bucket=bucket, Key=key, aws_retry=True)


@describe("delete {key} from {bucket}", missing=NOT_THERE)
def delete_object(s3, bucket, key, version):
    which = {"VersionId": version} if version else {}
    s3.delete_object(Bucket=bucket, Key=key, **which, aws_retry=True)


def put_once(s3, bucket, key):
    """What the bucket says of the object. Put twice it would have two versions, of which one is never found again."""
    return put_object(s3, bucket, key) or head_object(s3, bucket, key) or {}


def build_key(params):
    return f"{params['prefix'].rstrip('/')}/{token('replication', params['bucket'])}.probe"


def is_copy(found, put):
    """Replication keeps the version; a bucket without versions has none to compare."""
    return found is not None and found.get("VersionId") == put.get("VersionId")


def wait_for_copy(connection, copy, key, put, limits, *, clock=time.monotonic, sleep=time.sleep):
    """What the copy's bucket says of the object; None when it did not arrive in time."""
    left, poll_seconds = limits
    try:
        return wait_until(
            lambda: head_object(connection, copy["bucket"], key),
            lambda found: is_copy(found, put),
            f"a copy in {copy['bucket']}",
            left.seconds(),
            poll_seconds,
            clock=clock,
            sleep=sleep,
        )
    except WaitTimeout:
        return None


def judge(params, heads):
    """Reasons against what was seen; `heads` has the answer of each bucket, None where nothing arrived."""
    for bucket, head in heads.items():
        if head is None:
            yield f"not_copied: {bucket} does not have it after {params['wait_timeout']} s"
        elif params["require_kms"] and head.get("ServerSideEncryption") not in KMS:
            yield f"not_encrypted: {bucket} keeps it with {head.get('ServerSideEncryption') or 'nothing'}, expected KMS"


def look(places, params, key, put, clock=time.monotonic):
    """Bucket and copies with the object in them."""
    bucket, *copies = places
    heads, arrived, started = {params["bucket"]: head_object(bucket[0], params["bucket"], key)}, [], clock()
    limits = TimeLeft(params["wait_timeout"]), params["poll_seconds"]
    for connection, copy in copies:
        heads[copy["bucket"]] = wait_for_copy(connection, copy, key, put, limits)
        if heads[copy["bucket"]]:
            arrived.append({"bucket": copy["bucket"], "after_s": round(clock() - started, 1)})
    reasons = list(judge(params, heads))
    encryption = {name: head.get("ServerSideEncryption") for name, head in heads.items() if head}
    return {"verdict": "refuse" if reasons else "ok", "reasons": reasons, "arrived": arrived, "encryption": encryption}


def clean_up(places, key, put):
    """What is left, and why. Copies go by the version of the original, also those that arrived after the wait."""
    left = {}
    for connection, place in places:
        try:
            delete_object(connection, place["bucket"], key, put.get("VersionId"))
        except AwsError as error:
            left[f"{place['bucket']}/{key}"] = error.message
    return left


def refuse(result):
    left = result["left"]
    raise Refused(
        "What the probe put could not be deleted" if left else "Recordings do not arrive where they should",
        found="; ".join([*(f"{one} is left" for one in left), *result["reasons"]]),
        expected="an encrypted object in the bucket and in each copy, and nothing left of it",
        next_step="delete what is left by its version"
        if left
        else "look at the replication and encryption of the bucket",
        result=result,
    )


def check_options(params):
    faults = [f"{name}: is {params[name]}; expected 0 or more" for name in ("wait_timeout", "poll_seconds")
              if params[name] < 0]  # fmt: skip
    refuse_faults("The probe cannot be made like this", faults)


def probe(module):
    params = module.params
    check_options(params)
    for region in (module.region, *(copy["region"] for copy in params["copies"])):
        require_region("s3", region, params["extra_regions"])
    key = build_key(params)
    if module.check_mode:
        return {"changed": False, "skipped_call": True, "key": key}
    own = (client(module, "s3"), {"bucket": params["bucket"]})
    places = [own, *((client(module, "s3", copy["region"]), copy) for copy in params["copies"])]
    put = put_once(own[0], params["bucket"], key)
    result = {"verdict": "refuse", "reasons": [], "arrived": [], "encryption": {}}
    try:
        result = look(places, params, key, put)
    except AwsError as error:
        result["reasons"].append(error.message)
    finally:
        left = clean_up(places, key, put)
    result["reasons"] += [f"not_deleted: {message}" for message in left.values()]
    result |= {"changed": False, "skipped_call": False, "key": key, "deleted": not left, "left": list(left)}
    if left or (params["require_ok"] and result["verdict"] != "ok"):
        refuse(result)
    return result


def main():
    copy = {"bucket": {"required": True}, "region": {"required": True}}
    argument_spec = {
        "bucket": {"required": True},
        "copies": {"type": "list", "elements": "dict", "default": [], "options": copy},
        "prefix": {"default": "ansible-probe"},
        "require_kms": {"type": "bool", "default": True},
        "require_ok": {"type": "bool", "default": True},
        "wait_timeout": {"type": "int", "default": 900},
        "poll_seconds": {"type": "float", "default": 5.0},
        **ARGUMENTS,
    }
    run(AnsibleAWSModule(argument_spec=argument_spec, supports_check_mode=True), probe)


if __name__ == "__main__":
    main()
