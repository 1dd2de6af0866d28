# SPDX-License-Identifier: GPL-3.0-or-later
"""The caching resolver: TTLs, absences, CNAMEs, turns of the name servers."""

from rehearsal.dns.answer import NOERROR, NXDOMAIN, Record, Reply
from rehearsal.dns.resolver import Resolver

SUBNET = "127.104.201.0/24"


class Server:
    """A name server with fixed replies that counts its questions."""

    def __init__(self, replies):
        self.replies = replies
        self.asked = []

    def __call__(self, name, record_type, client):
        self.asked.append((name, record_type, client))
        return self.replies[name]


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def address(name, ttl, value="1.1.1.1", located=False):
    return Reply(NOERROR, (Record(name, "A", ttl, value),), located=located)


def build(*servers):
    clock = Clock()
    return Resolver(servers, clock), clock


def test_an_answer_is_kept_for_its_ttl_and_counts_down():
    server = Server({"a.": address("a.", 5)})
    resolver, clock = build(server)
    ttls = []
    for now in (0, 2.5, 4.9, 5.0):
        clock.now = now
        ttls.append(resolver.resolve("a", "A", SUBNET).records[0].ttl)
    assert (ttls, len(server.asked)) == ([5, 3, 1, 5], 2)


def test_an_absence_is_kept_for_the_ttl_of_its_soa():
    gone = Reply(NXDOMAIN, authority=(Record("z.", "SOA", 15, "a. b. 1 1 1 1 15"),))
    server = Server({"a.": gone})
    resolver, clock = build(server)
    codes = []
    for now in (0, 14, 16):
        clock.now = now
        codes.append(resolver.resolve("a.", "A", SUBNET).code)
    assert (codes, len(server.asked)) == ([NXDOMAIN] * 3, 2)


def test_cnames_are_followed_and_each_link_has_its_own_ttl():
    server = Server({"a.": Reply(NOERROR, (Record("a.", "CNAME", 5, "b."),)), "b.": address("b.", 1)})
    resolver, clock = build(server)
    resolver.resolve("a.", "A", SUBNET)
    clock.now = 2
    found = resolver.resolve("a.", "A", SUBNET)
    assert [(record.type, record.ttl) for record in found.records] == [("CNAME", 3), ("A", 1)]
    assert [name for name, _, _ in server.asked] == ["a.", "b.", "b."]


def test_a_loop_of_cnames_fails():
    server = Server({"a.": Reply(NOERROR, (Record("a.", "CNAME", 5, "a."),))})
    assert build(server)[0].resolve("a.", "A", SUBNET).code == 2


def test_name_servers_take_turns():
    servers = [Server({"a.": address("a.", 0)}) for _ in range(4)]
    resolver, _ = build(*servers)
    for _ in range(8):
        resolver.resolve("a.", "A", SUBNET)
    assert [len(server.asked) for server in servers] == [2, 2, 2, 2]


def test_an_answer_for_one_place_is_not_given_to_another():
    server = Server({"a.": address("a.", 5, located=True)})
    resolver, _ = build(server)
    resolver.resolve("a.", "A", SUBNET)
    resolver.resolve("a.", "A", "127.104.203.0/24")
    assert [client for _, _, client in server.asked] == ["127.104.201.0", "127.104.203.0"]


def test_a_stretching_resolver_overstays_the_ttl():
    server = Server({"a.": address("a.", 1)})
    resolver, clock = build(server)
    resolver.ttl_min_s = 30
    resolver.resolve("a.", "A", SUBNET)
    clock.now = 20
    assert (resolver.resolve("a.", "A", SUBNET).records[0].ttl, len(server.asked)) == (10, 1)
