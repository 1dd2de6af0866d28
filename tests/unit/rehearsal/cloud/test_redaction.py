# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
from botocore.session import Session

from rehearsal.cloud.redaction import HIDDEN, is_secret_name, redact


def shape_of(service, operation):
    return Session().get_service_model(service).operation_model(operation).input_shape


@pytest.mark.parametrize(
    "name",
    ["MasterUserPassword", "SecretString", "SecretBinary", "AuthToken", "PrivateKey", "DB_PASS", "DB_PASS_ADMIN"],
)
def test_a_name_of_a_secret_is_one(name):
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name", ["NextToken", "ClientToken", "ClientRequestToken", "IdempotencyToken", "DBInstanceIdentifier", "KeyId"]
)
def test_a_name_of_no_secret_is_none(name):
    assert not is_secret_name(name)


def test_a_database_password_is_hidden():
    parameters = {"DBInstanceIdentifier": "x", "MasterUserPassword": "geheim"}
    assert redact(parameters, shape_of("rds", "CreateDBInstance")) == {
        "DBInstanceIdentifier": "x",
        "MasterUserPassword": HIDDEN,
    }


def test_a_secret_value_is_hidden_and_its_token_is_not():
    parameters = {"Name": "a", "SecretString": "geheim", "ClientRequestToken": "t"}
    found = redact(parameters, shape_of("secretsmanager", "CreateSecret"))
    assert found == {"Name": "a", "SecretString": HIDDEN, "ClientRequestToken": "t"}


def test_a_parameter_that_the_model_marks_sensitive_is_hidden():
    assert redact({"KeyId": "k", "Plaintext": b"geheim"}, shape_of("kms", "Encrypt"))["Plaintext"] == HIDDEN


def test_the_environment_of_a_container_is_hidden_as_the_model_asks():
    container = {"name": "ehrbase", "environment": [{"name": "DB_PASS", "value": "geheim"}]}
    found = redact({"containerDefinitions": [container]}, shape_of("ecs", "RegisterTaskDefinition"))
    assert "geheim" not in str(found)


def test_a_pair_named_like_a_secret_loses_its_value():
    parameters = [
        {"ParameterKey": "DbPassword", "ParameterValue": "geheim"},
        {"ParameterKey": "User", "ParameterValue": "u"},
    ]
    found = redact({"Parameters": parameters}, shape_of("cloudformation", "CreateStack"))
    assert [one["ParameterValue"] for one in found["Parameters"]] == [HIDDEN, "u"]


def test_a_flag_named_like_a_secret_stays_readable():
    assert redact({"ManageMasterUserPassword": True}, shape_of("rds", "CreateDBInstance")) == {
        "ManageMasterUserPassword": True
    }


def test_bytes_become_their_size():
    assert redact({"Body": b"12345"}) == {"Body": "<5 bytes>"}
