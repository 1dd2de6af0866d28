# SPDX-License-Identifier: GPL-3.0-or-later
"""What the assistant leaves in a region is found by the census and goes in an order that AWS takes."""

import json

import pytest

REGION, NAME = "af-south-1", "medzen-leaving"
SOURCE = "global.anthropic.claude-haiku-4-5-20251001-v1:0"
# CloudWatch Logs takes a key only if the key's own policy says so.
KEY_POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"}, "Action": "kms:*", "Resource": "*"},
        {
            "Effect": "Allow",
            "Principal": {"Service": f"logs.{REGION}.amazonaws.com"},
            "Action": ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"],
            "Resource": "*",
        },
    ],
}
OURS = {"workload": NAME, "name_prefixes": [NAME], "region": REGION}


@pytest.fixture(scope="module")
def places(services):
    """Key, bucket, log group and role, as another run made them."""
    kms, s3, logs = (services.client(name, REGION) for name in ("kms", "s3", "logs"))
    tags = [{"TagKey": "Workload", "TagValue": NAME}]
    key = kms.create_key(Tags=tags, Policy=json.dumps(KEY_POLICY))["KeyMetadata"]["Arn"]
    s3.create_bucket(Bucket=NAME, CreateBucketConfiguration={"LocationConstraint": REGION})
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}}
    s3.put_bucket_encryption(Bucket=NAME, ServerSideEncryptionConfiguration={"Rules": [rule]})
    logs.create_log_group(logGroupName=f"/aws/bedrock/{NAME}", kmsKeyId=key)
    allowed = {"Effect": "Allow", "Principal": {"Service": "bedrock.amazonaws.com"}, "Action": "sts:AssumeRole"}
    trust = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    role = services.client("iam").create_role(RoleName=NAME, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    return {"key": key, "role": role}


@pytest.fixture(scope="module")
def assistant(services, step, places):
    done = services.play(
        step("bedrock_guardrail", name=NAME, blocked_input_messaging="no", blocked_outputs_messaging="no",
             word_policy={"words": [{"text": "fool"}]}, kms_key_id=places["key"], publish_version="on_change",
             poll_seconds=0.1),
        step("bedrock_inference_profile", name=NAME, model_source=SOURCE, poll_seconds=0.1),
        step("bedrock_invocation_logging", s3={"bucket": NAME}, require_encryption=True,
             cloudwatch={"log_group": f"/aws/bedrock/{NAME}", "role_arn": places["role"]}),
        region=REGION,
    )  # fmt: skip
    assert all(one.changed for one in done)
    return done


def planned(census):
    return sorted({item.split("/", 1)[0] for item in census["plan_items"]})


def test_a_bucket_that_stays_keeps_its_key_and_all_else_is_planned(services, step, assistant, places):
    (census,) = services.play(step("region_census_info", **OURS))
    kinds = ["bedrock_guardrail", "bedrock_inference_profile", "bedrock_invocation_logging", "log_group"]
    assert planned(census) == kinds
    kept = {row["id"]: row["reason"] for row in census["plan"]["keep"]}
    assert NAME in kept and "still needs it" in kept[places["key"].rsplit("/", 1)[-1]]


def test_it_is_deleted_in_order_and_the_region_is_empty(services, step, assistant):
    both = {**OURS, "include": ["s3_bucket"]}
    (census,) = services.play(step("region_census_info", **both))
    plan = {"plan_checksum": census["plan_checksum"], "plan_items": census["plan_items"]}
    check, teardown, after = services.play(
        step("region_teardown", **both, **plan, confirm=REGION, poll_seconds=0.1, check=True),
        step("region_teardown", **both, **plan, confirm=REGION, poll_seconds=0.1),
        step("region_census_info", **both),
    )
    assert check.changed and check.writes == []
    assert teardown["done"] and not after["plan_items"] and after["verdict"] == "empty", teardown
    writes = [one.partition(":")[2] for one in teardown.writes]
    assert writes.index("DeleteModelInvocationLoggingConfiguration") < writes.index("DeleteLogGroup")
    assert max(map(writes.index, ("DeleteGuardrail", "DeleteBucket"))) < writes.index("ScheduleKeyDeletion")
