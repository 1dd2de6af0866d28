# SPDX-License-Identifier: GPL-3.0-or-later
"""Links between regions: a relay on loopback through which a replica reaches its source, with delay and cuts.

One thread serves all relays. Delay is one way and keeps the order of bytes; a cut link drops its connections and
refuses new ones until it is whole again.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from dataclasses import dataclass, field

CHUNK_BYTES = 65536
# How much may be under way on a delayed link before the sender is held back.
CHUNKS_IN_FLIGHT_MAX = 1024


@dataclass
class Link:
    """The way from one region to another."""

    delay_s: float = 0.0
    cut: bool = False
    # One of the two regions is; the link is as it was once the region is back.
    lost: bool = False

    @property
    def broken(self) -> bool:
        return self.cut or self.lost


@dataclass
class Relay:
    """One listener that forwards to a source, over a link."""

    listen: tuple[str, int]
    target: tuple[str, int]
    link: Link
    server: asyncio.Server | None = None
    writers: set[asyncio.StreamWriter] = field(default_factory=set)


class Links:
    """All links of a world and the thread that moves their bytes."""

    def __init__(self) -> None:
        self._links: dict[tuple[str, str], Link] = {}
        self._relays: list[Relay] = []
        self._lost: set[str] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def link(self, source_region: str, target_region: str) -> Link:
        lost = bool(self._lost & {source_region, target_region})
        return self._links.setdefault((source_region, target_region), Link(lost=lost))

    def set(self, source_region: str, target_region: str, delay_ms: float | None, cut: bool | None) -> Link:
        """Change a link; connections that are open feel it at once."""
        link = self.link(source_region, target_region)
        if delay_ms is not None:
            link.delay_s = delay_ms / 1000
        if cut is not None:
            link.cut = cut
        self._drop_broken()
        return link

    def set_lost(self, region: str, lost: bool) -> None:
        """Break every link of a region, or let them be as they were."""
        self._lost = self._lost | {region} if lost else self._lost - {region}
        for ends, link in self._links.items():
            link.lost = bool(self._lost & set(ends))
        self._drop_broken()

    def _drop_broken(self) -> None:
        if self._thread is not None:
            for relay in [relay for relay in self._relays if relay.link.broken]:
                self._call(_drop_connections(relay))

    def rows(self) -> list[dict[str, object]]:
        return [
            {"source_region": source, "target_region": target, "delay_ms": link.delay_s * 1000, "cut": link.cut}
            for (source, target), link in sorted(self._links.items())
        ]

    def open(self, listen: tuple[str, int], target: tuple[str, int], link: Link) -> Relay:
        """Listen and forward; returns when the listener is up."""
        relay = Relay(listen, target, link)
        self._call(_listen(relay))
        self._relays.append(relay)
        return relay

    def close(self, relay: Relay) -> None:
        if relay in self._relays:
            self._relays.remove(relay)
            self._call(_close(relay))

    def stop(self) -> None:
        """Close every relay and end the thread."""
        self.freeze()
        self._relays.clear()

    def freeze(self) -> None:
        """Close every relay, to listen again with the next `thaw`, and end the thread."""
        if self._loop is None:
            return
        for relay in self._relays:
            self._call(_close(relay))
        self._call(_end_tasks())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._loop = self._thread = None

    def thaw(self) -> None:
        """Listen again for every relay."""
        for relay in self._relays:
            self._call(_listen(relay))

    def _call(self, coroutine) -> None:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._loop.run_forever, name="links", daemon=True)
                self._thread.start()
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(timeout=10)


async def _listen(relay: Relay) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _serve(relay, reader, writer)

    relay.server = await asyncio.start_server(serve, *relay.listen)


async def _close(relay: Relay) -> None:
    if relay.server is not None:
        relay.server.close()
    await _drop_connections(relay)


async def _drop_connections(relay: Relay) -> None:
    for writer in list(relay.writers):
        writer.transport.abort()


async def _end_tasks() -> None:
    """Let the tasks of dropped connections end before their loop does."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    if others:
        # Cancelled at once, those would be told as failures that only hear of it.
        _ended, others = await asyncio.wait(others, timeout=1)
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


async def _serve(relay: Relay, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    relay.writers.add(writer)
    try:
        if not relay.link.broken:
            await _join(relay, reader, writer)
    except OSError:
        # The source is down or the link was cut: the replica sees a lost connection and tries again.
        pass
    finally:
        relay.writers.discard(writer)
        writer.transport.abort()


async def _join(relay: Relay, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    source_reader, source_writer = await asyncio.open_connection(*relay.target)
    relay.writers.add(source_writer)
    ways = [
        asyncio.ensure_future(_forward(reader, source_writer, relay.link)),
        asyncio.ensure_future(_forward(source_reader, writer, relay.link)),
    ]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        relay.writers.discard(source_writer)
        source_writer.transport.abort()


async def _forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, link: Link) -> None:
    """Read now, write after the link's delay; a queue between them keeps order and lets bytes overlap on the way."""
    queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(CHUNKS_IN_FLIGHT_MAX)
    delivery = asyncio.ensure_future(_deliver(queue, writer))
    clock = asyncio.get_running_loop().time
    try:
        while data := await reader.read(CHUNK_BYTES):
            await queue.put((clock() + link.delay_s, data))
        await queue.put((clock() + link.delay_s, b""))
        await delivery
    finally:
        delivery.cancel()
        with contextlib.suppress(asyncio.CancelledError, OSError):
            await delivery


async def _deliver(queue: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter) -> None:
    clock = asyncio.get_running_loop().time
    while True:
        due, data = await queue.get()
        if due > clock():
            await asyncio.sleep(due - clock())
        if not data:
            return
        writer.write(data)
        await writer.drain()
