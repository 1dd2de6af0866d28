# SPDX-License-Identifier: GPL-3.0-or-later
from types import SimpleNamespace

import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.kms import require_key_arn
from botocore.exceptions import ClientError

HERE = "eu-central-1"
ARN = f"arn:aws:kms:{HERE}:123456789012:key/1"


class Kms:
    meta = SimpleNamespace(region_name=HERE)

    def __init__(self, *names):
        self.names = names

    def describe_key(self, KeyId, aws_retry):
        if KeyId not in self.names:
            raise ClientError({"Error": {"Code": "NotFoundException", "Message": "no"}}, "DescribeKey")
        return {"KeyMetadata": {"Arn": ARN}}


@pytest.mark.parametrize("name", ["1", "alias/a", f"arn:aws:kms:{HERE}:123456789012:alias/a"])
def test_a_name_becomes_the_arn_of_its_key(name):
    assert require_key_arn(Kms(name), name, "kms_key_id") == ARN


def test_the_arn_of_a_key_is_taken_without_a_call():
    assert require_key_arn(Kms(), ARN, "kms_key_id") == ARN


@pytest.mark.parametrize("name", ["alias/none", "arn:aws:kms:eu-west-1:123456789012:key/1"])
def test_a_key_that_is_not_there_or_elsewhere_is_refused_by_the_option(name):
    with pytest.raises(Refused, match=f"kms_key_id names no key of {HERE}"):
        require_key_arn(Kms(), name, "kms_key_id")
