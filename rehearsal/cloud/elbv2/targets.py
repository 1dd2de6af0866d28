# SPDX-License-Identifier: GPL-3.0-or-later
"""Targets: registered at once, healthy when the edge's probes say so, draining for as long as the group demands.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from moto.elbv2.models import ELBv2Backend, FakeTargetGroup, elbv2_backends

from rehearsal.cloud.clock import Timed
from rehearsal.cloud.errors import ApiError
from rehearsal.cloud.operations import Call
from rehearsal.cloud.world_state import World
from rehearsal.settings import ACCOUNT_ID

DELAY = "deregistration_delay.timeout_seconds"
DELAY_SECONDS_MAX = 3600
# Attributes that a new group of an application load balancer has beside moto's.
ATTRIBUTES = {"stickiness.lb_cookie.duration_seconds": "86400", "stickiness.app_cookie.duration_seconds": "86400"}
NOT_REGISTERED = ("unused", "Target.NotRegistered", "Target is not registered to the target group")
NOT_IN_USE = ("unused", "Target.NotInUse", "Target group is not configured to receive traffic from the load balancer")
REGISTERING = ("initial", "Elb.RegistrationInProgress", "Target registration is in progress")
DRAINING = ("draining", "Target.DeregistrationInProgress", "Target deregistration is in progress")


@dataclass
class GroupState:
    """What a target group knows beside moto's list: who drains, and what the edge last reported."""

    draining: dict[str, tuple[dict[str, Any], Timed]] = field(default_factory=dict)
    reports: dict[str, dict[str, str]] = field(default_factory=dict)

    def iter_draining(self) -> list[tuple[str, dict[str, Any], Timed]]:
        return [(key, target, timed) for key, (target, timed) in self.draining.items() if not timed.done()]


class Targets:
    """Registration and health in all target groups."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._states: dict[str, GroupState] = {}

    def install(self) -> None:
        layer = self
        moto_init, moto_modify = FakeTargetGroup.__init__, ELBv2Backend.modify_target_group_attributes

        def init(group: FakeTargetGroup, *args: Any, **kwargs: Any) -> None:
            moto_init(group, *args, **kwargs)
            group.attributes = ATTRIBUTES | group.attributes

        def modify(backend: ELBv2Backend, target_group_arn: str, attributes: dict[str, Any]) -> None:
            modify_attributes(moto_modify, backend, target_group_arn, attributes)

        FakeTargetGroup.__init__ = init
        FakeTargetGroup.register = lambda group, targets: layer.register(group, targets)
        FakeTargetGroup.deregister = lambda group, targets: layer.deregister(group, targets)
        # The ecs layer asks these of the groups that its tasks are in.
        FakeTargetGroup.medzen_health_of = lambda group, key: layer.health_of(group, key)
        FakeTargetGroup.medzen_is_drained = lambda group, key: layer.is_drained(group.arn, key)
        ELBv2Backend.modify_target_group_attributes = modify
        self._world.operations.handle("elbv2", "DescribeTargetHealth", self.describe_health)

    def state(self, arn: str) -> GroupState:
        return self._states.setdefault(arn, GroupState())

    def register(self, group: FakeTargetGroup, targets: list[dict[str, Any]]) -> None:
        for target in targets:
            row = {"Id": target["Id"], "Port": int(target.get("Port") or group.port)}
            key = key_of(row)
            self.state(group.arn).draining.pop(key, None)
            if key not in group.targets:
                # A report of an earlier registration says nothing about this one.
                self.state(group.arn).reports.pop(key, None)
            group.targets[key] = row

    def deregister(self, group: FakeTargetGroup, targets: list[dict[str, Any]]) -> None:
        """Leave the rotation now and the list after the group's delay."""
        for target in targets:
            for key in find_keys(group, target):
                row = group.targets.pop(key)
                seconds = float(group.attributes[DELAY])
                timed = self._world.clock.start("target_drain", key, group.region_name, seconds)
                self.state(group.arn).draining[key] = (row, timed)

    def is_drained(self, group_arn: str, key: str) -> bool:
        """Whether a target that was deregistered has left for good."""
        found = self.state(group_arn).draining.get(key)
        return found is None or found[1].done()

    def take_reports(self, reports: dict[str, dict[str, dict[str, str]]]) -> None:
        for arn, rows in reports.items():
            self.state(arn).reports = rows

    def health_of(self, group: FakeTargetGroup, key: str) -> tuple[str, str, str]:
        """State, reason and description of one target."""
        state = self.state(group.arn)
        if key not in group.targets:
            return DRAINING if key in [name for name, _, _ in state.iter_draining()] else NOT_REGISTERED
        if not group.load_balancer_arns:
            return NOT_IN_USE
        report = state.reports.get(key)
        return (report["state"], report["reason"], report["description"]) if report else REGISTERING

    def describe_health(self, call: Call) -> dict[str, Any]:
        group = elbv2_backends[ACCOUNT_ID][call.region].target_groups.get(call.get("TargetGroupArn"))
        if group is None:
            raise ApiError("TargetGroupNotFound", "One or more target groups not found")
        rows = list(group.targets.values()) + [row for _, row, _ in self.state(group.arn).iter_draining()]
        if call.get("Targets"):
            rows = [{"Id": one["Id"], "Port": int(one.get("Port") or group.port)} for one in call.get("Targets")]
        return {"TargetHealthDescriptions": [self._describe(group, row) for row in rows]}

    def _describe(self, group: FakeTargetGroup, row: dict[str, Any]) -> dict[str, Any]:
        state, reason, description = self.health_of(group, key_of(row))
        health = {"State": state} | ({"Reason": reason, "Description": description} if reason else {})
        check_port = str(row["Port"]) if group.health_check_port == "traffic-port" else str(group.health_check_port)
        return {"Target": row, "HealthCheckPort": check_port, "TargetHealth": health}


def key_of(row: dict[str, Any]) -> str:
    return f"{row['Id']}:{row['Port']}"


def find_keys(group: FakeTargetGroup, target: dict[str, Any]) -> list[str]:
    """Registered targets that a caller means: without a port all ports of an address."""
    port = target.get("Port")
    keys = [key for key, row in group.targets.items() if row["Id"] == target["Id"] and port in (None, row["Port"])]
    if not keys:
        raise ApiError("InvalidTarget", f"The following targets are not registered: {target['Id']}")
    return keys


def modify_attributes(moto_modify: Any, backend: ELBv2Backend, arn: str, attributes: dict[str, Any]) -> None:
    """moto refuses the highest delay that AWS allows."""
    if str(attributes.get(DELAY)) == str(DELAY_SECONDS_MAX):
        moto_modify(backend, arn, {name: value for name, value in attributes.items() if name != DELAY})
        backend.target_groups[arn].attributes[DELAY] = attributes[DELAY]
    else:
        moto_modify(backend, arn, attributes)
