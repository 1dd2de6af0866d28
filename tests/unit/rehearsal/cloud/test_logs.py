# SPDX-License-Identifier: GPL-3.0-or-later
import json
import uuid

import pytest
from botocore.exceptions import ClientError

from rehearsal.cloud import logs as layer

REGION, OTHER = "eu-central-1", "eu-west-1"
ACTIONS = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"]
GROUPS = f"arn:aws:logs:{REGION}:123456789012:log-group:"


@pytest.fixture(scope="module")
def with_logs(world):
    layer.install(world)


@pytest.fixture
def logs(with_logs, client):
    return client("logs")


@pytest.fixture
def group(logs):
    name = f"/aws/lambda/{uuid.uuid4()}"
    logs.create_log_group(logGroupName=name)
    return name


def statement(**more):
    own = {"Principal": {"Service": f"logs.{REGION}.amazonaws.com"}, "Action": ACTIONS, "Resource": "*"}
    condition = {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": f"{GROUPS}*"}}
    return {"Effect": "Allow", "Condition": condition, **own, **more}


@pytest.fixture
def make_key(client):
    """The ARN of a key with these statements beside its owner's."""

    def build(*statements, region=REGION):
        owner = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "kms:*", "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [owner, *statements]})
        return client("kms", region).create_key(Policy=policy)["KeyMetadata"]["Arn"]

    return build


def key_of(logs, name):
    return logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"][0].get("kmsKeyId")


def refused(call, **parameters):
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    return caught.value.response["Error"]["Code"]


def test_a_group_is_encrypted_with_a_key_that_lets_the_service_use_it(logs, group, make_key):
    key = make_key(statement())
    logs.associate_kms_key(logGroupName=group, kmsKeyId=key)
    assert key_of(logs, group) == key
    logs.disassociate_kms_key(logGroupName=group)
    assert key_of(logs, group) is None


@pytest.mark.parametrize(
    "lacking",
    [
        [],
        [statement(Principal={"Service": f"logs.{OTHER}.amazonaws.com"})],
        [statement(Action=["kms:Encrypt", "kms:Decrypt"])],
        [statement(Condition={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": f"{GROUPS}/ecs/*"}})],
        [statement(Condition={"StringEquals": {"aws:PrincipalOrgID": "o-1"}})],
        [statement(Effect="Deny")],
    ],
    ids=["no statement", "another region", "too few actions", "other groups", "an unknown condition", "denied"],
)
def test_a_key_whose_policy_does_not_let_the_service_use_it_is_refused(logs, group, make_key, lacking):
    key = make_key(*lacking)
    assert refused(logs.associate_kms_key, logGroupName=group, kmsKeyId=key) == "AccessDeniedException"
    assert key_of(logs, group) is None


def test_a_new_group_is_held_to_the_same(logs, make_key):
    name = f"/aws/lambda/{uuid.uuid4()}"
    assert refused(logs.create_log_group, logGroupName=name, kmsKeyId=make_key()) == "AccessDeniedException"
    key = make_key(statement())
    logs.create_log_group(logGroupName=name, kmsKeyId=key)
    assert key_of(logs, name) == key


def test_a_key_that_is_disabled_or_of_another_region_is_refused(logs, client, group, make_key):
    disabled = make_key(statement())
    client("kms").disable_key(KeyId=disabled.rpartition("/")[2])
    for key in (disabled, make_key(statement(), region=OTHER), "alias/none"):
        assert refused(logs.associate_kms_key, logGroupName=group, kmsKeyId=key) == "InvalidParameterException", key


def test_a_group_that_is_not_there_is_told(logs, make_key):
    code = refused(logs.associate_kms_key, logGroupName="/none", kmsKeyId=make_key(statement()))
    assert code == "ResourceNotFoundException"
