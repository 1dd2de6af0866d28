# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.tags import diff_tags, from_boto, to_boto


def test_tags_survive_the_way_to_aws_and_back():
    assert from_boto(to_boto({"Workload": "medzen-ehrbase"})) == {"Workload": "medzen-ehrbase"}


def test_no_tags_are_an_empty_list_and_an_empty_dict():
    assert (to_boto(None), from_boto(None)) == ([], {})


@pytest.mark.parametrize(
    ("wanted", "purge", "expected"),
    [
        (None, True, ({}, [])),
        ({}, True, ({}, ["a", "b"])),
        ({"a": 1}, True, ({}, ["b"])),
        ({"a": "2"}, False, ({"a": "2"}, [])),
        ({"c": "3"}, True, ({"c": "3"}, ["a", "b"])),
    ],
)
def test_the_difference_is_what_has_to_be_set_and_removed(wanted, purge, expected):
    assert diff_tags({"a": "1", "b": "2", "aws:own": "x"}, wanted, purge) == expected
