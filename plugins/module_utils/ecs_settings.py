# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of an ECS service: from options to what ECS takes, and what differs from what it runs. No AWS in here."""

from __future__ import annotations

SETTINGS = (
    "taskDefinition",
    "desiredCount",
    "platformVersion",
    "networkConfiguration",
    "loadBalancers",
    "deploymentConfiguration",
    "healthCheckGracePeriodSeconds",
    "enableExecuteCommand",
    "propagateTags",
)
# What a service that lacks the setting does.
DEFAULTS = {"enableExecuteCommand": False, "propagateTags": "NONE", "healthCheckGracePeriodSeconds": 0}

# ECS takes both or none.
BREAKER_OFF = {"enable": False, "rollback": False}


def build_network(network):
    return {
        "awsvpcConfiguration": {
            "subnets": sorted(network["subnets"]),
            "securityGroups": sorted(network["security_groups"]),
            "assignPublicIp": "ENABLED" if network["assign_public_ip"] else "DISABLED",
        }
    }


def build_load_balancers(balancers):
    return [
        {
            "targetGroupArn": balancer["target_group_arn"],
            "containerName": balancer["container_name"],
            "containerPort": balancer["container_port"],
        }
        for balancer in balancers
    ]


def build_deployment(deployment):
    limits = {"maximumPercent": deployment.get("max_percent"), "minimumHealthyPercent": deployment.get("min_percent")}
    built = {key: value for key, value in limits.items() if value is not None}
    enable, rollback = deployment.get("circuit_breaker"), deployment.get("rollback")
    if enable is False:
        # Rollback needs the circuit breaker, and goes with it.
        rollback = False
    breaker = {key: value for key, value in {"enable": enable, "rollback": rollback}.items() if value is not None}
    return {**built, "deploymentCircuitBreaker": breaker} if breaker else built


def build_wanted(params, task_definition):
    """The settings as ECS takes them, without those that are not given."""
    network, balancers, deployment = params["network"], params["load_balancers"], params["deployment"]
    wanted = {
        "taskDefinition": task_definition,
        "desiredCount": params["desired_count"],
        "platformVersion": params["platform_version"],
        "networkConfiguration": build_network(network) if network else None,
        "loadBalancers": build_load_balancers(balancers) if balancers is not None else None,
        "deploymentConfiguration": build_deployment(deployment) if deployment else None,
        "healthCheckGracePeriodSeconds": params["health_grace_s"],
        "enableExecuteCommand": params["enable_execute_command"],
        "propagateTags": params["propagate_tags"],
    }
    return {key: value for key, value in wanted.items() if value is not None}


def normalise_network(configuration):
    vpc = configuration.get("awsvpcConfiguration", {})
    return {
        "awsvpcConfiguration": {
            "subnets": sorted(vpc.get("subnets", [])),
            "securityGroups": sorted(vpc.get("securityGroups", [])),
            "assignPublicIp": vpc.get("assignPublicIp", "DISABLED"),
        }
    }


def normalise_balancers(balancers):
    keys = ("targetGroupArn", "containerName", "containerPort")
    return sorted(tuple(str(balancer.get(key)) for key in keys) for balancer in balancers)


def merge_deployment(present, wanted):
    """The present configuration with what is wanted laid over it: an update replaces it as a whole."""
    breaker = {**present.get("deploymentCircuitBreaker", {}), **wanted.get("deploymentCircuitBreaker", {})}
    return {**present, **wanted, **({"deploymentCircuitBreaker": {**BREAKER_OFF, **breaker}} if breaker else {})}


def complete(wanted):
    """The settings of a service that is not there yet."""
    if "deploymentConfiguration" not in wanted:
        return wanted
    return {**wanted, "deploymentConfiguration": merge_deployment({}, wanted["deploymentConfiguration"])}


def is_same(key, present, wanted):
    if key == "networkConfiguration":
        return normalise_network(present or {}) == normalise_network(wanted)
    if key == "loadBalancers":
        return normalise_balancers(present or []) == normalise_balancers(wanted)
    if key == "deploymentConfiguration":
        return merge_deployment(present or {}, wanted) == (present or {})
    return present == wanted


def find_drift(service, wanted):
    """The settings to send, as UpdateService takes them."""
    present = {**DEFAULTS, **service}
    drift = {key: value for key, value in wanted.items() if not is_same(key, present.get(key), value)}
    if "deploymentConfiguration" in drift:
        drift["deploymentConfiguration"] = merge_deployment(
            present.get("deploymentConfiguration", {}), wanted["deploymentConfiguration"]
        )
    return drift
