# SPDX-License-Identifier: GPL-3.0-or-later
"""S3: created objects call functions, and replication copies objects to the other bucket after a while.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-requirements.html
https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-event-types-and-destinations.html
https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock-configure.html
"""

from __future__ import annotations

import copy
import logging
import secrets
from collections.abc import Iterator
from typing import Any

from moto.s3 import notifications
from moto.s3.models import FakeBucket, FakeKey, s3_backends

from rehearsal.cloud.errors import ApiError
from rehearsal.cloud.functions.invocation import Refused
from rehearsal.cloud.functions.model import Request
from rehearsal.cloud.operations import Call
from rehearsal.cloud.world_state import World
from rehearsal.settings import ACCOUNT_ID

LOG = logging.getLogger("rehearsal.cloud")
S3 = "s3.amazonaws.com"
PENDING, COMPLETED, FAILED, REPLICA = "PENDING", "COMPLETED", "FAILED", "REPLICA"
CREATED = "s3:ObjectCreated:"
Rule = dict[str, Any]


def install(world: World) -> None:
    Replication(world).install()
    Notifications(world).install()
    world.operations.handle("s3", "PutObjectLockConfiguration", write_lock)


def find_bucket(name: str) -> FakeBucket | None:
    return s3_backends[ACCOUNT_ID]["aws"].buckets.get(name)


def bucket_of(call: Call) -> FakeBucket:
    bucket = find_bucket(call.get("Bucket"))
    if bucket is None:
        raise ApiError("NoSuchBucket", "The specified bucket does not exist", 404)
    return bucket


class Notifications:
    """Events of buckets that functions are invoked with."""

    def __init__(self, world: World) -> None:
        self._world = world

    def install(self) -> None:
        self._world.operations.before("s3", "PutBucketNotificationConfiguration", self.check)
        # moto looks this name up at each event, and would run the function in place.
        notifications._invoke_awslambda = self.invoke

    def check(self, call: Call) -> None:
        """S3 tries each destination: it must be there, in the bucket's region, and let S3 in."""
        bucket = bucket_of(call)
        for row in (call.get("NotificationConfiguration") or {}).get("LambdaFunctionConfigurations") or []:
            arn = row["LambdaFunctionArn"]
            try:
                version = self._world.functions.prepare_for(S3, bucket.arn, arn)
                why = "" if version.region == bucket.region_name else f"the bucket is in {bucket.region_name}"
            except Refused as problem:
                why = str(problem)
            if why:
                text = f"Unable to validate the following destination configurations: {arn} ({why})"
                raise ApiError("InvalidArgument", text)

    def invoke(self, account_id: str, event: dict[str, Any], function_arn: str, region: str) -> None:
        """Nobody waits for it; what may not be invoked any more is left out, as S3 does."""
        try:
            version = self._world.functions.prepare_for(S3, event["Records"][0]["s3"]["bucket"]["arn"], function_arn)
        except Refused as problem:
            LOG.warning("An event of S3 reaches nobody: %s", problem)
            return
        self._world.functions.run_later(version, Request(event))


class Replication:
    """Copies of new objects in other buckets."""

    def __init__(self, world: World) -> None:
        self._world = world

    def install(self) -> None:
        operations, moto_headers = self._world.operations, FakeKey.response_dict.fget
        operations.before("s3", "PutBucketReplication", check_replication)
        operations.after("s3", "PutBucketReplication", keep_configuration)
        operations.handle("s3", "GetBucketReplication", read_configuration)
        operations.after("s3", "DeleteBucketReplication", forget_configuration)
        operations.before("s3", "PutBucketVersioning", check_versioning)
        operations.after("s3", "DeleteObject", self.mark_deleted)
        moto_event = notifications.send_event

        def send_event(account_id: str, name: Any, bucket: FakeBucket, key: FakeKey) -> None:
            """What moto tells of every new object, also of one that another service of the stand-in wrote."""
            moto_event(account_id, name, bucket, key)
            if str(getattr(name, "value", name)).startswith(CREATED):
                self.begin(bucket, key)

        notifications.send_event = send_event

        def headers(key: FakeKey) -> dict[str, Any]:
            status = getattr(key, "medzen_replication", None)
            return moto_headers(key) | ({"x-amz-replication-status": status} if status else {})

        FakeKey.response_dict = property(headers)

    def begin(self, bucket: FakeBucket, key: FakeKey) -> None:
        """A new version is PENDING in its own bucket until it has arrived in the other one; copies are not copied."""
        rule = find_rule(bucket, key)
        if rule is None or getattr(key, "medzen_replication", None) == REPLICA:
            return
        key.medzen_replication = PENDING
        timed = self._world.clock.start("object_replication", f"{bucket.name}/{key.name}", bucket.region_name)
        self._world.later(timed, lambda: self._arrive(key, rule))

    def _arrive(self, key: FakeKey, rule: Rule) -> None:
        target = find_bucket(target_name(rule))
        if target is None or not target.is_versioned:
            key.medzen_replication = FAILED
            return
        replica = copy_version(key, target, rule)
        target.keys.setlist(key.name, [*target.keys.getlist(key.name, []), replica])
        key.medzen_replication = COMPLETED
        created = notifications.S3NotificationEvent.OBJECT_CREATED_PUT_EVENT
        notifications.send_event(ACCOUNT_ID, created, target, replica)

    def mark_deleted(self, call: Call) -> None:
        """A delete marker follows where the rule says so; the deletion of a version never does."""
        bucket = bucket_of(call)
        if call.get("VersionId"):
            return
        rules = [
            rule
            for rule in iter_rules(bucket, call.get("Key"))
            if (rule.get("DeleteMarkerReplication") or {}).get("Status") == "Enabled"
        ]
        if rules:
            timed = self._world.clock.start("object_replication", call.get("Key"), bucket.region_name)
            self._world.later(timed, lambda: delete_latest(target_name(rules[0]), call.get("Key")))


def delete_latest(bucket: str, key: str) -> None:
    """Put a delete marker on a key, if its bucket is still there."""
    if find_bucket(bucket) is not None:
        s3_backends[ACCOUNT_ID]["aws"].delete_object(bucket, key)


def copy_version(key: FakeKey, target: FakeBucket, rule: Rule) -> FakeKey:
    """The same version in the other bucket: same id, content, metadata and tags, the target's own key."""
    backend = s3_backends[ACCOUNT_ID]["aws"]
    destination = rule["Destination"]
    replica_key = (destination.get("EncryptionConfiguration") or {}).get("ReplicaKmsKeyID")
    replica = FakeKey(
        name=key.name,
        bucket_name=target.name,
        value=key.value,
        account_id=ACCOUNT_ID,
        region_name=target.region_name,
        storage=destination.get("StorageClass") or key.storage_class,
        etag=key.etag,
        is_versioned=True,
        version_id=key.version_id,
        encryption=key.encryption,
        kms_key_id=replica_key or key.kms_key_id,
        bucket_key_enabled=key.bucket_key_enabled,
    )
    replica.set_metadata(copy.deepcopy(dict(key.metadata)), replace=True)
    backend.tagger.copy_tags(key.arn, replica.arn)
    replica.medzen_replication = REPLICA
    return replica


# --- configuration


def invalid(text: str) -> ApiError:
    return ApiError("InvalidRequest", text)


def check_replication(call: Call) -> None:
    """Both buckets keep versions, the target is there, and encrypted objects have a key over there."""
    bucket = bucket_of(call)
    if not bucket.is_versioned:
        raise invalid(f"Versioning must be 'Enabled' on the bucket {bucket.name} to apply a replication configuration")
    for rule in call.get("ReplicationConfiguration")["Rules"]:
        target = find_bucket(target_name(rule))
        if target is None:
            raise invalid("Destination bucket must exist.")
        if target is bucket:
            raise invalid("Destination bucket cannot be the same as the source bucket.")
        if not target.is_versioned:
            raise invalid("Destination bucket must have versioning enabled.")
        if "Filter" in rule and "DeleteMarkerReplication" not in rule:
            raise invalid("DeleteMarkerReplication must be specified for this version of Cross Region Replication.")
        encryption = (rule["Destination"].get("EncryptionConfiguration") or {}).get("ReplicaKmsKeyID")
        if takes_encrypted(rule) and not encryption:
            raise invalid("EncryptionConfiguration must be specified if SseKmsEncryptedObjects tag is present.")


def keep_configuration(call: Call) -> None:
    """As it was asked for; moto keeps a part of it."""
    kept = copy.deepcopy(call.get("ReplicationConfiguration"))
    for rule in kept["Rules"]:
        rule.setdefault("ID", secrets.token_urlsafe(36))
    bucket_of(call).medzen_replication = kept


def read_configuration(call: Call) -> dict[str, Any]:
    kept = getattr(bucket_of(call), "medzen_replication", None)
    if kept is None:
        text = "The replication configuration was not found"
        raise ApiError("ReplicationConfigurationNotFoundError", text, 404)
    return {"ReplicationConfiguration": kept}


def forget_configuration(call: Call) -> None:
    bucket_of(call).medzen_replication = None


def check_versioning(call: Call) -> None:
    status = (call.get("VersioningConfiguration") or {}).get("Status")
    if status != "Enabled" and getattr(bucket_of(call), "medzen_replication", None):
        text = "A replication configuration is present on this bucket, so you cannot change the versioning state. "
        text += "To change the versioning state, first delete the replication configuration."
        raise ApiError("InvalidBucketState", text, 409)


def write_lock(call: Call) -> dict[str, Any]:
    """A bucket that keeps versions takes it at any time; moto only takes it while the bucket is empty."""
    bucket, wanted = bucket_of(call), call.get("ObjectLockConfiguration") or {}
    if not bucket.is_versioned:
        text = "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration"
        raise ApiError("InvalidBucketState", text, 409)
    if wanted.get("ObjectLockEnabled") != "Enabled":
        raise ApiError("MalformedXML", "The XML you provided was not well-formed", 400)
    retention = (wanted.get("Rule") or {}).get("DefaultRetention") or {}
    bucket.object_lock_enabled = True
    bucket.default_lock_mode = retention.get("Mode")
    # moto adds the two.
    bucket.default_lock_days, bucket.default_lock_years = retention.get("Days") or 0, retention.get("Years") or 0
    return {}


# --- rules


def target_name(rule: Rule) -> str:
    return rule["Destination"]["Bucket"].rpartition(":")[2]


def takes_encrypted(rule: Rule) -> bool:
    criteria = (rule.get("SourceSelectionCriteria") or {}).get("SseKmsEncryptedObjects") or {}
    return criteria.get("Status") == "Enabled"


def iter_rules(bucket: FakeBucket, name: str) -> Iterator[Rule]:
    """Enabled rules for a key's name, the most important one first."""
    rules = (getattr(bucket, "medzen_replication", None) or {}).get("Rules") or []
    for rule in sorted(rules, key=lambda row: -int(row.get("Priority") or 0)):
        if rule["Status"] == "Enabled" and name.startswith(_prefix(rule)):
            yield rule


def _prefix(rule: Rule) -> str:
    row = rule.get("Filter") or {}
    return (row.get("And") or {}).get("Prefix") or row.get("Prefix") or rule.get("Prefix") or ""


def find_rule(bucket: FakeBucket, key: FakeKey) -> Rule | None:
    """The rule that takes an object; without being told to, S3 leaves what is encrypted with KMS where it is."""
    for rule in iter_rules(bucket, key.name):
        if key.encryption != "aws:kms" or takes_encrypted(rule):
            return rule
    return None
