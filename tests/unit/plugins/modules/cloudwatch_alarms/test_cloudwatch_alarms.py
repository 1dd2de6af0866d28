# SPDX-License-Identifier: GPL-3.0-or-later
from types import SimpleNamespace

import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused
from ansible_collections.medzen.multiregion.plugins.modules import cloudwatch_alarms as module

ALARM = {
    "name": "cpu",
    "description": "",
    "namespace": "AWS/RDS",
    "metric": "CPUUtilization",
    "dimensions": {"DBInstanceIdentifier": "db"},
    "statistic": "Average",
    "comparison": "GreaterThanThreshold",
    "threshold": 70.0,
    "period_s": 300,
    "evaluation_periods": 2,
    "missing_data": "missing",
}
PARAMS = {"alarms": [ALARM], "actions": ["arn:topic"], "state": "present", "tags": {"W": "x"}, "purge_tags": True}


class CloudWatch:
    """Alarms in memory, as CloudWatch answers: what has its default is not told."""

    def __init__(self):
        self.alarms, self.tags, self.calls = {}, {}, []

    def get_paginator(self, operation):
        assert operation == "describe_alarms"
        return SimpleNamespace(paginate=self._pages)

    def _pages(self, AlarmNames, AlarmTypes):
        assert 0 < len(AlarmNames) <= 100
        found = [self.alarms[name] for name in AlarmNames if name in self.alarms]
        return SimpleNamespace(build_full_result=lambda: {"MetricAlarms": found})

    def list_tags_for_resource(self, ResourceARN, aws_retry):
        return {"Tags": [{"Key": key, "Value": value} for key, value in self.tags[ResourceARN].items()]}

    def put_metric_alarm(self, AlarmName, aws_retry, Tags=(), **request):
        self.calls.append(f"put {AlarmName}")
        told = {key: value for key, value in request.items() if value not in ("", "missing")}
        self.alarms[AlarmName] = {"AlarmName": AlarmName, "AlarmArn": f"arn:{AlarmName}", **told}
        self.tags.setdefault(f"arn:{AlarmName}", {}).update({one["Key"]: one["Value"] for one in Tags})

    def tag_resource(self, ResourceARN, Tags, aws_retry):
        self.calls.append(f"tag {ResourceARN}")
        self.tags[ResourceARN].update({one["Key"]: one["Value"] for one in Tags})

    def untag_resource(self, ResourceARN, TagKeys, aws_retry):
        self.calls.append(f"untag {ResourceARN}")
        self.tags[ResourceARN] = {key: value for key, value in self.tags[ResourceARN].items() if key not in TagKeys}

    def delete_alarms(self, AlarmNames, aws_retry):
        self.calls.append(f"delete {' '.join(AlarmNames)}")
        self.alarms = {name: one for name, one in self.alarms.items() if name not in AlarmNames}


def run(cloudwatch, check_mode=False, **change):
    cloudwatch.calls.clear()
    params = {**PARAMS, **change}
    function = module.ensure_present if params["state"] == "present" else module.ensure_absent
    return function(SimpleNamespace(params=params, check_mode=check_mode), cloudwatch)


def test_check_mode_plans_and_writes_nothing():
    cloudwatch = CloudWatch()
    result = run(cloudwatch, check_mode=True)
    assert result["changed"] and result["alarms"] == {"cpu": "created"} and not cloudwatch.alarms
    assert result["diff"]["after"]["cpu"]["Threshold"] == 70.0


def test_alarms_are_made_once_with_their_tags():
    cloudwatch = CloudWatch()
    assert run(cloudwatch)["changed"] and cloudwatch.tags == {"arn:cpu": {"W": "x"}}
    assert run(cloudwatch) == {**run(cloudwatch), "changed": False, "alarms": {"cpu": "unchanged"}}
    assert not cloudwatch.calls


@pytest.mark.parametrize(
    "change",
    [
        {"threshold": 80.0},
        {"dimensions": {"DBInstanceIdentifier": "other"}},
        {"evaluation_periods": 3},
        {"missing_data": "breaching"},
        {"description": "the database is busy"},
    ],
)
def test_an_alarm_that_differs_is_written_and_the_others_are_not(change):
    cloudwatch = CloudWatch()
    other = {**ALARM, "name": "connections"}
    run(cloudwatch, alarms=[ALARM, other])
    result = run(cloudwatch, alarms=[{**ALARM, **change}, other])
    assert result["alarms"] == {"cpu": "changed", "connections": "unchanged"}
    assert cloudwatch.calls == ["put cpu"]


def test_the_order_of_actions_and_dimensions_is_no_difference():
    cloudwatch = CloudWatch()
    alarm = {**ALARM, "dimensions": {"B": "1", "A": "2"}}
    run(cloudwatch, alarms=[alarm], actions=["b", "a"])
    assert not run(cloudwatch, alarms=[{**ALARM, "dimensions": {"A": "2", "B": "1"}}], actions=["a", "b"])["changed"]


def test_tags_alone_are_no_reason_to_write_the_alarm():
    cloudwatch = CloudWatch()
    run(cloudwatch)
    assert run(cloudwatch, tags={"V": "y"})["alarms"] == {"cpu": "changed"}
    assert cloudwatch.calls == ["tag arn:cpu", "untag arn:cpu"] and cloudwatch.tags["arn:cpu"] == {"V": "y"}


def test_no_tags_given_leaves_them_alone():
    cloudwatch = CloudWatch()
    run(cloudwatch)
    assert not run(cloudwatch, tags=None)["changed"]


def test_alarms_go_once():
    cloudwatch = CloudWatch()
    run(cloudwatch)
    assert run(cloudwatch, state="absent", check_mode=True)["changed"] and cloudwatch.alarms
    assert run(cloudwatch, state="absent")["alarms"] == {"cpu": "deleted"}
    assert not run(cloudwatch, state="absent")["changed"]


def test_many_alarms_are_described_in_parts():
    cloudwatch = CloudWatch()
    many = [{**ALARM, "name": f"cpu-{number}"} for number in range(205)]
    run(cloudwatch, alarms=many)
    assert not run(cloudwatch, alarms=many)["changed"]


@pytest.mark.parametrize(
    ("alarms", "told"),
    [([ALARM, ALARM], "cpu"), ([{**ALARM, "metric": None, "threshold": None}], "cpu lacks metric, threshold")],
)
def test_a_description_that_cannot_be_meant_is_refused(alarms, told):
    with pytest.raises(Refused, match=told):
        module.check_alarms(alarms, "present")
