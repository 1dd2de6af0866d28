# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens to the schemas at the start, as Flyway's strategies MIGRATE, VALIDATE and DISABLED have it.

Both MIGRATE and VALIDATE write to the history table before they look at it, even when no row changes. So neither
starts on a replica or on a fenced database: a warm task there needs DISABLED.
"""

from __future__ import annotations

from pathlib import Path

import asyncpg

HERE = Path(__file__).parent
SCRIPTS = {"ext": HERE / "schema_ext.sql", "ehr": HERE / "schema.sql"}
SCRIPT_VERSION = "1"
# Any constant: two tasks that start together take turns.
ADVISORY_LOCK = 7239114
GRANTS = """
GRANT USAGE ON SCHEMA {schema} TO {role};
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role};
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA {schema} TO {role};
ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {role};
ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT EXECUTE ON FUNCTIONS TO {role};
REVOKE INSERT, UPDATE, DELETE ON {schema}.flyway_schema_history FROM {role};
"""


class FlywayError(RuntimeError):
    """The schemas are not what the strategy demands."""


async def apply_strategies(owner: asyncpg.Connection, role: str, ext_strategy: str, ehr_strategy: str) -> list[str]:
    """Bring both schemas to their strategy, ext first; returns a line for each."""
    async with owner.transaction():
        await owner.execute("SELECT pg_advisory_xact_lock($1)", ADVISORY_LOCK)
        return [
            await _apply(owner, role, schema, strategy)
            for schema, strategy in (("ext", ext_strategy), ("ehr", ehr_strategy))
        ]


async def _apply(owner: asyncpg.Connection, role: str, schema: str, strategy: str) -> str:
    if strategy == "DISABLED":
        return f"schema {schema}: Flyway is disabled"
    if await _has_history(owner, schema):
        await _touch_history(owner, schema)
        return f"schema {schema}: validated, version {await _check_version(owner, schema)}"
    if strategy == "VALIDATE":
        raise FlywayError(f"Schema {schema} has no history table; expected one. Start a task with MIGRATE first.")
    await migrate(owner, schema, role)
    return f"schema {schema}: migrated to version {SCRIPT_VERSION}"


async def migrate(owner: asyncpg.Connection, schema: str, role: str) -> None:
    """Create one schema with its tables, history and grants; the caller holds the transaction."""
    await owner.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    await owner.execute(SCRIPTS[schema].read_text())
    await owner.execute(
        f"CREATE TABLE {schema}.flyway_schema_history (installed_rank integer PRIMARY KEY, version text NOT NULL,"
        " description text NOT NULL, installed_on timestamptz NOT NULL DEFAULT now(), success boolean NOT NULL)"
    )
    await owner.execute(
        f"INSERT INTO {schema}.flyway_schema_history VALUES (1, $1, 'stand-in schema', now(), true)", SCRIPT_VERSION
    )
    quoted = '"' + role.replace('"', '""') + '"'
    await owner.execute(GRANTS.format(schema=schema, role=quoted))


async def _has_history(owner: asyncpg.Connection, schema: str) -> bool:
    return await owner.fetchval("SELECT to_regclass($1) IS NOT NULL", f"{schema}.flyway_schema_history")


async def _touch_history(owner: asyncpg.Connection, schema: str) -> None:
    await owner.execute(f"UPDATE {schema}.flyway_schema_history SET description = description WHERE installed_rank < 0")


async def _check_version(owner: asyncpg.Connection, schema: str) -> str:
    found = await owner.fetchval(f"SELECT max(version) FROM {schema}.flyway_schema_history WHERE success")
    if found != SCRIPT_VERSION:
        raise FlywayError(f"Schema {schema} is at version {found}; expected {SCRIPT_VERSION}.")
    return found
