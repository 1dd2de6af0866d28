# SPDX-License-Identifier: GPL-3.0-or-later
"""UDP and TCP of one DNS server on one address."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable

from dnslib import DNSRecord

from rehearsal.dns.wire import Query, respond

IDLE_SECONDS_MAX = 10.0
Answer = Callable[[Query], DNSRecord]


class Datagrams(asyncio.DatagramProtocol):
    """One answer for each datagram, at once: answering never waits."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, sender: tuple[str, int]) -> None:
        response = respond(data, sender[0], self._answer, stream=False)
        if response is not None:
            self._transport.sendto(response, sender)


async def serve_stream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: Answer) -> None:
    """Answer messages of one TCP connection until it ends or idles."""
    sender = writer.get_extra_info("peername")[0]
    try:
        while True:
            response = respond(await _read_message(reader), sender, answer, stream=True)
            if response is None:
                break
            writer.write(struct.pack("!H", len(response)) + response)
            await writer.drain()
    except (asyncio.IncompleteReadError, TimeoutError, ConnectionError):
        pass  # The client is gone or silent: both end the connection.
    finally:
        writer.close()


async def _read_message(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(IDLE_SECONDS_MAX):
        (length,) = struct.unpack("!H", await reader.readexactly(2))
        return await reader.readexactly(length)


async def listen(address: str, port: int, answer: Answer) -> None:
    """Serve both protocols on one address for as long as the loop runs."""
    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(lambda: Datagrams(answer), local_addr=(address, port))
    await asyncio.start_server(lambda reader, writer: serve_stream(reader, writer, answer), address, port)
