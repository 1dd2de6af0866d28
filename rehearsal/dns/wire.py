# SPDX-License-Identifier: GPL-3.0-or-later
"""DNS messages to questions and replies to messages, with EDNS client subnet and truncation."""

from __future__ import annotations

import functools
import ipaddress
import struct
from collections.abc import Callable
from dataclasses import dataclass

from dnslib import EDNS0, QTYPE, RR, DNSError, DNSHeader, DNSRecord, EDNSOption

from rehearsal.dns.answer import SERVFAIL, Record, Reply

CLIENT_SUBNET = 8
PLAIN_SIZE_MAX = 512
# What we accept in one datagram, as Route 53 does.
UDP_SIZE_MAX = 1232
FORMERR, NOTIMP = 1, 4
SUBNET_BITS = 24


@dataclass(frozen=True)
class Query:
    """A message that was asked, and who asks: the client subnet that it carries, or else its sender's."""

    message: DNSRecord
    name: str
    type: str
    client: str
    subnet: str
    size_max: int

    @property
    def carries_subnet(self) -> bool:
        return _subnet_option(self.message) is not None


def read_query(data: bytes, sender: str) -> Query:
    """Parse a question; raises DNSError for what is none."""
    message = DNSRecord.parse(data)
    if not message.questions or message.header.qr:
        raise DNSError("no question")
    option = _subnet_option(message)
    client = _read_subnet(option) if option is not None else sender
    return Query(
        message=message,
        name=str(message.q.qname).lower(),
        type=QTYPE.get(message.q.qtype) if message.q.qtype in QTYPE.forward else str(message.q.qtype),
        client=client,
        subnet=subnet_of(client),
        size_max=_size_max(message),
    )


def subnet_of(address: str) -> str:
    """The network that a resolver tells of its client: /24, never the whole address."""
    return str(ipaddress.ip_network((address, SUBNET_BITS if "." in address else 56), strict=False))


def _edns(message: DNSRecord) -> RR | None:
    return next((record for record in message.ar if record.rtype == QTYPE.OPT), None)


def _size_max(message: DNSRecord) -> int:
    edns = _edns(message)
    return PLAIN_SIZE_MAX if edns is None else max(PLAIN_SIZE_MAX, min(edns.rclass, UDP_SIZE_MAX))


def _subnet_option(message: DNSRecord) -> bytes | None:
    edns = _edns(message)
    options = edns.rdata if edns is not None and isinstance(edns.rdata, list) else []
    return next((bytes(option.data) for option in options if option.code == CLIENT_SUBNET), None)


def _read_subnet(option: bytes) -> str:
    if len(option) < 4:
        raise DNSError("short client subnet")
    family, _, _ = struct.unpack("!HBB", option[:4])
    size = {1: 4, 2: 16}.get(family)
    if size is None or len(option) - 4 > size:
        raise DNSError("client subnet of an unknown family")
    return str(ipaddress.ip_address(option[4:].ljust(size, b"\0")))


def build_message(query: Query, reply: Reply, *, authoritative: bool, recursive: bool) -> DNSRecord:
    """The message that answers a query."""
    asked = query.message.header
    header = DNSHeader(id=asked.id, qr=1, aa=authoritative, rd=asked.rd, ra=recursive, rcode=reply.code)
    message = DNSRecord(header, q=query.message.q)
    for record in reply.records:
        message.add_answer(*build_rr(record))
    for record in reply.authority:
        message.add_auth(*build_rr(record))
    if _edns(query.message) is not None:
        message.add_ar(EDNS0(udp_len=UDP_SIZE_MAX, opts=_subnet_reply(query, reply)))
    return message


def _subnet_reply(query: Query, reply: Reply) -> list[EDNSOption]:
    """The client subnet given back with its scope: 0 when the answer is the same for everybody."""
    option = _subnet_option(query.message)
    if option is None:
        return []
    scope = option[2] if reply.located else 0
    return [EDNSOption(CLIENT_SUBNET, option[:3] + bytes([scope]) + option[4:])]


@functools.lru_cache(maxsize=4096)
def build_rr(record: Record) -> tuple[RR, ...]:
    """A record from its zone file form; parsing is slow, and the same few records answer again and again."""
    return tuple(RR.fromZone(f"{record.name} {record.ttl} IN {record.type} {record.value}"))


def pack(message: DNSRecord, size_max: int | None) -> bytes:
    """Bytes on the wire; over the limit only the header with the truncation mark, so that the client comes by TCP."""
    data = bytes(message.pack())
    if size_max is None or len(data) <= size_max:
        return data
    short = DNSRecord(message.header, q=message.q)
    short.header.tc = 1
    return bytes(short.pack())


def respond(data: bytes, sender: str, answer: Callable[[Query], DNSRecord], *, stream: bool) -> bytes | None:
    """Answer one message; none for bytes that are no DNS message."""
    try:
        query = read_query(data, sender)
    except (DNSError, ValueError, IndexError, struct.error):
        return _refuse(data, FORMERR)
    if query.message.header.opcode != 0:
        return _refuse(data, NOTIMP)
    try:
        message = answer(query)
    except DNSError:
        return _refuse(data, SERVFAIL)
    return pack(message, None if stream else query.size_max)


def _refuse(data: bytes, code: int) -> bytes | None:
    if len(data) < 12 or data[2] & 0x80:
        return None
    return bytes(DNSRecord(DNSHeader(id=struct.unpack("!H", data[:2])[0], qr=1, rcode=code)).pack())
