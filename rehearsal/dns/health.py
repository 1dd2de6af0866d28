# SPDX-License-Identifier: GPL-3.0-or-later
"""Route 53's health checks: real probes, counted up to the threshold. TLS is not verified, as Route 53 does not.

AWS has many checkers and a share of 18 % that decides; here one checker decides alone.
"""

from __future__ import annotations

import asyncio
import functools
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

INTERVAL_SECONDS_MIN = 0.2
# AWS gives 4 s to connect and 2 s to answer, 10 s for TCP. Divided by the scale they would fail healthy
# but busy targets, so they never go below a second.
TIMEOUT_SECONDS_MIN = 1.0
HTTP_TIMEOUT_S, TCP_TIMEOUT_S = 6.0, 10.0
BODY_BYTES_MAX = 5120
USER_AGENT = "Amazon-Route53-Health-Check-Service (rehearsal)"

Config = Mapping[str, Any]
Find = Callable[[str], list[str]]


@dataclass(frozen=True)
class Outcome:
    """What one probe saw."""

    good: bool
    text: str


@dataclass(frozen=True)
class Verdict:
    """A check's state: the verdict before inversion, and how many probes in a row contradict it."""

    good: bool = True
    against: int = 0
    text: str = "No probe has finished yet."


def count(verdict: Verdict, outcome: Outcome, threshold: int) -> Verdict:
    """The verdict turns when `threshold` probes in a row contradict it."""
    against = 0 if outcome.good == verdict.good else verdict.against + 1
    if against >= threshold:
        return Verdict(outcome.good, 0, outcome.text)
    return replace(verdict, against=against, text=outcome.text)


def judge(
    configs: Mapping[str, Config], verdicts: Mapping[str, Verdict], forced: Mapping[str, bool]
) -> dict[str, bool]:
    """Health of every check: forced, disabled, calculated from its children, or by its own verdict; then inverted."""

    def is_healthy(check: str, seen: frozenset[str] = frozenset()) -> bool:
        if check in forced:
            return forced[check]
        config = configs[check]
        return _judge_one(config, check, seen) != bool(config.get("Inverted"))

    def _judge_one(config: Config, check: str, seen: frozenset[str]) -> bool:
        if config.get("Disabled"):
            return True
        if config["Type"] != "CALCULATED":
            return verdicts.get(check, Verdict()).good
        children = [child for child in config.get("ChildHealthChecks") or [] if child in configs and child not in seen]
        healthy = sum(is_healthy(child, seen | {check}) for child in children)
        return healthy >= int(config.get("HealthThreshold") or 0)

    return {check: is_healthy(check) for check in configs}


def interval_s(config: Config, scale: float) -> float:
    return max(INTERVAL_SECONDS_MIN, float(config.get("RequestInterval") or 30) / scale)


async def probe(config: Config, find: Find, scale: float) -> Outcome:
    """Probe an endpoint once."""
    tcp = config["Type"] == "TCP"
    try:
        async with asyncio.timeout(max(TIMEOUT_SECONDS_MIN, (TCP_TIMEOUT_S if tcp else HTTP_TIMEOUT_S) / scale)):
            return await _connect_and_ask(config, find)
    except TimeoutError:
        return Outcome(False, "Failure: The health checker could not establish a connection within the timeout limit.")
    except (OSError, ssl.SSLError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as problem:
        return Outcome(False, f"Failure: The health checker could not get an answer: {problem}")


async def _connect_and_ask(config: Config, find: Find) -> Outcome:
    host = config.get("FullyQualifiedDomainName") or ""
    addresses = [config["IPAddress"]] if config.get("IPAddress") else find(host)
    if not addresses:
        return Outcome(False, f"Failure: DNS resolution failed: {host} has no IPv4 address.")
    secure = config["Type"].startswith("HTTPS")
    reader, writer = await asyncio.open_connection(
        addresses[0],
        int(config.get("Port") or (443 if secure else 80)),
        ssl=_context() if secure else None,
        server_hostname=(host or addresses[0]) if secure and config.get("EnableSNI") else ("" if secure else None),
    )
    try:
        if config["Type"] == "TCP":
            return Outcome(True, "Success: TCP connection established.")
        return await _ask(config, reader, writer, host or addresses[0], addresses[0])
    finally:
        writer.close()


async def _ask(
    config: Config, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, address: str
) -> Outcome:
    path = config.get("ResourcePath") or "/"
    lines = [f"GET {path} HTTP/1.1", f"Host: {host}", f"User-Agent: {USER_AGENT}", "Connection: close", "", ""]
    writer.write("\r\n".join(lines).encode())
    head = await reader.readuntil(b"\r\n\r\n")
    status = int(head.split(b" ", 2)[1])
    wanted = config.get("SearchString")
    found = not wanted or wanted.encode() in await _read_body(reader)
    text = f"HTTP Status Code {status}. Resolved IP: {address}"
    if 200 <= status < 400 and found:
        return Outcome(True, f"Success: {text}")
    return Outcome(False, f"Failure: {text}. {'' if found else 'The search string was not found.'}".strip())


async def _read_body(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while len(body) < BODY_BYTES_MAX and (part := await reader.read(BODY_BYTES_MAX - len(body))):
        body += part
    return body


@functools.cache
def _context() -> ssl.SSLContext:
    """One for all probes, without authorities: loading those for every probe took a fifth of a core."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class Checker:
    """Keeps one probing task for each check of the document, and the verdicts."""

    def __init__(self, find: Find, report: Callable[[dict[str, dict[str, Any]]], None]) -> None:
        # Handed to every view: changed in place, so that all servers learn of a verdict at once.
        self.health: dict[str, bool] = {}
        self._find = find
        self._report = report
        self._configs: dict[str, Config] = {}
        self._forced: dict[str, bool] = {}
        self._verdicts: dict[str, Verdict] = {}
        self._tasks: dict[str, asyncio.Task] = {}
        self._reported: dict[str, dict[str, Any]] = {}
        self._scale = 1.0

    def take(self, configs: Mapping[str, Config], forced: Mapping[str, bool], scale: float) -> None:
        """Begin new checks, begin changed ones anew, end those that are gone."""
        changed = [check for check in self._configs if configs.get(check) != self._configs[check]]
        for check in changed:
            self._end(check)
        self._configs, self._forced, self._scale = dict(configs), dict(forced), scale
        for check, config in self._configs.items():
            if check not in self._tasks and config["Type"] != "CALCULATED" and not config.get("Disabled"):
                self._tasks[check] = asyncio.get_running_loop().create_task(self._probe_on(check, config))
        self._publish()

    def _end(self, check: str) -> None:
        task = self._tasks.pop(check, None)
        if task is not None:
            task.cancel()
        self._verdicts.pop(check, None)
        self._reported.pop(check, None)

    async def _probe_on(self, check: str, config: Config) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            began = clock()
            outcome = await probe(config, self._find, self._scale)
            threshold = int(config.get("FailureThreshold") or 3)
            self._verdicts[check] = count(self._verdicts.get(check, Verdict()), outcome, threshold)
            self._publish()
            await asyncio.sleep(max(0.0, interval_s(config, self._scale) - (clock() - began)))

    def _publish(self) -> None:
        """Tell the views, and the cloud what is new to it."""
        health = judge(self._configs, self._verdicts, self._forced)
        self.health.clear()
        self.health.update(health)
        rows = {check: {"healthy": healthy, "reason": self._reason(check)} for check, healthy in health.items()}
        news = {check: row for check, row in rows.items() if self._reported.get(check) != row}
        self._reported = rows
        if news:
            self._report(news)

    def _reason(self, check: str) -> str:
        if check in self._forced:
            return f"{'Success' if self._forced[check] else 'Failure'}: forced by the rehearsal."
        if self._configs[check]["Type"] == "CALCULATED":
            return "Calculated from the child health checks."
        return self._verdicts.get(check, Verdict()).text
