# SPDX-License-Identifier: GPL-3.0-or-later
"""The thread that keeps services as wanted: it moves tasks through their states and does what the rollout decides.

It decides under the world's lock and starts processes outside of it.
"""

from __future__ import annotations

import logging
import signal
import socket
import threading
from typing import Any

from moto.elbv2.models import FakeTargetGroup, elbv2_backends

from rehearsal.cloud.ecs import rollout
from rehearsal.cloud.ecs.deployments import create_task, resume_deployment
from rehearsal.cloud.ecs.launcher import Launcher, LaunchError, port_of
from rehearsal.cloud.ecs.model import (
    ACTIVE,
    COMPLETED,
    DEACTIVATING,
    DRAINING,
    FAILED,
    INACTIVE,
    READY,
    RUNNING,
    STOPPED,
    STOPPING,
    WAITING,
    Registry,
    Service,
    Task,
)
from rehearsal.cloud.world_state import World
from rehearsal.settings import ACCOUNT_ID

LOG = logging.getLogger("rehearsal.cloud")
STEP_SECONDS = 0.1
# Real seconds at least: the edge hears of a leaving target at its next poll.
LEAVE_SECONDS_MIN = 0.3
KILL_SECONDS = 10.0
# However fast the clock runs, a process needs real time until it answers.
GRACE_SECONDS_MIN = 15.0
Start = tuple[Service, Task, dict[str, str]]


class Scheduler:
    """All services of a world."""

    def __init__(self, world: World, registry: Registry, launcher: Launcher) -> None:
        self._world = world
        self._registry = registry
        self._launcher = launcher
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._stopped.clear()
        self._thread = threading.Thread(target=self._run, name="ecs-scheduler", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread, then every task."""
        self._stopped.set()
        if self._thread is not None and self._thread.is_alive():
            self._thread.join(timeout=5)
        processes = [task.process for _service, task in self._tasks()]
        self._world.processes.stop_all([name for name in processes if self._world.processes.find(name) is not None])

    def _tasks(self) -> list[tuple[Service, Task]]:
        return [(service, task) for service in self._registry.services.values() for task in service.tasks]

    # --- copies of the world

    needs_names = True

    def busy(self) -> str:
        moving = [task for _service, task in self._tasks() if task.state not in (RUNNING, STOPPED)]
        return ", ".join(f"task {task.id} in {task.region} is {task.state}" for task in moving)

    def freeze(self) -> None:
        """End the thread and the processes; the tasks themselves stay what they are."""
        self.stop()

    def thaw(self) -> None:
        """Run every task's process again, with its grace period before it."""
        for service, task in self._tasks():
            if task.state == RUNNING:
                self._launch(service, task, self._launcher.prepare(task))
        self.start()

    def is_awake(self) -> bool:
        """Whether every task takes connections and its balancer knows."""
        running = [task for _service, task in self._tasks() if task.state == RUNNING]
        return all(_answers(task) and self.is_healthy(task) for task in running)

    def _run(self) -> None:
        while not self._stopped.wait(STEP_SECONDS):
            try:
                self.step()
            except Exception:
                LOG.exception("The scheduler of ECS failed in a step; it goes on")

    def step(self) -> None:
        """Look at every service once."""
        starts: list[Start] = []
        with self._world.lock:
            for service in list(self._registry.services.values()):
                starts += self._step_safely(service)
        for start in starts:
            self._launch(*start)

    def _step_safely(self, service: Service) -> list[Start]:
        """One service that the stand-in stumbles over must not stop the others."""
        try:
            return self._step_service(service) if service.status != INACTIVE else []
        except Exception:
            LOG.exception("The scheduler of ECS failed with service %s in %s", service.name, service.region)
            return []

    def _launch(self, service: Service, task: Task, environment: dict[str, str]) -> None:
        try:
            self._launcher.start(task, environment)
        except (OSError, RuntimeError) as problem:
            with self._world.lock:
                self._fail(service, task, "TaskFailedToStart", f"CannotStartContainerError: {problem}")
            return
        with self._world.lock:
            task.started_at = self._world.clock.now()
            # Somebody may have stopped it in the meantime.
            if task.state == READY:
                task.state = RUNNING

    def _step_service(self, service: Service) -> list[Start]:
        starts = []
        for task in list(service.tasks):
            starts += self._step_task(service, task)
        self._carry_out(service, rollout.decide(service, self.is_healthy))
        self._settle(service)
        service.forget_stopped()
        return starts

    # --- one task

    def _step_task(self, service: Service, task: Task) -> list[Start]:
        """Move a task on when its time has come or its process is gone."""
        if task.state == WAITING and task.starting.done():
            return self._prepare(service, task)
        if task.state == RUNNING:
            self._watch(service, task)
        elif task.state == DEACTIVATING:
            self._let_go(task)
        elif task.state == STOPPING:
            self._finish(task)
        return []

    def _prepare(self, service: Service, task: Task) -> list[Start]:
        try:
            environment = self._launcher.prepare(task)
        except LaunchError as problem:
            self._fail(service, task, "TaskFailedToStart", str(problem))
            return []
        task.state = READY
        return [(service, task, environment)]

    def _watch(self, service: Service, task: Task) -> None:
        if not self._launcher.is_running(task):
            task.container_reason = self._launcher.last_words(task)
            self._fail(service, task, "EssentialContainerExited", "Essential container in task exited")
            return
        self._register(service, task)
        if self.is_healthy(task):
            self._note_healthy(service, task)
        else:
            self._check_unhealthy(service, task)

    def _register(self, service: Service, task: Task) -> None:
        if task.registered or not service.load_balancers:
            return
        for row in service.load_balancers:
            group = self._group(row["targetGroupArn"])
            if group is None:
                continue
            group.register([{"Id": task.address, "Port": port_of(task)}])
            task.registered.append((group.arn, port_of(task)))
            service.say(f"registered 1 targets in (target-group {group.arn})", self._world.clock.now())

    def _note_healthy(self, service: Service, task: Task) -> None:
        if not task.was_healthy:
            task.was_healthy = True
            if task.becoming_healthy is not None:
                task.becoming_healthy.done()
        deployment = service.find_deployment(task.deployment_id)
        if deployment is not None:
            deployment.failures_in_row, deployment.retry = 0, None

    def _check_unhealthy(self, service: Service, task: Task) -> None:
        """A task that its balancer finds unhealthy is replaced, once its grace period is over."""
        grace_s = max(self._world.clock.scaled(service.grace_s), GRACE_SECONDS_MIN)
        grace_over = self._world.clock.now() >= task.started_at + grace_s
        bad = [row for row in self._health(task) if row[1] == "unhealthy"]
        if bad and grace_over:
            arn, _, why = bad[0]
            where = f"(port {port_of(task)}) is unhealthy in (target-group {arn}) due to (reason {why})"
            service.say(f"(task {task.id}) {where}", self._world.clock.now())
            self._fail(service, task, "ServiceSchedulerInitiated", f"Task failed ELB health checks in {arn}")

    def _fail(self, service: Service, task: Task, code: str, reason: str) -> None:
        """A task ends that nobody asked to end: count it, and wait a little before the next try."""
        deployment = service.find_deployment(task.deployment_id)
        if deployment is not None and not task.was_healthy:
            deployment.failed_tasks += 1
            deployment.failures_in_row += 1
            clock = self._world.clock
            seconds = rollout.retry_seconds(deployment.failures_in_row, clock.scale)
            deployment.retry = clock.start("task_retry", task.process, task.region, seconds, listed=False)
        words = f": {task.container_reason}" if task.container_reason else ""
        service.say(f"(task {task.id}) failed: {reason}{words}", self._world.clock.now())
        self.leave(service, task, code, reason)

    def leave(self, service: Service, task: Task, code: str, reason: str) -> None:
        """Begin a task's end: out of its target groups now, its process later."""
        task.state, task.stop_code, task.stopped_reason = DEACTIVATING, code, reason
        task.stopping_at = self._world.clock.now()
        service.steady = False
        for arn, port in task.registered:
            group = self._group(arn)
            if group is not None and f"{task.address}:{port}" in group.targets:
                group.deregister([{"Id": task.address, "Port": port}])
                service.say(f"deregistered 1 targets in (target-group {arn})", task.stopping_at)
                service.say("has begun draining connections on 1 tasks.", task.stopping_at)

    def _let_go(self, task: Task) -> None:
        """Signal the process once no balancer sends it anything any more."""
        if self._launcher.is_running(task):
            noticed = self._world.clock.now() >= task.stopping_at + LEAVE_SECONDS_MIN
            if task.registered and not (noticed and self._is_drained(task)):
                return
            self._launcher.end(task)
        task.state = STOPPING
        task.leaving = self._world.clock.start("task_stop", task.process, task.region)

    def _finish(self, task: Task) -> None:
        if self._launcher.is_running(task):
            if self._world.clock.now() >= task.leaving.start + KILL_SECONDS:
                self._launcher.end(task, signal.SIGKILL)
        elif task.leaving.done():
            self._launcher.clear(task)
            task.state, task.stopped_at = STOPPED, self._world.clock.now()
            self._world.enis.release(task.eni_id, task.region)

    def _is_drained(self, task: Task) -> bool:
        groups = [(self._group(arn), port) for arn, port in task.registered]
        return all(group is None or group.medzen_is_drained(f"{task.address}:{port}") for group, port in groups)

    # --- health

    def is_healthy(self, task: Task) -> bool:
        """Running, and healthy in every target group that it is in."""
        return task.state == RUNNING and all(state == "healthy" for _, state, _ in self._health(task))

    def _health(self, task: Task) -> list[tuple[str, str, str]]:
        rows = []
        for arn, port in task.registered:
            group = self._group(arn)
            state, _, why = group.medzen_health_of(f"{task.address}:{port}") if group else ("unused", "", "")
            rows.append((arn, state, why))
        return rows

    def _group(self, arn: str) -> FakeTargetGroup | None:
        return elbv2_backends[ACCOUNT_ID][arn.split(":")[3]].target_groups.get(arn)

    # --- one service

    def _carry_out(self, service: Service, decision: rollout.Decision) -> None:
        now = self._world.clock.now()
        for task in decision.stop:
            why = f"Scaling activity initiated by (deployment {service.primary.id})"
            self.leave(service, task, "ServiceSchedulerInitiated", why)
        if decision.stop:
            service.say(_count_tasks("has stopped", "running tasks", decision.stop), now)
        started = [create_task(self._world, service) for _ in range(decision.start)]
        if started:
            service.steady = False
            service.say(_count_tasks("has started", "tasks", started), now)

    def _settle(self, service: Service) -> None:
        """Deployments that are complete, failed or over; a service whose last task is gone."""
        if service.status == DRAINING:
            if all(task.state == STOPPED for task in service.tasks):
                service.status = INACTIVE
            return
        if rollout.is_failed(service):
            self._break(service)
        elif service.status == ACTIVE and rollout.is_complete(service, self.is_healthy):
            self._complete(service)
        for deployment in rollout.finished_deployments(service):
            service.deployments.remove(deployment)

    def _complete(self, service: Service) -> None:
        deployment, now = service.primary, self._world.clock.now()
        if deployment.rollout_state not in (COMPLETED, FAILED):
            deployment.rollout_state, deployment.updated_at = COMPLETED, now
            deployment.reason = f"ECS deployment {deployment.id} completed."
            service.say(f"(deployment {deployment.id}) deployment completed.", now)
        if not service.steady:
            service.steady = True
            service.say("has reached a steady state.", now)

    def _break(self, service: Service) -> None:
        """The circuit breaker: stop trying, and go back to what worked when that was asked for."""
        failed, now = service.primary, self._world.clock.now()
        failed.rollout_state, failed.updated_at = FAILED, now
        failed.reason = "ECS deployment circuit breaker: tasks failed to start."
        service.say(f"(deployment {failed.id}) deployment failed: tasks failed to start.", now)
        target = rollout.rollback_target(service)
        if target is not None:
            failed.reason = f"ECS deployment circuit breaker: rolling back to deploymentId {target.id}."
            resume_deployment(service, target, now)
            service.say(f"rolling back to (deployment {target.id}).", now)


def _answers(task: Task) -> bool:
    try:
        with socket.create_connection((task.address, port_of(task)), timeout=1):
            return True
    except OSError:
        return False


def _count_tasks(verb: str, noun: str, tasks: list[Any]) -> str:
    return f"{verb} {len(tasks)} {noun}: {' '.join(f'(task {task.id})' for task in tasks)}."
