# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
from ansible_collections.medzen.multiregion.plugins.modules import kms_key as module

ARN = "arn:aws:kms:eu-central-1:123456789012:key/1234"
PARAMS = {
    "alias": "medzen-ehrbase-eu-central-1",
    "description": None,
    "enable_key_rotation": True,
    "tags": {"Workload": "medzen"},
    "purge_tags": True,
}
PRESENT = {
    "key_arn": ARN,
    "alias": "alias/medzen-ehrbase-eu-central-1",
    "description": "of another hand",
    "key_state": "Enabled",
    "enable_key_rotation": True,
    "tags": {"Workload": "medzen"},
}
# As DescribeKey has it.
NAMELESS = {
    "KeyManager": "CUSTOMER",
    "KeyState": "Enabled",
    "KeySpec": "SYMMETRIC_DEFAULT",
    "Description": "medzen-ehrbase-eu-central-1",
}


def test_a_new_key_carries_its_alias_as_description():
    after = module.build_after(None, PARAMS)
    assert after == {**PRESENT, "key_arn": None, "description": "medzen-ehrbase-eu-central-1"}
    tags = [{"TagKey": "Workload", "TagValue": "medzen"}]
    assert module.build_create_request(after) == {"Description": "medzen-ehrbase-eu-central-1", "Tags": tags}


def test_a_description_that_is_not_given_stays():
    assert module.build_after(PRESENT, PARAMS) == PRESENT


@pytest.mark.parametrize("change", [{"description": "new"}, {"enable_key_rotation": False}, {"tags": {}}])
def test_what_is_given_is_wanted(change):
    after = module.build_after(PRESENT, {**PARAMS, **change})
    assert after == {**PRESENT, **change} != PRESENT


def test_a_key_that_waits_for_its_deletion_is_wanted_back():
    assert module.build_after({**PRESENT, "key_state": module.PENDING}, PARAMS)["key_state"] == "Enabled"


def test_the_prefix_of_an_alias_may_be_given_or_not():
    assert module.full_alias("alias/a") == module.full_alias("a") == "alias/a"


@pytest.mark.parametrize(
    "other",
    [{"KeyManager": "AWS"}, {"KeyState": "PendingDeletion"}, {"KeySpec": "RSA_2048"}, {"Description": "another"}],
)
def test_only_a_key_like_ours_is_taken_for_one_that_an_earlier_try_left(other):
    after = module.build_after(None, PARAMS)
    assert module.is_left_over(NAMELESS, after) and not module.is_left_over({**NAMELESS, **other}, after)
