# SPDX-License-Identifier: GPL-3.0-or-later
"""Which checks are made, and what a refused read does to them."""

import json
from types import SimpleNamespace

import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused
from ansible_collections.medzen.multiregion.plugins.modules import chime_recording_preflight_info as module
from botocore.exceptions import ClientError

HERE, ACCOUNT, STRANGER = "eu-central-1", "123456789012", "210987654321"
KEY = {"KeyId": "k-1", "Arn": f"arn:aws:kms:{HERE}:{ACCOUNT}:key/k-1", "KeyState": "Enabled"}
SERVICE = "mediapipelines.chime.amazonaws.com"


def policy(action):
    scope = {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
    statement = {"Effect": "Allow", "Principal": {"Service": SERVICE}, "Action": action, "Resource": "*"}
    return json.dumps({"Statement": [{**statement, "Condition": scope}]})


ANSWERS = {
    "get_caller_identity": {"Account": ACCOUNT},
    "get_bucket_location": {"LocationConstraint": HERE},
    "get_bucket_policy": {"Policy": policy("s3:Put*")},
    "get_bucket_encryption": {
        "ServerSideEncryptionConfiguration": {
            "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "k-1"}}]
        }
    },
    "get_object_lock_configuration": {
        "ObjectLockConfiguration": {
            "ObjectLockEnabled": "Enabled",
            "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 2557}},
        }
    },
    "get_bucket_lifecycle_configuration": {"Rules": []},
    "describe_key": {"KeyMetadata": KEY},
    "get_key_policy": {"Policy": policy("kms:GenerateDataKey*")},
    "get_role": {"Role": {"AssumeRolePolicyDocument": json.loads(policy("sts:AssumeRole"))}},
    "list_media_capture_pipelines": {"MediaCapturePipelines": [{"MediaPipelineId": "1"}]},
    "get_media_capture_pipeline": {"MediaCapturePipeline": {"Status": "InProgress"}},
}
ALL = [
    "pipeline region",
    "quota pipelines",
    "bucket region",
    "bucket account",
    "bucket policy",
    "encryption",
    "object lock",
    "lifecycle",
    "key",
    "key policy",
    "service-linked role",
]


class Clients:
    """Every service in one; an answer that is text is the code of an error."""

    region = HERE

    def __init__(self, answers, owner=ACCOUNT):
        self.answers, self.owner = answers, owner

    def __call__(self, service, region=None):
        return self

    def __getattr__(self, operation):
        def call(aws_retry, **request):
            answer = self.answers[operation]
            if request.get("ExpectedBucketOwner", self.owner) != self.owner:
                answer = "AccessDenied"
            if isinstance(answer, str):
                raise ClientError({"Error": {"Code": answer, "Message": "no"}}, operation)
            return answer

        return call


def check(monkeypatch, answers=None, owner=ACCOUNT, region=HERE, **given):
    clients = Clients({**ANSWERS, **(answers or {})}, owner)
    monkeypatch.setattr(module, "Clients", lambda _module: clients)
    params = {
        "bucket": "recordings",
        "meeting_region": HERE,
        "account": None,
        "retention_days": 2557,
        "kms_key": "alias/recordings",
        "sink_role_arn": None,
        "pipelines": 9,
        "quota_code": None,
        "extra_regions": [],
        **given,
    }
    return module.check_all(SimpleNamespace(params=params, region=region))


def verdicts(result):
    return {one["name"]: one["verdict"] for one in result["checks"]}


def test_a_bucket_that_is_ready_passes_every_check(monkeypatch):
    result = check(monkeypatch)
    assert [one["name"] for one in result["checks"]] == ALL
    assert result["verdict"] == "ok" and result["changed"] is False


@pytest.mark.parametrize(
    ("operation", "code", "name"),
    [
        ("get_bucket_policy", "NoSuchBucketPolicy", "bucket policy"),
        ("get_bucket_encryption", "ServerSideEncryptionConfigurationNotFoundError", "encryption"),
        ("describe_key", "NotFoundException", "key"),
        ("get_role", "NoSuchEntity", "service-linked role"),
    ],
)
def test_what_is_missing_is_refused(monkeypatch, operation, code, name):
    assert verdicts(check(monkeypatch, {operation: code}))[name] == "refuse"


@pytest.mark.parametrize(
    ("operation", "code", "name"),
    [
        ("get_bucket_policy", "AccessDenied", "bucket policy"),
        ("get_bucket_encryption", "AccessDenied", "encryption"),
        ("get_object_lock_configuration", "AccessDenied", "object lock"),
        ("get_bucket_lifecycle_configuration", "AccessDenied", "lifecycle"),
        ("describe_key", "AccessDeniedException", "key"),
        ("get_key_policy", "AccessDeniedException", "key policy"),
        ("get_role", "AccessDenied", "service-linked role"),
        ("list_media_capture_pipelines", "ForbiddenException", "quota pipelines"),
        ("get_caller_identity", "AccessDenied", "bucket account"),
    ],
)
def test_a_refused_read_is_unknown_and_never_absence(monkeypatch, operation, code, name):
    result = check(monkeypatch, {operation: code})
    assert verdicts(result)[name] == "unknown" and result["verdict"] == "unknown"


def test_a_bucket_of_another_account_is_told_from_a_missing_permission(monkeypatch):
    assert verdicts(check(monkeypatch, owner=STRANGER))["bucket account"] == "refuse"
    denied = verdicts(check(monkeypatch, {"get_bucket_location": "AccessDenied"}))
    assert (denied["bucket region"], denied["bucket account"]) == ("unknown", "unknown")


def test_a_bucket_that_is_not_there_has_no_settings(monkeypatch):
    found = verdicts(check(monkeypatch, {"get_bucket_location": "NoSuchBucket"}))
    assert (found["bucket region"], found["bucket account"]) == ("refuse", "unknown")
    assert "bucket policy" not in found and "lifecycle" not in found


def test_a_region_without_pipelines_makes_no_call_of_theirs(monkeypatch):
    found = verdicts(check(monkeypatch, {"list_media_capture_pipelines": None}, region="eu-west-1"))
    assert found["pipeline region"] == "refuse" and "quota pipelines" not in found


def test_a_sink_role_takes_the_place_of_the_keys_policy(monkeypatch):
    found = verdicts(check(monkeypatch, sink_role_arn=f"arn:aws:iam::{ACCOUNT}:role/recordings"))
    assert found["sink role"] == "ok" and "key policy" not in found


def test_without_a_key_none_is_checked(monkeypatch):
    assert "key" not in verdicts(check(monkeypatch, kms_key=None))


def test_pipelines_that_go_on_count(monkeypatch):
    assert verdicts(check(monkeypatch, pipelines=10))["quota pipelines"] == "refuse"
    ended = {"get_media_capture_pipeline": {"MediaCapturePipeline": {"Status": "Stopped"}}}
    assert verdicts(check(monkeypatch, ended, pipelines=10))["quota pipelines"] == "ok"


def test_a_quota_that_is_named_is_read(monkeypatch):
    answers = {"get_service_quota": {"Quota": {"Value": 50.0}}}
    assert verdicts(check(monkeypatch, answers, pipelines=40, quota_code="L-1"))["quota pipelines"] == "ok"


@pytest.mark.parametrize("given", [{"account": "123"}, {"retention_days": 0}, {"pipelines": 0}])
def test_a_bad_option_is_named(monkeypatch, given):
    with pytest.raises(Refused, match=next(iter(given))):
        check(monkeypatch, **given)
