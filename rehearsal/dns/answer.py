# SPDX-License-Identifier: GPL-3.0-or-later
"""A question to a reply, as an authoritative server of Route 53 gives it. Pure: all that matters is in the view."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from rehearsal.dns.location import NOWHERE, Location
from rehearsal.dns.route import choose, policy_of
from rehearsal.dns.zone import HOST_NEGATIVE_TTL_S, HOST_ZONES, RecordSet, View, Zone, is_within, normalize, scale_ttl

NOERROR, SERVFAIL, NXDOMAIN, REFUSED = 0, 2, 3, 5
# Alias of an alias of an alias …: Route 53 follows them inside one answer; a loop has to end.
ALIAS_DEPTH_MAX = 16
CNAME_DEPTH_MAX = 10


@dataclass(frozen=True)
class Question:
    """What is asked, and from where."""

    name: str
    type: str
    location: Location = NOWHERE


@dataclass(frozen=True)
class Record:
    """One resource record in the text form of a zone file."""

    name: str
    type: str
    ttl: int
    value: str


@dataclass(frozen=True)
class Reply:
    """Answer or absence; `located` says that another place would have been answered otherwise."""

    code: int
    records: tuple[Record, ...] = ()
    authority: tuple[Record, ...] = ()
    located: bool = False


def answer(view: View, question: Question, chance: random.Random) -> Reply:
    """Reply as the authority of the zone that holds the name; REFUSED for names of nobody here."""
    question = replace(question, name=normalize(question.name))
    zone = view.find_zone(question.name)
    if zone is not None:
        return _answer_zone(view, zone, question, chance)
    if any(is_within(question.name, host_zone) for host_zone in HOST_ZONES):
        return _answer_host(view, question)
    return Reply(REFUSED)


def _answer_zone(view: View, zone: Zone, question: Question, chance: random.Random) -> Reply:
    source = zone.source_of(question.name)
    if source is None:
        return Reply(NXDOMAIN, authority=_soa(zone))
    group = zone.group(source, question.type) or zone.group(source, "CNAME")
    records, located = _records_of(view, group, question, chance, 0)
    owned = tuple(replace(record, name=question.name) for record in records)
    return Reply(NOERROR, owned, () if owned else _soa(zone), located)


def _soa(zone: Zone) -> tuple[Record, ...]:
    """What an absence carries: caches keep it for the lower of the SOA's TTL and its last number."""
    for soa in zone.group(zone.name, "SOA"):
        ttl = min(soa.ttl, int(soa.values[0].split()[-1]))
        return (Record(zone.name, "SOA", ttl, soa.values[0]),)
    return ()


def _answer_host(view: View, question: Question) -> Reply:
    host = view.hosts.get(question.name)
    if host is not None and question.type == "A":
        return Reply(NOERROR, (Record(question.name, "A", host.ttl, host.address),))
    zone = next(zone for zone in HOST_ZONES if is_within(question.name, zone))
    ttl = scale_ttl(HOST_NEGATIVE_TTL_S, view.scale)
    soa = Record(zone, "SOA", ttl, f"ns-101.awsdns-12.com. awsdns-hostmaster.amazon.com. 1 7200 900 1209600 {ttl}")
    return Reply(NOERROR if host else NXDOMAIN, authority=(soa,))


def _records_of(
    view: View, group: list[RecordSet], question: Question, chance: random.Random, depth: int
) -> tuple[list[Record], bool]:
    """Records of the chosen record sets with aliases followed, and whether the place of the client mattered."""
    chosen = choose(group, question.location, lambda record_set: is_healthy(view, record_set), chance)
    located = bool(group) and policy_of(group[0]) == "geolocation"
    records: list[Record] = []
    for record_set in chosen:
        if record_set.alias is None:
            records += [Record(record_set.name, record_set.type, record_set.ttl, value) for value in record_set.values]
            continue
        found, below = _records_of_alias(view, record_set, question, chance, depth)
        records, located = records + found, located or below
    return records, located


def _records_of_alias(
    view: View, record_set: RecordSet, question: Question, chance: random.Random, depth: int
) -> tuple[list[Record], bool]:
    name = record_set.alias.name
    host = view.hosts.get(name)
    if host is not None:
        return ([Record(name, "A", host.ttl, host.address)] if record_set.type == "A" else []), False
    zone = view.find_zone(name)
    if zone is None or depth >= ALIAS_DEPTH_MAX:
        return [], False
    group = zone.group(zone.source_of(name) or name, record_set.type)
    return _records_of(view, group, question, chance, depth + 1)


def is_healthy(view: View, record_set: RecordSet, depth: int = 0) -> bool:
    """Its health check passes and, for an alias that evaluates its target, the target is healthy too."""
    if record_set.health_check and not view.health.get(record_set.health_check, True):
        return False
    if record_set.alias is None or not record_set.alias.evaluate or depth >= ALIAS_DEPTH_MAX:
        return True
    name = record_set.alias.name
    if name in view.hosts:
        return view.hosts[name].healthy
    zone = view.find_zone(name)
    group = zone.group(zone.source_of(name) or name, record_set.type) if zone else []
    return any(is_healthy(view, below, depth + 1) for below in group)


def find_addresses(view: View, name: str, chance: random.Random) -> list[str]:
    """IPv4 addresses of a name with CNAMEs followed, straight from this view: how a health checker resolves."""
    for _ in range(CNAME_DEPTH_MAX):
        reply = answer(view, Question(name, "A"), chance)
        addresses = [record.value for record in reply.records if record.type == "A"]
        if addresses or not reply.records:
            return addresses
        name = reply.records[0].value
    return []
