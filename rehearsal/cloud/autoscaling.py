# SPDX-License-Identifier: GPL-3.0-or-later
"""Application Auto Scaling: targets and policies as they were asked for; nothing scales, so no activity is ever listed.

https://docs.aws.amazon.com/autoscaling/application/APIReference/API_RegisterScalableTarget.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from moto.applicationautoscaling.models import (
    ApplicationAutoscalingBackend,
    FakeApplicationAutoscalingPolicy,
    FakeScalableTarget,
    applicationautoscaling_backends,
)

from rehearsal.cloud.errors import ApiError
from rehearsal.cloud.operations import Call
from rehearsal.cloud.world_state import World
from rehearsal.settings import ACCOUNT_ID

SERVICE = "application-autoscaling"
NOT_SUSPENDED = {
    "DynamicScalingInSuspended": False,
    "DynamicScalingOutSuspended": False,
    "ScheduledScalingSuspended": False,
}


def install(world: World) -> None:
    operations = world.operations
    operations.before(SERVICE, "RegisterScalableTarget", check_register)
    operations.after(SERVICE, "RegisterScalableTarget", complete_suspension)
    operations.before(SERVICE, "DeregisterScalableTarget", check_deregister)
    operations.before(SERVICE, "DeregisterScalableTarget", remove_policies)
    operations.before(SERVICE, "PutScalingPolicy", check_policy)
    operations.after(SERVICE, "PutScalingPolicy", set_thresholds)
    operations.handle(SERVICE, "DescribeScalingActivities", lambda call: {"ScalingActivities": []})


def backend_of(call: Call) -> ApplicationAutoscalingBackend:
    return applicationautoscaling_backends[ACCOUNT_ID][call.region]


def find_target(call: Call) -> FakeScalableTarget | None:
    return backend_of(call).targets.get(call.get("ScalableDimension"), {}).get(call.get("ResourceId"))


def check_register(call: Call) -> None:
    """A new target needs both limits, and the lower one first."""
    target = find_target(call)
    low = call.get("MinCapacity", getattr(target, "min_capacity", None))
    high = call.get("MaxCapacity", getattr(target, "max_capacity", None))
    if low is None or high is None:
        raise ApiError("ValidationException", "Both MinCapacity and MaxCapacity are required to register a target.")
    if low > high:
        raise ApiError("ValidationException", f"Maximum capacity cannot be less than minimum capacity: {high} < {low}")
    # moto replaces the whole state; AWS changes what is named.
    call_state = call.get("SuspendedState") or {}
    call.medzen_suspension = {**NOT_SUSPENDED, **(getattr(target, "suspended_state", None) or {}), **call_state}


def check_deregister(call: Call) -> None:
    if find_target(call) is None:
        raise ApiError("ObjectNotFoundException", f"No scalable target found for {call.get('ResourceId')}.")


def complete_suspension(call: Call) -> None:
    find_target(call).suspended_state = call.medzen_suspension


def policies_of(call: Call) -> Iterator[tuple[str, FakeApplicationAutoscalingPolicy]]:
    for key, policy in list(backend_of(call).policies.items()):
        named = (policy.resource_id, policy.scalable_dimension)
        if named == (call.get("ResourceId"), call.get("ScalableDimension")):
            yield key, policy


def remove_policies(call: Call) -> None:
    """A target takes its policies and their alarms with it."""
    for key, policy in policies_of(call):
        policy.delete_alarms(ACCOUNT_ID, call.region)
        del backend_of(call).policies[key]


def check_policy(call: Call) -> None:
    if find_target(call) is None:
        text = f"No scalable target registered for service namespace: {call.get('ServiceNamespace')}, "
        text += f"resource ID: {call.get('ResourceId')}, scalable dimension: {call.get('ScalableDimension')}"
        raise ApiError("ObjectNotFoundException", text)
    for _, policy in policies_of(call):
        if policy.policy_name == call.get("PolicyName"):
            # moto makes new alarms at every change and forgets the old ones.
            policy.delete_alarms(ACCOUNT_ID, call.region)


def set_thresholds(call: Call) -> None:
    """The alarms of a target tracking policy watch its target value; moto's watch a number of its own."""
    wanted: dict[str, Any] = call.get("TargetTrackingScalingPolicyConfiguration") or {}
    for _, policy in policies_of(call):
        if policy.policy_name != call.get("PolicyName") or "TargetValue" not in wanted:
            continue
        for alarm in policy.alarms:
            # AWS scales in only well below the target, so that it does not swing.
            alarm.threshold = float(wanted["TargetValue"]) * (0.9 if "AlarmLow" in alarm.name else 1.0)
