# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP APIs that answer: moto keeps APIs, routes and integrations; the edge ends TLS for each and asks here.

Reading order: routes and events (pure), deployments and domains (the API), serve (the way of one request).
"""

from __future__ import annotations

from typing import Any

from moto.apigatewayv2.models import Api, apigatewayv2_backends

from rehearsal.cloud.acm import Authority, find_certificate, write_files
from rehearsal.cloud.errors import ApiError
from rehearsal.cloud.http_apis import deployments
from rehearsal.cloud.http_apis.domains import NAME_TTL_SECONDS, Domains
from rehearsal.cloud.http_apis.serve import Gateway
from rehearsal.cloud.operations import Call
from rehearsal.cloud.world_state import World
from rehearsal.settings import ACCOUNT_ID, HTTPS_PORT

SERVICE = deployments.SERVICE
# An integration waits 30 s at most; the edge a little longer, so that the answer is API Gateway's.
IDLE_TIMEOUT_SECONDS = 60.0
AUTHORIZATIONS = ("NONE", "JWT")


def install(world: World) -> None:
    deployments.install(world)
    Domains(world).install()
    HttpApis(world).install()


class HttpApis:
    """APIs of all regions: an address and a name each, and a certificate for a region's names."""

    def __init__(self, world: World) -> None:
        self._world = world

    def install(self) -> None:
        layer, moto_init = self, Api.__init__

        def init(api: Api, *arguments: Any, **named: Any) -> None:
            moto_init(api, *arguments, **named)
            layer.begin(api)

        Api.__init__ = init
        operations = self._world.operations
        operations.before(SERVICE, "CreateApi", check_api)
        operations.after(SERVICE, "CreateApi", self.quick_create)
        operations.before(SERVICE, "CreateIntegration", check_integration)
        operations.before(SERVICE, "CreateRoute", check_route)
        operations.before(SERVICE, "UpdateRoute", check_authorization)
        operations.before(SERVICE, "DeleteIntegration", check_delete_integration)
        operations.before(SERVICE, "DeleteApi", self.end)
        self._world.control_routes["http-apis"] = Gateway(self._world, self._world.functions).take
        self._world.edge_rows.append(self.rows)

    def begin(self, api: Api) -> None:
        """Give a new API what belongs to it; its name is there at once."""
        region = api.api_endpoint.split(".")[2]
        api.medzen_region = region
        api.medzen_address = self._world.addresses.allocate("api")
        ttl = max(1, round(self._world.clock.scaled(NAME_TTL_SECONDS)))
        host = {"address": api.medzen_address, "ttl": ttl, "healthy": True}
        self._world.hosts[f"{host_of(api)}."] = host

    def quick_create(self, call: Call) -> None:
        """With a Target the API comes with integration, route and a stage that deploys by itself."""
        if not call.get("Target"):
            return
        wanted = (call.get("Name"), "HTTP")
        found = [one for one in apigatewayv2_backends[ACCOUNT_ID][call.region].apis.values() if not one.stages]
        api = [one for one in found if (one.name, one.protocol_type) == wanted][-1]
        integration = api.create_integration("INTERNET", None, "POST", "AWS_PROXY", call.get("Target"))
        integration.payload_format_version = "2.0"
        api.create_route(False, [], call.get("RouteKey") or "$default", f"integrations/{integration.id}")
        api.create_stage({"stageName": "$default", "autoDeploy": True})

    def end(self, call: Call) -> None:
        backend = apigatewayv2_backends[ACCOUNT_ID][call.region]
        api = backend.apis.get(call.get("ApiId"))
        if api is None:
            return
        if any(mapping.api_id == api.api_id for mapping in backend.api_mappings.values()):
            text = "Deleting API failed. Please remove all API mappings related to the API in your domains."
            raise ApiError("BadRequestException", text)
        self._world.hosts.pop(f"{host_of(api)}.", None)

    # --- the edge

    def rows(self) -> list[dict[str, Any]]:
        """APIs and custom domain names as the edge serves them: balancers whose one action is to ask the cloud."""
        rows = []
        for backend in list(apigatewayv2_backends[ACCOUNT_ID].values()):
            for api in backend.apis.values():
                if api.protocol_type == "HTTP":
                    rows.append(self._row(api, api.api_id, api.medzen_address, self._own_files(api.medzen_region)))
            for domain in backend.domain_names.values():
                bundle = find_certificate(domain.domain_name_configurations[0].get("certificateArn", ""))
                if bundle is not None:
                    files = tuple(str(path) for path in write_files(self._world, bundle))
                    rows.append(self._row(domain, domain.domain_name, domain.medzen_address, files))
        return rows

    def _row(self, owner: Any, entry: str, address: str, files: tuple[str, ...]) -> dict[str, Any]:
        region = owner.medzen_region
        listener = {
            "port": HTTPS_PORT,
            "protocol": "HTTPS",
            "actions": [{"type": "http-api", "region": region, "entry": entry}],
            "certificate_pem_path": files[0],
            "key_path": files[1],
        }
        return {
            "arn": f"arn:aws:execute-api:{region}:{ACCOUNT_ID}:{entry}",
            "name": entry,
            "dns_name": entry,
            "address": address,
            "region": region,
            "listeners": [listener],
            "target_groups": [],
            "idle_timeout_s": IDLE_TIMEOUT_SECONDS,
        }

    def _own_files(self, region: str) -> tuple[str, str]:
        """The certificate of a region's API Gateway, made when it is first needed."""
        folder = self._world.folder / "certificates"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        certificate, key = folder / f"execute-api-{region}.pem", folder / f"execute-api-{region}.key"
        if not certificate.exists():
            chain, private = Authority.load_or_create(self._world.folder).issue(
                [f"*.execute-api.{region}.amazonaws.com"]
            )
            key.touch(mode=0o600)
            key.write_bytes(private)
            certificate.write_bytes(chain)
        return str(certificate), str(key)


def host_of(api: Api) -> str:
    return api.api_endpoint.partition("://")[2]


def bad_request(text: str) -> ApiError:
    return ApiError("BadRequestException", text)


def check_api(call: Call) -> None:
    if call.get("ProtocolType") != "HTTP":
        raise NotImplementedError(f"APIs of type {call.get('ProtocolType')}")
    if call.get("RouteKey") and not call.get("Target"):
        raise bad_request("A RouteKey needs a Target.")


def check_integration(call: Call) -> None:
    """Functions only, and the payload format that they are written for."""
    deployments.find_api(call)
    if call.get("IntegrationType") != "AWS_PROXY" or call.get("IntegrationSubtype"):
        raise NotImplementedError(
            f"integrations of type {call.get('IntegrationType')} {call.get('IntegrationSubtype')}"
        )
    version = call.get("PayloadFormatVersion")
    if version == "1.0":
        raise NotImplementedError("integrations with PayloadFormatVersion 1.0")
    if version != "2.0":
        raise bad_request("PayloadFormatVersion is a required parameter for integration")
    if not call.get("IntegrationUri"):
        raise bad_request("IntegrationUri is a required parameter for integration")
    timeout = call.get("TimeoutInMillis")
    if timeout is not None and not 50 <= timeout <= 30_000:
        raise bad_request(f"TimeoutInMillis {timeout}; expected 50 to 30000.")


def check_route(call: Call) -> None:
    api = deployments.find_api(call)
    if any(route.route_key == call.get("RouteKey") for route in api.routes.values()):
        raise ApiError("ConflictException", f"Route with key {call.get('RouteKey')} already exists for this API", 409)
    target = call.get("Target")
    if target and target.removeprefix("integrations/") not in api.integrations:
        raise bad_request(f"Invalid target: {target}")
    check_authorization(call)


def check_authorization(call: Call) -> None:
    kind = call.get("AuthorizationType") or "NONE"
    if kind not in AUTHORIZATIONS:
        raise NotImplementedError(f"routes with AuthorizationType {kind}")
    api = deployments.find_api(call)
    if kind == "JWT" and call.get("AuthorizerId") not in api.authorizers:
        raise bad_request(f"Invalid authorizer: {call.get('AuthorizerId')}")


def check_delete_integration(call: Call) -> None:
    """AWS keeps an integration that a route leads to."""
    target = f"integrations/{call.get('IntegrationId')}"
    users = [route.route_key for route in deployments.find_api(call).routes.values() if route.target == target]
    if users:
        text = f"Cannot delete Integration '{call.get('IntegrationId')}' as it is referenced by Route '{users[0]}'"
        raise ApiError("ConflictException", text, 409)
