# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What answers from outside: load balancers, target groups, certificates, HTTP and REST APIs."""

from __future__ import annotations

from ansible_collections.medzen.multiregion.plugins.module_utils import certificates as acm
from ansible_collections.medzen.multiregion.plugins.module_utils.aws import describe, paginate
from ansible_collections.medzen.multiregion.plugins.module_utils.census.kinds_compute import chunks
from ansible_collections.medzen.multiregion.plugins.module_utils.census.registry import (
    Item,
    Kind,
    Place,
    key,
    register,
    stack_of,
    tag_dict,
)

ARNS_A_TAG_CALL = 20


def elb_tags(client, arns: list[str]) -> dict[str, dict[str, str]]:
    answers = [client.describe_tags(ResourceArns=part, aws_retry=True) for part in chunks(arns, ARNS_A_TAG_CALL)]
    return {one["ResourceArn"]: tag_dict(one["Tags"]) for answer in answers for one in answer["TagDescriptions"]}


@describe("list load balancers")
def list_balancers(place: Place) -> list[Item]:
    client = place.client("elbv2")
    found = paginate(client, "describe_load_balancers", "LoadBalancers")
    tags = elb_tags(client, [raw["LoadBalancerArn"] for raw in found])
    return [balancer_item(raw, tags.get(raw["LoadBalancerArn"], {}), listeners(client, raw)) for raw in found]


def listeners(client, balancer: dict) -> list[dict]:
    return paginate(client, "describe_listeners", "Listeners", LoadBalancerArn=balancer["LoadBalancerArn"])


def balancer_item(raw: dict, tags: dict[str, str], listeners: list[dict]) -> Item:
    certificates = [one.get("CertificateArn") for entry in listeners for one in entry.get("Certificates") or []]
    groups = [action.get("TargetGroupArn") for entry in listeners for action in entry.get("DefaultActions") or []]
    uses = [key("subnet", zone["SubnetId"]) for zone in raw.get("AvailabilityZones", []) if zone.get("SubnetId")]
    uses += [key("security_group", one) for one in raw.get("SecurityGroups") or []]
    uses += [key("acm_certificate", arn) for arn in dict.fromkeys(certificates) if arn]
    uses += [key("target_group", arn) for arn in dict.fromkeys(groups) if arn]
    belongs = [key("vpc", raw["VpcId"])] if raw.get("VpcId") else []
    return Item(
        "load_balancer",
        raw["LoadBalancerArn"],
        raw["LoadBalancerName"],
        raw["LoadBalancerArn"],
        tags,
        belongs_to=(*belongs, *stack_of(tags)),
        uses=tuple(uses),
        facts={"dns_name": raw.get("DNSName", "")},
    )


def delete_balancer(place: Place, item: Item) -> str:
    client = place.client("elbv2")
    if is_protected(client, item.id):
        unprotect_balancer(client, item.id)
        return "deletion protection taken off"
    delete_load_balancer(client, item.id)
    return "deletion asked for"


@describe("read attributes of load balancer {arn}")
def is_protected(client, arn: str) -> bool:
    attributes = client.describe_load_balancer_attributes(LoadBalancerArn=arn, aws_retry=True)["Attributes"]
    return {"Key": "deletion_protection.enabled", "Value": "true"} in attributes


@describe("take deletion protection off load balancer {arn}")
def unprotect_balancer(client, arn: str) -> None:
    attributes = [{"Key": "deletion_protection.enabled", "Value": "false"}]
    client.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=attributes, aws_retry=True)


@describe("delete load balancer {arn}", missing=("LoadBalancerNotFound",))
def delete_load_balancer(client, arn: str) -> None:
    client.delete_load_balancer(LoadBalancerArn=arn, aws_retry=True)


@describe("list target groups")
def list_target_groups(place: Place) -> list[Item]:
    client = place.client("elbv2")
    found = paginate(client, "describe_target_groups", "TargetGroups")
    tags = elb_tags(client, [raw["TargetGroupArn"] for raw in found])
    return [target_group_item(raw, tags.get(raw["TargetGroupArn"], {})) for raw in found]


def target_group_item(raw: dict, tags: dict[str, str]) -> Item:
    vpc = [key("vpc", raw["VpcId"])] if raw.get("VpcId") else []
    arn, name = raw["TargetGroupArn"], raw["TargetGroupName"]
    return Item("target_group", arn, name, arn, tags, belongs_to=(*vpc, *stack_of(tags)), uses=tuple(vpc))


@describe("delete target group {item.name}", missing=("TargetGroupNotFound",))
def delete_target_group(place: Place, item: Item) -> str:
    place.client("elbv2").delete_target_group(TargetGroupArn=item.id, aws_retry=True)
    return "deleted"


@describe("list certificates")
def list_certificates(place: Place) -> list[Item]:
    client = place.client("acm")
    found = acm.list_certificates(client)
    return [certificate_item(raw, certificate_tags(client, raw["CertificateArn"])) for raw in found]


def certificate_tags(client, arn: str) -> dict[str, str]:
    return tag_dict(client.list_tags_for_certificate(CertificateArn=arn, aws_retry=True).get("Tags"))


def certificate_item(raw: dict, tags: dict[str, str]) -> Item:
    arn, name = raw["CertificateArn"], raw.get("DomainName", "")
    note = "its validation record stays: the other regions' certificates renew through it"
    return Item("acm_certificate", arn, name, arn, tags, belongs_to=stack_of(tags), note=note)


@describe("delete certificate {item.name}", missing=("ResourceNotFoundException",))
def delete_certificate(place: Place, item: Item) -> str:
    place.client("acm").delete_certificate(CertificateArn=item.id, aws_retry=True)
    return "deleted"


@describe("list HTTP APIs")
def list_http_apis(place: Place) -> list[Item]:
    return [http_api_item(raw) for raw in paginate(place.client("apigatewayv2"), "get_apis", "Items")]


def http_api_item(raw: dict) -> Item:
    tags = dict(raw.get("Tags") or {})
    return Item("http_api", raw["ApiId"], raw.get("Name", ""), tags=tags, belongs_to=stack_of(tags))


@describe("delete HTTP API {item.name}", missing=("NotFoundException",))
def delete_http_api(place: Place, item: Item) -> str:
    place.client("apigatewayv2").delete_api(ApiId=item.id, aws_retry=True)
    return "deleted"


@describe("list domain names of APIs")
def list_api_domains(place: Place) -> list[Item]:
    return [api_domain_item(raw) for raw in paginate(place.client("apigatewayv2"), "get_domain_names", "Items")]


def api_domain_item(raw: dict) -> Item:
    """It holds a certificate, which cannot be deleted before it."""
    tags, name = dict(raw.get("Tags") or {}), raw["DomainName"]
    rows = raw.get("DomainNameConfigurations") or []
    uses = tuple(key("acm_certificate", row["CertificateArn"]) for row in rows if row.get("CertificateArn"))
    return Item("api_domain", name, name, raw.get("DomainNameArn", ""), tags, belongs_to=stack_of(tags), uses=uses)


@describe("delete domain name {item.name}", missing=("NotFoundException",))
def delete_api_domain(place: Place, item: Item) -> str:
    place.client("apigatewayv2").delete_domain_name(DomainName=item.id, aws_retry=True)
    return "deleted"


@describe("list REST APIs")
def list_rest_apis(place: Place) -> list[Item]:
    return [rest_api_item(raw) for raw in paginate(place.client("apigateway"), "get_rest_apis", "items")]


def rest_api_item(raw: dict) -> Item:
    tags = dict(raw.get("tags") or {})
    return Item("rest_api", raw["id"], raw.get("name", ""), tags=tags, belongs_to=stack_of(tags))


@describe("delete REST API {item.name}", missing=("NotFoundException",))
def delete_rest_api(place: Place, item: Item) -> str:
    place.client("apigateway").delete_rest_api(restApiId=item.id, aws_retry=True)
    return "deleted"


register(
    Kind("load_balancer", "Load balancers", "elbv2", list_balancers, delete_balancer, ("ecs_service",)),
    Kind(
        "target_group",
        "Target groups",
        "elbv2",
        list_target_groups,
        delete_target_group,
        ("load_balancer", "ecs_service"),
    ),
    Kind(
        "acm_certificate",
        "Certificates",
        "acm",
        list_certificates,
        delete_certificate,
        ("load_balancer", "http_api", "rest_api", "api_domain"),
    ),
    Kind(
        "api_domain",
        "Domain names of APIs",
        "apigatewayv2",
        list_api_domains,
        delete_api_domain,
        ("cloudformation_stack",),
    ),
    Kind(
        "http_api",
        "HTTP APIs",
        "apigatewayv2",
        list_http_apis,
        delete_http_api,
        # Its mappings go with the domain name.
        ("cloudformation_stack", "api_domain"),
    ),
    Kind("rest_api", "REST APIs", "apigateway", list_rest_apis, delete_rest_api, ("cloudformation_stack",)),
)
