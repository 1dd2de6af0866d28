# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.ecs_settings import build_wanted, complete, find_drift

PARAMS = {
    "name": "svc",
    "cluster": "c",
    "desired_count": None,
    "launch_type": "FARGATE",
    "platform_version": None,
    "network": {"subnets": ["s2", "s1"], "security_groups": ["g1"], "assign_public_ip": False},
    "load_balancers": [{"target_group_arn": "tg", "container_name": "ehrbase", "container_port": 8080}],
    "deployment": {"max_percent": 200, "min_percent": 50, "circuit_breaker": True, "rollback": True},
    "health_grace_s": 60,
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
    "networkConfiguration": {
        "awsvpcConfiguration": {"subnets": ["s1", "s2"], "securityGroups": ["g1"], "assignPublicIp": "DISABLED"}
    },
    "loadBalancers": [{"targetGroupArn": "tg", "containerName": "ehrbase", "containerPort": 8080}],
    "deploymentConfiguration": {
        "maximumPercent": 200,
        "minimumHealthyPercent": 50,
        "deploymentCircuitBreaker": {"enable": True, "rollback": True},
        "bakeTimeInMinutes": 0,
    },
    "healthCheckGracePeriodSeconds": 60,
    "tags": {},
}


def drift(**changes):
    return find_drift(SERVICE, build_wanted({**PARAMS, **changes}, "td:1"))


def test_a_service_as_wanted_has_no_drift():
    assert drift() == {}


def test_the_number_of_tasks_is_left_to_autoscaling_unless_given():
    assert "desiredCount" not in drift() and drift(desired_count=2) == {"desiredCount": 2}


def test_zero_tasks_is_a_number():
    assert drift(desired_count=0) == {"desiredCount": 0}


def test_a_new_revision_is_drift():
    assert find_drift(SERVICE, build_wanted(PARAMS, "td:2")) == {"taskDefinition": "td:2"}


def test_the_circuit_breaker_is_compared():
    off = {"max_percent": None, "min_percent": None, "circuit_breaker": False, "rollback": None}
    sent = drift(deployment=off)["deploymentConfiguration"]
    assert sent["deploymentCircuitBreaker"] == {"enable": False, "rollback": False}
    assert sent["maximumPercent"] == 200


def deployment(**given):
    return {"max_percent": None, "min_percent": None, "circuit_breaker": None, "rollback": None, **given}


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({"circuit_breaker": True}, None),
        ({"rollback": False}, {"enable": True, "rollback": False}),
        ({"circuit_breaker": True, "rollback": False}, {"enable": True, "rollback": False}),
        ({"circuit_breaker": False}, {"enable": False, "rollback": False}),
    ],
)
def test_what_is_not_said_of_the_circuit_breaker_stays(given, sent):
    found = drift(deployment=deployment(**given)).get("deploymentConfiguration", {})
    assert found.get("deploymentCircuitBreaker") == sent


def test_what_ecs_adds_to_the_circuit_breaker_stays():
    breaker = {"enable": True, "rollback": True, "resetOnHealthyTask": True}
    service = {**SERVICE, "deploymentConfiguration": {"deploymentCircuitBreaker": breaker}}
    wanted = build_wanted({**PARAMS, "deployment": deployment(rollback=False)}, "td:1")
    sent = find_drift(service, wanted)["deploymentConfiguration"]["deploymentCircuitBreaker"]
    assert sent == {**breaker, "rollback": False}


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({"circuit_breaker": True}, {"enable": True, "rollback": False}),
        ({"rollback": False}, {"enable": False, "rollback": False}),
    ],
)
def test_a_new_service_is_told_the_whole_circuit_breaker(given, sent):
    new = complete(build_wanted({**PARAMS, "deployment": deployment(**given)}, "td:1"))
    assert new["deploymentConfiguration"] == {"deploymentCircuitBreaker": sent}


def test_a_new_service_without_a_word_of_it_has_no_circuit_breaker():
    given = build_wanted({**PARAMS, "deployment": deployment(max_percent=150)}, "td:1")
    assert complete(given)["deploymentConfiguration"] == {"maximumPercent": 150}
    silent = build_wanted({**PARAMS, "deployment": None}, "td:1")
    assert complete(silent) == silent


def test_another_subnet_is_drift_another_order_is_not():
    other = {**PARAMS["network"], "subnets": ["s1", "s3"]}
    assert list(drift(network=other)) == ["networkConfiguration"]


def test_an_empty_list_takes_the_service_out_of_its_target_groups():
    assert drift(load_balancers=[]) == {"loadBalancers": []}
    assert drift(load_balancers=None) == {}


def test_a_setting_that_ecs_leaves_out_is_off():
    assert drift(enable_execute_command=False, propagate_tags="NONE") == {}
    assert drift(propagate_tags="SERVICE") == {"propagateTags": "SERVICE"}
