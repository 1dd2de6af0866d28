# SPDX-License-Identifier: GPL-3.0-or-later
"""Sockets and TLS of the balancers: opened, changed and closed to match what the cloud describes."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web

from rehearsal.edge.model import Balancer, Certificate, Listener
from rehearsal.edge.proxy import Ask, Proxy
from rehearsal.edge.targets import Pool

LOG = logging.getLogger("rehearsal.edge")
# How long requests under way may take when their listener goes.
CLOSE_SECONDS = 1.0


class OpenListener:
    """One socket; its description and its certificate can change under open connections."""

    def __init__(self, proxy: Proxy) -> None:
        self.proxy = proxy
        self._server: asyncio.Server | None = None
        self._web: web.Server | None = None
        self._contexts: dict[Certificate, ssl.SSLContext] = {}

    async def open(self, address: str, idle_timeout_s: float) -> None:
        """Listen; the idle timeout is real time, because clients' own pools count in it, whatever the scale."""
        self._web = web.Server(self.proxy.handle, access_log=None, keepalive_timeout=idle_timeout_s)
        listener = self.proxy.listener
        tls = self._doorway() if listener.certificate else None
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._web, address, listener.port, ssl=tls, backlog=512)

    def update(self, listener: Listener, balancer: Balancer) -> None:
        self.proxy.listener = listener
        self.proxy.idle_timeout_s, self.proxy.lost_answers = balancer.idle_timeout_s, balancer.lost_answers

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        if self._web is not None:
            await self._web.shutdown(CLOSE_SECONDS)

    def _doorway(self) -> ssl.SSLContext:
        """A context that hands each handshake to the certificate of that moment."""

        def choose(connection: Any, name: str | None, context: ssl.SSLContext) -> None:
            connection.context = self._context()

        doorway = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        doorway.minimum_version = ssl.TLSVersion.TLSv1_2
        certificate = self.proxy.listener.certificate
        doorway.load_cert_chain(certificate.certificate_path, certificate.key_path)
        doorway.sni_callback = choose
        return doorway

    def _context(self) -> ssl.SSLContext:
        certificate = self.proxy.listener.certificate
        if certificate not in self._contexts:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            context.load_cert_chain(certificate.certificate_path, certificate.key_path)
            self._contexts[certificate] = context
        return self._contexts[certificate]


@dataclass
class OpenBalancer:
    """One balancer with its sockets by port and what it has counted."""

    pools: dict[str, Pool] = field(default_factory=dict)
    listeners: dict[tuple[int, bool], OpenListener] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)

    def count(self, metric: str) -> None:
        self.counts[metric] += 1


class Fleet:
    """All balancers of a world."""

    def __init__(self, session: aiohttp.ClientSession, ask: Ask | None = None) -> None:
        self._session = session
        self._ask = ask
        self._balancers: dict[str, OpenBalancer] = {}
        # Sockets that could not be opened, so that each is complained about once.
        self._failed: set[tuple[str, int]] = set()

    async def apply(self, balancers: list[Balancer], scale: float) -> bool:
        """Make what is open match what is described; says whether every socket could be opened."""
        described = {balancer.arn: balancer for balancer in balancers}
        for arn in set(self._balancers) - set(described):
            await self._close(self._balancers.pop(arn))
        for arn, balancer in described.items():
            await self._apply_one(self._balancers.setdefault(arn, OpenBalancer()), balancer, scale)
        self._failed &= {(one.address, listener.port) for one in balancers for listener in one.listeners}
        return not self._failed

    async def _apply_one(self, opened: OpenBalancer, balancer: Balancer, scale: float) -> None:
        _update_pools(opened, balancer, scale)
        # HTTP and HTTPS on one port are two different sockets: the old one has to go first.
        described = {(listener.port, listener.certificate is not None): listener for listener in balancer.listeners}
        for key in set(opened.listeners) - set(described):
            await opened.listeners.pop(key).close()
        for key, listener in described.items():
            if key not in opened.listeners:
                await self._open(opened, balancer, key, listener)
            else:
                opened.listeners[key].update(listener, balancer)

    async def _open(self, opened: OpenBalancer, balancer: Balancer, key: tuple[int, bool], listener: Listener) -> None:
        proxy = Proxy(listener, opened.pools, self._session, self._ask)
        proxy.count = opened.count
        one = OpenListener(proxy)
        one.update(listener, balancer)
        try:
            await one.open(balancer.address, balancer.idle_timeout_s)
        except OSError as problem:
            if (balancer.address, listener.port) not in self._failed:
                LOG.error("%s cannot listen on %s:%s: %s", balancer.name, balancer.address, listener.port, problem)
            self._failed.add((balancer.address, listener.port))
            return
        self._failed.discard((balancer.address, listener.port))
        opened.listeners[key] = one
        LOG.info("%s listens on %s:%s", balancer.name, balancer.address, listener.port)

    async def close(self) -> None:
        for opened in self._balancers.values():
            await self._close(opened)
        self._balancers.clear()

    async def _close(self, opened: OpenBalancer) -> None:
        for pool in opened.pools.values():
            pool.close()
        await asyncio.gather(*(listener.close() for listener in opened.listeners.values()))

    def report(self) -> dict[str, Any]:
        """Health by target group and target, counts by balancer and metric."""
        pools = [pool for opened in self._balancers.values() for pool in opened.pools.values()]
        return {
            "targets": {pool.group.arn: pool.rows() for pool in pools},
            "counts": {arn: dict(opened.counts) for arn, opened in self._balancers.items()},
        }


def _update_pools(opened: OpenBalancer, balancer: Balancer, scale: float) -> None:
    described = {group.arn: group for group in balancer.groups}
    for arn in set(opened.pools) - set(described):
        opened.pools.pop(arn).close()
    for arn, group in described.items():
        opened.pools.setdefault(arn, Pool(group)).update(group, scale)
