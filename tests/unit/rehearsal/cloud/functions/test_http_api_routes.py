# SPDX-License-Identifier: GPL-3.0-or-later
"""Routes, stages, mappings, events and results of HTTP APIs, taken alone."""

import base64
import json

import pytest

from rehearsal.cloud.http_apis import tokens
from rehearsal.cloud.http_apis.events import HttpRequest, Place, build_event, read_result
from rehearsal.cloud.http_apis.routes import Match, choose, choose_mapping, choose_stage

KEYS = ["GET /meetings/{id}", "ANY /meetings/{id}", "GET /meetings/all", "GET /{proxy+}", "$default"]


@pytest.mark.parametrize(
    ("method", "path", "key"),
    [
        ("GET", "/meetings/all", "GET /meetings/all"),
        ("GET", "/meetings/7", "GET /meetings/{id}"),
        ("DELETE", "/meetings/7", "ANY /meetings/{id}"),
        ("GET", "/meetings/7/more", "GET /{proxy+}"),
        ("POST", "/other", "$default"),
    ],
)
def test_the_most_specific_route_takes_a_request(method, path, key):
    assert choose(KEYS, method, path).route_key == key


def test_a_request_without_a_route_has_none():
    assert choose(["GET /meetings/{id}"], "GET", "/meetings/") is None


def test_variables_take_their_part_of_the_path():
    assert choose(["GET /a/{id}/{rest+}"], "GET", "/a/7/b/c").parameters == {"id": "7", "rest": "b/c"}


def test_a_named_stage_is_the_first_part_of_the_path_and_default_takes_the_rest():
    assert choose_stage(["$default", "live"], "/live/meetings") == ("live", "/meetings")
    assert choose_stage(["$default", "live"], "/meetings") == ("$default", "/meetings")
    assert choose_stage(["live"], "/meetings") is None


def test_the_longest_mapping_key_wins():
    assert choose_mapping(["", "v1", "v1/chime"], "/v1/chime/meetings") == ("v1/chime", "/meetings")
    assert choose_mapping(["", "v1"], "/v10/meetings") == ("", "/v10/meetings")
    assert choose_mapping(["v1"], "/v2") is None


REQUEST = HttpRequest(
    "POST", "/meetings/7", "a=1&a=2", (("X-One", "1"), ("x-one", "2"), ("Cookie", "k=v; l=w")), b'{"b": 1}', "127.0.0.1"
)
PLACE = Place(
    "abc", "$default", "abc.execute-api.eu-west-1.amazonaws.com", Match("POST /meetings/{id}", {"id": "7"}), {}
)


def test_an_event_has_the_form_of_payload_format_2():
    event = build_event(REQUEST, PLACE, "id-1", 1_800_000_000.0)
    assert event["headers"] == {"x-one": "1,2"}
    assert event["cookies"] == ["k=v", "l=w"]
    assert event["queryStringParameters"] == {"a": "1,2"}
    assert event["pathParameters"] == {"id": "7"}
    assert (event["body"], event["isBase64Encoded"]) == ('{"b": 1}', False)
    context = event["requestContext"]
    assert (context["routeKey"], context["timeEpoch"]) == ("POST /meetings/{id}", 1_800_000_000_000)
    assert context["http"] == {
        "method": "POST", "path": "/meetings/7", "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": ""
    }  # fmt: skip


def test_a_body_that_is_no_text_is_encoded():
    request = HttpRequest("POST", "/", "", (("Content-Type", "audio/mpeg"),), b"\xff\x00", "")
    event = build_event(request, PLACE, "id-1", 0.0)
    assert (base64.b64decode(event["body"]), event["isBase64Encoded"]) == (b"\xff\x00", True)


def test_a_result_with_a_status_is_a_whole_answer():
    answer = read_result({"statusCode": 201, "headers": {"X-A": "1"}, "cookies": ["k=v"], "body": "made"})
    assert (answer.status, answer.body) == (201, b"made")
    assert ("X-A", "1") in answer.headers and ("Set-Cookie", "k=v") in answer.headers


def test_a_result_without_a_status_is_the_body_of_a_200():
    answer = read_result({"meeting": 1})
    assert (answer.status, json.loads(answer.body)) == (200, {"meeting": 1})
    assert answer.headers == [("Content-Type", "application/json")]


def test_a_result_that_cannot_be_an_answer_is_an_error_of_the_server():
    assert read_result({"statusCode": "soon"}).status == 500


def token(claims):
    part = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"Bearer e30.{part}.signature"


GOOD = {"iss": "https://issuer", "aud": "app", "exp": 200, "scope": "visit chat"}


@pytest.mark.parametrize("wrong", [{"iss": "https://other"}, {"aud": "other"}, {"exp": 99}, {"nbf": 101}])
def test_a_token_with_a_wrong_claim_is_not_valid(wrong):
    assert tokens.is_valid(tokens.read_claims(token(GOOD)), "https://issuer", ["app"], 100)
    assert not tokens.is_valid(tokens.read_claims(token(GOOD | wrong)), "https://issuer", ["app"], 100)


def test_what_is_no_token_has_no_claims():
    assert tokens.read_claims("Bearer nonsense") is None


def test_one_of_the_wanted_scopes_is_enough():
    assert tokens.has_scope(GOOD, ["chat", "other"])
    assert not tokens.has_scope(GOOD, ["other"])
