# SPDX-License-Identifier: GPL-3.0-or-later
"""What befalls the load balancers of a scenario's world."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any


@contextlib.contextmanager
def without_tasks(world: Any, region: str) -> Iterator[None]:
    """A region's balancer loses its tasks and answers 503 for the length of the block."""
    elb = world.client("elbv2", region)
    group = elb.describe_target_groups()["TargetGroups"][0]["TargetGroupArn"]
    health = elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    request = {"TargetGroupArn": group, "Targets": [one["Target"] for one in health]}
    elb.deregister_targets(**request)
    try:
        yield
    finally:
        elb.register_targets(**request)
