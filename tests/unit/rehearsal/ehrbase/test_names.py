# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of databases are asked for again when their TTL is over."""

import asyncio

import dns.message
import dns.rrset
import pytest

from rehearsal.ehrbase.names import NameNotFound, Names, _read_answer


class Clock:
    seconds = 0.0

    def __call__(self):
        return self.seconds


@pytest.fixture
def names(monkeypatch):
    made = Names("127.0.0.2:5300", Clock())
    made.asked = []

    async def ask(host):
        made.asked.append(host)
        return f"127.0.10.{len(made.asked)}", 5.0

    monkeypatch.setattr(made, "_ask", ask)
    return made


def find(names, host):
    return asyncio.run(names.find_address(host))


def test_an_answer_is_kept_for_its_ttl(names):
    assert find(names, "db") == find(names, "db") == "127.0.10.1"
    names._now.seconds = 5.0
    assert find(names, "db") == "127.0.10.2"


def test_an_address_needs_no_resolver(names):
    assert find(names, "127.9.9.9") == "127.9.9.9"
    assert names.asked == []


def test_without_a_resolver_the_system_decides():
    assert find(Names(""), "db") == "db"


def test_the_shortest_ttl_of_a_chain_counts():
    answer = dns.message.make_response(dns.message.make_query("a.", "A"))
    answer.answer = [
        dns.rrset.from_text("a.", 2, "IN", "CNAME", "b."),
        dns.rrset.from_text("b.", 60, "IN", "A", "127.0.0.9"),
    ]
    assert _read_answer("a", answer) == ("127.0.0.9", 2.0)


def test_a_name_without_address_is_an_error():
    with pytest.raises(NameNotFound, match="no address"):
        _read_answer("a", dns.message.make_response(dns.message.make_query("a.", "A")))
