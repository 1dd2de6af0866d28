# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
from botocore.exceptions import ClientError


def code_of(call, **parameters):
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    return caught.value.response["Error"]["Code"]


@pytest.fixture
def here(client):
    return client("secretsmanager", "eu-central-1")


@pytest.fixture
def there(client):
    return client("secretsmanager", "eu-west-1")


def replica_states(here, name):
    return [row["Status"] for row in here.describe_secret(SecretId=name).get("ReplicationStatus", [])]


def test_a_replica_takes_a_moment(here, pass_time):
    here.create_secret(Name="moment", SecretString="x", AddReplicaRegions=[{"Region": "eu-west-1"}])
    assert replica_states(here, "moment") == ["InProgress"]
    pass_time(11)
    assert replica_states(here, "moment") == ["InSync"]


def test_a_replica_that_is_cut_loose_stands_alone(here, there):
    here.create_secret(Name="loose", SecretString="before", AddReplicaRegions=[{"Region": "eu-west-1"}])
    there.stop_replication_to_replica(SecretId="loose")
    here.put_secret_value(SecretId="loose", SecretString="after")
    assert there.get_secret_value(SecretId="loose")["SecretString"] == "before"
    assert replica_states(here, "loose") == []
    assert "PrimaryRegion" not in there.describe_secret(SecretId="loose")
    there.put_secret_value(SecretId="loose", SecretString="own")
    here.delete_secret(SecretId="loose")


def test_only_a_replica_can_be_cut_loose(here):
    here.create_secret(Name="plain", SecretString="x")
    assert code_of(here.stop_replication_to_replica, SecretId="plain") == "InvalidRequestException"
    assert code_of(here.stop_replication_to_replica, SecretId="none") == "ResourceNotFoundException"


def test_the_name_of_a_secret_scheduled_for_deletion_is_taken(here):
    here.create_secret(Name="taken", SecretString="x")
    here.delete_secret(SecretId="taken")
    assert code_of(here.create_secret, Name="taken", SecretString="y") == "InvalidRequestException"


def test_a_secret_needs_a_key_that_can_be_used(client, here):
    kms = client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    here.create_secret(Name="keyed", SecretString="x", KmsKeyId=key)
    kms.disable_key(KeyId=key)
    assert code_of(here.get_secret_value, SecretId="keyed") == "DecryptionFailure"
    assert code_of(here.create_secret, Name="keyed2", SecretString="x", KmsKeyId="alias/none") == "EncryptionFailure"
