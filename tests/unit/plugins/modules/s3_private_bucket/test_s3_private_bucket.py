# SPDX-License-Identifier: GPL-3.0-or-later
import json
from types import SimpleNamespace

import botocore.session
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import AwsError, Refused
from ansible_collections.medzen.multiregion.plugins.modules import s3_private_bucket as module
from botocore.exceptions import ClientError

HERE, THERE, ACCOUNT = "eu-central-1", "eu-west-1", "123456789012"
MODEL = botocore.session.Session().get_service_model("s3")
KEY, OTHER_KEY = (f"arn:aws:kms:{region}:{ACCOUNT}:key/1" for region in (HERE, THERE))
FUNCTION = f"arn:aws:lambda:{HERE}:{ACCOUNT}:function:recordings"
READER = {"Sid": "Reader", "Effect": "Allow", "Principal": {"AWS": "arn:r"}, "Action": "s3:GetObject", "Resource": "*"}
RULE = {
    "id": "old",
    "prefix": "",
    "transitions": [{"days": 90, "storage_class": "GLACIER_IR"}, {"days": 30, "storage_class": "STANDARD_IA"}],
    "expiration_days": 2557,
    "noncurrent_expiration_days": 30,
    "abort_multipart_days": None,
}
NOTIFY = {"id": "new", "function_arn": FUNCTION, "events": ["s3:ObjectCreated:*"], "prefix": "", "suffix": ".mp4"}
COPY = {"enabled": True, "role_arn": "arn:role", "bucket_arn": "arn:aws:s3:::copies", "kms_key_arn": None}
COPY |= {"delete_markers": False}
PARAMS = {
    "name": "recordings",
    "state": "present",
    "kms_key_id": None,
    "versioning": True,
    "policy_statements": [],
    "purge_statements": False,
    "lifecycle_rules": None,
    "notifications": None,
    "purge_notifications": False,
    "replication": None,
    "object_lock": None,
    "tags": {"W": "x"},
    "purge_tags": True,
}
# Where S3 keeps what is put, and what it says when nothing is there.
NONE = {
    "public_access_block": "NoSuchPublicAccessBlockConfiguration",
    "bucket_ownership_controls": "OwnershipControlsNotFoundError",
    "bucket_encryption": "ServerSideEncryptionConfigurationNotFoundError",
    "bucket_policy": "NoSuchBucketPolicy",
    "bucket_lifecycle_configuration": "NoSuchLifecycleConfiguration",
    "object_lock_configuration": "ObjectLockConfigurationNotFoundError",
    "bucket_replication": "ReplicationConfigurationNotFoundError",
    "bucket_tagging": "NoSuchTagSet",
    "bucket_versioning": None,
    "bucket_notification_configuration": None,
}
FLAT = ("LifecycleConfiguration", "VersioningConfiguration", "Tagging", "NotificationConfiguration")


class AlreadyOwned(ClientError):
    pass


def error(code, message="no", kind=ClientError):
    return kind({"Error": {"Code": code, "Message": message}}, "Operation")


class S3:
    """Buckets by name in memory, as S3 answers; `faults` holds errors by operation that come before it."""

    exceptions = SimpleNamespace(BucketAlreadyOwnedByYou=AlreadyOwned)
    meta = SimpleNamespace(region_name=HERE, partition="aws", service_model=MODEL)

    def __init__(self):
        self.buckets, self.versions, self.faults, self.calls = {}, {}, {}, []

    def __getattr__(self, name):
        verb, _, what = name.partition("_")
        if what == "bucket_lifecycle":
            what = "bucket_lifecycle_configuration"
        if what not in NONE or verb not in ("get", "put", "delete"):
            raise AttributeError(name)

        def call(Bucket, ExpectedBucketOwner, aws_retry, **request):
            assert ExpectedBucketOwner == ACCOUNT
            self.meet(name)
            settings = self.buckets[Bucket]["settings"]
            if verb == "get":
                return self.answer(settings, what)
            self.calls.append(name)
            settings.pop(what, None)
            if verb == "put":
                [(member, value)] = request.items()
                settings[what] = value if member in FLAT else {member: value}
            return {}

        return call

    def meet(self, name):
        if self.faults.get(name):
            raise self.faults[name].pop(0)

    def answer(self, settings, what):
        if what not in settings and NONE[what]:
            raise error(NONE[what])
        return settings.get(what, {})

    def head_bucket(self, Bucket, ExpectedBucketOwner, aws_retry):
        self.meet("head_bucket")
        if Bucket not in self.buckets:
            raise error("404")
        return {"BucketRegion": self.buckets[Bucket]["region"]}

    def create_bucket(self, Bucket, aws_retry, **request):
        self.meet("create_bucket")
        self.calls.append("create")
        if Bucket in self.buckets:
            raise error("BucketAlreadyOwnedByYou", kind=AlreadyOwned)
        assert request["CreateBucketConfiguration"] == {"LocationConstraint": HERE}
        ownership = {"OwnershipControls": {"Rules": [{"ObjectOwnership": request["ObjectOwnership"]}]}}
        settings = {"bucket_ownership_controls": ownership}
        if request.get("ObjectLockEnabledForBucket"):
            settings["object_lock_configuration"] = {"ObjectLockConfiguration": {"ObjectLockEnabled": "Enabled"}}
            settings["bucket_versioning"] = {"Status": "Enabled"}
        self.buckets[Bucket] = {"region": HERE, "settings": settings}

    def list_object_versions(self, Bucket, ExpectedBucketOwner, aws_retry):
        return self.versions

    def delete_bucket(self, Bucket, ExpectedBucketOwner, aws_retry):
        self.calls.append("delete")
        del self.buckets[Bucket]


@pytest.fixture
def run(monkeypatch):
    monkeypatch.setattr(module, "POLL_SECONDS", 0)
    monkeypatch.setattr(module, "UNREACHED_SECONDS_MAX", 0.05)

    def call(s3, check_mode=False, **change):
        s3.calls.clear()
        monkeypatch.setattr(module, "client", lambda task, service, region=None: s3)
        task = SimpleNamespace(params={**PARAMS, **change}, check_mode=check_mode)
        bucket = module.Bucket(s3, task.params["name"], ACCOUNT)
        return (module.ensure_present if task.params["state"] == "present" else module.ensure_absent)(task, bucket)

    return call


def add_copies(s3, region=THERE, versioning="Enabled"):
    s3.buckets["copies"] = {"region": region, "settings": {"bucket_versioning": {"Status": versioning}}}
    return s3


BASE = ["create", "put_public_access_block", "put_bucket_versioning", "put_bucket_policy", "put_bucket_tagging"]


def test_check_mode_plans_a_bucket_and_makes_none(run):
    s3 = S3()
    result = run(s3, check_mode=True, kms_key_id=KEY, lifecycle_rules=[RULE])
    assert result["changed"] and s3.calls == [] and s3.buckets == {}
    assert result["bucket"]["encryption"] == {"algorithm": "aws:kms", "kms_key_arn": KEY, "bucket_key": True}


def test_a_bucket_is_made_once_and_closed_before_anything_else(run):
    s3 = S3()
    planned, made = run(s3, check_mode=True), run(s3)
    assert made["changed"] and made["diff"] == planned["diff"] and s3.calls == BASE
    assert made["bucket"]["public_access_blocked"] and made["bucket"]["policy"][0]["Sid"] == "DenyInsecureTransport"
    assert run(s3)["changed"] is False and s3.calls == []


@pytest.mark.parametrize(
    ("change", "calls"),
    [
        ({"kms_key_id": KEY}, ["put_bucket_encryption"]),
        ({"versioning": False}, ["put_bucket_versioning"]),
        ({"policy_statements": [READER]}, ["put_bucket_policy"]),
        ({"lifecycle_rules": [RULE]}, ["put_bucket_lifecycle_configuration"]),
        ({"notifications": [NOTIFY]}, ["put_bucket_notification_configuration"]),
        ({"replication": COPY}, ["put_bucket_replication"]),
        ({"tags": {"V": "y"}}, ["put_bucket_tagging"]),
        ({"tags": {}}, ["delete_bucket_tagging"]),
    ],
)
def test_only_what_differs_is_changed_and_then_nothing(run, change, calls):
    s3 = add_copies(S3())
    run(s3)
    planned = run(s3, check_mode=True, **change)
    assert planned["changed"] and s3.calls == []
    done = run(s3, **change)
    assert done["changed"] and s3.calls == calls and done["diff"] == planned["diff"]
    assert not run(s3, **change)["changed"] and s3.calls == []


def test_rules_are_compared_without_order_and_removed_when_none_is_wanted(run):
    s3 = S3()
    other = {**RULE, "id": "tmp", "prefix": "tmp/"}
    run(s3, lifecycle_rules=[RULE, other])
    swapped = {**RULE, "transitions": RULE["transitions"][::-1]}
    assert not run(s3, lifecycle_rules=[other, swapped])["changed"] and not run(s3)["changed"]
    assert run(s3, lifecycle_rules=[])["changed"] and s3.calls == ["delete_bucket_lifecycle"]


def test_a_rule_that_does_more_than_the_options_can_say_is_replaced(run):
    s3 = S3()
    run(s3, lifecycle_rules=[RULE])
    rules = s3.buckets["recordings"]["settings"]["bucket_lifecycle_configuration"]["Rules"]
    rules[0]["Filter"] = {"And": {"Prefix": "", "Tags": [{"Key": "a", "Value": "b"}]}}
    assert run(s3, lifecycle_rules=[RULE])["changed"] and not run(s3, lifecycle_rules=[RULE])["changed"]


def test_statements_of_others_stay_unless_they_are_purged(run):
    s3 = S3()
    run(s3, policy_statements=[READER])
    assert not run(s3)["changed"]
    assert run(s3, policy_statements=[{**READER, "Action": ["s3:GetObject"]}])["changed"] is False
    assert run(s3, policy_statements=[{**READER, "Action": "s3:PutObject"}])["changed"]
    run(s3, purge_statements=True)
    policy = json.loads(s3.buckets["recordings"]["settings"]["bucket_policy"]["Policy"])
    assert [one["Sid"] for one in policy["Statement"]] == ["DenyInsecureTransport"]


def test_notifications_of_others_stay_unless_they_are_purged(run):
    s3 = S3()
    run(s3)
    queue = {"Id": "q", "QueueArn": "arn:q", "Events": ["s3:ObjectRemoved:*"]}
    settings = s3.buckets["recordings"]["settings"]
    settings["bucket_notification_configuration"] = {"QueueConfigurations": [queue], "EventBridgeConfiguration": {}}
    run(s3, notifications=[NOTIFY])
    kept = settings["bucket_notification_configuration"]
    assert kept["QueueConfigurations"] == [queue] and kept["EventBridgeConfiguration"] == {}
    run(s3, notifications=[NOTIFY], purge_notifications=True)
    assert set(settings["bucket_notification_configuration"]) == {"LambdaFunctionConfigurations"}


def test_a_filter_that_s3_spells_otherwise_is_the_same(run):
    s3 = S3()
    run(s3, notifications=[NOTIFY])
    rows = s3.buckets["recordings"]["settings"]["bucket_notification_configuration"]["LambdaFunctionConfigurations"]
    rows[0]["Filter"]["Key"]["FilterRules"][0]["Name"] = "Suffix"
    assert not run(s3, notifications=[NOTIFY])["changed"]


def test_a_function_that_s3_does_not_reach_yet_is_tried_again_for_a_while(run):
    s3 = S3()
    unreached = error("InvalidArgument", "Unable to validate the following destination configurations")
    s3.faults["put_bucket_notification_configuration"] = [unreached, unreached]
    assert run(s3, notifications=[NOTIFY])["changed"]
    s3.faults["put_bucket_notification_configuration"] = [unreached] * 100_000
    with pytest.raises(AwsError, match="Unable to validate"):
        run(s3, notifications=[NOTIFY, {**NOTIFY, "id": "two", "prefix": "a"}])


def test_a_replication_ends_before_versioning_does(run):
    s3 = add_copies(S3())
    run(s3, replication=COPY)
    with pytest.raises(Refused, match="is replicated"):
        run(s3, versioning=False)
    run(s3, versioning=False, replication={**COPY, "enabled": False})
    assert s3.calls == ["delete_bucket_replication", "put_bucket_versioning"]


def test_encrypted_objects_are_copied_with_the_other_regions_key(run):
    s3 = add_copies(S3())
    run(s3, kms_key_id=KEY, replication={**COPY, "kms_key_arn": OTHER_KEY})
    [rule] = s3.buckets["recordings"]["settings"]["bucket_replication"]["ReplicationConfiguration"]["Rules"]
    assert rule["Destination"]["EncryptionConfiguration"] == {"ReplicaKmsKeyID": OTHER_KEY}
    assert rule["SourceSelectionCriteria"] == {"SseKmsEncryptedObjects": {"Status": "Enabled"}}
    with pytest.raises(Refused, match="kms_key_arn"):
        run(s3, replication=COPY)


def test_a_target_is_looked_at_before_anything_is_made(run):
    s3 = S3()
    assert run(s3, check_mode=True, replication=COPY)["changed"]
    with pytest.raises(Refused, match="no bucket copies"):
        run(s3, replication=COPY)
    with pytest.raises(Refused, match=f"a bucket outside of {HERE}"):
        run(add_copies(s3, region=HERE), replication=COPY)
    with pytest.raises(Refused, match="versioning off"):
        run(add_copies(s3, versioning="Suspended"), replication=COPY)
    with pytest.raises(Refused, match="kms_key_arn"):
        run(add_copies(s3), replication={**COPY, "kms_key_arn": KEY})
    assert s3.calls == [] and "recordings" not in s3.buckets


def test_object_lock_comes_with_the_bucket_and_its_versions_stay(run):
    s3, lock = S3(), {"mode": "GOVERNANCE", "days": 30, "years": None}
    run(s3, object_lock=lock)
    assert "put_object_lock_configuration" in s3.calls and not run(s3, object_lock=lock)["changed"]
    assert run(s3, object_lock={**lock, "days": 60})["changed"] and s3.calls == ["put_object_lock_configuration"]
    with pytest.raises(Refused, match="locks its objects"):
        run(s3, versioning=False)


@pytest.mark.parametrize(("versioning", "before"), [(True, []), (False, ["put_bucket_versioning"])])
def test_a_bucket_that_is_there_is_given_object_lock_after_its_versions(run, versioning, before):
    s3, lock = S3(), {"mode": "COMPLIANCE", "days": None, "years": 7}
    run(s3, versioning=versioning)
    planned = run(s3, check_mode=True, object_lock=lock)
    assert planned["changed"] and s3.calls == [] and planned["bucket"]["object_lock"] == lock
    done = run(s3, object_lock=lock)
    assert s3.calls == [*before, "put_object_lock_configuration"] and done["diff"] == planned["diff"]
    assert done["bucket"]["object_lock"] == lock and not run(s3, object_lock=lock)["changed"]
    with pytest.raises(Refused, match="object_lock: needs versioning"):
        run(s3, object_lock=lock, versioning=False)


def test_a_bucket_of_another_region_is_refused(run):
    s3 = S3()
    s3.buckets["recordings"] = {"region": "af-south-1", "settings": {}}
    for state in ("present", "absent"):
        with pytest.raises(Refused, match="Found: af-south-1"):
            run(s3, state=state)


@pytest.mark.parametrize("state", ["present", "absent"])
def test_a_denied_look_is_no_absence(run, state):
    s3 = S3()
    s3.faults["head_bucket"] = [error("403")]
    with pytest.raises(Refused, match="another account, or the credentials"):
        run(s3, state=state)
    assert s3.calls == []


def test_a_denied_setting_fails(run):
    s3 = S3()
    run(s3)
    s3.faults["get_bucket_policy"] = [error("AccessDenied")]
    with pytest.raises(AwsError, match="read the policy of bucket recordings"):
        run(s3)


def test_a_name_that_somebody_else_has_is_refused(run):
    s3 = S3()
    s3.faults["create_bucket"] = [error("BucketAlreadyExists")]
    with pytest.raises(Refused, match="in another account"):
        run(s3)


def test_a_creation_whose_answer_was_lost_is_found_again(run):
    s3 = S3()
    bucket = module.Bucket(s3, "recordings", ACCOUNT)
    for _ in (1, 2):
        module.create_bucket(bucket, module.build_create(PARAMS, HERE))
    assert run(s3)["changed"]


def test_a_bucket_that_s3_is_busy_with_is_tried_again(run):
    s3 = S3()
    s3.faults = {"create_bucket": [error("OperationAborted")], "put_bucket_policy": [error("NoSuchBucket")]}
    assert run(s3)["changed"] and not run(s3)["changed"]


def test_tags_of_a_stack_are_written_back(run):
    s3 = S3()
    run(s3, tags={"aws:cloudformation:stack-name": "s"})
    run(s3, tags={"W": "x"})
    tags = s3.buckets["recordings"]["settings"]["bucket_tagging"]["TagSet"]
    assert {one["Key"] for one in tags} == {"aws:cloudformation:stack-name", "W"}


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"name": "No_Good"}, "name: is 'No_Good'"),
        ({"policy_statements": [{"Effect": "Allow"}]}, r"policy_statements\[0\]"),
        ({"policy_statements": [READER, READER]}, "policy_statements: 'Reader' stands there 2 times"),
        ({"policy_statements": [{"Sid": "DenyInsecureTransport"}]}, r"policy_statements\[0\]"),
        ({"lifecycle_rules": [{**RULE, "expiration_days": 90}]}, r"lifecycle_rules\[0\]\.expiration_days"),
        (
            {"lifecycle_rules": [{**RULE, "transitions": [{"days": 9, "storage_class": "STANDARD_IA"}]}]},
            r"lifecycle_rules\[0\]\.transitions\[0\]\.days",
        ),
        (
            {"lifecycle_rules": [{**RULE, "transitions": [{"days": 9, "storage_class": "COLD"}]}]},
            r"lifecycle_rules\[0\]\.transitions\[0\]\.storage_class: is 'COLD'",
        ),
        (
            {"notifications": [{**NOTIFY, "function_arn": "arn:aws:lambda:af-south-1:1:function:f"}]},
            r"notifications\[0\]",
        ),
        ({"notifications": [{**NOTIFY, "events": ["created"]}]}, r"notifications\[0\]\.events"),
        ({"replication": {**COPY, "role_arn": None}}, r"replication\.role_arn"),
        ({"replication": COPY, "versioning": False}, "replication: needs versioning"),
        ({"replication": {**COPY, "bucket_arn": "arn:aws:s3:::recordings"}}, r"replication\.bucket_arn"),
        ({"replication": COPY, "kms_key_id": KEY}, r"replication\.kms_key_arn"),
        ({"object_lock": {"mode": "GOVERNANCE", "days": 1, "years": 1}}, "object_lock"),
        ({"kms_key_id": OTHER_KEY}, "kms_key_id"),
        ({"tags": {"": "v"}}, "tags"),
    ],
)
def test_bad_input_is_refused_by_the_name_of_its_option(run, change, names):
    s3 = S3()
    with pytest.raises(Refused, match=names):
        run(s3, **change)
    assert s3.calls == []


def test_a_bucket_that_is_not_empty_stays_and_what_is_in_it_is_counted(run):
    s3 = S3()
    run(s3)
    s3.versions = {"Versions": [{}] * 3, "DeleteMarkers": [{}], "IsTruncated": True}
    with pytest.raises(Refused, match="3 versions of objects and 1 delete markers, and more than this first page"):
        run(s3, state="absent")
    assert s3.calls == []


def test_an_empty_bucket_goes_once(run):
    s3 = S3()
    run(s3)
    assert run(s3, state="absent", check_mode=True)["changed"] and "recordings" in s3.buckets
    assert run(s3, state="absent")["changed"] and s3.buckets == {}
    assert not run(s3, state="absent")["changed"] and s3.calls == []
