# SPDX-License-Identifier: GPL-3.0-or-later
from ansible_collections.medzen.multiregion.plugins.module_utils.http import Answer, Request
from ansible_collections.medzen.multiregion.plugins.modules import http_probe

STEPS = [
    ("composition", Request("POST", "/composition", expect_status=(201,))),
    ("read back", Request("GET", "/composition/{composition.etag}")),
]


def test_a_later_request_uses_what_an_earlier_one_was_answered():
    sent = []

    def send(request):
        sent.append(request.path)
        return Answer(201, headers={"etag": '"uid::1"', "location": "https://x/composition/uid"})

    http_probe.send_sequence(STEPS, send)
    assert sent == ["/composition", "/composition/uid::1"]


def test_the_first_wrong_answer_ends_the_sequence():
    answers = http_probe.send_sequence(STEPS, lambda _request: Answer(503, error="status", detail="503, expected 201"))
    judgement = http_probe.judge_sequence(answers, STEPS)
    assert (judgement["verdict"], judgement["sent"], judgement["steps"]) == ("refuse", 1, 2)
    assert judgement["reasons"] == ["composition: status 503, expected 201"]


def test_a_sequence_that_was_answered_passes():
    answers = http_probe.send_sequence(STEPS, lambda _request: Answer(201))
    assert http_probe.judge_sequence(answers, STEPS)["verdict"] == "pass"


def test_braces_of_json_and_unknown_names_stay():
    assert http_probe.fill('{"a": {}} {x.etag} {y.etag}', {"x": {"etag": "1"}}) == '{"a": {}} 1 {y.etag}'


def test_the_id_is_the_last_part_of_the_location():
    answer = Answer(201, headers={"location": "https://x/ehr/7d44/", "etag": 'W/"3"'})
    assert http_probe.read_answer(answer) == {"etag": "3", "location": "https://x/ehr/7d44/", "id": "7d44"}


def test_trying_again_stops_at_the_first_pass_and_at_the_limit():
    params = {"url": "http://x/", "wait_timeout": 10, "poll_seconds": 4}
    time = [0]

    def sleep(seconds):
        time[0] += seconds

    verdicts = iter(["refuse", "refuse", "pass"])
    attempt = lambda: {"verdict": next(verdicts), "reasons": []}  # noqa: E731
    found = http_probe.repeat_until_pass(attempt, params, clock=lambda: time[0], sleep=sleep)
    assert found["verdict"] == "pass" and time[0] == 8
    failing = lambda: {"verdict": "refuse", "reasons": []}  # noqa: E731
    assert http_probe.repeat_until_pass(failing, params, clock=lambda: time[0], sleep=sleep)["verdict"] == "refuse"
    assert time[0] == 18


def test_a_later_request_uses_what_was_captured_of_an_answer():
    sent = []

    def send(request):
        sent.append(request.path)
        return Answer(201, captured={"meeting_id": "7979"})

    steps = [("visit", Request("POST", "/meetings")), ("end", Request("DELETE", "/meetings/{visit.meeting_id}"))]
    answers = http_probe.send_sequence(steps, send)
    assert sent == ["/meetings", "/meetings/7979"]
    assert http_probe.judge_sequence(answers, steps)["answers"][0]["captured"] == {"meeting_id": "7979"}
