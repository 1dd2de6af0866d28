# SPDX-License-Identifier: GPL-3.0-or-later
"""Services and tasks in the shapes of DescribeServices and DescribeTasks."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from moto.ec2.models import ec2_backends

from rehearsal.cloud.ecs.model import RUNNING, STOPPED, Deployment, Service, Task
from rehearsal.settings import ACCOUNT_ID

PLATFORM = {"platformVersion": "1.4.0", "platformFamily": "Linux"}


def moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def given(row: dict[str, Any]) -> dict[str, Any]:
    """Without what is not known yet: AWS leaves such members out."""
    return {name: value for name, value in row.items() if value not in (None, "")}


def count(tasks: list[Task], *, running: bool) -> int:
    return sum(task.wanted and (task.state == RUNNING) == running for task in tasks)


def describe_service(service: Service, *, tags: bool = False) -> dict[str, Any]:
    row = {
        "serviceArn": service.arn,
        "serviceName": service.name,
        "clusterArn": service.cluster_arn,
        "status": service.status,
        "desiredCount": service.desired_count,
        "runningCount": count(service.tasks, running=True),
        "pendingCount": count(service.tasks, running=False),
        "launchType": "FARGATE",
        "platformVersion": "LATEST",
        "platformFamily": "Linux",
        "taskDefinition": service.primary.definition_arn,
        "loadBalancers": service.load_balancers,
        "serviceRegistries": [],
        "deploymentConfiguration": service.configuration,
        "deployments": [describe_deployment(service, one) for one in service.deployments],
        "events": [{**event, "createdAt": moment(event["createdAt"])} for event in service.events],
        "createdAt": moment(service.created_at),
        "placementConstraints": [],
        "placementStrategy": [],
        "networkConfiguration": service.primary.network,
        "healthCheckGracePeriodSeconds": int(service.grace_s),
        "schedulingStrategy": "REPLICA",
        "deploymentController": {"type": "ECS"},
        **service.settings,
    }
    return row | ({"tags": service.tags} if tags else {})


def describe_deployment(service: Service, deployment: Deployment) -> dict[str, Any]:
    tasks = service.tasks_of(deployment)
    return {
        "id": deployment.id,
        "status": "PRIMARY" if deployment is service.primary else "ACTIVE",
        "taskDefinition": deployment.definition_arn,
        "desiredCount": service.desired_count if deployment is service.primary else count_wanted(tasks),
        "pendingCount": count(tasks, running=False),
        "runningCount": count(tasks, running=True),
        "failedTasks": deployment.failed_tasks,
        "createdAt": moment(deployment.created_at),
        "updatedAt": moment(deployment.updated_at),
        "launchType": "FARGATE",
        **PLATFORM,
        "networkConfiguration": deployment.network,
        "rolloutState": deployment.rollout_state,
        "rolloutStateReason": deployment.reason,
    }


def count_wanted(tasks: list[Task]) -> int:
    return sum(task.wanted for task in tasks)


def describe_task(service: Service, task: Task, *, tags: bool = False) -> dict[str, Any]:
    row = {
        "taskArn": task.arn,
        "clusterArn": service.cluster_arn,
        "taskDefinitionArn": task.definition.arn,
        "group": f"service:{service.name}",
        "startedBy": task.deployment_id,
        "lastStatus": task.last_status,
        "desiredStatus": "RUNNING" if task.wanted else "STOPPED",
        "launchType": "FARGATE",
        **PLATFORM,
        "cpu": task.definition.cpu,
        "memory": task.definition.memory,
        "availabilityZone": _zone(task),
        "connectivity": "CONNECTED" if task.state == RUNNING else None,
        "healthStatus": "UNKNOWN",
        "attachments": [_attachment(task)],
        "containers": [_container(task)],
        "overrides": {"containerOverrides": [], "inferenceAcceleratorOverrides": []},
        "createdAt": moment(task.created_at),
        "startedAt": moment(task.started_at),
        "stoppingAt": moment(task.stopping_at),
        "stoppedAt": moment(task.stopped_at),
        "stopCode": task.stop_code,
        "stoppedReason": task.stopped_reason,
        "version": 1,
    }
    return given(row) | ({"tags": service.tags} if tags else {})


def _zone(task: Task) -> str:
    return ec2_backends[ACCOUNT_ID][task.region].get_subnet(task.subnet_id).availability_zone


def _attachment(task: Task) -> dict[str, Any]:
    details = {
        "subnetId": task.subnet_id,
        "networkInterfaceId": task.eni_id,
        # Where the task's process really listens; the interface's own address lies in the subnet.
        "privateIPv4Address": task.address,
    }
    return {
        "id": task.id,
        "type": "ElasticNetworkInterface",
        "status": "DELETED" if task.state == STOPPED else "ATTACHED",
        "details": [{"name": name, "value": value} for name, value in details.items()],
    }


def _container(task: Task) -> dict[str, Any]:
    container = task.definition.container_definitions[0]
    row = {
        "containerArn": f"{task.arn.replace(':task/', ':container/')}/{task.id[:8]}",
        "taskArn": task.arn,
        "name": container["name"],
        "image": container["image"],
        "lastStatus": task.last_status,
        "reason": task.container_reason,
        "networkInterfaces": [{"attachmentId": task.id, "privateIpv4Address": task.address}],
        "healthStatus": "UNKNOWN",
        "cpu": str(container.get("cpu", 0)),
    }
    return given(row)
