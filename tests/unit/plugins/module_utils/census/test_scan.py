# SPDX-License-Identifier: GPL-3.0-or-later
"""A listing that fails is unknown."""

from ansible_collections.medzen.multiregion.plugins.module_utils.census.registry import Item, Kind, Place
from ansible_collections.medzen.multiregion.plugins.module_utils.census.scan import scan

PLACE = Place(lambda service, region: None, "af-south-1")


def failing(place):
    raise KeyError("TagList")


KINDS = {
    "a": Kind("a", "A", "ec2", lambda place: [Item("a", "2", "z"), Item("a", "1", "b")]),
    "b": Kind("b", "B", "ec2", failing),
}


def test_items_are_sorted_by_name():
    assert [item.name for item in scan(PLACE, None, KINDS)["a"].items] == ["b", "z"]


def test_whatever_goes_wrong_in_a_listing_makes_its_kind_unknown():
    found = scan(PLACE, None, KINDS)["b"]
    assert found.is_unknown and found.reason == "KeyError: 'TagList'"


def test_only_the_kinds_named_are_listed():
    assert list(scan(PLACE, ["a"], KINDS)) == ["a"]
