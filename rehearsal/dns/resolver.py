# SPDX-License-Identifier: GPL-3.0-or-later
"""The caching resolver: asks the name servers in turn, follows CNAMEs, keeps answers and absences for their TTL.

It asks the authorities of its own process without the detour over the wire. TTLs count down in whole seconds,
rounded up: a client may keep an answer up to a second longer than the record's owner said, as behind real resolvers.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from dnslib import DNSRecord

from rehearsal.dns.answer import CNAME_DEPTH_MAX, NOERROR, NXDOMAIN, SERVFAIL, Record, Reply
from rehearsal.dns.wire import Query, build_message
from rehearsal.dns.zone import normalize

CACHE_ENTRIES_MAX = 10_000
# A name server as the resolver sees it: name, type and client subnet to a reply.
Ask = Callable[[str, str, str], Reply]
# Name, type and the subnet that the answer is for; no subnet when it is for everybody.
Key = tuple[str, str, str]


@dataclass(frozen=True)
class Entry:
    """A cached reply and the moment from which it must be asked again."""

    reply: Reply
    end: float


class Resolver:
    """One cache before several name servers."""

    def __init__(self, servers: Sequence[Ask], clock: Callable[[], float] = time.monotonic) -> None:
        self._servers = itertools.cycle(servers)
        self._clock = clock
        self._cache: dict[Key, Entry] = {}
        # Seconds below which no TTL is honoured: set above 0, it is one of the resolvers that overstay TTLs.
        self.ttl_min_s = 0

    def respond(self, query: Query) -> DNSRecord:
        reply = self.resolve(query.name, query.type, query.subnet)
        return build_message(query, reply, authoritative=False, recursive=True)

    def resolve(self, name: str, record_type: str, subnet: str) -> Reply:
        """The whole chain from the name to records of the type."""
        records: list[Record] = []
        name, located = normalize(name), False
        for _ in range(CNAME_DEPTH_MAX):
            reply = self._look_up(name, record_type, subnet)
            records += reply.records
            located = located or reply.located
            target = _cname_of(reply, name) if record_type != "CNAME" else None
            if target is None:
                return replace(reply, records=tuple(records), located=located)
            name = normalize(target)
        return Reply(SERVFAIL)

    def forget(self) -> None:
        """Empty the cache."""
        self._cache.clear()

    def _look_up(self, name: str, record_type: str, subnet: str) -> Reply:
        now = self._clock()
        for key in ((name, record_type, ""), (name, record_type, subnet)):
            entry = self._cache.get(key)
            if entry is not None and entry.end > now:
                return _count_down(entry, now)
        reply = self._ask(name, record_type, subnet)
        self._keep((name, record_type, subnet if reply.located else ""), reply, now)
        return reply

    def _ask(self, name: str, record_type: str, subnet: str) -> Reply:
        reply = next(self._servers)(name, record_type, subnet.partition("/")[0])
        if self.ttl_min_s:
            reply = replace(reply, records=_lift(reply.records, self.ttl_min_s))
        return reply

    def _keep(self, key: Key, reply: Reply, now: float) -> None:
        held = reply.records or reply.authority
        if reply.code not in (NOERROR, NXDOMAIN) or not held:
            return
        if len(self._cache) >= CACHE_ENTRIES_MAX:
            self._cache = {key: entry for key, entry in self._cache.items() if entry.end > now}
        self._cache[key] = Entry(reply, now + min(record.ttl for record in held))


def _cname_of(reply: Reply, name: str) -> str | None:
    return next((record.value for record in reply.records if record.type == "CNAME" and record.name == name), None)


def _count_down(entry: Entry, now: float) -> Reply:
    left = math.ceil(entry.end - now)
    return replace(
        entry.reply,
        records=tuple(replace(record, ttl=min(record.ttl, left)) for record in entry.reply.records),
        authority=tuple(replace(record, ttl=min(record.ttl, left)) for record in entry.reply.authority),
    )


def _lift(records: tuple[Record, ...], ttl_min_s: int) -> tuple[Record, ...]:
    return tuple(replace(record, ttl=max(record.ttl, ttl_min_s)) for record in records)
