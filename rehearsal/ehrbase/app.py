# SPDX-License-Identifier: GPL-3.0-or-later
"""EHRbase's REST API as far as the move touches it."""

from __future__ import annotations

import hmac
import json
import re
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from rehearsal.ehrbase.aql import answer_query
from rehearsal.ehrbase.outcome import Refusal, classify
from rehearsal.ehrbase.settings import AppSettings
from rehearsal.ehrbase.store import (
    Store,
    VersionUid,
    join_composition,
    parse_uuid,
    parse_version_uid,
    split_composition,
)

BASE = "/ehrbase"
API = f"{BASE}/rest/openehr/v1"
HEALTH = f"{BASE}/management/health"
BODY_BYTES_MAX = 20 * 1024 * 1024
TEMPLATE_ID = re.compile(r"<template_id>\s*<value>\s*([^<]+?)\s*</value>")
STORE: web.AppKey[Store] = web.AppKey("store", Store)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def build_app(settings: AppSettings, store: Store) -> web.Application:
    app = web.Application(middlewares=[_guard(settings)], client_max_size=BODY_BYTES_MAX)
    app[STORE] = store
    app.add_routes(
        [
            web.get(HEALTH, get_health),
            web.get(f"{BASE}/rest/status", get_status),
            web.post(f"{API}/ehr", post_ehr),
            web.put(f"{API}/ehr/{{ehr_id}}", put_ehr),
            web.get(f"{API}/ehr/{{ehr_id}}", get_ehr),
            web.post(f"{API}/ehr/{{ehr_id}}/composition", post_composition),
            web.get(f"{API}/ehr/{{ehr_id}}/composition/{{uid}}", get_composition),
            web.put(f"{API}/ehr/{{ehr_id}}/composition/{{uid}}", put_composition),
            web.get(f"{API}/definition/template/adl1.4", get_templates),
            web.post(f"{API}/definition/template/adl1.4", post_template),
            web.post(f"{API}/query/aql", post_query),
        ]
    )
    return app


def _guard(settings: AppSettings) -> Any:
    """Let nobody in without the credentials, and turn failures into answers that say whether a write was applied."""

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not _is_let_in(request, settings):
            return _json({"error": 401, "message": "Unauthorized"}, 401, {"WWW-Authenticate": 'Basic realm="ehrbase"'})
        try:
            return await handler(request)
        except web.HTTPException:
            raise
        except Exception as problem:
            return _refused(classify(problem))

    return guard


def _is_let_in(request: web.Request, settings: AppSettings) -> bool:
    if not settings.authorization or (settings.health_open and request.path == HEALTH):
        return True
    given = request.headers.get("Authorization", "")
    return hmac.compare_digest(given.encode(), settings.authorization.encode())


def _refused(refusal: Refusal) -> web.Response:
    headers = {}
    if refusal.retry_after_s:
        headers["Retry-After"] = str(refusal.retry_after_s)
    if refusal.etag:
        headers["ETag"] = f'"{refusal.etag}"'
    return _json(refusal.body(), refusal.status, headers)


def _json(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    return _answer(json.dumps(value).encode(), status, headers or {})


def _answer(body: bytes, status: int, headers: dict[str, str]) -> web.Response:
    headers = {"Content-Type": "application/json; charset=UTF-8", **headers}
    return web.Response(body=body, status=status, headers=headers)


def _wants_content(request: web.Request) -> bool:
    return "return=representation" in request.headers.get("Prefer", "")


async def get_health(request: web.Request) -> web.StreamResponse:
    try:
        await request.app[STORE].is_up()
    except Exception as problem:
        return _json({"status": "DOWN", "components": {"db": {"status": "DOWN", "details": f"{problem}"}}}, 503)
    return _json({"status": "UP"})


async def get_status(request: web.Request) -> web.StreamResponse:
    await request.app[STORE].is_up()
    return _json({"ehrbase_version": "stand-in", "openehr_sdk_version": "none", "archie_version": "none"})


async def post_ehr(request: web.Request) -> web.StreamResponse:
    return await _create_ehr(request, uuid.uuid4())


async def put_ehr(request: web.Request) -> web.StreamResponse:
    return await _create_ehr(request, parse_uuid(request.match_info["ehr_id"]))


async def _create_ehr(request: web.Request, ehr_id: uuid.UUID) -> web.StreamResponse:
    store = request.app[STORE]
    await store.create_ehr(ehr_id)
    content = await store.find_ehr(ehr_id) if _wants_content(request) else {"ehr_id": {"value": str(ehr_id)}}
    return _json(content, 201, {"ETag": f'"{ehr_id}"', "Location": f"{API}/ehr/{ehr_id}"})


async def get_ehr(request: web.Request) -> web.StreamResponse:
    ehr_id = parse_uuid(request.match_info["ehr_id"])
    return _json(await request.app[STORE].find_ehr(ehr_id), headers={"ETag": f'"{ehr_id}"'})


async def post_composition(request: web.Request) -> web.StreamResponse:
    ehr_id = parse_uuid(request.match_info["ehr_id"])
    marker, data = split_composition(await request.read())
    uid = await request.app[STORE].create_composition(ehr_id, marker, data)
    return _written(request, ehr_id, uid, data, 201)


async def put_composition(request: web.Request) -> web.StreamResponse:
    ehr_id, object_id = (parse_uuid(request.match_info[name]) for name in ("ehr_id", "uid"))
    if "If-Match" not in request.headers:
        raise Refusal(400, "An update needs If-Match with the version uid that it follows.")
    before = parse_version_uid(request.headers["If-Match"])
    if before.object_id != object_id:
        raise Refusal(412, f"If-Match names {before.object_id}; expected {object_id}.")
    marker, data = split_composition(await request.read())
    uid = await request.app[STORE].update_composition(ehr_id, before, marker, data)
    return _written(request, ehr_id, uid, data, 200)


def _written(request: web.Request, ehr_id: uuid.UUID, uid: VersionUid, data: str, status: int) -> web.Response:
    body = join_composition(uid, data) if _wants_content(request) else b""
    return _answer(body, status, {"ETag": f'"{uid}"', "Location": f"{API}/ehr/{ehr_id}/composition/{uid}"})


async def get_composition(request: web.Request) -> web.StreamResponse:
    ehr_id = parse_uuid(request.match_info["ehr_id"])
    object_id, version = _object_and_version(request.match_info["uid"])
    uid, data = await request.app[STORE].read_composition(ehr_id, object_id, version)
    return _answer(join_composition(uid, data), 200, {"ETag": f'"{uid}"'})


def _object_and_version(text: str) -> tuple[uuid.UUID, int | None]:
    """An object's own id means its current version."""
    if "::" not in text:
        return parse_uuid(text), None
    uid = parse_version_uid(text)
    return uid.object_id, uid.version


async def get_templates(request: web.Request) -> web.StreamResponse:
    return _json(await request.app[STORE].list_templates())


async def post_template(request: web.Request) -> web.StreamResponse:
    content = (await request.read()).decode(errors="replace")
    found = TEMPLATE_ID.search(content)
    if found is None:
        raise Refusal(400, "The template has no <template_id><value>.")
    await request.app[STORE].add_template(found[1], content)
    return _answer(b"", 201, {"ETag": f'"{found[1]}"', "Location": f"{API}/definition/template/adl1.4/{found[1]}"})


async def post_query(request: web.Request) -> web.StreamResponse:
    try:
        body = json.loads(await request.read())
    except ValueError as problem:
        raise Refusal(400, f"The query is no JSON: {problem}") from None
    return _json(await answer_query(request.app[STORE], body))
