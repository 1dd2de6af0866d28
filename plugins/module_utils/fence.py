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

from ansible_collections.medzen.multiregion.plugins.module_utils.errors import MultiregionError, Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.fence_sessions import (
    find_holders,
    outlasting,
    renew_sessions,
    terminate_all,
)
from ansible_collections.medzen.multiregion.plugins.module_utils.fence_sql import (
    ARMED,
    LAYERS,
    LEASE,
    POSITION,
    PREPARE,
    SCHEMA,
    TABLES,
    arm_sql,
    disarm_sql,
    function_sql,
    lease_function_sql,
    limits_sql,
    read_only_sql,
)
from ansible_collections.medzen.multiregion.plugins.module_utils.postgresql import (
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

LOCK_GAP_S = 0.03
# Well below deadlock_timeout (1 s): who waits behind us is never ended for our sake.
LOCK_SLICE_S = 0.2
DISARM_ATTEMPTS = 10
DRAIN_POLL_S = 0.005
TERMINATION_S = 2.0


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
    """What a database says about its fence. `gaps` are tables without their trigger; `leased`: write_lease.py."""

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
    leased: bool = False

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
        lease = read_lease_row(connection) or {}
    leased = lease.get("in_force", False)
    if row is None or row["lifted"]:
        return FenceState(in_recovery=in_recovery, tables=len(tables), leftover=leftover, leased=leased)
    return FenceState(
        fenced=True,
        in_recovery=in_recovery,
        # A default that somebody else had set before is not ours to count, nor to reset.
        layers=("triggers", *(layer for layer in row["layers"] if layer in standing)),
        gaps=name_gaps(tables),
        tables=len(tables),
        leased=leased,
        **{key: row[key] for key in ("fence_id", "since", "by", "reason", "lsn", "xid")},
    )


def name_gaps(tables: list[dict]) -> tuple[str, ...]:
    """The tables without their trigger."""
    return tuple(f"{table['schema']}.{table['name']}" for table in tables if not table["fenced"])


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


def read_lease_row(connection: psycopg.Connection) -> dict | None:
    """The lease as it is stored; None without one."""
    if fetch_value(connection, f"SELECT to_regclass('{SCHEMA}.lease') IS NULL"):
        return None
    rows = fetch_dicts(connection, LEASE)
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
            if before.leased and not before.fenced:
                _open(connection, before, keep_lease=True)
            elif not before.fenced:
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
        # A lease in force has its function: one that does nothing would open what has run out.
        if not before.leased:
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
        holders = find_holders(connection, [table])
        if try_for(connection, arm_sql(table), request.lock_timeout_s, waiter):
            continue
        ended = terminate_all(connection, outlasting(connection, [table], holders)) if request.terminate else []
        terminated += ended
        if not ended or not try_for(connection, arm_sql(table), TERMINATION_S, waiter):
            raise _locked_out(find_holders(connection, [table]), request, terminated)
    return terminated


def try_for(connection: psycopg.Connection, statements: str, limit_s: float, waiter: Waiter) -> bool:
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
            waiter.sleep(LOCK_GAP_S)
        except psycopg.Error as error:
            raise MultiregionError(f"Failed to change a trigger: {' '.join(str(error).split())}") from error


def _close(connection: psycopg.Connection, request: FenceRequest) -> None:
    """The moment from which writes are refused."""
    with describe_errors("close the fence"), connection.transaction():
        # The row first: a lease that comes into force keeps others off this table, and leaves the function of a fence.
        _insert_row(connection, request, request.fence_id)
        connection.execute(function_sql(refuse=True))


def _drain(connection: psycopg.Connection, tables: list[dict], request: FenceRequest, waiter: Waiter) -> list[dict]:
    """Wait for the transactions that wrote before the fence; end those that outlast the limit."""
    before = [holder for holder in find_holders(connection, tables) if holder["writes"]]
    if _is_drained(connection, tables, before, request.lock_timeout_s, waiter):
        return []
    left = outlasting(connection, tables, before)
    terminated = terminate_all(connection, left) if request.terminate else []
    if not _is_drained(connection, tables, left, TERMINATION_S if terminated else 0, waiter):
        raise _locked_out(outlasting(connection, tables, left), request, terminated)
    return terminated


def _is_drained(
    connection: psycopg.Connection, tables: list[dict], before: list[dict], limit_s: float, waiter: Waiter
) -> bool:
    deadline = waiter.clock() + limit_s
    while before and outlasting(connection, tables, before):
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


def _locked_out(holders: list[dict], request: FenceRequest, terminated: list[dict]) -> Refused:
    return Refused(
        f"Writers keep their tables for longer than {request.lock_timeout_s:g} s, so nothing was fenced.",
        ", ".join(f"pid {h['pid']} of {h['user']} holds {', '.join(h['tables'])}" for h in holders[:10]) or "locks",
        "no write transaction that lasts longer than the limit",
        "end these sessions, or GRANT pg_signal_backend to the role that logs in, and run again",
        {"blockers": holders, "terminated": terminated},
    )


# ---- lifting ----


def lift_fence(
    connection: psycopg.Connection,
    *,
    is_copy: bool = False,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> dict:
    """Open the database again. Returns `changed`, the state before, and the sessions that had to be renewed.

    A lease goes with it: it belongs to the database that was held to it, and copies are opened here too.
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
    if before.fenced or before.leased:
        _open(connection, before)
    if row is not None:
        renewed, left = renew_sessions(connection, row["since"], is_copy=is_copy, clock=clock, sleep=sleep)
    drop_rest(connection, sleep=sleep)
    return {"changed": True, "state": before, "renewed_sessions": renewed, "read_only_sessions": left}


def _open(connection: psycopg.Connection, state: FenceState, *, keep_lease: bool = False) -> None:
    """The moment from which writes pass; takes no lock on any table. A lease that is kept goes on deciding."""
    with describe_errors("lift the fence"), connection.transaction():
        connection.execute(f"UPDATE {SCHEMA}.state SET lifted = clock_timestamp() WHERE lifted IS NULL")
        connection.execute(lease_function_sql() if keep_lease else function_sql(refuse=False))
        if state.leased and not keep_lease:
            connection.execute(f"UPDATE {SCHEMA}.lease SET in_force = false")
        for layer in state.layers:
            if layer != "triggers":
                connection.execute(read_only_sql(connection.info.dbname, _role(layer), on=False))


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
    return any(try_for(connection, disarm_sql(table), 0, waiter) for _attempt in range(DISARM_ATTEMPTS))
