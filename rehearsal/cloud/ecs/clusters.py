# SPDX-License-Identifier: GPL-3.0-or-later
"""Clusters: kept by moto; their counts, and the refusal to delete one that is in use, are ours."""

from __future__ import annotations

from typing import Any

from moto.ecs.models import Cluster, EC2ContainerServiceBackend, ecs_backends

from rehearsal.cloud.ecs.describe import count
from rehearsal.cloud.ecs.model import ACTIVE, INACTIVE, STOPPED, Registry
from rehearsal.cloud.errors import ApiError
from rehearsal.cloud.operations import Call
from rehearsal.cloud.world_state import World
from rehearsal.settings import ACCOUNT_ID


class Clusters:
    def __init__(self, world: World, registry: Registry) -> None:
        self._world = world
        self._registry = registry

    def install(self) -> None:
        moto_init, moto_create = Cluster.__init__, EC2ContainerServiceBackend.create_cluster

        def init(cluster: Cluster, *args: Any, **kwargs: Any) -> None:
            moto_init(cluster, *args, **kwargs)
            # AWS always names these, empty or not.
            cluster.capacity_providers = cluster.capacity_providers or []
            cluster.default_capacity_provider_strategy = cluster.default_capacity_provider_strategy or []
            cluster.tags = cluster.tags or []

        def create(backend: EC2ContainerServiceBackend, cluster_name: str, *args: Any, **kwargs: Any) -> Cluster:
            existing = backend.clusters.get(cluster_name)
            if existing is not None and existing.status == ACTIVE:
                return existing
            return moto_create(backend, cluster_name, *args, **kwargs)

        Cluster.__init__, EC2ContainerServiceBackend.create_cluster = init, create
        operations = self._world.operations
        operations.before("ecs", "DeleteCluster", self.check_delete)
        operations.before("ecs", "DescribeClusters", self.renew_counts)
        operations.handle("ecs", "ListClusters", list_clusters)
        operations.handle("ecs", "UpdateClusterSettings", update_settings)

    def check_delete(self, call: Call) -> None:
        name = cluster_name(call)
        services = [one for one in self._registry.iter_services(call.region, name) if one.status != INACTIVE]
        if services:
            raise ApiError(
                "ClusterContainsServicesException",
                f"The Cluster cannot be deleted while Services are active: {', '.join(one.name for one in services)}.",
            )
        if any(task.state != STOPPED for _, task in self._registry.iter_tasks(call.region, name)):
            raise ApiError("ClusterContainsTasksException", "The Cluster cannot be deleted while Tasks are active.")

    def renew_counts(self, call: Call) -> None:
        for cluster in ecs_backends[ACCOUNT_ID][call.region].clusters.values():
            tasks = [task for _, task in self._registry.iter_tasks(call.region, cluster.name)]
            services = self._registry.iter_services(call.region, cluster.name)
            cluster.active_services_count = sum(one.status == ACTIVE for one in services)
            cluster.running_tasks_count = count(tasks, running=True)
            cluster.pending_tasks_count = count(tasks, running=False)


def list_clusters(call: Call) -> dict[str, Any]:
    """moto lists deleted ones too."""
    clusters = ecs_backends[ACCOUNT_ID][call.region].clusters.values()
    return {"clusterArns": [cluster.arn for cluster in clusters if cluster.status == ACTIVE]}


def update_settings(call: Call) -> dict[str, Any]:
    """Settings that are named change, the others stay."""
    cluster = find_cluster(call)
    values = {row["name"]: row["value"] for row in [*cluster.settings, *(call.get("settings") or [])]}
    cluster.settings = [{"name": name, "value": value} for name, value in values.items()]
    return {"cluster": cluster}


def cluster_name(call: Call) -> str:
    return str(call.get("cluster") or "default").rpartition("/")[2]


def find_cluster(call: Call) -> Cluster:
    """The active cluster that a call names."""
    cluster = ecs_backends[ACCOUNT_ID][call.region].clusters.get(cluster_name(call))
    if cluster is None or cluster.status != ACTIVE:
        raise ApiError("ClusterNotFoundException", "Cluster not found.")
    return cluster
