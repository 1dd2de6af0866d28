# SPDX-License-Identifier: GPL-3.0-or-later
"""Streaming replicas: an online copy, a physical slot at the source, and a standby that follows it through a link."""

from __future__ import annotations

import contextlib
import re

import psycopg

from rehearsal.postgres.cluster import Cluster
from rehearsal.postgres.configuration import Upstream
from rehearsal.postgres.snapshot import take_copy

LAG_SQL = """
SELECT CASE WHEN pg_is_in_recovery()
            THEN extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())::float END
"""


def slot_name(name: str) -> str:
    """A slot's name for a replica: PostgreSQL allows lower-case letters, digits and underscores."""
    return re.sub(r"[^a-z0-9_]", "_", f"rds_{name}".lower())[:63]


def create_replica(source: Cluster, replica: Cluster, host: str, port: int) -> None:
    """Copy the source and start the copy as a standby that streams from host:port, where the source's link listens."""
    slot = slot_name(replica.name)
    create_slot(source, slot)
    try:
        replica.prepare_folder()
        take_copy(source, replica.data)
        # A standby carries its source's accounts, so it carries their passwords until it is promoted.
        source.passwords.write(replica.passwords_path)
        replica.upstream = Upstream(host, port, source.passwords.replicator, slot, replica.name[:63])
        write_standby_signal(replica)
        replica.start()
    except BaseException:
        replica.stop(immediate=True)
        drop_slot(source, slot)
        raise


def create_slot(source: Cluster, slot: str) -> None:
    """The slot reserves WAL at once, so nothing is missing between the copy and the first connection."""
    source.query("SELECT pg_create_physical_replication_slot(%s, true)", (slot,))


def drop_slot(source: Cluster, slot: str) -> None:
    """Drop a replica's slot, and the connection that may still hold it; a source that is down is left alone."""
    if not source.is_running():
        return
    with contextlib.suppress(psycopg.OperationalError), source.connect() as connection:
        end = "SELECT pg_terminate_backend(active_pid, 5000) FROM pg_replication_slots WHERE slot_name = %s AND active"
        connection.execute(end, (slot,))
        drop = "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = %s"
        connection.execute(drop, (slot,))


def write_standby_signal(replica: Cluster) -> None:
    path = replica.data / "standby.signal"
    path.touch(mode=0o600)
    replica.binaries.account.own(path)


def promote_replica(replica: Cluster) -> None:
    """Promote, restart as RDS does, and give the new primary passwords of its own."""
    replica.promote()
    replica.renew_passwords(replica.passwords)
    replica.restart()


def read_lag_s(replica: Cluster) -> float | None:
    """RDS's ReplicaLag: age of the last replayed transaction, so it grows while the source is idle.

    None when nothing was replayed yet or the server is no standby.
    """
    value = replica.query(LAG_SQL)[0][0]
    return None if value is None else max(0.0, float(value))


def is_streaming(replica: Cluster) -> bool:
    """Whether the standby's receiver has its connection to the source."""
    rows = replica.query("SELECT status FROM pg_stat_wal_receiver")
    return bool(rows) and rows[0][0] == "streaming"
