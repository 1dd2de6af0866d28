# SPDX-License-Identifier: GPL-3.0-or-later
import ssl
import threading

import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils import http
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.http import Answer, Request, Window
from ansible_collections.medzen.multiregion.plugins.module_utils.resolver import ResolveError

GOOD, BAD = Answer(200, 10.0), Answer(503, 5.0, error="status")


def test_a_balancer_is_connected_to_by_its_own_name_with_the_services_host():
    place = http.build_place("https://ehr.example:8443/health?x=1", connect_to="lb.example")
    assert (place.host, place.port) == ("lb.example", 8443)
    assert (place.server_name, place.host_header) == ("ehr.example", "ehr.example:8443")


@pytest.mark.parametrize(
    ("url", "path"), [("http://x", "/"), ("http://x/a", "/a"), ("http://x/a?b=1", "/a?b=1"), ("http://x?b=1", "/?b=1")]
)
def test_the_path_of_a_url_has_its_query(url, path):
    assert http.build_path(url) == path


def test_connect_to_may_carry_its_port():
    place = http.build_place("https://ehr.example/", connect_to="lb.example:9443")
    assert (place.host, place.port) == ("lb.example", 9443)


@pytest.mark.parametrize("url", ["ehr.example", "ftp://ehr.example/", "https:///path"])
def test_what_is_no_url_is_refused(url):
    with pytest.raises(Refused):
        http.build_place(url)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ResolveError("x"), "dns"),
        (ssl.SSLCertVerificationError("x"), "tls"),
        (TimeoutError(), "timeout"),
        (ConnectionRefusedError(), "connect"),
        (http.http.client.BadStatusLine("x"), "protocol"),
    ],
)
def test_errors_are_counted_by_class(error, expected):
    assert http.classify(error) == expected


def test_an_answer_must_have_the_expected_status_and_text():
    request = Request(expect_status=(200, 401), body_contains="UP")
    assert http.check_answer(request, 401, {}, "UP", 1.0, None).ok
    assert http.check_answer(request, 500, {}, "UP", 1.0, None).error == "status"
    assert http.check_answer(request, 200, {}, "DOWN", 1.0, None).error == "body"


def test_a_failed_request_is_an_answer_with_its_error(monkeypatch):
    def fail(*_args):
        raise ConnectionRefusedError("refused")

    monkeypatch.setattr(http, "resolve", lambda *_args: ["192.0.2.1"])
    monkeypatch.setattr(http, "_exchange", fail)
    place = http.build_place("http://ehr.example/")
    answer = http.send(place, Request(), None, clock=lambda: 0)
    assert (answer.error, answer.address) == ("connect", "192.0.2.1")


def test_the_password_of_a_place_is_not_shown():
    place = http.build_place("http://x/", authorization=http.basic_authorization("u", "secret"))
    assert place.authorization == "Basic dTpzZWNyZXQ=" and "dTpzZWNyZXQ" not in repr(place)


@pytest.mark.parametrize(
    ("good", "bad", "budget", "verdict"), [(99, 1, 1.0, "pass"), (98, 2, 1.0, "refuse"), (0, 0, 1.0, "unknown")]
)
def test_the_error_budget_decides(good, bad, budget, verdict):
    assert http.judge([GOOD] * good + [BAD] * bad, Window(10, 10, budget))["verdict"] == verdict


def test_the_latency_decides_too_and_errors_do_not_count_as_fast():
    judgement = http.judge([GOOD] * 50 + [BAD] * 50, Window(10, 10, 100, latency_p95_ms_max=9))
    assert judgement["verdict"] == "refuse" and judgement["latency_p95_ms"] == 10.0
    assert judgement["errors"] == {"status 503": 50}


@pytest.mark.parametrize(("percent", "value"), [(50, 5), (95, 10), (100, 10)])
def test_a_percentile_is_a_value_that_was_measured(percent, value):
    assert http.percentile(range(1, 11), percent) == value


def test_no_value_has_no_percentile():
    assert http.percentile([], 95) is None


class Pace:
    def __init__(self):
        self.seconds = 0.0

    def __call__(self):
        return self.seconds

    def sleep(self, seconds):
        self.seconds += seconds


def test_a_window_keeps_its_pace():
    pace = Pace()
    answers = http.watch(lambda: GOOD, Window(2, 10, 0), clock=pace, sleep=pace.sleep, workers=1)
    assert len(answers) == 20 and pace.seconds == pytest.approx(2)


def test_a_window_ends_early_once_its_budget_is_spent():
    pace, answered = Pace(), threading.Semaphore(0)

    def shoot():
        answered.release()
        return BAD

    def sleep(seconds):
        # One answer is on its way in before each further shot.
        assert answered.acquire(timeout=5)
        pace.sleep(seconds)

    seen = http.watch(shoot, Window(10, 10, 5), clock=pace, sleep=sleep, workers=1)
    assert 5 < len(seen) < 20


CAPTURING = http.Request("POST", "/meetings", expect_status=(201,), capture=(("id", "meeting.MeetingId"),))


def test_a_value_of_a_json_answer_is_captured_and_nothing_else():
    answer = http.check_answer(CAPTURING, 201, {}, '{"meeting": {"MeetingId": "7979"}, "token": "secret"}', 1.0, None)
    assert (answer.ok, answer.captured) == (True, {"id": "7979"})


@pytest.mark.parametrize("body", ["", "no json", "[]", '{"meeting": {}}', '{"meeting": {"MeetingId": {}}}'])
def test_an_answer_without_what_is_to_be_captured_is_wrong(body):
    answer = http.check_answer(CAPTURING, 201, {}, body, 1.0, None)
    assert (answer.error, answer.detail) == ("body", "meeting.MeetingId is not in the answer")
