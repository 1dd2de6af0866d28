# SPDX-License-Identifier: GPL-3.0-or-later
import itertools

import pytest

NUMBERS = itertools.count(1)


@pytest.fixture
def group(client):
    name = f"/medzen/bedrock-{next(NUMBERS)}"
    client("logs").create_log_group(logGroupName=name)
    return name


@pytest.fixture
def role(bedrock, client):
    made = client("iam", "us-east-1").create_role(RoleName=f"bedrock-{next(NUMBERS)}", AssumeRolePolicyDocument="{}")
    return made["Role"]["Arn"]


@pytest.fixture
def bucket(client):
    def make(region):
        name = f"medzen-bedrock-{next(NUMBERS)}"
        where = {"CreateBucketConfiguration": {"LocationConstraint": region}}
        client("s3", region).create_bucket(Bucket=name, **where)
        return name

    return make


def put(api, **targets):
    api.put_model_invocation_logging_configuration(loggingConfig=targets)


def get(api):
    answer = api.get_model_invocation_logging_configuration()
    answer.pop("ResponseMetadata")
    return answer


def test_nothing_configured_is_an_empty_body(api):
    assert get(api) == {}
    api.delete_model_invocation_logging_configuration()


def test_a_new_role_is_refused_for_a_while(api, group, role, pass_time, refused):
    wanted = {"logGroupName": group, "roleArn": role}
    with refused("ValidationException", "validate permissions for log group"):
        put(api, cloudWatchConfig=wanted)
    pass_time(11)
    put(api, cloudWatchConfig=wanted)
    assert get(api)["loggingConfig"]["cloudWatchConfig"] == wanted


def test_what_is_not_named_is_delivered(api, bucket):
    put(api, s3Config={"bucketName": bucket("eu-central-1")}, imageDataDeliveryEnabled=False)
    shown = get(api)["loggingConfig"]
    assert (shown["imageDataDeliveryEnabled"], shown["textDataDeliveryEnabled"]) == (False, True)
    api.delete_model_invocation_logging_configuration()
    assert get(api) == {}


def test_a_bucket_of_another_region_is_refused(api, bucket, refused):
    with refused("ValidationException", "eu-west-1"):
        put(api, s3Config={"bucketName": bucket("eu-west-1")})


def test_a_log_group_of_another_region_is_refused(client, bedrock, group, role, pass_time, refused):
    pass_time(11)
    with refused("ValidationException", "log group"):
        put(client("bedrock", "eu-west-1"), cloudWatchConfig={"logGroupName": group, "roleArn": role})


def test_a_configuration_has_a_destination(api, refused):
    with refused("ValidationException", "destination"):
        put(api, textDataDeliveryEnabled=True)
