# SPDX-License-Identifier: GPL-3.0-or-later
"""EHRbase's REST API over a store in memory."""

import asyncio
import json
import uuid

import asyncpg
import pytest
from aiohttp import encode_basic_auth
from aiohttp.test_utils import TestClient, TestServer

from rehearsal.ehrbase.app import API, HEALTH, build_app
from rehearsal.ehrbase.outcome import Refusal
from rehearsal.ehrbase.settings import read_settings
from rehearsal.ehrbase.store import VersionUid
from tests.unit.rehearsal.ehrbase.test_settings import ENVIRONMENT, OPEN

EHR = uuid.UUID(int=1)
AUTH = {"Authorization": encode_basic_auth("ehrbase-user", "secret")}


class Store:
    """Compositions by id; `problem` is raised by every call."""

    def __init__(self):
        self.problem, self.versions = None, {}

    async def is_up(self):
        if self.problem:
            raise self.problem

    async def create_ehr(self, ehr_id):
        await self.is_up()

    async def create_composition(self, ehr_id, marker, data):
        await self.is_up()
        uid = VersionUid(uuid.uuid4(), "node", 1)
        self.versions[uid.object_id] = [(marker, data)]
        return uid

    async def update_composition(self, ehr_id, before, marker, data):
        versions = self.versions[before.object_id]
        if before.version != len(versions):
            raise Refusal(412, "other version", etag=f"{before.object_id}::node::{len(versions)}")
        versions.append((marker, data))
        return VersionUid(before.object_id, "node", len(versions))

    async def read_composition(self, ehr_id, object_id, version):
        versions = self.versions[object_id]
        version = version or len(versions)
        return VersionUid(object_id, "node", version), versions[version - 1][1]

    async def count_compositions(self, ehr_id):
        return len(self.versions) if ehr_id is None else 0

    async def find_marked(self, markers):
        return [("uid", marker) for marker in markers if marker != "absent"]


@pytest.fixture
def store():
    return Store()


@pytest.fixture
def ask(store):
    """Send one request: ask("GET", path, headers=..., json=...) gives status, headers and body."""

    def send(method, path, *, authorized=True, **options):
        options["headers"] = (AUTH if authorized else {}) | options.get("headers", {})

        async def run():
            app = build_app(read_settings({**ENVIRONMENT, **OPEN}), store)
            async with TestClient(TestServer(app)) as client, client.request(method, path, **options) as answer:
                body = await answer.read()
                return answer.status, answer.headers, json.loads(body) if body.startswith(b"{") else body

        return asyncio.run(run())

    return send


def test_health_is_open_and_follows_the_database(ask, store):
    assert ask("GET", HEALTH, authorized=False)[::2] == (200, {"status": "UP"})
    store.problem = ConnectionRefusedError("no")
    assert ask("GET", HEALTH, authorized=False)[0] == 503


def test_everything_else_wants_the_credentials(ask):
    status, headers, _ = ask("GET", "/ehrbase/rest/status", authorized=False)
    assert (status, headers["WWW-Authenticate"]) == (401, 'Basic realm="ehrbase"')
    assert ask("GET", "/ehrbase/rest/status")[0] == 200


def test_a_composition_is_created_followed_up_and_read_in_both_versions(ask):
    status, headers, body = ask("POST", f"{API}/ehr/{EHR}/composition", json={"marker": "m", "n": 1})
    uid = headers["ETag"].strip('"')
    assert (status, body, headers["Location"]) == (201, b"", f"{API}/ehr/{EHR}/composition/{uid}")
    path = f"{API}/ehr/{EHR}/composition/{uid.split('::')[0]}"
    status, headers, _ = ask("PUT", path, json={"n": 2}, headers={"If-Match": f'"{uid}"'})
    assert (status, headers["ETag"]) == (200, f'"{uid[:-1]}2"')
    assert ask("GET", path)[2]["n"] == 2
    assert ask("GET", f"{API}/ehr/{EHR}/composition/{uid}")[2]["n"] == 1


def test_an_update_needs_the_current_version(ask):
    uid = ask("POST", f"{API}/ehr/{EHR}/composition", json={"n": 1})[1]["ETag"].strip('"')
    path = f"{API}/ehr/{EHR}/composition/{uid.split('::')[0]}"
    assert ask("PUT", path, json={"n": 2})[0] == 400
    status, headers, body = ask("PUT", path, json={"n": 2}, headers={"If-Match": f"{uid[:-1]}7"})
    assert (status, headers["ETag"], body["applied"]) == (412, f'"{uid}"', False)


def test_content_comes_back_when_it_is_asked_for(ask):
    headers = {"Prefer": "return=representation"}
    body = ask("POST", f"{API}/ehr/{EHR}/composition", json={"n": 1}, headers=headers)[2]
    assert body["n"] == 1 and body["uid"]["value"].endswith("::1")


def test_a_fenced_write_says_to_come_back(ask, store):
    store.problem = asyncpg.ReadOnlySQLTransactionError("medzen fence")
    status, headers, body = ask("POST", f"{API}/ehr/{EHR}/composition", json={"n": 1})
    assert (status, headers["Retry-After"], body["applied"]) == (503, "1", False)


def test_an_ehr_that_exists_is_a_conflict(ask, store):
    assert ask("PUT", f"{API}/ehr/{EHR}")[1]["ETag"] == f'"{EHR}"'
    store.problem = asyncpg.UniqueViolationError("x")
    assert ask("PUT", f"{API}/ehr/{EHR}")[0] == 409


@pytest.mark.parametrize(
    "query,rows",
    [
        ("SELECT COUNT(*) FROM EHR e CONTAINS COMPOSITION c", [[0]]),
        (f"select count(c) from EHR e where e/ehr_id/value = '{EHR}'", [[0]]),
        ("SELECT c FROM COMPOSITION c WHERE c/marker = 'm1'", [["uid", "m1"]]),
        ("SELECT c FROM COMPOSITION c WHERE c/marker matches {'m1', 'm2'}", [["uid", "m1"], ["uid", "m2"]]),
        ("SELECT COUNT(*) FROM COMPOSITION c WHERE c/marker matches {'m1', 'absent'}", [[1]]),
    ],
)
def test_the_little_aql_is_answered(ask, query, rows):
    assert ask("POST", f"{API}/query/aql", json={"q": query})[2]["rows"] == rows


def test_a_parameter_stands_for_its_value(ask):
    query = {"q": "SELECT c FROM COMPOSITION c WHERE c/marker = $m", "query_parameters": {"m": "m9"}}
    assert ask("POST", f"{API}/query/aql", json=query)[2]["rows"] == [["uid", "m9"]]
    assert ask("POST", f"{API}/query/aql", json={"q": query["q"]})[0] == 400


def test_other_aql_is_refused_rather_than_guessed(ask):
    assert ask("POST", f"{API}/query/aql", json={"q": "SELECT c FROM COMPOSITION c"})[0] == 400
