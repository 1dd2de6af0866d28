# SPDX-License-Identifier: GPL-3.0-or-later
import pytest

from rehearsal.cloud.faults import FaultError, Faults, build_rule
from rehearsal.cloud.operations import Call


def call(service="rds", operation="CopyDBSnapshot", region="eu-central-1"):
    return Call(service, operation, region, "query")


@pytest.fixture
def faults():
    return Faults()


def fired(faults, *calls, write=True):
    return [bool(faults.taken(one, write)) for one in calls]


def test_a_rule_meets_only_the_service_operation_and_region_it_names(faults):
    faults.add(
        {"match": {"service": "rds", "operation": "CopyDBSnapshot", "region": "eu-west-1"}, "action": "throttle"}
    )
    assert fired(faults, call(), call(region="eu-west-1"), call(operation="CreateDBSnapshot", region="eu-west-1")) == [
        False,
        True,
        False,
    ]


def test_a_rule_for_the_nth_call_meets_that_one_only(faults):
    faults.add({"match": {"service": "rds", "nth": 2}, "action": "error"})
    assert fired(faults, call(), call(), call()) == [False, True, False]


def test_a_rule_ends_after_its_count(faults):
    faults.add({"match": {}, "action": "throttle", "count": 2})
    assert fired(faults, call(), call(), call()) == [True, True, False]


def test_a_rule_for_writes_leaves_reads_alone(faults):
    faults.add({"match": {"write": True}, "action": "throttle"})
    assert fired(faults, call(), write=False) == [False]
    assert fired(faults, call(), write=True) == [True]


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        ("ec2", ("RequestLimitExceeded", 503)),
        ("rds", ("Throttling", 400)),
        ("ecs", ("ThrottlingException", 400)),
        ("chime-sdk-meetings", ("ThrottlingException", 429)),
        ("chime-sdk-messaging", ("ThrottledClientException", 429)),
    ],
)
def test_throttling_is_worded_as_the_service_does(service, expected):
    assert build_rule("f", {"action": "throttle"}).error(call(service)) == expected


def test_a_failure_is_worded_as_the_service_does():
    fault = build_rule("f", {"action": "error"})
    assert fault.error(call("chime-sdk-identity")) == ("ServiceFailureException", 500)
    assert fault.error(call("rds")) == ("InternalError", 500)


def test_an_error_carries_the_code_and_status_asked_for():
    assert build_rule("f", {"action": "error", "code": "AccessDenied", "status": 403}).error(call()) == (
        "AccessDenied",
        403,
    )


def test_a_rule_for_own_calls_leaves_the_run_record_and_functions_alone(faults):
    faults.add({"match": {"own": True}, "action": "throttle"})
    record = call("dynamodb", "PutItem")
    record.parameters["TableName"] = "medzen-multiregion-runs"
    function = call("dynamodb", "PutItem")
    function.access_key = "rehearsal-function"
    assert fired(faults, record, function, call()) == [False, False, True]


def test_a_rule_for_each_call_counts_every_different_one_by_itself(faults):
    rule = faults.add({"match": {}, "action": "lost_response", "each": True, "count": 1})
    first, second = call(), call()
    first.parameters["TargetDBSnapshotIdentifier"], second.parameters["TargetDBSnapshotIdentifier"] = "a", "b"
    assert fired(faults, first, first, second, second) == [True, False, True, False]
    assert next(row for row in faults.rows() if row["id"] == rule.id)["met"] == 2


def test_removed_rules_meet_nothing(faults):
    first = faults.add({"match": {}, "action": "throttle"})
    assert faults.remove(first.id) == 1
    assert fired(faults, call()) == [False]


@pytest.mark.parametrize(
    "wanted",
    [
        {"action": "explode"},
        {"action": "throttle", "match": {"servce": "rds"}},
        {"action": "throttle", "sevice": "rds"},
        {"action": "kill"},
        {"action": "kill", "pid": 1},
    ],
)
def test_a_rule_that_cannot_be_honoured_is_refused(wanted):
    with pytest.raises(FaultError):
        build_rule("f", wanted)
