# SPDX-License-Identifier: GPL-3.0-or-later
"""The API of services: create, update, delete, describe, list.

https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateService.html
"""

from __future__ import annotations

import copy
from typing import Any

from moto.ec2.models import ec2_backends
from moto.ecs.models import TaskDefinition, ecs_backends
from moto.elbv2.models import elbv2_backends

from rehearsal.cloud.ecs.clusters import find_cluster
from rehearsal.cloud.ecs.deployments import begin_deployment
from rehearsal.cloud.ecs.describe import describe_service
from rehearsal.cloud.ecs.model import ACTIVE, DRAINING, INACTIVE, Registry, Service
from rehearsal.cloud.elbv2.listeners import renew_associations
from rehearsal.cloud.errors import ApiError
from rehearsal.cloud.operations import Call
from rehearsal.cloud.world_state import World
from rehearsal.settings import ACCOUNT_ID

DEPLOYMENT_DEFAULTS = {
    "deploymentCircuitBreaker": {"enable": False, "rollback": False},
    "maximumPercent": 200,
    "minimumHealthyPercent": 100,
}
# What a service keeps and shows without acting on it.
SETTINGS_DEFAULTS = {
    "enableECSManagedTags": False,
    "enableExecuteCommand": False,
    "propagateTags": "NONE",
    "availabilityZoneRebalancing": "DISABLED",
}
UNSUPPORTED = ("capacityProviderStrategy", "serviceRegistries", "serviceConnectConfiguration", "volumeConfigurations")


class Services:
    def __init__(self, world: World, registry: Registry) -> None:
        self._world = world
        self._registry = registry

    def install(self) -> None:
        for operation, answer in {
            "CreateService": self.create,
            "UpdateService": self.update,
            "DeleteService": self.delete,
            "DescribeServices": self.describe,
            "ListServices": self.list,
        }.items():
            self._world.operations.handle("ecs", operation, answer)

    # --- create

    def create(self, call: Call) -> dict[str, Any]:
        cluster = find_cluster(call)
        name = call.get("serviceName")
        existing = self._registry.find(call.region, cluster.name, name)
        if existing is not None and existing.status == ACTIVE:
            raise _invalid("Creation of service was not idempotent.")
        if existing is not None and existing.status == DRAINING:
            raise _invalid("Unable to Start a service that is still Draining.")
        check_supported(call)
        definition = find_definition(call)
        network, load_balancers = check_network(call), check_load_balancers(call, definition)
        arn = f"arn:aws:ecs:{call.region}:{ACCOUNT_ID}:service/{cluster.name}/{name}"
        service = Service(
            arn=arn,
            name=name,
            region=call.region,
            cluster=cluster.name,
            cluster_arn=cluster.arn,
            desired_count=int(call.get("desiredCount", 0)),
            load_balancers=load_balancers,
            configuration=merge_configuration(DEPLOYMENT_DEFAULTS, call.get("deploymentConfiguration")),
            grace_s=float(call.get("healthCheckGracePeriodSeconds") or 0),
            settings=merge_settings(SETTINGS_DEFAULTS, call),
            tags=list(call.get("tags") or []),
            created_at=self._world.clock.now(),
        )
        begin_deployment(self._world, service, definition.arn, network)
        self._registry.services[arn] = service
        # moto's tagging and application autoscaling look services up here.
        ecs_backends[ACCOUNT_ID][call.region].services[f"{cluster.name}:{name}"] = service
        return {"service": describe_service(service)}

    # --- update

    def update(self, call: Call) -> dict[str, Any]:
        service = self._find(call)
        if service.status != ACTIVE:
            raise ApiError("ServiceNotActiveException", "Service was not ACTIVE.")
        check_supported(call)
        before = service.primary
        definition_arn = find_definition(call).arn if call.get("taskDefinition") else before.definition_arn
        network = check_network(call) if call.get("networkConfiguration") else before.network
        balancers = service.load_balancers
        if call.get("loadBalancers") is not None:
            balancers = check_load_balancers(call, find_definition(call, definition_arn))
        replaced = (definition_arn, network, balancers) != (
            before.definition_arn,
            before.network,
            service.load_balancers,
        )
        self._take_settings(service, call)
        service.load_balancers = balancers
        if replaced or call.get("forceNewDeployment"):
            begin_deployment(self._world, service, definition_arn, network)
        return {"service": describe_service(service)}

    def _take_settings(self, service: Service, call: Call) -> None:
        """What changes without a new deployment."""
        if call.get("desiredCount") is not None:
            service.steady = service.steady and service.desired_count == int(call.get("desiredCount"))
            service.desired_count = int(call.get("desiredCount"))
        if call.get("healthCheckGracePeriodSeconds") is not None:
            service.grace_s = float(call.get("healthCheckGracePeriodSeconds"))
        service.configuration = merge_configuration(service.configuration, call.get("deploymentConfiguration"))
        service.settings = merge_settings(service.settings, call)
        service.primary.updated_at = self._world.clock.now()

    # --- delete

    def delete(self, call: Call) -> dict[str, Any]:
        """Let a service go: it drains while it has tasks, and is only then inactive."""
        service = self._find(call)
        if service.status == INACTIVE:
            raise ApiError("ServiceNotFoundException", "Service not found.")
        if service.desired_count > 0 and not call.get("force"):
            raise _invalid("The service cannot be stopped while it is scaled above 0.")
        service.status, service.desired_count = DRAINING, 0
        return {"service": describe_service(service)}

    # --- look

    def describe(self, call: Call) -> dict[str, Any]:
        cluster, tags = find_cluster(call), "TAGS" in (call.get("include") or [])
        rows, failures = [], []
        for name in call.get("services") or []:
            service = self._registry.find(call.region, cluster.name, name)
            if service is None:
                short = name.rpartition("/")[2]
                arn = f"arn:aws:ecs:{call.region}:{ACCOUNT_ID}:service/{cluster.name}/{short}"
                failures.append({"arn": arn, "reason": "MISSING"})
            else:
                rows.append(describe_service(service, tags=tags))
        return {"services": rows, "failures": failures}

    def list(self, call: Call) -> dict[str, Any]:
        """Active services only: one that drains is no longer listed."""
        services = self._registry.iter_services(call.region, find_cluster(call).name)
        return {"serviceArns": sorted(one.arn for one in services if one.status == ACTIVE)}

    def _find(self, call: Call) -> Service:
        service = self._registry.find(call.region, find_cluster(call).name, call.get("service"))
        if service is None:
            raise ApiError("ServiceNotFoundException", "Service not found.")
        return service


def _invalid(message: str) -> ApiError:
    return ApiError("InvalidParameterException", message)


def check_supported(call: Call) -> None:
    """Refuse loudly what would otherwise be dropped in silence."""
    for name in UNSUPPORTED:
        if call.get(name):
            raise NotImplementedError(f"services with {name}")
    if call.get("launchType", "FARGATE") != "FARGATE":
        raise NotImplementedError(f"services with launchType {call.get('launchType')}")
    if (call.get("deploymentController") or {}).get("type", "ECS") != "ECS":
        raise NotImplementedError("deployment controllers other than ECS")


def find_definition(call: Call, name: str = "") -> TaskDefinition:
    definition = ecs_backends[ACCOUNT_ID][call.region].describe_task_definition(name or call.get("taskDefinition"))
    if definition.status != "ACTIVE":
        raise ApiError("ClientException", "TaskDefinition is inactive")
    return definition


def check_network(call: Call) -> dict[str, Any]:
    """The network configuration with its default, once its subnets and groups are known to exist."""
    network = copy.deepcopy(call.get("networkConfiguration") or {})
    wanted = network.get("awsvpcConfiguration")
    if not wanted or not wanted.get("subnets"):
        raise _invalid("Network Configuration must be provided when networkMode 'awsvpc' is specified.")
    backend = ec2_backends[ACCOUNT_ID][call.region]
    known = {subnet_id for zone in backend.subnets.values() for subnet_id in zone}
    for subnet_id in wanted["subnets"]:
        if subnet_id not in known:
            text = f"The subnet ID '{subnet_id}' does not exist (ErrorCode: InvalidSubnetID.NotFound)"
            raise _invalid(f"Error retrieving subnet information for [{subnet_id}]: {text}")
    for group_id in wanted.get("securityGroups") or []:
        if backend.get_security_group_from_id(group_id) is None:
            text = f"The security group '{group_id}' does not exist (ErrorCode: InvalidGroup.NotFound)"
            raise _invalid(f"Error retrieving security group information for [{group_id}]: {text}")
    wanted.setdefault("securityGroups", [])
    wanted.setdefault("assignPublicIp", "DISABLED")
    return network


def check_load_balancers(call: Call, definition: TaskDefinition) -> list[dict[str, Any]]:
    """Target groups must exist and belong to a balancer, and name a container of the task."""
    renew_associations(call.region)
    groups = elbv2_backends[ACCOUNT_ID][call.region].target_groups
    containers = [container["name"] for container in definition.container_definitions]
    rows = [dict(row) for row in call.get("loadBalancers") or []]
    for row in rows:
        group = groups.get(row.get("targetGroupArn"))
        if group is None:
            raise _invalid(
                f"Unable to assume role and validate the specified targetGroupArn: {row.get('targetGroupArn')}."
            )
        if not group.load_balancer_arns:
            text = f"The target group with targetGroupArn {group.arn} does not have an associated load balancer."
            raise _invalid(text)
        if row.get("containerName") not in containers:
            raise _invalid(f"The container {row.get('containerName')} does not exist in the task definition.")
    return rows


def merge_configuration(before: dict[str, Any], wanted: dict[str, Any] | None) -> dict[str, Any]:
    return copy.deepcopy({**before, **(wanted or {})})


def merge_settings(before: dict[str, Any], call: Call) -> dict[str, Any]:
    return {name: call.get(name) if call.get(name) is not None else value for name, value in before.items()}
