# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two sides of a switchover as they really are: PostgreSQL over open connections, and RDS for the promotion.

All connections are opened before the fence, so that the pause does not pay for them.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ansible_collections.medzen.multiregion.plugins.module_utils import fence, fence_proof, parity, rds
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import MultiregionError, Refused, WaitTimeout
from ansible_collections.medzen.multiregion.plugins.module_utils.fence_sql import TABLES, qualified
from ansible_collections.medzen.multiregion.plugins.module_utils.postgresql import (
    HAS_PSYCOPG,
    DatabaseError,
    Login,
    connect,
    describe_errors,
    fetch_dicts,
    fetch_value,
    quote,
)
from ansible_collections.medzen.multiregion.plugins.module_utils.progress import Progress
from ansible_collections.medzen.multiregion.plugins.module_utils.switchover import NotApplied
from ansible_collections.medzen.multiregion.plugins.module_utils.switchover_plan import SourceView, TargetView

if HAS_PSYCOPG:
    import psycopg

DATABASE_POLL_S = 0.15
RDS_POLL_S_MAX = 1.0
# How often RDS may show a replica at rest before a promotion that nobody saw accepted is held to be none: descriptions
# come late, and to open the source while a promotion begins would leave two that take writes.
LOOKS_AT_REST_MAX = 15
CHANGING = ("modifying", "rebooting", "upgrading", "promoting")


class Side:
    """One database with its open connection."""

    def __init__(self, login: Login):
        self.login = login
        self._connection: psycopg.Connection | None = None

    @property
    def connection(self) -> psycopg.Connection:
        """The open connection; a new one when the old one was lost."""
        if self._connection is None or self._connection.closed:
            self._connection = connect(self.login)
        return self._connection

    def close(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(Exception):
                self._connection.close()
        self._connection = None

    def identity(self) -> str | None:
        """The system identifier that a physical copy shares with its source; None where it may not be read."""
        try:
            return str(fetch_value(self.connection, "SELECT system_identifier FROM pg_control_system()"))
        except psycopg.errors.InsufficientPrivilege:
            return None

    def read(self, request: parity.ParityRequest) -> parity.Side:
        return parity.read_side(self.connection, request)


class SourceDatabase(Side):
    """The side that serves production."""

    def __init__(self, login: Login, request: fence.FenceRequest, application: Login | None = None):
        super().__init__(login)
        self.request = request
        self.application = Side(application) if application else None

    def observe(self) -> SourceView:
        try:
            state = fence.read_state(self.connection)
            if self.application:
                fetch_value(self.application.connection, "SELECT 1")
        except MultiregionError as error:
            return SourceView(reachable=False, problem=error.message)
        # A fence with a hole or without its position is not yet one; fencing again completes it.
        return SourceView(True, state.in_recovery, state.fenced, state.fence_id)

    def position(self) -> str:
        with describe_errors("read the source's log position"):
            return fence.read_position(self.connection)[0]

    def fence(self) -> dict:
        found = fence.raise_fence(self.connection, self.request)
        return {
            "changed": found["changed"],
            **found["state"].as_result(),
            "terminated": found["terminated"],
            "skipped_layers": found["skipped_layers"],
        }

    def prove(self) -> dict:
        """A refused write on every table, between two equal readings of the log's end."""
        session = self.application.connection if self.application else self.connection
        proof: dict[str, Any] = {}
        still = fence_proof.wait_still(
            self.connection, lambda: proof.update(fence_proof.check_proof(fence_proof.probe_writes(session)))
        )
        by = "application" if self.application else "owner"
        return still | {"refused_write": proof, "proof": by}

    def count_writes(self) -> dict:
        state = fence.read_state(self.connection)
        if not state.fenced:
            raise Refused("The source's fence is gone.", "no fence", "the fence of this switchover")
        return fence_proof.count_writes_since(self.connection, state) | {"gaps": list(state.gaps)}

    def unfence(self) -> dict:
        """On a new connection: the old one may hang in whatever failed."""
        self.close()
        return fence.lift_fence(self.connection)

    def close(self) -> None:
        super().close()
        if self.application:
            self.application.close()


class TargetDatabase(Side):
    """The side that is to serve production."""

    def __init__(
        self,
        login: Login,
        rds_client: Any,
        identifier: str | None,
        *,
        source_identifier: str | None = None,
        application: Login | None = None,
        retention_days: int | None = None,
        window: str | None = None,
        promote_timeout_s: float = 1800,
        poll_seconds: float = 10,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ):
        super().__init__(login)
        self.rds, self.identifier, self.source_identifier = rds_client, identifier, source_identifier
        self.application = application
        self.retention_days, self.window = retention_days, window
        self.promote_timeout_s, self.poll_seconds = promote_timeout_s, poll_seconds
        # What RDS said to the request: yes, an error, or (of an earlier run) nothing that is known here.
        self._accepted = False
        self._refusal: MultiregionError | None = None
        self._clock, self._sleep = clock, sleep

    def _describe(self) -> dict | None:
        return rds.describe_instance(self.rds, self.identifier) if self.identifier else None

    def observe(self) -> TargetView:
        instance = self._describe()
        if self.identifier and instance is None:
            return TargetView(exists=False, problem=f"no database instance {self.identifier}")
        status = rds.status(instance)
        try:
            state = fence.read_state(self.connection)
        except MultiregionError as error:
            promoting = status in CHANGING
            return TargetView(True, promoting=promoting, status=status, problem=error.message)
        promoting = judge_promoting(instance, state.in_recovery)
        return TargetView(True, True, state.in_recovery, state.fenced, state.fence_id, promoting, status)

    def replicates_from(self) -> str | None:
        """The source that RDS knows of, if it is the one named."""
        known = rds.source_arn(self._describe() or {})
        named = self.source_identifier
        return known if known and named and known.rsplit(":", 1)[-1] == named else None

    def replay(self) -> dict:
        """How far the replica has come. A lost connection is no position: asked again at the next look."""
        query = "SELECT pg_last_wal_replay_lsn()::text AS lsn, pg_is_wal_replay_paused() AS paused"
        try:
            with describe_errors("read the replica's position"):
                return fetch_dicts(self.connection, query)[0]
        except DatabaseError:
            self.close()
            return {"lsn": None, "paused": None}

    def promote(self) -> None:
        """Ask RDS once. An error leaves open whether it took effect: wait_writable looks what RDS is doing."""
        try:
            rds.promote(self.rds, str(self.identifier), self.retention_days, self.window)
            self._accepted = True
        except MultiregionError as error:
            if self._describe() is None:
                raise
            self._refusal = error

    def wait_writable(self) -> None:
        """Until RDS is done with it (a promotion ends with a reboot) and the database itself is out of recovery."""
        progress = Progress(f"promotion of {self.identifier or self.login.host}", clock=self._clock)
        deadline = self._clock() + self.promote_timeout_s
        next_look, instance, looks_at_rest = self._clock(), None, 0
        while self._clock() < deadline:
            in_recovery = self._recovery()
            if in_recovery is False or self._clock() >= next_look:
                instance = self._describe()
                next_look = self._clock() + min(self.poll_seconds, RDS_POLL_S_MAX)
                looks_at_rest = self._check_instance(instance, in_recovery, looks_at_rest)
                if in_recovery is False and self._is_done(instance) and self._recovery() is False:
                    return
            progress.report(detail=describe_promotion(instance, in_recovery))
            self._sleep(DATABASE_POLL_S)
        raise WaitTimeout(
            f"Timeout after {self.promote_timeout_s:g} s waiting for the promotion; "
            f"last state: {describe_promotion(instance, self._recovery())}. Run again, it joins.",
            rds.status(instance),
        )

    def _is_done(self, instance: dict | None) -> bool:
        """The first backup, which RDS takes right after, does not keep anybody from writing."""
        return not self.identifier or (
            instance is not None and not rds.is_replica(instance) and rds.status(instance) not in CHANGING
        )

    def _check_instance(self, instance: dict | None, in_recovery: bool | None, looks_at_rest: int) -> int:
        """A replica that stays at rest is not being promoted, unless RDS has said that it would be."""
        if self.identifier and (reason := rds.failure_reason(instance)):
            raise MultiregionError(f"The promotion failed: {reason}")
        at_rest = rds.is_available(instance) and rds.is_replica(instance or {}) and in_recovery is True
        if at_rest and looks_at_rest >= LOOKS_AT_REST_MAX and not self._accepted:
            refusal = f"{self._refusal.message} " if self._refusal else ""
            raise NotApplied(f"{refusal}{self.identifier} is an available replica: it is not being promoted.")
        return looks_at_rest + 1 if at_rest else 0

    def _recovery(self) -> bool | None:
        try:
            with describe_errors("ask the target"):
                return fetch_value(self.connection, "SELECT pg_is_in_recovery()")
        except MultiregionError:
            self.close()
            return None

    def unfence(self) -> dict:
        """Nobody is served from here yet, so sessions that would stay read only are ended at once."""
        return fence.lift_fence(self.connection, is_copy=True)

    def test_write(self) -> dict:
        """Every table takes writes, a row is really written and rolled back, and the application's role may write."""
        proof = fence_proof.probe_writes(self.connection)
        refuse_if_refused(proof)
        written = write_and_roll_back(self.connection)
        result = {"role": self.login.user, "tables": len(proof["passed"]), "written": written}
        if self.application is None:
            return result
        with connect(self.application, options="") as session:
            application = fence_proof.probe_writes(session)
        refuse_if_refused(application)
        return result | {"application_role": application["role"], "application_tables": len(application["passed"])}


def judge_promoting(instance: dict | None, in_recovery: bool) -> bool:
    """Whether RDS is between replica and primary, going by its own word and by the database's."""
    if instance is None:
        return False
    if in_recovery:
        return not rds.is_replica(instance) or rds.status(instance) in CHANGING
    return rds.is_replica(instance) or rds.status(instance) in CHANGING


def describe_promotion(instance: dict | None, in_recovery: bool | None) -> str:
    database = {None: "no connection", True: "in recovery", False: "out of recovery"}[in_recovery]
    return f"{rds.status(instance) or 'status unknown'}, {database}"


def refuse_if_refused(proof: dict) -> None:
    refused = proof["refused"] or proof["soft"] or proof["unclear"]
    if refused or not proof["passed"]:
        raise Refused(
            f"{proof['role']} cannot write on the target.",
            f"{proof['refused']} tables fenced, read only {proof['soft']}, other errors {proof['unclear']}, "
            f"{len(proof['passed'])} writable",
            "every table takes writes",
            "run again; postgresql_fence with state=info tells what is left of the fence",
            {"test_write": proof},
        )


def write_and_roll_back(connection: psycopg.Connection) -> str | None:
    """Rewrite one row as it is, and take it back. Returns the table; None when all tables are empty."""
    with describe_errors("write on the target"):
        for table in fetch_dicts(connection, TABLES):
            column = fetch_value(
                connection,
                "SELECT attname FROM pg_attribute WHERE attrelid = %s::oid AND attnum > 0 AND NOT attisdropped "
                "AND attgenerated = '' AND attidentity <> 'a' ORDER BY attnum LIMIT 1",
                (table["oid"],),
            )
            if column and _touch_row(connection, qualified(table), quote(column)):
                return f"{table['schema']}.{table['name']}"
    return None


def _touch_row(connection: psycopg.Connection, table: str, column: str) -> bool:
    with connection.transaction(force_rollback=True):
        statement = f"UPDATE {table} SET {column} = {column} WHERE ctid = (SELECT ctid FROM {table} LIMIT 1)"
        return connection.execute(statement).rowcount == 1


def as_application(login: Login, application: Login | None) -> Login | None:
    """The application's role at another place: a physical copy has the same roles and passwords."""
    if application is None:
        return None
    return replace(login, user=application.user, password=application.password)
