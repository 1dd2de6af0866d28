# SPDX-License-Identifier: GPL-3.0-or-later
"""KMS keys against the stand-in: check, read back, do, do again; and one key whatever was lost on the way to it."""

import pytest

REGION = "eu-central-1"


@pytest.fixture
def key(step):
    """A step for the key of this alias."""

    def build(alias, *faults, **options):
        return step("kms_key", *faults, alias=alias, **options)

    return build


@pytest.fixture
def keys_of(services):
    """The keys of this description that are not about to be deleted."""

    def find(description):
        kms = services.client("kms")
        keys = [kms.describe_key(KeyId=one["KeyId"])["KeyMetadata"] for one in kms.list_keys(Limit=1000)["Keys"]]
        return [one["Arn"] for one in keys if one["Description"] == description and one["KeyState"] == "Enabled"]

    return find


def test_a_key_from_its_creation_to_its_end_and_back(services, key):
    tags = {"Workload": "medzen"}
    checked, made, checked_again, again, changed, gone, nothing, back = services.play(
        key("life", check=True, tags=tags), key("life", tags=tags),
        key("life", check=True, tags=tags), key("alias/life", tags=tags),
        key("life", tags={"Owner": "ops"}, enable_key_rotation=False, description="Another"),
        key("life", state="absent", pending_window=7), key("life", state="absent"),
        key("life", tags={"Owner": "ops"}, enable_key_rotation=False),
    )  # fmt: skip
    assert checked.changed and checked.writes == []
    assert made.changed and made["diff"]["after"]["tags"] == checked["diff"]["after"]["tags"] == tags
    assert made.writes == ["kms:CreateKey", "kms:CreateAlias", "kms:EnableKeyRotation"]
    assert [(one.changed, one.writes) for one in (checked_again, again)] == [(False, []), (False, [])]
    writes = ["kms:DisableKeyRotation", "kms:UpdateKeyDescription", "kms:TagResource", "kms:UntagResource"]
    assert changed.writes == writes and changed["key"]["key_arn"] == made["key"]["key_arn"]
    assert gone.writes == ["kms:ScheduleKeyDeletion"] and gone["key"]["key_state"] == "PendingDeletion"
    assert not nothing.changed and nothing.writes == []
    assert back.writes[:2] == ["kms:CancelKeyDeletion", "kms:EnableKey"]
    [found] = [services.client("kms").describe_key(KeyId="alias/life")["KeyMetadata"]]
    assert (found["Arn"], found["KeyState"]) == (made["key"]["key_arn"], "Enabled")


def test_every_lost_answer_leaves_one_key(services, key, fault, keys_of):
    lost = [
        fault("lost_response", f"kms:{name}", count=1) for name in ("CreateKey", "CreateAlias", "EnableKeyRotation")
    ]
    made, again, gone, back = services.play(
        key("lost", *lost, tags={"Workload": "medzen"}), key("lost"),
        key("lost", fault("lost_response", "kms:ScheduleKeyDeletion", count=1), state="absent"),
        key("lost", fault("lost_response", "kms:CancelKeyDeletion", count=1)),
    )  # fmt: skip
    assert made.changed and not again.changed and gone.changed and back.changed
    assert keys_of("lost") == [made["key"]["key_arn"]]


def test_a_key_left_without_its_alias_gets_it(services, key, keys_of):
    left = services.client("kms").create_key(
        Description="left", Tags=[{"TagKey": "Workload", "TagValue": "medzen"}]
    )["KeyMetadata"]["Arn"]  # fmt: skip
    [adopted] = services.play(key("left", tags={"Workload": "medzen"}))
    assert "kms:CreateKey" not in adopted.writes
    assert keys_of("left") == [left] == [adopted["key"]["key_arn"]]


def test_of_two_that_were_left_none_is_chosen(services, key):
    for _ in range(2):
        services.client("kms").create_key(Description="twice")
    [refused] = services.play(key("twice"))
    assert "2 keys without alias" in refused.error and refused.writes == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"alias": "aws/rds"}, "correct alias"),
        ({"alias": "bad alias"}, "alias"),
        ({"alias": "window", "pending_window": 3}, "7 to 30 days"),
        ({"alias": "text", "description": "x" * 9000}, "description"),
    ],
)
def test_bad_options_are_refused_before_anything_is_written(services, step, options, said):
    [refused] = services.play(step("kms_key", **options))
    assert refused.failed and said in refused.error and refused.writes == []
