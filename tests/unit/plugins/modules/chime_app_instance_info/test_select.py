# SPDX-License-Identifier: GPL-3.0-or-later
"""Which app instances are read."""

import pytest
from ansible_collections.medzen.multiregion.plugins.modules.chime_app_instance_info import select

LISTED = [
    {"AppInstanceArn": "arn:3", "Name": "b"},
    {"AppInstanceArn": "arn:1", "Name": "a"},
    {"AppInstanceArn": "arn:2", "Name": "a"},
]


@pytest.mark.parametrize(
    ("name", "arn", "selected"),
    [
        (None, None, ["arn:1", "arn:2", "arn:3"]),
        ("a", None, ["arn:1", "arn:2"]),
        (None, "arn:3", ["arn:3"]),
        ("a", "arn:3", []),
        ("c", None, []),
    ],
)
def test_all_of_a_name_and_the_one_of_an_arn(name, arn, selected):
    assert select(LISTED, {"name": name, "app_instance_arn": arn}) == selected
