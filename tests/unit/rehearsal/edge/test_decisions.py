# SPDX-License-Identifier: GPL-3.0-or-later
"""Health verdicts, choice of a target, headers and redirects: values in, values out."""

import pytest
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from rehearsal.edge.health import Failure, TargetHealth
from rehearsal.edge.model import Certificate, HealthCheck, Listener, Target, parse_matcher
from rehearsal.edge.proxy import forward_headers, redirect, strip_headers
from rehearsal.edge.targets import choose_ready

CHECK = HealthCheck("HTTP", "/health", "traffic-port", 30, 5, 3, 2, frozenset({200}))
BAD = Failure("Target.Timeout", "Request timed out")
ONE, TWO, LEAVING = Target("127.0.0.1", 1, False), Target("127.0.0.1", 2, False), Target("127.0.0.1", 3, True)


def health_after(*results):
    health = TargetHealth()
    for failure in results:
        health.add(failure, CHECK)
    return health.row()["state"]


@pytest.mark.parametrize(
    "results,state",
    [
        ([], "initial"),
        ([None], "healthy"),
        ([BAD], "initial"),
        ([BAD, None], "healthy"),
        ([BAD, BAD], "unhealthy"),
        ([None, BAD], "healthy"),
        ([None, BAD, None, BAD], "healthy"),
        ([None, BAD, BAD], "unhealthy"),
        ([BAD, BAD, None, None], "unhealthy"),
        ([BAD, BAD, None, None, None], "healthy"),
    ],
)
def test_a_new_target_needs_one_good_probe_and_changes_take_the_thresholds(results, state):
    assert health_after(*results) == state


def test_an_unhealthy_target_says_why():
    health = TargetHealth()
    health.add(BAD, CHECK)
    health.add(BAD, CHECK)
    assert health.row() == {"state": "unhealthy", "reason": BAD.reason, "description": BAD.description}


@pytest.mark.parametrize("text,codes", [("200", {200}), ("200,401", {200, 401}), ("200-202", {200, 201, 202})])
def test_a_matcher_is_codes_and_ranges(text, codes):
    assert parse_matcher(text) == codes


def test_probes_follow_the_clock_but_leave_a_busy_machine_its_time():
    assert CHECK.real_interval_s(60) == 0.5
    assert CHECK.real_timeout_s(60) == 1.0


def test_only_healthy_targets_get_requests():
    assert choose_ready([ONE, TWO, LEAVING], {ONE.key, LEAVING.key}) == [ONE]


def test_without_a_healthy_target_all_that_stay_get_requests():
    assert choose_ready([ONE, TWO, LEAVING], set()) == [ONE, TWO]


def test_headers_of_one_connection_do_not_pass():
    headers = {"Connection": "close, X-Private", "X-Private": "1", "Transfer-Encoding": "chunked", "X-Other": "2"}
    assert dict(strip_headers(CIMultiDict(headers))) == {"X-Other": "2"}


def test_the_target_learns_who_asked_and_how():
    request = make_mocked_request("GET", "/", headers={"X-Forwarded-For": "10.0.0.1", "Host": "ehr"})
    headers = forward_headers(request, Listener(8443, Certificate("c", "k"), ()))
    assert headers["X-Forwarded-For"].startswith("10.0.0.1, ")
    assert (headers["X-Forwarded-Proto"], headers["X-Forwarded-Port"], headers["Host"]) == ("https", "8443", "ehr")
    assert headers["X-Amzn-Trace-Id"].startswith("Root=1-")


@pytest.mark.parametrize(
    "port,location",
    [("8443", "https://ehr.example:8443/a?b=1"), ("443", "https://ehr.example/a?b=1")],
)
def test_a_redirect_keeps_what_it_does_not_name(port, location):
    request = make_mocked_request("GET", "/a?b=1", headers={"Host": "ehr.example:8080"})
    answer = redirect({"type": "redirect", "protocol": "HTTPS", "port": port, "status": 301}, request, tls=False)
    assert (answer.status, answer.headers["Location"]) == (301, location)
