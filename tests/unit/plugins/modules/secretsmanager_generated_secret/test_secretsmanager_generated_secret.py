# SPDX-License-Identifier: GPL-3.0-or-later
import boto3
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import MultiregionError, Refused
from ansible_collections.medzen.multiregion.plugins.modules import secretsmanager_generated_secret as module
from moto import mock_aws

NAME = "eu-central-1/medzen-ehrbase/db_admin_password"
SOURCE = {"name": "af-south-1/medzen-ehrbase/db_admin_password", "region": "af-south-1"}


class Module:
    region = "eu-central-1"

    def __init__(self, check_mode, params):
        self.check_mode, self.params = check_mode, params

    def client(self, service, region=None, **_options):
        return Retrying(boto3.client(service, region_name=region or self.region))


class Retrying:
    """A client that takes aws_retry and remembers what was called."""

    calls = []

    def __init__(self, client):
        self.client = client

    def __getattr__(self, name):
        def call(aws_retry=False, **request):
            Retrying.calls.append(name)
            return getattr(self.client, name)(**request)

        return call


READS = ("describe_secret", "get_secret_value", "get_random_password", "describe_key")


def writes():
    return [name for name in Retrying.calls if name not in READS]


@pytest.fixture(autouse=True)
def aws(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "rehearsal")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    Retrying.calls = []
    with mock_aws():
        yield lambda region="eu-central-1": boto3.client("secretsmanager", region_name=region)


def ensure(check_mode=False, **given):
    params = {
        "name": NAME,
        "description": None,
        "length": 32,
        "exclude_punctuation": True,
        "exclude_characters": None,
        "copy_from": None,
        "kms_key_id": None,
        "replica_regions": None,
        "promote_replica": False,
        "restore": False,
        "tags": None,
        "purge_tags": True,
        "wait": True,
        "wait_timeout": 5,
        "poll_seconds": 0,
    }
    return module.ensure(Module(check_mode, {**params, **given}))


def test_a_generated_value_is_never_returned(aws):
    result = ensure(tags={"Workload": "medzen-ehrbase"})
    value = aws().get_secret_value(SecretId=NAME)["SecretString"]
    assert result["changed"] is True and len(value) == 32 and value.isalnum()
    assert value not in str(result)


def test_a_second_run_writes_nothing():
    given = {"tags": {"a": "b"}, "replica_regions": [{"region": "eu-west-1", "kms_key_id": None}]}
    ensure(**given)
    Retrying.calls = []
    assert ensure(**given)["changed"] is False
    assert writes() == []


def test_check_mode_writes_nothing():
    assert ensure(check_mode=True)["changed"] is True
    assert writes() == []


def test_a_value_is_copied_from_another_region(aws):
    aws("af-south-1").create_secret(Name=SOURCE["name"], SecretString="from-the-south")
    result = ensure(copy_from=SOURCE)
    assert aws().get_secret_value(SecretId=NAME)["SecretString"] == "from-the-south"
    assert "from-the-south" not in str(result)


def test_an_existing_secret_takes_over_the_value_once(aws):
    aws("af-south-1").create_secret(Name=SOURCE["name"], SecretString="from-the-south")
    ensure()
    first, second = ensure(copy_from=SOURCE), ensure(copy_from=SOURCE)
    assert (first["changed"], second["changed"]) == (True, False)
    assert first["diff"]["after"][NAME]["value"] == f"that of {SOURCE['name']} in af-south-1"
    assert aws().get_secret_value(SecretId=NAME)["SecretString"] == "from-the-south"


def test_a_copy_outlives_its_source(aws):
    ensure()
    result = ensure(copy_from=SOURCE)
    assert (result["changed"], result["source_exists"]) == (False, False)


def test_a_copy_without_a_source_is_not_made():
    assert ensure(check_mode=True, copy_from=SOURCE)["source_exists"] is False
    with pytest.raises(Refused, match="There is no secret af-south-1/"):
        ensure(copy_from=SOURCE)


def test_a_secret_that_waits_for_its_deletion_comes_back_only_on_purpose(aws):
    ensure()
    aws().delete_secret(SecretId=NAME)
    with pytest.raises(Refused, match="scheduled for deletion.*restore: true"):
        ensure()
    assert ensure(restore=True)["changed"] is True
    assert "DeletedDate" not in aws().describe_secret(SecretId=NAME)


def test_tags_are_set_and_purged(aws):
    ensure(tags={"old": "1"})
    assert ensure(tags={"new": "2"})["changed"] is True
    assert aws().describe_secret(SecretId=NAME)["Tags"] == [{"Key": "new", "Value": "2"}]


@pytest.mark.parametrize(
    ("found", "wanted", "same"),
    [
        (None, "alias/aws/secretsmanager", True),
        ("arn:aws:kms:eu-central-1:1:key/abc", "abc", True),
        ("arn:aws:kms:eu-central-1:1:alias/medzen", "alias/medzen", True),
        ("alias/medzen", "alias/medzen", True),
        ("anything", None, True),
        (None, "alias/medzen", False),
        ("arn:aws:kms:eu-central-1:1:key/abc", "bc", False),
    ],
)
def test_a_key_has_several_names(found, wanted, same):
    assert module.is_same_key(found, wanted) is same


SECRET = {
    "ReplicationStatus": [
        {"Region": "eu-west-1", "KmsKeyId": "k1", "Status": "InSync"},
        {"Region": "us-east-1", "KmsKeyId": "k2", "Status": "InSync"},
    ]
}


def same_key(found, wanted, _region):
    return module.is_same_key(found, wanted)


def test_the_set_of_replicas_is_compared_whatever_its_order():
    wanted = [{"region": "us-east-1", "kms_key_id": None}, {"region": "eu-west-1", "kms_key_id": "k1"}]
    assert module.diff_replicas(SECRET, wanted, same_key) == ([], [])


def test_replicas_come_and_go_by_region():
    wanted = [{"region": "eu-west-1", "kms_key_id": None}, {"region": "af-south-1", "kms_key_id": "k3"}]
    assert module.diff_replicas(SECRET, wanted, same_key) == (
        [{"Region": "af-south-1", "KmsKeyId": "k3"}],
        ["us-east-1"],
    )


def test_another_key_makes_another_replica():
    wanted = [{"region": "eu-west-1", "kms_key_id": "new"}, {"region": "us-east-1", "kms_key_id": None}]
    assert module.diff_replicas(SECRET, wanted, same_key) == (
        [{"Region": "eu-west-1", "KmsKeyId": "new"}],
        ["eu-west-1"],
    )


def test_replicas_that_were_not_asked_about_stay():
    assert module.diff_replicas(SECRET, None, same_key) == ([], [])


def test_a_failed_replica_is_told_with_its_reason():
    failed = {"ReplicationStatus": [{"Region": "eu-west-1", "Status": "Failed", "StatusMessage": "name taken"}]}
    assert module.find_failed_replica(failed) == "eu-west-1: name taken"
    assert module.find_failed_replica(SECRET) is None


def test_a_replica_takes_everything_from_its_primary(monkeypatch):
    replica = {"ARN": "arn", "Name": NAME, "PrimaryRegion": "af-south-1"}
    stopped = []
    monkeypatch.setattr(module, "describe_secret", lambda connection, name: {} if stopped else replica)
    monkeypatch.setattr(module, "stop_replication", lambda connection, name: stopped.append(name))
    assert ensure(tags={"ignored": "x"})["role"] == "replica"
    assert ensure(check_mode=True, promote_replica=True)["changed"] is True
    assert stopped == []


def test_an_error_of_the_creation_names_the_secret(monkeypatch):
    with pytest.raises(MultiregionError, match=f"Failed to create secret {NAME}"):
        ensure(kms_key_id="alias/none", name=NAME, replica_regions=[{"region": "eu-central-1", "kms_key_id": None}])
