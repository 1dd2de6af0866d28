# SPDX-License-Identifier: GPL-3.0-or-later
"""Audit rows read back, as they are proved after a request to the application's API."""

from __future__ import annotations

import threading
import time

import pytest

TABLE, HOME = "medzen-meeting-audit", "eu-central-1"
CREATED = "CREATED#2026-05-01T10:00:00Z"
SEVEN_YEARS, SHORT = 1998554400, 1998554400 - 2 * 86400
RETAINED = {"attribute": "ttl", "test": "retained", "years": 7, "since_attribute": "sk"}


def row(meeting, ttl=SEVEN_YEARS):
    return {
        "pk": {"S": f"MEETING#{meeting}"},
        "sk": {"S": CREATED},
        "action": {"S": "MEETING_CREATED"},
        "appointmentId": {"S": "a-1"},
        "ttl": {"N": str(ttl)},
    }


@pytest.fixture(scope="module")
def table(services):
    dynamodb = services.client("dynamodb")
    keys = [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}]
    types = [{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")]
    dynamodb.create_table(TableName=TABLE, KeySchema=keys, AttributeDefinitions=types, BillingMode="PAY_PER_REQUEST")
    dynamodb.put_item(TableName=TABLE, Item=row("kept"))
    dynamodb.put_item(TableName=TABLE, Item=row("short", SHORT))
    return dynamodb


@pytest.fixture
def item(table, step):
    return lambda meeting, *faults, **options: step(
        "dynamodb_item_info", *faults, table=TABLE, key={"pk": f"MEETING#{meeting}", "sk": CREATED}, **options
    )


def test_an_audit_row_is_proved(services, item):
    found, short = services.play(
        item("kept", expect="present", asserts=[RETAINED]), item("short", expect="present", asserts=[RETAINED])
    )
    assert not found.changed and found["ok"] is True and found.operations == ["dynamodb:GetItem"]
    assert found["found_items"][0]["ttl"] == SEVEN_YEARS and found["found_items"][0]["appointmentId"] == "a-1"
    assert "2.0 days short of 7 calendar years" in short.error


def test_rows_are_found_by_their_meeting(services, table, step):
    query = {"partition_key": {"pk": "MEETING#kept"}, "sort_key": "sk", "sort_values": ["CREATED#"]}
    (found,) = services.play(step("dynamodb_item_info", table=TABLE, query=query, attributes=["action"]))
    assert found["found_items"] == [{"action": "MEETING_CREATED"}] and found.operations == ["dynamodb:Query"]


def test_a_row_that_is_not_there(services, item):
    silent, refused, wanted, checked = services.play(
        item("none"), item("none", expect="present"), item("none", expect="absent"),
        item("none", expect="present", wait_timeout=60, check=True),
    )  # fmt: skip
    assert silent["found_items"] == [] and silent["ok"] is True and wanted["ok"] is True
    assert "no item is there" in refused.error
    assert checked["ok"] is False and checked.operations == ["dynamodb:GetItem"]


def test_a_row_that_is_written_a_moment_later_is_waited_for(services, table, item):
    write = threading.Timer(4.0, lambda: table.put_item(TableName=TABLE, Item=row("late")))
    started = time.monotonic()
    write.start()
    try:
        (found,) = services.play(item("late", expect="present", wait_timeout=60, poll_seconds=0.2))
    finally:
        write.join()
    assert found["ok"] is True and time.monotonic() - started >= 4.0


def test_throttling_is_waited_out_and_a_refusal_is_no_absence(services, item, fault):
    throttled = fault("throttle", "dynamodb:GetItem", count=5, code="ProvisionedThroughputExceededException")
    denied = fault("error", "dynamodb:GetItem", code="AccessDeniedException", status=400)
    read, refused = services.play(item("kept", throttled), item("kept", denied, expect="absent"))
    assert read["count"] == 1
    assert "AccessDeniedException" in refused.error and f"Failed to get the item from {TABLE}" in refused.error


def test_a_lost_answer_is_read_again(services, item, fault):
    (read,) = services.play(item("kept", fault("lost_response", "dynamodb:GetItem", count=1)))
    assert read["count"] == 1 and read.writes == []


def test_a_table_that_is_not_there_is_a_failure(services, step):
    (done,) = services.play(step("dynamodb_item_info", table="none", key={"pk": "a"}, expect="absent"))
    assert "ResourceNotFoundException" in done.error


def test_wrong_options_are_named_before_any_call(services, step):
    partition = {"partition_key": {"pk": "a"}}
    wrong = {
        "key": {"key": {}},
        "query.partition_key": {"query": {"partition_key": {"pk": "a", "sk": "b"}}},
        "query.limit": {"query": {**partition, "limit": 1001}},
        "query.index": {"query": {**partition, "index": "a b"}},
        "query.sort_values": {"query": {**partition, "sort_key": "sk", "sort_operator": "between"}},
        "asserts[0].years": {"key": {"pk": "a"}, "asserts": [{"attribute": "ttl", "test": "retained"}]},
        "wait_timeout": {"key": {"pk": "a"}, "wait_timeout": -1},
    }
    done = services.play(*(step("dynamodb_item_info", table=TABLE, **given) for given in wrong.values()))
    for option, one in zip(wrong, done, strict=True):
        assert option in one.error and one.operations == []
