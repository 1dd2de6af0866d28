# SPDX-License-Identifier: GPL-3.0-or-later
import pytest

from rehearsal.cloud.chime.bucket_policy import lets_put

OBJECT = "arn:aws:s3:::recordings/captures/recording.mp4"
CONTEXT = {
    "aws:SourceAccount": "123456789012",
    "aws:SourceArn": "arn:aws:chime:eu-central-1:123456789012:meeting/0a1b2c3d-0000-4000-8000-00000000cafe",
}
ALLOW = {
    "Effect": "Allow",
    "Principal": {"Service": "mediapipelines.chime.amazonaws.com"},
    "Action": ["s3:PutObject", "s3:PutObjectAcl"],
    "Resource": "arn:aws:s3:::recordings/*",
    "Condition": {
        "StringEquals": {"aws:SourceAccount": "123456789012"},
        "ArnLike": {"aws:SourceArn": "arn:aws:chime:*:123456789012:*"},
    },
}
DENY_PLAIN = {
    "Effect": "Deny",
    "Principal": "*",
    "Action": "s3:*",
    "Resource": ["arn:aws:s3:::recordings", "arn:aws:s3:::recordings/*"],
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}


def test_the_policy_of_the_documentation_lets_put():
    assert lets_put({"Statement": [ALLOW, DENY_PLAIN]}, OBJECT, CONTEXT)


def test_one_statement_need_not_be_a_list():
    assert lets_put({"Statement": ALLOW | {"Action": "s3:Put*"}}, OBJECT, CONTEXT)


@pytest.mark.parametrize(
    "change",
    [
        {"Action": "s3:PutObject"},
        {"Principal": {"Service": "chime.amazonaws.com"}},
        {"Principal": {"AWS": "arn:aws:iam::123456789012:root"}},
        {"Resource": "arn:aws:s3:::recordings"},
        {"Resource": "arn:aws:s3:::recordings/other/*"},
        {"Condition": {"StringEquals": {"aws:SourceAccount": "210987654321"}}},
        {"Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:chime:us-east-1:*:*"}}},
        {"Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}},
        {"Effect": "Deny"},
    ],
)
def test_a_statement_that_does_not_fit_lets_nothing(change):
    assert not lets_put({"Statement": [ALLOW | change]}, OBJECT, CONTEXT)


def test_no_policy_lets_nothing():
    assert not lets_put({}, OBJECT, CONTEXT)


def test_a_deny_wins():
    deny = DENY_PLAIN | {"Action": "s3:PutObjectAcl", "Condition": {}}
    assert not lets_put({"Statement": [ALLOW, deny]}, OBJECT, CONTEXT)
