# SPDX-License-Identifier: GPL-3.0-or-later
"""EHRs, compositions and templates in SQL: one write is one transaction of one statement."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import asyncpg

from rehearsal.ehrbase.database import STATEMENT_SECONDS, write_transaction
from rehearsal.ehrbase.outcome import Refusal
from rehearsal.ehrbase.statements import (
    ADD_TEMPLATE,
    CREATE_COMPOSITION,
    CREATE_EHR,
    FIND_EHR,
    FIND_MARKED,
    LOCK_COMPOSITION,
    READ_CURRENT,
    READ_OLD,
    UPDATE_COMPOSITION,
)

# Text of a marker, or none.
Marker = str | None


@dataclass(frozen=True)
class VersionUid:
    """`<uuid>::<system>::<version>`, the name of one version of one object."""

    object_id: uuid.UUID
    system: str
    version: int

    def __str__(self) -> str:
        return f"{self.object_id}::{self.system}::{self.version}"


def parse_uuid(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        raise Refusal(400, f"{text!r} is no UUID.") from None


def parse_version_uid(text: str) -> VersionUid:
    """Read an If-Match value or a path; quotes around it are an ETag's."""
    parts = text.strip().removeprefix("W/").strip('"').split("::")
    if len(parts) != 3 or not parts[2].isdigit():
        raise Refusal(400, f"{text!r} is no version uid; expected <uuid>::<system>::<version>.")
    return VersionUid(parse_uuid(parts[0]), parts[1], int(parts[2]))


class Store:
    """What the REST API needs of the database."""

    def __init__(self, pool: asyncpg.Pool, nodename: str) -> None:
        self._pool = pool
        self._nodename = nodename

    async def is_up(self) -> None:
        """Raise whatever stands between us and an answer of the database."""
        await self._fetchrow("SELECT 1")

    async def create_ehr(self, ehr_id: uuid.UUID) -> None:
        status = '{"_type": "EHR_STATUS", "is_queryable": true, "is_modifiable": true}'
        async with write_transaction(self._pool) as connection:
            await connection.execute(CREATE_EHR, ehr_id, _now(), uuid.uuid4(), uuid.uuid4(), uuid.uuid4(), status)

    async def find_ehr(self, ehr_id: uuid.UUID) -> dict[str, Any]:
        row = await self._fetchrow(FIND_EHR, ehr_id)
        if row is None:
            raise Refusal(404, f"No EHR {ehr_id}.")
        return {
            "system_id": {"value": self._nodename},
            "ehr_id": {"value": str(ehr_id)},
            "ehr_status": {"id": {"value": str(VersionUid(row["vo_id"], self._nodename, row["sys_version"]))}},
            "time_created": {"value": row["creation_date"].isoformat()},
        }

    async def create_composition(self, ehr_id: uuid.UUID, marker: Marker, data: str) -> VersionUid:
        object_id = uuid.uuid4()
        async with write_transaction(self._pool) as connection:
            await connection.execute(
                CREATE_COMPOSITION, object_id, _now(), uuid.uuid4(), uuid.uuid4(), ehr_id, marker, data
            )
        return VersionUid(object_id, self._nodename, 1)

    async def update_composition(self, ehr_id: uuid.UUID, before: VersionUid, marker: Marker, data: str) -> VersionUid:
        """Store the next version, if `before` is the current one and was made under our own name."""
        async with write_transaction(self._pool) as connection:
            version = await connection.fetchval(LOCK_COMPOSITION, before.object_id, ehr_id)
            self._compare(ehr_id, before, version)
            await connection.execute(
                UPDATE_COMPOSITION, before.object_id, _now(), uuid.uuid4(), uuid.uuid4(), ehr_id, marker, data
            )
        return VersionUid(before.object_id, self._nodename, before.version + 1)

    def _compare(self, ehr_id: uuid.UUID, before: VersionUid, version: int | None) -> None:
        if version is None:
            raise Refusal(404, f"No composition {before.object_id} in EHR {ehr_id}.")
        current = VersionUid(before.object_id, self._nodename, version)
        if current != before:
            raise Refusal(412, f"If-Match is {before}; expected {current}.", etag=str(current))

    async def read_composition(
        self, ehr_id: uuid.UUID, object_id: uuid.UUID, version: int | None
    ) -> tuple[VersionUid, str]:
        """The current version, or an old one from the history."""
        row = await self._fetchrow(READ_CURRENT, object_id, ehr_id)
        if row is not None and version not in (None, row["sys_version"]):
            row = await self._fetchrow(READ_OLD, object_id, ehr_id, version)
        if row is None:
            raise Refusal(404, f"No composition {object_id} (version {version or 'current'}) in EHR {ehr_id}.")
        return VersionUid(object_id, self._nodename, row["sys_version"]), row["data"]

    async def add_template(self, template_id: str, content: str) -> None:
        async with write_transaction(self._pool) as connection:
            await connection.execute(ADD_TEMPLATE, uuid.uuid4(), template_id, content, _now())

    async def list_templates(self) -> list[dict[str, str]]:
        rows = await self._fetch("SELECT template_id, creation_time FROM ehr.template_store ORDER BY template_id")
        return [
            {"template_id": row["template_id"], "created_timestamp": row["creation_time"].isoformat()} for row in rows
        ]

    async def count_compositions(self, ehr_id: uuid.UUID | None) -> int:
        if ehr_id is None:
            return (await self._fetchrow("SELECT count(*) FROM ehr.comp_version"))[0]
        return (await self._fetchrow("SELECT count(*) FROM ehr.comp_version WHERE ehr_id = $1", ehr_id))[0]

    async def find_marked(self, markers: list[str]) -> list[tuple[str, str]]:
        """(uid, marker) of every version, current or old, that carries one of the markers."""
        rows = await self._fetch(FIND_MARKED, markers)
        return [(str(VersionUid(row["vo_id"], self._nodename, row["sys_version"])), row["marker"]) for row in rows]

    async def _fetch(self, statement: str, *values: Any) -> list[asyncpg.Record]:
        async with self._pool.acquire(timeout=STATEMENT_SECONDS) as connection:
            return await connection.fetch(statement, *values)

    async def _fetchrow(self, statement: str, *values: Any) -> asyncpg.Record | None:
        async with self._pool.acquire(timeout=STATEMENT_SECONDS) as connection:
            return await connection.fetchrow(statement, *values)


def split_composition(body: bytes) -> tuple[str | None, str]:
    """Marker and stored text of a composition; its uid is the server's to give."""
    try:
        composition = json.loads(body)
    except ValueError as problem:
        raise Refusal(400, f"The composition is no JSON: {problem}") from None
    if not isinstance(composition, dict) or not composition:
        raise Refusal(400, "The composition is empty or no JSON object.")
    composition.pop("uid", None)
    marker = composition.get("marker")
    if marker is not None and not isinstance(marker, str):
        raise Refusal(400, "The key marker has to hold a string.")
    return marker, json.dumps(composition, ensure_ascii=False)


def join_composition(uid: VersionUid, data: str) -> bytes:
    """The stored text with its uid put in front, without parsing it."""
    return f'{{"uid": {{"_type": "OBJECT_VERSION_ID", "value": "{uid}"}}, {data[1:]}'.encode()


def _now() -> datetime:
    return datetime.now(UTC)
