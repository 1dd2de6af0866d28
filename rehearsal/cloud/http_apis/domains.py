# SPDX-License-Identifier: GPL-3.0-or-later
"""Custom domain names of APIs: a certificate of the region, a target name and a hosted zone for alias records.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-custom-domain-names.html
"""

from __future__ import annotations

import secrets
import string
from typing import Any

from moto.apigatewayv2.models import ApiMapping, DomainName, apigatewayv2_backends

from rehearsal.cloud.acm import find_certificate
from rehearsal.cloud.errors import ApiError
from rehearsal.cloud.http_apis.deployments import SERVICE, shape_row
from rehearsal.cloud.http_apis.hosted_zones import HOSTED_ZONE_IDS
from rehearsal.cloud.operations import Call
from rehearsal.cloud.world_state import World
from rehearsal.settings import ACCOUNT_ID

NAME_TTL_SECONDS = 60.0


class Domains:
    """Custom domain names of all regions."""

    def __init__(self, world: World) -> None:
        self._world = world

    def install(self) -> None:
        operations = self._world.operations
        operations.before(SERVICE, "CreateDomainName", check_create)
        operations.before(SERVICE, "DeleteDomainName", self.end)
        operations.before(SERVICE, "CreateApiMapping", check_mapping)
        operations.handle(SERVICE, "UpdateDomainName", self.update)
        operations.handle(SERVICE, "UpdateApiMapping", update_mapping)
        layer, moto_init = self, DomainName.__init__

        def init(domain: DomainName, *arguments: Any, **named: Any) -> None:
            moto_init(domain, *arguments, **named)
            layer.begin(domain)

        DomainName.__init__ = init

    def begin(self, domain: DomainName) -> None:
        """Complete the configuration and serve the target's name."""
        region = domain.domain_name_arn.split(":")[3]
        label = "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(10))
        domain.medzen_region = region
        domain.medzen_address = self._world.addresses.allocate("api")
        domain.medzen_target = f"d-{label}.execute-api.{region}.amazonaws.com"
        domain.domain_name_configurations = [
            complete(row, domain.medzen_target, region) for row in domain.domain_name_configurations
        ]
        ttl = max(1, round(self._world.clock.scaled(NAME_TTL_SECONDS)))
        host = {"address": domain.medzen_address, "ttl": ttl, "healthy": True, "zone_id": HOSTED_ZONE_IDS[region]}
        self._world.hosts[f"{domain.medzen_target}."] = host

    def end(self, call: Call) -> None:
        """A domain name takes its mappings and its name with it; moto stumbles over the mappings."""
        backend = apigatewayv2_backends[ACCOUNT_ID][call.region]
        domain = backend.domain_names.get(call.get("DomainName"))
        if domain is not None:
            kept = {key: one for key, one in backend.api_mappings.items() if one.domain_name != domain.domain_name}
            backend.api_mappings = kept
            self._world.hosts.pop(f"{domain.medzen_target}.", None)

    def update(self, call: Call) -> dict[str, Any]:
        domain = find_domain(call)
        rows = call.get("DomainNameConfigurations")
        if rows:
            check_configurations(call.get("DomainName"), rows, call.region)
            lower = [{name[0].lower() + name[1:]: value for name, value in row.items()} for row in rows]
            domain.domain_name_configurations = [complete(row, domain.medzen_target, call.region) for row in lower]
        return shape_row(domain.to_json())


def complete(row: dict[str, Any], target: str, region: str) -> dict[str, Any]:
    """What API Gateway adds to a configuration."""
    own = {
        "apiGatewayDomainName": target,
        "hostedZoneId": HOSTED_ZONE_IDS[region],
        "domainNameStatus": "AVAILABLE",
        "endpointType": "REGIONAL",
        "ipAddressType": row.get("ipAddressType", "ipv4"),
        "securityPolicy": row.get("securityPolicy", "TLS_1_2"),
    }
    return {**row, **own}


def find_domain(call: Call) -> DomainName:
    domain = apigatewayv2_backends[ACCOUNT_ID][call.region].domain_names.get(call.get("DomainName"))
    if domain is None:
        raise ApiError("NotFoundException", "Invalid domain name identifier specified", 404)
    return domain


def check_create(call: Call) -> None:
    name = call.get("DomainName")
    if name in apigatewayv2_backends[ACCOUNT_ID][call.region].domain_names:
        raise ApiError("ConflictException", "The domain name you provided already exists.", 409)
    check_configurations(name, call.get("DomainNameConfigurations") or [], call.region)


def check_configurations(name: str, rows: list[dict[str, Any]], region: str) -> None:
    """One certificate of this region, issued, that covers the name."""
    if len(rows) != 1:
        raise ApiError("BadRequestException", f"{len(rows)} domain name configurations; expected exactly one.")
    if rows[0].get("EndpointType", "REGIONAL") != "REGIONAL":
        raise ApiError("BadRequestException", "HTTP APIs support only REGIONAL domain names.")
    arn = rows[0].get("CertificateArn") or ""
    bundle = find_certificate(arn)
    if bundle is None or arn.split(":")[3] != region:
        text = f"Invalid certificate ARN: {arn}. Certificate must be in '{region}'."
        raise ApiError("BadRequestException", text)
    if bundle.status != "ISSUED":
        raise ApiError("BadRequestException", f"The certificate {arn} is {bundle.status}; expected ISSUED.")
    if not any(covers(one, name) for one in bundle.sans):
        text = "The domain name to be created is not covered by the provided certificate."
        raise ApiError("BadRequestException", text)


def covers(certificate_name: str, name: str) -> bool:
    """An asterisk stands for one label."""
    if certificate_name.startswith("*."):
        return name.partition(".")[2] == certificate_name[2:]
    return certificate_name == name


def check_mapping(call: Call) -> None:
    """The stage must be there, and a key is mapped once."""
    backend = apigatewayv2_backends[ACCOUNT_ID][call.region]
    api = backend.apis.get(call.get("ApiId"))
    if api is not None and call.get("Stage") not in api.stages:
        raise ApiError("BadRequestException", "Invalid stage identifier specified")
    key = call.get("ApiMappingKey") or ""
    for mapping in backend.api_mappings.values():
        if (mapping.domain_name, mapping.api_mapping_key or "") == (call.get("DomainName"), key):
            raise ApiError("ConflictException", "ApiMapping key already exists for this domain name", 409)


def update_mapping(call: Call) -> dict[str, Any]:
    find_domain(call)
    mapping: ApiMapping | None = apigatewayv2_backends[ACCOUNT_ID][call.region].api_mappings.get(
        call.get("ApiMappingId")
    )
    if mapping is None:
        raise ApiError("NotFoundException", "Invalid API mapping identifier specified", 404)
    mapping.api_id = call.get("ApiId") or mapping.api_id
    mapping.stage = call.get("Stage") or mapping.stage
    if call.get("ApiMappingKey") is not None:
        mapping.api_mapping_key = call.get("ApiMappingKey")
    return shape_row({name: value for name, value in mapping.to_json().items() if name != "domainName"})
