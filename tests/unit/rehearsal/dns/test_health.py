# SPDX-License-Identifier: GPL-3.0-or-later
"""Health checks: thresholds, inversion, calculation, and real probes of a local server."""

import asyncio

import pytest

from rehearsal.dns.health import Checker, Outcome, Verdict, count, interval_s, judge, probe

GOOD, BAD = Outcome(True, "Success"), Outcome(False, "Failure")
HTTP = {"Type": "HTTP", "FullyQualifiedDomainName": "ehr.medzenhealth.app", "ResourcePath": "/health"}


def test_a_verdict_turns_only_after_the_threshold_in_a_row():
    verdict, seen = Verdict(), []
    for outcome in (BAD, BAD, GOOD, BAD, BAD, BAD, GOOD, GOOD, GOOD):
        verdict = count(verdict, outcome, 3)
        seen.append(verdict.good)
    assert seen == [True, True, True, True, True, False, False, False, True]


def test_inverted_checks_are_turned_around():
    configs = {"a": {"Type": "TCP", "Inverted": True}, "b": {"Type": "TCP"}}
    assert judge(configs, {"a": Verdict(good=True), "b": Verdict(good=False)}, {}) == {"a": False, "b": False}


def test_a_disabled_check_is_healthy():
    assert judge({"a": {"Type": "TCP", "Disabled": True}}, {"a": Verdict(good=False)}, {}) == {"a": True}


@pytest.mark.parametrize(("threshold", "healthy"), [(1, True), (2, False)])
def test_a_calculated_check_counts_its_healthy_children(threshold, healthy):
    configs = {
        "all": {"Type": "CALCULATED", "ChildHealthChecks": ["a", "b"], "HealthThreshold": threshold},
        "a": {"Type": "TCP"},
        "b": {"Type": "TCP"},
    }
    assert judge(configs, {"b": Verdict(good=False)}, {})["all"] is healthy


def test_a_forced_state_stands_above_the_probes():
    assert judge({"a": {"Type": "TCP"}}, {}, {"a": False}) == {"a": False}


def test_the_interval_is_scaled_and_bounded():
    assert [interval_s({"RequestInterval": 30}, scale) for scale in (1, 60, 6000)] == [30, 0.5, 0.2]


def run_probe(status, config=HTTP, heads=None):
    """Probe a server that answers once with a status."""

    async def answer(reader, writer):
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(f"HTTP/1.1 {status} X\r\n\r\nhello".encode())
        writer.close()

    async def both():
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        outcome = await probe({**config, "Port": port}, lambda name: ["127.0.0.1"], 60)
        server.close()
        return outcome

    heads = [] if heads is None else heads
    return asyncio.run(both())


@pytest.mark.parametrize(("status", "good"), [(200, True), (301, True), (401, False), (503, False)])
def test_a_probe_passes_on_2xx_and_3xx_only(status, good):
    assert run_probe(status).good is good


def test_a_probe_asks_for_the_path_with_the_host_of_the_check():
    heads = []
    run_probe(200, heads=heads)
    assert heads[0].startswith(b"GET /health HTTP/1.1\r\nHost: ehr.medzenhealth.app\r\n")


@pytest.mark.parametrize(("wanted", "good"), [("hello", True), ("goodbye", False)])
def test_a_string_match_reads_the_body(wanted, good):
    assert run_probe(200, {**HTTP, "Type": "HTTP_STR_MATCH", "SearchString": wanted}).good is good


def test_a_name_without_address_fails_and_says_so():
    outcome = asyncio.run(probe(HTTP, lambda name: [], 60))
    assert (outcome.good, "DNS resolution failed" in outcome.text) == (False, True)


def test_a_closed_port_fails():
    config = {"Type": "TCP", "IPAddress": "127.0.0.1", "Port": 1}
    assert asyncio.run(probe(config, lambda name: [], 60)).good is False


def test_verdicts_are_reported_once_until_they_change():
    async def take_twice():
        news = []
        checker = Checker(lambda name: [], news.append)
        configs = {"a": {"Type": "CALCULATED", "ChildHealthChecks": [], "HealthThreshold": 1}}
        checker.take(configs, {}, 60)
        checker.take(configs, {}, 60)
        checker.take(configs, {"a": True}, 60)
        return checker.health, [list(row.values())[0]["healthy"] for row in news]

    assert asyncio.run(take_twice()) == ({"a": True}, [False, True])
