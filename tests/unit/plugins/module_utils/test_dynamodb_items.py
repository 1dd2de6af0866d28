# SPDX-License-Identifier: GPL-3.0-or-later
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.dynamodb_items import (
    add_years,
    build_get,
    build_query,
    choose,
    find_violation,
    item_to_plain,
    iter_violations,
    time_of,
    to_attribute,
    to_plain,
)

CREATED = "CREATED#2026-05-01T10:00:00Z"
SEVEN_YEARS = int(datetime(2033, 5, 1, 10, tzinfo=UTC).timestamp())
QUERY = {
    "partition_key": {"pk": "MEETING#1"},
    "sort_key": None,
    "sort_operator": "begins_with",
    "sort_values": [],
    "index": None,
    "newest_first": False,
}


def options(**given):
    base = {"table": "audit", "key": None, "query": None, "consistent_read": True, "attributes": None, "asserts": []}
    return {**base, **given}


def check(**given):
    return {"attribute": "ttl", "test": "exists", "value": None, "years": None, "since_attribute": None, **given}


def retained(years=7, since="sk"):
    return check(test="retained", years=years, since_attribute=since)


@pytest.mark.parametrize(
    ("value", "attribute"),
    [
        ("a", {"S": "a"}),
        (7, {"N": "7"}),
        (0.1, {"N": "0.1"}),
        (True, {"BOOL": True}),
        (["a", 1.5], {"L": [{"S": "a"}, {"N": "1.5"}]}),
        ({"a": {"b": 2}}, {"M": {"a": {"M": {"b": {"N": "2"}}}}}),
    ],
)
def test_a_plain_value_goes_there_and_back(value, attribute):
    assert to_attribute(value) == attribute
    assert to_plain(attribute) == value


def test_numbers_keep_their_kind():
    plain = item_to_plain({"ttl": {"N": "1984522983"}, "share": {"N": "0.5"}, "whole": {"N": "2.0"}})
    assert plain == {"ttl": 1984522983, "share": 0.5, "whole": 2}
    assert [type(value) for value in plain.values()] == [int, float, int]


def test_a_number_of_38_digits_is_not_rounded():
    assert to_plain({"N": "9" * 38}) == int("9" * 38)


def test_sets_are_sorted_lists_and_bytes_are_base64():
    plain = item_to_plain(
        {"s": {"SS": ["b", "a"]}, "n": {"NS": ["2", "1"]}, "b": {"B": b"\x00\x01"}, "x": {"NULL": True}}
    )
    assert plain == {"s": ["a", "b"], "n": [1, 2], "b": "AAE=", "x": None}


def test_an_item_is_read_by_its_whole_key():
    request = build_get(options(key={"pk": "a", "sk": 1}))
    assert request == {"TableName": "audit", "Key": {"pk": {"S": "a"}, "sk": {"N": "1"}}, "ConsistentRead": True}


def test_attributes_are_asked_for_by_placeholders_together_with_those_asserted():
    request = build_get(options(key={"pk": "a"}, attributes=["ttl"], asserts=[retained()]))
    assert request["ProjectionExpression"] == "#p0, #p1"
    assert request["ExpressionAttributeNames"] == {"#p0": "ttl", "#p1": "sk"}


def test_what_is_only_asserted_is_not_returned():
    assert choose({"ttl": 1, "sk": "x"}, ["ttl", "none"]) == {"ttl": 1}
    assert choose({"ttl": 1}, None) == {"ttl": 1}


def test_a_query_by_partition():
    request = build_query(options(query=QUERY))
    assert request["KeyConditionExpression"] == "#pk = :pk"
    assert request["ExpressionAttributeValues"] == {":pk": {"S": "MEETING#1"}}
    assert request["ScanIndexForward"] is True and "IndexName" not in request


@pytest.mark.parametrize(
    ("operator", "values", "condition"),
    [
        ("begins_with", ["C"], "#pk = :pk AND begins_with(#sk, :sk0)"),
        ("ge", ["C"], "#pk = :pk AND #sk >= :sk0"),
        ("between", ["A", "C"], "#pk = :pk AND #sk BETWEEN :sk0 AND :sk1"),
    ],
)
def test_a_query_narrowed_by_the_sort_key(operator, values, condition):
    request = build_query(options(query={**QUERY, "sort_key": "sk", "sort_operator": operator, "sort_values": values}))
    assert request["KeyConditionExpression"] == condition
    assert request["ExpressionAttributeNames"] == {"#pk": "pk", "#sk": "sk"}
    assert request["ExpressionAttributeValues"][":sk0"] == {"S": values[0]}


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-05-01T10:00:00Z", datetime(2026, 5, 1, 10, tzinfo=UTC)),
        (CREATED, datetime(2026, 5, 1, 10, tzinfo=UTC)),
        ("2026-05-01T12:00:00+02:00", datetime(2026, 5, 1, 10, tzinfo=UTC)),
        ("2026-05-01T10:00:00", datetime(2026, 5, 1, 10, tzinfo=UTC)),
        (1777629600, datetime(2026, 5, 1, 10, tzinfo=UTC)),
        (1777629600000, datetime(2026, 5, 1, 10, tzinfo=UTC)),
        ("yesterday", None),
        (None, None),
        (True, None),
        (10**30, None),
    ],
)
def test_times_of_an_item(text, moment):
    assert time_of(text) == moment


def test_a_leap_day_is_kept_until_the_first_of_march():
    assert add_years(datetime(2028, 2, 29, tzinfo=UTC), 7) == datetime(2035, 3, 1, tzinfo=UTC)
    assert add_years(datetime(2028, 2, 29, tzinfo=UTC), 4) == datetime(2032, 2, 29, tzinfo=UTC)


def test_a_fraction_of_a_second_that_dynamodb_cannot_keep_is_not_lacking():
    row = {"sk": "CREATED#2026-11-25T10:13:37.908Z", "ttl": 2016526417}
    assert find_violation(row, retained()) is None
    assert find_violation({**row, "ttl": 2016526416}, retained())


def test_seven_calendar_years_are_enough_to_the_second():
    assert find_violation({"sk": CREATED, "ttl": SEVEN_YEARS}, retained()) is None
    assert find_violation({"sk": CREATED, "ttl": SEVEN_YEARS - 1}, retained())


def test_2555_days_are_two_days_short_of_seven_years():
    ttl = SEVEN_YEARS - 2 * 86400
    assert "2.0 days short of 7 calendar years" in find_violation({"sk": CREATED, "ttl": ttl}, retained())


def test_an_item_without_a_start_has_an_unknown_retention():
    assert "unknown" in find_violation({"sk": "CREATED", "ttl": SEVEN_YEARS}, retained())
    assert "unknown" in find_violation({"ttl": SEVEN_YEARS}, retained())


def test_a_ttl_that_is_text_never_expires_an_item():
    assert "does not take" in find_violation({"sk": CREATED, "ttl": str(SEVEN_YEARS)}, retained())


def test_an_item_without_a_ttl_is_told():
    assert find_violation({"sk": CREATED}, retained()) == "ttl is not there"


@pytest.mark.parametrize(
    ("found", "test", "value", "holds"),
    [
        (7, "eq", 7, True),
        (7, "eq", "7", True),
        (7, "ge", "6.5", True),
        (7, "lt", 7, False),
        (0.1, "eq", 0.1, True),
        (7, "eq", "seven", False),
        (7, "begins_with", 7, False),
        ("a", "ne", "b", True),
        ("CREATED#1", "begins_with", "CREATED#", True),
        ("CREATED#1", "matches", r"#\d$", True),
        ("b", "gt", "a", True),
        ("7", "eq", 7, True),
        (True, "eq", True, True),
        (True, "eq", "true", True),
        (True, "gt", False, False),
        (["a"], "eq", ["a"], True),
        (["a"], "lt", ["b"], False),
        (None, "eq", None, True),
    ],
)
def test_a_value_is_compared(found, test, value, holds):
    broken = find_violation({"ttl": found}, check(test=test, value=value))
    assert (broken is None) is holds


def test_an_attribute_that_must_not_be_there():
    assert find_violation({}, check(test="absent")) is None
    assert find_violation({"ttl": 1}, check(test="absent")) == "ttl is there"


def test_every_item_is_judged_and_named_by_its_place():
    items = [{"ttl": 1}, {}, {"ttl": 1}]
    (found,) = iter_violations(items, [check()])
    assert (found["item"], found["attribute"], found["test"]) == (1, "ttl", "exists")


def test_decimals_do_not_leak():
    assert not any(isinstance(value, Decimal) for value in to_plain({"L": [{"N": "1"}, {"N": "1.5"}]}))
