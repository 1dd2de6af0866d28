# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The reads behind the production path. Each answers with a value, or with None when it could not look."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from ansible_collections.medzen.multiregion.plugins.module_utils.aws import describe, paginate
from ansible_collections.medzen.multiregion.plugins.module_utils.census.kinds_compute import SERVICES_A_CALL, chunks
from ansible_collections.medzen.multiregion.plugins.module_utils.clients import Clients, in_parallel
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import MultiregionError
from ansible_collections.medzen.multiregion.plugins.module_utils.production_path import (
    forwarded_groups,
    parse_balancer,
    plain,
)
from ansible_collections.medzen.multiregion.plugins.module_utils.resolver import ResolveError, resolve


class Reader:
    """Looks once at each thing. `faults` say what could not be looked at, and why."""

    def __init__(self, clients: Clients, resolvers: Sequence[str]):
        self.clients, self.resolvers = clients, list(resolvers)
        self.faults: list[str] = []
        self._lock = threading.Lock()
        self._databases: dict[str, Any] = {}

    def look(self, function: Callable, *arguments: Any) -> Any:
        try:
            return function(self.clients, *arguments)
        except MultiregionError as error:
            with self._lock:
                self.faults.append(error.message)
            return None

    def addresses(self, name: str) -> list[str] | None:
        try:
            return resolve(name, self.resolvers)
        except ResolveError as error:
            with self._lock:
                self.faults.append(error.message)
            return None

    def all_addresses(self, names: Sequence[str]) -> dict[str, list[str]]:
        unique = list(dict.fromkeys(names))
        return dict(zip(unique, (found or [] for found in in_parallel(self.addresses, unique)), strict=True))

    def records(self, zone: str) -> list[dict] | None:
        return self.look(list_records, zone)

    def balancers(self, target: str) -> list[dict] | None:
        parsed = parse_balancer(target)
        return self.look(list_balancers, parsed[1]) if parsed else None

    def target_groups(self, region: str, balancer: str) -> list[str] | None:
        return self.look(list_forwarded_groups, region, balancer)

    def health(self, region: str, group: str) -> list[dict] | None:
        return self.look(read_health, region, group)

    def services(self, region: str) -> list[dict] | None:
        return self.look(list_services, region)

    def definition(self, region: str, arn: str) -> dict | None:
        return self.look(read_definition, region, arn)

    @contextmanager
    def reading_databases(self, regions: Sequence[str]) -> Iterator[None]:
        """All regions are asked while the block follows DNS and the balancer. No call is under way after the block."""
        with ThreadPoolExecutor(max_workers=max(len(regions), 1)) as pool:
            self._databases = {region: pool.submit(self.look, list_databases, region) for region in regions}
            yield

    def databases(self, regions: Sequence[str]) -> dict[str, list[dict] | None]:
        return {region: self._databases[region].result() for region in regions}


@describe("list the records of zone {zone}")
def list_records(clients: Clients, zone: str) -> list[dict]:
    client = clients("route53")
    found = client.list_hosted_zones_by_name(DNSName=zone, aws_retry=True)["HostedZones"]
    own = [
        one for one in found if plain(one["Name"]) == plain(zone) and not (one.get("Config") or {}).get("PrivateZone")
    ]
    if len(own) != 1:
        raise MultiregionError(f"Found: {len(own)} public zones called {zone}. Expected: one.")
    return paginate(client, "list_resource_record_sets", "ResourceRecordSets", HostedZoneId=own[0]["Id"])


@describe("list the load balancers of {region}")
def list_balancers(clients: Clients, region: str) -> list[dict]:
    return paginate(clients("elbv2", region), "describe_load_balancers", "LoadBalancers")


@describe("list the listeners of {balancer}")
def list_forwarded_groups(clients: Clients, region: str, balancer: str) -> list[str]:
    """The target groups of all listeners' rules; the default actions are among the rules."""
    client = clients("elbv2", region)
    listeners = paginate(client, "describe_listeners", "Listeners", LoadBalancerArn=balancer)
    rules = [
        rule
        for listener in listeners
        for rule in paginate(client, "describe_rules", "Rules", ListenerArn=listener["ListenerArn"])
    ]
    actions = [action for holder in listeners for action in holder.get("DefaultActions", [])]
    return forwarded_groups([*actions, *(action for rule in rules for action in rule.get("Actions", []))])


@describe("read the target health of {group}")
def read_health(clients: Clients, region: str, group: str) -> list[dict]:
    return clients("elbv2", region).describe_target_health(TargetGroupArn=group, aws_retry=True)[
        "TargetHealthDescriptions"
    ]


@describe("list the ECS services of {region}")
def list_services(clients: Clients, region: str) -> list[dict]:
    client = clients("ecs", region)
    found = []
    for cluster in paginate(client, "list_clusters", "clusterArns"):
        for part in chunks(paginate(client, "list_services", "serviceArns", cluster=cluster), SERVICES_A_CALL):
            found += client.describe_services(cluster=cluster, services=part, aws_retry=True)["services"]
    return [one for one in found if one.get("status") == "ACTIVE"]


@describe("describe task definition {arn}")
def read_definition(clients: Clients, region: str, arn: str) -> dict:
    return clients("ecs", region).describe_task_definition(taskDefinition=arn, aws_retry=True)["taskDefinition"]


@describe("list the databases of {region}")
def list_databases(clients: Clients, region: str) -> list[dict]:
    return paginate(clients("rds", region), "describe_db_instances", "DBInstances")
