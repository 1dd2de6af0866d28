# SPDX-License-Identifier: GPL-3.0-or-later
import dns.exception
import dns.flags
import dns.message
import dns.rrset
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils import resolver

NAME = "ehr.medzenhealth.app."


def build_reply(*sets, rcode=0, flags=dns.flags.AA):
    reply = dns.message.make_response(dns.message.make_query(NAME, "A"))
    reply.flags |= flags
    reply.set_rcode(rcode)
    reply.answer = [dns.rrset.from_text(name, ttl, "IN", kind, *values) for name, ttl, kind, *values in sets]
    return reply


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        ("192.0.2.1", ("192.0.2.1", 53)),
        ("192.0.2.1:5300", ("192.0.2.1", 5300)),
        ("ns.example:5300", ("ns.example", 5300)),
        ("2001:db8::1", ("2001:db8::1", 53)),
        ("[2001:db8::1]:5300", ("2001:db8::1", 5300)),
        ("[2001:db8::1]", ("2001:db8::1", 53)),
    ],
)
def test_a_server_is_an_address_and_a_port(server, expected):
    assert resolver.split_server(server) == expected


def test_an_address_is_its_own_resolution():
    assert resolver.resolve("127.0.0.1", ["192.0.2.1"]) == ["127.0.0.1"]


def test_without_resolvers_the_system_is_asked():
    assert resolver.resolve("localhost")


def test_the_second_resolver_is_asked_when_the_first_is_silent(monkeypatch):
    def answer(_host, address, _port):
        if address == "192.0.2.1":
            raise dns.exception.Timeout
        return ["192.0.2.9"]

    monkeypatch.setattr(resolver, "_addresses", answer)
    assert resolver.resolve("db.example", ["192.0.2.1", "192.0.2.2"]) == ["192.0.2.9"]


def test_given_resolvers_that_fail_are_an_error_and_never_the_system(monkeypatch):
    def fail(*_where):
        raise dns.exception.Timeout

    monkeypatch.setattr(resolver, "_addresses", fail)
    monkeypatch.setattr(resolver.socket, "getaddrinfo", lambda *_a, **_k: pytest.fail("the system was asked"))
    with pytest.raises(resolver.ResolveError, match="192.0.2.1"):
        resolver.resolve("localhost", ["192.0.2.1"])


def test_a_reply_gives_sorted_values_the_chain_and_the_shortest_ttl():
    reply = build_reply((NAME, 300, "CNAME", "Lb.Example."), ("lb.example.", 60, "A", "192.0.2.2", "192.0.2.1"))
    answer = resolver.read_reply("s", reply, "A")
    assert answer.values == ("192.0.2.1", "192.0.2.2")
    assert (answer.chain, answer.ttl, answer.authoritative) == (("lb.example",), 60, True)


def test_no_such_name_is_an_answer():
    assert resolver.read_reply("s", build_reply(rcode=3), "A").values == ()


@pytest.mark.parametrize("rcode", [2, 5])
def test_a_server_that_fails_or_refuses_says_nothing(rcode):
    answer = resolver.read_reply("s", build_reply(rcode=rcode), "A")
    assert answer.values is None and answer.error


def test_a_silent_server_is_unknown(monkeypatch):
    def fail(*_a, **_k):
        raise dns.exception.Timeout

    monkeypatch.setattr(resolver.dns.query, "udp_with_fallback", fail)
    answer = resolver.ask("192.0.2.1", NAME, "A", recurse=False)
    assert answer.values is None and "Timeout" in answer.error


def test_a_server_is_asked_for_a_network_of_clients(monkeypatch):
    asked = []
    monkeypatch.setattr(
        resolver.dns.query,
        "udp_with_fallback",
        lambda query, *_a, **_k: asked.append(query) or (resolver.dns.message.make_response(query), False),
    )
    resolver.ask("192.0.2.1", NAME, "A", recurse=False, client_subnet="102.244.0.0/24")
    resolver.ask("192.0.2.1", NAME, "A", recurse=False)
    assert [option.to_text() for option in asked[0].options] == ["ECS 102.244.0.0/24 scope/0"]
    assert asked[1].options == ()
