# SPDX-License-Identifier: GPL-3.0-or-later
from types import SimpleNamespace

import botocore.session
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import AwsError, Refused
from ansible_collections.medzen.multiregion.plugins.modules import bedrock_invocation_logging as module
from botocore.exceptions import ClientError

REGION, ROLE = "eu-central-1", "arn:aws:iam::123456789012:role/logging"
KEY = "arn:aws:kms:eu-central-1:123456789012:key/k"


def refusal(code, message, operation="Any"):
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


class Cloud:
    """Bedrock, S3 and CloudWatch Logs in one; each call takes aws_retry."""

    def __init__(self, model):
        self.meta = SimpleNamespace(service_model=model, region_name=REGION)
        self.config, self.writes, self.errors = {}, [], []
        self.locations = {"plain": REGION, "locked": REGION, "abroad": "eu-west-1", "first": None}
        self.groups = [{"logGroupName": "/g/plain"}, {"logGroupName": "/g", "kmsKeyId": KEY, "retentionInDays": 30}]

    def get_model_invocation_logging_configuration(self, aws_retry):
        return {"loggingConfig": self.config} if self.config else {}

    def put_model_invocation_logging_configuration(self, loggingConfig, aws_retry):
        self.writes.append("put")
        if self.errors:
            raise self.errors.pop(0)
        self.config = loggingConfig

    def delete_model_invocation_logging_configuration(self, aws_retry):
        self.writes.append("delete")
        self.config = {}

    def get_bucket_location(self, Bucket, aws_retry):
        if Bucket == "denied":
            raise refusal("AccessDenied", "no")
        if Bucket not in self.locations:
            raise refusal("NoSuchBucket", "no")
        return {"LocationConstraint": self.locations[Bucket]}

    def get_bucket_encryption(self, Bucket, aws_retry):
        kind = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY} if Bucket == "locked" else {"SSEAlgorithm": "AES256"}
        return {"ServerSideEncryptionConfiguration": {"Rules": [{"ApplyServerSideEncryptionByDefault": kind}]}}

    def get_paginator(self, _operation):
        return self

    def paginate(self, logGroupNamePrefix):
        found = [group for group in self.groups if group["logGroupName"].startswith(logGroupNamePrefix)]
        return SimpleNamespace(build_full_result=lambda: {"logGroups": found})


@pytest.fixture
def cloud():
    return Cloud(botocore.session.get_session().get_service_model("bedrock"))


@pytest.fixture
def ensure(cloud, monkeypatch):
    monkeypatch.setattr(module.bedrock, "connect", lambda _module: cloud)
    monkeypatch.setattr(module, "client", lambda _module, _service: cloud)

    def run(check_mode=False, **given):
        switches = dict.fromkeys(module.logging.SWITCHES)
        usual = {"state": "present", "s3": None, "cloudwatch": None, "require_encryption": False, "extra_regions": []}
        return module.ensure(
            SimpleNamespace(region=REGION, check_mode=check_mode, params={**usual, **switches, **given})
        )

    return run


def s3(bucket="plain", key_prefix=None):
    return {"bucket": bucket, "key_prefix": key_prefix}


def cloudwatch(log_group="/g", role_arn=ROLE, large_data_s3=None):
    return {"log_group": log_group, "role_arn": role_arn, "large_data_s3": large_data_s3}


def test_logging_is_configured_once(ensure, cloud):
    first, second = (ensure(s3=s3(), text_enabled=True) for _ in range(2))
    assert first["changed"] and not second["changed"] and cloud.writes == ["put"]
    assert cloud.config == {"s3Config": {"bucketName": "plain"}, "textDataDeliveryEnabled": True}
    assert first["diff"]["before"] == {} and first["places"][0]["region"] == REGION


def test_check_mode_configures_nothing(ensure, cloud):
    result = ensure(check_mode=True, s3=s3())
    assert result["changed"] and result["logging_config"] == {"s3_config": {"bucket_name": "plain"}}
    assert cloud.writes == []


def test_what_is_not_given_stays(ensure, cloud):
    ensure(s3=s3(key_prefix="a"), cloudwatch=cloudwatch(large_data_s3=s3("locked")), text_enabled=True)
    ensure(image_enabled=False)
    assert cloud.config["s3Config"] == {"bucketName": "plain", "keyPrefix": "a"}
    assert not ensure(s3=s3(), cloudwatch=cloudwatch())["changed"]
    assert cloud.config["imageDataDeliveryEnabled"] is False and cloud.config["textDataDeliveryEnabled"] is True


def test_a_target_that_is_given_empty_goes(ensure, cloud):
    ensure(s3=s3(), cloudwatch=cloudwatch(large_data_s3=s3()))
    ensure(s3=s3(None), cloudwatch=cloudwatch(large_data_s3=s3(None)))
    assert cloud.config == {"cloudWatchConfig": {"logGroupName": "/g", "roleArn": ROLE}}


def test_the_last_target_is_not_taken_away_by_the_way(ensure, cloud):
    ensure(s3=s3())
    with pytest.raises(Refused, match="neither s3 nor cloudwatch"):
        ensure(s3=s3(None))


def test_an_empty_prefix_is_no_prefix(ensure, cloud):
    cloud.config = {"s3Config": {"bucketName": "plain", "keyPrefix": ""}}
    assert not ensure(s3=s3())["changed"]


def test_logging_is_removed_once(ensure, cloud):
    ensure(s3=s3())
    first, second = (ensure(state="absent") for _ in range(2))
    assert first["changed"] and not second["changed"] and cloud.writes == ["put", "delete"]
    assert first["diff"] == {"before": {"s3_config": {"bucket_name": "plain"}}, "after": {}}


def test_check_mode_removes_nothing(ensure, cloud):
    ensure(s3=s3())
    assert ensure(check_mode=True, state="absent")["changed"] and cloud.writes == ["put"]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"s3": s3("abroad")}, "s3.bucket: bucket abroad is in eu-west-1; expected eu-central-1"),
        ({"s3": s3("first")}, "bucket first is in us-east-1"),
        ({"s3": s3("none")}, "bucket none is not there"),
        ({"cloudwatch": cloudwatch("/none")}, "cloudwatch.log_group: log group /none is not there in eu-central-1"),
        ({"cloudwatch": cloudwatch(large_data_s3=s3("abroad"))}, "cloudwatch.large_data_s3.bucket: bucket abroad"),
        ({"s3": s3("plain"), "require_encryption": True}, "bucket plain is not encrypted with KMS"),
        ({"cloudwatch": cloudwatch("/g/plain"), "require_encryption": True}, "log group /g/plain is not encrypted"),
        ({"s3": s3(None, "prefix")}, "s3.bucket: is required"),
        ({"cloudwatch": cloudwatch(role_arn=None)}, "cloudwatch.role_arn: is required"),
        ({"cloudwatch": cloudwatch(role_arn="me")}, "cloudwatch.role_arn: 'me' does not match"),
        ({"s3": s3("xy")}, "s3.bucket: has 2 characters; expected 3 or more"),
        ({"s3": s3("plain", "x" * 1025)}, "s3.key_prefix: has 1025 characters"),
        ({"cloudwatch": cloudwatch("x" * 513)}, "cloudwatch.log_group: has 513 characters"),
        ({"text_enabled": True}, "neither s3 nor cloudwatch"),
    ],
)
def test_what_cannot_hold_the_log_is_refused_before_a_write(ensure, cloud, given, told):
    with pytest.raises(Refused, match=told):
        ensure(**given)
    assert cloud.writes == []


def test_encrypted_places_hold_it(ensure):
    large = cloudwatch(large_data_s3=s3("locked"))
    assert ensure(s3=s3("locked"), cloudwatch=large, require_encryption=True)["changed"]


def test_a_bucket_that_may_not_be_looked_at_is_not_absent(ensure, cloud):
    with pytest.raises(AwsError, match="AccessDenied"):
        ensure(s3=s3("denied"))
    assert cloud.writes == []


# --- a role that was just made ---------------------------------------------------------------------------------------

LAG = "Failed to validate permissions for log group: /g, with role: logging"


class Clock:
    now = 0.0

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


def test_permissions_that_are_not_known_yet_are_waited_for(cloud):
    cloud.errors = [refusal("ValidationException", LAG)] * 3
    clock = Clock()
    module.put_when_permitted(cloud, {"s3Config": {}}, clock, clock.sleep)
    assert cloud.writes == ["put"] * 4 and clock.now == 15


def test_permissions_that_stay_unknown_are_given_up_after_a_minute(cloud):
    cloud.errors = [refusal("ValidationException", LAG)] * 99
    clock = Clock()
    with pytest.raises(AwsError, match="validate permissions for log group.*Tried for 60 s") as error:
        module.put_when_permitted(cloud, {}, clock, clock.sleep)
    assert clock.now == 60 and error.value.result["error_code"] == "ValidationException"


def test_another_refusal_is_not_tried_again(cloud):
    cloud.errors = [refusal("ValidationException", "no such thing")]
    clock = Clock()
    with pytest.raises(AwsError, match="no such thing"):
        module.put_when_permitted(cloud, {}, clock, clock.sleep)
    assert cloud.writes == ["put"] and clock.now == 0
