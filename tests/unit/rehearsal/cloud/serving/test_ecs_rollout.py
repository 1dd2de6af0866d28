# SPDX-License-Identifier: GPL-3.0-or-later
"""Decisions of a rollout, as values."""

from types import SimpleNamespace

import pytest

from rehearsal.cloud.ecs import rollout
from rehearsal.cloud.ecs.model import ACTIVE, COMPLETED, DRAINING, FAILED, RUNNING, WAITING, Deployment, Service, Task


def make_service(new=(), old=(), *, wanted=2, maximum=200, minimum=50, status=ACTIVE):
    """A service whose primary deployment has the tasks `new` (their states) and one before it the tasks `old`."""
    breaker = {"enable": True, "rollback": True}
    configuration = {
        "maximumPercent": maximum,
        "minimumHealthyPercent": minimum,
        "deploymentCircuitBreaker": breaker,
    }
    made = Service("arn", "svc", "r", "c", "ca", wanted, [], configuration, 0, {}, [], 0.0, status=status)
    made.deployments = [Deployment("new", "d:2", {}, 0.0, 0.0), Deployment("old", "d:1", {}, 0.0, 0.0)]
    for deployment, states in (("new", new), ("old", old)):
        for number, state in enumerate(states):
            made.tasks.append(make_task(f"{deployment}{number}", deployment, state, float(number)))
    return made


def make_task(name, deployment, state, created_at):
    definition = SimpleNamespace(arn="d")
    return Task(f"arn/{name}", "r", "c", deployment, definition, "a", "s", [], "e", created_at, None, state)


def decide(service, healthy=lambda task: task.state == RUNNING):
    made = rollout.decide(service, healthy)
    return made.start, sorted(task.id for task in made.stop)


def test_a_new_service_starts_all_at_once():
    assert decide(make_service()) == (2, [])


def test_twice_as_many_may_run_during_a_rollout():
    assert decide(make_service(old=[RUNNING] * 2)) == (2, [])


def test_old_tasks_wait_for_healthy_new_ones():
    assert decide(make_service([WAITING] * 2, [RUNNING] * 2)) == (0, [])
    assert decide(make_service([RUNNING, WAITING], [RUNNING] * 2)) == (0, ["old0"])
    assert decide(make_service([RUNNING] * 2, [RUNNING] * 2)) == (0, ["old0", "old1"])


@pytest.mark.parametrize("minimum,stopped", [(50, ["old0"]), (100, [])])
def test_without_room_the_minimum_says_how_many_old_ones_go_first(minimum, stopped):
    assert decide(make_service(old=[RUNNING] * 2, maximum=100, minimum=minimum)) == (0, stopped)


def test_without_room_unhealthy_old_tasks_make_room():
    service = make_service(old=[RUNNING, RUNNING], maximum=100, minimum=100)
    assert decide(service, lambda task: task.id != "old1") == (0, ["old1"])


def test_scaling_in_ends_what_does_not_run_yet_then_the_newest():
    assert decide(make_service([RUNNING, RUNNING, WAITING], wanted=2)) == (0, ["new2"])
    assert decide(make_service([RUNNING, RUNNING, RUNNING], wanted=2)) == (0, ["new2"])


def test_a_draining_service_ends_everything():
    assert decide(make_service([RUNNING], [RUNNING], status=DRAINING)) == (0, ["new0", "old0"])


def test_a_failed_deployment_starts_nothing_and_keeps_the_old_tasks():
    service = make_service(old=[RUNNING] * 2)
    service.primary.rollout_state = FAILED
    assert decide(service) == (0, [])


def test_after_a_failure_the_next_start_waits():
    service = make_service([RUNNING])
    service.primary.retry = SimpleNamespace(done=lambda: False)
    assert decide(service) == (0, [])
    assert [rollout.backoff_seconds(n) for n in (1, 2, 3, 9)] == [15, 30, 60, 300]


def test_a_fast_clock_does_not_start_failing_tasks_in_a_tight_loop():
    assert [rollout.retry_seconds(n, scale=60) / 60 for n in (1, 2, 9)] == [0.5, 0.5, 5]
    assert [rollout.retry_seconds(n, scale=600) / 600 for n in (1, 2, 3, 9)] == [0.5, 0.5, 1, 5]
    assert rollout.retry_seconds(9, scale=1) == 300


@pytest.mark.parametrize("wanted,failures,tripped", [(2, 2, False), (2, 3, True), (20, 9, False), (20, 10, True)])
def test_the_circuit_breaker_trips_at_half_the_tasks_but_not_below_three(wanted, failures, tripped):
    service = make_service(wanted=wanted)
    service.primary.failed_tasks = failures
    assert rollout.is_failed(service) is tripped


def test_a_rollback_needs_something_that_worked_and_to_be_asked_for():
    service = make_service()
    assert rollout.rollback_target(service) is None
    service.deployments[1].rollout_state = COMPLETED
    assert rollout.rollback_target(service) is service.deployments[1]
    service.configuration["deploymentCircuitBreaker"]["rollback"] = False
    assert rollout.rollback_target(service) is None


def test_a_deployment_is_complete_without_tasks_of_another():
    healthy = lambda task: True  # noqa: E731
    assert rollout.is_complete(make_service([RUNNING] * 2), healthy)
    assert not rollout.is_complete(make_service([RUNNING] * 2, [RUNNING]), healthy)
    assert not rollout.is_complete(make_service([RUNNING, WAITING]), healthy)


def test_a_replaced_deployment_is_listed_until_the_new_one_is_complete():
    service = make_service([RUNNING] * 2)
    assert rollout.finished_deployments(service) == []
    service.primary.rollout_state = COMPLETED
    assert [one.id for one in rollout.finished_deployments(service)] == ["old"]
