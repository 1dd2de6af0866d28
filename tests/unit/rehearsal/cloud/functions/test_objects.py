# SPDX-License-Identifier: GPL-3.0-or-later
"""Buckets: events that call functions, replication that copies objects, settings that come back as they were put."""

import itertools
import json
import threading

import pytest

from rehearsal.cloud import objects

NUMBERS = itertools.count(1)
HOME, AWAY = "eu-central-1", "eu-west-1"
ROLE = "arn:aws:iam::123456789012:role/medzen-s3-replication-role"
SECONDS_MAX = 10


@pytest.fixture(scope="session")
def installed(world, invoker):
    if not getattr(world, "objects_installed", False):
        objects.install(world)
        world.objects_installed = True
    return world


@pytest.fixture
def buckets(installed, client):
    """Two buckets with versions in two regions: (client, source, target)."""
    s3, number = client("s3", HOME), next(NUMBERS)
    names = [f"recordings-{number}-{region}" for region in (HOME, AWAY)]
    for name, region in zip(names, (HOME, AWAY), strict=True):
        place = {"LocationConstraint": region}
        client("s3", region).create_bucket(Bucket=name, CreateBucketConfiguration=place)
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return s3, *names


def configuration(target, **rule):
    row = {
        "Status": "Enabled",
        "Priority": 1,
        "Filter": {"Prefix": ""},
        "DeleteMarkerReplication": {"Status": "Disabled"},
        "Destination": {"Bucket": f"arn:aws:s3:::{target}"},
    }
    return {"Role": ROLE, "Rules": [row | rule]}


@pytest.fixture
def replicated(buckets):
    s3, source, target = buckets
    s3.put_bucket_replication(Bucket=source, ReplicationConfiguration=configuration(target))
    return buckets


def names(client, bucket):
    return [row["Key"] for row in client.list_objects_v2(Bucket=bucket).get("Contents", [])]


# --- replication


def test_an_object_is_copied_after_a_while_with_its_version_and_metadata(replicated, pass_time):
    s3, source, target = replicated
    version = s3.put_object(Bucket=source, Key="m-1/a.mp4", Body=b"film", Metadata={"visit": "1"})["VersionId"]
    assert s3.head_object(Bucket=source, Key="m-1/a.mp4")["ReplicationStatus"] == "PENDING"
    assert names(s3, target) == []
    pass_time(120)
    copied = s3.get_object(Bucket=target, Key="m-1/a.mp4")
    assert (copied["Body"].read(), copied["VersionId"], copied["Metadata"]) == (b"film", version, {"visit": "1"})
    assert copied["ReplicationStatus"] == "REPLICA"
    assert s3.head_object(Bucket=source, Key="m-1/a.mp4")["ReplicationStatus"] == "COMPLETED"


def test_a_target_that_is_gone_makes_the_replication_fail(replicated, pass_time):
    s3, source, target = replicated
    s3.put_object(Bucket=source, Key="a", Body=b"1")
    s3.delete_bucket(Bucket=target)
    pass_time(120)
    assert s3.head_object(Bucket=source, Key="a")["ReplicationStatus"] == "FAILED"


def test_only_the_prefix_of_the_rule_is_replicated(buckets, pass_time):
    s3, source, target = buckets
    wanted = configuration(target, Filter={"Prefix": "keep/"})
    s3.put_bucket_replication(Bucket=source, ReplicationConfiguration=wanted)
    for key in ("keep/a", "other/b"):
        s3.put_object(Bucket=source, Key=key, Body=b"1")
    pass_time(120)
    assert names(s3, target) == ["keep/a"]


def test_an_object_under_a_kms_key_stays_unless_the_rule_takes_it(replicated, pass_time):
    s3, source, target = replicated
    s3.put_object(Bucket=source, Key="a", Body=b"1", ServerSideEncryption="aws:kms", SSEKMSKeyId="alias/here")
    pass_time(120)
    assert names(s3, target) == []
    wanted = configuration(target, SourceSelectionCriteria={"SseKmsEncryptedObjects": {"Status": "Enabled"}})
    wanted["Rules"][0]["Destination"]["EncryptionConfiguration"] = {"ReplicaKmsKeyID": "alias/there"}
    s3.put_bucket_replication(Bucket=source, ReplicationConfiguration=wanted)
    s3.put_object(Bucket=source, Key="b", Body=b"1", ServerSideEncryption="aws:kms", SSEKMSKeyId="alias/here")
    pass_time(120)
    assert s3.head_object(Bucket=target, Key="b")["SSEKMSKeyId"] == "alias/there"


@pytest.mark.parametrize(("status", "left"), [("Enabled", []), ("Disabled", ["a"])])
def test_a_delete_marker_follows_where_the_rule_says_so(buckets, pass_time, status, left):
    s3, source, target = buckets
    wanted = configuration(target, DeleteMarkerReplication={"Status": status})
    s3.put_bucket_replication(Bucket=source, ReplicationConfiguration=wanted)
    s3.put_object(Bucket=source, Key="a", Body=b"1")
    pass_time(120)
    s3.delete_object(Bucket=source, Key="a")
    pass_time(120)
    assert names(s3, target) == left


@pytest.mark.parametrize("unversioned", [HOME, AWAY])
def test_replication_wants_versions_on_both_sides(buckets, refused, unversioned):
    s3, source, target = buckets
    name = source if unversioned == HOME else target
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Suspended"})
    with refused("InvalidRequest"):
        s3.put_bucket_replication(Bucket=source, ReplicationConfiguration=configuration(target))


def test_a_configuration_comes_back_as_it_was_put_and_holds_the_versions(replicated, refused):
    s3, source, target = replicated
    found = s3.get_bucket_replication(Bucket=source)["ReplicationConfiguration"]
    assert found["Rules"][0].pop("ID")
    assert found == configuration(target)
    with refused("InvalidBucketState"):
        s3.put_bucket_versioning(Bucket=source, VersioningConfiguration={"Status": "Suspended"})
    s3.delete_bucket_replication(Bucket=source)
    with refused("ReplicationConfigurationNotFoundError"):
        s3.get_bucket_replication(Bucket=source)


# --- events


@pytest.fixture
def listen(buckets, create, lambdas, code):
    """Let the source call a function for .mp4 files; returns events and how to wait for one."""
    s3, source, _ = buckets
    events, arrived = [], threading.Event()

    def take(event):
        events.append(event)
        arrived.set()

    code(take)
    made = create()
    lambdas.add_permission(
        FunctionName=made["FunctionName"],
        StatementId="s3",
        Action="lambda:InvokeFunction",
        Principal="s3.amazonaws.com",
        SourceArn=f"arn:aws:s3:::{source}",
        SourceAccount="123456789012",
    )
    rule = {"Name": "suffix", "Value": ".mp4"}
    row = {"LambdaFunctionArn": made["FunctionArn"], "Events": ["s3:ObjectCreated:*"]}
    row["Filter"] = {"Key": {"FilterRules": [rule]}}
    wanted = {"LambdaFunctionConfigurations": [row]}
    s3.put_bucket_notification_configuration(Bucket=source, NotificationConfiguration=wanted)
    return events, arrived


def test_a_created_object_calls_the_function_of_its_filter(buckets, listen):
    s3, source, _ = buckets
    events, arrived = listen
    s3.put_object(Bucket=source, Key="m-1/notes.txt", Body=b"1")
    s3.put_object(Bucket=source, Key="m-1/a.mp4", Body=b"film")
    assert arrived.wait(SECONDS_MAX)
    [[record]] = [event["Records"] for event in events]
    assert (record["eventName"], record["s3"]["object"]["size"]) == ("ObjectCreated:Put", 4)
    assert record["s3"]["bucket"]["name"] == source


def test_a_notification_configuration_comes_back(buckets, listen):
    s3, source, _ = buckets
    [row] = s3.get_bucket_notification_configuration(Bucket=source)["LambdaFunctionConfigurations"]
    assert row["Events"] == ["s3:ObjectCreated:*"]
    assert row["Filter"]["Key"]["FilterRules"][0]["Value"] == ".mp4"


def test_a_function_that_does_not_let_s3_in_is_no_destination(buckets, create, refused):
    s3, source, _ = buckets
    row = {"LambdaFunctionArn": create()["FunctionArn"], "Events": ["s3:ObjectCreated:*"]}
    with refused("InvalidArgument"):
        s3.put_bucket_notification_configuration(
            Bucket=source, NotificationConfiguration={"LambdaFunctionConfigurations": [row]}
        )


# --- what moto keeps


def test_encryption_lifecycle_access_block_and_policy_round_trip(buckets):
    s3, source, _ = buckets
    sse = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "alias/recordings"}
    encryption = {"Rules": [{"ApplyServerSideEncryptionByDefault": sse, "BucketKeyEnabled": True}]}
    s3.put_bucket_encryption(Bucket=source, ServerSideEncryptionConfiguration=encryption)
    assert s3.get_bucket_encryption(Bucket=source)["ServerSideEncryptionConfiguration"] == encryption
    rule = {"ID": "keep", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 2557}}
    rule["Transitions"] = [{"Days": 90, "StorageClass": "GLACIER_IR"}]
    s3.put_bucket_lifecycle_configuration(Bucket=source, LifecycleConfiguration={"Rules": [rule]})
    assert s3.get_bucket_lifecycle_configuration(Bucket=source)["Rules"] == [rule]
    names = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    block = dict.fromkeys(names, True)
    s3.put_public_access_block(Bucket=source, PublicAccessBlockConfiguration=block)
    assert s3.get_public_access_block(Bucket=source)["PublicAccessBlockConfiguration"] == block
    policy = {"Version": "2012-10-17", "Statement": []}
    s3.put_bucket_policy(Bucket=source, Policy=json.dumps(policy))
    assert json.loads(s3.get_bucket_policy(Bucket=source)["Policy"]) == policy


# --- object lock


def lock(days):
    return {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": days}}}


def test_a_bucket_that_holds_objects_can_be_locked_and_the_lock_changed(buckets):
    s3, source, _ = buckets
    s3.put_object(Bucket=source, Key="before", Body=b"1")
    for days in (1, 2):
        s3.put_object_lock_configuration(Bucket=source, ObjectLockConfiguration=lock(days))
        found = s3.get_object_lock_configuration(Bucket=source)["ObjectLockConfiguration"]
        assert found["Rule"]["DefaultRetention"]["Days"] == days
    s3.put_object(Bucket=source, Key="after", Body=b"1")
    assert s3.head_object(Bucket=source, Key="after")["ObjectLockMode"] == "GOVERNANCE"
    assert "ObjectLockMode" not in s3.head_object(Bucket=source, Key="before")


def test_a_lock_wants_versions(buckets, refused):
    s3, source, _ = buckets
    s3.put_bucket_versioning(Bucket=source, VersioningConfiguration={"Status": "Suspended"})
    with refused("InvalidBucketState"):
        s3.put_object_lock_configuration(Bucket=source, ObjectLockConfiguration=lock(1))
