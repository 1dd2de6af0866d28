# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections to the database: a small pool for the application's role, single ones for the owner."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from rehearsal.ehrbase.names import Names
from rehearsal.ehrbase.outcome import CommitUnknown
from rehearsal.ehrbase.settings import Database

POOL_MIN, POOL_MAX = 2, 10
CONNECT_SECONDS = 5.0
STATEMENT_SECONDS = 10.0
SESSION = {"application_name": "ehrbase", "statement_timeout": f"{STATEMENT_SECONDS:.0f}s", "jit": "off"}


class Connector:
    """Opens connections to one database, asking for its address each time."""

    def __init__(self, database: Database, names: Names) -> None:
        self._database = database
        self._names = names

    async def connect(self, user: str, password: str, **options: Any) -> asyncpg.Connection:
        where = self._database
        address = await self._names.find_address(where.host)
        return await asyncpg.connect(
            host=address, port=where.port, database=where.name, user=user, password=password, ssl=where.sslmode,
            timeout=CONNECT_SECONDS, command_timeout=STATEMENT_SECONDS, server_settings=SESSION, **options,
        )  # fmt: skip

    async def connect_owner(self) -> asyncpg.Connection:
        return await self.connect(self._database.admin_user, self._database.admin_password)

    async def open_pool(self) -> asyncpg.Pool:
        """Connections of the application's role; dead ones are replaced when the next request needs one."""

        async def connect(*_: Any, connection_class: Any, record_class: Any, **__: Any) -> asyncpg.Connection:
            classes = {"connection_class": connection_class, "record_class": record_class}
            return await self.connect(self._database.user, self._database.password, **classes)

        return await asyncpg.create_pool(min_size=POOL_MIN, max_size=POOL_MAX, connect=connect, reset=_keep_session)


async def _keep_session(_: asyncpg.Connection) -> None:
    """asyncpg's own reset costs a round trip per request, and our requests leave nothing behind."""


@asynccontextmanager
async def write_transaction(pool: asyncpg.Pool) -> AsyncIterator[asyncpg.Connection]:
    """A transaction that says whether a failure came before the commit was sent (not applied) or after (unknown)."""
    async with pool.acquire(timeout=STATEMENT_SECONDS) as connection:
        await connection.execute("BEGIN")
        try:
            yield connection
        except BaseException:
            await _roll_back(connection)
            raise
        try:
            await connection.execute("COMMIT")
        except BaseException as problem:
            connection.terminate()
            raise CommitUnknown(f"{type(problem).__name__} {problem}") from problem


async def _roll_back(connection: asyncpg.Connection) -> None:
    """Leave no open transaction in the pool; a connection that cannot even roll back is thrown away."""
    try:
        await connection.execute("ROLLBACK", timeout=1)
    except Exception:
        connection.terminate()
