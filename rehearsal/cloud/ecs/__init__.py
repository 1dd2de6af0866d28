# SPDX-License-Identifier: GPL-3.0-or-later
"""ECS on Fargate: each task is a real process, each service a scheduler that keeps as many as wanted.

Reading order: model (what there is), deployments (how one begins), rollout (decisions, pure), launcher (a task's
process), scheduler (the thread that acts), describe (answers), services, tasks and clusters (the API).
"""

from __future__ import annotations

from rehearsal.cloud.ecs.clusters import Clusters
from rehearsal.cloud.ecs.launcher import Launcher
from rehearsal.cloud.ecs.model import Registry
from rehearsal.cloud.ecs.scheduler import Scheduler
from rehearsal.cloud.ecs.services import Services
from rehearsal.cloud.ecs.tasks import Tasks
from rehearsal.cloud.world_state import World


def install(world: World) -> None:
    scheduler = install_with(world, Launcher(world))
    world.sleepers.append(scheduler)
    world.on_stop.append(scheduler.stop)
    scheduler.start()


def install_with(world: World, launcher: Launcher) -> Scheduler:
    """The layer without its thread: whoever has the scheduler takes its steps."""
    registry = Registry()
    scheduler = Scheduler(world, registry, launcher)
    Clusters(world, registry).install()
    Services(world, registry).install()
    Tasks(world, registry, scheduler.leave).install()
    return scheduler
