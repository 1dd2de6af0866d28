# SPDX-License-Identifier: GPL-3.0-or-later
import json

import pytest
from botocore.exceptions import ClientError

from rehearsal.cloud import bucket_policies

BUCKET = "policies"
TLS = {"Condition": {"Bool": {"aws:SecureTransport": "false"}}}
SOURCE = {"Condition": {"StringEquals": {"aws:SourceAccount": "123456789012"}}}


@pytest.fixture
def s3(world, client, monkeypatch):
    monkeypatch.setattr(bucket_policies.FakeBucket, "get_permission", None)
    bucket_policies.install(world)
    return client("s3", "us-east-1")


def put_under(s3, effect, more):
    s3.create_bucket(Bucket=BUCKET)
    statement = {"Sid": "One", "Effect": effect, "Principal": "*", "Action": "s3:*", **more}
    statement["Resource"] = [f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/*"]
    s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    return s3.put_object(Bucket=BUCKET, Key="visit.mp4", Body=b"film")


@pytest.mark.parametrize(("effect", "condition"), [("Deny", TLS), ("Allow", SOURCE), ("Allow", {})])
def test_an_object_is_taken_where_nothing_denies_it_whatever_comes(s3, effect, condition):
    assert put_under(s3, effect, condition)["ETag"]


def test_a_denial_without_a_condition_denies(s3):
    with pytest.raises(ClientError, match="403"):
        put_under(s3, "Deny", {})
