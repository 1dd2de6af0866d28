# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused
from ansible_collections.medzen.multiregion.plugins.modules import rds_replica_promote as promote

SOURCE_ARN = "arn:aws:rds:af-south-1:123456789012:db:prod"
PROOF = {"source_fenced": True, "source_lsn": "0/5000148", "replayed_lsn": "0/5000148"}
REPLICA = {
    "DBInstanceArn": "arn:replica",
    "DBInstanceStatus": "available",
    "ReadReplicaSourceDBInstanceIdentifier": SOURCE_ARN,
    "TagList": [],
}
PRIMARY = {"DBInstanceArn": "arn:replica", "DBInstanceStatus": "available", "TagList": []}
RECORD = [{"Key": promote.PROMOTED_FROM_TAG, "Value": SOURCE_ARN}]


def params(**given):
    return {
        "db_instance_identifier": "db",
        "expected_source_arn": SOURCE_ARN,
        "evidence": PROOF,
        "max_lag_bytes": 0,
        "accept_loss_bytes": None,
        "backup_retention_days": 7,
        "backup_window": None,
        "wait": True,
        "wait_timeout": 5,
        "poll_seconds": 0,
        **given,
    }


class Client:
    def __init__(self, *instances):
        self.instances, self.writes = list(instances), []

    def describe_db_instances(self, **_request):
        instance = self.instances.pop(0) if len(self.instances) > 1 else self.instances[0]
        return {"DBInstances": [instance] if instance else []}

    def add_tags_to_resource(self, **request):
        self.writes.append("tag")

    def promote_read_replica(self, **request):
        self.writes.append("promote")
        return {"DBInstance": {}}


class Module:
    region = "eu-central-1"

    def __init__(self, client, check_mode=False, **given):
        self.connection, self.check_mode, self.params = client, check_mode, params(**given)

    def client(self, _service, **_options):
        return self.connection


def ensure(client, check_mode=False, **given):
    return promote.ensure_promoted(Module(client, check_mode, **given))


def test_a_replica_that_has_everything_is_promoted():
    client = Client(REPLICA, {**REPLICA, "DBInstanceStatus": "modifying"}, PRIMARY)
    result = ensure(client)
    assert client.writes == ["tag", "promote"]
    assert (result["changed"], result["role"], result["lag_bytes"]) == (True, "primary", 0)
    assert result["gate"]["verdict"] == "pass"


@pytest.mark.parametrize(
    ("evidence", "reason"),
    [
        (None, "not proved to refuse writes; a log position is missing"),
        ({**PROOF, "source_fenced": False}, "not proved to refuse writes"),
        ({**PROOF, "replayed_lsn": None}, "lag is unknown"),
        ({**PROOF, "replayed_lsn": "0/5000147"}, "lacks 1 bytes"),
        ({**PROOF, "source_lsn": "1/0", "replayed_lsn": "0/FFFFFFF0"}, "lacks 16 bytes"),
    ],
)
def test_doubt_refuses_and_writes_nothing(evidence, reason):
    client = Client(REPLICA)
    with pytest.raises(Refused, match=reason) as error:
        ensure(client, evidence=evidence)
    assert client.writes == []
    assert error.value.result["gate"]["verdict"] == "refuse"


def test_a_loss_is_accepted_only_by_its_exact_size():
    behind = {**PROOF, "replayed_lsn": "0/5000100"}
    with pytest.raises(Refused, match="lacks 72 bytes"):
        ensure(Client(REPLICA), evidence=behind, accept_loss_bytes=100)
    assert ensure(Client(REPLICA, PRIMARY), evidence=behind, accept_loss_bytes=72)["gate"]["verdict"] == "override"


def test_an_accepted_loss_is_no_substitute_for_the_fence():
    evidence = {"source_fenced": False, "source_lsn": "0/2", "replayed_lsn": "0/1"}
    with pytest.raises(Refused, match="refuse writes"):
        ensure(Client(REPLICA), evidence=evidence, accept_loss_bytes=1)


def test_a_promoted_instance_is_left_alone():
    client = Client({**PRIMARY, "TagList": RECORD})
    result = ensure(client, evidence=None)
    assert (result["changed"], result["role"], client.writes) == (False, "primary", [])


def test_a_promotion_under_way_is_joined():
    client = Client({**REPLICA, "DBInstanceStatus": "modifying", "TagList": RECORD}, PRIMARY)
    result = ensure(client, evidence=None)
    assert (result["changed"], result["joined"], result["role"], client.writes) == (False, True, "primary", [])


def test_a_run_that_died_before_it_asked_is_taken_up():
    client = Client({**REPLICA, "TagList": RECORD}, PRIMARY)
    assert ensure(client)["changed"] is True
    assert "promote" in client.writes


def test_a_database_that_never_was_a_replica_is_refused():
    with pytest.raises(Refused, match="no record that it ever was"):
        ensure(Client(PRIMARY))


def test_a_replica_of_another_source_is_refused():
    with pytest.raises(Refused, match="Found: another"):
        ensure(Client({**REPLICA, "ReadReplicaSourceDBInstanceIdentifier": "another"}))


@pytest.mark.parametrize("status", ["backing-up", "modifying", "storage-optimization"])
def test_a_replica_that_is_not_at_rest_is_refused(status):
    with pytest.raises(Refused, match=f"status {status}"):
        ensure(Client({**REPLICA, "DBInstanceStatus": status}))


def test_a_database_without_backups_is_not_made():
    with pytest.raises(Refused, match="backup_retention_days 0"):
        ensure(Client(REPLICA), backup_retention_days=0)


def test_check_mode_writes_nothing_and_tells_the_verdict():
    client = Client(REPLICA)
    result = ensure(client, check_mode=True, evidence=None)
    assert (result["changed"], result["gate"]["verdict"], client.writes) == (True, "refuse", [])


def test_a_replica_still_to_be_made_is_planned_in_check_mode():
    assert ensure(Client(None), check_mode=True)["role"] == "absent"
    with pytest.raises(Refused, match="There is no database db in eu-central-1"):
        ensure(Client(None))


LOSS = "lose what was written after 2026-11-28T14:03:22.123456Z"
LOST = {"source_lost": True, "replayed_lsn": "0/5000148", "possible_loss": LOSS, "accepted_loss": LOSS}


def test_the_replica_of_a_lost_source_is_promoted_once_its_loss_is_accepted():
    client = Client(REPLICA, PRIMARY)
    result = ensure(client, evidence=LOST)
    assert client.writes == ["tag", "promote"]
    assert (result["gate"]["verdict"], result["lag_bytes"]) == ("override", None)
    assert result["promote_s"] >= 0


def test_nothing_has_to_be_accepted_where_nothing_can_be_lost():
    result = ensure(Client(REPLICA, PRIMARY), evidence={**LOST, "possible_loss": "", "accepted_loss": ""})
    assert result["gate"]["verdict"] == "pass"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"accepted_loss": ""}, f"not accepted to {LOSS}"),
        ({"accepted_loss": "lose what was written after 2026-11-28T14:03:21.000000Z"}, "not accepted"),
        ({"possible_loss": None, "accepted_loss": ""}, "unknown"),
        ({"replayed_lsn": None}, "unknown"),
    ],
)
def test_a_loss_that_is_unknown_or_not_accepted_refuses(change, words):
    client = Client(REPLICA)
    with pytest.raises(Refused, match=words):
        ensure(client, evidence={**LOST, **change})
    assert client.writes == []
