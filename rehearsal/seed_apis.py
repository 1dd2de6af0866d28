# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP APIs of a region under names of the zone: functions from packages, routes, certificate, domain name, record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rehearsal.packages import build_package
from rehearsal.seed_aws import Place, tag_list, wait_for
from rehearsal.seed_records import ZoneBuilder

RUNTIME = "python3.13"
TIMEOUT_S = 20
PREFIX = "medzen-"


@dataclass(frozen=True)
class Api:
    """An API, the name that clients know it by, and the function behind each of its routes."""

    name: str
    domain: str
    routes: tuple[tuple[str, str], ...]


def package_of(function: str) -> str:
    """medzen-meeting-manager is packed from functions/meeting_manager.py."""
    return function.removeprefix(PREFIX).replace("-", "_")


def function_settings(place: Place, name: str, variables: dict[str, str]) -> dict[str, Any]:
    """All of a function but its code, as the API and CloudFormation take it."""
    return {
        "FunctionName": name,
        "Runtime": RUNTIME,
        "Role": place.role_arn(place.estate["leftovers"]["lambda_role"]),
        "Handler": f"{package_of(name)}.handle",
        "Timeout": TIMEOUT_S,
        "Environment": {"Variables": variables},
    }


def create_function(place: Place, name: str, variables: dict[str, str], tags: dict[str, str] | None = None) -> None:
    lambdas = place.client("lambda")
    code = {"ZipFile": build_package(package_of(name))}
    lambdas.create_function(**function_settings(place, name, variables), Code=code, Tags=tags or {})
    wait_for(
        f"Function {name}", lambda: lambdas.get_function_configuration(FunctionName=name).get("State", ""), "Active"
    )


def build_certificate(place: Place, zone: ZoneBuilder, names: list[str]) -> str:
    """An issued certificate of the region for these names."""
    acm = place.client("acm")
    arn = acm.request_certificate(
        DomainName=names[0], SubjectAlternativeNames=names, ValidationMethod="DNS", Tags=tag_list(place.tags)
    )["CertificateArn"]
    options = acm.describe_certificate(CertificateArn=arn)["Certificate"]["DomainValidationOptions"]
    zone.validate([option["ResourceRecord"] for option in options])
    wait_for(
        f"Certificate of {names[0]} in {place.region}",
        lambda: acm.describe_certificate(CertificateArn=arn)["Certificate"]["Status"],
        "ISSUED",
    )
    return arn


def build_api(place: Place, api: Api) -> str:
    """The API with its routes; returns its id."""
    apis = place.client("apigatewayv2")
    made = apis.create_api(Name=api.name, ProtocolType="HTTP", Tags=place.tags)["ApiId"]
    for function in sorted({behind for _key, behind in api.routes}):
        _build_routes(place, made, function, [key for key, behind in api.routes if behind == function])
    apis.create_stage(ApiId=made, StageName="$default", AutoDeploy=True)
    return str(made)


def build_domain(place: Place, api: Api, api_id: str, certificate: str) -> str:
    """The name that clients know; returns the one that its record has to lead to."""
    apis = place.client("apigatewayv2")
    domain = apis.create_domain_name(
        DomainName=api.domain,
        DomainNameConfigurations=[{"CertificateArn": certificate, "EndpointType": "REGIONAL"}],
        Tags=place.tags,
    )
    apis.create_api_mapping(DomainName=api.domain, ApiId=api_id, Stage="$default")
    return str(domain["DomainNameConfigurations"][0]["ApiGatewayDomainName"])


def _build_routes(place: Place, api_id: str, function: str, routes: list[str]) -> None:
    apis, account = place.client("apigatewayv2"), place.estate["account"]
    arn = f"arn:aws:lambda:{place.region}:{account}:function:{function}"
    integration = apis.create_integration(
        ApiId=api_id, IntegrationType="AWS_PROXY", IntegrationUri=arn, PayloadFormatVersion="2.0"
    )["IntegrationId"]
    for key in routes:
        apis.create_route(ApiId=api_id, RouteKey=key, Target=f"integrations/{integration}")
    place.client("lambda").add_permission(
        FunctionName=function,
        StatementId=f"api-{api_id}",
        Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
        SourceArn=f"arn:aws:execute-api:{place.region}:{account}:{api_id}/*/*",
    )
