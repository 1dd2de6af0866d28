# SPDX-License-Identifier: GPL-3.0-or-later
"""Verdicts of the checks before meetings are recorded."""

import json

import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils import recording_preflight as recording
from ansible_collections.medzen.multiregion.plugins.module_utils.preflight import Unknown

HERE, ACCOUNT, BUCKET, YEARS = "eu-central-1", "123456789012", "recordings", 2557
LOST = Unknown("AccessDenied")
KEY = {"KeyId": "k-1", "Arn": f"arn:aws:kms:{HERE}:{ACCOUNT}:key/k-1", "KeyState": "Enabled"}
SCOPE = {"StringEquals": {"aws:SourceAccount": ACCOUNT}}


def policy(action, resource=None, condition=SCOPE):
    statement = {"Effect": "Allow", "Principal": {"Service": recording.SERVICE}, "Action": action}
    return json.dumps({"Statement": [{**statement, "Resource": resource or "*", "Condition": condition}]})


def encrypted(algorithm, key=None):
    default = {"SSEAlgorithm": algorithm, **({"KMSMasterKeyID": key} if key else {})}
    return {"ApplyServerSideEncryptionByDefault": default}


@pytest.mark.parametrize(
    "check",
    [
        lambda: recording.check_bucket_region(HERE, LOST),
        lambda: recording.check_bucket_account(HERE, LOST, ACCOUNT),
        lambda: recording.check_bucket_account(HERE, True, LOST),
        lambda: recording.check_bucket_policy(HERE, LOST, BUCKET, ACCOUNT),
        lambda: recording.check_bucket_policy(HERE, policy("s3:*"), BUCKET, LOST),
        lambda: recording.check_encryption(HERE, LOST, None, False),
        lambda: recording.check_encryption(HERE, encrypted("aws:kms"), LOST, False),
        lambda: recording.check_object_lock(HERE, LOST, YEARS),
        lambda: recording.check_lifecycle(HERE, LOST, YEARS),
        lambda: recording.check_key(HERE, LOST, "k-1"),
        lambda: recording.check_key_policy(HERE, LOST, KEY["Arn"], ACCOUNT),
        lambda: recording.check_sink_role(HERE, LOST, "arn", ACCOUNT),
        lambda: recording.check_service_role(HERE, LOST),
        lambda: recording.check_pipelines(HERE, LOST, 10, 1),
        lambda: recording.check_pipelines(HERE, 0, LOST, 1),
    ],
)
def test_what_could_not_be_read_is_unknown(check):
    assert check().verdict == "unknown" and check().next_step


@pytest.mark.parametrize(("found", "verdict"), [(HERE, "ok"), ("eu-west-1", "refuse"), (None, "refuse")])
def test_the_bucket_is_where_the_meeting_is(found, verdict):
    assert recording.check_bucket_region(HERE, found).verdict == verdict


@pytest.mark.parametrize(("owned", "verdict"), [(True, "ok"), (False, "refuse")])
def test_the_bucket_is_the_accounts(owned, verdict):
    assert recording.check_bucket_account(HERE, owned, ACCOUNT).verdict == verdict


@pytest.mark.parametrize(
    ("document", "verdict"),
    [
        (policy(["s3:PutObject", "s3:PutObjectAcl"], "arn:aws:s3:::recordings/*"), "ok"),
        (policy("s3:PutObject"), "refuse"),
        (policy("s3:*", condition={}), "warn"),
        (policy("s3:*", condition={"Bool": {"aws:ViaAWSService": "true"}}), "unknown"),
        (None, "refuse"),
    ],
)
def test_the_policy_lets_the_pipelines_write(document, verdict):
    assert recording.check_bucket_policy(HERE, document, BUCKET, ACCOUNT).verdict == verdict


@pytest.mark.parametrize(
    ("rule", "key", "by_role", "verdict"),
    [
        (encrypted("aws:kms", KEY["Arn"]), KEY, False, "ok"),
        (encrypted("aws:kms", "k-1"), KEY, False, "ok"),
        (encrypted("aws:kms", "other"), KEY, False, "refuse"),
        (encrypted("aws:kms", "other"), KEY, True, "ok"),
        (encrypted("AES256"), KEY, False, "refuse"),
        (encrypted("AES256"), KEY, True, "ok"),
        (encrypted("aws:kms"), None, False, "ok"),
        (encrypted("AES256"), None, False, "warn"),
        (None, None, False, "refuse"),
        ({}, None, False, "refuse"),
    ],
)
def test_recordings_are_encrypted_with_the_key_that_is_asked_for(rule, key, by_role, verdict):
    assert recording.check_encryption(HERE, rule, key, by_role).verdict == verdict


def lock(**default):
    return {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", **default}}}


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (lock(Days=YEARS), "ok"),
        (lock(Days=YEARS - 1), "warn"),
        (lock(Years=7), "warn"),
        (lock(Years=8), "ok"),
        ({"ObjectLockEnabled": "Enabled"}, "warn"),
        (None, "warn"),
    ],
)
def test_object_lock_keeps_recordings_long_enough(found, verdict):
    assert recording.check_object_lock(HERE, found, YEARS).verdict == verdict


@pytest.mark.parametrize(
    ("rules", "verdict"),
    [
        (None, "ok"),
        ([{"Status": "Enabled", "Expiration": {"Days": YEARS}}], "ok"),
        ([{"Status": "Enabled", "Expiration": {"Days": YEARS - 1}}], "refuse"),
        ([{"Status": "Disabled", "Expiration": {"Days": 1}}], "ok"),
        ([{"Status": "Enabled", "Expiration": {"Date": "2027-01-01"}}], "refuse"),
        ([{"Status": "Enabled", "Expiration": {"ExpiredObjectDeleteMarker": True}}], "ok"),
        ([{"Status": "Enabled", "Transitions": [{"Days": 30, "StorageClass": "GLACIER"}]}], "ok"),
    ],
)
def test_no_rule_takes_a_recording_before_its_time(rules, verdict):
    assert recording.check_lifecycle(HERE, rules, YEARS).verdict == verdict


@pytest.mark.parametrize(
    ("key", "verdict"),
    [
        (KEY, "ok"),
        (None, "refuse"),
        ({**KEY, "KeyState": "PendingDeletion"}, "refuse"),
        ({**KEY, "Arn": KEY["Arn"].replace(HERE, "eu-west-1")}, "refuse"),
    ],
)
def test_the_key_is_there_and_here(key, verdict):
    assert recording.check_key(HERE, key, "k-1").verdict == verdict


@pytest.mark.parametrize(
    ("document", "verdict"),
    [
        (policy(["kms:GenerateDataKey", "kms:Decrypt"]), "ok"),
        (policy("kms:GenerateDataKey*"), "ok"),
        (policy("kms:Decrypt"), "refuse"),
        (policy("kms:GenerateDataKey", condition={}), "warn"),
    ],
)
def test_the_keys_policy_lets_the_pipelines_encrypt(document, verdict):
    assert recording.check_key_policy(HERE, document, KEY["Arn"], ACCOUNT).verdict == verdict


def test_the_sink_role_can_be_taken_by_the_pipelines():
    trust = json.loads(policy("sts:AssumeRole"))
    trust["Statement"][0].pop("Resource")
    arn = f"arn:aws:iam::{ACCOUNT}:role/recordings"
    assert recording.check_sink_role(HERE, {"AssumeRolePolicyDocument": trust}, arn, ACCOUNT).verdict == "ok"
    trust["Statement"][0]["Principal"] = {"Service": "lambda.amazonaws.com"}
    assert recording.check_sink_role(HERE, {"AssumeRolePolicyDocument": trust}, arn, ACCOUNT).verdict == "refuse"
    assert recording.check_sink_role(HERE, None, arn, ACCOUNT).verdict == "refuse"


def test_a_missing_service_role_comes_with_its_command():
    assert recording.check_service_role(HERE, {"RoleName": "x"}).verdict == "ok"
    found = recording.check_service_role(HERE, None)
    assert found.verdict == "refuse" and "create-service-linked-role" in found.next_step


@pytest.mark.parametrize(("active", "need", "verdict"), [(0, 10, "ok"), (9, 1, "ok"), (10, 1, "refuse")])
def test_pipelines_fit_the_quota(active, need, verdict):
    assert recording.check_pipelines(HERE, active, 10, need).verdict == verdict


def test_virginia_may_have_more_pipelines():
    assert (recording.pipelines_default("us-east-1"), recording.pipelines_default(HERE)) == (100, 10)


@pytest.mark.parametrize(("region", "verdict"), [(HERE, "ok"), ("af-south-1", "refuse")])
def test_pipelines_exist_in_the_region(region, verdict):
    assert recording.check_endpoint(region, [HERE]).verdict == verdict
