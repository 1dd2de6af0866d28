# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs: ECS services, clusters and task definitions, their autoscaling, Lambda functions and stacks."""

from __future__ import annotations

from ansible_collections.medzen.multiregion.plugins.module_utils.aws import describe, paginate
from ansible_collections.medzen.multiregion.plugins.module_utils.census.registry import (
    DELETING,
    LIVE,
    Blocked,
    Item,
    Kind,
    Place,
    key,
    key_references,
    register,
    stack_of,
    tag_dict,
)

SERVICES_A_CALL, CLUSTERS_A_CALL = 10, 100
STACKS_THAT_LIVE = (
    "CREATE_COMPLETE",
    "CREATE_FAILED",
    "CREATE_IN_PROGRESS",
    "DELETE_FAILED",
    "DELETE_IN_PROGRESS",
    "IMPORT_COMPLETE",
    "IMPORT_ROLLBACK_COMPLETE",
    "ROLLBACK_COMPLETE",
    "ROLLBACK_FAILED",
    "UPDATE_COMPLETE",
    "UPDATE_FAILED",
    "UPDATE_IN_PROGRESS",
    "UPDATE_ROLLBACK_COMPLETE",
    "UPDATE_ROLLBACK_FAILED",
)


def chunks(items: list, size: int) -> list[list]:
    return [items[start : start + size] for start in range(0, len(items), size)]


@describe("list ECS clusters")
def list_clusters(place: Place) -> list[Item]:
    return [cluster_item(raw) for raw in describe_clusters(place) if raw.get("status") != "INACTIVE"]


def describe_clusters(place: Place) -> list[dict]:
    client = place.client("ecs")
    arns = paginate(client, "list_clusters", "clusterArns")
    answers = [
        client.describe_clusters(clusters=part, include=["TAGS"], aws_retry=True)
        for part in chunks(arns, CLUSTERS_A_CALL)
    ]
    return [raw for answer in answers for raw in answer["clusters"]]


def cluster_item(raw: dict) -> Item:
    tags = tag_dict(raw.get("tags"), "key", "value")
    state = DELETING if raw.get("status") == "DEPROVISIONING" else LIVE
    arn, name = raw["clusterArn"], raw["clusterName"]
    return Item("ecs_cluster", arn, name, arn, tags, state, belongs_to=stack_of(tags))


@describe("delete cluster {item.name}", missing=("ClusterNotFoundException",))
def delete_cluster(place: Place, item: Item) -> str:
    place.client("ecs").delete_cluster(cluster=item.id, aws_retry=True)
    return "deletion asked for"


@describe("list ECS services")
def list_services(place: Place) -> list[Item]:
    clusters = [raw["clusterArn"] for raw in describe_clusters(place) if raw.get("status") != "INACTIVE"]
    services = [raw for cluster in clusters for raw in describe_services(place, cluster)]
    return [service_item(raw) for raw in services if raw.get("status") != "INACTIVE"]


def describe_services(place: Place, cluster: str) -> list[dict]:
    client = place.client("ecs")
    arns = paginate(client, "list_services", "serviceArns", cluster=cluster)
    answers = [
        client.describe_services(cluster=cluster, services=part, include=["TAGS"], aws_retry=True)
        for part in chunks(arns, SERVICES_A_CALL)
    ]
    return [raw for answer in answers for raw in answer["services"]]


def service_item(raw: dict) -> Item:
    tags = tag_dict(raw.get("tags"), "key", "value")
    network = (raw.get("networkConfiguration") or {}).get("awsvpcConfiguration") or {}
    uses = [key("ecs_cluster", raw["clusterArn"])]
    uses += [key("ecs_task_definition", raw["taskDefinition"])] if raw.get("taskDefinition") else []
    groups = [one.get("targetGroupArn") for one in raw.get("loadBalancers", [])]
    uses += [key("target_group", arn) for arn in groups if arn]
    uses += [key("subnet", one) for one in network.get("subnets", [])]
    uses += [key("security_group", one) for one in network.get("securityGroups", [])]
    return Item(
        "ecs_service",
        raw["serviceArn"],
        raw["serviceName"],
        raw["serviceArn"],
        tags,
        DELETING if raw.get("status") == "DRAINING" else LIVE,
        belongs_to=(key("ecs_cluster", raw["clusterArn"]), *stack_of(tags)),
        uses=tuple(uses),
        facts={"cluster": raw["clusterArn"], "desired": raw.get("desiredCount", 0)},
    )


@describe("delete service {item.name}", missing=("ServiceNotFoundException", "ClusterNotFoundException"))
def delete_service(place: Place, item: Item) -> str:
    """Tasks first, so that they drain; then the service."""
    client = place.client("ecs")
    if item.facts["desired"]:
        client.update_service(cluster=item.facts["cluster"], service=item.id, desiredCount=0, aws_retry=True)
        return "scaled to 0"
    client.delete_service(cluster=item.facts["cluster"], service=item.id, force=True, aws_retry=True)
    return "deletion asked for"


@describe("list task definitions")
def list_task_definitions(place: Place) -> list[Item]:
    """Active and inactive ones: an inactive one still names its image, its secrets and the region."""
    client = place.client("ecs")
    found = []
    for status in ("ACTIVE", "INACTIVE"):
        arns = paginate(client, "list_task_definitions", "taskDefinitionArns", status=status)
        found += [task_definition_item(arn, status) for arn in arns]
    return found


def task_definition_item(arn: str, status: str) -> Item:
    name = arn.rsplit("/", 1)[-1]
    return Item("ecs_task_definition", arn, name, arn, facts={"status": status})


@describe("delete task definition {item.name}")
def delete_task_definition(place: Place, item: Item) -> str:
    client = place.client("ecs")
    if item.facts["status"] == "ACTIVE":
        client.deregister_task_definition(taskDefinition=item.id, aws_retry=True)
    answer = client.delete_task_definitions(taskDefinitions=[item.id], aws_retry=True)
    for failure in answer.get("failures", []):
        raise Blocked(f"ECS refuses: {failure.get('reason')} {failure.get('detail') or ''}".strip())
    return "deletion asked for"


@describe("list autoscaling targets")
def list_scaling_targets(place: Place) -> list[Item]:
    client = place.client("application-autoscaling")
    found = paginate(client, "describe_scalable_targets", "ScalableTargets", ServiceNamespace="ecs")
    return [scaling_target_item(raw) for raw in found]


def scaling_target_item(raw: dict) -> Item:
    # service/<cluster>/<service>: the names in it are what says whose it is.
    return Item(
        "scaling_target",
        f"{raw['ResourceId']}|{raw['ScalableDimension']}",
        raw["ResourceId"],
        raw.get("ScalableTargetARN", ""),
        facts={"resource": raw["ResourceId"], "dimension": raw["ScalableDimension"]},
    )


@describe("deregister scaling of {item.name}", missing=("ObjectNotFoundException",))
def delete_scaling_target(place: Place, item: Item) -> str:
    place.client("application-autoscaling").deregister_scalable_target(
        ServiceNamespace="ecs",
        ResourceId=item.facts["resource"],
        ScalableDimension=item.facts["dimension"],
        aws_retry=True,
    )
    return "deregistered"


@describe("list Lambda functions")
def list_functions(place: Place) -> list[Item]:
    client = place.client("lambda")
    found = paginate(client, "list_functions", "Functions")
    return [function_item(raw, function_tags(client, raw["FunctionArn"])) for raw in found]


def function_tags(client, arn: str) -> dict[str, str]:
    return dict(client.list_tags(Resource=arn, aws_retry=True).get("Tags") or {})


def function_item(raw: dict, tags: dict[str, str]) -> Item:
    network = raw.get("VpcConfig") or {}
    uses = [key("subnet", one) for one in network.get("SubnetIds") or []]
    uses += [key("security_group", one) for one in network.get("SecurityGroupIds") or []]
    name, arn = raw["FunctionName"], raw["FunctionArn"]
    uses = (*uses, *key_references(raw.get("KMSKeyArn")))
    return Item("lambda_function", name, name, arn, tags, belongs_to=stack_of(tags), uses=uses)


@describe("delete function {item.id}", missing=("ResourceNotFoundException",))
def delete_function(place: Place, item: Item) -> str:
    place.client("lambda").delete_function(FunctionName=item.id, aws_retry=True)
    return "deleted"


@describe("list CloudFormation stacks")
def list_stacks(place: Place) -> list[Item]:
    client = place.client("cloudformation")
    found = [raw for raw in paginate(client, "describe_stacks", "Stacks") if raw["StackStatus"] in STACKS_THAT_LIVE]
    return [stack_item(raw, stack_members(client, raw["StackId"])) for raw in found]


def stack_members(client, stack: str) -> list[str]:
    """Names or ARNs of what the stack made. Not every service shows the stack in its tags."""
    found = paginate(client, "list_stack_resources", "StackResourceSummaries", StackName=stack)
    return [raw["PhysicalResourceId"] for raw in found if raw.get("PhysicalResourceId")]


def stack_item(raw: dict, members: list[str]) -> Item:
    tags = tag_dict(raw.get("Tags"))
    parent = (key("cloudformation_stack", raw["ParentId"]),) if raw.get("ParentId") else ()
    state = DELETING if raw["StackStatus"] == "DELETE_IN_PROGRESS" else LIVE
    facts = {"protected": bool(raw.get("EnableTerminationProtection")), "members": members}
    arn, name = raw["StackId"], raw["StackName"]
    return Item("cloudformation_stack", arn, name, arn, tags, state, belongs_to=parent, facts=facts)


@describe("delete stack {item.name}")
def delete_stack(place: Place, item: Item) -> str:
    client = place.client("cloudformation")
    if item.facts["protected"]:
        client.update_termination_protection(StackName=item.id, EnableTerminationProtection=False, aws_retry=True)
        return "termination protection taken off"
    client.delete_stack(StackName=item.id, aws_retry=True)
    return "deletion asked for"


register(
    Kind(
        "scaling_target",
        "Autoscaling targets",
        "application-autoscaling",
        list_scaling_targets,
        delete_scaling_target,
    ),
    Kind("ecs_service", "ECS services", "ecs", list_services, delete_service, ("scaling_target",)),
    Kind("ecs_cluster", "ECS clusters", "ecs", list_clusters, delete_cluster, ("ecs_service",)),
    Kind(
        "ecs_task_definition",
        "ECS task definitions",
        "ecs",
        list_task_definitions,
        delete_task_definition,
        ("ecs_service",),
    ),
    Kind("cloudformation_stack", "CloudFormation stacks", "cloudformation", list_stacks, delete_stack),
    Kind(
        "lambda_function",
        "Lambda functions",
        "lambda",
        list_functions,
        delete_function,
        ("cloudformation_stack", "http_api", "rest_api"),
    ),
)
