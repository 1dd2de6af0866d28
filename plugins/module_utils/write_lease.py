# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The write lease of a database: a fence that closes by itself once nobody outside the region renews it.

A region that is cut off cannot be told to stop. So its database is held to a lease: it takes writes for as long as the
lease is valid, and whoever renews it stands outside the region and asks the run record first. When the region is given
up nobody renews it any more, and when it comes back its database refuses before anybody has reached it.

It uses the fence's triggers with another function (fence_sql.lease_function_sql), so raising a fence needs no new
trigger, and lifting one takes the lease away: a promoted or restored copy, which carries the lease of its source, is
opened by the same act. Only the clock of the database is compared with the lease.

Why the end is known elsewhere. A renewal counts from the database's time before the run record was read. So no lease
lasts longer than its length after the moment at which the record said that the region is given up, whatever the clocks
say. A longer one begins with the second renewal, when the replica has long replayed its length.

What it does not do: a transaction whose last statement ran under the lease may commit behind it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ansible_collections.medzen.multiregion.plugins.module_utils import fence
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.fence_sql import (
    PREPARE,
    SCHEMA,
    TABLES,
    arm_sql,
    lease_function_sql,
)
from ansible_collections.medzen.multiregion.plugins.module_utils.postgresql import (
    describe_errors,
    fetch_dicts,
    fetch_value,
)

NOW = "SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
# A beat with the same length never shortens: two that renew may come in any order.
RENEW = f"""
INSERT INTO {SCHEMA}.lease AS present (lease_s, valid_until, held_since)
     VALUES (%(lease_s)s, least(%(since)s::timestamptz, clock_timestamp()) + make_interval(secs => %(lease_s)s),
             clock_timestamp())
ON CONFLICT (single) DO UPDATE SET
    lease_s = excluded.lease_s,
    valid_until = CASE WHEN excluded.lease_s < present.lease_s THEN excluded.valid_until
        ELSE greatest(present.valid_until,
                      excluded.valid_until - make_interval(secs => excluded.lease_s - present.lease_s)) END,
    held_since = CASE WHEN present.valid_until < excluded.held_since THEN excluded.held_since
        ELSE present.held_since END
"""


@dataclass(frozen=True)
class Lease:
    """What a database says about its lease, by its own clock; each field is told in the module's RETURN."""

    now: str
    lease_s: int | None = None
    valid_until: str | None = None
    valid: bool = False
    steady: bool = False
    in_force: bool = False
    fenced: bool = False
    in_recovery: bool = False
    gaps: tuple[str, ...] = ()

    def as_result(self) -> dict:
        names = ("now", "lease_s", "valid_until", "valid", "steady", "in_force", "fenced", "in_recovery")
        return {name: getattr(self, name) for name in names} | {"gaps": list(self.gaps)}


def read(connection: Any) -> Lease:
    """The lease as it stands; on a replica, as far as it has arrived there."""
    with describe_errors("read the write lease"):
        now = fetch_value(connection, NOW)
        row = fence.read_lease_row(connection) or {}
        tables = fetch_dicts(connection, TABLES) if row.get("in_force") else []
    state = fence.read_state(connection)
    return Lease(now, **row, fenced=state.fenced, in_recovery=state.in_recovery, gaps=fence.name_gaps(tables))


def refuse_replica(lease: Lease) -> None:
    if lease.in_recovery:
        raise Refused(
            "Cannot hold a read replica to a lease.",
            "the database is in recovery",
            "the primary that takes the writes",
            "renew the lease of its source: it reaches its replicas by replication",
        )


def renew(connection: Any, lease: Lease, lease_s: int, counted_from: str) -> None:
    """Make the lease valid for `lease_s` seconds from `counted_from`, the database's own time of a moment ago.

    Raising the length takes two renewals: the first tells the new length, the second uses it.
    """
    with describe_errors("renew the write lease"), connection.transaction():
        if lease.lease_s is None:
            connection.execute("SET LOCAL client_min_messages = warning")
            connection.execute(PREPARE)
        connection.execute(RENEW, {"lease_s": lease_s, "since": counted_from})


def put_in_force(
    connection: Any,
    *,
    limit_s: float = 2.0,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Hold every table to the lease. Those that are busy for longer than the limit stay gaps: no session is ended.

    A fence that stands, or is raised at the same time, keeps its function.
    """
    with describe_errors("look for the tables"):
        fence.refuse_what_cannot_be_fenced(fetch_dicts(connection, TABLES), 0, [])
    with describe_errors("put the write lease in force"), connection.transaction():
        # A fence writes its row into this table in the transaction that closes it.
        connection.execute(f"LOCK TABLE {SCHEMA}.state IN SHARE ROW EXCLUSIVE MODE")
        if fetch_value(connection, f"SELECT count(*) FROM {SCHEMA}.state WHERE lifted IS NULL"):
            return
        connection.execute(lease_function_sql())
        connection.execute(f"UPDATE {SCHEMA}.lease SET in_force = true WHERE NOT in_force")
    with describe_errors("look for tables without the lease"):
        tables = [table for table in fetch_dicts(connection, TABLES) if not table["fenced"]]
    waiter = fence.Waiter(clock, sleep)
    for table in tables:
        fence.try_for(connection, arm_sql(table), limit_s, waiter)
