# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.resolver import Answer
from ansible_collections.medzen.multiregion.plugins.modules import dns_propagation

PARAMS = {
    "record": "ehr.example",
    "type": "CNAME",
    "values": ["New.Example."],
    "same_addresses_as": None,
    "absent": False,
    "nameserver_port": 5300,
    "ask_resolvers": True,
    "more_resolvers": ["192.0.2.53"],
    "resolvers": ["192.0.2.2:5300"],
    "client_subnets": [],
    "wait_timeout": 10,
    "poll_seconds": 1,
}
BALANCER = PARAMS | {"values": None, "same_addresses_as": "lb.example"}
SERVERS = [{"name": "ns1", "server": "192.0.2.3:5300", "kind": "authoritative", "client_subnet": ""}]


def answer(*values, chain=()):
    return Answer("s", values, chain=chain)


def test_values_agree_in_any_spelling():
    expected = dns_propagation.build_expected(PARAMS)
    assert dns_propagation.is_agreed(answer("new.example"), expected, PARAMS)
    assert dns_propagation.is_agreed(answer("old.example"), expected, PARAMS) is False


def test_a_silent_server_neither_agrees_nor_differs():
    assert dns_propagation.is_agreed(Answer("s", None), ("new.example",), PARAMS) is None


@pytest.mark.parametrize(
    ("found", "agrees"),
    [
        (answer("192.0.2.10"), True),
        (answer("192.0.2.10", "192.0.2.11"), True),
        (answer("192.0.2.10", "192.0.2.99"), False),
        (answer(), False),
        (answer(chain=("lb.example",)), True),
        (answer("192.0.2.99", chain=("lb.example",)), True),
        (answer(chain=("old.example",)), False),
    ],
)
def test_a_balancer_is_recognised_by_its_addresses_or_by_its_name_in_the_chain(found, agrees):
    assert dns_propagation.is_agreed(found, ("192.0.2.10", "192.0.2.11"), BALANCER) is agrees


def test_a_balancer_that_cannot_be_resolved_leaves_everything_unknown():
    assert dns_propagation.is_agreed(answer("192.0.2.10"), None, BALANCER) is None


def test_every_address_of_every_name_server_and_each_resolver_is_asked():
    servers = dns_propagation.build_servers(PARAMS, ["192.0.2.3", "192.0.2.4:53"])
    assert [(server["server"], server["kind"]) for server in servers] == [
        ("192.0.2.3:5300", "authoritative"),
        ("192.0.2.4:53", "authoritative"),
        ("192.0.2.2:5300", "recursive"),
        ("192.0.2.53", "recursive"),
    ]


def test_without_resolvers_those_of_the_machine_must_agree(monkeypatch):
    """A watch by the machine's own resolver would see the old side for as long as that one remembers it."""
    monkeypatch.setattr(dns_propagation, "system_servers", lambda: ["192.0.2.54"])
    params = PARAMS | {"resolvers": [], "more_resolvers": []}
    servers = dns_propagation.build_servers(params, ["192.0.2.3"])
    assert [(server["server"], server["kind"]) for server in servers][1:] == [("192.0.2.54", "recursive")]
    assert len(dns_propagation.build_servers(params | {"ask_resolvers": False}, ["192.0.2.3"])) == 1


def test_each_server_is_asked_for_each_network_of_clients():
    params = PARAMS | {
        "client_subnets": ["102.244.0.0/24", "91.0.0.0/24"],
        "ask_resolvers": False,
        "more_resolvers": [],
    }
    servers = dns_propagation.build_servers(params, ["192.0.2.3"])
    assert [(server["server"], server["client_subnet"]) for server in servers] == [
        ("192.0.2.3:5300", "102.244.0.0/24"),
        ("192.0.2.3:5300", "91.0.0.0/24"),
    ]


def test_a_dissenting_server_is_named_with_the_clients_it_answered():
    server = SERVERS[0] | {"client_subnet": "91.0.0.0/24", "agrees": False, "answers": ["192.0.2.99"], "error": ""}
    assert "192.0.2.3:5300 for a client in 91.0.0.0/24 answers" in dns_propagation.describe_dissent([server])


def test_what_is_no_network_of_clients_is_refused():
    with pytest.raises(Refused, match="Cameroon is no network"):
        dns_propagation.check_subnets(PARAMS | {"client_subnets": ["102.244.0.0/24", "Cameroon"]})


@pytest.mark.parametrize(
    ("agreements", "verdict"),
    [([True, True], "pass"), ([True, None], "unknown"), ([None, False], "refuse"), ([True, False], "refuse")],
)
def test_all_must_agree(agreements, verdict):
    assert dns_propagation.judge([{"agrees": agrees} for agrees in agreements]) == verdict


@pytest.mark.parametrize("change", [{"values": None}, {"absent": True}, {"same_addresses_as": "lb"}])
def test_exactly_one_expectation_is_needed(change):
    with pytest.raises(Refused):
        dns_propagation.check_expectation(PARAMS | change)


def watch(monkeypatch, replies, **options):
    time = [0.0]
    iterator = iter(replies)
    monkeypatch.setattr(dns_propagation, "ask", lambda *_a, **_k: next(iterator))
    servers, expected = dns_propagation.watch(
        SERVERS, PARAMS, clock=lambda: time[0], sleep=lambda s: time.__setitem__(0, time[0] + s), **options
    )
    return dns_propagation.build_result(servers, expected, PARAMS)


def test_it_waits_until_the_last_server_agrees_and_notes_when(monkeypatch):
    replies = [answer("old.example"), Answer("s", None), answer("new.example")]
    result = watch(monkeypatch, replies, wait=True)
    assert (result["verdict"], result["propagation_s"], result["gate"]["verdict"]) == ("pass", 2.0, "pass")


def test_agreement_at_once_is_seen_at_once(monkeypatch):
    result = watch(monkeypatch, [answer("new.example")], wait=True)
    assert result["propagation_s"] == 0.0


def test_it_stops_at_its_limit(monkeypatch):
    result = watch(monkeypatch, [answer("old.example")] * 99, wait=True)
    assert result["verdict"] == "refuse" and result["servers"][0]["first_seen_s"] is None


def test_without_waiting_it_asks_once(monkeypatch):
    assert watch(monkeypatch, [answer("old.example")], wait=False)["verdict"] == "refuse"
