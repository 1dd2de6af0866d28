# SPDX-License-Identifier: GPL-3.0-or-later
import botocore.session
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import MultiregionError, Refused
from ansible_collections.medzen.multiregion.plugins.modules import rds_database
from botocore.exceptions import ClientError

SOURCE_ARN = "arn:aws:rds:af-south-1:123456789012:db:prod"
AVAILABLE = {
    "DBInstanceIdentifier": "db",
    "DBInstanceArn": "arn:db",
    "DBInstanceStatus": "available",
    "Engine": "postgres",
    "DBInstanceClass": "db.t3.medium",
    "BackupRetentionPeriod": 0,
    "TagList": [],
}
REPLICA = {**AVAILABLE, "ReadReplicaSourceDBInstanceIdentifier": SOURCE_ARN}
SNAPSHOT = {"DBSnapshotIdentifier": "move", "Status": "available", "Engine": "postgres"}
MODEL = botocore.session.get_session().get_service_model("rds")


class Meta:
    service_model = MODEL


class Client:
    """RDS with at most one instance; a modification takes effect at once. Records what is written."""

    meta = Meta

    def __init__(self, instance=None, snapshot=None, errors=(), source_gb=100):
        self.instance, self.snapshot, self.errors, self.source_gb = instance, snapshot, list(errors), source_gb
        self.writes = []

    def _write(self, operation, request):
        request.pop("aws_retry")
        self.writes.append((operation, request))
        if self.errors and (code := self.errors.pop(0)):
            raise ClientError({"Error": {"Code": code, "Message": ""}}, operation)

    def describe_db_instances(self, DBInstanceIdentifier, **_request):  # noqa: N803
        source = {**AVAILABLE, "BackupRetentionPeriod": 7, "AllocatedStorage": self.source_gb}
        found = source if DBInstanceIdentifier == SOURCE_ARN else self.instance
        return {"DBInstances": [found] if found else []}

    def describe_db_snapshots(self, **_request):
        return {"DBSnapshots": [self.snapshot] if self.snapshot else []}

    def create_db_instance_read_replica(self, **request):
        self.instance = {**REPLICA, "AllocatedStorage": request.get("AllocatedStorage", self.source_gb)}
        self._write("replica", request)
        return {"DBInstance": self.instance}

    def restore_db_instance_from_db_snapshot(self, **request):
        size = request.get("AllocatedStorage", self.snapshot.get("AllocatedStorage"))
        self.instance = {**AVAILABLE, "AllocatedStorage": size}
        self._write("restore", request)
        return {"DBInstance": self.instance}

    def create_db_instance(self, **request):
        self.instance = {**AVAILABLE, "MasterUsername": request["MasterUsername"], "TagList": request["Tags"]}
        self._write("create", request)
        return {"DBInstance": self.instance}

    def modify_db_instance(self, **request):
        self._write("modify", request)
        taken = {key: value for key, value in request.items() if key not in ("ApplyImmediately", "MasterUserPassword")}
        self.instance = {**self.instance, **taken}
        return {"DBInstance": self.instance}

    def delete_db_instance(self, **request):
        self._write("delete", request)
        if "FinalDBSnapshotIdentifier" in request:
            self.snapshot = {**SNAPSHOT, "DBSnapshotIdentifier": request["FinalDBSnapshotIdentifier"]}
        self.instance = None
        return {"DBInstance": AVAILABLE}

    def add_tags_to_resource(self, **request):
        self._write("tag", request)
        self.instance = {**self.instance, "TagList": request["Tags"]}

    # Secrets Manager
    def describe_secret(self, **_request):
        return {"VersionIdsToStages": {"v1": ["AWSCURRENT"]}}

    def get_secret_value(self, **_request):
        return {"SecretString": "hidden", "VersionId": "v1"}


class Module:
    region = "eu-central-1"

    def __init__(self, client, check_mode, params):
        self.connection, self.check_mode, self.params = client, check_mode, params

    def client(self, _service, **_options):
        return self.connection


def ensure(client, check_mode=False, **given):
    spec = rds_database.build_argument_spec()
    params = {name: option.get("default") for name, option in spec.items()}
    source = {"type": "fresh", "snapshot_id": None, "replica_of_arn": None, "source_region": None}
    given["source"] = {**source, **given.get("source", {})}
    params.update(
        db_instance_identifier="db", poll_seconds=0, wait_timeout=5, db_instance_class="db.t3.medium", **given
    )
    return rds_database.ensure(Module(client, check_mode, params))


REPLICA_SOURCE = {"type": "replica", "replica_of_arn": SOURCE_ARN}
SNAPSHOT_SOURCE = {"type": "snapshot", "snapshot_id": "move"}
BACKUP = {"retention_days": 7, "window": None}


def test_a_replica_is_made_and_then_given_what_it_could_not_take():
    client = Client()
    result = ensure(client, source=REPLICA_SOURCE, backup=BACKUP)
    assert [operation for operation, _request in client.writes] == ["replica", "modify"]
    assert "BackupRetentionPeriod" not in client.writes[0][1]
    assert client.writes[1][1]["BackupRetentionPeriod"] == 7
    assert (result["changed"], result["created"], result["role"], result["converged"]) == (True, True, "replica", True)


def test_a_second_run_writes_nothing():
    client = Client()
    ensure(client, source=REPLICA_SOURCE, backup=BACKUP)
    client.writes.clear()
    result = ensure(client, source=REPLICA_SOURCE, backup=BACKUP)
    assert (result["changed"], client.writes) == (False, [])


@pytest.mark.parametrize("source", [REPLICA_SOURCE, SNAPSHOT_SOURCE], ids=lambda source: source["type"])
def test_the_size_of_a_source_that_has_grown_is_taken_over(source):
    client = Client(snapshot={**SNAPSHOT, "AllocatedStorage": 150}, source_gb=150)
    planned = ensure(client, check_mode=True, source=source, storage={"gb": 100})
    assert "storage.gb" not in planned["diff"]["after"]["db"]
    ensure(client, source=source, storage={"gb": 100})
    assert len(client.writes) == 1, "nothing is left for a modification"
    assert "AllocatedStorage" not in client.writes[0][1]
    assert ensure(client, source=source, storage={"gb": 100})["changed"] is False


@pytest.mark.parametrize("source", [REPLICA_SOURCE, SNAPSHOT_SOURCE], ids=lambda source: source["type"])
def test_more_than_the_source_has_is_asked_for(source):
    client = Client(snapshot={**SNAPSHOT, "AllocatedStorage": 100})
    ensure(client, source=source, storage={"gb": 200})
    assert client.writes[0][1]["AllocatedStorage"] == 200


def test_a_source_that_grows_meanwhile_is_looked_at_when_it_is_at_rest():
    class Growing(Client):
        looks = 0

        def describe_db_snapshots(self, **_request):
            self.looks += 1
            state = {"Status": "creating"} if self.looks == 1 else {"AllocatedStorage": 150}
            return {"DBSnapshots": [{**self.snapshot, **state}]}

    client = Growing(snapshot=SNAPSHOT)
    ensure(client, source=SNAPSHOT_SOURCE, storage={"gb": 100})
    assert "AllocatedStorage" not in client.writes[0][1]


def test_a_change_of_the_storage_does_not_shrink_what_has_grown():
    client = Client({**AVAILABLE, "AllocatedStorage": 150, "StorageType": "gp2"})
    ensure(client, storage={"gb": 100, "type": "gp3"})
    assert client.writes[0][1]["AllocatedStorage"] == 150


def test_a_promoted_replica_is_kept_whatever_the_source_says():
    client = Client(AVAILABLE)
    result = ensure(client, source=REPLICA_SOURCE)
    assert (result["changed"], result["role"], client.writes) == (False, "primary", [])


def test_check_mode_writes_nothing_and_shows_the_difference():
    client = Client(AVAILABLE)
    result = ensure(client, check_mode=True, source=SNAPSHOT_SOURCE, backup=BACKUP)
    assert (result["changed"], client.writes) == (True, [])
    assert result["diff"]["after"] == {"db": {"backup.retention_days": 7}}
    assert result["drift"] == {"backup.retention_days": {"found": 0, "wanted": 7}}


def test_a_snapshot_still_to_be_copied_is_planned_in_check_mode():
    result = ensure(Client(), check_mode=True, source=SNAPSHOT_SOURCE)
    assert (result["changed"], result["source_exists"]) == (True, False)
    with pytest.raises(Refused, match="not there"):
        ensure(Client(), source=SNAPSHOT_SOURCE)


def test_a_lost_answer_is_no_second_database():
    client = Client(snapshot=SNAPSHOT, errors=["DBInstanceAlreadyExists"])
    result = ensure(client, source=SNAPSHOT_SOURCE)
    assert (result["created"], len(client.writes)) == (True, 1)


def test_one_in_the_making_is_not_touched_without_waiting():
    client = Client({**AVAILABLE, "DBInstanceStatus": "creating"})
    result = ensure(client, wait=False, source=SNAPSHOT_SOURCE, backup=BACKUP)
    assert (result["changed"], result["joined"], result["converged"], client.writes) == (False, True, False, [])


def test_a_start_without_waiting_returns_at_once():
    client = Client(snapshot=SNAPSHOT)
    result = ensure(client, wait=False, source=SNAPSHOT_SOURCE, backup={"retention_days": 7})
    assert [operation for operation, _request in client.writes] == ["restore"]
    assert (result["changed"], result["converged"]) == (True, False)


def test_a_backup_that_begins_in_between_is_waited_out():
    client = Client(AVAILABLE, errors=["InvalidDBInstanceState", None])
    assert ensure(client, backup=BACKUP)["converged"] is True
    assert len(client.writes) == 2


def test_one_that_becomes_busy_is_left_to_the_next_run_without_waiting():
    client = Client(AVAILABLE, errors=["InvalidDBInstanceState"])
    master = {"set_password": True, "password_secret": "s"}
    result = ensure(client, wait=False, master=master)
    assert result["changed"]
    assert [operation for operation, _request in client.writes] == ["modify"], "no tag says that it has the password"


def test_a_setting_that_is_not_taken_fails_with_its_name():
    done, failed = rds_database.build_settled({"multi_az": True})
    for _look in range(rds_database.LOOKS_MAX):
        assert failed(AVAILABLE) is None
    assert "multi_az" in failed(AVAILABLE)
    assert not done(AVAILABLE) and done({**AVAILABLE, "MultiAZ": True})


def test_a_pending_value_is_not_yet_settled():
    done, _failed = rds_database.build_settled({})
    assert not done({**AVAILABLE, "PendingModifiedValues": {"MasterUserPassword": "****"}})


def test_a_fresh_database_gets_its_password_from_the_secret_and_remembers_it():
    client = Client()
    ensure(client, master={"user": "admin", "password_secret": "name", "password": None, "set_password": True})
    request = client.writes[0][1]
    assert request["MasterUserPassword"] == "hidden"
    assert {"Key": "medzen:master-password-version", "Value": "v1"} in request["Tags"]


def test_a_restored_database_gets_its_password_once():
    master = {"user": None, "password_secret": "name", "password": None, "set_password": True}
    client = Client(AVAILABLE)
    result = ensure(client, source=SNAPSHOT_SOURCE, master=master)
    assert [operation for operation, _request in client.writes] == ["modify", "tag"]
    assert "hidden" not in str(result)
    assert ensure(client, source=SNAPSHOT_SOURCE, master=master)["changed"] is False


def test_a_replica_keeps_the_password_of_its_source():
    master = {"user": None, "password_secret": "name", "password": None, "set_password": True}
    assert ensure(Client(REPLICA), source=REPLICA_SOURCE, master=master)["changed"] is False


def test_a_fresh_database_without_a_password_is_refused():
    with pytest.raises(Refused, match="without a master password"):
        ensure(Client())


def test_a_database_without_a_class_is_not_created():
    with pytest.raises(Refused, match="has no class"):
        rds_database.check_creation_options({"db_instance_class": None, "db_instance_identifier": "db"})


def test_deletion_leaves_a_snapshot_and_proves_absence():
    client = Client(AVAILABLE)
    result = ensure(client, state="absent", final_snapshot_identifier="final")
    assert (result["changed"], result["role"]) == (True, "absent")
    assert result["final_snapshot"]["db_snapshot_identifier"] == "final"
    assert ensure(client, state="absent", final_snapshot_identifier="final")["changed"] is False


def test_deletion_in_check_mode_meets_the_same_guards_and_writes_nothing():
    client = Client({**AVAILABLE, "DeletionProtection": True})
    with pytest.raises(Refused, match="protected from deletion"):
        ensure(client, check_mode=True, state="absent", final_snapshot_identifier="final")
    result = ensure(
        client, check_mode=True, state="absent", final_snapshot_identifier="final", deletion_protection=False
    )
    assert (result["changed"], client.writes) == (True, [])


def test_a_taken_name_for_the_final_snapshot_is_refused():
    with pytest.raises(Refused, match="already is a snapshot final"):
        ensure(Client(AVAILABLE, snapshot=SNAPSHOT), state="absent", final_snapshot_identifier="final")


def test_protection_is_lifted_just_before_the_deletion():
    client = Client({**AVAILABLE, "DeletionProtection": True})
    ensure(client, state="absent", final_snapshot_identifier="final", deletion_protection=False)
    assert [operation for operation, _request in client.writes] == ["modify", "delete"]


def test_a_deletion_whose_answer_was_lost_is_not_refused_for_its_own_effect():
    class Repeated(Client):
        """The first call took effect, and botocore's repetition meets an instance that is being deleted."""

        def delete_db_instance(self, **request):
            super().delete_db_instance(**request)
            looks = iter([{**AVAILABLE, "DBInstanceStatus": "deleting"}])
            self.describe_db_instances = lambda **_request: {"DBInstances": [one for one in [next(looks, None)] if one]}
            raise ClientError({"Error": {"Code": "InvalidDBInstanceState", "Message": ""}}, "DeleteDBInstance")

    assert ensure(Repeated(AVAILABLE), state="absent", final_snapshot_identifier="final")["changed"] is True


def test_a_deletion_that_another_change_bars_is_refused():
    class Busy(Client):
        def delete_db_instance(self, **request):
            raise ClientError({"Error": {"Code": "InvalidDBInstanceState", "Message": ""}}, "DeleteDBInstance")

    with pytest.raises(MultiregionError, match="Failed to delete database db"):
        ensure(Busy(AVAILABLE), state="absent", final_snapshot_identifier="final")


def test_one_in_the_making_is_deleted_when_it_is_at_rest():
    class Making(Client):
        """RDS refuses to delete what it is still making."""

        looks = 0

        def describe_db_instances(self, **request):
            self.looks += 1
            if self.looks == 3 and self.instance:
                self.instance = AVAILABLE
            return super().describe_db_instances(**request)

        def delete_db_instance(self, **request):
            assert self.instance == AVAILABLE
            return super().delete_db_instance(**request)

    client = Making({**AVAILABLE, "DBInstanceStatus": "creating"})
    assert ensure(client, state="absent", skip_final_snapshot="db")["changed"] is True


def test_a_broken_instance_is_refused_with_its_state():
    with pytest.raises(MultiregionError, match="status incompatible-restore"):
        ensure(Client({**AVAILABLE, "DBInstanceStatus": "incompatible-restore"}))
