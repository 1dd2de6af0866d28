# SPDX-License-Identifier: GPL-3.0-or-later
"""What a service's scheduler decides: how many tasks to start, which to stop, when a deployment is complete or failed.

Pure: health is handed in, nothing is changed. New tasks come first, as far as the maximum percent leaves room; old
ones go when new ones are healthy.
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-type-ecs.html
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from rehearsal.cloud.ecs.model import (
    ACTIVE,
    COMPLETED,
    FAILED,
    IN_PROGRESS,
    RUNNING,
    STOPPED,
    Deployment,
    Service,
    Task,
)

# Failed tasks that trip the circuit breaker: half of those wanted, but within these bounds.
FAILURES_MIN, FAILURES_MAX = 3, 200
# AWS seconds until the next start after a failure; each further one doubles it.
BACKOFF_SECONDS, BACKOFF_SECONDS_MAX = 15.0, 300.0
# Real seconds at least, and as in a rehearsal however fast the clock runs: the tasks of a fenced region fail one after
# the other, and starting processes without a pause takes the machine from everything else.
RETRY_SECONDS_MIN, RETRY_SCALE_MAX = 0.5, 60.0
Health = Callable[[Task], bool]


@dataclass
class Decision:
    start: int = 0
    stop: list[Task] = field(default_factory=list)


def decide(service: Service, healthy: Health) -> Decision:
    """Starts and stops that are due now."""
    wanted = service.desired_count if service.status == ACTIVE else 0
    new = [task for task in service.tasks_of(service.primary) if task.wanted]
    old = [task for task in service.tasks if task.wanted and task not in new]
    decision = Decision(stop=_surplus(new, wanted))
    room = max_tasks(service, wanted) - len(new) - len(old)
    if service.primary.rollout_state != FAILED and _may_start(service.primary):
        decision.start = max(0, min(wanted - len(new), room))
    decision.stop += _outdated(service, new, old, wanted, healthy)
    return decision


def max_tasks(service: Service, wanted: int) -> int:
    return max(1, math.floor(wanted * service.configuration["maximumPercent"] / 100)) if wanted else 0


def min_tasks(service: Service, wanted: int) -> int:
    return math.ceil(wanted * service.configuration["minimumHealthyPercent"] / 100)


def _may_start(deployment: Deployment) -> bool:
    return deployment.retry is None or deployment.retry.done()


def _surplus(tasks: list[Task], wanted: int) -> list[Task]:
    """Tasks above the wanted count; those that do not run yet go first, then the newest."""
    excess = max(0, len(tasks) - wanted)
    ordered = sorted(tasks, key=lambda task: (task.state == RUNNING, -task.created_at))
    return ordered[:excess]


def _outdated(service: Service, new: list[Task], old: list[Task], wanted: int, healthy: Health) -> list[Task]:
    """Old tasks that new healthy ones replace; without room for new ones, as many as the minimum percent spares."""
    if service.primary.rollout_state == FAILED and service.status == ACTIVE:
        return []
    ready_new = sum(healthy(task) for task in new)
    dead = [task for task in old if not healthy(task)]
    live = [task for task in old if healthy(task)]
    floor = wanted if max_tasks(service, wanted) > wanted else min_tasks(service, wanted)
    spare = max(0, ready_new + len(live) - floor)
    replaced = dead if ready_new >= wanted or max_tasks(service, wanted) <= wanted else []
    return replaced + live[:spare]


def is_complete(service: Service, healthy: Health) -> bool:
    """All wanted tasks are the primary's, running and healthy, and no other task is left in service."""
    new = service.tasks_of(service.primary)
    running = [task for task in new if task.state == RUNNING]
    others = [task for task in service.tasks if task.wanted and task not in new]
    return len(running) == service.desired_count and all(map(healthy, running)) and not others


def is_failed(service: Service) -> bool:
    """The circuit breaker is on and has seen enough failures of a deployment under way."""
    breaker = service.configuration["deploymentCircuitBreaker"]
    threshold = max(FAILURES_MIN, min(FAILURES_MAX, math.ceil(service.desired_count * 0.5)))
    deployment = service.primary
    return breaker["enable"] and deployment.rollout_state == IN_PROGRESS and deployment.failed_tasks >= threshold


def rollback_target(service: Service) -> Deployment | None:
    """The deployment that a failed one returns to: the last that was complete; None when it has to stay failed."""
    if not service.configuration["deploymentCircuitBreaker"]["rollback"]:
        return None
    return next((one for one in service.deployments[1:] if one.rollout_state == COMPLETED), None)


def backoff_seconds(failures_in_row: int) -> float:
    return min(BACKOFF_SECONDS_MAX, BACKOFF_SECONDS * 2 ** min(10, failures_in_row - 1))


def retry_seconds(failures_in_row: int, scale: float) -> float:
    """AWS seconds until the next start at this scale of the clock."""
    backoff = backoff_seconds(failures_in_row) * max(1.0, scale / RETRY_SCALE_MAX)
    return max(backoff, RETRY_SECONDS_MIN * scale)


def finished_deployments(service: Service) -> list[Deployment]:
    """Deployments that were replaced and have no task left."""
    busy = {task.deployment_id for task in service.tasks if task.state != STOPPED}
    return [one for one in service.deployments[1:] if one.id not in busy and service.primary.rollout_state == COMPLETED]
