# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused
from ansible_collections.medzen.multiregion.plugins.modules.app_autoscaling import (
    build_after,
    build_policy_drift,
    build_target_drift,
    check_kinds,
    check_limits,
    check_names,
    plan,
)

CPU = {
    "name": "cpu",
    "metric": "ECSServiceAverageCPUUtilization",
    "resource_label": None,
    "target_value": 70,
    "scale_out_cooldown_s": 60,
    "scale_in_cooldown_s": 300,
    "disable_scale_in": False,
}
AWAKE = {
    "DynamicScalingInSuspended": False,
    "DynamicScalingOutSuspended": False,
    "ScheduledScalingSuspended": False,
}
TARGET = {"MinCapacity": 2, "MaxCapacity": 6, "SuspendedState": AWAKE}
POLICY = {
    "PolicyName": "cpu",
    "PolicyType": "TargetTrackingScaling",
    "TargetTrackingScalingPolicyConfiguration": {
        "PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"},
        "TargetValue": 70.0,
        "ScaleOutCooldown": 60,
        "ScaleInCooldown": 300,
        "DisableScaleIn": False,
    },
}


def params(**changes):
    base = {"resource_id": "r", "min": 2, "max": 6, "suspended": None, "policies": [CPU], "purge_policies": False}
    return {**base, **changes}


def test_a_target_as_wanted_needs_nothing():
    planned = plan(TARGET, {"cpu": POLICY}, params())
    assert not any(planned.values())


def test_a_target_that_is_not_there_is_registered_with_its_policies():
    planned = plan(None, {}, params())
    assert planned["register"] and planned["target"] == {"MinCapacity": 2, "MaxCapacity": 6}
    assert list(planned["policies"]) == ["cpu"]


def test_freezing_changes_nothing_else():
    frozen = {"in": True, "out": True, "scheduled": None}
    drift = build_target_drift(TARGET, params(min=None, max=None, suspended=frozen))
    assert drift == {"SuspendedState": {**AWAKE, "DynamicScalingInSuspended": True, "DynamicScalingOutSuspended": True}}


def test_what_is_not_named_stays_suspended():
    target = {**TARGET, "SuspendedState": {**AWAKE, "ScheduledScalingSuspended": True}}
    drift = build_target_drift(target, params(suspended={"in": True, "out": None, "scheduled": None}))
    assert drift["SuspendedState"]["ScheduledScalingSuspended"] is True


def test_a_limit_of_zero_is_a_limit():
    assert build_target_drift(TARGET, params(min=0)) == {"MinCapacity": 0}


def test_a_policy_keeps_what_is_not_given():
    changed = {**CPU, "target_value": 60, "scale_in_cooldown_s": None}
    configuration = build_policy_drift({"cpu": POLICY}, [changed])["cpu"]
    assert configuration["TargetValue"] == 60.0 and configuration["ScaleInCooldown"] == 300


def test_a_predefined_metric_replaces_a_customized_one():
    configuration = dict(POLICY["TargetTrackingScalingPolicyConfiguration"])
    predefined = configuration.pop("PredefinedMetricSpecification")
    custom = {"CustomizedMetricSpecification": {"MetricName": "m", "Namespace": "n", "Statistic": "Average"}}
    present = {"cpu": {**POLICY, "TargetTrackingScalingPolicyConfiguration": {**configuration, **custom}}}
    drift = build_policy_drift(present, [{**CPU, "scale_in_cooldown_s": None}])
    assert drift == {"cpu": {**configuration, "PredefinedMetricSpecification": predefined}}


def test_policies_that_are_not_named_stay_unless_purged():
    present = {"cpu": POLICY, "memory": POLICY}
    assert plan(TARGET, present, params())["unmanaged"] == ["memory"]
    assert plan(TARGET, present, params(purge_policies=True))["purge"] == ["memory"]


def test_the_target_after_the_change():
    planned = plan(TARGET, {"cpu": POLICY, "old": POLICY}, params(max=8, purge_policies=True))
    target, policies = build_after({"ResourceId": "r"}, TARGET, {"cpu": POLICY, "old": POLICY}, planned)
    assert target["MaxCapacity"] == 8 and target["MinCapacity"] == 2 and list(policies) == ["cpu"]


@pytest.mark.parametrize(
    ("present", "least", "most"), [(None, 2, None), (None, None, None), (None, 4, 2), (TARGET, 7, None)]
)
def test_limits_are_complete_and_in_order(present, least, most):
    with pytest.raises(Refused):
        check_limits(present, params(min=least, max=most))


def test_a_policy_of_another_kind_is_refused():
    with pytest.raises(Refused, match="Found: StepScaling"):
        check_kinds({"cpu": {"PolicyType": "StepScaling"}}, [CPU])


def test_a_policy_named_twice_is_refused():
    with pytest.raises(Refused, match="Found: cpu"):
        check_names([CPU, CPU])
