# SPDX-License-Identifier: GPL-3.0-or-later
"""Scalable targets and policies, here of a table, which needs no service."""

import pytest

TARGET = {
    "ServiceNamespace": "dynamodb",
    "ResourceId": "table/scaled",
    "ScalableDimension": "dynamodb:table:ReadCapacityUnits",
}
TRACKING = {"PredefinedMetricSpecification": {"PredefinedMetricType": "DynamoDBReadCapacityUtilization"}}


@pytest.fixture
def scaling(layers, client):
    found = client("application-autoscaling", "eu-west-2")
    yield found
    if found.describe_scalable_targets(ServiceNamespace="dynamodb")["ScalableTargets"]:
        found.deregister_scalable_target(**TARGET)


def describe(scaling):
    return scaling.describe_scalable_targets(ServiceNamespace="dynamodb")["ScalableTargets"][0]


def put_policy(scaling, value):
    scaling.put_scaling_policy(
        **TARGET,
        PolicyName="cpu",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={"TargetValue": value, **TRACKING},
    )


def test_a_new_target_needs_both_limits_in_order(scaling, refused):
    with refused("ValidationException"):
        scaling.register_scalable_target(**TARGET, MinCapacity=1)
    with refused("ValidationException"):
        scaling.register_scalable_target(**TARGET, MinCapacity=3, MaxCapacity=2)


def test_what_is_not_named_stays(scaling):
    scaling.register_scalable_target(**TARGET, MinCapacity=1, MaxCapacity=4)
    scaling.register_scalable_target(**TARGET, SuspendedState={"DynamicScalingInSuspended": True})
    scaling.register_scalable_target(**TARGET, MaxCapacity=6, SuspendedState={"ScheduledScalingSuspended": True})
    found = describe(scaling)
    assert (found["MinCapacity"], found["MaxCapacity"]) == (1, 6)
    assert found["SuspendedState"] == {
        "DynamicScalingInSuspended": True,
        "DynamicScalingOutSuspended": False,
        "ScheduledScalingSuspended": True,
    }


def test_a_policy_needs_its_target(scaling, refused):
    with refused("ObjectNotFoundException"):
        put_policy(scaling, 70)


def test_a_changed_policy_leaves_no_old_alarms(scaling, client):
    scaling.register_scalable_target(**TARGET, MinCapacity=1, MaxCapacity=4)
    put_policy(scaling, 70)
    before = len(client("cloudwatch", "eu-west-2").describe_alarms()["MetricAlarms"])
    put_policy(scaling, 60)
    alarms = client("cloudwatch", "eu-west-2").describe_alarms()["MetricAlarms"]
    assert len(alarms) == before
    assert max(alarm["Threshold"] for alarm in alarms if "scaled" in alarm["AlarmName"]) == 60


def test_a_target_takes_its_policies_along(scaling):
    scaling.register_scalable_target(**TARGET, MinCapacity=1, MaxCapacity=4)
    put_policy(scaling, 70)
    scaling.deregister_scalable_target(**TARGET)
    assert scaling.describe_scaling_policies(ServiceNamespace="dynamodb")["ScalingPolicies"] == []


def test_nothing_scales(scaling):
    assert scaling.describe_scaling_activities(ServiceNamespace="dynamodb")["ScalingActivities"] == []


def test_a_target_that_is_not_there_is_not_found(scaling, refused):
    with refused("ObjectNotFoundException"):
        scaling.deregister_scalable_target(**TARGET)
