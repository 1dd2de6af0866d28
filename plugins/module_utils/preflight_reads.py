# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the preflight reads, region by region. Each read gives its fact, or Unknown with the reason."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.medzen.multiregion.plugins.module_utils.aws import describe, paginate
from ansible_collections.medzen.multiregion.plugins.module_utils.census.kinds_compute import CLUSTERS_A_CALL, chunks
from ansible_collections.medzen.multiregion.plugins.module_utils.census.registry import tag_dict
from ansible_collections.medzen.multiregion.plugins.module_utils.clients import Clients
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import MultiregionError
from ansible_collections.medzen.multiregion.plugins.module_utils.preflight import Quota, Unknown
from ansible_collections.medzen.multiregion.plugins.module_utils.rds import describe_instance

CPU_UNITS_A_VCPU = 1024
NO_TASK_DEFINITION = ("ClientException",)


def look(function: Callable, *arguments: Any) -> Any:
    """The fact, or Unknown when AWS did not give it."""
    try:
        return function(*arguments)
    except MultiregionError as error:
        return Unknown(error.message)


@describe("ask which account the credentials belong to")
def read_account(clients: Clients, region: str) -> str:
    return clients("sts", region).get_caller_identity(aws_retry=True)["Account"]


@describe("list the regions of the account")
def read_regions(clients: Clients) -> dict[str, str]:
    found = clients("ec2").describe_regions(AllRegions=True, aws_retry=True)["Regions"]
    return {one["RegionName"]: one.get("OptInStatus", "opt-in-not-required") for one in found}


@describe("list the VPCs of {region}")
def read_networks(clients: Clients, region: str) -> list[dict]:
    """Every CIDR of every VPC but the default one, which is alike in all regions and never peered."""
    found = paginate(clients("ec2", region), "describe_vpcs", "Vpcs")
    return [
        {"id": raw["VpcId"], "name": tag_dict(raw.get("Tags")).get("Name", ""), "cidr": one["CidrBlock"]}
        for raw in found
        if not raw.get("IsDefault")
        for one in raw.get("CidrBlockAssociationSet") or [raw]
        if (one.get("CidrBlockState") or {}).get("State", "associated") == "associated"
    ]


@describe("read quota {quota.code} of {quota.service} in {region}", missing=("NoSuchResourceException",))
def read_applied(clients: Clients, region: str, quota: Quota) -> float | None:
    answer = clients("service-quotas", region).get_service_quota(
        ServiceCode=quota.service, QuotaCode=quota.code, aws_retry=True
    )
    return float(answer["Quota"]["Value"])


@describe("read the default of quota {quota.code} of {quota.service} in {region}")
def read_default(clients: Clients, region: str, quota: Quota) -> float:
    answer = clients("service-quotas", region).get_aws_default_service_quota(
        ServiceCode=quota.service, QuotaCode=quota.code, aws_retry=True
    )
    return float(answer["Quota"]["Value"])


def read_limit(clients: Clients, region: str, quota: Quota) -> float:
    """The applied value; one that was never changed may be known by its default only."""
    applied = read_applied(clients, region, quota)
    return read_default(clients, region, quota) if applied is None else applied


def read_usage(clients: Clients, region: str, need: str, workload: str) -> tuple[float, float]:
    """How much of a quota is in use, and how much of that is the workload's own."""
    return USAGES[need](clients, region, workload)


@describe("count the VPCs of {region}")
def count_vpcs(clients: Clients, region: str, workload: str) -> tuple[float, float]:
    return count_tagged(paginate(clients("ec2", region), "describe_vpcs", "Vpcs"), workload)


@describe("count the addresses of {region}")
def count_addresses(clients: Clients, region: str, workload: str) -> tuple[float, float]:
    return count_tagged(clients("ec2", region).describe_addresses(aws_retry=True)["Addresses"], workload)


@describe("count the NAT gateways of {region}")
def count_nat_gateways(clients: Clients, region: str, workload: str) -> tuple[float, float]:
    """All of a region count towards the one zone: the harsher reading, without a look at each subnet."""
    found = paginate(clients("ec2", region), "describe_nat_gateways", "NatGateways")
    return count_tagged([one for one in found if one.get("State") in ("pending", "available")], workload)


def count_tagged(found: list[dict], workload: str) -> tuple[float, float]:
    return len(found), sum(is_ours(tag_dict(one.get("Tags")), workload) for one in found)


def is_ours(tags: dict[str, str], workload: str) -> bool:
    return tags.get("Workload") == workload or tags.get("Name", "").startswith(workload)


@describe("count the Fargate tasks of {region}")
def count_vcpus(clients: Clients, region: str, workload: str) -> tuple[float, float]:
    client = clients("ecs", region)
    total = own = 0.0
    for cluster in paginate(client, "list_clusters", "clusterArns"):
        tasks = paginate(client, "list_tasks", "taskArns", cluster=cluster)
        found = [one for part in chunks(tasks, CLUSTERS_A_CALL) for one in describe_tasks(client, cluster, part)]
        used = sum(int(one.get("cpu") or 0) for one in found if one.get("launchType") == "FARGATE") / CPU_UNITS_A_VCPU
        total += used
        own += used if cluster.rsplit("/", 1)[-1].startswith(workload) else 0
    return total, own


def describe_tasks(client: Any, cluster: str, arns: list[str]) -> list[dict]:
    return client.describe_tasks(cluster=cluster, tasks=arns, aws_retry=True)["tasks"]


@describe("count the databases of {region}")
def count_databases(clients: Clients, region: str, workload: str) -> tuple[float, float]:
    found = paginate(clients("rds", region), "describe_db_instances", "DBInstances")
    return len(found), sum(one["DBInstanceIdentifier"].startswith(workload) for one in found)


@describe("sum the database storage of {region}")
def count_storage(clients: Clients, region: str, workload: str) -> tuple[float, float]:
    found = paginate(clients("rds", region), "describe_db_instances", "DBInstances")
    sizes = [(one["DBInstanceIdentifier"].startswith(workload), one.get("AllocatedStorage") or 0) for one in found]
    return sum(size for _own, size in sizes), sum(size for own, size in sizes if own)


USAGES: dict[str, Callable[[Clients, str, str], tuple[float, float]]] = {
    "vpcs": count_vpcs,
    "elastic_ips": count_addresses,
    "nat_gateways": count_nat_gateways,
    "fargate_vcpus": count_vcpus,
    "databases": count_databases,
    "database_storage_gb": count_storage,
}


@describe("describe key {alias} of {region}", missing=("NotFoundException",))
def read_key(clients: Clients, region: str, alias: str) -> dict | None:
    return clients("kms", region).describe_key(KeyId=alias, aws_retry=True)["KeyMetadata"]


@describe("list what databases can be ordered in {region}")
def read_orderable(clients: Clients, region: str, version: str, size: str) -> list[dict]:
    return paginate(
        clients("rds", region),
        "describe_orderable_db_instance_options",
        "OrderableDBInstanceOptions",
        Engine="postgres",
        EngineVersion=version,
        DBInstanceClass=size,
        Vpc=True,
    )


@describe("list the source regions of {region}")
def read_sources(clients: Clients, region: str) -> list[str]:
    found = paginate(clients("rds", region), "describe_source_regions", "SourceRegions")
    return [one["RegionName"] for one in found if one.get("Status", "available") == "available"]


def read_database(clients: Clients, region: str, identifier: str) -> dict | None:
    return describe_instance(clients("rds", region), identifier)


@describe("describe task definition {family} of {region}", missing=NO_TASK_DEFINITION)
def read_definition(clients: Clients, region: str, family: str) -> dict | None:
    return clients("ecs", region).describe_task_definition(taskDefinition=family, aws_retry=True)["taskDefinition"]
