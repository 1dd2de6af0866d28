# SPDX-License-Identifier: GPL-3.0-or-later
from datetime import UTC, datetime

import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils import aws
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import AwsError
from botocore.exceptions import ClientError, EndpointConnectionError


def fail(code):
    raise ClientError({"Error": {"Code": code, "Message": "no"}}, "Operation")


@aws.describe("copy snapshot {identifier} to {region}", missing=("DBSnapshotNotFound",), default="none")
def copy(identifier, code, region="eu-west-1"):
    fail(code)


def test_an_error_names_the_arguments_of_the_call():
    with pytest.raises(AwsError, match="Failed to copy snapshot move-1 to eu-west-1: .*AccessDenied"):
        copy("move-1", "AccessDenied")


def test_a_missing_thing_is_the_default():
    assert copy("move-1", "DBSnapshotNotFound") == "none"


def test_a_connection_that_fails_is_never_taken_for_absence():
    @aws.describe("look", missing=("NotFound",))
    def look():
        raise EndpointConnectionError(endpoint_url="http://nowhere")

    with pytest.raises(AwsError, match="Failed to look"):
        look()


def test_a_programming_error_is_not_disguised():
    @aws.describe("look")
    def look():
        return {}["missing"]

    with pytest.raises(KeyError):
        look()


def test_a_token_is_the_same_for_the_same_parts_of_one_task():
    assert aws.token("create", "a") == aws.token("create", "a") != aws.token("create", "b")


def test_a_token_fits_every_service():
    assert len(aws.token("x")) == 32 and aws.token("x").isalnum()


def test_an_answer_becomes_plain_values():
    answer = {
        "ResponseMetadata": {"RequestId": "1"},
        "DBInstanceArn": "arn",
        "CreateTime": datetime(2026, 11, 21, 8, tzinfo=UTC),
        "Tags": {"CamelKey": "v"},
        "Groups": [{"VpcSecurityGroupId": "sg-1"}],
    }
    assert aws.snake(answer) == {
        "db_instance_arn": "arn",
        "create_time": "2026-11-21T08:00:00+00:00",
        "tags": {"CamelKey": "v"},
        "groups": [{"vpc_security_group_id": "sg-1"}],
    }


def test_nothing_stays_nothing():
    assert aws.snake(None) is None


def test_the_client_of_another_region_is_asked_for_by_name():
    class Module:
        def client(self, service, **options):
            return service, options

    assert aws.client(Module(), "rds", "eu-west-1") == ("rds", {"retry_decorator": aws.RETRY, "region": "eu-west-1"})
    assert "region" not in aws.client(Module(), "rds")[1]


def test_a_throttled_call_is_tried_again(monkeypatch):
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    codes = ["ThrottlingException", "SlowDown", "Throttling", "503"]

    @aws.RETRY
    def call():
        if codes:
            fail(codes.pop())
        return "done"

    assert call() == "done"


def test_a_refused_call_is_not_tried_again(monkeypatch):
    monkeypatch.setattr("time.sleep", lambda seconds: pytest.fail("slept"))

    @aws.RETRY
    def call():
        fail("AccessDenied")

    with pytest.raises(ClientError):
        call()


def pages(*answers):
    calls = []

    def call(aws_retry, **parameters):
        assert aws_retry
        calls.append(parameters)
        return answers[len(calls) - 1]

    return call, calls


def test_a_listing_without_a_paginator_is_read_to_its_end():
    call, calls = pages({"Items": [1], "NextToken": "a"}, {"Items": [2]})
    assert aws.list_all(call, "Items", Arn="x") == [1, 2]
    assert calls == [{"Arn": "x"}, {"Arn": "x", "NextToken": "a"}]


def test_a_listing_that_repeats_a_page_is_an_error_and_no_end():
    call, _ = pages({"Items": [1], "NextToken": "a"}, {"Items": [2], "NextToken": "a"})
    with pytest.raises(AwsError, match="what it holds is unknown"):
        aws.list_all(call, "Items")
