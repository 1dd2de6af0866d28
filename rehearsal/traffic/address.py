# SPDX-License-Identifier: GPL-3.0-or-later
"""The public name as a client sees it: asked through the resolver, kept for its TTL, then asked again."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass

import aiohttp
import dns.asyncresolver
import dns.edns
import dns.exception
from aiohttp.abc import AbstractResolver, ResolveResult

RESOLVE_TIMEOUT_S = 2.0
# What a DNS message may be long over UDP; as resolvers offer it.
PAYLOAD_BYTES = 1232


class FixedResolver(AbstractResolver):
    """Gives every name the addresses that were found for ours: the connector must not ask again by itself."""

    def __init__(self, addresses: tuple[str, ...]):
        self.addresses = addresses

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=address, port=port, family=2, proto=0, flags=0)
            for address in self.addresses
        ]

    async def close(self) -> None:
        """Nothing is held."""


@dataclass(frozen=True)
class Service:
    """What is asked for, of whom, and how its clients prove who they are."""

    name: str
    nameserver: str
    tls: ssl.SSLContext
    auth: aiohttp.BasicAuth | None = None


class PublicName:
    """Sessions to whoever the name stands for now.

    Open connections outlive a DNS change, in real clients as here. A client that honours TTLs drops them when the
    name, asked again, stands for somebody else: that is what `session()` does.

    With a network the client is one of that place: its resolver says so by EDNS client subnet. `told` learns of every
    change of the addresses. With `keep_s` it keeps an answer, and its connections, for so long at least.
    """

    def __init__(
        self,
        service: Service,
        network: str = "",
        told: Callable[[str, tuple[str, ...]], None] = lambda *_: None,
        keep_s: float = 0.0,
    ):
        self.name, self.network, self._keep_s = service.name, network, keep_s
        self._resolver = build_resolver(service.nameserver, network)
        self._tls, self._auth, self._told = service.tls, service.auth, told
        self._expires = 0.0
        self._session: aiohttp.ClientSession | None = None
        self._asking = asyncio.Lock()
        self._closing: set[asyncio.Task] = set()
        self.addresses: tuple[str, ...] = ()

    async def session(self) -> aiohttp.ClientSession:
        if self._session is None or time.monotonic() >= self._expires:
            async with self._asking:
                if self._session is None or time.monotonic() >= self._expires:
                    await self._ask()
        assert self._session is not None
        return self._session

    async def _ask(self) -> None:
        answer = await self._resolver.resolve(self.name, "A")
        self._expires = time.monotonic() + max(answer.rrset.ttl if answer.rrset else 0, self._keep_s)
        addresses = tuple(sorted(item.address for item in answer))
        if addresses != self.addresses or self._session is None:
            self._replace(addresses)

    def _replace(self, addresses: tuple[str, ...]) -> None:
        old, self.addresses = self._session, addresses
        self._told(self.network, addresses)
        connector = aiohttp.TCPConnector(
            resolver=FixedResolver(addresses), use_dns_cache=False, ssl=self._tls, limit=64
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            auth=self._auth,
            timeout=aiohttp.ClientTimeout(total=10),
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        if old is not None:
            task = asyncio.create_task(_close_later(old))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        for task in self._closing:
            task.cancel()
        if self._session is not None:
            await self._session.close()


def build_resolver(nameserver: str, network: str) -> dns.asyncresolver.Resolver:
    host, _, port = nameserver.rpartition(":")
    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = [host], int(port)
    resolver.lifetime = RESOLVE_TIMEOUT_S
    if network:
        place = ipaddress.ip_network(network)
        option = dns.edns.ECSOption(str(place.network_address), place.prefixlen)
        resolver.use_edns(0, 0, PAYLOAD_BYTES, options=[option])
    return resolver


async def _close_later(session: aiohttp.ClientSession) -> None:
    """Requests under way finish; then the connections to the old address go."""
    try:
        await asyncio.sleep(10)
    finally:
        await session.close()


UNRESOLVED = (dns.exception.DNSException,)
