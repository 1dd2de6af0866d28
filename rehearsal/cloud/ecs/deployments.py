# SPDX-License-Identifier: GPL-3.0-or-later
"""How a deployment and a task begin."""

from __future__ import annotations

import random
from typing import Any

from moto.ecs.models import ecs_backends

from rehearsal.cloud.ecs.model import IN_PROGRESS, Deployment, Service, Task, new_id
from rehearsal.cloud.world_state import World
from rehearsal.settings import ACCOUNT_ID


def begin_deployment(world: World, service: Service, definition_arn: str, network: dict[str, Any]) -> Deployment:
    """Make a new primary deployment; the ones before it keep their tasks until it has its own."""
    now = world.clock.now()
    deployment = Deployment(f"ecs-svc/{random.randint(10**18, 10**19 - 1)}", definition_arn, network, now, now)
    deployment.reason = f"ECS deployment {deployment.id} in progress."
    service.deployments.insert(0, deployment)
    service.steady = False
    return deployment


def resume_deployment(service: Service, deployment: Deployment, now: float) -> None:
    """Make an earlier deployment the primary one again; the tasks that it still has are as good as new ones."""
    service.deployments.remove(deployment)
    service.deployments.insert(0, deployment)
    deployment.rollout_state, deployment.updated_at = IN_PROGRESS, now
    deployment.reason = f"ECS deployment {deployment.id} in progress."
    deployment.failed_tasks = deployment.failures_in_row = 0
    deployment.retry = None


def create_task(world: World, service: Service) -> Task:
    """Make a task of the primary deployment, with an address and an interface; its process comes later."""
    deployment = service.primary
    network = deployment.network["awsvpcConfiguration"]
    # As ECS does: tasks are spread over the zones.
    held = [task.subnet_id for task in service.tasks_of(deployment) if task.wanted]
    subnet_id = min(network["subnets"], key=held.count)
    groups = list(network.get("securityGroups") or [])
    task_id = new_id()
    arn = f"arn:aws:ecs:{service.region}:{ACCOUNT_ID}:task/{service.cluster}/{task_id}"
    description = f"arn:aws:ecs:{service.region}:{ACCOUNT_ID}:attachment/{task_id}"
    task = Task(
        arn=arn,
        region=service.region,
        cluster=service.cluster,
        deployment_id=deployment.id,
        definition=ecs_backends[ACCOUNT_ID][service.region].describe_task_definition(deployment.definition_arn),
        address=world.addresses.allocate("task"),
        subnet_id=subnet_id,
        security_groups=groups,
        eni_id=world.enis.create("amazon-ecs", description, subnet_id, groups, service.region),
        created_at=world.clock.now(),
        starting=world.clock.start("task_start", f"{service.name}/{task_id[:12]}", service.region),
    )
    # What lies between the start and the first good health check is as long as it is: nobody can shorten it.
    task.becoming_healthy = world.clock.start("task_healthy", f"{service.name}/{task_id[:12]}", service.region, 0.0)
    task.becoming_healthy.attach(lambda: task.was_healthy)
    service.tasks.append(task)
    return task
