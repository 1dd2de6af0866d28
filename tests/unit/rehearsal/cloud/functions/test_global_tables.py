# SPDX-License-Identifier: GPL-3.0-or-later
"""Global tables: replicas that exist, writes that arrive a moment later, and what is refused."""

import itertools

import botocore.exceptions
import pytest

from rehearsal.cloud import global_tables

NUMBERS = itertools.count(1)
HOME, AWAY = "eu-central-1", "eu-west-1"
KEYS = [("pk", "HASH"), ("sk", "RANGE")]


@pytest.fixture(scope="session")
def installed(world):
    if not getattr(world, "global_tables_installed", False):
        global_tables.install(world)
        world.global_tables_installed = True
    return world


@pytest.fixture
def refused():
    return lambda code: pytest.raises(botocore.exceptions.ClientError, match=rf"\({code}\)")


@pytest.fixture
def regions(installed, client):
    return {region: client("dynamodb", region) for region in (HOME, AWAY)}


@pytest.fixture
def table(regions):
    """A table at home with one item; returns its name."""
    name = f"audit-{next(NUMBERS)}"
    create(regions[HOME], name)
    put(regions[HOME], name, "first")
    return name


def create(client, name, **options):
    request = {
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": key, "AttributeType": "S"} for key, _ in KEYS],
        "KeySchema": [{"AttributeName": key, "KeyType": kind} for key, kind in KEYS],
        "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    }
    client.create_table(**request | options)


def key(pk):
    return {"pk": {"S": pk}, "sk": {"S": "1"}}


def put(client, name, pk, value="x"):
    client.put_item(TableName=name, Item=key(pk) | {"value": {"S": value}})


def read(client, name, pk):
    return client.get_item(TableName=name, Key=key(pk)).get("Item", {}).get("value", {}).get("S")


@pytest.fixture
def replicate(regions, table, pass_time):
    regions[HOME].update_table(TableName=table, ReplicaUpdates=[{"Create": {"RegionName": AWAY}}])
    pass_time(300)


def describe(client, name):
    return client.describe_table(TableName=name)["Table"]


def test_a_replica_is_created_over_time_and_has_the_items(regions, table, pass_time, refused):
    made = regions[HOME].update_table(TableName=table, ReplicaUpdates=[{"Create": {"RegionName": AWAY}}])
    assert made["TableDescription"]["TableStatus"] == "UPDATING"
    assert made["TableDescription"]["Replicas"] == [{"RegionName": AWAY, "ReplicaStatus": "CREATING"}]
    assert describe(regions[AWAY], table)["TableStatus"] == "CREATING"
    with refused("ResourceNotFoundException"):
        read(regions[AWAY], table, "first")
    pass_time(300)
    assert read(regions[AWAY], table, "first") == "x"
    assert describe(regions[AWAY], table)["Replicas"] == [{"RegionName": HOME, "ReplicaStatus": "ACTIVE"}]
    assert describe(regions[HOME], table)["GlobalTableVersion"] == "2019.11.21"


@pytest.mark.parametrize(("here", "there"), [(HOME, AWAY), (AWAY, HOME)])
def test_a_write_reaches_the_other_region_a_moment_later(regions, table, replicate, pass_time, here, there):
    put(regions[here], table, "new")
    assert read(regions[there], table, "new") is None
    pass_time(2)
    assert read(regions[there], table, "new") == "x"


def test_updates_deletes_and_batches_are_replicated(regions, table, replicate, pass_time):
    regions[HOME].update_item(
        TableName=table, Key=key("first"), UpdateExpression="SET #v = :v",
        ExpressionAttributeNames={"#v": "value"}, ExpressionAttributeValues={":v": {"S": "changed"}},
    )  # fmt: skip
    requests = [{"PutRequest": {"Item": key("batch") | {"value": {"S": "b"}}}}]
    regions[HOME].batch_write_item(RequestItems={table: requests})
    item = key("transaction") | {"value": {"S": "t"}}
    regions[HOME].transact_write_items(TransactItems=[{"Put": {"TableName": table, "Item": item}}])
    pass_time(2)
    assert [read(regions[AWAY], table, pk) for pk in ("first", "batch", "transaction")] == ["changed", "b", "t"]
    regions[AWAY].delete_item(TableName=table, Key=key("first"))
    pass_time(2)
    assert read(regions[HOME], table, "first") is None


def test_the_last_writer_wins(regions, table, replicate, pass_time):
    put(regions[HOME], table, "both", "earlier")
    pass_time(0.5)
    put(regions[AWAY], table, "both", "later")
    pass_time(5)
    assert [read(regions[region], table, "both") for region in (HOME, AWAY)] == ["later", "later"]


def test_a_replica_is_deleted_over_time(regions, table, replicate, pass_time, refused):
    regions[HOME].update_table(TableName=table, ReplicaUpdates=[{"Delete": {"RegionName": AWAY}}])
    assert describe(regions[HOME], table)["Replicas"] == [{"RegionName": AWAY, "ReplicaStatus": "DELETING"}]
    pass_time(300)
    assert "Replicas" not in describe(regions[HOME], table)
    with refused("ResourceNotFoundException"):
        describe(regions[AWAY], table)


def test_a_region_that_was_a_source_is_kept_for_a_day(regions, table, replicate, pass_time, refused):
    remove = {"TableName": table, "ReplicaUpdates": [{"Delete": {"RegionName": HOME}}]}
    with refused("ValidationException"):
        regions[AWAY].update_table(**remove)
    pass_time(86_400)
    regions[AWAY].update_table(**remove)
    pass_time(300)
    assert read(regions[AWAY], table, "first") == "x"


def test_no_second_change_begins_while_one_is_under_way(regions, table, refused):
    regions[HOME].update_table(TableName=table, ReplicaUpdates=[{"Create": {"RegionName": AWAY}}])
    with refused("ResourceInUseException"):
        regions[HOME].update_table(TableName=table, ReplicaUpdates=[{"Create": {"RegionName": "eu-west-2"}}])


@pytest.mark.parametrize("region", [HOME, "mars-1"])
def test_a_region_that_cannot_hold_the_replica_is_refused(regions, table, refused, region):
    with refused("ValidationException"):
        regions[HOME].update_table(TableName=table, ReplicaUpdates=[{"Create": {"RegionName": region}}])


def test_a_table_without_a_stream_gets_no_replica(regions, refused):
    name = f"audit-{next(NUMBERS)}"
    create(regions[HOME], name, StreamSpecification={"StreamEnabled": False})
    with refused("ValidationException"):
        regions[HOME].update_table(TableName=name, ReplicaUpdates=[{"Create": {"RegionName": AWAY}}])


def test_expiry_backups_and_protection_round_trip(regions, table, replicate, refused):
    home = regions[HOME]
    home.update_time_to_live(TableName=table, TimeToLiveSpecification={"Enabled": True, "AttributeName": "ttl"})
    found = regions[AWAY].describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    assert found == {"TimeToLiveStatus": "ENABLED", "AttributeName": "ttl"}
    home.update_continuous_backups(
        TableName=table, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )
    backups = home.describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"]
    assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"
    home.update_table(TableName=table, DeletionProtectionEnabled=True)
    assert describe(home, table)["DeletionProtectionEnabled"] is True
    regions[AWAY].update_table(TableName=table, DeletionProtectionEnabled=True)
    with refused("ValidationException"):
        home.update_table(TableName=table, ReplicaUpdates=[{"Delete": {"RegionName": AWAY}}])


@pytest.fixture
def keys(client):
    """The ARN of a key of each region."""
    return {region: client("kms", region).create_key()["KeyMetadata"]["Arn"] for region in (HOME, AWAY)}


def encrypt(regions, name, key):
    encryption = {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key}
    regions[HOME].update_table(TableName=name, SSESpecification=encryption)


def key_of(client, name):
    return client.describe_table(TableName=name)["Table"]["SSEDescription"]["KMSMasterKeyArn"]


def test_a_table_that_is_there_gets_a_key_and_its_replica_one_of_its_own(regions, table, keys, pass_time):
    encrypt(regions, table, keys[HOME])
    create = {"RegionName": AWAY, "KMSMasterKeyId": keys[AWAY]}
    regions[HOME].update_table(TableName=table, ReplicaUpdates=[{"Create": create}])
    pass_time(200)
    assert {region: key_of(regions[region], table) for region in (HOME, AWAY)} == keys


def test_a_replica_with_another_type_of_key_is_refused(regions, table, keys, refused):
    encrypt(regions, table, keys[HOME])
    with refused("ValidationException"):
        regions[HOME].update_table(TableName=table, ReplicaUpdates=[{"Create": {"RegionName": AWAY}}])


def test_a_key_of_another_region_is_refused(regions, table, keys, refused):
    with refused("ValidationException"):
        encrypt(regions, table, keys[AWAY])
