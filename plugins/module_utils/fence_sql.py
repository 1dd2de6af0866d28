# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fence's SQL: constants, and pure builders from names to statements. What they are for is told in fence.py."""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.medzen.multiregion.plugins.module_utils.postgresql import literal, quote

SCHEMA = "medzen_fence"
TRIGGER = "medzen_fence_refuse"
SQLSTATE = "25006"
MESSAGE = "medzen fence: this database is read only"
LEASE_MESSAGE = "medzen fence: the lease of this database has run out"

# Tables of an extension belong to its owner, often not ours, and hold no records of the workload.
TABLES = f"""
SELECT c.oid::bigint AS oid, n.nspname AS schema, c.relname AS name, pg_get_userbyid(c.relowner) AS owner,
       pg_has_role(current_user, c.relowner, 'USAGE') AS ours,
       EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgname = '{TRIGGER}' AND t.tgenabled = 'A')
           AS fenced
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't'
   AND n.nspname NOT IN ('pg_catalog', 'information_schema', '{SCHEMA}') AND n.nspname !~ '^pg_(toast|temp_)'
   AND NOT EXISTS (SELECT FROM pg_depend d
                    WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
 ORDER BY n.nspname, c.relname
"""

ARMED = f"""
SELECT n.nspname AS schema, c.relname AS name
  FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE t.tgname = '{TRIGGER}' ORDER BY 1, 2
"""

LAYERS = """
SELECT coalesce(r.rolname, '') AS role
  FROM pg_db_role_setting s LEFT JOIN pg_roles r ON r.oid = s.setrole
 WHERE s.setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())
   AND 'default_transaction_read_only=on' = ANY (s.setconfig)
 ORDER BY 1
"""

LEASE = f"""
SELECT lease_s, in_force, clock_timestamp() <= valid_until AS valid,
       clock_timestamp() BETWEEN held_since + make_interval(secs => lease_s) AND valid_until AS steady,
       to_char(valid_until AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS valid_until
  FROM {SCHEMA}.lease
"""

POSITION = "SELECT pg_current_wal_flush_lsn()::text, pg_snapshot_xmax(pg_current_snapshot())::text::bigint"

# Who holds tables in a mode that excludes making a trigger; `writes` tells vacuum and CREATE INDEX from the others.
HOLDERS = """
SELECT a.pid, l.virtualtransaction AS transaction, a.usename AS user, a.application_name,
       a.client_addr::text AS client, a.state, a.backend_type,
       round(extract(epoch FROM clock_timestamp() - a.xact_start)::numeric, 2)::float AS transaction_s,
       array_agg(DISTINCT l.relation::regclass::text) AS tables,
       bool_or(l.mode NOT IN ('ShareUpdateExclusiveLock', 'ShareLock')) AS writes
  FROM pg_locks l JOIN pg_stat_activity a USING (pid)
 WHERE l.locktype = 'relation' AND l.granted AND l.pid <> pg_backend_pid() AND l.relation = ANY (%s::oid[])
   AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
   AND l.mode NOT IN ('AccessShareLock', 'RowShareLock')
 GROUP BY a.pid, l.virtualtransaction, a.usename, a.application_name, a.client_addr, a.state, a.backend_type,
          a.xact_start
"""

# A session keeps the default it was opened with: one opened behind the fence refuses writes after it was lifted.
# Without pg_read_all_stats the start of other roles' sessions is hidden: those may be such, and are listed.
STALE_SESSIONS = """
SELECT pid, usename AS user, application_name, client_addr::text AS client, state
  FROM pg_stat_activity
 WHERE datname = current_database() AND usename IS NOT NULL AND pid <> pg_backend_pid()
   AND coalesce(backend_type, 'client backend') = 'client backend' AND application_name IS DISTINCT FROM %s
   AND (backend_start IS NULL
        OR backend_start BETWEEN %s::timestamptz - make_interval(secs => %s) AND %s::timestamptz)
"""

# Each statement touches no row, so nothing is written even where the fence has a hole; statement triggers fire anyway.
PROOF = f"""
DO $medzen$
DECLARE
    candidate record;
    refused int := 0; passed text[] := '{{}}'; soft text[] := '{{}}'; unclear text[] := '{{}}';
BEGIN
    FOR candidate IN
        SELECT c.oid::regclass::text AS name, CASE
            WHEN has_table_privilege(c.oid, 'DELETE') THEN format('DELETE FROM %s WHERE false', c.oid::regclass)
            WHEN u.attname IS NOT NULL THEN format('UPDATE %s SET %I = NULL WHERE false', c.oid::regclass, u.attname)
            ELSE format('INSERT INTO %s (%I) SELECT NULL WHERE false', c.oid::regclass, i.attname) END AS statement
          FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
          LEFT JOIN LATERAL (SELECT attname FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0
              AND NOT a.attisdropped AND a.attgenerated = '' AND a.attidentity <> 'a'
              AND has_column_privilege(c.oid, a.attnum, 'UPDATE') LIMIT 1) u ON true
          LEFT JOIN LATERAL (SELECT attname FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0
              AND NOT a.attisdropped AND a.attgenerated = '' AND a.attidentity <> 'a'
              AND has_column_privilege(c.oid, a.attnum, 'INSERT') LIMIT 1) i ON true
         WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't'
           AND n.nspname NOT IN ('pg_catalog', 'information_schema', '{SCHEMA}')
           AND n.nspname !~ '^pg_(toast|temp_)' AND has_schema_privilege(n.oid, 'USAGE')
           AND (has_table_privilege(c.oid, 'DELETE') OR u.attname IS NOT NULL OR i.attname IS NOT NULL)
           AND NOT EXISTS (SELECT FROM pg_depend d
                            WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
    LOOP
        BEGIN
            EXECUTE candidate.statement;
            passed := passed || candidate.name;
        EXCEPTION
            WHEN read_only_sql_transaction THEN
                IF SQLERRM LIKE 'medzen fence%' THEN refused := refused + 1;
                ELSE soft := soft || candidate.name; END IF;
            WHEN others THEN unclear := unclear || (candidate.name || ' ' || SQLSTATE);
        END;
    END LOOP;
    PERFORM set_config('medzen.proof', json_build_object('role', current_user, 'refused', refused, 'passed', passed,
        'soft', soft, 'unclear', unclear)::text, false);
END $medzen$
"""


def qualified(table: dict) -> str:
    return f"{quote(table['schema'])}.{quote(table['name'])}"


def limits_sql(lock_timeout_s: float) -> str:
    """How long a statement may wait for its table before it gives way to those that wait behind it."""
    return f"SET LOCAL lock_timeout = {max(1, round(lock_timeout_s * 1000))}"


def function_sql(*, refuse: bool) -> str:
    """The trigger's function: refusing while fenced, doing nothing once lifted."""
    hint = "The workload is moving. Nothing was written; try again in a moment."
    return _function(_raise(MESSAGE, hint) if refuse else "RETURN NULL;")


def lease_function_sql() -> str:
    """The function of a fence that closes by itself: refusing from the moment at which the lease runs out.

    It works with its owner's rights, because the application must not write the lease that it is held to. No lease at
    all compares as unknown, and unknown refuses.
    """
    valid = f"IF clock_timestamp() <= (SELECT valid_until FROM {SCHEMA}.lease) THEN RETURN NULL; END IF; "
    hint = "Nobody has renewed it from outside this region. Nothing was written; try again in a moment."
    return _function(valid + _raise(LEASE_MESSAGE, hint), "SECURITY DEFINER ")


def _function(body: str, rights: str = "") -> str:
    return (
        f"CREATE OR REPLACE FUNCTION {SCHEMA}.refuse() RETURNS trigger LANGUAGE plpgsql {rights}"
        f"SET search_path = pg_catalog AS $medzen$ BEGIN {body} END $medzen$"
    )


def _raise(message: str, hint: str) -> str:
    return f"RAISE EXCEPTION {literal(message)} USING ERRCODE = '{SQLSTATE}', HINT = {literal(hint)};"


PREPARE = (
    f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}; "
    f"CREATE TABLE IF NOT EXISTS {SCHEMA}.state (fence_id text PRIMARY KEY, since timestamptz NOT NULL, "
    "fenced_by text NOT NULL, reason text NOT NULL, layers text[] NOT NULL, lsn pg_lsn, xid bigint, "
    "lifted timestamptz); "
    f"CREATE TABLE IF NOT EXISTS {SCHEMA}.lease (single boolean PRIMARY KEY DEFAULT true CHECK (single), "
    "lease_s integer NOT NULL, valid_until timestamptz NOT NULL, held_since timestamptz NOT NULL, "
    "in_force boolean NOT NULL DEFAULT false)"
)


def arm_sql(table: dict) -> str:
    """The trigger of one table. ALWAYS: it fires under session_replication_role = replica too."""
    name = qualified(table)
    return (
        f"CREATE OR REPLACE TRIGGER {TRIGGER} BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON {name} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {SCHEMA}.refuse(); "
        f"ALTER TABLE {name} ENABLE ALWAYS TRIGGER {TRIGGER}"
    )


def disarm_sql(table: dict) -> str:
    return f"DROP TRIGGER IF EXISTS {TRIGGER} ON {qualified(table)}"


def read_only_sql(database: str, role: str | None = None, *, on: bool) -> str:
    """Layers 2 and 3: the default of the sessions that are opened from now on."""
    place = f"ROLE {quote(role)} IN DATABASE {quote(database)}" if role else f"DATABASE {quote(database)}"
    return f"ALTER {place} " + ("SET" if on else "RESET") + " default_transaction_read_only" + (" = on" if on else "")


def newer_rows_sql(tables: Iterable[dict], xid: int) -> str:
    """Rows of each table, and how many of them a transaction wrote that began after `xid` (ids wrap at 32 bits)."""
    newer = (
        f"xmin::text::bigint > 2 AND ((xmin::text::bigint - {xid % 2**32} + 4294967296) % 4294967296) "
        f"BETWEEN 1 AND 2147483647"
    )
    parts = [
        f"SELECT {literal(table['schema'] + '.' + table['name'])} AS name, count(*) AS rows, "
        f"count(*) FILTER (WHERE {newer}) AS newer FROM ONLY {qualified(table)}"
        for table in tables
    ]
    return " UNION ALL ".join(parts)
