# SPDX-License-Identifier: GPL-3.0-or-later
import pytest

from rehearsal.cloud.clock import Clock
from rehearsal.cloud.ledger import Ledger, is_run_record, is_write
from rehearsal.cloud.operations import Call


@pytest.fixture
def ledger():
    return Ledger(Clock(60.0, {}, lambda: 5.0))


def call(service="rds", operation="DescribeDBInstances", **parameters):
    return Call(service, operation, "eu-central-1", "query", parameters)


@pytest.mark.parametrize(
    ("service", "operation"),
    [
        ("rds", "DescribeDBInstances"),
        ("ecs", "ListTasks"),
        ("s3", "HeadObject"),
        ("dynamodb", "Query"),
        ("iam", "SimulatePrincipalPolicy"),
        ("kms", "Decrypt"),
        ("sts", "AssumeRole"),
        ("route53", "TestDNSAnswer"),
    ],
)
def test_an_operation_that_only_looks_is_a_read(service, operation):
    assert not is_write(service, operation)


@pytest.mark.parametrize(
    ("service", "operation"),
    [
        ("rds", "CopyDBSnapshot"),
        ("route53", "ChangeResourceRecordSets"),
        ("elbv2", "RegisterTargets"),
        ("dynamodb", "UpdateItem"),
        ("ecs", "RunTask"),
        ("acm", "RequestCertificate"),
        ("dynamodb", "BatchWriteItem"),
    ],
)
def test_an_operation_that_changes_something_is_a_write(service, operation):
    assert is_write(service, operation)


def test_calls_after_a_mark_can_be_asked_for(ledger):
    ledger.add(call(), {}, 200, None, 0.001)
    mark = ledger.mark("before the second run")
    ledger.add(call("ec2", "CreateVpc"), {}, 200, None, 0.001)
    found = ledger.read({"since": str(mark)})
    assert [entry["operation"] for entry in found["calls"]] == ["CreateVpc"]
    assert found["last"] == 2


def test_reads_can_be_left_out(ledger):
    ledger.add(call(), {}, 200, None, 0.001)
    ledger.add(call("ec2", "CreateVpc"), {}, 400, "VpcLimitExceeded", 0.001)
    assert [(entry["operation"], entry["error"]) for entry in ledger.read({"write": "1"})["calls"]] == [
        ("CreateVpc", "VpcLimitExceeded")
    ]
    assert [entry["operation"] for entry in ledger.read({"write": "0"})["calls"]] == ["DescribeDBInstances"]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (call("dynamodb", "UpdateItem", TableName="medzen-multiregion-runs"), True),
        (
            call("dynamodb", "TagResource", ResourceArn="arn:aws:dynamodb:eu-west-1:1:table/medzen-multiregion-runs"),
            True,
        ),
        (call("dynamodb", "UpdateItem", TableName="medzen-meeting-audit"), False),
        (call("s3", "PutObject", TableName="medzen-multiregion-runs"), False),
    ],
)
def test_only_calls_on_the_run_records_table_count_as_record(asked, expected):
    assert is_run_record(asked) is expected


def test_a_call_is_told_with_the_key_of_its_caller(ledger):
    asked = Call("rds", "CreateDBSnapshot", "eu-central-1", "query", {}, access_key="AKIAOPS2")
    ledger.add(asked, {}, 200, None, 0.001)
    assert [entry["access"] for entry in ledger.read({})["calls"]] == ["AKIAOPS2"]


def test_the_calls_of_one_key_can_be_asked_for(ledger):
    for key in ("rehearsal", "rehearsal-operator-a", "rehearsal"):
        one = Call("rds", "DescribeDBInstances", "eu-central-1", "query", {}, access_key=key)
        ledger.add(one, {}, 200, None, 0.1)
    assert [entry["n"] for entry in ledger.read({"access": "rehearsal"})["calls"]] == [1, 3]
