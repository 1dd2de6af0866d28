# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of databases, looked up at the world's resolver for every new connection and kept for their TTL, no longer."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable

import dns.asyncquery
import dns.exception
import dns.message
import dns.rcode
import dns.rdatatype

QUERY_SECONDS = 2.0


class NameNotFound(OSError):
    """A host name has no address; an OSError, as the system's resolver would raise."""


class Names:
    """Looks names up; an empty `resolver` ("address:port") leaves them to the system."""

    def __init__(self, resolver: str, now: Callable[[], float] = time.monotonic) -> None:
        self._server, _, port = resolver.partition(":")
        self._port = int(port or 53)
        self._now = now
        self._known: dict[str, tuple[str, float]] = {}

    async def find_address(self, host: str) -> str:
        if not self._server or _is_address(host):
            return host
        address, expires = self._known.get(host, ("", 0.0))
        if self._now() >= expires:
            address, ttl = await self._ask(host)
            self._known[host] = (address, self._now() + ttl)
        return address

    async def _ask(self, host: str) -> tuple[str, float]:
        question = dns.message.make_query(host, dns.rdatatype.A)
        try:
            answer = await dns.asyncquery.udp(question, self._server, timeout=QUERY_SECONDS, port=self._port)
        except (TimeoutError, dns.exception.DNSException) as problem:
            raise NameNotFound(f"{host}: resolver {self._server}:{self._port} does not answer ({problem})") from problem
        return _read_answer(host, answer)


def _read_answer(host: str, answer: dns.message.Message) -> tuple[str, float]:
    """First address and the shortest TTL of the chain that leads to it."""
    addresses = [rdata.address for rrset in answer.answer if rrset.rdtype == dns.rdatatype.A for rdata in rrset]
    if not addresses:
        raise NameNotFound(f"{host}: no address ({dns.rcode.to_text(answer.rcode())})")
    return addresses[0], float(min(rrset.ttl for rrset in answer.answer))


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
