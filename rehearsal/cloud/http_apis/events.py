# SPDX-License-Identifier: GPL-3.0-or-later
"""A request as the event of payload format 2.0, and a function's result as an HTTP answer. Pure.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, unquote

from rehearsal.cloud.http_apis.routes import DEFAULT, Match

TEXT_TYPES = ("text/", "application/json", "application/xml", "application/javascript", "application/x-www-form")


@dataclass(frozen=True)
class HttpRequest:
    """What arrived at an API."""

    method: str
    path: str
    query: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    source_ip: str

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name), "")


@dataclass(frozen=True)
class HttpAnswer:
    status: int
    body: bytes
    headers: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Place:
    """Where in API Gateway a request ended up."""

    api_id: str
    stage: str
    domain: str
    match: Match
    stage_variables: dict[str, str]
    authorizer: dict[str, Any] | None = None


def message(status: int, text: str) -> HttpAnswer:
    """An answer of API Gateway itself."""
    return HttpAnswer(status, json.dumps({"message": text}).encode(), [("Content-Type", "application/json")])


def build_event(request: HttpRequest, place: Place, request_id: str, now: float) -> dict[str, Any]:
    """The event; members that are empty are left out, as API Gateway does."""
    headers = _join(request.headers)
    cookies = [part.strip() for part in headers.pop("cookie", "").split(";") if part.strip()]
    body, encoded = _encode_body(request)
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": place.match.route_key,
        "rawPath": _raw_path(request, place),
        "rawQueryString": request.query,
        "headers": headers,
        "requestContext": build_context(request, place, request_id, now),
        "isBase64Encoded": encoded,
    }
    query = _join(parse_qsl(request.query, keep_blank_values=True), lower=False)
    optional = {
        "cookies": cookies,
        "queryStringParameters": query,
        "pathParameters": {name: unquote(value) for name, value in place.match.parameters.items()},
        "stageVariables": place.stage_variables,
        "body": body,
    }
    return event | {name: value for name, value in optional.items() if value}


def _raw_path(request: HttpRequest, place: Place) -> str:
    return request.path if place.stage == DEFAULT else f"/{place.stage}{request.path}"


def build_context(request: HttpRequest, place: Place, request_id: str, now: float) -> dict[str, Any]:
    context = {
        "accountId": "anonymous",
        "apiId": place.api_id,
        "domainName": place.domain,
        "domainPrefix": place.domain.partition(".")[0],
        "http": {
            "method": request.method,
            "path": _raw_path(request, place),
            "protocol": "HTTP/1.1",
            "sourceIp": request.source_ip,
            "userAgent": request.header("user-agent"),
        },
        "requestId": request_id,
        "routeKey": place.match.route_key,
        "stage": place.stage,
        "time": datetime.fromtimestamp(now, UTC).strftime("%d/%b/%Y:%H:%M:%S +0000"),
        "timeEpoch": int(now * 1000),
    }
    return context | ({"authorizer": place.authorizer} if place.authorizer else {})


def _join(pairs: Any, *, lower: bool = True) -> dict[str, str]:
    """Several values of one name stand in one text, parted by commas."""
    joined: dict[str, str] = {}
    for name, value in pairs:
        key = name.lower() if lower else name
        joined[key] = f"{joined[key]},{value}" if key in joined else value
    return joined


def _encode_body(request: HttpRequest) -> tuple[str, bool]:
    if not request.body:
        return "", False
    content = request.header("content-type")
    if not content or content.startswith(TEXT_TYPES):
        try:
            return request.body.decode(), False
        except UnicodeDecodeError:
            pass
    return base64.b64encode(request.body).decode(), True


def read_result(result: Any) -> HttpAnswer:
    """A result with a statusCode is a whole answer; anything else is the body of a 200."""
    if not isinstance(result, dict) or "statusCode" not in result:
        body = result if isinstance(result, str) else json.dumps(result)
        return HttpAnswer(200, body.encode(), [("Content-Type", "application/json")])
    try:
        return _read_answer(result)
    except (TypeError, ValueError, AttributeError, binascii.Error):
        return message(500, "Internal Server Error")


def _read_answer(result: dict[str, Any]) -> HttpAnswer:
    body = result.get("body")
    body = "" if body is None else body if isinstance(body, str) else json.dumps(body)
    content = base64.b64decode(body) if result.get("isBase64Encoded") else body.encode()
    headers = [(str(name), str(value)) for name, value in (result.get("headers") or {}).items()]
    headers += [(name, str(one)) for name, values in (result.get("multiValueHeaders") or {}).items() for one in values]
    headers += [("Set-Cookie", cookie) for cookie in result.get("cookies") or []]
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("Content-Type", "text/plain;charset=UTF-8"))
    return HttpAnswer(int(result["statusCode"]), content, headers)
