# SPDX-License-Identifier: GPL-3.0-or-later
from datetime import UTC, datetime

import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import AwsError, Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.wait import TimeLeft
from ansible_collections.medzen.multiregion.plugins.modules import rds_snapshot_copy as module
from botocore.exceptions import ClientError

SOURCE_ARN = "arn:aws:rds:af-south-1:123456789012:snapshot:move"
KEY = "arn:aws:kms:eu-central-1:123456789012:key/1"
TAKEN = datetime(2026, 11, 21, 8, tzinfo=UTC)
SOURCE = {
    "DBSnapshotIdentifier": "move",
    "DBSnapshotArn": SOURCE_ARN,
    "Status": "available",
    "Encrypted": True,
    "AllocatedStorage": 100,
    "SnapshotCreateTime": TAKEN,
}
COPY = {
    **SOURCE,
    "DBSnapshotArn": SOURCE_ARN.replace("af-south-1", "eu-central-1"),
    "SourceDBSnapshotIdentifier": SOURCE_ARN,
    "SourceRegion": "af-south-1",
    "KmsKeyId": KEY,
    "OriginalSnapshotCreateTime": TAKEN,
}


def wanted(**given):
    values = {
        "name": "move",
        "region": "eu-central-1",
        "source_region": "af-south-1",
        "source_arn": SOURCE_ARN,
        "source": SOURCE,
        "key_arn": KEY,
        "min_create_time": "2026-11-21T08:00:00Z",
    }
    return module.Wanted(**{**values, **given})


def params(**given):
    return {"copy_tags": False, "option_group_name": None, "tags": None, "wait": True, "poll_seconds": 0, **given}


class Client:
    def __init__(self, *errors, existing=None):
        self.errors, self.existing, self.requests = list(errors), existing, []

    def copy_db_snapshot(self, **request):
        self.requests.append(request)
        if self.errors:
            raise ClientError({"Error": {"Code": self.errors.pop(0), "Message": ""}}, "CopyDBSnapshot")
        return {"DBSnapshot": COPY}

    def describe_db_snapshots(self, **_request):
        return {"DBSnapshots": [self.existing] if self.existing else []}


def test_the_right_copy_is_taken():
    module.check_existing(COPY, wanted())


@pytest.mark.parametrize("status", ["copying", "creating", "pending"])
def test_a_copy_under_way_is_joined(status):
    module.check_existing({**COPY, "Status": status}, wanted())


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"Status": "failed"}, "status failed"),
        ({"SourceDBSnapshotIdentifier": SOURCE_ARN + "-standby"}, "source arn.*-standby"),
        ({"SourceDBSnapshotIdentifier": None}, "source unknown"),
        ({"SourceRegion": "eu-west-1"}, "source region eu-west-1"),
        ({"KmsKeyId": KEY + "2"}, "encryption key"),
        ({"AllocatedStorage": 20}, "size in GB 20"),
        ({"OriginalSnapshotCreateTime": TAKEN.replace(hour=7)}, "stale"),
    ],
)
def test_anything_else_of_that_name_is_refused(change, reason):
    with pytest.raises(Refused, match=reason):
        module.check_existing({**COPY, **change}, wanted())


def test_a_copy_of_an_earlier_snapshot_of_the_same_name_is_refused():
    newer = {**SOURCE, "SnapshotCreateTime": TAKEN.replace(hour=9)}
    with pytest.raises(Refused, match="earlier snapshot of the same name"):
        module.check_existing(COPY, wanted(source=newer))


def test_a_copy_may_outlive_its_source():
    module.check_existing(COPY, wanted(source=None))


def test_an_encrypted_source_needs_a_key_of_the_target_region():
    with pytest.raises(Refused, match="a key of eu-central-1"):
        module.check_source(SOURCE, wanted(key_arn=None))


def test_a_stale_source_is_not_copied():
    with pytest.raises(Refused, match="stale"):
        module.check_source({**SOURCE, "SnapshotCreateTime": TAKEN.replace(hour=7)}, wanted())


def test_the_request_names_key_and_source_region():
    assert module.build_request(params(tags={"a": "b"}), wanted()) == {
        "TargetDBSnapshotIdentifier": "move",
        "CopyTags": False,
        "SourceRegion": "af-south-1",
        "KmsKeyId": KEY,
        "Tags": [{"Key": "a", "Value": "b"}],
    }


def test_a_copy_waits_for_its_turn():
    client = Client("SnapshotQuotaExceeded", "SnapshotQuotaExceeded")
    module.queue_copy(client, params(), wanted(), TimeLeft(5))
    assert len(client.requests) == 3


def test_without_waiting_a_full_queue_is_an_error():
    with pytest.raises(AwsError, match="SnapshotQuotaExceeded"):
        module.start_copy(Client("SnapshotQuotaExceeded"), params(wait=False), wanted())


def test_a_lost_answer_is_no_second_copy():
    assert module.start_copy(Client("DBSnapshotAlreadyExists", existing=COPY), params(), wanted()) == COPY


def test_a_foreign_copy_that_came_in_between_is_refused():
    foreign = {**COPY, "SourceDBSnapshotIdentifier": "another"}
    with pytest.raises(Refused):
        module.start_copy(Client("DBSnapshotAlreadyExists", existing=foreign), params(), wanted())


def test_the_rate_is_measured_from_the_first_progress_to_the_last():
    times = iter([0.0, 60.0])
    rate = module.CopyRate(clock=lambda: next(times))
    rate.see({**COPY, "PercentProgress": 10})
    assert rate.gb_per_minute() is None
    assert rate.text({**COPY, "Status": "copying", "PercentProgress": 30}) == "copying, 20 GB a minute"


def test_the_region_is_read_from_the_arn():
    assert module.region_of_arn(SOURCE_ARN) == "af-south-1"
    with pytest.raises(Refused, match="cannot be read"):
        module.region_of_arn("move")


def test_the_arn_of_a_source_that_is_gone_follows_from_its_copy():
    given = {"source_snapshot_arn": None, "source_snapshot": "Move", "source_region": "af-south-1"}
    assert module.build_source_arn(given, None, COPY) == SOURCE_ARN
    assert module.build_source_arn(given, None, None) == ""


@pytest.mark.parametrize(
    ("change", "source", "failed"),
    [
        ({"Status": "failed"}, SOURCE, True),
        ({}, SOURCE, False),
        ({"Status": "copying"}, SOURCE, False),
        ({"Status": "failed", "KmsKeyId": KEY + "2"}, SOURCE, False),
        ({"Status": "failed", "SourceDBSnapshotIdentifier": SOURCE_ARN + "-standby"}, SOURCE, False),
        ({"Status": "failed"}, None, False),
    ],
)
def test_only_the_wanted_copy_that_failed_gives_way(change, source, failed):
    assert module.is_failed_attempt({**COPY, **change}, wanted(source=source)) is failed


class Copies(Client):
    """A failed copy, until it is deleted; then the good one."""

    def __init__(self):
        super().__init__(existing={**COPY, "Status": "failed"})

    def describe_db_snapshots(self, DBSnapshotIdentifier, **_request):  # noqa: N803
        found = SOURCE if DBSnapshotIdentifier == SOURCE_ARN else self.existing
        return {"DBSnapshots": [found] if found else []}

    def delete_db_snapshot(self, **request):
        self.requests.append(request)
        self.existing = None

    def copy_db_snapshot(self, **request):
        self.existing = COPY
        return super().copy_db_snapshot(**request)


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_copy_that_failed_is_deleted_and_made_again(monkeypatch, check_mode):
    client = Copies()
    monkeypatch.setattr(module, "client", lambda *_: client)
    monkeypatch.setattr(module, "find_key", lambda *_: KEY)
    given = params(
        db_snapshot_identifier="move",
        source_snapshot_arn=SOURCE_ARN,
        source_region=None,
        kms_key_id=KEY,
        min_create_time=None,
        wait_timeout=5,
    )
    fake = type("Module", (), {"params": given, "check_mode": check_mode, "region": "eu-central-1"})
    result = module.ensure_copy(fake)
    assert (result["changed"], result["replaced"]) == (True, True)
    assert [next(iter(request)) for request in client.requests] == (
        [] if check_mode else ["DBSnapshotIdentifier", "SourceDBSnapshotIdentifier"]
    )
