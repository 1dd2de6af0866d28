# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.ecs_settings import build_wanted
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import MultiregionError, Refused
from ansible_collections.medzen.multiregion.plugins.modules.ecs_service import (
    build_create_request,
    check_deployment,
    find_fixed_differences,
    plan,
    with_events,
)

PARAMS = {
    "name": "svc",
    "cluster": "c",
    "desired_count": None,
    "launch_type": "FARGATE",
    "platform_version": None,
    "network": None,
    "load_balancers": None,
    "deployment": None,
    "health_grace_s": None,
    "enable_execute_command": None,
    "propagate_tags": None,
    "tags": None,
    "purge_tags": True,
}
SERVICE = {
    "serviceArn": "arn",
    "taskDefinition": "td:1",
    "desiredCount": 4,
    "launchType": "FARGATE",
    "schedulingStrategy": "REPLICA",
    "tags": {},
}


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"launchType": "EC2"}, "launch type"),
        ({"launchType": None, "capacityProviderStrategy": [{"capacityProvider": "FARGATE_SPOT"}]}, "launch type"),
        ({"schedulingStrategy": "DAEMON"}, "scheduling strategy"),
        ({"deploymentController": {"type": "CODE_DEPLOY"}}, "deployment controller"),
    ],
)
def test_what_needs_another_service_is_named(change, name):
    assert [pair[0] for pair in find_fixed_differences({**SERVICE, **change}, PARAMS)] == [name]


def test_a_new_service_runs_one_task_unless_told():
    request = build_create_request(PARAMS, build_wanted(PARAMS, "td:1"))
    assert request["desiredCount"] == 1 and len(request["clientToken"]) <= 36
    assert build_create_request(PARAMS, {"desiredCount": 0})["desiredCount"] == 0


def test_the_token_is_the_same_within_a_task():
    requests = [build_create_request(PARAMS, {}) for _call in range(2)]
    assert requests[0]["clientToken"] == requests[1]["clientToken"]


def test_rollback_without_the_breaker_is_refused():
    with pytest.raises(Refused, match="Rollback needs the circuit breaker"):
        check_deployment({"rollback": True, "circuit_breaker": None})


def test_the_plan_shows_the_service_after_the_change():
    planned = plan(SERVICE, {**PARAMS, "tags": {"W": "x"}}, build_wanted({**PARAMS, "desired_count": 2}, "td:1"))
    assert planned["after"]["desiredCount"] == 2 and planned["after"]["tags"] == {"W": "x"}
    assert planned["after"]["launchType"] == "FARGATE"


def test_a_new_service_is_planned_with_the_whole_circuit_breaker():
    wanted = build_wanted({**PARAMS, "deployment": {"circuit_breaker": True}}, "td:1")
    planned = plan(None, PARAMS, wanted)
    breaker = {"enable": True, "rollback": False}
    assert planned["drift"]["deploymentConfiguration"] == {"deploymentCircuitBreaker": breaker}


def test_a_failure_carries_the_last_events():
    events = [{"message": "tasks failed to start"}, {"message": "has started 1 tasks"}]
    error = with_events(MultiregionError("It failed."), {"serviceName": "svc", "events": events, "tags": []})
    assert error.result["last_events"] == ["tasks failed to start", "has started 1 tasks"]
    assert error.message == "It failed. Last events: tasks failed to start | has started 1 tasks"
