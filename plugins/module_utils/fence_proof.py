# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proof of a fence: test writes that are refused, a log that stands still, and rows that are no newer than it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.fence import FenceState, read_position
from ansible_collections.medzen.multiregion.plugins.module_utils.fence_sql import (
    PROOF,
    SQLSTATE,
    TABLES,
    newer_rows_sql,
)
from ansible_collections.medzen.multiregion.plugins.module_utils.postgresql import (
    HAS_PSYCOPG,
    describe_errors,
    fetch_dicts,
    fetch_value,
)

if HAS_PSYCOPG:
    import psycopg

STILL_GAP_S = 0.03
STILL_TIMEOUT_S = 3.0


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
