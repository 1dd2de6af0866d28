# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether two databases hold the same: structure, counts, newest write, and on request every row.

Each side is read in one repeatable-read transaction with the settings pinned that shape a row's text. A verdict is
equal, different or unknown; a side that could not be read makes it unknown, never equal.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.medzen.multiregion.plugins.module_utils.errors import MultiregionError
from ansible_collections.medzen.multiregion.plugins.module_utils.postgresql import (
    HAS_PSYCOPG,
    describe_errors,
    fetch_dicts,
    fetch_value,
    literal,
    quote,
)

if HAS_PSYCOPG:
    import psycopg

EQUAL, DIFFERENT, UNKNOWN = "equal", "different", "unknown"
LEVELS = ("newest", "counts", "checksums")
# What checksum_sql answers of a table without a row.
EMPTY_CHECKSUM = "0:0"

BEGIN = "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
PINNED = (
    "SET LOCAL datestyle = 'ISO, YMD'; SET LOCAL timezone = 'UTC'; SET LOCAL intervalstyle = 'iso_8601'; "
    "SET LOCAL extra_float_digits = 1; SET LOCAL bytea_output = 'hex'; SET LOCAL lc_monetary = 'C'; "
    "SET LOCAL lc_numeric = 'C'; SET LOCAL xmloption = 'content'; SET LOCAL search_path = pg_catalog"
)

TABLES = """
SELECT n.nspname || '.' || c.relname AS name, n.nspname AS schema, c.relname AS relation,
       c.relkind = 'r' AND c.relpersistence = 'p' AS readable
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = ANY (%s) AND c.relkind IN ('r', 'p')
   AND NOT EXISTS (SELECT FROM pg_depend d
                    WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
 ORDER BY 1
"""

COLUMNS = """
SELECT n.nspname || '.' || c.relname AS name, array_agg(concat_ws(' ', quote_ident(a.attname),
       format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN 'not null' END,
       'default ' || pg_get_expr(d.adbin, d.adrelid)) ORDER BY a.attnum) AS items
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
 WHERE n.nspname = ANY (%s) AND c.relkind IN ('r', 'p')
 GROUP BY 1
"""

INDEXES = """
SELECT n.nspname || '.' || c.relname AS name, array_agg(pg_get_indexdef(i.indexrelid)
       || CASE WHEN i.indisvalid THEN '' ELSE ' (invalid)' END ORDER BY pg_get_indexdef(i.indexrelid)) AS items
  FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = ANY (%s)
 GROUP BY 1
"""

SEQUENCES = """
SELECT schemaname || '.' || sequencename AS name, increment_by, last_value
  FROM pg_sequences WHERE schemaname = ANY (%s) ORDER BY 1
"""

# Where EHRbase keeps the time of a write. The histories' upper bound is the time at which a version was replaced.
NEWEST = {
    "ehr.ehr": "creation_date",
    "ehr.audit_details": "time_committed",
    "ehr.comp_version": "sys_period_lower",
    "ehr.ehr_status_version": "sys_period_lower",
    "ehr.ehr_folder_version": "sys_period_lower",
    "ehr.ehr_item_tag": "sys_period_lower",
    "ehr.comp_version_history": "sys_period_upper",
    "ehr.ehr_status_version_history": "sys_period_upper",
    "ehr.ehr_folder_version_history": "sys_period_upper",
    "ehr.template_store": "creation_time",
    "ehr.stored_query": "creation_date",
}


@dataclass(frozen=True)
class ParityRequest:
    """What is compared."""

    level: str = "counts"
    schemas: tuple[str, ...] = ("ehr", "ext")
    tables: tuple[str, ...] = ()
    sequence_gap: int = 0
    except_ehr: str = ""


@dataclass(frozen=True)
class Side:
    """One database as it was read. Every dict is keyed by schema.table, or schema.sequence."""

    tables: tuple[str, ...] = ()
    columns: dict[str, list[str]] = field(default_factory=dict)
    indexes: dict[str, list[str]] = field(default_factory=dict)
    sequences: dict[str, dict] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    checksums: dict[str, str] = field(default_factory=dict)
    newest: str | None = None
    in_recovery: bool = False
    read_s: float = 0.0


# ---- SQL, built from values only ----


def table_name(name: str) -> str:
    schema, _dot, relation = name.partition(".")
    return f"{quote(schema)}.{quote(relation)}"


def rows_of(table: str, without: dict[str, str]) -> str:
    """The rows of a table that count; `without` has the condition of those that do, where not all of them do."""
    return table_name(table) + (f" WHERE {without[table]}" if table in without else "")


def conditions_without(ehr_id: str, columns: dict[str, list[str]]) -> dict[str, str]:
    """By table, which rows are not of this EHR. EHRbase's audit details and data know theirs by other tables only."""
    if not ehr_id:
        return {}
    names = {table: {item.split(" ", 1)[0].strip('"') for item in items} for table, items in columns.items()}
    ehr = f"{literal(ehr_id)}::uuid"
    found = {table: f"ehr_id <> {ehr}" for table, known in names.items() if "ehr_id" in known}
    audits = [
        f"SELECT {column} FROM {table_name(table)} WHERE ehr_id = {ehr} AND {column} IS NOT NULL"
        for table in sorted(found)
        for column in ("audit_id", "has_audit")
        if column in names[table]
    ]
    if "ehr.ehr" in names:
        found["ehr.ehr"] = f"id <> {ehr}"
    if "ehr.comp_data" in names and "ehr.comp_version" in found:
        found.setdefault(
            "ehr.comp_data", f"vo_id NOT IN (SELECT vo_id FROM {table_name('ehr.comp_version')} WHERE ehr_id = {ehr})"
        )
    if "ehr.audit_details" in names and audits:
        found.setdefault("ehr.audit_details", f"id NOT IN ({' UNION ALL '.join(audits)})")
    return found


def counts_sql(tables: Iterable[str], without: dict[str, str]) -> str:
    """One pass and one answer for all tables."""
    return " UNION ALL ".join(
        f"SELECT {literal(t)} AS name, count(*) AS rows FROM ONLY {rows_of(t, without)}" for t in tables
    )


def checksum_sql(table: str, without: dict[str, str]) -> str:
    """Order-free: count and sum of 64 bits of each row's md5. No key is needed, and no sort.

    One aggregate over the hash: PostgreSQL hashes each row anew for every further one, and what keeps it from that
    keeps it from reading a large table in parallel too. The sum of a bigint is exact.
    """
    rows = f"SELECT * FROM ONLY {rows_of(table, without)}"
    return (
        "SELECT count(*) || ':' || coalesce(sum(h), 0) FROM "
        f"(SELECT ('x' || left(md5(t::text), 16))::bit(64)::bigint AS h FROM ({rows}) AS t) AS hashes"
    )


def newest_sql(columns: dict[str, list[str]], without: dict[str, str]) -> str | None:
    """The newest write over those of EHRbase's tables and columns that are there; None when none is."""
    parts = [
        f"SELECT max({quote(column)})::timestamptz AS t FROM {rows_of(table, without)}"
        for table, column in NEWEST.items()
        if any(item.split(" ", 1)[0].strip('"') == column for item in columns.get(table, ()))
    ]
    if not parts:
        return None
    return (
        "SELECT to_char(max(t) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') FROM "
        f"({' UNION ALL '.join(parts)}) AS writes"
    )


# ---- reading ----


def read_side(
    connection: psycopg.Connection, request: ParityRequest, clock: Callable[[], float] = time.monotonic
) -> Side:
    """Read one database in one transaction. The connection is in autocommit before and after."""
    started = clock()
    with describe_errors("read a database for comparison"):
        connection.execute(BEGIN)
        try:
            connection.execute(PINNED)
            return _read(connection, request, started, clock)
        finally:
            if not connection.broken:
                connection.execute("ROLLBACK")


def _read(connection: psycopg.Connection, request: ParityRequest, started: float, clock: Callable[[], float]) -> Side:
    schemas = (list(request.schemas),)
    tables = [t for t in fetch_dicts(connection, TABLES, schemas) if not request.tables or t["name"] in request.tables]
    readable = [table["name"] for table in tables if table["readable"]]
    columns = _items(connection, COLUMNS, schemas)
    without = conditions_without(request.except_ehr, columns)
    counts, checksums = {}, {}
    if request.level != "newest" and readable:
        counts = {row["name"]: row["rows"] for row in fetch_dicts(connection, counts_sql(readable, without))}
    if request.level == "checksums":
        checksums = {table: fetch_value(connection, checksum_sql(table, without)) for table in readable}
    newest = newest_sql(columns, without)
    return Side(
        tables=tuple(table["name"] for table in tables),
        columns=columns,
        indexes=_items(connection, INDEXES, schemas),
        sequences={row["name"]: row for row in fetch_dicts(connection, SEQUENCES, schemas)},
        counts=counts,
        checksums=checksums,
        newest=fetch_value(connection, newest) if newest else None,
        in_recovery=fetch_value(connection, "SELECT pg_is_in_recovery()"),
        read_s=round(clock() - started, 3),
    )


def _items(connection: psycopg.Connection, query: str, parameters: Any) -> dict[str, list[str]]:
    return {row["name"]: row["items"] for row in fetch_dicts(connection, query, parameters)}


def read_both(
    read_source: Callable[[], Side], read_target: Callable[[], Side]
) -> tuple[Side | None, Side | None, list[str]]:
    """Both sides at once. A side that cannot be read is None, and its reason is in the list."""
    problems: list[str] = []
    with ThreadPoolExecutor(max_workers=2) as pool:
        futures = {"source": pool.submit(read_source), "target": pool.submit(read_target)}
    sides: dict[str, Side | None] = {}
    for name, future in futures.items():
        try:
            sides[name] = future.result()
        except MultiregionError as error:
            sides[name] = None
            problems.append(f"{name}: {error.message}")
    return sides["source"], sides["target"], problems


# ---- judging ----


def compare(source: Side, target: Side, sequence_gap: int = 0) -> list[dict]:
    """All differences, sorted: table, what differs, and both values."""
    found = [
        _difference(table, "table", table in source.tables, table in target.tables)
        for table in sorted(set(source.tables) ^ set(target.tables))
    ]
    for table in sorted(set(source.tables) & set(target.tables)):
        found += _compare_table(table, source, target)
    found += _compare_sequences(source.sequences, target.sequences, sequence_gap)
    if source.newest != target.newest:
        found.append(_difference("", "newest write", source.newest, target.newest))
    return found


def _compare_table(table: str, source: Side, target: Side) -> list[dict]:
    found = []
    for what in ("columns", "indexes"):
        left, right = (getattr(side, what).get(table, []) for side in (source, target))
        if left != right:
            only = [item for item in left if item not in right], [item for item in right if item not in left]
            found.append(_difference(table, what, *only))
    for what in ("counts", "checksums"):
        left, right = (getattr(side, what).get(table) for side in (source, target))
        if left != right:
            found.append(_difference(table, "rows" if what == "counts" else "checksum", left, right))
    return found


def _compare_sequences(source: dict[str, dict], target: dict[str, dict], gap: int) -> list[dict]:
    """A replica's sequences are ahead by what the source had logged in advance: a gap, never a repeated number.

    Looked at from a promoted replica, its former source is behind by as much: that is what `gap` is for.
    """
    found = []
    for name in sorted(set(source) | set(target)):
        left, right = source.get(name), target.get(name)
        if left is None or right is None:
            found.append(_difference(name, "sequence", left is not None, right is not None))
        elif _is_behind(left, right, gap):
            found.append(_difference(name, "last_value", left["last_value"], right["last_value"]))
    return found


def _is_behind(source: dict, target: dict, gap: int) -> bool:
    if source["last_value"] is None:
        return False
    if target["last_value"] is None:
        return True
    return (source["last_value"] - target["last_value"]) / source["increment_by"] > gap


def _difference(table: str, what: str, source: Any, target: Any) -> dict:
    return {"table": table, "what": what, "source": source, "target": target}


def is_target_ahead_only(differences: list[dict]) -> bool:
    """Whether all that differs is that the target has more rows and newer ones: nothing of the source is missing."""
    ahead = [d for d in differences if d["what"] in ("rows", "newest write") and _is_more(d["target"], d["source"])]
    follows = [d for d in differences if d["what"] == "checksum"]
    return bool(ahead) and len(ahead) + len(follows) == len(differences)


def _is_more(value: Any, other: Any) -> bool:
    if value is None:
        return False
    return other is None or value > other


def judge(source: Side | None, target: Side | None, problems: list[str], request: ParityRequest) -> dict:
    """The verdict with its evidence, as the module returns it."""
    if source is None or target is None:
        summary = f"unknown: {'; '.join(problems)}"
        return {
            "verdict": UNKNOWN,
            "level": request.level,
            "problems": problems,
            "differences": [],
            "summary": summary,
            "missing_rows": None,
            "loss": None,
        }
    differences = compare(source, target, request.sequence_gap)
    if not source.tables and not target.tables:
        problems = [*problems, f"no table in the schemas {', '.join(request.schemas)} on either side"]
    verdict = UNKNOWN if problems else DIFFERENT if differences else EQUAL
    missing_rows = count_missing_rows(source, target) if request.level != "newest" else None
    return {
        "verdict": verdict,
        "level": request.level,
        "problems": problems,
        "differences": differences,
        "summary": summarize(verdict, differences, problems),
        "missing_rows": missing_rows,
        "loss": None if verdict == UNKNOWN else tell_loss(differences, missing_rows or 0),
        "tables": len(source.tables),
        "rows": {"source": sum(source.counts.values()), "target": sum(target.counts.values())}
        if request.level != "newest"
        else None,
        "newest": {"source": source.newest, "target": target.newest},
        "sequences": len(source.sequences),
        "in_recovery": {"source": source.in_recovery, "target": target.in_recovery},
        "read_s": {"source": source.read_s, "target": target.read_s},
    }


def count_missing_rows(source: Side, target: Side) -> int:
    """How many rows fewer the target has, table by table. A row that was changed in place is not among them."""
    return sum(max(0, rows - target.counts.get(table, 0)) for table, rows in source.counts.items())


def tell_loss(differences: list[dict], missing_rows: int) -> str:
    """What is gone once only the target is left, as an operator types it to accept it; empty when nothing is.

    Rows that are missing are told by their number. What no number tells is told by its table: a row that was changed in
    place, and without a missing row whatever else differs.
    """
    short = {one["table"] for one in differences if one["what"] == "rows" and _is_more(one["source"], one["target"])}
    more = [one for one in differences if one["table"] not in short and (one["what"] == "checksum" or not missing_rows)]
    tables = list(dict.fromkeys(one["table"] or one["what"] for one in more))
    told = [f"{missing_rows} rows"] if missing_rows else []
    return " and ".join([*told, f"what differs in {', '.join(tables)}"] if tables else told)


def summarize(verdict: str, differences: list[dict], problems: list[str]) -> str:
    """The verdict in a line."""
    shown = [f"{d['table']} {d['what']}: {d['source']} and {d['target']}".strip() for d in differences[:5]]
    more = [f"and {len(differences) - 5} more"] if len(differences) > 5 else []
    return "; ".join([verdict, *problems, *shown, *more])


def evidence(judgement: dict) -> dict:
    """The judgement in few words: what a gate keeps."""
    kept = ("verdict", "level", "tables", "rows", "newest", "problems")
    return {key: judgement[key] for key in kept if judgement.get(key) not in (None, [])} | {
        "differences": len(judgement["differences"]),
        "first_differences": judgement["differences"][:5],
    }
