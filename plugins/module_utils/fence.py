# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The write fence of a database: writes are refused, reads go on, and both are proved.

Layers. `default_transaction_read_only` for the database (2) and for the application's role (3) stops new sessions
only, and any session may SET it off. So layer 1 does the work: a statement trigger on every table, enabled ALWAYS,
which raises SQLSTATE 25006. All tables are locked first in a mode that waits for writes in flight and lets reads
pass; when the one transaction commits, no write is under way and none can begin.

The fence is catalogue state. It survives a restart, and a replica or a snapshot carries it: there it is lifted after
the promotion. Lifting replaces the trigger's function by one that does nothing (needs no lock), then drops the rest.
No superuser is needed, only the owner of the tables.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.medzen.multiregion.plugins.module_utils.errors import MultiregionError, Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.fence_sql import (
    BLOCKERS,
    LAYERS,
    POSITION,
    PROOF,
    SCHEMA,
    SQLSTATE,
    STALE_SESSIONS,
    TABLES,
    function_sql,
    install_sql,
    limits_sql,
    lock_sql,
    newer_rows_sql,
    read_only_sql,
)
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

    LOCK_FAILURES = (pg_errors.LockNotAvailable, pg_errors.QueryCanceled, pg_errors.DeadlockDetected)
else:
    LOCK_FAILURES = ()

STILL_GAP_S = 0.03
STILL_TIMEOUT_S = 3.0
DROP_LOCK_TIMEOUT_MS = 200
DROP_ATTEMPTS = 10
SESSION_DRAIN_S = 2.0
# The clock of the database that was fenced and that of its promoted copy are two.
CLOCK_MARGIN_S = 2.0


@dataclass(frozen=True)
class FenceRequest:
    """How a fence is raised. Limits are in seconds."""

    reason: str = ""
    roles: tuple[str, ...] = ()
    lock_timeout_s: float = 2.0
    attempts: int = 5
    terminate: bool = True
    fence_id: str = field(default_factory=lambda: str(uuid.uuid4()))


@dataclass(frozen=True)
class FenceState:
    """What a database says about its fence. `gaps` are tables without their trigger."""

    fenced: bool = False
    in_recovery: bool = False
    fence_id: str | None = None
    since: str | None = None
    by: str | None = None
    reason: str | None = None
    lsn: str | None = None
    xid: int | None = None
    layers: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()
    tables: int = 0
    leftover: bool = False

    @property
    def complete(self) -> bool:
        """Every table refuses writes, and where that began is on record."""
        return self.fenced and not self.gaps and self.lsn is not None

    def as_result(self) -> dict:
        names = ("fenced", "fence_id", "since", "by", "reason", "lsn", "in_recovery", "tables")
        return {name: getattr(self, name) for name in names} | {"layers": list(self.layers), "gaps": list(self.gaps)}


# ---- reading ----


def read_state(connection: psycopg.Connection) -> FenceState:
    """The fence as it stands; on a replica, as far as it has arrived there."""
    with describe_errors("read the fence"):
        in_recovery = fetch_value(connection, "SELECT pg_is_in_recovery()")
        tables = fetch_dicts(connection, TABLES)
        row = _read_row(connection)
        standing = _read_only_defaults(connection)
    if row is None or row["lifted"]:
        return FenceState(in_recovery=in_recovery, tables=len(tables), leftover=row is not None)
    return FenceState(
        fenced=True,
        in_recovery=in_recovery,
        # A default that somebody else had set before is not ours to count, nor to reset.
        layers=("triggers", *(layer for layer in row["layers"] if layer in standing)),
        gaps=tuple(f"{table['schema']}.{table['name']}" for table in tables if not table["fenced"]),
        tables=len(tables),
        **{key: row[key] for key in ("fence_id", "since", "by", "reason", "lsn", "xid")},
    )


def _read_only_defaults(connection: psycopg.Connection) -> list[str]:
    return [_layer(row["role"]) for row in fetch_dicts(connection, LAYERS)]


def _layer(role: str | None) -> str:
    return f"role {role}" if role else "database"


def _role(layer: str) -> str | None:
    return layer.removeprefix("role ") if layer != "database" else None


def _read_row(connection: psycopg.Connection) -> dict | None:
    if fetch_value(connection, f"SELECT to_regclass('{SCHEMA}.state') IS NULL"):
        return None
    rows = fetch_dicts(
        connection,
        f"SELECT fence_id, to_char(since AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') AS since, "
        f"fenced_by AS by, reason, layers, lsn::text AS lsn, xid, lifted IS NOT NULL AS lifted "
        f"FROM {SCHEMA}.state ORDER BY lifted IS NOT NULL, {SCHEMA}.state.since DESC LIMIT 1",
    )
    return rows[0] if rows else None


def read_position(connection: psycopg.Connection) -> tuple[str, int]:
    """Where the log ends and the next transaction id."""
    row = connection.execute(POSITION).fetchone()
    return (row[0], row[1])


# ---- raising ----


def check_fenceable(connection: psycopg.Connection, roles: Iterable[str], state: FenceState) -> list[dict]:
    """The tables to fence; refuses where the fence could not be whole."""
    if state.in_recovery:
        raise Refused(
            "Cannot fence a read replica.",
            "the database is in recovery",
            "a primary that accepts writes",
            "fence the source: the fence reaches its replicas by replication",
        )
    with describe_errors("read what is to be fenced"):
        tables = fetch_dicts(connection, TABLES)
        prepared = fetch_value(connection, "SELECT count(*) FROM pg_prepared_xacts WHERE database = current_database()")
        known = {row["rolname"] for row in fetch_dicts(connection, "SELECT rolname FROM pg_roles")}
    refuse_what_cannot_be_fenced(tables, prepared, [role for role in roles if role not in known])
    return tables


def refuse_what_cannot_be_fenced(tables: list[dict], prepared: int, unknown_roles: list[str]) -> None:
    foreign = [f"{table['schema']}.{table['name']} (owner {table['owner']})" for table in tables if not table["ours"]]
    if foreign:
        raise Refused(
            f"Cannot fence {len(foreign)} tables: only their owner can.",
            ", ".join(foreign[:10]),
            "tables that belong to the role that logs in, or to a role that it is a member of",
            "log in as the owner, or GRANT the owning role to it",
            {"tables": foreign},
        )
    if not tables:
        raise Refused("There is nothing to fence.", "no table", "the workload's tables", "check login.database")
    if unknown_roles:
        raise Refused("Unknown roles.", ", ".join(unknown_roles), "roles of this server", "correct the option roles")
    if prepared:
        raise Refused(
            "Prepared transactions can still commit behind a fence.",
            f"{prepared} prepared transactions",
            "none",
            "COMMIT PREPARED or ROLLBACK PREPARED each of pg_prepared_xacts",
        )


def raise_fence(connection: psycopg.Connection, request: FenceRequest) -> dict:
    """Fence the database, or join the fence that stands. Returns `changed`, the state, and who was terminated."""
    before = read_state(connection)
    tables = check_fenceable(connection, request.roles, before)
    fence_id = str(before.fence_id if before.fenced else request.fence_id)
    terminated: list[dict] = []
    if not before.fenced or before.gaps:
        terminated = _install(connection, tables, request, fence_id, joins=before.fenced)
    skipped = _add_layers(connection, request, fence_id)
    if before.lsn is None:
        _record_position(connection, fence_id)
    after = read_state(connection)
    return {"changed": after != before, "state": after, "terminated": terminated, "skipped_layers": skipped}


def _install(
    connection: psycopg.Connection, tables: list[dict], request: FenceRequest, fence_id: str, *, joins: bool
) -> list[dict]:
    """Layer 1 and, within the same transaction, the record of it."""
    terminated: list[dict] = []
    for _attempt in range(request.attempts):
        holders = _find_holders(connection, tables)
        try:
            with connection.transaction():
                connection.execute(limits_sql(request.lock_timeout_s))
                connection.execute(lock_sql(tables))
                connection.execute("SET LOCAL statement_timeout = 0; SET LOCAL client_min_messages = warning")
                connection.execute(install_sql(tables))
                if not joins:
                    _insert_row(connection, request, fence_id)
            return terminated
        except LOCK_FAILURES:
            if request.terminate:
                terminated += _terminate_blockers(connection, tables, holders)
        except psycopg.Error as error:
            raise MultiregionError(f"Failed to fence the database: {' '.join(str(error).split())}") from error
    raise _locked_out(connection, tables, request, terminated)


def _insert_row(connection: psycopg.Connection, request: FenceRequest, fence_id: str) -> None:
    connection.execute(f"DELETE FROM {SCHEMA}.state")
    connection.execute(
        f"INSERT INTO {SCHEMA}.state (fence_id, since, fenced_by, reason, layers) "
        "VALUES (%s, clock_timestamp(), current_user, %s, '{}')",
        (fence_id, request.reason),
    )


def _add_layers(connection: psycopg.Connection, request: FenceRequest, fence_id: str) -> list[str]:
    """Layers 2 and 3 come on top: where the right to set one is missing, layer 1 stands alone and that is said."""
    skipped = []
    missing = [_layer(role) for role in (None, *request.roles)]
    with describe_errors("make new sessions read only"), connection.transaction():
        missing = [layer for layer in missing if layer not in _read_only_defaults(connection)]
        for layer in missing:
            try:
                with connection.transaction():
                    connection.execute(read_only_sql(connection.info.dbname, _role(layer), on=True))
                    connection.execute(
                        f"UPDATE {SCHEMA}.state SET layers = layers || %s::text WHERE fence_id = %s", (layer, fence_id)
                    )
            except pg_errors.InsufficientPrivilege:
                skipped.append(layer)
    return skipped


def _record_position(connection: psycopg.Connection, fence_id: str) -> None:
    """Every write before the fence is at or below this position: the fence's commit has flushed them all."""
    with describe_errors("record the fence's log position"):
        connection.execute(
            f"UPDATE {SCHEMA}.state SET lsn = pg_current_wal_flush_lsn(), xid = pg_current_xact_id()::text::bigint "
            "WHERE fence_id = %s AND lsn IS NULL",
            (fence_id,),
        )


def _find_holders(connection: psycopg.Connection, tables: list[dict]) -> list[dict]:
    with describe_errors("look for the sessions that hold the tables"):
        return fetch_dicts(connection, BLOCKERS, ([table["oid"] for table in tables],))


def _terminate_blockers(connection: psycopg.Connection, tables: list[dict], before: list[dict]) -> list[dict]:
    """End the writers that outlasted the lock's limit: the same transactions before it and after it.

    Others only queued behind them. An autovacuum gives way by itself within deadlock_timeout.
    """
    outlasted = {(holder["pid"], holder["transaction"]) for holder in before}
    return [
        holder
        for holder in _find_holders(connection, tables)
        if (holder["pid"], holder["transaction"]) in outlasted
        and holder["backend_type"] in (None, "client backend")
        and _terminate(connection, holder["pid"])
    ]


def _terminate(connection: psycopg.Connection, pid: int) -> bool:
    try:
        return bool(fetch_value(connection, "SELECT pg_terminate_backend(%s)", (pid,)))
    except pg_errors.InsufficientPrivilege:
        return False


def _locked_out(
    connection: psycopg.Connection, tables: list[dict], request: FenceRequest, terminated: list[dict]
) -> Refused:
    blockers = _find_holders(connection, tables)
    return Refused(
        f"The tables could not be locked in {request.attempts} attempts of {request.lock_timeout_s:g} s, "
        "so nothing was fenced.",
        ", ".join(f"pid {b['pid']} of {b['user']} holds {', '.join(b['tables'])}" for b in blockers[:10]) or "locks",
        "no write transaction that lasts longer than the limit",
        "end these sessions, or GRANT pg_signal_backend to the role that logs in, and run again",
        {"blockers": blockers, "terminated": terminated},
    )


# ---- proving ----


def probe_writes(connection: psycopg.Connection) -> dict:
    """Try to write to every table that this session's role may write to; nothing is ever written."""
    with describe_errors("make the test writes"):
        connection.execute(PROOF)
        proof = fetch_value(connection, "SELECT current_setting('medzen.proof')::json")
    return dict(proof)


def check_proof(proof: dict) -> dict:
    """A proof is: tried, refused by the trigger, everywhere. What could not be tried proves nothing."""
    holes = proof["passed"] + proof["soft"] + proof["unclear"]
    if holes or not proof["refused"]:
        raise Refused(
            "The fence does not hold.",
            f"of the tables that {proof['role']} may write to, {proof['refused']} refused, "
            f"{', '.join(holes[:10]) or 'and there were no others'} did not",
            "every table refuses a write with SQLSTATE 25006",
            "fence again: tables made meanwhile are added",
            {"proof": proof},
        )
    return {"sqlstate": SQLSTATE, "role": proof["role"], "tables": proof["refused"]}


def wait_still(
    connection: psycopg.Connection,
    between: Callable[[], Any] = lambda: None,
    *,
    timeout_s: float = STILL_TIMEOUT_S,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> dict:
    """Read the log's end twice with `between` in the middle, again until two readings agree.

    A checkpoint or the server's own bookkeeping may move it now and then, so one difference proves no write.
    """
    deadline = clock() + timeout_s
    with describe_errors("read the log position"):
        last = read_position(connection)
        between()
        while True:
            sleep(STILL_GAP_S)
            present = read_position(connection)
            if present == last or clock() > deadline:
                return {"lsn": present[0], "xmax": present[1], "lsn_still": present == last}
            last = present


def count_writes_since(connection: psycopg.Connection, state: FenceState) -> dict:
    """Whether anything was written since the fence: by the transaction counter, and where it moved, by the rows.

    The counter is the whole server's (autovacuum and the provider's heartbeat move it), the rows are exact.
    """
    with describe_errors("compare with the state at the fence"):
        _lsn, xmax = read_position(connection)
        if state.xid is None:
            return {"xmax": xmax, "transactions": None, "newer_rows": None}
        transactions = xmax - state.xid - 1
        if not transactions:
            return {"xmax": xmax, "transactions": 0, "newer_rows": 0}
        tables = fetch_dicts(connection, TABLES)
        rows = fetch_dicts(connection, newer_rows_sql(tables, state.xid))
    changed = {row["name"]: row["newer"] for row in rows if row["newer"]}
    return {
        "xmax": xmax,
        "transactions": transactions,
        "newer_rows": sum(changed.values()),
        "changed": changed,
        "rows": {row["name"]: row["rows"] for row in rows},
    }


# ---- lifting ----


def lift_fence(
    connection: psycopg.Connection,
    *,
    cut_active: bool = False,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> dict:
    """Open the database again. Returns `changed`, the state before, and the sessions that had to be renewed."""
    before = read_state(connection)
    if before.in_recovery:
        raise Refused(
            "Cannot unfence a read replica.",
            "the database is in recovery",
            "a database that accepts writes",
            "promote it first, or unfence its source",
        )
    row = _read_row(connection)
    if row is None:
        return {"changed": False, "state": before, "renewed_sessions": [], "read_only_sessions": []}
    if before.fenced:
        _open(connection, before)
    renewed, left = renew_sessions(connection, row["since"], cut_active=cut_active, clock=clock, sleep=sleep)
    drop_rest(connection, sleep=sleep)
    return {"changed": True, "state": before, "renewed_sessions": renewed, "read_only_sessions": left}


def _open(connection: psycopg.Connection, state: FenceState) -> None:
    """The moment from which writes pass; takes no lock on any table."""
    with describe_errors("lift the fence"), connection.transaction():
        connection.execute(function_sql(refuse=False))
        connection.execute(f"UPDATE {SCHEMA}.state SET lifted = clock_timestamp()")
        for layer in state.layers:
            if layer != "triggers":
                connection.execute(read_only_sql(connection.info.dbname, _role(layer), on=False))


def renew_sessions(
    connection: psycopg.Connection,
    since: str,
    *,
    cut_active: bool = False,
    drain_s: float = SESSION_DRAIN_S,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> tuple[list[dict], list[dict]]:
    """End the sessions that were opened behind the fence, as soon as they are idle: their pool opens writable ones.

    Returns those ended and those left: a read in progress is not cut, unless `cut_active`.
    """
    lifted = fetch_value(connection, f"SELECT max(lifted) FROM {SCHEMA}.state")
    deadline = clock() + drain_s
    renewed: list[dict] = []
    while True:
        with describe_errors("look for sessions opened behind the fence"):
            stale = fetch_dicts(connection, STALE_SESSIONS, (APPLICATION_NAME, since, CLOCK_MARGIN_S, lifted))
        ended = [s for s in stale if (cut_active or s["state"] == "idle") and _terminate(connection, s["pid"])]
        renewed += [session for session in ended if session["pid"] not in {known["pid"] for known in renewed}]
        left = [session for session in stale if session not in ended]
        if not left or clock() > deadline:
            return renewed, left
        sleep(STILL_GAP_S)


def drop_rest(connection: psycopg.Connection, *, sleep: Callable[[float], None] = time.sleep) -> bool:
    """Remove the idle triggers. This needs each table alone for a moment, so it gives way to reads and tries again.

    Staying in the way for less than deadlock_timeout means that no reader is ever ended for our sake.
    """
    for _attempt in range(DROP_ATTEMPTS):
        try:
            with connection.transaction():
                connection.execute(f"SET LOCAL lock_timeout = {DROP_LOCK_TIMEOUT_MS}")
                connection.execute("SET LOCAL client_min_messages = warning")
                connection.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
            return True
        except LOCK_FAILURES:
            sleep(STILL_GAP_S)
        except psycopg.Error as error:
            raise MultiregionError(f"Failed to drop schema {SCHEMA}: {' '.join(str(error).split())}") from error
    return False
