# SPDX-License-Identifier: GPL-3.0-or-later
import json

import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import AwsError, Refused
from ansible_collections.medzen.multiregion.plugins.modules import kms_key_policy as module
from botocore.exceptions import ClientError

REGION = "eu-central-1"
ARN = f"arn:aws:kms:{REGION}:123456789012:key/1234"
OWNER = {
    "Sid": "Enable IAM User Permissions",
    "Effect": "Allow",
    "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
    "Action": "kms:*",
    "Resource": "*",
}
LOGS = {
    "Sid": "Logs",
    "Effect": "Allow",
    "Principal": {"Service": "logs.eu-central-1.amazonaws.com"},
    "Action": ["kms:Encrypt", "kms:Decrypt"],
    "Resource": "*",
}


class Kms:
    """A key with this policy, and what is written to it."""

    class meta:  # noqa: N801
        region_name = REGION

    def __init__(self, *statements, denied=False):
        self.policy = {"Version": "2012-10-17", "Id": "key-default-1", "Statement": list(statements)}
        self.denied, self.written = denied, []

    def describe_key(self, KeyId, aws_retry):  # noqa: N803
        return {"KeyMetadata": {"Arn": ARN}}

    def get_key_policy(self, KeyId, PolicyName, aws_retry):  # noqa: N803
        if self.denied:
            raise ClientError({"Error": {"Code": "AccessDeniedException"}}, "GetKeyPolicy")
        return {"Policy": json.dumps(self.policy)}

    def put_key_policy(self, KeyId, PolicyName, Policy, aws_retry):  # noqa: N803
        self.policy = json.loads(Policy)
        self.written.append((KeyId, PolicyName))


def ensure(kms, *statements, check_mode=False):
    given = {"key_id": "alias/medzen-ehrbase-eu-central-1", "statements": list(statements)}
    client = staticmethod(lambda _service, **_options: kms)
    return module.ensure(type("Module", (), {"params": given, "check_mode": check_mode, "client": client}))


def test_a_statement_is_added_and_the_others_stay():
    kms = Kms(OWNER)
    result = ensure(kms, LOGS)
    assert result["changed"] and result["key_arn"] == ARN
    assert kms.policy == {"Version": "2012-10-17", "Id": "key-default-1", "Statement": [OWNER, LOGS]}
    assert kms.written == [(ARN, "default")]


def test_a_second_run_writes_nothing_whatever_the_order_of_actions():
    kms = Kms(OWNER, LOGS)
    assert not ensure(kms, {**LOGS, "Action": ["kms:Decrypt", "kms:Encrypt"]})["changed"] and kms.written == []


def test_a_statement_of_the_same_sid_is_replaced_in_its_place():
    kms = Kms(LOGS, OWNER)
    ensure(kms, {**LOGS, "Action": "kms:Decrypt"})
    assert kms.policy["Statement"] == [{**LOGS, "Action": "kms:Decrypt"}, OWNER]


def test_check_mode_tells_the_policy_and_writes_nothing():
    kms = Kms(OWNER)
    result = ensure(kms, LOGS, check_mode=True)
    assert (result["changed"], result["statements"], kms.written) == (True, [OWNER, LOGS], [])


@pytest.mark.parametrize("statements", [[{**LOGS, "Sid": None}], [LOGS, LOGS]], ids=["without a Sid", "twice"])
def test_statements_that_cannot_be_told_apart_are_refused(statements):
    with pytest.raises(Refused, match="cannot be told apart"):
        ensure(Kms(OWNER), *statements)


def test_a_policy_that_may_not_be_read_is_not_replaced():
    kms = Kms(OWNER, denied=True)
    with pytest.raises(AwsError, match="AccessDenied"):
        ensure(kms, LOGS)
    assert kms.written == []
