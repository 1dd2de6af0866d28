# SPDX-License-Identifier: GPL-3.0-or-later
"""What a world holds, in words that are the same for two worlds in which the same was done.

Resources and records are read through AWS's own API, databases by their superuser. What differs between two runs and
means nothing (ids, times, addresses, the ends of ARNs) is replaced by the name of the thing or by a word for it;
everything else stays, so that two of these can be compared. Which records of patients there are is the judge's.
"""

from __future__ import annotations

import functools
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from typing import Any

from botocore.exceptions import ClientError

from rehearsal import aws
from rehearsal.api import control
from rehearsal.cloud.endpoints import exists
from rehearsal.cloud.ledger import RUN_RECORD_TABLE
from rehearsal.judge import connect
from rehearsal.settings import Settings

REGIONS = ("af-south-1", "eu-central-1", "eu-west-1")
HOME = "us-east-1"
# service, operation, list in its answer; more is read for each of some below.
LISTS = (
    ("ec2", "describe_vpcs", "Vpcs"),
    ("ec2", "describe_subnets", "Subnets"),
    ("ec2", "describe_route_tables", "RouteTables"),
    ("ec2", "describe_security_groups", "SecurityGroups"),
    ("ec2", "describe_internet_gateways", "InternetGateways"),
    ("ec2", "describe_nat_gateways", "NatGateways"),
    ("ec2", "describe_addresses", "Addresses"),
    ("ec2", "describe_vpc_endpoints", "VpcEndpoints"),
    ("ec2", "describe_flow_logs", "FlowLogs"),
    ("ec2", "describe_network_interfaces", "NetworkInterfaces"),
    ("rds", "describe_db_instances", "DBInstances"),
    ("rds", "describe_db_snapshots", "DBSnapshots"),
    ("rds", "describe_db_instance_automated_backups", "DBInstanceAutomatedBackups"),
    ("rds", "describe_db_subnet_groups", "DBSubnetGroups"),
    ("rds", "describe_db_parameter_groups", "DBParameterGroups"),
    ("elbv2", "describe_load_balancers", "LoadBalancers"),
    ("elbv2", "describe_target_groups", "TargetGroups"),
    ("kms", "list_aliases", "Aliases"),
    ("secretsmanager", "list_secrets", "SecretList"),
    ("logs", "describe_log_groups", "logGroups"),
    ("cloudwatch", "describe_alarms", "MetricAlarms"),
    ("sns", "list_topics", "Topics"),
    ("lambda", "list_functions", "Functions"),
    ("apigatewayv2", "get_apis", "Items"),
    ("apigatewayv2", "get_domain_names", "Items"),
    ("dynamodb", "list_tables", "TableNames"),
    ("acm", "list_certificates", "CertificateSummaryList"),
    ("cloudformation", "describe_stacks", "Stacks"),
    ("bedrock", "list_guardrails", "guardrails"),
    ("bedrock", "list_inference_profiles", "inferenceProfileSummaries"),
    ("chime-sdk-identity", "list_app_instances", "AppInstances"),
)
GLOBAL = (
    ("iam", "list_roles", "Roles"),
    ("s3", "list_buckets", "Buckets"),
    ("route53", "list_health_checks", "HealthChecks"),
)
BUCKET_SETTINGS = (
    "get_bucket_encryption",
    "get_bucket_versioning",
    "get_bucket_lifecycle_configuration",
    "get_bucket_policy",
    "get_bucket_notification_configuration",
    "get_bucket_replication",
    "get_public_access_block",
)
# Of each database, what a move changes beside the records.
DATABASE_QUERIES = {
    "roles": "SELECT rolname, rolcanlogin, rolconnlimit FROM pg_roles WHERE rolname NOT LIKE 'pg\\_%'",
    "databases": "SELECT datname, datallowconn, datconnlimit FROM pg_database",
    "settings": """SELECT d.datname, r.rolname, unnest(s.setconfig) FROM pg_db_role_setting s
        LEFT JOIN pg_database d ON d.oid = s.setdatabase LEFT JOIN pg_roles r ON r.oid = s.setrole""",
    "tables": """SELECT schemaname, tablename FROM pg_tables
        WHERE schemaname NOT IN ('pg_catalog', 'information_schema')""",
    "schemas": "SELECT nspname FROM pg_namespace WHERE nspname NOT LIKE 'pg\\_%'",
    "state": "SELECT pg_is_in_recovery(), (SELECT count(*) FROM pg_replication_slots WHERE active)",
}
# Keys whose values say when, how much by now or which of several equal ones, and not what.
VOLATILE = frozenset(
    """
    ResponseMetadata CodeSha256 RevisionId ETag LatestRestorableTime Percent PercentProgress MetricFilterCount
    StoredBytes storedBytes ItemCount TableSizeBytes StateReason StateReasonData StateUpdatedTimestamp StateValue
    AvailableIpAddressCount AvailabilityZoneId LastModified RequesterId CallerReference OwnerId ownerId
    PrivateIpAddress PrivateIpAddresses PrivateDnsName PublicIp IpAddress IPAddress MacAddress SequenceToken events
    createdAt updatedAt id NetworkInterfaceId EndpointId LastUsedDate RoleLastUsed Serial SecretVersionsToStages
    OriginalSnapshotCreateTime DBSystemID DeploymentId ApiMappingId PublicDnsName PrivateIp RoleId RouteId
    runningTasksCount pendingTasksCount runningCount pendingCount
    """.split()  # noqa: SIM905 - sixty quotation marks say nothing
)
MASKS = (
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "<uuid>"),
    (re.compile(r"\b([a-z]{1,8})-[0-9a-f]{17}\b"), r"\1-<id>"),
    (re.compile(r"\b\d{14}\b|\d{4}-\d\d-\d\dT[\d:.]+(Z|\+00:00)?"), "<time>"),
    (re.compile(r"\b127\.\d+\.\d+\.\d+\b"), "<address>"),
    (re.compile(r"(?<=[-/])[0-9a-f]{16,32}\b|\b\d{18}\b|\bdb-[0-9A-Z]{26}\b"), "<id>"),
    # Ends of the names and ARNs of balancers, APIs' domains, secrets, scalable targets and what Bedrock makes.
    (re.compile(r"-\d{1,10}(?=\.[a-z0-9-]+\.elb\.)|\bd-[a-z0-9]{10}(?=\.execute-api\.)"), "-<id>"),
    (re.compile(r"(?<=:secret:)([\w/-]+)-[A-Za-z0-9]{6}\b"), r"\1-<id>"),
    (re.compile(r"(?<=scalable-target/)\w+|(?<=guardrail/)\w{12}|(?<=inference-profile/)[0-9a-f]{12}\b"), "<id>"),
)
# What EC2 calls a thing's own id; a subnet names its network as well, so networks come last.
OWN_IDS = (
    "GroupId",
    "SubnetId",
    "RouteTableId",
    "NatGatewayId",
    "InternetGatewayId",
    "AllocationId",
    "VpcEndpointId",
    "VpcId",
)

Reader = Callable[[str, str], Any]


def read_contents(settings: Settings) -> dict[str, list[str]]:
    """By kind (`rds DBInstances eu-central-1`), one line of JSON for each thing, sorted."""
    return normalise(read_world(settings))


def read_world(settings: Settings) -> dict[str, list[Any]]:
    """By kind, each thing as AWS and PostgreSQL tell it."""
    client = functools.partial(_client, settings)
    found = without_tasks(without_deleted(gather(_read_everything(client))))
    return {**found, **gather(_read_databases(settings))}


def gather(rows: Iterable[tuple[str, list[Any]]]) -> dict[str, list[Any]]:
    """All that was read of a kind, also where several listings give it the same name."""
    found: dict[str, list[Any]] = {}
    for kind, some in rows:
        found.setdefault(kind, []).extend(some)
    return found


@functools.cache
def _client(settings: Settings, service: str, region: str) -> Any:
    """Made once for all readings of a world: the fifty of them take more than half a second of CPU."""
    return aws.connect(settings, service, region)


def without_deleted(found: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Without NAT gateways that are gone: AWS lists them for about an hour, so whether they are seen is a question of
    time.
    """
    told = dict(found)
    for region in REGIONS:
        kind = f"ec2 NatGateways {region}"
        told[kind] = [one for one in found.get(kind, []) if one["State"] != "deleted"]
    return told


def without_tasks(found: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Without the interfaces of tasks whose service is there: how many run at a moment says as little as
    `runningCount`. Where no service is left they tell that a task outlived it.
    """
    told = dict(found)
    for region in REGIONS:
        if found.get(f"ecs services {region}"):
            kind = f"ec2 NetworkInterfaces {region}"
            told[kind] = [one for one in found.get(kind, []) if not _is_of_task(one)]
    return told


def _is_of_task(interface: dict[str, Any]) -> bool:
    return (interface.get("Attachment") or {}).get("InstanceOwnerId") == "amazon-ecs"


def _read_databases(settings: Settings) -> Iterator[tuple[str, list[Any]]]:
    for one in control(settings, "rds")["instances"]:
        with connect(settings, one["id"]) as connection:
            for what, query in DATABASE_QUERIES.items():
                yield f"database {one['id']} {what}", [list(row) for row in connection.execute(query).fetchall()]


def _read_everything(client: Reader) -> Iterator[tuple[str, list[Any]]]:
    for region in REGIONS:
        for service, operation, key in LISTS:
            if exists(service, region):
                yield f"{service} {key} {region}", _list(client(service, region), operation, key)
        yield from _read_details(client, region)
    for service, operation, key in GLOBAL:
        yield f"{service} {key}", _list(client(service, HOME), operation, key)
    yield from _read_global_details(client)


def _list(client: Any, operation: str, key: str, **parameters: Any) -> list[Any]:
    """Every item, or the service's error: a listing that is refused says nothing about what there is."""
    if client.can_paginate(operation):
        return client.get_paginator(operation).paginate(**parameters).build_full_result().get(key, [])
    return getattr(client, operation)(**parameters).get(key, [])


def _read_details(client: Reader, region: str) -> Iterator[tuple[str, list[Any]]]:
    elbv2 = client("elbv2", region)
    balancers = _list(elbv2, "describe_load_balancers", "LoadBalancers")
    listeners = [
        _list(elbv2, "describe_listeners", "Listeners", LoadBalancerArn=one["LoadBalancerArn"]) for one in balancers
    ]
    yield f"elbv2 Listeners {region}", [one for some in listeners for one in some]
    ecs = client("ecs", region)
    clusters = _list(ecs, "list_clusters", "clusterArns")
    yield (
        f"ecs clusters {region}",
        ecs.describe_clusters(clusters=clusters, include=["TAGS", "SETTINGS"])["clusters"] if clusters else [],
    )
    yield f"ecs services {region}", [one for name in clusters for one in _services(ecs, name)]
    scaling = client("application-autoscaling", region)
    for operation, key in (
        ("describe_scalable_targets", "ScalableTargets"),
        ("describe_scaling_policies", "ScalingPolicies"),
    ):
        yield f"autoscaling {key} {region}", _list(scaling, operation, key, ServiceNamespace="ecs")
    kms = client("kms", region)
    keys = [kms.describe_key(KeyId=one["KeyId"])["KeyMetadata"] for one in _list(kms, "list_keys", "Keys")]
    yield f"kms keys {region}", [one | {"Policy": _policy(kms, one["KeyId"])} for one in keys]
    tables = client("dynamodb", region)
    names = _list(tables, "list_tables", "TableNames")
    yield f"dynamodb tables {region}", [tables.describe_table(TableName=name)["Table"] for name in names]
    if RUN_RECORD_TABLE in names:
        yield (
            f"run record {region}",
            [
                _recorded(item)
                for item in _list(tables, "scan", "Items", TableName=RUN_RECORD_TABLE)
                if not item["sk"]["S"].startswith(("run#", "gate#"))
            ],
        )
    apis = client("apigatewayv2", region)
    for one in _list(apis, "get_apis", "Items"):
        for operation in ("get_routes", "get_integrations", "get_stages"):
            yield f"api {one['Name']} {operation} {region}", _list(apis, operation, "Items", ApiId=one["ApiId"])
    functions = client("lambda", region)
    yield (
        f"lambda permissions {region}",
        [_function_policy(functions, one["FunctionName"]) for one in _list(functions, "list_functions", "Functions")],
    )


def _services(ecs: Any, cluster: str) -> list[dict[str, Any]]:
    names = _list(ecs, "list_services", "serviceArns", cluster=cluster)
    found = ecs.describe_services(cluster=cluster, services=names, include=["TAGS"])["services"] if names else []
    # Which deployments were there is history.
    return [
        one
        | {
            "deployments": [],
            "tasks": ecs.describe_task_definition(taskDefinition=one["taskDefinition"])["taskDefinition"],
        }
        for one in found
    ]


def _recorded(item: dict[str, Any]) -> dict[str, Any]:
    """Which facts are on record, and whether somebody holds the lock; what they say is each run's own."""
    facts = json.loads(item["document"]["S"]) if "document" in item else {}
    return {"kind": item["sk"]["S"], "facts": sorted(facts), "held": bool(item.get("run_id", {}).get("S"))}


def _policy(kms: Any, key: str) -> Any:
    return json.loads(kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"])


def _function_policy(functions: Any, name: str) -> Any:
    try:
        return {"function": name, "policy": json.loads(functions.get_policy(FunctionName=name)["Policy"])}
    except functions.exceptions.ResourceNotFoundException:
        return {"function": name}


def _read_global_details(client: Reader) -> Iterator[tuple[str, list[Any]]]:
    iam = client("iam", HOME)
    for role in _list(iam, "list_roles", "Roles"):
        name = role["RoleName"]
        policies = _list(iam, "list_role_policies", "PolicyNames", RoleName=name)
        documents = [iam.get_role_policy(RoleName=name, PolicyName=one)["PolicyDocument"] for one in policies]
        yield f"iam {name}", [*documents, *_list(iam, "list_attached_role_policies", "AttachedPolicies", RoleName=name)]
    route53 = client("route53", HOME)
    for zone in _list(route53, "list_hosted_zones", "HostedZones"):
        yield (
            f"route53 {zone['Name']}",
            _list(route53, "list_resource_record_sets", "ResourceRecordSets", HostedZoneId=zone["Id"]),
        )
    s3 = client("s3", HOME)
    for bucket in _list(s3, "list_buckets", "Buckets"):
        yield f"s3 {bucket['Name']}", _bucket(s3, bucket["Name"])


def _bucket(s3: Any, name: str) -> list[Any]:
    rows: list[Any] = [{"keys": [one["Key"] for one in _list(s3, "list_objects_v2", "Contents", Bucket=name)]}]
    for operation in BUCKET_SETTINGS:
        try:
            rows.append({operation: getattr(s3, operation)(Bucket=name)})
        except ClientError as problem:
            rows.append({operation: problem.response["Error"]["Code"]})
    return rows


# --- the same words for the same things


def normalise(found: dict[str, list[Any]]) -> dict[str, list[str]]:
    """The lists as sorted lines, with names in place of ids where a thing has a name."""
    names = names_of(found)
    told: dict[str, list[str]] = {}
    for kind, rows in found.items():
        told.setdefault(_mask(kind), []).extend(describe(one, names) for one in rows)
    return {kind: sorted(lines) for kind, lines in sorted(told.items()) if lines}


def names_of(found: Mapping[str, list[Any]]) -> dict[str, str]:
    """The names of a world's things by their ids."""
    return dict(_names(found.values()))


def _names(values: Iterable[Any]) -> Iterator[tuple[str, str]]:
    """Ids of EC2 and KMS to the names that their tags or aliases give them."""
    for value in values:
        for one in value:
            if not isinstance(one, dict):
                continue
            tags = {row.get("Key"): row.get("Value") for row in one.get("Tags") or [] if isinstance(row, dict)}
            name = one.get("GroupName") or tags.get("Name")
            own = next((one[key] for key in OWN_IDS if key in one), None)
            if name and own:
                yield str(own), f"<{name}>"
            if one.get("IntegrationId"):
                yield one["IntegrationId"], f"<{one.get('IntegrationUri')}>"
            if one.get("ApiId") and one.get("Name"):
                yield one["ApiId"], f"<{one['Name']}>"
            if one.get("guardrailId") or (one.get("name") and "guardrail" in str(one.get("arn"))):
                yield str(one["arn"]).rpartition("/")[2], f"<{one['name']}>"
            if one.get("AliasName") and one.get("TargetKeyId"):
                yield one["TargetKeyId"], f"<{one['AliasName']}>"


def describe(value: Any, names: Mapping[str, str]) -> str:
    """In words that say the same in each world. Lists are put into an order of their own once ids are names: before,
    the ids would decide it.
    """
    text = json.dumps(_plain(value), sort_keys=True)
    for own, name in names.items():
        text = text.replace(own, name)
    return json.dumps(_ordered(json.loads(_mask(text))), sort_keys=True)


def _ordered(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _ordered(one) for key, one in value.items()}
    if isinstance(value, list):
        return sorted((_ordered(one) for one in value), key=lambda one: json.dumps(one, sort_keys=True))
    return value


def _mask(text: str) -> str:
    for mask, word in MASKS:
        text = mask.sub(word, text)
    return text


def _plain(value: Any) -> Any:
    """Without what is volatile."""
    if isinstance(value, dict):
        return {
            key: _plain(one) for key, one in value.items() if key not in VOLATILE and not key.endswith(("Date", "Time"))
        }
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, date):
        return "<time>"
    return value if isinstance(value, (str, int, float, bool)) or value is None else str(value)


def differences(expected: dict[str, list[str]], found: dict[str, list[str]]) -> list[str]:
    """What one has and the other has not, one line each; the first word is `missing` or `surplus`."""
    lines = []
    for kind in sorted({*expected, *found}):
        wanted, there = Counter(expected.get(kind, [])), Counter(found.get(kind, []))
        lines += [f"missing {kind}: {line}" for line in (wanted - there).elements()]
        lines += [f"surplus {kind}: {line}" for line in (there - wanted).elements()]
    return lines
