# SPDX-License-Identifier: GPL-3.0-or-later
"""Cluster: one PostgreSQL server on its own loopback address, from initdb to removal.

A cluster's folder holds `data/`, its configuration, its log and `superuser.json` (mode 0600), by which the stand-in,
the seed and the judge connect as `rdsadmin`. The master user is no superuser, as on RDS.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import psycopg
from psycopg import sql

from rehearsal.canary import make_secret
from rehearsal.postgres.binaries import Account, Binaries
from rehearsal.postgres.configuration import (
    FORCE_TLS_PARAMETER,
    REPLICATOR,
    SUPERUSER,
    Tls,
    Upstream,
    render_access,
    render_configuration,
    render_settings,
    render_standby,
    server_parameters,
)

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 60.0
POLL_S = 0.03
LOG_LINES = 12
# Rights of RDS's rds_superuser that need no superuser.
RDS_SUPERUSER_ROLES = ("pg_monitor", "pg_read_all_settings", "pg_signal_backend", "pg_checkpoint")
# From this version on a role makes subscriptions without being a superuser.
MAJOR_WITH_SUBSCRIPTION_ROLE = 16
# What RDS lets its rds_superuser do about the positions of subscriptions.
ORIGIN_GRANTS = (
    "GRANT EXECUTE ON FUNCTION pg_replication_origin_advance(text, pg_lsn) TO rds_superuser",
    "GRANT EXECUTE ON FUNCTION pg_replication_origin_progress(text, boolean) TO rds_superuser",
    "GRANT EXECUTE ON FUNCTION pg_show_replication_origin_status() TO rds_superuser",
    "GRANT SELECT ON pg_replication_origin_status TO rds_superuser",
)
# Databases are copies of it.
TEMPLATE = "template1"


class ClusterError(RuntimeError):
    """A PostgreSQL did not do what it was told; the message ends with its last log lines."""


class Process(Protocol):
    """What a cluster needs of the process it runs in."""

    pid: int

    def poll(self) -> int | None: ...

    def wait(self, timeout: float | None = None) -> int: ...


Launch = Callable[[str, list[str], Path, Account], Process]


@dataclass(frozen=True)
class Passwords:
    """Passwords of the accounts that belong to the stand-in itself."""

    superuser: str
    replicator: str

    @staticmethod
    def make() -> Passwords:
        return Passwords(make_secret(), make_secret())

    def write(self, path: Path) -> None:
        """Keep them in a file that only its owner reads."""
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump({"user": SUPERUSER, "password": self.superuser, "replicator_password": self.replicator}, file)

    @staticmethod
    def read(path: Path) -> Passwords:
        kept = json.loads(path.read_text())
        return Passwords(kept["password"], kept["replicator_password"])


def launch(name: str, command: list[str], log: Path, account: Account) -> subprocess.Popen:
    """Start a server as a process of its own; without a world nothing else looks after it."""
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",
            env=server_environment(),
            start_new_session=True,
            **account.popen(),
        )


def server_environment() -> dict[str, str]:
    """Nothing of the caller's environment reaches a server: no credentials, no PG* variables."""
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


class Cluster:
    """One PostgreSQL server in a folder, on an address."""

    def __init__(
        self, name: str, folder: Path, address: str, binaries: Binaries, launch: Launch = launch, port: int = 5432
    ) -> None:
        self.name = name
        self.folder = folder
        self.address = address
        self.port = port
        self.binaries = binaries
        self.log = folder / "postgresql.log"
        self.tls: Tls | None = None
        self.parameters: dict[str, str] = {}
        self.upstream: Upstream | None = None
        self.process: Process | None = None
        self._launch = launch

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def passwords_path(self) -> Path:
        return self.folder / "superuser.json"

    @property
    def passwords(self) -> Passwords:
        return Passwords.read(self.passwords_path)

    # --- life cycle

    def prepare_folder(self) -> None:
        """Make the folder; the server's account owns it, everyone may pass through to what they own inside.

        The log begins with the data: whoever reads where a recovery ended must not meet that of an earlier server.
        """
        self.folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        self.log.unlink(missing_ok=True)
        self.binaries.account.own(self.folder)

    def create(self) -> None:
        """initdb and first start, with the stand-in's own accounts."""
        self.prepare_folder()
        passwords = Passwords.make()
        passwords.write(self.passwords_path)
        self._initdb(passwords.superuser)
        self.start()
        with self.connect() as connection:
            _create_service_roles(connection, passwords.replicator, self.binaries.major)
        with self.connect(TEMPLATE) as connection:
            for statement in ORIGIN_GRANTS:
                connection.execute(statement)

    def _initdb(self, password: str) -> None:
        password_file = self.folder / "initdb.password"
        descriptor = os.open(password_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(password)
        self.binaries.account.own(password_file)
        command = [self.binaries.program("initdb"), "-D", str(self.data), "-U", SUPERUSER, "-A", "scram-sha-256"]
        command += ["--pwfile", str(password_file), "-E", "UTF8", "--locale=C", "--no-sync", "--data-checksums"]
        try:
            self._run(command)
        finally:
            password_file.unlink()

    def _run(self, command: list[str]) -> None:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            cwd="/",
            env=server_environment(),
            check=False,
            **self.binaries.account.popen(),
        )
        if done.returncode != 0:
            program = Path(command[0]).name
            raise ClusterError(f"{program} for {self.name} ended with {done.returncode}: {done.stderr[-800:]}")

    def start(self, timeout_s: float = START_TIMEOUT_S) -> None:
        """Write the configuration, start the server and wait until it answers."""
        if self.is_running():
            return
        self.write_configuration()
        command = [self.binaries.program("postgres"), "-D", str(self.data)]
        command += ["-c", f"config_file={self.folder / 'postgresql.conf'}"]
        self.process = self._launch(self.name, command, self.log, self.binaries.account)
        self._wait_ready(time.monotonic() + timeout_s)

    def _wait_ready(self, deadline: float) -> None:
        while True:
            try:
                with self.connect():
                    return
            except psycopg.OperationalError as error:
                if not self.is_running():
                    raise ClusterError(f"PostgreSQL {self.name} ended while it started.\n{self.log_tail()}") from error
                if time.monotonic() > deadline:
                    raise ClusterError(f"PostgreSQL {self.name} does not answer: {error}\n{self.log_tail()}") from error
            time.sleep(POLL_S)

    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def stop(self, *, immediate: bool = False) -> None:
        """Stop the server: fast (clean), or immediate (as in a crash; what was acknowledged is replayed from WAL)."""
        if self.process is None:
            return
        if self.is_running():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.process.pid, signal.SIGQUIT if immediate else signal.SIGINT)
        try:
            self.process.wait(timeout=STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired as error:
            raise ClusterError(f"PostgreSQL {self.name} does not stop.\n{self.log_tail()}") from error
        self.process = None

    def restart(self, *, immediate: bool = False) -> None:
        self.stop(immediate=immediate)
        self.start()

    def remove(self) -> None:
        """Stop the server and delete its folder."""
        self.stop(immediate=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def log_tail(self) -> str:
        if not self.log.exists():
            return "(no log)"
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-LOG_LINES:])

    # --- configuration

    def write_configuration(self) -> None:
        """Write every file that the server reads, from what this object says."""
        access = self.folder / "pg_hba.conf"
        where = (self.name, self.address, self.port)
        self._write("postgresql.conf", render_configuration(where, self.binaries, self.tls, self.data, access))
        tls_forced = self.tls is not None and self.parameters.get(FORCE_TLS_PARAMETER) != "0"
        self._write("pg_hba.conf", render_access(tls_forced))
        self._write("parameters.conf", render_settings(server_parameters(self.parameters)))
        self._write("standby.conf", render_standby(self.upstream) if self.upstream else "")
        # ALTER SYSTEM settings would come along in copies of the data folder.
        self._write("data/postgresql.auto.conf", "")

    def _write(self, name: str, text: str) -> None:
        path = self.folder / name
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
        self.binaries.account.own(path)

    def reload(self, parameters: Mapping[str, str] | None = None) -> None:
        """Take over changed parameters that need no restart; the others wait for the next start."""
        if parameters is not None:
            self.parameters = dict(parameters)
        self.write_configuration()
        self.query("SELECT pg_reload_conf()")

    # --- SQL

    def connect(self, database: str = "postgres") -> psycopg.Connection:
        """Connect as the superuser, in autocommit, whatever fence the database carries."""
        return psycopg.connect(
            host=self.address,
            port=self.port,
            dbname=database,
            user=SUPERUSER,
            password=self.passwords.superuser,
            autocommit=True,
            connect_timeout=5,
            application_name="rehearsal",
            options="-c default_transaction_read_only=off",
        )

    def query(self, statement: str, parameters: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """Run one statement as the superuser; returns its rows."""
        with self.connect() as connection:
            cursor = connection.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []

    def create_master(self, user: str, password: str, database: str | None) -> None:
        """Make the master user, with the rights that RDS gives it, and its first database."""
        with self.connect() as connection:
            name = sql.Identifier(user)
            # PostgreSQL asks for the attribute where RDS asks for its role rds_replication. It opens logical slots
            # only: pg_hba lets nobody but the stand-in's own account take a physical copy.
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN CREATEROLE CREATEDB REPLICATION").format(name))
            set_password(connection, user, password)
            connection.execute(sql.SQL("GRANT rds_superuser TO {}").format(name))
            if database:
                create = sql.SQL("CREATE DATABASE {} OWNER {}")
                connection.execute(create.format(sql.Identifier(database), name))

    def set_password(self, user: str, password: str) -> None:
        with self.connect() as connection:
            set_password(connection, user, password)

    def renew_passwords(self, old: Passwords) -> None:
        """Give the stand-in's accounts new passwords after the data came from another instance."""
        new = Passwords.make()
        old.write(self.passwords_path)
        with self.connect() as connection:
            set_password(connection, REPLICATOR, new.replicator)
            set_password(connection, SUPERUSER, new.superuser)
        new.write(self.passwords_path)

    def is_standby(self) -> bool:
        return bool(self.query("SELECT pg_is_in_recovery()")[0][0])

    def promote(self, timeout_s: int = 60) -> None:
        """End recovery; from here on the server accepts writes on a new timeline."""
        if self.is_standby() and not self.query("SELECT pg_promote(true, %s)", (timeout_s,))[0][0]:
            raise ClusterError(f"PostgreSQL {self.name} was not promoted in {timeout_s} s.\n{self.log_tail()}")
        self.upstream = None


def set_password(connection: psycopg.Connection, user: str, password: str) -> None:
    """Set a password as a SCRAM verifier, so that its clear text reaches no log and no statistics."""
    verifier = connection.pgconn.encrypt_password(password.encode(), user.encode(), b"scram-sha-256").decode()
    statement = sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(user), sql.Literal(verifier))
    connection.execute(statement)


def _create_service_roles(connection: psycopg.Connection, replicator_password: str, major: int) -> None:
    connection.execute(sql.SQL("CREATE ROLE {} LOGIN REPLICATION").format(sql.Identifier(REPLICATOR)))
    set_password(connection, REPLICATOR, replicator_password)
    for role in ("rds_superuser", "rds_replication", "rds_password", "rds_iam"):
        connection.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(role)))
    granted = [*RDS_SUPERUSER_ROLES, "rds_replication", "rds_password"]
    if major >= MAJOR_WITH_SUBSCRIPTION_ROLE:
        granted.append("pg_create_subscription")
    roles = sql.SQL(", ").join(map(sql.Identifier, granted))
    connection.execute(sql.SQL("GRANT {} TO rds_superuser WITH ADMIN OPTION").format(roles))
