# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables, buckets and HTTP APIs against the stand-in: check, read back, do, do again, and what must be refused."""

import pytest

REGION, OTHER = "eu-central-1", "eu-west-1"
ACCOUNT = "123456789012"
QUICK = {"poll_seconds": 0.1, "wait_timeout": 60}


# --- tables ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def table(step):
    """A step for a table of this name."""

    def build(name, *faults, **options):
        keys = {} if options.get("state") == "absent" else {"hash_key": {"name": "pk"}, "range_key": {"name": "sk"}}
        return step("dynamodb_table", *faults, name=name, **{**QUICK, **keys, **options})

    return build


def test_a_table_from_its_creation_to_its_end(services, table):
    given = {"ttl_attribute": "ttl", "tags": {"Workload": "medzen"}}
    checked, made, checked_again, again, kept, opened, gone, nothing = services.play(
        table("life", check=True, **given), table("life", **given),
        table("life", check=True, **given), table("life", **given),
        table("life", state="absent"), table("life", deletion_protection=False, **given),
        table("life", state="absent"), table("life", state="absent"),
    )  # fmt: skip
    assert checked.changed and checked.writes == []
    assert made.changed and made["diff"] == checked["diff"]
    assert made.writes == [
        f"dynamodb:{name}" for name in ("CreateTable", "UpdateTimeToLive", "UpdateContinuousBackups")
    ]
    assert [(one.changed, one.writes) for one in (checked_again, again)] == [(False, []), (False, [])]
    assert "deletion protection on" in kept.error and kept.writes == []
    assert opened.writes == ["dynamodb:UpdateTable"] and gone.changed
    assert not nothing.changed and nothing.writes == []


def test_replicas_come_and_go_one_at_a_time(services, table):
    three = {"replica_regions": [REGION, OTHER, "eu-north-1"]}
    one = {"replica_regions": ["eu-north-1"]}
    checked, made, again, left, purged = services.play(
        table("worldwide", check=True, **three), table("worldwide", **three), table("worldwide", **three),
        table("worldwide", **one), table("worldwide", purge_replicas=True, **one),
    )  # fmt: skip
    assert checked["table"]["replicas"] == {OTHER: "PLANNED", "eu-north-1": "PLANNED"} and checked.writes == []
    assert made["table"]["replicas"] == {OTHER: "ACTIVE", "eu-north-1": "ACTIVE"}
    assert made.writes.count("dynamodb:UpdateTable") == 2
    assert [(done.changed, done.writes) for done in (again, left)] == [(False, []), (False, [])]
    assert purged.writes == ["dynamodb:UpdateTable"] and purged["table"]["replicas"] == {"eu-north-1": "ACTIVE"}


def test_a_replica_is_run_from_its_own_region_too(services, table):
    both = {"replica_regions": [REGION, OTHER]}
    made, over_there, again = services.play(
        table("symmetric", **both), table("symmetric", region=OTHER, **both), table("symmetric", region=OTHER, **both)
    )
    assert made.changed and over_there["table"]["replicas"] == {REGION: "ACTIVE"}
    assert "dynamodb:CreateTable" not in over_there.writes and not again.changed


def test_a_table_of_a_stack_is_converged(services, table):
    services.client("dynamodb").create_table(
        TableName="adopted",
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "S"},
        ],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        ProvisionedThroughput={"ReadCapacityUnits": 1, "WriteCapacityUnits": 1},
    )
    adopted, again, refused = services.play(
        table("adopted"), table("adopted"), table("adopted", hash_key={"name": "id"})
    )
    assert adopted.changed and "dynamodb:CreateTable" not in adopted.writes
    assert adopted["table"]["billing_mode"] == "PAY_PER_REQUEST"
    assert not again.changed and again.writes == []
    assert "pk (S)" in refused.error and "id (S)" in refused.error and refused.writes == []


def test_lost_answers_and_throttling_make_nothing_twice(services, table, fault):
    create, update = "dynamodb:CreateTable", "dynamodb:UpdateTable"
    lost, replica, throttled = services.play(
        table("lost", fault("lost_response", create, count=1)),
        table("lost", fault("lost_response", update, count=2), replica_regions=[OTHER]),
        table("lost", fault("throttle", update, count=2), deletion_protection=False),
    )
    assert lost.changed and lost.writes.count(create) == 2
    assert replica["table"]["replicas"] == {OTHER: "ACTIVE"}
    assert throttled.changed and throttled["table"]["deletion_protection"] is False


def test_a_denied_look_at_a_table_is_no_absence(services, table, fault):
    denied = fault("error", "dynamodb:DescribeTable", code="AccessDeniedException", status=400)
    [refused] = services.play(table("denied", denied))
    assert "AccessDeniedException" in refused.error and refused.writes == []
