# SPDX-License-Identifier: GPL-3.0-or-later
import pytest

from rehearsal.cloud.control import ControlError
from rehearsal.cloud.rds.mishaps import Mishaps
from rehearsal.postgres.link import Link

HOME, AWAY = "eu-west-1", "eu-central-1"


@pytest.fixture
def replicate(create, client, network, look, pass_time):
    """A source at home and its encrypted replica in the other region: both names."""

    def make(source=None, **options):
        encrypted = {"StorageEncrypted": True, "KmsKeyId": network(HOME)["key"]}
        source = source or create(**encrypted)
        request = {
            "DBInstanceIdentifier": f"replica-{source}",
            "SourceDBInstanceIdentifier": look(source)["DBInstanceArn"],
            "DBSubnetGroupName": network(AWAY)["subnet_group"],
            "VpcSecurityGroupIds": [network(AWAY)["security_group"]],
            "KmsKeyId": network(AWAY)["key"],
            "SourceRegion": HOME,
        } | options
        client("rds", AWAY).create_db_instance_read_replica(
            **{name: value for name, value in request.items() if value is not None}
        )
        pass_time(1500)
        return source, request["DBInstanceIdentifier"]

    return make


def test_a_replica_lies_in_its_own_regions_network_with_its_own_key(replicate, network, look):
    _source, replica = replicate()
    shown = look(replica, AWAY)
    assert shown["DBSubnetGroup"]["DBSubnetGroupName"] == network(AWAY)["subnet_group"]
    assert shown["AvailabilityZone"] == "eu-central-1a"
    assert shown["KmsKeyId"] == network(AWAY)["key"]


def test_both_ends_name_each_other_by_arn(replicate, look):
    source, replica = replicate()
    assert look(replica, AWAY)["ReadReplicaSourceDBInstanceIdentifier"] == look(source)["DBInstanceArn"]
    assert look(source)["ReadReplicaDBInstanceIdentifiers"] == [look(replica, AWAY)["DBInstanceArn"]]


def test_a_replica_shows_that_it_replicates_until_its_link_is_cut(replicate, look, rds):
    _source, replica = replicate()
    assert look(replica, AWAY)["StatusInfos"][0]["Status"] == "replicating"
    instance = rds.find_instance(AWAY, replica)
    instance.relay = type("Relay", (), {"link": Link(cut=True)})
    assert look(replica, AWAY)["StatusInfos"][0]["Normal"] is False


@pytest.mark.parametrize("key", [None, "alias/none"])
def test_an_encrypted_replica_needs_a_key_of_its_region(replicate, refused, key):
    with refused("InvalidParameterCombination" if key is None else "KMSKeyNotAccessibleFault"):
        replicate(KmsKeyId=key)


def test_a_source_without_backups_has_no_replicas(create, replicate, refused):
    with refused("InvalidDBInstanceState"):
        replicate(create(BackupRetentionPeriod=0), KmsKeyId=None)


def test_a_replica_is_not_smaller_than_its_source(create, replicate, refused):
    source = create(AllocatedStorage=150)
    with refused("InvalidParameterValue"):
        replicate(source, KmsKeyId=None, AllocatedStorage=100)


@pytest.mark.parametrize(
    ("asked", "found"), [({}, 150), ({"AllocatedStorage": 150}, 150), ({"AllocatedStorage": 200}, 200)]
)
def test_a_replica_has_the_size_of_its_source_or_more(create, replicate, look, asked, found):
    _source, replica = replicate(create(AllocatedStorage=150), KmsKeyId=None, **asked)
    assert look(replica, AWAY)["AllocatedStorage"] == found


def test_lag_is_a_metric_of_replicas_only(replicate, look, rds):
    source, replica = replicate()
    assert look(replica, AWAY)["DBInstanceStatus"] == "available"
    read = rds.world.metrics["ReplicaLag"]
    assert read({"DBInstanceIdentifier": replica}, AWAY) == 1.5
    assert read({"DBInstanceIdentifier": source}, HOME) is None
    assert read({"DBInstanceIdentifier": "unknown"}, HOME) is None


def test_a_promote_passes_a_reboot_and_unlinks_both_ends(replicate, client, look, plane, pass_time):
    source, replica = replicate()
    client("rds", AWAY).promote_read_replica(DBInstanceIdentifier=replica, BackupRetentionPeriod=5)
    seen = [look(replica, AWAY)["DBInstanceStatus"]]
    assert look(source)["ReadReplicaDBInstanceIdentifiers"] != []
    for seconds in (250, 60):
        pass_time(seconds)
        seen.append(look(replica, AWAY)["DBInstanceStatus"])
    assert seen == ["modifying", "rebooting", "available"]
    shown = look(replica, AWAY)
    assert "ReadReplicaSourceDBInstanceIdentifier" not in shown
    assert (shown["BackupRetentionPeriod"], shown["StatusInfos"]) == (5, [])
    assert look(source)["ReadReplicaDBInstanceIdentifiers"] == []
    assert ("promote", replica) in plane.done


def test_only_a_replica_is_promoted(create, client, refused):
    with refused("InvalidDBInstanceState"):
        client("rds", HOME).promote_read_replica(DBInstanceIdentifier=create())


def test_a_replica_that_backs_up_is_not_promoted(replicate, client, refused, pass_time):
    _source, replica = replicate()
    client("rds", AWAY).create_db_snapshot(DBInstanceIdentifier=replica, DBSnapshotIdentifier=f"snap-{replica}")
    with refused("InvalidDBInstanceState"):
        client("rds", AWAY).promote_read_replica(DBInstanceIdentifier=replica)


def test_a_replica_has_no_final_snapshot(replicate, client, refused):
    _source, replica = replicate()
    with refused("InvalidParameterCombination"):
        client("rds", AWAY).delete_db_instance(DBInstanceIdentifier=replica, FinalDBSnapshotIdentifier="final")
    with refused("InvalidParameterCombination"):
        client("rds", AWAY).delete_db_instance(DBInstanceIdentifier=replica)


def test_a_source_is_not_deleted_before_its_replica(replicate, client, refused, pass_time):
    source, replica = replicate()
    request = {"DBInstanceIdentifier": source, "SkipFinalSnapshot": True}
    with refused("InvalidDBInstanceState"):
        client("rds", HOME).delete_db_instance(**request)
    client("rds", AWAY).delete_db_instance(DBInstanceIdentifier=replica, SkipFinalSnapshot=True)
    pass_time(300)
    assert client("rds", HOME).delete_db_instance(**request)["DBInstance"]["DBInstanceStatus"] == "deleting"


def test_a_source_keeps_its_backups_while_it_has_replicas(replicate, client, refused):
    source, _replica = replicate()
    with refused("InvalidDBInstanceState"):
        client("rds", HOME).modify_db_instance(DBInstanceIdentifier=source, BackupRetentionPeriod=0)


def test_a_replicas_password_is_its_sources(replicate, client, refused):
    _source, replica = replicate()
    with refused("InvalidDBInstanceState"):
        client("rds", AWAY).modify_db_instance(DBInstanceIdentifier=replica, MasterUserPassword="another-Pass-3")


def test_a_link_is_set_by_the_control_api(rds):
    answer = rds.world.control_routes["link"](
        "POST", {"source_region": HOME, "target_region": "us-east-1", "delay_ms": 80}, {}
    )
    assert {"source_region": HOME, "target_region": "us-east-1", "delay_ms": 80.0, "cut": False} in answer["links"]


def test_a_link_setting_with_a_typing_error_is_refused(rds):
    with pytest.raises(ValueError, match="expected source_region"):
        rds.world.control_routes["link"]("POST", {"source_region": HOME, "target": AWAY}, {})


def test_a_replica_whose_log_is_lost_is_terminated_and_the_source_waits_for_it_no_more(replicate, look, rds, plane):
    _source, replica = replicate()
    plane.done.clear()
    happen(rds, plane, what="lost_log", region=AWAY, identifier=replica)
    assert ("cut_off", replica) in plane.done
    shown = look(replica, AWAY)
    assert shown["DBInstanceStatus"] == "available"
    assert [(one["Status"], one["Normal"]) for one in shown["StatusInfos"]] == [("terminated", False)]


def test_a_full_disk_stops_the_server_until_there_is_room(replicate, look, rds, plane, refused, client):
    _source, replica = replicate()
    plane.done.clear()
    happen(rds, plane, what="full_disk", region=AWAY, identifier=replica)
    assert look(replica, AWAY)["DBInstanceStatus"] == "storage-full"
    with refused("InvalidDBInstanceState"):
        client("rds", AWAY).promote_read_replica(DBInstanceIdentifier=replica)
    happen(rds, plane, what="room", region=AWAY, identifier=replica)
    assert look(replica, AWAY)["DBInstanceStatus"] == "available"
    assert [row[0] for row in plane.done if row[0] in ("stop", "start")] == ["stop", "start"]


@pytest.mark.parametrize(
    "body",
    [None, {}, {"what": "flood"}, {"what": "full_disk", "region": AWAY}, {"what": "failing_copies", "region": AWAY}],
)
def test_a_mishap_that_is_not_known_is_refused_with_those_that_are(rds, plane, body):
    with pytest.raises(ControlError, match="failing_copies: count"):
        Mishaps(rds, plane).take("POST", body)


def test_a_source_has_no_log_to_miss(create, rds, plane):
    with pytest.raises(ControlError, match="replicates nothing"):
        happen(rds, plane, what="lost_log", region=HOME, identifier=create())


def happen(rds, plane, **body):
    return Mishaps(rds, plane).take("POST", body)
