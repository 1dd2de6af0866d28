# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests to HTTP APIs: TLS ends here, the rest is the cloud's, which knows the routes and runs the functions."""

from __future__ import annotations

import base64
import json
import logging
from typing import Any

import aiohttp
from aiohttp import web

from rehearsal.edge.proxy import strip_headers

LOG = logging.getLogger("rehearsal.edge")
# API Gateway takes no larger payload; https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html
BODY_BYTES_MAX = 10 * 1024 * 1024
# Longer than any integration waits.
TIMEOUT = aiohttp.ClientTimeout(total=45)


class HttpApis:
    """Hands requests to the cloud's control API."""

    def __init__(self, api_url: str, session: aiohttp.ClientSession) -> None:
        self._url = f"{api_url}/_rehearsal/http-apis"
        self._session = session

    async def answer(self, action: dict[str, Any], request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        if len(body) > BODY_BYTES_MAX:
            return failure(413, "Request Entity Too Large")
        try:
            async with self._session.post(self._url, json=describe(action, request, body), timeout=TIMEOUT) as response:
                response.raise_for_status()
                return build_answer(await response.json())
        except (aiohttp.ClientError, TimeoutError) as problem:
            LOG.warning("The cloud does not answer a request to %s: %s", action["entry"], problem)
            return failure(503, "Service Unavailable")


def describe(action: dict[str, Any], request: web.BaseRequest, body: bytes) -> dict[str, Any]:
    """A request as the cloud takes it."""
    path, _, query = request.raw_path.partition("?")
    headers = [(name, value) for name, value in strip_headers(request.headers).items()]
    return {
        "region": action["region"],
        "entry": action["entry"],
        "method": request.method,
        "path": path,
        "query": query,
        "headers": headers,
        "body": base64.b64encode(body).decode(),
        "source_ip": request.remote or "",
    }


def build_answer(described: dict[str, Any]) -> web.Response:
    response = web.Response(status=int(described["status"]), body=base64.b64decode(described["body"]))
    for name, value in described["headers"]:
        if name.lower() == "content-type":
            response.headers[name] = value
        elif name.lower() not in ("content-length", "connection", "transfer-encoding"):
            response.headers.add(name, value)
    return response


def failure(status: int, text: str) -> web.Response:
    """An answer in API Gateway's own form."""
    return web.Response(status=status, body=json.dumps({"message": text}).encode(), content_type="application/json")
