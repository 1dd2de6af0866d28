# SPDX-License-Identifier: GPL-3.0-or-later
from datetime import UTC, datetime

import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils import rds
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import MultiregionError, Refused

TAKEN = datetime(2026, 11, 21, 8, tzinfo=UTC)
SNAPSHOT = {"DBSnapshotIdentifier": "move", "Status": "available", "SnapshotCreateTime": TAKEN}


class Client:
    """Answers describe_db_instances with one state after the other; the last one stays."""

    def __init__(self, *statuses, **fields):
        self.statuses, self.fields = list(statuses), fields

    def describe_db_instances(self, **_request):
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        return {"DBInstances": [{"DBInstanceStatus": status, **self.fields}] if status else []}

    def promote_read_replica(self, aws_retry, **request):
        self.request = request
        return {"DBInstance": {}}


def wait(client, **options):
    return rds.wait_instance(
        client, "a", poll_seconds=0, timeout_s=5, clock=lambda: 0.0, sleep=lambda s: None, **options
    )


def test_a_wait_ends_when_the_instance_is_available():
    assert wait(Client("creating", "backing-up", "available"))["DBInstanceStatus"] == "available"


@pytest.mark.parametrize("status", ["incompatible-restore", "failed", "storage-full"])
def test_a_broken_instance_is_not_waited_for(status):
    with pytest.raises(MultiregionError, match=status):
        wait(Client("creating", status))


def test_an_instance_that_vanishes_is_not_waited_for():
    with pytest.raises(MultiregionError, match="not there"):
        wait(Client("creating", None))


@pytest.mark.parametrize(
    ("instance", "promoted"),
    [
        (None, False),
        ({"DBInstanceStatus": "available", "ReadReplicaSourceDBInstanceIdentifier": "arn"}, False),
        ({"DBInstanceStatus": "modifying"}, False),
        ({"DBInstanceStatus": "available"}, True),
        ({"DBInstanceStatus": "backing-up"}, True),
    ],
)
def test_a_promotion_is_over_when_link_and_reboot_are(instance, promoted):
    assert rds.is_promoted(instance) is promoted


def test_a_promotion_states_its_backups():
    client = Client("available")
    rds.promote(client, "a", 7, "03:00-04:00")
    assert client.request == {
        "DBInstanceIdentifier": "a",
        "BackupRetentionPeriod": 7,
        "PreferredBackupWindow": "03:00-04:00",
    }


def test_the_age_of_a_copy_is_the_age_of_its_data():
    copy = {"SnapshotCreateTime": TAKEN, "OriginalSnapshotCreateTime": TAKEN.replace(hour=7)}
    assert rds.data_time(copy).hour == 7


def test_a_snapshot_of_before_the_fence_is_stale():
    with pytest.raises(Refused, match="stale.*2026-11-21T08:00:00"):
        rds.check_age(SNAPSHOT, "2026-11-21T08:00:01Z")


def test_a_snapshot_of_the_fence_or_later_is_fresh():
    rds.check_age(SNAPSHOT, "2026-11-21T08:00:00Z")
    rds.check_age(SNAPSHOT, None)


def test_a_snapshot_of_unknown_age_is_stale_once_it_is_complete():
    rds.check_age({"DBSnapshotIdentifier": "move", "Status": "creating"}, "2026-11-21T08:00:00Z")
    with pytest.raises(Refused, match="unknown time"):
        rds.check_age({"DBSnapshotIdentifier": "move", "Status": "available"}, "2026-11-21T08:00:00Z")


def test_a_time_that_cannot_be_read_is_refused():
    with pytest.raises(Refused, match="ISO 8601"):
        rds.parse_time("yesterday")


def test_a_time_without_a_zone_is_utc():
    assert rds.parse_time("2026-11-21T08:00:00") == TAKEN


@pytest.mark.parametrize(
    "infos, problem",
    [
        (None, None),
        ([{"StatusType": "read replication", "Status": "replicating", "Normal": True}], None),
        ([{"StatusType": "something else", "Status": "bad", "Normal": False}], None),
        ([{"StatusType": "read replication", "Status": "terminated", "Normal": False}], "terminated: no reason given"),
        (
            [{"StatusType": "read replication", "Status": "error", "Normal": False, "Message": "no log"}],
            "error: no log",
        ),
    ],
)
def test_a_replication_that_does_not_go_on_is_told_with_rds_reason(infos, problem):
    assert rds.replication_problem({"StatusInfos": infos}) == problem


def test_a_replication_that_broke_is_told_beside_one_that_goes_on():
    good = {"StatusType": "read replication", "Status": "replicating", "Normal": True}
    bad = {"StatusType": "read replication", "Status": "terminated", "Normal": False}
    assert rds.replication_problem({"StatusInfos": [good, bad]}) == "terminated: no reason given"


@pytest.mark.parametrize("status", ["failed", "incompatible-restore", "deleting"])
def test_a_snapshot_that_will_never_be_available_is_not_waited_for(status):
    assert status in rds.snapshot_failure_reason({"Status": status})
