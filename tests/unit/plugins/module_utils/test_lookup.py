# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.lookup import find_by_name

ITEMS = [
    {"name": "one", "arn": "arn:1"},
    {"name": "two", "arn": "arn:3"},
    {"name": "two", "arn": "arn:2"},
]


def test_none_of_the_name_is_absent():
    assert find_by_name(ITEMS, "three", "guardrails") is None


def test_the_only_one_is_it():
    assert find_by_name(ITEMS, "one", "guardrails") == ITEMS[0]


def test_several_are_refused_with_their_arns():
    with pytest.raises(Refused) as refused:
        find_by_name(ITEMS, "two", "guardrails")
    assert refused.value.result["reason"] == "ambiguous_name"
    assert refused.value.result["arns"] == ["arn:2", "arn:3"]


def test_the_keys_of_a_service_are_its_own():
    items = [{"Name": "one", "AppInstanceArn": "arn:1"}]
    assert find_by_name(items, "one", "app instances", "Name", "AppInstanceArn") == items[0]
