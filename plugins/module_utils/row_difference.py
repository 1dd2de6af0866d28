# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which rows one database has and another has not: by primary key and by a hash of the whole row.

Both sides count each table in buckets of its hashed key first; only rows of buckets that differ travel. A key that the
other side lacks is missing there; one whose row is another one differs. A table without a primary key is compared as a
whole: which of its rows differ cannot be told. No AWS in here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.medzen.multiregion.plugins.module_utils import parity
from ansible_collections.medzen.multiregion.plugins.module_utils.postgresql import (
    describe_errors,
    fetch_dicts,
    fetch_value,
    literal,
    quote,
)

# Characters of the hash that make a bucket: 4096 of them.
BUCKET_CHARACTERS = 3
KEYS_SHOWN_MAX = 50

# Tables with a primary key, and its columns in their order.
TABLES = """
SELECT n.nspname AS schema, c.relname AS name,
       array_agg(a.attname::text ORDER BY array_position(i.indkey::smallint[], a.attnum)) AS key
  FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey::smallint[])
 WHERE i.indisprimary AND n.nspname = ANY (%s) AND c.relkind IN ('r', 'p')
 GROUP BY 1, 2 ORDER BY 1, 2
"""

# Tables that hold rows themselves: a partitioned one has them in its partitions.
STORED = """
SELECT n.nspname || '.' || c.relname AS name,
       EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary) AS has_key
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = ANY (%s) AND c.relkind = 'r'
 ORDER BY 1
"""

Rows = Mapping[str, str]


def key_sql(columns: Iterable[str]) -> str:
    """A row's key as one text; JSON keeps apart what a separator could join."""
    return f"jsonb_build_array({', '.join(f't.{quote(column)}' for column in columns)})::text"


def buckets_sql(table: Mapping[str, Any]) -> str:
    """Bucket, rows and a hash over them that no order changes."""
    key = key_sql(table["key"])
    return (
        f"SELECT left(md5({key}), {BUCKET_CHARACTERS}) AS bucket, count(*) AS rows, "
        f"sum(('x' || left(md5({key} || md5(t::text)), 15))::bit(60)::bigint) AS hash "
        f"FROM {quote(table['schema'])}.{quote(table['name'])} t GROUP BY 1"
    )


def rows_sql(table: Mapping[str, Any], buckets: Iterable[str]) -> str:
    """Key and hash of every row of some buckets."""
    key = key_sql(table["key"])
    wanted = ", ".join(literal(bucket) for bucket in sorted(buckets))
    return (
        f"SELECT {key} AS key, md5(t::text) AS hash FROM {quote(table['schema'])}.{quote(table['name'])} t "
        f"WHERE left(md5({key}), {BUCKET_CHARACTERS}) IN ({wanted})"
    )


def whole_rows_sql(table: Mapping[str, Any]) -> str:
    """Whole rows as JSON, by their keys."""
    key = key_sql(table["key"])
    return (
        f"SELECT to_jsonb(t)::text AS row FROM {quote(table['schema'])}.{quote(table['name'])} t WHERE {key} = ANY (%s)"
    )


def name_of(table: Mapping[str, Any]) -> str:
    return f"{table['schema']}.{table['name']}"


def differing_buckets(source: Mapping[str, tuple], target: Mapping[str, tuple]) -> list[str]:
    """Buckets in which the source has something that may not be in the target."""
    return sorted(bucket for bucket, found in source.items() if target.get(bucket) != found)


def compare_rows(source: Rows, target: Rows) -> dict[str, list[str]]:
    """Keys of the source that the target lacks, and those whose row is another one there."""
    return {
        "missing": sorted(set(source) - set(target)),
        "differing": sorted(key for key, found in source.items() if key in target and target[key] != found),
    }


def summarize(tables: Mapping[str, Mapping[str, list[str]]]) -> dict[str, Any]:
    """Counts by table and in all, with the first keys of each."""
    shown = {
        name: {
            "missing": len(found["missing"]),
            "differing": len(found["differing"]),
            "missing_keys": found["missing"][:KEYS_SHOWN_MAX],
        }
        for name, found in sorted(tables.items())
        if found["missing"] or found["differing"]
    }
    return {
        "tables": shown,
        "missing_rows": sum(one["missing"] for one in shown.values()),
        "differing_rows": sum(one["differing"] for one in shown.values()),
    }


# --- reading ---------------------------------------------------------------------------------------------------------


def read_tables(connection: Any, schemas: Iterable[str]) -> list[dict]:
    with describe_errors("list the tables with a primary key"):
        return fetch_dicts(connection, TABLES, (list(schemas),))


def read_stored(connection: Any, schemas: Iterable[str]) -> dict[str, bool]:
    """Tables that hold rows, and whether they have a primary key."""
    with describe_errors("list the tables"):
        return {one["name"]: one["has_key"] for one in fetch_dicts(connection, STORED, (list(schemas),))}


def read_checksum(connection: Any, name: str) -> str:
    with describe_errors(f"sum up {name}"):
        return fetch_value(connection, parity.checksum_sql(name, {}))


def read_buckets(connection: Any, table: Mapping[str, Any]) -> dict[str, tuple]:
    with describe_errors(f"count {name_of(table)}"):
        found = fetch_dicts(connection, buckets_sql(table))
    return {one["bucket"]: (one["rows"], one["hash"]) for one in found}


def read_rows(connection: Any, table: Mapping[str, Any], buckets: Iterable[str]) -> Rows:
    with describe_errors(f"read the keys of {name_of(table)}"):
        return {one["key"]: one["hash"] for one in fetch_dicts(connection, rows_sql(table, buckets))}


def read_whole(connection: Any, table: Mapping[str, Any], keys: Iterable[str]) -> list[str]:
    with describe_errors(f"read rows of {name_of(table)}"):
        return [one["row"] for one in fetch_dicts(connection, whole_rows_sql(table), (list(keys),))]


def find_difference(source: Any, target: Any, table: Mapping[str, Any], known: Iterable[str]) -> dict[str, list[str]]:
    """What the source's table has and the target's has not; of a table that the target lacks, everything."""
    there = name_of(table) in set(known)
    counted = read_buckets(source, table)
    buckets = differing_buckets(counted, read_buckets(target, table) if there else {})
    if not buckets:
        return {"missing": [], "differing": []}
    return compare_rows(read_rows(source, table, buckets), read_rows(target, table, buckets) if there else {})


def find_left_out(source: Any, target: Any, schemas: Iterable[str]) -> list[str]:
    """Tables of the source without a primary key that have rows and are not the same in the target."""
    there = read_stored(target, schemas)
    keyless = [name for name, has_key in read_stored(source, schemas).items() if not has_key]
    return [name for name in keyless if not is_kept(source, target, name, there)]


def is_kept(source: Any, target: Any, name: str, there: Iterable[str]) -> bool:
    """Whether the target has every row of a table, as far as whole tables tell."""
    found = read_checksum(source, name)
    return found == parity.EMPTY_CHECKSUM or (name in there and found == read_checksum(target, name))
