# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP requests to a named place: resolved by given resolvers, with the Host header and TLS name of the public name.

A balancer is probed by its own name with the Host of the service, so that the answer is that balancer's and no other's.
"""

from __future__ import annotations

import base64
import http.client
import json
import math
import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.resolver import ResolveError, resolve

BODY_BYTES_MAX = 1_000_000
READ_METHODS = ("GET", "HEAD", "OPTIONS")
PASS, REFUSE, UNKNOWN = "pass", "refuse", "unknown"


@dataclass(frozen=True)
class Place:
    """Where requests go. `host` is connected to; `server_name` is what TLS checks and the Host header says."""

    scheme: str
    host: str
    port: int
    server_name: str
    host_header: str
    resolvers: tuple[str, ...] = ()
    ca_path: str | None = None
    authorization: str | None = field(default=None, repr=False)
    timeout_s: float = 10.0


@dataclass(frozen=True)
class Request:
    """One request and what its answer must be."""

    method: str = "GET"
    path: str = "/"
    body: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    expect_status: tuple[int, ...] = (200,)
    body_contains: str | None = None
    # Names and the paths in a JSON answer whose values they stand for, as ("id", "meeting.MeetingId").
    capture: tuple[tuple[str, str], ...] = ()

    @property
    def writes(self) -> bool:
        return self.method.upper() not in READ_METHODS


@dataclass(frozen=True)
class Answer:
    """One answer, or why there was none. `error` is a class of errors: dns, connect, tls, timeout, status, body."""

    status: int | None = None
    latency_ms: float = 0.0
    address: str | None = None
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    error: str = ""
    detail: str = ""
    captured: dict[str, str] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return not self.error


def build_place(url: str, *, connect_to: str | None = None, host_header: str | None = None, **options: Any) -> Place:
    """The place of a URL. `connect_to` is another name, or name:port, to send the request to."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Refused("This is no URL that can be probed.", url, "https://name[:port]/path")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    host = parts.hostname
    if connect_to:
        name, _colon, own_port = connect_to.partition(":")
        host, port = name, int(own_port or port)
    public = host_header or parts.netloc.rpartition("@")[2]
    server_name = options.pop("server_name", None) or public.partition(":")[0]
    return Place(parts.scheme, host, port, server_name, public, **options)


def build_path(url: str) -> str:
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def basic_authorization(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def build_context(place: Place) -> ssl.SSLContext | None:
    """One context for all requests to a place: reading a bundle of authorities is dear."""
    if place.scheme != "https":
        return None
    return ssl.create_default_context(cafile=place.ca_path)


def send(
    place: Place, request: Request, context: ssl.SSLContext | None, clock: Callable[[], float] = time.monotonic
) -> Answer:
    """One request on a new connection: an open one would outlive a change of DNS. Never raises for a bad answer."""
    started = clock()
    address = None
    try:
        address = resolve(place.host, place.resolvers)[0]
        status, headers, body = _exchange(place, request, context, address)
    except (ResolveError, OSError, http.client.HTTPException) as error:
        error_class = classify(error)
        latency_ms = _milliseconds(clock() - started)
        return Answer(None, latency_ms, address, error=error_class, detail=f"{type(error).__name__}: {error}")
    return check_answer(request, status, headers, body, _milliseconds(clock() - started), address)


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 2)


def _exchange(
    place: Place, request: Request, context: ssl.SSLContext | None, address: str
) -> tuple[int, dict[str, str], str]:
    connection = http.client.HTTPConnection(place.server_name, place.port, timeout=place.timeout_s)
    try:
        connection.sock = _connect(place, context, address)
        connection.request(
            request.method, request.path, body=_encode(request.body), headers=build_headers(place, request)
        )
        response = connection.getresponse()
        body = response.read(BODY_BYTES_MAX)
        return (
            response.status,
            {name.lower(): value for name, value in response.getheaders()},
            body.decode("utf-8", "replace"),
        )
    finally:
        connection.close()


def _connect(place: Place, context: ssl.SSLContext | None, address: str) -> socket.socket:
    plain = socket.create_connection((address, place.port), timeout=place.timeout_s)
    if context is None:
        return plain
    try:
        return context.wrap_socket(plain, server_hostname=place.server_name)
    except BaseException:
        plain.close()
        raise


def _encode(body: str | None) -> bytes | None:
    return None if body is None else body.encode()


def build_headers(place: Place, request: Request) -> dict[str, str]:
    headers = {"Host": place.host_header, "Connection": "close", "User-Agent": "medzen.multiregion"}
    if place.authorization:
        headers["Authorization"] = place.authorization
    return headers | dict(request.headers)


def classify(error: BaseException) -> str:
    """The class of an error, by which errors are counted."""
    if isinstance(error, ResolveError):
        return "dns"
    if isinstance(error, ssl.SSLError):
        return "tls"
    if isinstance(error, TimeoutError):
        return "timeout"
    return "connect" if isinstance(error, OSError) else "protocol"


def check_answer(
    request: Request, status: int, headers: dict[str, str], body: str, latency_ms: float, address: str | None
) -> Answer:
    error, detail = "", ""
    if status not in request.expect_status:
        error, detail = "status", f"{status}, expected {' or '.join(map(str, request.expect_status))}"
    elif request.body_contains is not None and request.body_contains not in body:
        error, detail = "body", f"{request.body_contains!r} is not in the answer"
    captured = {name: read_json(body, path) for name, path in request.capture}
    absent = [path for name, path in request.capture if captured[name] is None]
    if absent and not error:
        error, detail = "body", f"{', '.join(absent)} is not in the answer"
    found = {name: value for name, value in captured.items() if value is not None}
    return Answer(status, latency_ms, address, body, headers, error, detail, found)


def read_json(body: str, path: str) -> str | None:
    """The value at a dotted path of a JSON text; None where there is none, or no single value."""
    try:
        value = json.loads(body)
    except ValueError:
        return None
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return None if value is None or isinstance(value, (dict, list)) else str(value)


# ---- a window of many requests ----


@dataclass(frozen=True)
class Window:
    """How many requests for how long, and what is tolerated."""

    duration_s: float
    requests_per_second: float
    error_budget_percent: float
    latency_p95_ms_max: float | None = None


def watch(
    shoot: Callable[[], Answer],
    window: Window,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
    report: Callable[[float, str], None] = lambda _percent, _detail: None,
    workers: int = 32,
) -> list[Answer]:
    """Requests at an even pace, whatever the answers take. Ends early once the budget of the whole window is spent."""
    planned = max(1, math.floor(window.duration_s * window.requests_per_second))
    allowed = math.floor(planned * window.error_budget_percent / 100)
    answers: list[Answer] = []
    lock = threading.Lock()

    def shoot_one() -> None:
        answer = shoot()
        with lock:
            answers.append(answer)

    started = clock()
    with ThreadPoolExecutor(max_workers=workers) as pool:
        for number in range(planned):
            pool.submit(shoot_one)
            with lock:
                failed = sum(not answer.ok for answer in answers)
            if failed > allowed:
                break
            report(100 * (number + 1) / planned, f"{len(answers)} answers, {failed} errors")
            sleep(max(0.0, started + (number + 1) / window.requests_per_second - clock()))
    return answers


def percentile(values: Iterable[float], percent: float) -> float | None:
    """The smallest value that `percent` of the values do not exceed; None without values."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)] if ordered else None


def judge(answers: Sequence[Answer], window: Window) -> dict:
    """Pass, refuse, or unknown when nothing was asked."""
    errors = Counter(
        f"status {answer.status}" if answer.error == "status" else answer.error for answer in answers if answer.error
    )
    failed = sum(errors.values())
    share = 100 * failed / len(answers) if answers else None
    p50, p95 = (percentile((answer.latency_ms for answer in answers if answer.ok), percent) for percent in (50, 95))
    reasons = []
    if share is not None and share > window.error_budget_percent:
        reasons.append(f"{share:.2f} % errors, budget {window.error_budget_percent:g} %")
    if window.latency_p95_ms_max is not None and p95 is not None and p95 > window.latency_p95_ms_max:
        reasons.append(f"p95 {p95:g} ms, limit {window.latency_p95_ms_max:g} ms")
    return {
        "verdict": UNKNOWN if not answers else REFUSE if reasons else PASS,
        "reasons": reasons,
        "requests": len(answers),
        "failed": failed,
        "errors": dict(errors),
        "error_percent": None if share is None else round(share, 3),
        "latency_p50_ms": p50,
        "latency_p95_ms": p95,
        "addresses": sorted({answer.address for answer in answers if answer.address}),
        "first_errors": [answer.detail for answer in answers if answer.error][:5],
    }
