# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ECS clusters and services: calls, and what a described service says about its rollout. Needs no module."""

from __future__ import annotations

from typing import Any

from ansible_collections.medzen.multiregion.plugins.module_utils import tags as tagging
from ansible_collections.medzen.multiregion.plugins.module_utils.aws import describe, paginate

NO_CLUSTER = ("ClusterNotFoundException",)
GONE = ("ServiceNotFoundException", "ServiceNotActiveException", *NO_CLUSTER)
EVENTS_SHOWN = 5
STRAYS_MAX = 3


@describe("describe cluster {name}")
def describe_cluster(client: Any, name: str) -> dict | None:
    """The cluster in whatever status it is; None when ECS does not know it."""
    answer = client.describe_clusters(clusters=[name], include=["SETTINGS", "TAGS"], aws_retry=True)
    return answer["clusters"][0] if answer["clusters"] else None


@describe("list the services of cluster {cluster}", missing=NO_CLUSTER, default=[])
def list_services(client: Any, cluster: str) -> list[str]:
    return paginate(client, "list_services", "serviceArns", cluster=cluster)


@describe("describe service {service} of cluster {cluster}", missing=NO_CLUSTER)
def describe_service(client: Any, cluster: str, service: str) -> dict | None:
    """The service in whatever status it is; None when it, or its cluster, is not there."""
    answer = client.describe_services(cluster=cluster, services=[service], include=["TAGS"], aws_retry=True)
    return answer["services"][0] if answer["services"] else None


@describe("describe task definition {name}", missing=("ClientException",))
def describe_task_definition(client: Any, name: str) -> dict | None:
    """The task definition; a family alone is its newest active revision. ECS answers ClientException for none."""
    return client.describe_task_definition(taskDefinition=name, aws_retry=True)["taskDefinition"]


@describe("create service {name} in cluster {cluster}")
def create_service(client: Any, cluster: str, name: str, request: dict) -> dict:
    return client.create_service(cluster=cluster, serviceName=name, **request, aws_retry=True)["service"]


@describe("update service {name} of cluster {cluster}")
def update_service(client: Any, cluster: str, name: str, request: dict) -> dict:
    return client.update_service(cluster=cluster, service=name, **request, aws_retry=True)["service"]


@describe("delete service {name} of cluster {cluster}", missing=GONE)
def delete_service(client: Any, cluster: str, name: str) -> None:
    client.delete_service(cluster=cluster, service=name, aws_retry=True)


@describe("tag {arn}")
def tag_resource(client: Any, arn: str, tags: dict) -> None:
    client.tag_resource(resourceArn=arn, tags=tagging.to_boto(tags, "key", "value"), aws_retry=True)


@describe("remove tags from {arn}")
def untag_resource(client: Any, arn: str, keys: list[str]) -> None:
    client.untag_resource(resourceArn=arn, tagKeys=keys, aws_retry=True)


def converge_tags(client: Any, arn: str, to_set: dict, to_remove: list[str]) -> None:
    if to_set:
        tag_resource(client, arn, to_set)
    if to_remove:
        untag_resource(client, arn, to_remove)


def status_of(resource: dict | None) -> str:
    """ACTIVE, DRAINING, DEPROVISIONING and so on; INACTIVE for what is gone, listed or not."""
    return "INACTIVE" if resource is None else resource.get("status", "INACTIVE")


def primary_deployment(service: dict) -> dict:
    return next((item for item in service.get("deployments", []) if item.get("status") == "PRIMARY"), {})


def is_steady(service: dict | None) -> bool:
    """The rollout is complete and as many tasks run as are desired. A Classic Load Balancer has no rolloutState."""
    if service is None or service.get("status") != "ACTIVE":
        return False
    deployments = service.get("deployments", [])
    complete = primary_deployment(service).get("rolloutState", "COMPLETED") == "COMPLETED" and len(deployments) == 1
    return complete and service.get("runningCount") == service.get("desiredCount")


class Rollout:
    """One deployment, watched until it is complete or has failed.

    ECS answers may lag behind an update for a moment. So another primary deployment counts as a rollback, or as
    somebody else's change, only when it is seen several times in a row.
    """

    def __init__(self, service: dict):
        self.deployment_id = primary_deployment(service).get("id")
        self.task_definition = service.get("taskDefinition")
        self._strays = 0

    def is_done(self, service: dict | None) -> bool:
        return is_steady(service) and primary_deployment(service).get("id") == self.deployment_id

    def failure(self, service: dict | None) -> str | None:
        """Why the deployment will not come to its end, or None."""
        if status_of(service) != "ACTIVE":
            return f"the service is {status_of(service)}"
        deployments = {item.get("id"): item for item in service.get("deployments", [])}
        mine = deployments.get(self.deployment_id, {})
        if mine.get("rolloutState") == "FAILED":
            return f"deployment {self.deployment_id} FAILED: {mine.get('rolloutStateReason') or 'no reason given'}"
        primary = primary_deployment(service)
        self._strays = 0 if primary.get("id") == self.deployment_id else self._strays + 1
        if self._strays < STRAYS_MAX:
            return None
        return (
            f"deployment {primary.get('id')} of {primary.get('taskDefinition')} took the place of {self.deployment_id}"
        )


def rollout_text(service: dict | None) -> str:
    """The rollout in a few words, for progress and errors."""
    if service is None:
        return "not there"
    state = primary_deployment(service).get("rolloutState", "")
    counts = f"{service.get('runningCount', 0)} of {service.get('desiredCount', 0)} tasks"
    return " ".join(part for part in (status_of(service), state, counts) if part)


def rollout_percent(service: dict | None) -> float | None:
    primary = primary_deployment(service or {})
    desired = primary.get("desiredCount") or 0
    return 100 * min(primary.get("runningCount", 0), desired) / desired if desired else None


def last_events(service: dict | None, count: int = EVENTS_SHOWN) -> list[str]:
    """The newest events first, as ECS keeps them."""
    return [event["message"] for event in (service or {}).get("events", [])[:count]]
