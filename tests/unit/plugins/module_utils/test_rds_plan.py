# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils import rds_plan as plan
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused

SOURCE_ARN = "arn:aws:rds:af-south-1:123456789012:db:prod"
KEY = "arn:aws:kms:eu-central-1:123456789012:key/1"


def params(**given):
    defaults = {
        "db_instance_identifier": "db",
        "db_instance_class": "db.t3.medium",
        "source": {"type": "fresh", "snapshot_id": None, "replica_of_arn": None, "source_region": None},
        "engine": "postgres",
        "engine_version": None,
        "engine_version_change": False,
        "subnet_group": None,
        "port": None,
        "kms_key_id": None,
        "database_name": None,
        "master": None,
        "tags": None,
        "purge_tags": True,
        "deletion_protection": None,
        "final_snapshot_identifier": None,
        "skip_final_snapshot": None,
        "delete_automated_backups": True,
    }
    return {**defaults, **given}


def source(kind, **given):
    return {"type": kind, "snapshot_id": None, "replica_of_arn": None, "source_region": None, **given}


def test_a_replica_is_asked_for_with_the_region_of_its_source():
    wanted = params(source=source("replica", replica_of_arn=SOURCE_ARN))
    request = plan.build_create_request(wanted, {}, KEY, ["PubliclyAccessible"])
    assert request == {
        "PubliclyAccessible": False,
        "SourceDBInstanceIdentifier": SOURCE_ARN,
        "KmsKeyId": KEY,
        "SourceRegion": "af-south-1",
    }


def test_a_restore_names_its_snapshot_and_leaves_out_what_it_does_not_take():
    wanted = params(source=source("snapshot", snapshot_id="move"), subnet_group="subnets")
    request = plan.build_create_request(
        wanted, {"multi_az": True, "storage.max_gb": 5}, KEY, ["MultiAZ", "DBSubnetGroupName"]
    )
    assert request == {"DBSubnetGroupName": "subnets", "MultiAZ": True, "DBSnapshotIdentifier": "move"}


def test_a_fresh_database_is_always_encrypted():
    assert plan.build_create_request(params(), {}, None, [])["StorageEncrypted"] is True


def test_a_replica_of_a_source_without_backups_is_refused():
    wanted = params(source=source("replica", replica_of_arn=SOURCE_ARN))
    with pytest.raises(Refused, match="no automated backups"):
        plan.check_replica_source({"BackupRetentionPeriod": 0}, wanted, KEY, "eu-central-1")


def test_an_encrypted_replica_without_a_key_is_refused():
    wanted = params(source=source("replica", replica_of_arn=SOURCE_ARN))
    with pytest.raises(Refused, match="is encrypted.*a key of eu-central-1"):
        plan.check_replica_source({"BackupRetentionPeriod": 7, "StorageEncrypted": True}, wanted, None, "eu-central-1")


@pytest.mark.parametrize(
    ("snapshot", "reason"),
    [
        (None, "not there"),
        ({"Status": "failed"}, "failed"),
        ({"Status": "available", "Engine": "postgres", "KmsKeyId": "other"}, "other"),
        ({"Status": "available", "Engine": "mysql", "KmsKeyId": KEY}, "mysql"),
        ({"Status": "available", "Engine": "postgres", "KmsKeyId": KEY, "EngineVersion": "15.2"}, "15.2"),
    ],
)
def test_a_snapshot_that_restores_into_something_else_is_refused(snapshot, reason):
    wanted = params(source=source("snapshot", snapshot_id="move"), engine_version="16.11")
    with pytest.raises(Refused, match=reason):
        plan.check_snapshot_source(snapshot, wanted, KEY)


def test_the_right_snapshot_is_taken():
    wanted = params(source=source("snapshot", snapshot_id="move"), engine_version="16.11")
    snapshot = {"Status": "copying", "Engine": "postgres", "KmsKeyId": KEY, "EngineVersion": "16.11"}
    plan.check_snapshot_source(snapshot, wanted, KEY)


def test_an_instance_with_another_key_would_have_to_be_made_again():
    with pytest.raises(Refused, match="cannot be changed.*kms_key_id other"):
        plan.check_fixed({"Engine": "postgres", "KmsKeyId": "other"}, params(), KEY)


def test_a_restored_database_keeps_the_names_of_its_source():
    wanted = params(source=source("snapshot"), database_name="ehrbase", master={"user": "admin"})
    plan.check_fixed({"Engine": "postgres", "DBName": "old", "MasterUsername": "old"}, wanted, None)


def test_a_replica_of_another_source_is_refused():
    wanted = params(source=source("replica", replica_of_arn=SOURCE_ARN))
    instance = {"Engine": "postgres", "ReadReplicaSourceDBInstanceIdentifier": SOURCE_ARN + "-stale"}
    with pytest.raises(Refused, match="replicates from another source"):
        plan.check_fixed(instance, wanted, None)


def test_a_promoted_replica_is_left_alone():
    plan.check_fixed({"Engine": "postgres"}, params(source=source("replica", replica_of_arn=SOURCE_ARN)), None)


def test_a_version_is_changed_only_on_purpose():
    drift = {"engine_version": {"found": "16.10", "wanted": "16.11"}}
    plan.check_version(drift, params(engine_version_change=True))
    with pytest.raises(Refused, match="Found: 16.10"):
        plan.check_version(drift, params())


@pytest.mark.parametrize(
    ("status", "next_step"), [("deleting", "wait until it is gone"), ("stopped", "start"), ("failed", "repair")]
)
def test_an_instance_that_will_not_come_to_rest_is_refused(status, next_step):
    with pytest.raises(Refused, match=next_step):
        plan.check_state({"DBInstanceStatus": status}, "db")


def test_own_tags_are_not_purged():
    instance = {"TagList": [{"Key": "medzen:promoted-from", "Value": "x"}, {"Key": "Old", "Value": "1"}]}
    _present, to_set, to_remove = plan.diff_tags(instance, params(tags={"New": "2"}), "v1")
    assert (to_set, to_remove) == ({"New": "2", plan.PASSWORD_VERSION_TAG: "v1"}, ["Old"])


def test_a_secret_is_plain_text_or_json():
    assert plan.parse_password("abc") == "abc"
    assert plan.parse_password('{"username": "u", "password": "abc"}') == "abc"
    assert plan.parse_password("12345") == "12345"


def test_the_current_version_is_the_one_that_readers_get():
    assert plan.current_version({"VersionIdsToStages": {"old": ["AWSPREVIOUS"], "new": ["AWSCURRENT"]}}) == "new"
    assert plan.current_version(None) is None


class TestDeletion:
    def test_protection_is_named(self):
        with pytest.raises(Refused, match="deletion protection on"):
            plan.check_deletable({"DeletionProtection": True}, params())

    def test_protection_is_lifted_when_asked_for(self):
        plan.check_deletable({"DeletionProtection": True}, params(deletion_protection=False))

    def test_replicas_are_named(self):
        with pytest.raises(Refused, match="Found: standby"):
            plan.check_deletable({"ReadReplicaDBInstanceIdentifiers": ["standby"]}, params())

    def test_a_final_snapshot_is_the_usual_way(self):
        request = plan.build_delete_request({}, params(final_snapshot_identifier="final"))
        assert request == {
            "DeleteAutomatedBackups": True,
            "SkipFinalSnapshot": False,
            "FinalDBSnapshotIdentifier": "final",
        }

    def test_going_without_takes_the_identifier_typed(self):
        assert plan.build_delete_request({}, params(skip_final_snapshot="db"))["SkipFinalSnapshot"] is True

    @pytest.mark.parametrize("given", [{}, {"skip_final_snapshot": "yes"}])
    def test_nothing_is_deleted_by_omission(self, given):
        with pytest.raises(Refused):
            plan.build_delete_request({}, params(**given))

    def test_both_ways_at_once_are_refused(self):
        with pytest.raises(Refused, match="Found: both"):
            plan.build_delete_request({}, params(final_snapshot_identifier="final", skip_final_snapshot="db"))

    def test_a_replica_takes_no_final_snapshot(self):
        replica = {"ReadReplicaSourceDBInstanceIdentifier": SOURCE_ARN}
        with pytest.raises(Refused, match="is a replica"):
            plan.build_delete_request(replica, params(final_snapshot_identifier="final"))


def test_a_replica_of_a_database_of_the_same_name_in_another_region_is_refused():
    wanted = params(source=source("replica", replica_of_arn=SOURCE_ARN))
    instance = {
        "Engine": "postgres",
        "ReadReplicaSourceDBInstanceIdentifier": SOURCE_ARN.replace("af-south-1", "eu-west-1"),
    }
    with pytest.raises(Refused, match="replicates from another source"):
        plan.check_fixed(instance, wanted, None)


def test_within_a_region_rds_names_a_source_without_its_arn():
    wanted = params(source=source("replica", replica_of_arn=SOURCE_ARN))
    plan.check_fixed({"Engine": "postgres", "ReadReplicaSourceDBInstanceIdentifier": "prod"}, wanted, None)


def test_protection_that_is_asked_for_is_not_lifted_by_a_deletion():
    with pytest.raises(Refused, match="deletion protection on"):
        plan.check_deletable({"DeletionProtection": True}, params(deletion_protection=True))


def test_an_instance_or_a_snapshot_without_the_key_that_is_wanted_is_refused():
    with pytest.raises(Refused, match="cannot be changed"):
        plan.check_fixed({"Engine": "postgres"}, params(), KEY)
    wanted = params(source=source("snapshot", snapshot_id="move"))
    with pytest.raises(Refused, match="another database than wanted"):
        plan.check_snapshot_source({"Status": "available", "Engine": "postgres"}, wanted, KEY)


@pytest.mark.parametrize(
    ("key", "found"), [(None, "no such key"), ({"Enabled": False, "KeyState": "PendingDeletion"}, "PendingDeletion")]
)
def test_a_key_that_cannot_encrypt_is_refused(key, found):
    with pytest.raises(Refused, match=found):
        plan.check_key(key, "alias/x", "eu-central-1")
    plan.check_key({"Enabled": True, "KeyState": "Enabled"}, "alias/x", "eu-central-1")


def test_the_region_of_a_source_may_be_stated():
    wanted = params(source=source("replica", replica_of_arn=SOURCE_ARN, source_region="eu-west-1"))
    assert plan.build_source_request(wanted, None)["SourceRegion"] == "eu-west-1"


def test_an_instance_that_is_being_stopped_is_refused():
    with pytest.raises(Refused, match="start or repair"):
        plan.check_state({"DBInstanceStatus": "stopping"}, "db")


@pytest.mark.parametrize("typed", ["d", "db2"])
def test_an_identifier_that_begins_alike_lets_nothing_go_without_a_snapshot(typed):
    with pytest.raises(Refused, match="names another database"):
        plan.build_delete_request({}, params(skip_final_snapshot=typed))


def test_an_encrypted_replica_in_the_region_of_its_source_takes_the_sources_key():
    wanted = params(source=source("replica", replica_of_arn=SOURCE_ARN))
    plan.check_replica_source({"BackupRetentionPeriod": 7, "StorageEncrypted": True}, wanted, None, "af-south-1")
