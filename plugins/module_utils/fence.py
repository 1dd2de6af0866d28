# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The write fence of a database: writes are refused, reads go on, and both are proved.

Layers. `default_transaction_read_only` for the database (2) and for the application's role (3) stops new sessions
only, and any session may SET it off. So layer 1 does the work: a statement trigger on every table, enabled ALWAYS,
which raises SQLSTATE 25006.

Order. Arm: each table gets its trigger in a transaction of its own, over a function that does nothing yet. No two
tables are ever locked together, because writers touch several in an order of their own and would deadlock. Close:
one transaction makes the function refuse, from the next statement of every session on. Drain: transactions that wrote
before that still hold their tables; they commit, or are refused at their next statement, or outlast the limit and are
ended. Then nothing is being written and nothing can be, and the log position is recorded.
    A session that takes a table's lock after the close reads the catalogue anew and finds the refusing function; one
    that took it earlier is seen in pg_locks and waited for. There is no third kind.

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
    ARMED,
    HOLDERS,
    LAYERS,
    POSITION,
    PREPARE,
    PROOF,
    SCHEMA,
    SQLSTATE,
    STALE_SESSIONS,
    TABLES,
    arm_sql,
    disarm_sql,
    function_sql,
    limits_sql,
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
# Well below deadlock_timeout (1 s): who waits behind us is never ended for our sake.
LOCK_SLICE_S = 0.2
DISARM_ATTEMPTS = 10
DRAIN_POLL_S = 0.005
TERMINATION_S = 2.0
SESSION_DRAIN_S = 2.0
# The clock of the database that was fenced and that of its promoted copy are two.
CLOCK_MARGIN_S = 2.0


@dataclass(frozen=True)
class FenceRequest:
    """How a fence is raised. Limits are in seconds."""

    reason: str = ""
    roles: tuple[str, ...] = ()
    lock_timeout_s: float = 2.0
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
        leftover = fetch_value(connection, f"SELECT to_regnamespace('{SCHEMA}') IS NOT NULL")
    if row is None or row["lifted"]:
        return FenceState(in_recovery=in_recovery, tables=len(tables), leftover=leftover)
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


def raise_fence(
    connection: psycopg.Connection,
    request: FenceRequest,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> dict:
    """Fence the database, or join the fence that stands. Returns `changed`, the state, and who was terminated."""
    before = read_state(connection)
    tables = check_fenceable(connection, request.roles, before)
    fence_id = str(before.fence_id if before.fenced else request.fence_id)
    terminated: list[dict] = []
    if not before.complete:
        try:
            terminated = _raise_triggers(connection, tables, request, before, Waiter(clock, sleep))
        except MultiregionError:
            if not before.fenced:
                lift_fence(connection, clock=clock, sleep=sleep)
            raise
    skipped = _add_layers(connection, request, fence_id)
    if not before.complete:
        _record_position(connection, fence_id)
    after = read_state(connection)
    return {"changed": after != before, "state": after, "terminated": terminated, "skipped_layers": skipped}


@dataclass(frozen=True)
class Waiter:
    """A clock and a way to pass the time."""

    clock: Callable[[], float]
    sleep: Callable[[float], None]


def _raise_triggers(
    connection: psycopg.Connection, tables: list[dict], request: FenceRequest, before: FenceState, waiter: Waiter
) -> list[dict]:
    """Layer 1: arm, close, drain. What an earlier run has done of it stays done."""
    terminated: list[dict] = []
    if not before.fenced:
        _prepare(connection)
        terminated += _arm(connection, tables, request, waiter)
        _close(connection, request)
    with describe_errors("look for tables made meanwhile"):
        tables = fetch_dicts(connection, TABLES)
        # With a hole to close, what was recorded is not the position behind which nothing was written.
        connection.execute(f"UPDATE {SCHEMA}.state SET lsn = NULL WHERE lsn IS NOT NULL")
    terminated += _arm(connection, tables, request, waiter)
    return terminated + _drain(connection, tables, request, waiter)


def _prepare(connection: psycopg.Connection) -> None:
    with describe_errors(f"make the schema {SCHEMA}"), connection.transaction():
        connection.execute("SET LOCAL client_min_messages = warning")
        connection.execute(PREPARE)
        connection.execute(function_sql(refuse=False))


def _arm(connection: psycopg.Connection, tables: list[dict], request: FenceRequest, waiter: Waiter) -> list[dict]:
    """Give each table its trigger; a writer that keeps one for longer than the limit is ended."""
    terminated: list[dict] = []
    for table in tables:
        if table["fenced"]:
            continue
        holders = _find_holders(connection, [table])
        if _try_for(connection, arm_sql(table), request.lock_timeout_s, waiter):
            continue
        ended = _terminate_all(connection, _outlasting(connection, [table], holders)) if request.terminate else []
        terminated += ended
        if not ended or not _try_for(connection, arm_sql(table), TERMINATION_S, waiter):
            raise _locked_out(_find_holders(connection, [table]), request, terminated)
    return terminated


def _try_for(connection: psycopg.Connection, statements: str, limit_s: float, waiter: Waiter) -> bool:
    """Run statements that need a table, in slices: between two of them those that queue behind us go on."""
    deadline = waiter.clock() + limit_s
    while True:
        try:
            with connection.transaction():
                connection.execute(limits_sql(LOCK_SLICE_S))
                connection.execute("SET LOCAL synchronous_commit = off; SET LOCAL client_min_messages = warning")
                connection.execute(statements)
            return True
        except LOCK_FAILURES:
            if waiter.clock() > deadline:
                return False
            waiter.sleep(STILL_GAP_S)
        except psycopg.Error as error:
            raise MultiregionError(f"Failed to change a trigger: {' '.join(str(error).split())}") from error


def _close(connection: psycopg.Connection, request: FenceRequest) -> None:
    """The moment from which writes are refused."""
    with describe_errors("close the fence"), connection.transaction():
        connection.execute(function_sql(refuse=True))
        _insert_row(connection, request, request.fence_id)


def _drain(connection: psycopg.Connection, tables: list[dict], request: FenceRequest, waiter: Waiter) -> list[dict]:
    """Wait for the transactions that wrote before the fence; end those that outlast the limit."""
    before = [holder for holder in _find_holders(connection, tables) if holder["writes"]]
    if _is_drained(connection, tables, before, request.lock_timeout_s, waiter):
        return []
    left = _outlasting(connection, tables, before)
    terminated = _terminate_all(connection, left) if request.terminate else []
    if not _is_drained(connection, tables, left, TERMINATION_S if terminated else 0, waiter):
        raise _locked_out(_outlasting(connection, tables, left), request, terminated)
    return terminated


def _is_drained(
    connection: psycopg.Connection, tables: list[dict], before: list[dict], limit_s: float, waiter: Waiter
) -> bool:
    deadline = waiter.clock() + limit_s
    while before and _outlasting(connection, tables, before):
        if waiter.clock() > deadline:
            return False
        waiter.sleep(DRAIN_POLL_S)
    return True


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
        return fetch_dicts(connection, HOLDERS, ([table["oid"] for table in tables],))


def _outlasting(connection: psycopg.Connection, tables: list[dict], before: list[dict]) -> list[dict]:
    """The same transactions as before that still hold their tables. Others only came after them."""
    known = {(holder["pid"], holder["transaction"]) for holder in before}
    return [holder for holder in _find_holders(connection, tables) if (holder["pid"], holder["transaction"]) in known]


def _terminate_all(connection: psycopg.Connection, holders: list[dict]) -> list[dict]:
    """End them; an autovacuum gives way by itself within deadlock_timeout."""
    return [
        holder
        for holder in holders
        if holder["backend_type"] in (None, "client backend") and _terminate(connection, holder["pid"])
    ]


def _terminate(connection: psycopg.Connection, pid: int) -> bool:
    try:
        return bool(fetch_value(connection, "SELECT pg_terminate_backend(%s)", (pid,)))
    except pg_errors.InsufficientPrivilege:
        return False


def _locked_out(holders: list[dict], request: FenceRequest, terminated: list[dict]) -> Refused:
    return Refused(
        f"Writers keep their tables for longer than {request.lock_timeout_s:g} s, so nothing was fenced.",
        ", ".join(f"pid {h['pid']} of {h['user']} holds {', '.join(h['tables'])}" for h in holders[:10]) or "locks",
        "no write transaction that lasts longer than the limit",
        "end these sessions, or GRANT pg_signal_backend to the role that logs in, and run again",
        {"blockers": holders, "terminated": terminated},
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
    is_copy: bool = False,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> dict:
    """Open the database again. Returns `changed`, the state before, and the sessions that had to be renewed.

    `is_copy`: this is a promoted or restored copy that serves nobody yet, and its clock is not the source's.
    """
    before = read_state(connection)
    if before.in_recovery:
        raise Refused(
            "Cannot unfence a read replica.",
            "the database is in recovery",
            "a database that accepts writes",
            "promote it first, or unfence its source",
        )
    if not before.fenced and not before.leftover:
        return {"changed": False, "state": before, "renewed_sessions": [], "read_only_sessions": []}
    row = _read_row(connection)
    renewed, left = [], []
    if before.fenced:
        _open(connection, before)
    if row is not None:
        renewed, left = renew_sessions(connection, row["since"], is_copy=is_copy, clock=clock, sleep=sleep)
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
        ended = [s for s in stale if (is_copy or s["state"] == "idle") and _terminate(connection, s["pid"])]
        renewed += [session for session in ended if session["pid"] not in {known["pid"] for known in renewed}]
        left = [session for session in stale if session not in ended]
        if not left or clock() > deadline:
            return renewed, left
        sleep(STILL_GAP_S)


def drop_rest(connection: psycopg.Connection, *, sleep: Callable[[float], None] = time.sleep) -> bool:
    """Remove the idle triggers, each by itself: this needs its table alone for a moment, and gives way to reads.

    A table that is never free keeps its idle trigger; lifting again removes it.
    """
    with describe_errors("look for the fence's triggers"):
        tables = fetch_dicts(connection, ARMED)
    waiter = Waiter(time.monotonic, sleep)
    gone = [_disarm(connection, table, waiter) for table in tables]
    if not all(gone):
        return False
    with describe_errors(f"drop schema {SCHEMA}"), connection.transaction():
        connection.execute("SET LOCAL client_min_messages = warning")
        connection.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
    return True


def _disarm(connection: psycopg.Connection, table: dict, waiter: Waiter) -> bool:
    return any(_try_for(connection, disarm_sql(table), 0, waiter) for _attempt in range(DISARM_ATTEMPTS))
