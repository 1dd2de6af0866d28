# SPDX-License-Identifier: GPL-3.0-or-later
"""What a policy lets a service do."""

import json

import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.policy_document import parse, read_grant

SERVICE, ACCOUNT = "mediapipelines.chime.amazonaws.com", "123456789012"
ACTIONS = ("s3:PutObject", "s3:PutObjectAcl")
OBJECT = "arn:aws:s3:::recordings/any"
SCOPE = {
    "StringEquals": {"aws:SourceAccount": ACCOUNT},
    "ArnLike": {"aws:SourceArn": f"arn:aws:chime:*:{ACCOUNT}:*"},
}


def statement(**more):
    return {
        "Effect": "Allow",
        "Principal": {"Service": SERVICE},
        "Action": list(ACTIONS),
        "Resource": "arn:aws:s3:::recordings/*",
        "Condition": SCOPE,
        **more,
    }


def deny(**more):
    return statement(**{"Effect": "Deny", "Principal": "*", "Condition": {}, **more})


def grant(*statements):
    return read_grant(statements, SERVICE, ACTIONS, OBJECT, ACCOUNT)


def test_the_documented_statement_is_enough():
    found = grant(statement())
    assert (found.missing, found.denied, found.doubts, found.scoped) == ((), (), (), True)


@pytest.mark.parametrize(
    "more",
    [
        {"Principal": {"Service": [SERVICE, "other.amazonaws.com"]}},
        {"Principal": "*"},
        {"Principal": {"AWS": "*"}},
        {"Action": "s3:*"},
        {"Action": ["s3:Put*"]},
        {"Action": ["S3:putobject", "s3:PUTOBJECTACL"]},
        {"Resource": "*"},
        {"Condition": {"StringLike": {"AWS:sourceaccount": ACCOUNT}}},
    ],
)
def test_other_ways_to_say_the_same(more):
    assert grant(statement(**more)).missing == ()


@pytest.mark.parametrize(
    "more",
    [
        {"Principal": {"Service": "chime.amazonaws.com"}},
        {"Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}},
        {"Action": "s3:GetObject"},
        {"Resource": "arn:aws:s3:::other/*"},
        {"Resource": "arn:aws:s3:::recordings"},
        {"Condition": {"StringEquals": {"aws:SourceAccount": "210987654321"}}},
        {"Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:chime:*:210987654321:*"}}},
        {"Effect": "Deny"},
    ],
)
def test_what_is_not_enough(more):
    assert "s3:PutObject" in grant(statement(**more)).missing


def test_one_action_can_be_missing():
    assert grant(statement(Action="s3:PutObject")).missing == ("s3:PutObjectAcl",)


def test_an_allow_without_a_source_is_open_to_others():
    assert grant(statement(Condition={})).scoped is False
    assert grant(statement(Condition={"StringEquals": {"aws:SourceAccount": ACCOUNT}})).scoped is True


def test_an_allow_under_a_condition_of_another_kind_is_in_doubt():
    found = grant(statement(Condition={"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}))
    assert found.missing == () and len(found.doubts) == 2


def test_a_sound_allow_beside_a_doubtful_one_is_enough():
    doubtful = statement(Condition={"Bool": {"aws:ViaAWSService": "true"}})
    assert grant(doubtful, statement()).doubts == ()


def test_a_negative_condition_is_not_read_as_a_positive_one():
    assert grant(statement(Condition={"StringNotEquals": {"aws:SourceAccount": ACCOUNT}})).doubts


def test_a_plain_deny_beats_every_allow():
    assert grant(statement(), deny(Action="s3:PutObject")).denied == ("s3:PutObject",)


def test_a_deny_of_unencrypted_connections_is_harmless():
    found = grant(statement(), deny(Action="s3:*", Condition={"Bool": {"aws:SecureTransport": "false"}}))
    assert (found.denied, found.doubts) == ((), ())


def test_a_deny_under_another_condition_is_in_doubt():
    condition = {"StringNotEquals": {"s3:x-amz-server-side-encryption": "aws:kms"}}
    assert "s3:x-amz-server-side-encryption" in grant(statement(), deny(Condition=condition)).doubts[0]


def test_not_action_and_not_resource_are_turned_round():
    body = {key: value for key, value in deny().items() if key not in ("Action", "Resource")}
    assert grant(statement(), {**body, "NotAction": "s3:Put*", "Resource": "*"}).denied == ()
    assert grant(statement(), {**body, "NotAction": "s3:Get*", "Resource": "*"}).denied == ACTIONS
    assert grant(statement(), {**body, "Action": "*", "NotResource": "arn:aws:s3:::recordings/*"}).denied == ()


def test_one_statement_need_not_be_in_a_list():
    one = statement()
    assert parse(json.dumps({"Statement": one})) == parse({"Statement": [one]}) == [one]


def test_a_document_without_statements_grants_nothing():
    assert grant(*parse("{}")).missing == ACTIONS
