# SPDX-License-Identifier: GPL-3.0-or-later
"""What an account keeps of prompts and where, and guardrails at work, against the stand-in's Bedrock."""

import json

import pytest

REGION, ELSEWHERE, WITHOUT = "eu-central-1", "eu-west-1", "ap-east-1"
SET, GET_MODE = "bedrock:PutAccountDataRetention", "bedrock:GetAccountDataRetention"
PUT, REMOVE = (f"bedrock:{verb}ModelInvocationLoggingConfiguration" for verb in ("Put", "Delete"))
STOPPED, PASSED = "GUARDRAIL_INTERVENED", "NONE"


# --- data retention --------------------------------------------------------------------------------------------------


def test_a_mode_is_checked_set_and_nothing_the_second_time(services, step):
    check, first, second, other, back = services.play(
        step("bedrock_data_retention", mode="none", check=True), step("bedrock_data_retention", mode="none"),
        step("bedrock_data_retention", mode="none"),
        step("bedrock_data_retention", mode="aws_review", region=ELSEWHERE),
        step("bedrock_data_retention", mode="default"),
    )  # fmt: skip
    assert check.changed and check.writes == [] and check["previous_mode"] == "default"
    assert first.changed and first.writes == [SET] and first["diff"] == check["diff"] and first["updated_at"]
    assert not second.changed and second.writes == []
    assert other["previous_mode"] == "default" and back["previous_mode"] == "none"


def test_sharing_and_what_cannot_be_asked_are_refused(services, step, fault):
    denied = fault("error", GET_MODE, code="AccessDeniedException", status=403)
    share, meant, unread, nowhere, bad = services.play(
        step("bedrock_data_retention", mode="provider_data_share"),
        step("bedrock_data_retention", mode="provider_data_share", allow_provider_share=True, check=True),
        step("bedrock_data_retention", denied, mode="none"),
        step("bedrock_data_retention", mode="none", region=WITHOUT),
        step("bedrock_data_retention", mode="some"),
    )  # fmt: skip
    assert "allow_provider_share" in share.error and share.calls == [] and meant.changed
    assert "AccessDeniedException" in unread.error and unread.writes == []
    assert "bedrock does not exist in ap-east-1" in nowhere.error and "must be one of" in bad.error


def test_a_mode_survives_throttling_and_a_lost_answer(services, step, fault):
    throttled, lost = services.play(
        step("bedrock_data_retention", fault("throttle", SET, count=5), mode="none", region="eu-west-2"),
        step("bedrock_data_retention", fault("lost_response", SET, count=1), mode="default", region="eu-west-2"),
    )
    assert throttled.changed and throttled.writes == [SET] * 6 and lost.changed and lost.writes == [SET] * 2


# --- invocation logging ----------------------------------------------------------------------------------------------


# CloudWatch Logs takes a key only when its policy lets the service use it.
KEY_POLICY = (
    {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"}, "Action": "kms:*", "Resource": "*"},
    {
        "Effect": "Allow",
        "Principal": {"Service": f"logs.{REGION}.amazonaws.com"},
        "Action": ["kms:Encrypt*", "kms:Decrypt*", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"],
        "Resource": "*",
    },
)


@pytest.fixture(scope="module")
def places(services):
    """Buckets of two regions, one with a key, log groups with and without one, and a role."""
    kms, s3, logs = (services.client(name) for name in ("kms", "s3", "logs"))
    policy = json.dumps({"Version": "2012-10-17", "Statement": list(KEY_POLICY)})
    key = kms.create_key(Policy=policy)["KeyMetadata"]["Arn"]
    here = {"CreateBucketConfiguration": {"LocationConstraint": REGION}}
    for bucket in ("medzen-log-plain", "medzen-log-locked"):
        s3.create_bucket(Bucket=bucket, **here)
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}}
    s3.put_bucket_encryption(Bucket="medzen-log-locked", ServerSideEncryptionConfiguration={"Rules": [rule]})
    elsewhere = {"CreateBucketConfiguration": {"LocationConstraint": ELSEWHERE}}
    services.client("s3", ELSEWHERE).create_bucket(Bucket="medzen-log-abroad", **elsewhere)
    logs.create_log_group(logGroupName="/medzen/plain")
    logs.create_log_group(logGroupName="/medzen/locked", kmsKeyId=key)
    return {"log_group": "/medzen/locked", "role_arn": make_role(services, "medzen-bedrock-logging")}


def make_role(services, name):
    allowed = {"Effect": "Allow", "Principal": {"Service": "bedrock.amazonaws.com"}, "Action": "sts:AssumeRole"}
    trust = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    return services.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]


def test_logging_is_checked_set_changed_and_removed(services, step, places):
    info, name = step("bedrock_invocation_logging_info"), "bedrock_invocation_logging"
    given = {"cloudwatch": places, "text_enabled": True, "require_encryption": True}
    bucket = {"bucket": "medzen-log-plain", "key_prefix": "a/"}
    done = services.play(
        step(name, check=True, **given), info, step(name, **given), info, step(name, **given),
        step(name, s3=bucket, image_enabled=False), step(name, s3={"bucket": "medzen-log-plain"}), step(name, s3={}),
        step(name, state="absent", check=True), step(name, state="absent"), step(name, state="absent"), info,
    )  # fmt: skip
    check, nothing, made, look, again, more, same, less, check_gone, gone, gone_again, end = done
    assert check.changed and check.writes == [] and not nothing["enabled"]
    assert made.changed and made.writes == [PUT] and look["enabled"] and look["unencrypted"] == []
    assert not again.changed and again.writes == [] and not same.changed
    assert more["logging_config"]["cloud_watch_config"]["log_group_name"] == "/medzen/locked"
    assert more["logging_config"]["s3_config"]["key_prefix"] == "a/"
    assert more["logging_config"]["image_data_delivery_enabled"] is False
    assert less.changed and "s3_config" not in less["logging_config"]
    assert check_gone.changed and check_gone.writes == [] and gone.writes == [REMOVE]
    assert not gone_again.changed and gone_again.writes == [] and not end["enabled"]


def test_places_that_cannot_hold_the_log_are_refused_before_a_write(services, step, places, fault):
    denied = fault("error", "s3:GetBucketLocation", code="AccessDenied", status=403)
    unread = fault("error", "bedrock:GetModelInvocationLoggingConfiguration", code="AccessDeniedException", status=403)
    here = {"s3": {"bucket": "medzen-log-plain"}}
    cases = [
        ("bucket medzen-log-abroad is in eu-west-1", (), {"s3": {"bucket": "medzen-log-abroad"}}),
        ("bucket medzen-log-none is not there", (), {"s3": {"bucket": "medzen-log-none"}}),
        ("bucket medzen-log-plain is not encrypted with KMS", (), {**here, "require_encryption": True}),
        ("log group /medzen/locked is not there in eu-west-1", (), {"cloudwatch": places, "region": ELSEWHERE}),
        ("log group /medzen/plain is not encrypted", (), {
            "cloudwatch": {**places, "log_group": "/medzen/plain"}, "require_encryption": True}),
        ("cloudwatch.role_arn: is required", (), {"cloudwatch": {"log_group": "/medzen/plain"}}),
        ("neither s3 nor cloudwatch", (), {"text_enabled": True}),
        ("AccessDenied", (denied,), here),
        ("AccessDeniedException", (unread,), here),
        ("AccessDeniedException", (unread,), {"state": "absent"}),
        ("bedrock does not exist in ap-east-1", (), {**here, "region": WITHOUT}),
    ]  # fmt: skip
    done = services.play(*(step("bedrock_invocation_logging", *faults, **options) for _text, faults, options in cases))
    for (expected, _faults, _options), refused in zip(cases, done, strict=True):
        assert expected in refused.error and refused.writes == []


def test_a_role_that_was_just_made_is_waited_for(services, step, places, fault):
    services.control("bedrock", {"knobs": {"role_settle_s": 1800}})
    role = make_role(services, "medzen-bedrock-new")
    services.control("bedrock", {"knobs": {"role_settle_s": 10}})
    name, given = "bedrock_invocation_logging", {"cloudwatch": {**places, "role_arn": role}}
    (made,) = services.play(step(name, **given))
    assert made.changed and made.writes[0] == made.writes[-1] == PUT


def test_logging_survives_throttling_and_a_lost_answer(services, step, places, fault):
    name, bucket = "bedrock_invocation_logging", {"bucket": "medzen-log-locked"}
    throttled, lost = services.play(
        step(name, fault("throttle", PUT, count=5), s3=bucket),
        step(name, fault("lost_response", REMOVE, count=1), state="absent"),
    )
    assert throttled.changed and throttled.writes == [PUT] * 6
    assert (
        lost.changed
        and services.client("bedrock").get_model_invocation_logging_configuration().get("loggingConfig") is None
    )


# --- guardrails at work ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def probed(services, step):
    """A guardrail of one name in two regions, published, that knows one word."""
    options = {
        "name": "probed", "blocked_input_messaging": "no", "blocked_outputs_messaging": "no",
        "word_policy": {"words": [{"text": "forbidden"}]}, "publish_version": "on_change", "poll_seconds": 0.1,
    }  # fmt: skip
    made = services.play(step("bedrock_guardrail", **options), step("bedrock_guardrail", region=ELSEWHERE, **options))
    assert all(one.changed for one in made)
    return [{"region": region, "name": "probed", "version": "1"} for region in (REGION, ELSEWHERE)]


CASES = [
    {"name": "word", "text": "This is forbidden.", "expect": STOPPED},
    {"name": "question", "text": "When does the hospital open?", "expect": PASSED, "source": "OUTPUT"},
]


def test_guardrails_of_two_regions_act_alike_and_change_nothing(services, step, probed):
    check, asked = services.play(
        step("bedrock_guardrail_probe", check=True, targets=probed, cases=CASES),
        step("bedrock_guardrail_probe", targets=probed, cases=CASES),
    )
    assert check["skipped_call"] and check.calls == []
    assert asked["same"] and not asked.changed and asked.writes.count("bedrock-runtime:ApplyGuardrail") in (0, 4)
    assert [row["policies"] for row in asked["results"]] == [["word"], []] * 2


def test_a_guardrail_that_acts_otherwise_or_cannot_be_asked_fails_the_probe(services, step, probed, fault):
    denied = fault("error", "bedrock-runtime:ApplyGuardrail", code="AccessDeniedException", status=403, count=1)
    throttled = fault("throttle", "bedrock-runtime:ApplyGuardrail", count=5)
    gone = [{**probed[0], "version": "9"}]
    wrong, refused, again, missing, nowhere = services.play(
        step("bedrock_guardrail_probe", targets=probed, cases=[{**CASES[0], "expect": PASSED}]),
        step("bedrock_guardrail_probe", denied, targets=probed, cases=CASES[:1]),
        step("bedrock_guardrail_probe", throttled, targets=probed, cases=CASES),
        step("bedrock_guardrail_probe", targets=gone, cases=CASES[:1]),
        step("bedrock_guardrail_probe", targets=[{**probed[0], "region": WITHOUT}], cases=CASES),
    )
    assert "case word: GUARDRAIL_INTERVENED, expected NONE" in wrong.error and len(wrong["results"]) == 2
    assert refused["results"][0]["failure_class"] == "access_denied" and refused["different_cases"] == ["word"]
    assert refused["results"][1]["ok"] and again["same"]
    assert missing["results"][0]["failure_class"] == "not_found"
    assert "bedrock-runtime does not exist in ap-east-1" in nowhere.error and nowhere.calls == []
