# SPDX-License-Identifier: GPL-3.0-or-later
"""What is written into a PostgreSQL's configuration files, as text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from rehearsal.postgres.binaries import Binaries

SUPERUSER = "rdsadmin"
REPLICATOR = "rdsrepladmin"
# Small in memory, durable in what it acknowledges: fsync, synchronous_commit and full_page_writes keep their defaults.
BASE_SETTINGS: dict[str, object] = {
    "unix_socket_directories": "",
    "max_connections": 200,
    "shared_buffers": "64MB",
    "huge_pages": "off",
    "wal_level": "replica",
    "max_wal_senders": 10,
    "max_replication_slots": 10,
    "wal_keep_size": "256MB",
    "min_wal_size": "80MB",
    "max_wal_size": "512MB",
    "wal_receiver_status_interval": "1s",
    "wal_retrieve_retry_interval": "500ms",
    "hot_standby": "on",
    "password_encryption": "scram-sha-256",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %u@%d ",
}
# Parameters of a DB parameter group that reach the server. Sizes of memory that would not fit the machine do not.
DYNAMIC_PARAMETERS = frozenset(
    {
        "autovacuum",
        "autovacuum_analyze_scale_factor",
        "autovacuum_naptime",
        "autovacuum_vacuum_scale_factor",
        "checkpoint_timeout",
        "default_statistics_target",
        "effective_cache_size",
        "hot_standby_feedback",
        "idle_in_transaction_session_timeout",
        "lock_timeout",
        "log_connections",
        "log_disconnections",
        "log_lock_waits",
        "log_min_duration_statement",
        "log_statement",
        "maintenance_work_mem",
        "max_slot_wal_keep_size",
        "max_standby_archive_delay",
        "max_standby_streaming_delay",
        "random_page_cost",
        "statement_timeout",
        "wal_receiver_timeout",
        "wal_sender_timeout",
        "work_mem",
    }
)
STATIC_PARAMETERS = frozenset(
    {"max_connections", "max_replication_slots", "max_wal_senders", "rds.logical_replication", "shared_buffers"}
)
# A size that belongs to an instance class, not to this machine: stored, never applied.
STORED_ONLY = frozenset({"shared_buffers"})
FORCE_TLS_PARAMETER = "rds.force_ssl"
CONNECTIONS_MIN, CONNECTIONS_MAX = 20, 500


@dataclass(frozen=True)
class Tls:
    """Certificate and key files that the server's account can read."""

    certificate: Path
    key: Path


@dataclass(frozen=True)
class Upstream:
    """Where a standby gets its WAL from."""

    host: str
    port: int
    password: str
    slot: str
    application_name: str


def quote(value: object) -> str:
    """One value as postgresql.conf wants it."""
    text = str(value).replace("'", "''").replace("\\", "\\\\")
    return f"'{text}'"


def server_parameters(parameters: Mapping[str, str]) -> dict[str, str]:
    """The part of a DB parameter group that a server of this size takes over; formulas and unknown names stay out."""
    chosen = {}
    for name, value in sorted(parameters.items()):
        if name == "rds.logical_replication":
            if value == "1":
                chosen["wal_level"] = "logical"
        elif name in (DYNAMIC_PARAMETERS | STATIC_PARAMETERS) - STORED_ONLY and "{" not in value:
            chosen[name] = value
    if chosen.get("max_connections", "").isdigit():
        wanted = int(chosen["max_connections"])
        chosen["max_connections"] = str(max(CONNECTIONS_MIN, min(CONNECTIONS_MAX, wanted)))
    return chosen


def render_settings(settings: Mapping[str, object]) -> str:
    return "".join(f"{name} = {quote(value)}\n" for name, value in settings.items())


def render_configuration(
    where: tuple[str, str, int], binaries: Binaries, tls: Tls | None, data: Path, access: Path
) -> str:
    """postgresql.conf of one server; parameters and standby settings are files of their own that it includes."""
    name, address, port = where
    settings: dict[str, object] = {
        "data_directory": data,
        "hba_file": access,
        "cluster_name": name[:63],
        "listen_addresses": address,
        "port": port,
        **BASE_SETTINGS,
    }
    if binaries.shim is not None:
        settings["extension_control_path"] = f"$system:{binaries.shim}"
    if binaries.major >= 18:
        settings["io_method"] = "sync"
    if tls is not None:
        settings |= {"ssl": "on", "ssl_cert_file": tls.certificate, "ssl_key_file": tls.key}
    return render_settings(settings) + "include_if_exists 'parameters.conf'\ninclude_if_exists 'standby.conf'\n"


def render_access(tls_forced: bool) -> str:
    """pg_hba.conf: everyone by password, from loopback only; as on RDS nobody reaches the superuser but its owner."""
    kind = "hostssl" if tls_forced else "host"
    rows: Iterable[tuple[str, str, str]] = (
        ("host", "replication", REPLICATOR),
        ("host", "all", SUPERUSER),
        (kind, "all", "all"),
    )
    return "".join(f"{how} {database} {user} 127.0.0.0/8 scram-sha-256\n" for how, database, user in rows)


def render_standby(upstream: Upstream) -> str:
    """standby.conf: the connection to the source; the password stays inside the server's own folder."""
    pairs = {
        "host": upstream.host,
        "port": upstream.port,
        "user": REPLICATOR,
        "password": upstream.password,
        "application_name": upstream.application_name,
        "sslmode": "prefer",
        "connect_timeout": 5,
    }
    conninfo = " ".join(f"{key}={value}" for key, value in pairs.items())
    return render_settings({"primary_conninfo": conninfo, "primary_slot_name": upstream.slot})
