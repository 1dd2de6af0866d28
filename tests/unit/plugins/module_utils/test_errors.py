# SPDX-License-Identifier: GPL-3.0-or-later
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import (
    AwsError,
    MultiregionError,
    Refused,
    WaitTimeout,
)
from botocore.exceptions import ClientError


def test_a_refusal_says_found_expected_and_next():
    error = Refused("The snapshot is stale", found="07:00", expected="08:00 or later", next_step="take a new one")
    assert str(error) == "The snapshot is stale. Found: 07:00. Expected: 08:00 or later. Next: take a new one."
    assert error.result == {"found": "07:00", "expected": "08:00 or later", "next_step": "take a new one"}


def test_a_refusal_leaves_out_what_it_does_not_know():
    assert str(Refused("No such key", next_step="create it")) == "No such key. Next: create it."
    assert Refused("No such key").result == {}


def test_an_aws_error_keeps_the_code_of_the_service():
    cause = ClientError({"Error": {"Code": "Throttling", "Message": "slow"}}, "CopyDBSnapshot")
    error = AwsError("Failed to copy snapshot a", cause)
    assert error.code == "Throttling"
    assert error.result["error_code"] == "Throttling"
    assert "Failed to copy snapshot a: " in str(error) and "slow" in str(error)


def test_an_error_without_an_answer_has_no_code():
    assert AwsError("Failed", OSError("cut")).code is None


def test_a_timeout_carries_the_last_state():
    assert WaitTimeout("Timeout", {"status": "copying"}).result == {"last_state": {"status": "copying"}}
    assert WaitTimeout("Timeout", AwsError("Not yet")).result == {"last_state": "Not yet"}


def test_all_errors_are_caught_as_one():
    assert {error.__base__ for error in (AwsError, Refused, WaitTimeout)} == {MultiregionError}
