# SPDX-License-Identifier: GPL-3.0-or-later
"""A task's process: its image chosen, its secrets fetched, started on its own address, ended."""

from __future__ import annotations

import signal
from typing import Any

from moto.core.exceptions import ServiceException
from moto.secretsmanager.models import secretsmanager_backends
from werkzeug.exceptions import HTTPException

from rehearsal.cloud.ecs.model import Task
from rehearsal.cloud.world_state import World
from rehearsal.processes import send
from rehearsal.settings import ACCOUNT_ID, TASK_PORT

IMAGE = "ehrbase/ehrbase"
LOG_BYTES = 2000
LOG_TEXT_CHARS = 300


class LaunchError(Exception):
    """A task cannot start; the text is its stopped reason."""


class Launcher:
    """Starts and ends the processes of tasks."""

    def __init__(self, world: World) -> None:
        self._world = world

    def prepare(self, task: Task) -> dict[str, str]:
        """The process's environment; called under the world's lock, because secrets are moto's."""
        container = task.definition.container_definitions[0]
        if not str(container["image"]).startswith(IMAGE):
            raise LaunchError(f"CannotPullContainerError: the stand-in has no image {container['image']}")
        environment = {row["name"]: row["value"] for row in container.get("environment") or []}
        for row in container.get("secrets") or []:
            environment[row["name"]] = read_secret(row["valueFrom"])
        return environment | {"REHEARSAL_RESOLVER": self._world.settings.resolver}

    def start(self, task: Task, environment: dict[str, str]) -> None:
        """Start the application; it gives up root by itself once its packages are loaded."""
        arguments = ["--bind", task.address, "--port", str(port_of(task)), "--world", str(self._world.number)]
        self._world.processes.start_package(task.process, "rehearsal.ehrbase", arguments, environment)

    def is_running(self, task: Task) -> bool:
        return self._world.processes.find(task.process) is not None

    def end(self, task: Task, number: int = signal.SIGTERM) -> None:
        """Signal the process without waiting for it."""
        identity = self._world.processes.find(task.process)
        if identity is not None:
            send(identity, number)

    def clear(self, task: Task) -> None:
        """Remove the pid file of a process that is gone."""
        self._world.processes.stop(task.process, 0)

    def last_words(self, task: Task) -> str:
        """The last line of the task's log, which says why it ended."""
        path = self._world.settings.logs / f"{task.process}.log"
        if not path.exists():
            return ""
        lines = path.read_bytes()[-LOG_BYTES:].decode(errors="replace").splitlines()
        return lines[-1][:LOG_TEXT_CHARS] if lines else ""


def port_of(task: Task) -> int:
    mappings = task.definition.container_definitions[0].get("portMappings") or []
    return int(mappings[0]["containerPort"]) if mappings else TASK_PORT


def read_secret(value_from: str) -> str:
    """The value behind a container's valueFrom: a secret's ARN or, in the same region, its name."""
    parts = value_from.split(":")
    if len(parts) < 7 or parts[2] != "secretsmanager":
        raise LaunchError(_unreadable(value_from, "expected the ARN of a secret in Secrets Manager"))
    if len(parts) > 7 and any(parts[7:]):
        raise LaunchError(_unreadable(value_from, "the stand-in reads whole secrets only, no JSON key or version"))
    try:
        secret: dict[str, Any] = secretsmanager_backends[ACCOUNT_ID][parts[3]].get_secret_value(
            ":".join(parts[:7]), None, None
        )
    except (ServiceException, HTTPException) as problem:
        raise LaunchError(_unreadable(value_from, str(problem))) from problem
    return str(secret["SecretString"])


def _unreadable(value_from: str, why: str) -> str:
    return (
        "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: "
        f"unable to retrieve secret from asm: {value_from}: {why}"
    )
