# SPDX-License-Identifier: GPL-3.0-or-later
"""A request to an HTTP API on its way to the cloud and back."""

import base64

from aiohttp.test_utils import make_mocked_request

from rehearsal.edge.http_apis import build_answer, describe, failure

ACTION = {"type": "http-api", "region": "eu-west-1", "entry": "abc"}


def test_a_request_is_handed_over_as_it_came():
    request = make_mocked_request("POST", "/a%20b/c?x=1&x=2", {"X-One": "1", "Connection": "close"})
    row = describe(ACTION, request, b"\xff")
    assert (row["region"], row["entry"], row["method"]) == ("eu-west-1", "abc", "POST")
    assert (row["path"], row["query"], base64.b64decode(row["body"])) == ("/a%20b/c", "x=1&x=2", b"\xff")
    assert row["headers"] == [("X-One", "1")]


def test_an_answer_keeps_every_cookie_and_its_own_length():
    headers = [("Content-Type", "audio/mpeg"), ("Content-Length", "999"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")]
    answer = build_answer({"status": 201, "headers": headers, "body": base64.b64encode(b"mp3").decode()})
    assert (answer.status, answer.body, answer.content_type) == (201, b"mp3", "audio/mpeg")
    assert answer.headers.getall("Set-Cookie") == ["a=1", "b=2"]
    assert answer.headers.get("Content-Length") in (None, "3")


def test_a_failure_has_api_gateways_form():
    answer = failure(503, "Service Unavailable")
    assert (answer.status, answer.body) == (503, b'{"message": "Service Unavailable"}')
