# SPDX-License-Identifier: GPL-3.0-or-later
"""Services, their deployments and tasks."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from moto.ecs.models import TaskDefinition

from rehearsal.cloud.clock import Timed

# A task's states, in their order. READY is ours: the wait is over, the process is being started.
WAITING, READY, RUNNING = "PROVISIONING", "PENDING", "RUNNING"
DEACTIVATING, STOPPING, STOPPED = "DEACTIVATING", "STOPPING", "STOPPED"
ACTIVE, DRAINING, INACTIVE = "ACTIVE", "DRAINING", "INACTIVE"
IN_PROGRESS, COMPLETED, FAILED = "IN_PROGRESS", "COMPLETED", "FAILED"
EVENTS_MAX, STOPPED_TASKS_MAX = 100, 50


def new_id() -> str:
    return uuid.uuid4().hex


@dataclass(eq=False)
class Task:
    """One task; times are real seconds of the world's clock."""

    arn: str
    region: str
    cluster: str
    deployment_id: str
    definition: TaskDefinition
    address: str
    subnet_id: str
    security_groups: list[str]
    eni_id: str
    created_at: float
    starting: Timed
    state: str = WAITING
    started_at: float | None = None
    stopping_at: float | None = None
    stopped_at: float | None = None
    leaving: Timed | None = None
    signalled: bool = False
    was_healthy: bool = False
    becoming_healthy: Timed | None = None
    stop_code: str = ""
    stopped_reason: str = ""
    container_reason: str = ""
    registered: list[tuple[str, int]] = field(default_factory=list)

    @property
    def id(self) -> str:
        return self.arn.rpartition("/")[2]

    @property
    def process(self) -> str:
        return f"task-{self.region}-{self.id[:12]}"

    @property
    def wanted(self) -> bool:
        """Counts for its deployment: coming or running, and not on its way out."""
        return self.state in (WAITING, READY, RUNNING)

    @property
    def last_status(self) -> str:
        if self.state == WAITING and self.starting.fraction() >= 0.5:
            return READY
        return self.state


@dataclass(eq=False)
class Deployment:
    id: str
    definition_arn: str
    network: dict[str, Any]
    created_at: float
    updated_at: float
    rollout_state: str = IN_PROGRESS
    reason: str = ""
    failed_tasks: int = 0
    # Failures since the last healthy task, and when the next start may be tried.
    failures_in_row: int = 0
    retry: Timed | None = None


@dataclass(eq=False)
class Service:
    """A service; `tags` and `arn` have moto's names, because moto's tagging reads them."""

    arn: str
    name: str
    region: str
    cluster: str
    cluster_arn: str
    desired_count: int
    load_balancers: list[dict[str, Any]]
    configuration: dict[str, Any]
    grace_s: float
    settings: dict[str, Any]
    tags: list[dict[str, str]]
    created_at: float
    deployments: list[Deployment] = field(default_factory=list)
    tasks: list[Task] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    status: str = ACTIVE
    steady: bool = False
    task_sets: tuple[()] = ()

    @property
    def physical_resource_id(self) -> str:
        return self.arn

    @property
    def primary(self) -> Deployment:
        return self.deployments[0]

    def say(self, message: str, at: float) -> None:
        """Put an event on top of the list, as DescribeServices shows it."""
        event = {"id": str(uuid.uuid4()), "createdAt": at, "message": f"(service {self.name}) {message}"}
        self.events.insert(0, event)
        del self.events[EVENTS_MAX:]

    def tasks_of(self, deployment: Deployment) -> list[Task]:
        return [task for task in self.tasks if task.deployment_id == deployment.id]

    def find_deployment(self, deployment_id: str) -> Deployment | None:
        return next((one for one in self.deployments if one.id == deployment_id), None)

    def forget_stopped(self) -> None:
        """Stopped tasks stay visible for a while; ours for a number."""
        for task in [task for task in self.tasks if task.state == STOPPED][:-STOPPED_TASKS_MAX]:
            self.tasks.remove(task)


class Registry:
    """All services by region and ARN."""

    def __init__(self) -> None:
        self.services: dict[str, Service] = {}

    def iter_services(self, region: str, cluster: str) -> Iterator[Service]:
        for service in list(self.services.values()):
            if (service.region, service.cluster) == (region, cluster):
                yield service

    def find(self, region: str, cluster: str, name_or_arn: str) -> Service | None:
        name = name_or_arn.rpartition("/")[2]
        return next((one for one in self.iter_services(region, cluster) if one.name == name), None)

    def iter_tasks(self, region: str, cluster: str) -> Iterator[tuple[Service, Task]]:
        for service in self.iter_services(region, cluster):
            for task in list(service.tasks):
                yield service, task
