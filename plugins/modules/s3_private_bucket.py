#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: s3_private_bucket
version_added: 1.0.0
short_description: Manage a bucket that is private, encrypted and versioned, with its rules and its copy elsewhere
description:
  - Creates, changes and deletes a bucket as one object, in one region and of the account of the credentials.
  - Public access is always blocked in all four ways, the bucket's owner always owns its objects, and requests without
    TLS are always denied. There is no option for less.
  - What is not given is left alone, where an option does not say otherwise.
  - A bucket of another account or region is refused. A look that S3 denies is no absence, it is refused as well.
  - Operations used are C(s3:HeadBucket), C(s3:CreateBucket), C(s3:DeleteBucket), C(s3:ListObjectVersions), the Get and
    Put of C(PublicAccessBlock), C(BucketOwnershipControls), C(BucketEncryption), C(BucketVersioning), C(BucketPolicy),
    C(BucketLifecycleConfiguration), C(ObjectLockConfiguration), C(BucketReplication),
    C(BucketNotificationConfiguration) and C(BucketTagging), C(s3:DeleteBucketLifecycle),
    C(s3:DeleteBucketReplication), C(s3:DeleteBucketTagging), C(sts:GetCallerIdentity) and C(kms:DescribeKey).
  - IAM permissions are C(s3:ListBucket), C(s3:ListBucketVersions), C(s3:CreateBucket), C(s3:DeleteBucket), C(s3:Get*)
    and C(s3:Put*) of these configurations, C(kms:DescribeKey), and C(iam:PassRole) on the role that replicates.
author:
  - MedZen platform team (@medzen)
options:
  name:
    description:
      - Name of the bucket.
    type: str
    required: true
  state:
    description:
      - Whether the bucket is to be there.
      - V(absent) never deletes an object. A bucket that holds versions or delete markers is refused.
    type: str
    choices: [present, absent]
    default: present
  kms_key_id:
    description:
      - Key of the bucket's region that new objects are encrypted with, as ARN, id or alias, with a bucket key. Not
        given leaves encryption alone; a new bucket then has S3's own key.
    type: str
  versioning:
    description:
      - Whether versions of objects are kept.
    type: bool
    default: true
  policy_statements:
    description:
      - Statements of the bucket's policy, each with a C(Sid). A statement of this C(Sid) that says something else is
        replaced.
      - The statement C(DenyInsecureTransport) is the module's own and always there.
    type: list
    elements: dict
    default: []
  purge_statements:
    description:
      - Whether statements that O(policy_statements) does not name are taken away.
    type: bool
    default: false
  lifecycle_rules:
    description:
      - Rules for the age of objects; exactly these. An empty list removes all, not given leaves them alone.
    type: list
    elements: dict
    suboptions:
      id:
        description: Name of the rule.
        type: str
        required: true
      prefix:
        description: Keys that it holds for; all of them where it is empty.
        type: str
        default: ""
      transitions:
        description: Storage classes that objects move to as they get older.
        type: list
        elements: dict
        default: []
        suboptions:
          days:
            description: Age in days.
            type: int
            required: true
          storage_class:
            description: Storage class, as V(GLACIER_IR).
            type: str
            required: true
      expiration_days:
        description: Age in days at which an object is deleted; a versioned bucket keeps it as a noncurrent version.
        type: int
      noncurrent_expiration_days:
        description: Days after which a version that is not the current one any more is deleted.
        type: int
      abort_multipart_days:
        description: Days after which an upload that was never completed is dropped.
        type: int
  notifications:
    description:
      - Functions that are told of events. S3 tries each when it is named, so its permission must be there before.
      - Not given leaves them alone.
    type: list
    elements: dict
    suboptions:
      id:
        description: Name of the notification.
        type: str
        required: true
      function_arn:
        description: Function of the bucket's region.
        type: str
        required: true
      events:
        description: Events, as V(s3:ObjectCreated:*).
        type: list
        elements: str
        default: ["s3:ObjectCreated:*"]
      prefix:
        description: Beginning of the keys that count.
        type: str
        default: ""
      suffix:
        description: End of the keys that count, as V(.mp4).
        type: str
        default: ""
  purge_notifications:
    description:
      - Whether notifications that O(notifications) does not name are taken away, those to queues, topics and
        EventBridge as well. Without O(notifications) nothing is.
    type: bool
    default: false
  replication:
    description:
      - Copies of all new objects in a bucket of another region; exactly this. Objects that are there already are not
        copied. Not given leaves it alone.
      - Needs O(versioning) here and over there.
    type: dict
    suboptions:
      enabled:
        description: Whether there is a replication; V(false) ends it. The copies stay.
        type: bool
        default: true
      role_arn:
        description: Role that S3 copies under. Required when it is enabled.
        type: str
      bucket_arn:
        description: The bucket in the other region. Required when it is enabled.
        type: str
      kms_key_arn:
        description:
          - Key of the other region that copies are encrypted with. Required with O(kms_key_id), since S3 leaves
            encrypted objects where they are without it.
        type: str
      delete_markers:
        description: Whether an object that is deleted here disappears over there; its versions stay in any case.
        type: bool
        default: false
  object_lock:
    description:
      - How long each new object is kept whatever happens. Needs O(versioning).
      - A bucket that is there can be given it as well; what it holds already stays unlocked. Once it is there it cannot
        be taken away, and versioning cannot be turned off. Not given leaves it alone.
    type: dict
    suboptions:
      mode:
        description: V(GOVERNANCE) can be lifted by a permission, V(COMPLIANCE) by nobody.
        type: str
        choices: [GOVERNANCE, COMPLIANCE]
        default: GOVERNANCE
      days:
        description: Days. Either this or C(years).
        type: int
      years:
        description: Years. Either this or C(days).
        type: int
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
- name: Recordings of visits, kept for seven years, with a copy in the other region
  medzen.multiregion.s3_private_bucket:
    region: eu-central-1
    name: medzen-meeting-recordings-123456789012
    kms_key_id: alias/medzen-recordings
    policy_statements:
      - Sid: CapturePipelines
        Effect: Allow
        Principal:
          Service: mediapipelines.chime.amazonaws.com
        Action: [s3:PutObject, s3:PutObjectAcl]
        Resource: arn:aws:s3:::medzen-meeting-recordings-123456789012/*
        Condition:
          StringEquals:
            aws:SourceAccount: "123456789012"
    lifecycle_rules:
      - id: seven-years
        transitions:
          - {days: 90, storage_class: GLACIER_IR}
        expiration_days: 2557
        noncurrent_expiration_days: 30
    notifications:
      - id: recordings
        function_arn: arn:aws:lambda:eu-central-1:123456789012:function:medzen-recording-handler
        suffix: .mp4
    replication:
      role_arn: arn:aws:iam::123456789012:role/medzen-s3-replication-role
      bucket_arn: arn:aws:s3:::medzen-meeting-recordings-dr-123456789012
      kms_key_arn: arn:aws:kms:eu-west-1:123456789012:key/3f8c6b52-0d5e-4c53-9d0b-0f3f6f0a7c11
    tags:
      Workload: medzen-chime

- name: The empty bucket of the region that was left
  medzen.multiregion.s3_private_bucket:
    region: af-south-1
    name: medzen-transcripts-123456789012
    state: absent
"""

RETURN = r"""
bucket:
  description: The bucket; in check mode as it would be.
  type: dict
  returned: when O(state=present)
  contains:
    name: {description: Its name., type: str}
    arn: {description: Its ARN., type: str}
    region: {description: Its region., type: str}
    public_access_blocked: {description: Whether public access is blocked in all four ways., type: bool}
    ownership: {description: Who owns its objects., type: str}
    encryption: {description: "Algorithm, key and bucket key of new objects.", type: dict}
    versioning: {description: Whether versions are kept., type: bool}
    policy: {description: Statements of its policy., type: list, elements: dict}
    lifecycle_rules: {description: Rules for the age of objects., type: list, elements: dict}
    object_lock: {description: "How long new objects are kept, V(null) for a bucket that locks none.", type: dict}
    replication: {description: "Where copies go, V(null) for nowhere.", type: dict}
    notifications:
      description: Functions that are told of events, by id, and other receivers as S3 describes them.
      type: dict
    tags: {description: Its tags., type: dict}
"""

from dataclasses import dataclass
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.medzen.multiregion.plugins.module_utils import bucket_checks as checks
from ansible_collections.medzen.multiregion.plugins.module_utils import bucket_plan as plan
from ansible_collections.medzen.multiregion.plugins.module_utils import tags as tagging
from ansible_collections.medzen.multiregion.plugins.module_utils.account import read_account
from ansible_collections.medzen.multiregion.plugins.module_utils.aws import client, describe
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import (
    AwsError,
    Refused,
    WaitTimeout,
    refuse_faults,
)
from ansible_collections.medzen.multiregion.plugins.module_utils.kms import require_key_arn
from ansible_collections.medzen.multiregion.plugins.module_utils.runner import run
from ansible_collections.medzen.multiregion.plugins.module_utils.wait import wait_until

MISSING = ("404", "NoSuchBucket")
DENIED = ("403", "AccessDenied", "Forbidden")
# S3 takes one change of a bucket at a time, and knows a new bucket everywhere after some seconds.
BUSY = ("OperationAborted", "NoSuchBucket")
SETTLE_SECONDS_MAX = 60
POLL_SECONDS = 2
# A permission of a function that was given a moment ago is not known to S3 yet.
UNREACHED = "Unable to validate the following destination"
UNREACHED_SECONDS_MAX = 30
# Setting: operation, the member that holds it, and the code by which S3 says that there is none.
READS = {
    "public_access": (
        "get_public_access_block",
        "PublicAccessBlockConfiguration",
        "NoSuchPublicAccessBlockConfiguration",
    ),
    "ownership": ("get_bucket_ownership_controls", "OwnershipControls", "OwnershipControlsNotFoundError"),
    "encryption": (
        "get_bucket_encryption",
        "ServerSideEncryptionConfiguration",
        "ServerSideEncryptionConfigurationNotFoundError",
    ),
    "versioning": ("get_bucket_versioning", "Status", None),
    "policy": ("get_bucket_policy", "Policy", "NoSuchBucketPolicy"),
    "lifecycle": ("get_bucket_lifecycle_configuration", "Rules", "NoSuchLifecycleConfiguration"),
    "object_lock": (
        "get_object_lock_configuration",
        "ObjectLockConfiguration",
        "ObjectLockConfigurationNotFoundError",
    ),
    "replication": (
        "get_bucket_replication",
        "ReplicationConfiguration",
        "ReplicationConfigurationNotFoundError",
    ),
    "notifications": ("get_bucket_notification_configuration", None, None),
    "tags": ("get_bucket_tagging", "TagSet", "NoSuchTagSet"),
}


@dataclass(frozen=True)
class Bucket:
    """A bucket of an account. S3 is told the account with each call: a bucket of somebody else's is never touched."""

    s3: Any
    name: str
    account: str

    def call(self, operation, **request):
        method = getattr(self.s3, operation)
        return method(Bucket=self.name, ExpectedBucketOwner=self.account, **request, aws_retry=True)

    @property
    def arn(self):
        return f"arn:{self.s3.meta.partition}:s3:::{self.name}"

    @property
    def region(self):
        return self.s3.meta.region_name


@describe("look at bucket {bucket.name}", missing=MISSING)
def head_bucket(bucket):
    return bucket.call("head_bucket")


@describe("create bucket {bucket.name}")
def create_bucket(bucket, request):
    """A retry after a lost answer meets the bucket that the first call made."""
    try:
        bucket.s3.create_bucket(Bucket=bucket.name, **request, aws_retry=True)
    except bucket.s3.exceptions.BucketAlreadyOwnedByYou:
        if find_home(bucket) is None:
            raise


@describe("list what is in bucket {bucket.name}", missing=MISSING, default={})
def list_first_versions(bucket):
    return bucket.call("list_object_versions")


@describe("delete bucket {bucket.name}", missing=MISSING)
def delete_bucket(bucket):
    bucket.call("delete_bucket")


def read_setting(bucket, what):
    operation, member, code = READS[what]
    look = describe(f"read the {what} of bucket {bucket.name}", missing=(code,) if code else ())(bucket.call)
    found = look(operation)
    return found.get(member) if found and member else found


def write_setting(bucket, what, operation, request):
    describe(f"set the {what} of bucket {bucket.name}")(bucket.call)(operation, **request)


# --- what is there ---------------------------------------------------------------------------------------------------


def find_home(bucket):
    """The region of the bucket; None when there is none. What is not to be seen is not absent."""
    try:
        found = head_bucket(bucket)
    except AwsError as error:
        if error.code not in DENIED:
            raise
        raise Refused(
            f"Bucket {bucket.name} is not to be seen",
            found="403 Forbidden: it belongs to another account, or the credentials may not list it",
            expected=f"a bucket of account {bucket.account} that may be listed, or none",
            next_step="choose another name, or allow s3:ListBucket",
            result={"reason": "forbidden", "error_code": error.code},
        ) from error
    return found and found.get("BucketRegion", bucket.region)


def find_bucket(bucket):
    """The bucket with everything that this module manages; None when there is none."""
    home = find_home(bucket)
    if home is None:
        return None
    if home != bucket.region:
        raise Refused(
            f"Bucket {bucket.name} is in another region",
            found=home,
            expected=bucket.region,
            next_step=f"run in {home}, or choose another name: a bucket does not move",
            result={"reason": "other_region", "region": home},
        )
    return read_bucket(bucket)


def read_bucket(bucket):
    return plan.normalize({what: read_setting(bucket, what) for what in READS})


# --- changes ---------------------------------------------------------------------------------------------------------


def build_create(params, region):
    request = {"ObjectOwnership": plan.ENFORCED}
    # S3's first region is the one that is not named.
    if region != "us-east-1":
        request["CreateBucketConfiguration"] = {"LocationConstraint": region}
    if params["object_lock"]:
        request["ObjectLockEnabledForBucket"] = True
    return request


def persist(act, is_passing, what, seconds):
    """Do what S3 refuses for a moment; the refusal that stays is raised as it came."""
    refused = []

    def attempt():
        refused.clear()
        try:
            act()
        except AwsError as error:
            if not is_passing(error):
                raise
            refused.append(error)
        return not refused

    try:
        wait_until(attempt, bool, what, seconds, POLL_SECONDS, text=lambda done: "done" if done else "not yet")
    except WaitTimeout as timeout:
        raise refused[0] from timeout


def is_busy(error):
    return error.code in BUSY


def create(bucket, params):
    request = build_create(params, bucket.region)
    try:
        persist(
            lambda: create_bucket(bucket, request),
            lambda error: error.code == "OperationAborted",
            f"bucket {bucket.name} to be made",
            SETTLE_SECONDS_MAX,
        )
    except AwsError as error:
        if error.code != "BucketAlreadyExists":
            raise
        raise Refused(
            f"Bucket {bucket.name} cannot be made",
            found="a bucket of this name in another account",
            expected="a free name; all accounts share them",
            next_step="choose another name",
            result={"reason": "name_taken"},
        ) from error
    wait_until(
        lambda: find_home(bucket),
        lambda home: home is not None,
        f"bucket {bucket.name}",
        SETTLE_SECONDS_MAX,
        POLL_SECONDS,
    )


def read_new_bucket(bucket):
    found = []
    persist(lambda: found.append(read_bucket(bucket)), is_busy, f"bucket {bucket.name} to be read", SETTLE_SECONDS_MAX)
    return found[0]


def write(bucket, present, after):
    for what, operation, request in plan.build_writes(present, after):

        def act(what=what, operation=operation, request=request):
            write_setting(bucket, what, operation, request)

        if what == "notifications":
            persist(act, is_unreached, "the functions to let S3 in", UNREACHED_SECONDS_MAX)
        else:
            persist(act, is_busy, f"the {what} of bucket {bucket.name}", SETTLE_SECONDS_MAX)


def is_unreached(error):
    return is_busy(error) or UNREACHED in error.message


# --- the bucket with the copies --------------------------------------------------------------------------------------


def check_replication(module, bucket, current, after):
    """S3 tells what is wrong with a target only when it is written. In check mode it may be made in the same play."""
    option = module.params["replication"]
    if not option or not option["enabled"] or (current or plan.EMPTY)["replication"] == after["replication"]:
        return
    if after["encryption"]["algorithm"].startswith(plan.KMS) and not option["kms_key_arn"]:
        fault = "replication.kms_key_arn: is required, since the bucket is encrypted with a KMS key"
        refuse_faults(checks.IMPOSSIBLE, [fault])
    name = checks.BUCKET_ARN.fullmatch(option["bucket_arn"])["name"]
    target = Bucket(bucket.s3, name, bucket.account)
    home = find_home(target)
    if home is None and module.check_mode:
        return
    if home is None:
        raise Refused(
            f"Bucket {bucket.name} cannot be copied",
            found=f"no bucket {name}",
            expected="a bucket of this account in another region",
            next_step="make it first",
            result={"reason": "target_missing"},
        )
    there = Bucket(client(module, "s3", home), name, bucket.account)
    found = {"region": home, "versioning": read_setting(there, "versioning") == "Enabled"}
    checks.check_target(found, option, bucket.region)
    if not module.check_mode:
        checks.check_versioned(found, option)


# --- states ----------------------------------------------------------------------------------------------------------


def shown(bucket, state):
    return {"name": bucket.name, "arn": bucket.arn, "region": bucket.region, **state}


def ensure_present(module, bucket):
    params = module.params
    checks.check_options(bucket.s3, params, bucket.region)
    key = params["kms_key_id"] and require_key_arn(client(module, "kms"), params["kms_key_id"], "kms_key_id")
    current = find_bucket(bucket)
    after = plan.build_after(current, params, bucket.arn, key)
    if current is not None:
        checks.check_present(bucket.name, current, after)
    check_replication(module, bucket, current, after)
    result = {
        "changed": current != after,
        "bucket": shown(bucket, after),
        "diff": {"before": current or {}, "after": after},
    }
    if not result["changed"] or module.check_mode:
        return result
    if current is None:
        create(bucket, params)
        # A new bucket has settings already; what is not ours stays as S3 made it.
        current = read_new_bucket(bucket)
        after = plan.build_after(current, params, bucket.arn, key)
    write(bucket, current, after)
    return {**result, "bucket": shown(bucket, read_bucket(bucket))}


def check_empty(bucket):
    found = list_first_versions(bucket)
    versions, markers = len(found.get("Versions") or []), len(found.get("DeleteMarkers") or [])
    if versions or markers:
        more = ", and more than this first page" if found.get("IsTruncated") else ""
        raise Refused(
            f"Bucket {bucket.name} is not empty",
            found=f"{versions} versions of objects and {markers} delete markers{more}",
            expected="none; this module deletes no object",
            next_step="empty it, if nothing in it is needed any more",
            result={
                "reason": "not_empty",
                "versions": versions,
                "delete_markers": markers,
                "truncated": bool(found.get("IsTruncated")),
            },
        )


def ensure_absent(module, bucket):
    current = find_bucket(bucket)
    if current is not None:
        check_empty(bucket)
    if current is not None and not module.check_mode:
        delete_bucket(bucket)
    return {"changed": current is not None, "diff": {"before": current or {}, "after": {}}}


def ensure(module):
    account = read_account(client(module, "sts"))
    bucket = Bucket(client(module, "s3"), module.params["name"], account)
    return (ensure_present if module.params["state"] == "present" else ensure_absent)(module, bucket)


TRANSITION = {"days": {"type": "int", "required": True}, "storage_class": {"required": True}}
RULE = {
    "id": {"required": True},
    "prefix": {"default": ""},
    "transitions": {"type": "list", "elements": "dict", "default": [], "options": TRANSITION},
    "expiration_days": {"type": "int"},
    "noncurrent_expiration_days": {"type": "int"},
    "abort_multipart_days": {"type": "int"},
}
NOTIFICATION = {
    "id": {"required": True},
    "function_arn": {"required": True},
    "events": {"type": "list", "elements": "str", "default": ["s3:ObjectCreated:*"]},
    "prefix": {"default": ""},
    "suffix": {"default": ""},
}
REPLICATION = {
    "enabled": {"type": "bool", "default": True},
    "role_arn": {},
    "bucket_arn": {},
    "kms_key_arn": {"no_log": False},
    "delete_markers": {"type": "bool", "default": False},
}
LOCK = {
    "mode": {"choices": ["GOVERNANCE", "COMPLIANCE"], "default": "GOVERNANCE"},
    "days": {"type": "int"},
    "years": {"type": "int"},
}


def main():
    argument_spec = {
        "name": {"required": True},
        "state": {"choices": ["present", "absent"], "default": "present"},
        "kms_key_id": {"no_log": False},
        "versioning": {"type": "bool", "default": True},
        "policy_statements": {"type": "list", "elements": "dict", "default": []},
        "purge_statements": {"type": "bool", "default": False},
        "lifecycle_rules": {"type": "list", "elements": "dict", "options": RULE},
        "notifications": {"type": "list", "elements": "dict", "options": NOTIFICATION},
        "purge_notifications": {"type": "bool", "default": False},
        "replication": {"type": "dict", "options": REPLICATION},
        "object_lock": {"type": "dict", "options": LOCK},
        **tagging.ARGUMENTS,
    }
    run(AnsibleAWSModule(argument_spec=argument_spec, supports_check_mode=True), ensure)


if __name__ == "__main__":
    main()
