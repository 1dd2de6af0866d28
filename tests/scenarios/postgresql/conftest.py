# SPDX-License-Identifier: GPL-3.0-or-later
"""A primary with the workload's database, and a streaming replica of it."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.postgresql import connect

from tests.scenarios.postgresql.servers import (
    APPLICATION,
    OWNER,
    PRIMARY,
    REPLICA,
    SCHEMA,
    SET_UP,
    Server,
    is_reachable,
    programs,
    unprivileged,
)


@pytest.fixture(scope="module")
def folder():
    path = Path(tempfile.mkdtemp(prefix="fence-", dir="/var/tmp"))
    path.chmod(0o755)
    if os.geteuid() == 0:
        shutil.chown(path, "nobody", "nogroup")
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="module")
def install(folder):
    found = programs()
    if not unprivileged() or is_reachable(found):
        return found
    return Path(shutil.copytree(found, folder / "postgresql"))


@pytest.fixture(scope="module")
def primary(install, folder):
    server = Server(install, folder, PRIMARY)
    server.create()
    server.start()
    with server.open("postgres", "postgres") as connection:
        connection.execute(SET_UP)
    yield server
    server.stop()


@pytest.fixture
def database(primary):
    """A fresh database of the workload's owner, who is no superuser."""
    with primary.open("postgres", "postgres") as connection:
        connection.execute("DROP DATABASE IF EXISTS ehrbase WITH (FORCE)")
        connection.execute(f"DROP ROLE IF EXISTS {APPLICATION}")
        connection.execute(f"CREATE DATABASE ehrbase OWNER {OWNER}")
    with primary.open(OWNER) as connection:
        connection.execute(SCHEMA)
    return primary


@pytest.fixture
def owner(database):
    with connect(database.login()) as connection:
        yield connection


@pytest.fixture
def replica(install, folder, database):
    server = Server(install, folder, REPLICA)
    shutil.rmtree(server.data, ignore_errors=True)
    server.copy_of(database)
    server.start()
    yield server
    server.stop()
