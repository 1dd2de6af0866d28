# SPDX-License-Identifier: GPL-3.0-or-later
"""The data plane of HTTP APIs: the edge hands over a request, its route's function is invoked, its answer goes back.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-troubleshooting-lambda.html
"""

from __future__ import annotations

import base64
import logging
import re
import secrets
import threading
from dataclasses import dataclass
from typing import Any

from moto.apigatewayv2.models import Api, ApiGatewayV2Backend, Integration, Route, apigatewayv2_backends

from rehearsal.cloud.cloudwatch import count_request
from rehearsal.cloud.functions.invocation import Invoker, Refused
from rehearsal.cloud.functions.model import Outcome, Request, Version
from rehearsal.cloud.functions.pool import Throttled
from rehearsal.cloud.http_apis import tokens
from rehearsal.cloud.http_apis.deployments import served_routes
from rehearsal.cloud.http_apis.events import HttpAnswer, HttpRequest, Place, build_event, message, read_result
from rehearsal.cloud.http_apis.routes import choose, choose_mapping, choose_stage
from rehearsal.cloud.world_state import World
from rehearsal.settings import ACCOUNT_ID

LOG = logging.getLogger("rehearsal.cloud")
FUNCTION_ARN = re.compile(r"arn:aws:lambda:[a-z0-9-]+:\d{12}:function:[A-Za-z0-9_-]+(:[$A-Za-z0-9_-]+)?")
NOT_FOUND, FAILED, UNAVAILABLE = (404, "Not Found"), (500, "Internal Server Error"), (503, "Service Unavailable")


class Refusal(Exception):
    """API Gateway answers by itself."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status, self.text = status, text


@dataclass(frozen=True)
class Prepared:
    """A request that has found its function."""

    version: Version
    event: dict[str, Any]
    timeout_s: float
    request_id: str


class Gateway:
    """Answers requests to APIs and to custom domain names."""

    def __init__(self, world: World, invoker: Invoker) -> None:
        self._world = world
        self._invoker = invoker

    def take(self, method: str, body: dict[str, Any], query: dict[str, str]) -> dict[str, Any]:
        """Control route of the edge: a request in, an answer out, both as JSON."""
        request = HttpRequest(
            method=body["method"],
            path=body["path"],
            query=body["query"],
            headers=tuple((name, value) for name, value in body["headers"]),
            body=base64.b64decode(body["body"]),
            source_ip=body["source_ip"],
        )
        answer = self.answer(body["region"], body["entry"], request)
        encoded = base64.b64encode(answer.body).decode()
        return {"status": answer.status, "headers": answer.headers, "body": encoded}

    def answer(self, region: str, entry: str, request: HttpRequest) -> HttpAnswer:
        """`entry` is an API's id or a custom domain name."""
        request_id = base64.b64encode(secrets.token_bytes(11)).decode()
        try:
            with self._world.lock:
                self._world.settle()
                prepared = self._prepare(region, entry, request, request_id)
            answer = read_outcome(self._run(prepared))
        except Refusal as refusal:
            answer = message(refusal.status, refusal.text)
        answer.headers.append(("Apigw-Requestid", request_id))
        return answer

    def _run(self, prepared: Prepared) -> Outcome:
        """Wait for the function as long as the integration does; the function may go on after that."""
        found: list[Outcome] = []

        def work() -> None:
            try:
                found.append(self._invoker.run(prepared.version, Request(prepared.event))[0])
            except Throttled:
                LOG.warning("%s is throttled", prepared.version.arn)
            except Exception:
                LOG.exception("%s could not be run for a request", prepared.version.arn)

        thread = threading.Thread(target=work, name="http-api", daemon=True)
        thread.start()
        thread.join(prepared.timeout_s)
        if not found:
            raise Refusal(*UNAVAILABLE)
        return found[0]

    # --- under the lock

    def _prepare(self, region: str, entry: str, request: HttpRequest, request_id: str) -> Prepared:
        backend = apigatewayv2_backends[ACCOUNT_ID][region]
        api, stage_name, path, domain = find_entry(backend, entry, request.path)
        request = HttpRequest(
            request.method, path, request.query, request.headers, request.body, request.source_ip
        )  # fmt: skip
        count_request(self._world, region, api.api_id)
        stage = api.stages[stage_name]
        routes = served_routes(api, stage)
        match = choose(routes, request.method, path)
        if match is None:
            raise Refusal(*NOT_FOUND)
        route, integration = routes[match.route_key]
        authorizer = self._authorize(api, route, request)
        place = Place(api.api_id, stage_name, domain, match, stage.stage_variables or {}, authorizer)
        event = build_event(request, place, request_id, self._world.clock.now())
        version = self._find_version(region, integration, place, request.method)
        return Prepared(version, event, (integration.timeout_in_millis or 30_000) / 1000, request_id)

    def _find_version(self, region: str, integration: Integration | None, place: Place, method: str) -> Version:
        found = FUNCTION_ARN.search((integration.integration_uri if integration else None) or "")
        if found is None:
            LOG.warning("API %s: route %s leads to no function", place.api_id, place.match.route_key)
            raise Refusal(*FAILED)
        api_arn = f"arn:aws:execute-api:{region}:{ACCOUNT_ID}:{place.api_id}"
        source = f"{api_arn}/{place.stage}/{method}{place.match.path}"
        try:
            return self._invoker.prepare_for("apigateway.amazonaws.com", source, found.group())
        except Refused as problem:
            LOG.warning("API %s: %s", place.api_id, problem)
            raise Refusal(*FAILED) from problem

    def _authorize(self, api: Api, route: Route, request: HttpRequest) -> dict[str, Any] | None:
        """A route without authorization is open; with a JWT authorizer it wants a token."""
        if (route.authorization_type or "NONE") == "NONE":
            return None
        authorizer = api.authorizers.get(route.authorizer_id)
        if route.authorization_type != "JWT" or authorizer is None:
            raise Refusal(*FAILED)
        config = authorizer.jwt_config or {}
        claims = tokens.read_claims(request.header("authorization"))
        now = self._world.clock.now()
        if claims is None or not tokens.is_valid(claims, config.get("issuer", ""), config.get("audience") or [], now):
            raise Refusal(401, "Unauthorized")
        if not tokens.has_scope(claims, route.authorization_scopes or []):
            raise Refusal(403, "Forbidden")
        return {"jwt": {"claims": {name: str(value) for name, value in claims.items()}, "scopes": None}}


def find_entry(backend: ApiGatewayV2Backend, entry: str, path: str) -> tuple[Api, str, str, str]:
    """API, stage, path inside the stage and host name of a request."""
    if entry in backend.domain_names:
        keys = {one.api_mapping_key or "": one for one in backend.api_mappings.values() if one.domain_name == entry}
        chosen = choose_mapping(keys, path)
        api = backend.apis.get(keys[chosen[0]].api_id) if chosen else None
        if chosen is None or api is None or keys[chosen[0]].stage not in api.stages:
            raise Refusal(*NOT_FOUND)
        return api, keys[chosen[0]].stage, chosen[1], entry
    api = backend.apis.get(entry)
    if api is None or api.disable_execute_api_endpoint:
        raise Refusal(*NOT_FOUND)
    found = choose_stage(api.stages, path)
    if found is None:
        raise Refusal(*NOT_FOUND)
    return api, found[0], found[1], api.api_endpoint.removeprefix("https://")


def read_outcome(outcome: Outcome) -> HttpAnswer:
    """An error of the function is an error of the server, whatever it says of itself."""
    if outcome.error:
        return message(*FAILED)
    return read_result(outcome.value())
