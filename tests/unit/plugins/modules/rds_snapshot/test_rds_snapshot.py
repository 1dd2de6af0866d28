# SPDX-License-Identifier: GPL-3.0-or-later
from datetime import UTC, datetime

import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.wait import TimeLeft
from ansible_collections.medzen.multiregion.plugins.modules import rds_snapshot
from botocore.exceptions import ClientError

TAKEN = datetime(2026, 11, 21, 8, tzinfo=UTC)
SNAPSHOT = {
    "DBSnapshotIdentifier": "move",
    "DBSnapshotArn": "arn:aws:rds:af-south-1:123456789012:snapshot:move",
    "DBInstanceIdentifier": "prod",
    "Status": "available",
    "SnapshotCreateTime": TAKEN,
    "TagList": [],
}


def params(**given):
    return {
        "db_instance_identifier": "prod",
        "db_snapshot_identifier": "move",
        "min_create_time": None,
        "tags": None,
        "purge_tags": True,
        "wait": True,
        "wait_timeout": 5,
        "poll_seconds": 0,
        **given,
    }


class Module:
    region = "af-south-1"

    def __init__(self, check_mode=False, **given):
        self.check_mode, self.params = check_mode, params(**given)


class Client:
    """RDS with one instance; records what is written."""

    def __init__(self, snapshot=None, instance=True, create_error=None):
        self.snapshot, self.instance, self.create_error = snapshot, instance, create_error
        self.writes = []

    def describe_db_snapshots(self, **_request):
        return {"DBSnapshots": [self.snapshot] if self.snapshot else []}

    def describe_db_instances(self, **_request):
        return {"DBInstances": [{"DBInstanceStatus": "available"}] if self.instance else []}

    def create_db_snapshot(self, **request):
        self.writes.append(request)
        self.snapshot = SNAPSHOT
        if self.create_error:
            raise ClientError({"Error": {"Code": self.create_error, "Message": ""}}, "CreateDBSnapshot")
        return {"DBSnapshot": SNAPSHOT}

    def delete_db_snapshot(self, **request):
        self.writes.append(request)
        self.snapshot = None
        return {"DBSnapshot": SNAPSHOT}

    def add_tags_to_resource(self, **request):
        self.writes.append(request)


def test_a_snapshot_is_taken_once():
    client = Client()
    first = rds_snapshot.ensure_present(Module(), client)
    second = rds_snapshot.ensure_present(Module(), client)
    assert (first["changed"], second["changed"], len(client.writes)) == (True, False, 1)
    assert second["snapshot"]["status"] == "available"


def test_check_mode_writes_nothing():
    client = Client()
    assert rds_snapshot.ensure_present(Module(check_mode=True), client)["changed"] is True
    assert client.writes == []


def test_a_lost_answer_is_no_second_snapshot():
    client = Client(create_error="DBSnapshotAlreadyExists")
    assert rds_snapshot.ensure_present(Module(), client)["changed"] is True


def test_any_other_error_of_the_creation_is_told():
    with pytest.raises(Exception, match="Failed to create snapshot move of prod"):
        rds_snapshot.create(Client(create_error="SnapshotQuotaExceeded"), params(), TimeLeft(5))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"DBInstanceIdentifier": "standby"}, "belongs to another database. Found: standby"),
        ({"Status": "failed"}, "status failed"),
        ({"SnapshotCreateTime": TAKEN.replace(hour=7)}, "stale"),
    ],
)
def test_a_snapshot_that_is_not_the_one_wanted_is_refused(change, reason):
    with pytest.raises(Refused, match=reason):
        rds_snapshot.check_existing({**SNAPSHOT, **change}, params(min_create_time="2026-11-21T08:00:00Z"))


def test_one_in_the_making_is_joined():
    client = Client({**SNAPSHOT, "Status": "creating"})
    result = rds_snapshot.ensure_present(Module(wait=False), client)
    assert (result["changed"], result["joined"], client.writes) == (False, True, [])


def test_a_missing_database_is_refused_but_planned_in_check_mode():
    with pytest.raises(Refused, match="There is no database prod in af-south-1"):
        rds_snapshot.ensure_present(Module(), Client(instance=False))
    assert rds_snapshot.ensure_present(Module(check_mode=True), Client(instance=False))["source_exists"] is False


def test_changed_tags_are_a_change():
    client = Client(SNAPSHOT)
    assert rds_snapshot.ensure_present(Module(tags={"a": "b"}), client)["changed"] is True
    assert client.writes[0]["Tags"] == [{"Key": "a", "Value": "b"}]


def test_deletion_ends_when_it_is_gone():
    client = Client(SNAPSHOT)
    assert rds_snapshot.ensure_absent(Module(), client)["changed"] is True
    assert rds_snapshot.ensure_absent(Module(), client)["changed"] is False
    assert len(client.writes) == 1


def test_a_snapshot_that_failed_is_taken_again():
    client = Client({**SNAPSHOT, "Status": "failed"})
    assert rds_snapshot.ensure_present(Module(check_mode=True), client)["replaced"] is True
    assert client.writes == []
    result = rds_snapshot.ensure_present(Module(), client)
    assert (result["changed"], result["replaced"], result["snapshot"]["status"]) == (True, True, "available")
    assert [set(write) - {"aws_retry"} for write in client.writes] == [
        {"DBSnapshotIdentifier"},
        {"DBInstanceIdentifier", "DBSnapshotIdentifier"},
    ]


def test_a_failed_snapshot_of_another_database_is_not_touched():
    client = Client({**SNAPSHOT, "Status": "failed", "DBInstanceIdentifier": "standby"})
    with pytest.raises(Refused, match="another database"):
        rds_snapshot.ensure_present(Module(), client)
    assert client.writes == []


def test_one_in_the_making_is_deleted_when_it_is_complete():
    class Making(Client):
        """RDS refuses to delete what it is still making."""

        looks = 0

        def describe_db_snapshots(self, **request):
            self.looks += 1
            if self.looks == 4 and self.snapshot:
                self.snapshot = SNAPSHOT
            return super().describe_db_snapshots(**request)

        def delete_db_snapshot(self, **request):
            assert self.snapshot == SNAPSHOT
            return super().delete_db_snapshot(**request)

    client = Making({**SNAPSHOT, "Status": "creating"})
    assert rds_snapshot.ensure_absent(Module(), client)["changed"] is True
    assert len(client.writes) == 1
