# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sessions in the way of a fence: those that hold its tables, and those that were opened behind it."""

from __future__ import annotations

import time
from collections.abc import Callable

from ansible_collections.medzen.multiregion.plugins.module_utils.fence_sql import HOLDERS, SCHEMA, STALE_SESSIONS
from ansible_collections.medzen.multiregion.plugins.module_utils.postgresql import (
    APPLICATION_NAME,
    HAS_PSYCOPG,
    describe_errors,
    fetch_dicts,
    fetch_value,
)

if HAS_PSYCOPG:
    import psycopg
    from psycopg import errors as pg_errors

SESSION_GAP_S = 0.03
SESSION_DRAIN_S = 2.0
# The clock of the database that was fenced and that of its promoted copy are two.
CLOCK_MARGIN_S = 2.0


def find_holders(connection: psycopg.Connection, tables: list[dict]) -> list[dict]:
    with describe_errors("look for the sessions that hold the tables"):
        return fetch_dicts(connection, HOLDERS, ([table["oid"] for table in tables],))


def outlasting(connection: psycopg.Connection, tables: list[dict], before: list[dict]) -> list[dict]:
    """The same transactions as before that still hold their tables. Others only came after them."""
    known = {(holder["pid"], holder["transaction"]) for holder in before}
    return [holder for holder in find_holders(connection, tables) if (holder["pid"], holder["transaction"]) in known]


def terminate_all(connection: psycopg.Connection, holders: list[dict]) -> list[dict]:
    """End them; an autovacuum gives way by itself within deadlock_timeout."""
    return [
        holder
        for holder in holders
        if holder["backend_type"] in (None, "client backend") and terminate(connection, holder["pid"])
    ]


def terminate(connection: psycopg.Connection, pid: int) -> bool:
    try:
        return bool(fetch_value(connection, "SELECT pg_terminate_backend(%s)", (pid,)))
    except pg_errors.InsufficientPrivilege:
        return False


def renew_sessions(
    connection: psycopg.Connection,
    since: str,
    *,
    is_copy: bool = False,
    drain_s: float = SESSION_DRAIN_S,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> tuple[list[dict], list[dict]]:
    """End the sessions that were opened behind the fence, as soon as they are idle: their pool opens writable ones.

    Returns those ended and those left: a read in progress is not cut, unless on a copy.
    """
    lifted = fetch_value(connection, f"SELECT max(lifted) FROM {SCHEMA}.state")
    parameters = (APPLICATION_NAME, since, CLOCK_MARGIN_S if is_copy else 0, lifted)
    deadline = clock() + drain_s
    renewed: list[dict] = []
    while True:
        with describe_errors("look for sessions opened behind the fence"):
            stale = fetch_dicts(connection, STALE_SESSIONS, parameters)
        ended = [s for s in stale if (is_copy or s["state"] == "idle") and terminate(connection, s["pid"])]
        renewed += [session for session in ended if session["pid"] not in {known["pid"] for known in renewed}]
        left = [session for session in stale if session not in ended]
        if not left or clock() > deadline:
            return renewed, left
        sleep(SESSION_GAP_S)
