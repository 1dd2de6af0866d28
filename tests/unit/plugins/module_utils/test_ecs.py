# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils import ecs


def deployment(key="d1", status="PRIMARY", rollout="COMPLETED", **more):
    return {"id": key, "status": status, "rolloutState": rollout, "taskDefinition": f"td-{key}", **more}


def service(*deployments, status="ACTIVE", running=2, desired=2):
    return {
        "status": status,
        "taskDefinition": "td",
        "deployments": list(deployments),
        "runningCount": running,
        "desiredCount": desired,
    }


def test_a_complete_rollout_with_all_tasks_is_steady():
    assert ecs.is_steady(service(deployment()))


@pytest.mark.parametrize(
    "state",
    [
        None,
        service(deployment(), status="DRAINING"),
        service(deployment(rollout="IN_PROGRESS")),
        service(deployment(), running=1),
        service(deployment(), deployment("d0", "ACTIVE")),
    ],
)
def test_anything_less_is_not_steady(state):
    assert not ecs.is_steady(state)


def test_a_rollout_is_done_when_its_own_deployment_is():
    rollout = ecs.Rollout(service(deployment("d2", rollout="IN_PROGRESS")))
    assert not rollout.is_done(service(deployment("d1")))
    assert rollout.is_done(service(deployment("d2")))


def test_a_failed_deployment_is_a_failure_with_its_reason():
    rollout = ecs.Rollout(service(deployment("d2")))
    broken = deployment("d2", "ACTIVE", "FAILED", rolloutStateReason="tasks failed to start")
    reason = rollout.failure(service(deployment("d1"), broken))
    assert reason == "deployment d2 FAILED: tasks failed to start"


def test_a_deployment_that_failed_earlier_is_no_failure_of_this_one():
    rollout = ecs.Rollout(service(deployment("d3")))
    assert rollout.failure(service(deployment("d3"), deployment("d2", "ACTIVE", "FAILED"))) is None


def test_an_answer_that_lags_behind_is_no_rollback_but_a_lasting_one_is():
    rollout = ecs.Rollout(service(deployment("d2")))
    old = service(deployment("d1"))
    assert [rollout.failure(old) for _look in range(2)] == [None, None]
    assert rollout.failure(service(deployment("d2"))) is None
    assert [rollout.failure(old) is None for _look in range(3)] == [True, True, False]


def test_a_service_that_vanishes_is_a_failure():
    rollout = ecs.Rollout(service(deployment("d1")))
    assert rollout.failure(None) == "the service is INACTIVE"


def test_a_rollout_is_told_in_a_few_words():
    assert ecs.rollout_text(service(deployment(rollout="IN_PROGRESS"), running=1)) == "ACTIVE IN_PROGRESS 1 of 2 tasks"
    assert ecs.rollout_text(None) == "not there"


@pytest.mark.parametrize(("running", "desired", "percent"), [(1, 2, 50), (3, 2, 100), (0, 0, None)])
def test_percent_is_the_share_of_new_tasks_that_run(running, desired, percent):
    state = service(deployment(runningCount=running, desiredCount=desired))
    assert ecs.rollout_percent(state) == percent


def test_what_is_gone_is_inactive():
    assert ecs.status_of(None) == "INACTIVE"


def test_the_newest_events_come_first_and_few():
    events = [{"message": str(number)} for number in range(9)]
    assert ecs.last_events({"events": events}, 2) == ["0", "1"]
