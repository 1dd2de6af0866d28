# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a copy of a database that goes on being written to is whole, and how far behind it is.

A copy cannot equal a source that writes on, so the two are compared as of a moment before the copy was taken. The
moment is a horizon: the oldest transaction that was at work then. Whatever a transaction below it wrote was committed.
A snapshot and a replica are physical copies, so a row version carries the number of its transaction (xmin) on both
sides, and the rows from below the horizon that still stand in the source must stand in the copy, the same. The copy may
have more of them: those that the source has replaced since.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from ansible_collections.medzen.multiregion.plugins.module_utils import lsn, parity
from ansible_collections.medzen.multiregion.plugins.module_utils.clients import in_parallel
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import MultiregionError
from ansible_collections.medzen.multiregion.plugins.module_utils.postgresql import (
    HAS_PSYCOPG,
    describe_errors,
    fetch_dicts,
    fetch_value,
    literal,
)

if HAS_PSYCOPG:
    import psycopg

WHOLE, DAMAGED, UNKNOWN = "whole", "damaged", "unknown"
LEVELS = ("counts", "checksums")
# Rows are compared in this many parts of a table; a power of two. Only parts that differ are read row by row.
PARTS = 16384

# The horizon first: what it shows is in the log up to the position that is read after it.
HORIZON = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
POSITION = """
SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_flush_lsn() END::text
"""


@dataclass(frozen=True)
class Point:
    """What a database was at one moment. `horizon` is None on a replica, which knows no transaction of its own."""

    at: str
    lsn: str | None
    newest: str | None
    horizon: int | None

    def as_dict(self) -> dict:
        return {"at": self.at, "lsn": self.lsn, "newest": self.newest, "horizon": self.horizon}


# ---- the moment ----


def iso(moment: float) -> str:
    """Seconds since 1970 as ISO 8601 text in UTC."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")


def seconds_between(earlier: str, later: str) -> float:
    """From one ISO 8601 time to another, in seconds."""
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()


def read_point(connection: psycopg.Connection, schemas: Iterable[str], clock: Callable[[], float] = time.time) -> Point:
    """Read position and newest write in one transaction. `at` is the moment before it, by the controller's clock."""
    at = iso(clock())
    with describe_errors("read how far a database is"):
        connection.execute(parity.BEGIN)
        try:
            connection.execute(parity.PINNED)
            in_recovery = fetch_value(connection, "SELECT pg_is_in_recovery()")
            horizon = None if in_recovery else fetch_value(connection, HORIZON)
            position = fetch_value(connection, POSITION)
            columns = {row["name"]: row["items"] for row in fetch_dicts(connection, parity.COLUMNS, (list(schemas),))}
            newest = parity.newest_sql(columns, {})
            return Point(at, position, fetch_value(connection, newest) if newest else None, horizon)
        finally:
            if not connection.broken:
                connection.execute("ROLLBACK")


def behind_s(source: str | None, copy: str | None, complete_until: str | None = None) -> float | None:
    """How far a copy is behind its source's newest write, in seconds; None (unknown) where it shows no time at all.

    A copy that has everything up to a moment is behind from then on, however long before it the last write was: at
    night the newest write of a copy may be an hour older than the only one that it lacks.
    """
    if source is None:
        return 0.0
    reached = [datetime.fromisoformat(moment) for moment in (copy, complete_until) if moment]
    if not reached:
        return None
    return round(max(0.0, (datetime.fromisoformat(source) - max(reached)).total_seconds()), 3)


def compare_points(source: Point, replica: Point, complete_until: str | None = None) -> dict:
    """The replica's point with its distance from the source."""
    return replica.as_dict() | {
        "lag_bytes": lsn.lag_bytes(source.lsn, replica.lsn),
        "lag_s": behind_s(source.newest, replica.newest, complete_until),
    }


# ---- SQL, built from values only ----


def stood(horizon: int) -> str:
    """The condition of a row version that a transaction below the horizon wrote.

    Row versions keep 32 bits of a transaction's number: below means less than half a round behind.
    """
    return f"(({int(horizon)} - xmin::text::bigint) & 4294967295) BETWEEN 1 AND 2147483647"


def counts_sql(tables: Iterable[str], horizon: int) -> str:
    return " UNION ALL ".join(
        f"SELECT {literal(table)} AS name, count(*) AS rows FROM ONLY {parity.table_name(table)} WHERE {stood(horizon)}"
        for table in tables
    )


def hashes_sql(table: str, horizon: int) -> str:
    """64 bits of the md5 of each row's text, as h."""
    rows = f"SELECT * FROM ONLY {parity.table_name(table)} WHERE {stood(horizon)}"
    return f"SELECT ('x' || left(md5(t::text), 16))::bit(64)::bigint AS h FROM ({rows}) AS t"


def parts_sql(table: str, horizon: int) -> str:
    """Number and sum of the hashes in each part of a table."""
    return (
        f"SELECT (h & {PARTS - 1})::int AS part, count(*) || ':' || sum(h) AS seen, "
        f"count(*) AS rows FROM ({hashes_sql(table, horizon)}) AS hashes GROUP BY 1"
    )


def suspects_sql(table: str, horizon: int, parts: Iterable[int]) -> str:
    wanted = ", ".join(str(int(part)) for part in parts)
    return f"SELECT h FROM ({hashes_sql(table, horizon)}) AS hashes WHERE h & {PARTS - 1} IN ({wanted})"


# ---- judging ----


def differing_parts(source: Mapping[int, str], copy: Mapping[int, str]) -> list[int]:
    """Parts of the source that the copy does not have exactly so. What only the copy has was replaced since."""
    return sorted(part for part, seen in source.items() if copy.get(part) != seen)


def count_missing(source: Iterable[int], copy: Iterable[int]) -> int:
    """How many rows of the source the copy lacks, equal rows counted as often as they stand there."""
    return sum((Counter(source) - Counter(copy)).values())


def structure_of(side: parity.Side) -> parity.Side:
    """A side without what goes on changing in a source."""
    return replace(side, sequences={}, counts={}, checksums={}, newest=None)


@dataclass(frozen=True)
class Rows:
    """Rows from below the horizon: how many, and by table how many of the source's the copy lacks."""

    source: int
    copy: int
    missing: dict[str, int]


def judge(differences: list[dict], rows: Rows | None, problems: list[str]) -> dict:
    """The verdict: whole, damaged, or unknown when a side could not be read or there was nothing to compare."""
    if rows is None:
        return {"verdict": UNKNOWN, "problems": problems, "differences": differences, "missing_rows": None}
    missing = {table: count for table, count in sorted(rows.missing.items()) if count}
    if not rows.source:
        problems = [*problems, "no row of the source is from before the horizon, so nothing is proven"]
    damaged = bool(differences or missing)
    return {
        "verdict": UNKNOWN if problems else DAMAGED if damaged else WHOLE,
        "problems": problems,
        "differences": differences,
        "rows": {"source": rows.source, "copy": rows.copy},
        "missing_rows": sum(missing.values()),
        "missing": missing,
    }


# ---- comparing ----


@dataclass(frozen=True)
class Comparison:
    """What is compared, and how closely."""

    horizon: int
    level: str = "checksums"
    schemas: tuple[str, ...] = ("ehr", "ext")


class Reading:
    """Both sides in a transaction each, which lasts until the comparison is over. For `with`."""

    def __init__(self, source: psycopg.Connection, copy: psycopg.Connection):
        self.connections = (source, copy)

    def __enter__(self) -> Reading:
        for connection in self.connections:
            connection.execute(parity.BEGIN)
            connection.execute(parity.PINNED)
        return self

    def __exit__(self, *_failure: object) -> None:
        for connection in self.connections:
            if not connection.broken:
                connection.execute("ROLLBACK")

    def each(self, query: str) -> list[list[dict]]:
        """The rows of one query on both sides, read side by side."""
        return in_parallel(lambda one: fetch_dicts(one, query), self.connections)


def read_table_names(source: psycopg.Connection, schemas: Iterable[str], wanted: Iterable[str]) -> list[str]:
    """The tables with rows of their own that both sides have."""
    found = fetch_dicts(source, parity.TABLES, (list(schemas),))
    return sorted({table["name"] for table in found if table["readable"]} & set(wanted))


def compare_rows(reading: Reading, tables: list[str], asked: Comparison) -> Rows:
    if not tables:
        return Rows(0, 0, {})
    compare = _compare_counts if asked.level == "counts" else _compare_checksums
    return compare(reading, tables, asked)


def _compare_counts(reading: Reading, tables: list[str], asked: Comparison) -> Rows:
    source, copy = (
        {row["name"]: row["rows"] for row in found} for found in reading.each(counts_sql(tables, asked.horizon))
    )
    missing = {table: max(0, rows - copy.get(table, 0)) for table, rows in source.items()}
    return Rows(sum(source.values()), sum(copy.values()), missing)


def _compare_checksums(reading: Reading, tables: list[str], asked: Comparison) -> Rows:
    totals, missing = [0, 0], {}
    for table in tables:
        found = reading.each(parts_sql(table, asked.horizon))
        totals = [total + sum(row["rows"] for row in side) for total, side in zip(totals, found, strict=True)]
        source, copy = ({row["part"]: row["seen"] for row in side} for side in found)
        if suspects := differing_parts(source, copy):
            query = suspects_sql(table, asked.horizon, suspects)
            missing[table] = count_missing(*([row["h"] for row in side] for side in reading.each(query)))
    return Rows(totals[0], totals[1], missing)


def compare(source: psycopg.Connection, copy: psycopg.Connection, asked: Comparison) -> dict:
    """The verdict on a copy, with its newest write and when it first answered."""
    request = parity.ParityRequest("newest", asked.schemas)
    with describe_errors("read the copy"):
        copied = parity.read_side(copy, request)
    answered_at = iso(time.time())
    with describe_errors("compare the copy with its source"):
        original = parity.read_side(source, request)
        differences = parity.compare(structure_of(original), structure_of(copied))
        readable = read_table_names(source, asked.schemas, copied.tables)
        with Reading(source, copy) as reading:
            rows = compare_rows(reading, readable, asked)
    judgement = judge(differences, rows, [])
    return judgement | {"newest": copied.newest, "answered_at": answered_at, "tables": len(readable)}


def check_horizon(horizon: int) -> None:
    if horizon <= 0:
        raise MultiregionError(
            f"Found: horizon {horizon}. Expected: that of a point that was read before the copy was taken."
        )
