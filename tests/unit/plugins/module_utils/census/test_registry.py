# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds and their order."""

import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.census import registry
from ansible_collections.medzen.multiregion.plugins.module_utils.census.registry import Kind
from ansible_collections.medzen.multiregion.plugins.module_utils.census.scan import KINDS


def kind(name, *after):
    return Kind(name, name, "ec2", lambda place: [], after=after)


def test_every_kind_waits_for_kinds_that_exist():
    assert {other for one in KINDS.values() for other in one.after} <= set(KINDS)


def test_every_kind_can_be_deleted():
    assert [name for name, one in KINDS.items() if one.delete is None] == []


def test_keys_go_after_what_they_encrypt_and_groups_before_the_network():
    level = registry.levels(KINDS)
    encrypted = ("dynamodb_table", "log_group", "rds_instance", "rds_snapshot", "s3_bucket", "secret", "sns_topic")
    encrypted += ("bedrock_guardrail",)
    assert level["kms_key"] > max(level[name] for name in encrypted)
    assert level["network_interface"] < level["security_group"] < level["vpc"]
    assert level["network_interface"] < level["subnet"] < level["vpc"]


def test_an_assistant_goes_from_its_function_on_and_its_logs_last():
    level = registry.levels(KINDS)
    of_bedrock = ("bedrock_guardrail", "bedrock_inference_profile", "bedrock_invocation_logging")
    assert level["http_api"] < level["lambda_function"] < min(level[name] for name in of_bedrock)
    assert level["bedrock_invocation_logging"] < min(level["log_group"], level["s3_bucket"])


def test_a_second_kind_of_the_same_name_is_a_mistake():
    with pytest.raises(ValueError, match="names are unique"):
        registry.register(KINDS["vpc"])


def test_kinds_that_wait_for_each_other_are_a_mistake():
    with pytest.raises(ValueError, match="a -> b -> a"):
        registry.levels({"a": kind("a", "b"), "b": kind("b", "a")})


@pytest.mark.parametrize(
    "given, expected",
    [
        ("arn:aws:kms:af-south-1:1:key/k-1", ("kms_key/k-1",)),
        ("k-1", ("kms_key/k-1",)),
        ("arn:aws:kms:af-south-1:1:alias/medzen", ("kms_alias/alias/medzen",)),
        ("alias/aws/rds", ()),
        (None, ()),
    ],
)
def test_a_key_is_recognised_in_each_of_its_spellings(given, expected):
    assert registry.key_references(given) == expected
