# SPDX-License-Identifier: GPL-3.0-or-later
import boto3
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import AwsError, Refused
from ansible_collections.medzen.multiregion.plugins.modules import dynamodb_item_info as module
from moto import mock_aws

TABLE, HOME = "medzen-meeting-audit", "eu-central-1"
QUERY = {
    "partition_key": {"pk": "MEETING#1"},
    "sort_key": None,
    "sort_operator": "begins_with",
    "sort_values": [],
    "index": None,
    "newest_first": False,
    "limit": 100,
}


class Retrying:
    """A client that takes aws_retry."""

    def __init__(self, client):
        self.client = client

    def __getattr__(self, name):
        found = getattr(self.client, name)
        if not callable(found):
            return found
        return lambda *args, aws_retry=False, **request: found(*args, **request)


class Module:
    region = HOME

    def __init__(self, check_mode, params):
        self.check_mode, self.params = check_mode, params

    def client(self, service, **_options):
        return Retrying(boto3.client(service, region_name=self.region))


@pytest.fixture(autouse=True)
def table(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "rehearsal")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        dynamodb = boto3.resource("dynamodb", region_name=HOME)
        keys = [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}]
        types = [{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")]
        made = dynamodb.create_table(
            TableName=TABLE, KeySchema=keys, AttributeDefinitions=types, BillingMode="PAY_PER_REQUEST"
        )
        for month in (5, 6, 7):
            sk = f"CREATED#2026-0{month}-01T10:00:00Z"
            made.put_item(Item={"pk": "MEETING#1", "sk": sk, "appointmentId": "a", "ttl": 1998554400, "parts": {"x"}})
        yield made


def report(check_mode=False, **given):
    base = {"table": TABLE, "key": None, "query": None, "consistent_read": True, "attributes": None, "expect": "any"}
    base |= {"asserts": [], "wait_timeout": 0, "poll_seconds": 0, "extra_regions": [], "fail_on_violation": True}
    return module.report(Module(check_mode, {**base, **given}))


def check(attribute, test="exists", value=None, **given):
    return {"attribute": attribute, "test": test, "value": value, "years": None, "since_attribute": None, **given}


KEY = {"pk": "MEETING#1", "sk": "CREATED#2026-05-01T10:00:00Z"}


def test_an_item_is_returned_in_plain_values_under_its_own_names():
    result = report(key=KEY)
    assert result["found_items"] == [{**KEY, "appointmentId": "a", "ttl": 1998554400, "parts": ["x"]}]
    assert (result["count"], result["ok"], result["changed"]) == (1, True, False)


def test_an_item_that_is_not_there():
    assert report(key={**KEY, "sk": "none"})["found_items"] == []
    assert report(key={**KEY, "sk": "none"}, expect="absent")["ok"] is True
    with pytest.raises(Refused, match="no item is there"):
        report(key={**KEY, "sk": "none"}, expect="present")


def test_an_item_that_must_not_be_there():
    with pytest.raises(Refused, match="1 items are there; expected none"):
        report(key=KEY, expect="absent")


def test_a_violation_may_be_a_value_only():
    result = report(key=KEY, asserts=[check("ttl", "lt", 5)], fail_on_violation=False)
    assert (result["ok"], result["violations"][0]["attribute"]) == (False, "ttl")


def test_a_retention_is_proved_from_the_key_of_the_item():
    given = {"years": 7, "since_attribute": "sk"}
    assert report(key=KEY, attributes=["ttl"], asserts=[check("ttl", "retained", **given)])["found_items"] == [
        {"ttl": 1998554400}
    ]
    with pytest.raises(Refused, match="days short of 8 calendar years"):
        report(key=KEY, asserts=[check("ttl", "retained", **{**given, "years": 8})])


def test_items_of_a_partition_come_in_order():
    found = report(query={**QUERY, "newest_first": True})["found_items"]
    assert [item["sk"][13:15] for item in found] == ["07", "06", "05"]


def test_a_query_is_narrowed():
    narrowed = {**QUERY, "sort_key": "sk", "sort_values": ["CREATED#2026-06"]}
    assert report(query=narrowed)["count"] == 1


def test_items_beyond_the_limit_are_not_judged_and_not_ok():
    result = report(query={**QUERY, "limit": 2})
    assert (result["count"], result["truncated"], result["ok"]) == (2, True, True)
    with pytest.raises(Refused, match="more than 2 items"):
        report(query={**QUERY, "limit": 2}, asserts=[check("ttl")])


def test_it_waits_until_the_item_is_there(table):
    late = {**KEY, "sk": "CREATED#late"}
    sleeps = []

    def sleep(_seconds):
        sleeps.append(1)
        if len(sleeps) == 2:
            table.put_item(Item={**late, "appointmentId": "a"})

    options = {"table": TABLE, "key": late, "query": None, "consistent_read": True, "attributes": None, "asserts": []}
    options |= {"expect": "present", "wait_timeout": 60, "poll_seconds": 1}
    clock = iter(range(100))
    seen = module.look_until(Module(False, {}).client("dynamodb"), options, clock=lambda: next(clock), sleep=sleep)
    assert seen["ok"] and len(sleeps) == 2


def test_the_last_look_is_kept_under_its_own_names_when_the_time_is_over():
    with pytest.raises(Refused) as refused:
        report(key=KEY, asserts=[check("ttl", "lt", 5)], wait_timeout=0)
    assert refused.value.result["found_items"][0]["appointmentId"] == "a"


def test_check_mode_reads_once_and_does_not_fail():
    result = report(check_mode=True, key={**KEY, "sk": "none"}, expect="present", wait_timeout=60)
    assert result["ok"] is False


def test_a_table_that_is_not_there_is_no_absent_item():
    with pytest.raises(AwsError, match="Failed to get the item from none") as failed:
        report(table="none", key=KEY, expect="absent")
    assert failed.value.code == "ResourceNotFoundException"


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"key": {}}, "key"),
        ({"key": KEY, "wait_timeout": -1}, "wait_timeout"),
        ({"query": {**QUERY, "partition_key": KEY}}, "query.partition_key"),
        ({"query": {**QUERY, "limit": 0}}, "query.limit"),
        ({"query": {**QUERY, "limit": 1001}}, "query.limit"),
        ({"query": {**QUERY, "index": "a b"}}, "query.index"),
        ({"query": {**QUERY, "sort_values": ["a"]}}, "query.sort_key"),
        ({"query": {**QUERY, "sort_key": "sk"}}, "query.sort_values"),
        ({"query": {**QUERY, "sort_key": "sk", "sort_operator": "between", "sort_values": ["a"]}}, "query.sort_values"),
        ({"key": KEY, "asserts": [check("ttl", "eq")]}, r"asserts\[0\].value"),
        ({"key": KEY, "asserts": [check("ttl"), check("ttl", "retained", years=7)]}, r"asserts\[1\].years"),
        ({"key": KEY, "asserts": [check("ttl", "retained", years=101, since_attribute="sk")]}, r"asserts\[0\].years"),
        ({"key": KEY, "asserts": [check("sk", "matches", "(")]}, r"asserts\[0\].value"),
        ({"table": "a" * 1025, "key": KEY}, "table"),
    ],
)
def test_a_wrong_option_is_named(given, named):
    with pytest.raises(Refused, match=named):
        report(**given)
