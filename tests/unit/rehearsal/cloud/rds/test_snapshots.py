# SPDX-License-Identifier: GPL-3.0-or-later
import pytest

from rehearsal.cloud.rds.mishaps import Mishaps

HOME, AWAY = "eu-west-1", "eu-central-1"


@pytest.fixture
def snapshot(create, client, network, pass_time):
    """An available snapshot of an encrypted instance: its name."""

    def make(**options):
        encrypted = {"StorageEncrypted": True, "KmsKeyId": network(HOME)["key"]}
        name = create(**encrypted | options)
        client("rds", HOME).create_db_snapshot(DBInstanceIdentifier=name, DBSnapshotIdentifier=f"snap-{name}")
        pass_time(300)
        return f"snap-{name}"

    return make


@pytest.fixture
def copy(client, look_snapshot):
    def start(source, target, **options):
        arn = look_snapshot(source)["DBSnapshotArn"]
        request = {"SourceDBSnapshotIdentifier": arn, "TargetDBSnapshotIdentifier": target, "SourceRegion": HOME}
        return client("rds", AWAY).copy_db_snapshot(**request | options)["DBSnapshot"]

    return start


def test_a_snapshot_shows_how_far_it_is(create, client, look_snapshot, pass_time):
    name = create()
    client("rds", HOME).create_db_snapshot(DBInstanceIdentifier=name, DBSnapshotIdentifier=f"snap-{name}")
    pass_time(150)
    half = look_snapshot(f"snap-{name}")
    assert (half["Status"], half["PercentProgress"]) == ("creating", 50)
    pass_time(150)
    whole = look_snapshot(f"snap-{name}")
    assert (whole["Status"], whole["PercentProgress"]) == ("available", 100)


def test_an_instance_is_backing_up_while_its_snapshot_begins(create, client, look, pass_time):
    name = create()
    client("rds", HOME).create_db_snapshot(DBInstanceIdentifier=name, DBSnapshotIdentifier=f"snap-{name}")
    assert look(name)["DBInstanceStatus"] == "backing-up"
    pass_time(60)
    assert look(name)["DBInstanceStatus"] == "available"


def test_a_copy_to_another_region_names_where_it_came_from(snapshot, copy, network, look_snapshot, pass_time):
    name = snapshot()
    shown = copy(name, f"copy-{name}", KmsKeyId=network(AWAY)["key"])
    assert (shown["Status"], shown["SourceRegion"]) == ("copying", HOME)
    assert shown["SourceDBSnapshotIdentifier"] == look_snapshot(name)["DBSnapshotArn"]
    pass_time(720)
    done = look_snapshot(f"copy-{name}", AWAY)
    assert (done["Status"], done["KmsKeyId"]) == ("available", network(AWAY)["key"])


def test_an_encrypted_copy_to_another_region_needs_a_key_of_that_region(snapshot, copy, network, refused):
    name = snapshot()
    with refused("InvalidParameterValue"):
        copy(name, f"copy-{name}")
    with refused("KMSKeyNotAccessibleFault"):
        copy(name, f"copy-{name}", KmsKeyId=network(HOME)["key"])


def test_a_snapshot_that_is_not_finished_is_not_copied(create, client, copy, network, refused):
    name = create()
    client("rds", HOME).create_db_snapshot(DBInstanceIdentifier=name, DBSnapshotIdentifier=f"snap-{name}")
    with refused("InvalidDBSnapshotState"):
        copy(f"snap-{name}", f"copy-{name}", KmsKeyId=network(AWAY)["key"])


def test_copies_under_way_are_limited_by_region(snapshot, copy, network, rds, refused, monkeypatch, pass_time):
    pass_time(720)
    name = snapshot()
    monkeypatch.setattr(rds, "snapshot_copies_max", 1)
    copy(name, f"copy-{name}", KmsKeyId=network(AWAY)["key"])
    with refused("SnapshotQuotaExceeded"):
        copy(name, f"second-{name}", KmsKeyId=network(AWAY)["key"])


def test_a_copy_that_fails_never_becomes_available(snapshot, copy, network, plane, look_snapshot, pass_time):
    name = snapshot()
    plane.failing = {"copy"}
    copy(name, f"copy-{name}", KmsKeyId=network(AWAY)["key"])
    pass_time(720)
    assert look_snapshot(f"copy-{name}", AWAY)["Status"] == "failed"


def test_as_many_copies_fail_as_were_asked_to(snapshot, copy, network, rds, plane, monkeypatch):
    told = []
    monkeypatch.setattr(plane, "copy", lambda *_, fails: told.append(fails), raising=False)
    name = snapshot()
    assert Mishaps(rds, plane).take("POST", {"what": "failing_copies", "count": 1}) == {"left": 0}
    for number in range(2):
        copy(name, f"copy-{number}-{name}", KmsKeyId=network(AWAY)["key"])
    assert told == [True, False]
    assert Mishaps(rds, plane).take("POST", {"what": "failing_copies", "count": 0}) == {"left": 0}


def test_tags_go_along_only_when_told(snapshot, copy, network, look_snapshot):
    name = snapshot(Tags=[{"Key": "a", "Value": "1"}], CopyTagsToSnapshot=True)
    assert look_snapshot(name)["TagList"] == [{"Key": "a", "Value": "1"}]
    key = network(AWAY)["key"]
    assert copy(name, f"copy-{name}", KmsKeyId=key)["TagList"] == []
    assert copy(name, f"tagged-{name}", KmsKeyId=key, CopyTags=True)["TagList"] == [{"Key": "a", "Value": "1"}]


def test_a_restored_instance_starts_from_defaults(snapshot, client, network, look, pass_time):
    name = snapshot(MultiAZ=True, DeletionProtection=True, EnableCloudwatchLogsExports=["postgresql"])
    restored = f"restored-{name}"
    client("rds", HOME).restore_db_instance_from_db_snapshot(
        DBInstanceIdentifier=restored, DBSnapshotIdentifier=name, DBSubnetGroupName=network(HOME)["subnet_group"]
    )
    pass_time(900)
    shown = look(restored)
    assert (shown["DBInstanceStatus"], shown["MultiAZ"], shown["DeletionProtection"]) == ("available", False, False)
    assert shown["DBParameterGroups"][0]["DBParameterGroupName"] == "default.postgres16"
    assert shown["VpcSecurityGroups"][0]["VpcSecurityGroupId"] != network(HOME)["security_group"]
    assert "EnabledCloudwatchLogsExports" not in shown
    assert (shown["StorageEncrypted"], shown["KmsKeyId"]) == (True, network(HOME)["key"])


def test_a_restore_that_fails_is_incompatible(snapshot, client, network, plane, look):
    name = snapshot()
    plane.failing = {"restore"}
    client("rds", HOME).restore_db_instance_from_db_snapshot(
        DBInstanceIdentifier=f"r-{name}", DBSnapshotIdentifier=name, DBSubnetGroupName=network(HOME)["subnet_group"]
    )
    assert look(f"r-{name}")["DBInstanceStatus"] == "incompatible-restore"


def test_a_snapshot_is_restored_only_in_its_region(snapshot, client, look_snapshot, refused):
    arn = look_snapshot(snapshot())["DBSnapshotArn"]
    with refused("DBSnapshotNotFound"):
        client("rds", AWAY).restore_db_instance_from_db_snapshot(DBInstanceIdentifier="x", DBSnapshotIdentifier=arn)


def test_a_deleted_snapshot_is_gone(snapshot, client, look_snapshot, refused):
    name = snapshot()
    client("rds", HOME).delete_db_snapshot(DBSnapshotIdentifier=name)
    with refused("DBSnapshotNotFound"):
        look_snapshot(name)


def test_a_snapshot_that_is_read_is_not_deleted(snapshot, client, rds, refused):
    name = snapshot()
    rds.find_snapshot(HOME, name).readers = 1
    with refused("InvalidDBSnapshotState"):
        client("rds", HOME).delete_db_snapshot(DBSnapshotIdentifier=name)


def test_snapshots_are_found_by_instance(snapshot, client):
    name = snapshot()
    found = client("rds", HOME).describe_db_snapshots(DBInstanceIdentifier=name.removeprefix("snap-"))["DBSnapshots"]
    assert [one["DBSnapshotIdentifier"] for one in found] == [name]
