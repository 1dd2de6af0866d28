# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The SQL of logical replication: constants, and pure builders. What it is for is told in logical.py."""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.medzen.multiregion.plugins.module_utils.fence_sql import SCHEMA as FENCE_SCHEMA
from ansible_collections.medzen.multiregion.plugins.module_utils.postgresql import literal, quote

PLUGIN = "pgoutput"
# Where the connection string lies while the subscription is made: a setting of this session only.
CONNECTION_SETTING = "medzen.conninfo"
_OWN = f"n.nspname NOT IN ('pg_catalog', 'information_schema', '{FENCE_SCHEMA}') AND n.nspname !~ '^pg_(toast|temp_)'"
_NOT_AN_EXTENSION = """NOT EXISTS (SELECT FROM pg_depend d
                    WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')"""

SETTINGS = """
SELECT name, setting FROM pg_settings
 WHERE name IN ('wal_level', 'server_version_num', 'max_replication_slots', 'max_wal_senders', 'max_slot_wal_keep_size',
                'log_statement', 'log_min_duration_statement')
"""
USED = """
SELECT (SELECT count(*) FROM pg_replication_slots) AS slots, (SELECT count(*) FROM pg_stat_replication) AS senders,
       (SELECT count(*) FROM pg_largeobject_metadata) AS large_objects,
       pg_current_wal_flush_lsn()::text AS lsn
"""

# The tables of the workload. A partition is published with its parent.
TABLES = f"""
SELECT n.nspname AS schema, c.relname AS name, c.relpersistence = 'u' AS unlogged,
       c.relreplident = 'f' OR EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid
           AND CASE c.relreplident WHEN 'd' THEN i.indisprimary WHEN 'i' THEN i.indisreplident ELSE false END)
           AS identified
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't' AND {_OWN} AND {_NOT_AN_EXTENSION}
 ORDER BY 1, 2
"""

SEQUENCES = f"""
SELECT n.nspname AS schema, c.relname AS name, s.seqincrement > 0 AS ascending
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_sequence s ON s.seqrelid = c.oid
 WHERE c.relpersistence <> 't' AND {_OWN} AND {_NOT_AN_EXTENSION}
 ORDER BY 1, 2
"""

PUBLICATION = """
SELECT p.pubname AS name, obj_description(p.oid, 'pg_publication') AS seed,
       ARRAY(SELECT schemaname || '.' || tablename FROM pg_publication_tables t WHERE t.pubname = p.pubname
              ORDER BY 1) AS published,
       ARRAY(SELECT n.nspname || '.' || c.relname FROM pg_publication_rel r JOIN pg_class c ON c.oid = r.prrelid
               JOIN pg_namespace n ON n.oid = c.relnamespace WHERE r.prpubid = p.oid ORDER BY 1) AS tables
  FROM pg_publication p WHERE p.pubname = %s
"""

SLOT = """
SELECT slot_name AS name, database, plugin, active, active_pid, wal_status, safe_wal_size,
       confirmed_flush_lsn::text AS confirmed_lsn, restart_lsn::text AS restart_lsn,
       pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::bigint AS retained_bytes
  FROM pg_replication_slots WHERE slot_name = %s
"""

SUBSCRIPTION = """
SELECT s.oid::bigint AS oid, s.subname AS name, s.subenabled AS enabled, s.subslotname AS slot,
       shobj_description(s.oid, 'pg_subscription') AS seed,
       (SELECT o.remote_lsn::text FROM pg_replication_origin_status o WHERE o.external_id = 'pg_' || s.oid)
           AS applied_lsn,
       (SELECT t.apply_error_count FROM pg_stat_subscription_stats t WHERE t.subid = s.oid) AS errors
  FROM pg_subscription s
 WHERE s.subname = %s AND s.subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())
"""

CREATE_SLOT = f"SELECT lsn::text FROM pg_create_logical_replication_slot(%s, '{PLUGIN}')"
TERMINATE_SENDER = (
    "SELECT pg_terminate_backend(active_pid, 5000) FROM pg_replication_slots WHERE slot_name = %s AND active"
)
DROP_SLOT = "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = %s"
# Only an origin that stands nowhere yet is set: one that has moved holds what was applied.
ADVANCE = "SELECT pg_replication_origin_advance('pg_' || %s::text, %s::pg_lsn)"
KEEP_CONNECTION = f"SELECT set_config('{CONNECTION_SETTING}', %s, false) IS NULL"
FORGET_CONNECTION = f"SELECT set_config('{CONNECTION_SETTING}', '', false) IS NULL"


def table_name(table: dict) -> str:
    return f"{quote(table['schema'])}.{quote(table['name'])}"


def create_publication_sql(name: str, tables: Iterable[dict]) -> str:
    """A list of tables: all tables, or those of a schema, only a superuser may publish."""
    return f"CREATE PUBLICATION {quote(name)} FOR TABLE {', '.join(map(table_name, tables))}"


def set_tables_sql(name: str, tables: Iterable[dict]) -> str:
    return f"ALTER PUBLICATION {quote(name)} SET TABLE {', '.join(map(table_name, tables))}"


def mark_sql(kind: str, name: str, seed: str) -> str:
    """Of which slot a PUBLICATION or SUBSCRIPTION is."""
    return f"COMMENT ON {kind} {quote(name)} IS {literal(seed)}"


def create_subscription_sql(name: str) -> str:
    """Disabled, without a copy and without a slot of its own; `origin = none` takes only what was written over there.

    The connection string holds a password. It comes from the session, so it stands in no statement that the server
    logs, shows or counts; and the error that would quote it is raised again without its context.
    """
    create = (
        f"CREATE SUBSCRIPTION {quote(name)} CONNECTION %L PUBLICATION {quote(name)} "
        f"WITH (copy_data = false, create_slot = false, enabled = false, slot_name = {literal(name)}, origin = none)"
    )
    return (
        f"DO $medzen$ BEGIN EXECUTE format({literal(create)}, current_setting('{CONNECTION_SETTING}')); "
        "EXCEPTION WHEN OTHERS THEN RAISE EXCEPTION '%', SQLERRM USING ERRCODE = SQLSTATE; END $medzen$"
    )


def enable_sql(name: str, *, on: bool) -> str:
    return f"ALTER SUBSCRIPTION {quote(name)} {'ENABLE' if on else 'DISABLE'}"


def drop_subscription_sql(name: str) -> tuple[str, ...]:
    """Without its slot, which is dropped at the publisher: else one that is away would keep the subscription."""
    return (
        enable_sql(name, on=False),
        f"ALTER SUBSCRIPTION {quote(name)} SET (slot_name = NONE)",
        f"DROP SUBSCRIPTION {quote(name)}",
    )


def drop_publication_sql(name: str) -> str:
    return f"DROP PUBLICATION IF EXISTS {quote(name)}"


def sequence_values_sql(sequences: Iterable[dict]) -> str:
    """Where each sequence stands: pg_sequences would not tell whether its first value was given out."""
    return " UNION ALL ".join(
        f"SELECT {literal(one['schema'])} AS schema, {literal(one['name'])} AS name, {one['ascending']} AS ascending, "
        f"last_value, is_called FROM {table_name(one)}"
        for one in sequences
    )


def set_sequence_sql(sequence: dict) -> str:
    called = "true" if sequence["is_called"] else "false"
    return f"SELECT setval({literal(table_name(sequence))}::regclass, {int(sequence['last_value'])}, {called})"


def connection_text(parameters: dict) -> str:
    """A connection string as libpq reads it."""
    pairs = ((key, str(value).replace("\\", "\\\\").replace("'", "\\'")) for key, value in parameters.items())
    return " ".join(f"{key}='{value}'" for key, value in pairs)
