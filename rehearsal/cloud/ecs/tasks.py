# SPDX-License-Identifier: GPL-3.0-or-later
"""The API of tasks: list, describe, stop. Tasks of their own, outside of a service, do not exist here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rehearsal.cloud.ecs.clusters import find_cluster
from rehearsal.cloud.ecs.describe import describe_task
from rehearsal.cloud.ecs.model import Registry, Service, Task
from rehearsal.cloud.errors import ApiError
from rehearsal.cloud.operations import Call
from rehearsal.cloud.world_state import World


class Tasks:
    def __init__(self, world: World, registry: Registry, leave: Callable[[Service, Task, str, str], None]) -> None:
        self._world = world
        self._registry = registry
        self._leave = leave

    def install(self) -> None:
        operations = self._world.operations
        operations.handle("ecs", "ListTasks", self.list)
        operations.handle("ecs", "DescribeTasks", self.describe)
        operations.handle("ecs", "StopTask", self.stop)
        for operation in ("RunTask", "StartTask"):
            operations.before("ecs", operation, refuse)

    def list(self, call: Call) -> dict[str, Any]:
        desired = call.get("desiredStatus") or "RUNNING"
        found = [
            task.arn
            for service, task in self._registry.iter_tasks(call.region, find_cluster(call).name)
            if task.wanted == (desired == "RUNNING") and _asked(call, service, task)
        ]
        return {"taskArns": found}

    def describe(self, call: Call) -> dict[str, Any]:
        tags = "TAGS" in (call.get("include") or [])
        rows, failures = [], []
        for name in call.get("tasks") or []:
            found = self._find(call, name)
            if found is None:
                failures.append({"arn": name, "reason": "MISSING"})
            else:
                rows.append(describe_task(*found, tags=tags))
        return {"tasks": rows, "failures": failures}

    def stop(self, call: Call) -> dict[str, Any]:
        """Begin a task's end as its service's scheduler would; that one starts another."""
        found = self._find(call, call.get("task"))
        if found is None:
            raise ApiError("InvalidParameterException", "The referenced task was not found.")
        service, task = found
        if task.wanted:
            self._leave(service, task, "UserInitiated", call.get("reason") or "Task stopped by user")
        return {"task": describe_task(service, task)}

    def _find(self, call: Call, name: str) -> tuple[Service, Task] | None:
        task_id = str(name).rpartition("/")[2]
        tasks = self._registry.iter_tasks(call.region, find_cluster(call).name)
        return next(((service, task) for service, task in tasks if task.id == task_id), None)


def _asked(call: Call, service: Service, task: Task) -> bool:
    name = str(call.get("serviceName") or "").rpartition("/")[2]
    return (
        name in ("", service.name)
        and call.get("family") in (None, task.definition.family)
        and call.get("startedBy") in (None, task.deployment_id)
    )


def refuse(call: Call) -> None:
    raise NotImplementedError("tasks outside of a service")
