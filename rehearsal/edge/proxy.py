# SPDX-License-Identifier: GPL-3.0-or-later
"""One request through a balancer: the listener's action, the target, headers both ways, errors as ALB gives them."""

from __future__ import annotations

import asyncio
import random
import time
import uuid
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from typing import Any

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from rehearsal.edge.model import Listener, Target
from rehearsal.edge.targets import COOKIE, Pool, cookie_of

HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
CONNECT_SECONDS = 10.0
# How often a swallowed request looks whether its region is back.
SWALLOW_LOOK_SECONDS = 0.2
# A target keeps an idle connection longer than this, so that no request meets one that is being closed.
TARGET_KEEPALIVE_SECONDS = 15.0
WHOLE_BODY_BYTES_MAX = 256 * 1024
NO_AUTOMATIC_HEADERS = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")
REASONS = {502: "Bad Gateway", 503: "Service Temporarily Unavailable", 504: "Gateway Time-out"}
Answer = web.StreamResponse
# What a balancer counts: requests for which it found a target, and answers that it had to give itself.
FORWARDED, OWN_FAILURES = "RequestCount", "HTTPCode_ELB_5XX_Count"
# Has the cloud answer a request to one of its APIs.
Ask = Callable[[dict[str, Any], web.BaseRequest], Awaitable[Answer]]


def open_session() -> aiohttp.ClientSession:
    """Connections to targets, kept and shared."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=TARGET_KEEPALIVE_SECONDS),
        cookie_jar=aiohttp.DummyCookieJar(),
        skip_auto_headers=NO_AUTOMATIC_HEADERS,
        auto_decompress=False,
    )


class Proxy:
    """Requests of one listener."""

    def __init__(
        self, listener: Listener, pools: dict[str, Pool], session: aiohttp.ClientSession, ask: Ask | None = None
    ) -> None:
        self.listener = listener
        self._ask = ask
        self.idle_timeout_s = 60.0
        self.lost_answers = 0.0
        self.count: Callable[[str], None] = lambda _metric: None
        self._pools = pools
        self._session = session
        self._turn = 0

    async def handle(self, request: web.BaseRequest) -> Answer:
        action = self.listener.actions[0] if self.listener.actions else {}
        if action.get("type") == "blackhole":
            return await self._swallow(request)
        if action.get("type") == "redirect":
            return redirect(action, request, self.listener.certificate is not None)
        if action.get("type") == "fixed-response":
            return fixed_response(action)
        if action.get("type") == "http-api":
            return await self._ask(action, request)
        return await self._forward(action, request)

    async def _swallow(self, request: web.BaseRequest) -> Answer:
        """The region is lost: nobody answers until it is back, and then the connection is gone."""
        while self.listener.actions[0].get("type") == "blackhole":
            await asyncio.sleep(SWALLOW_LOOK_SECONDS)
        if request.transport is not None:
            request.transport.abort()
        return failure(503)

    async def _forward(self, action: dict[str, Any], request: web.BaseRequest) -> Answer:
        pool = self._pools.get(self._choose_group(action.get("target_groups", [])))
        target = pool.choose(request.cookies.get(COOKIE, "")) if pool else None
        if pool is None or target is None:
            return self._fail(503)
        self.count(FORWARDED)
        return await self._send(request, pool, target)

    def _choose_group(self, groups: list[dict[str, Any]]) -> str:
        """Groups take turns by their weight."""
        turns = [group["arn"] for group in groups for _ in range(int(group.get("weight", 1)))]
        if not turns:
            return ""
        self._turn += 1
        return turns[self._turn % len(turns)]

    async def _send(self, request: web.BaseRequest, pool: Pool, target: Target) -> Answer:
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=self.idle_timeout_s)
        sent = self._session.request(
            request.method,
            URL(f"http://{target.key}{request.raw_path}", encoded=True),
            headers=forward_headers(request, self.listener),
            data=await _body(request),
            timeout=timeout,
            allow_redirects=False,
        )
        try:
            async with sent as response:
                answer = await _answer(request, response, _sticky_headers(pool, target))
                self._lose(request)
                return answer
        except TimeoutError:
            return self._fail(504)
        except (aiohttp.ClientError, OSError):
            return self._fail(502)

    def _fail(self, status: int) -> Answer:
        self.count(OWN_FAILURES)
        return failure(status)

    def _lose(self, request: web.BaseRequest) -> None:
        """Cut the connection of a share of the writes, whose target has done what was asked."""
        is_read = request.method in ("GET", "HEAD", "OPTIONS")
        if self.lost_answers and not is_read and request.transport and random.random() < self.lost_answers:
            request.transport.abort()


async def _body(request: web.BaseRequest) -> Any:
    if not request.body_exists:
        return None
    if request.content_length is not None and request.content_length <= WHOLE_BODY_BYTES_MAX:
        return await request.read()
    return request.content


async def _answer(request: web.BaseRequest, response: aiohttp.ClientResponse, sticky: list[tuple[str, str]]) -> Answer:
    """A small answer at once, a large one as it comes."""
    headers = strip_headers(response.headers)
    headers.extend(sticky)
    length = response.content_length
    if request.method == "HEAD" or (length is not None and length <= WHOLE_BODY_BYTES_MAX):
        body = None if request.method == "HEAD" else await response.read()
        return web.Response(status=response.status, reason=response.reason, headers=headers, body=body)
    return await _stream(request, response, headers)


async def _stream(request: web.BaseRequest, response: aiohttp.ClientResponse, headers: CIMultiDict[str]) -> Answer:
    streamed = web.StreamResponse(status=response.status, reason=response.reason, headers=headers)
    await streamed.prepare(request)
    try:
        async for chunk in response.content.iter_any():
            await streamed.write(chunk)
    except (aiohttp.ClientError, TimeoutError):
        # The head is sent: only a cut connection can still say that the rest is missing.
        if request.transport is not None:
            request.transport.abort()
        return streamed
    await streamed.write_eof()
    return streamed


def strip_headers(headers: Any) -> CIMultiDict[str]:
    """What passes a proxy: everything but what concerns one connection."""
    named = {name.strip().lower() for name in headers.get("Connection", "").split(",")}
    stopped = HOP_BY_HOP | named if named - {"", "close", "keep-alive"} else HOP_BY_HOP
    return CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in stopped)


def forward_headers(request: web.BaseRequest, listener: Listener) -> CIMultiDict[str]:
    """The client's headers with the X-Forwarded ones that ALB adds."""
    headers = strip_headers(request.headers)
    before = headers.get("X-Forwarded-For")
    headers["X-Forwarded-For"] = f"{before}, {request.remote}" if before else f"{request.remote}"
    headers["X-Forwarded-Proto"] = "https" if listener.certificate else "http"
    headers["X-Forwarded-Port"] = str(listener.port)
    trace = uuid.uuid4().hex
    headers.setdefault("X-Amzn-Trace-Id", f"Root=1-{int(time.time()):08x}-{trace[:24]}")
    return headers


def _sticky_headers(pool: Pool, target: Target) -> list[tuple[str, str]]:
    if not pool.group.sticky_s:
        return []
    expires = formatdate(time.time() + pool.group.sticky_s, usegmt=True)
    cookie = f"{cookie_of(target)}; Expires={expires}; Path=/"
    cors = f"{COOKIE}CORS={cookie}; SameSite=None; Secure"
    return [("Set-Cookie", f"{COOKIE}={cookie}"), ("Set-Cookie", cors)]


def redirect(action: dict[str, Any], request: web.BaseRequest, tls: bool) -> Answer:
    """Fill the #{...} of a redirect with the parts of the request."""
    host, _, port = request.host.partition(":")
    protocol = "https" if tls else "http"
    path, _, query = request.raw_path.lstrip("/").partition("?")
    parts = {"protocol": protocol, "host": host, "port": port, "path": path, "query": query}
    wanted = {name: fill(action.get(name) or f"#{{{name}}}", parts) for name in ("protocol", "host", "port", "query")}
    wanted["path"] = fill(action.get("path") or "/#{path}", parts)
    wanted["protocol"] = wanted["protocol"].lower()
    location = f"{wanted['protocol']}://{wanted['host']}"
    if wanted["port"] and wanted["port"] != {"https": "443", "http": "80"}[wanted["protocol"]]:
        location += f":{wanted['port']}"
    location += wanted["path"] + (f"?{wanted['query']}" if wanted["query"] else "")
    return web.Response(status=int(action.get("status", 301)), headers={"Location": location, "Server": "awselb/2.0"})


def fill(template: str, parts: dict[str, str]) -> str:
    for name, value in parts.items():
        template = template.replace(f"#{{{name}}}", value)
    return template


def fixed_response(action: dict[str, Any]) -> Answer:
    headers = {"Content-Type": action.get("content_type") or "text/plain", "Server": "awselb/2.0"}
    return web.Response(status=int(action["status"]), headers=headers, body=(action.get("body") or "").encode())


def failure(status: int) -> Answer:
    """An answer of the balancer itself."""
    title = f"{status} {REASONS[status]}"
    head = f"<head><title>{title}</title></head>"
    page = f"<html>\r\n{head}\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n</body>\r\n</html>"
    return web.Response(
        status=status, headers={"Content-Type": "text/html", "Server": "awselb/2.0"}, body=page.encode()
    )
