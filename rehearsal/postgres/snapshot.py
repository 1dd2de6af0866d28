# SPDX-License-Identifier: GPL-3.0-or-later
"""Copies of a running PostgreSQL's data folder: snapshots, and what restored instances and replicas start from.

The copy is PostgreSQL's own online backup (pg_backup_start, copy, pg_backup_stop, backup_label, WAL), so the server
keeps writing meanwhile and the copy is the state of one moment: that of pg_backup_stop.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path

import psycopg

from rehearsal.postgres.binaries import Account
from rehearsal.postgres.cluster import Cluster, Passwords

# Contents that belong to the running server; a copy gets the empty folders.
RUNTIME_FOLDERS = frozenset(
    {
        "pg_dynshmem",
        "pg_notify",
        "pg_replslot",
        "pg_serial",
        "pg_snapshots",
        "pg_stat_tmp",
        "pg_subtrans",
        "pg_wal",
    }
)
RUNTIME_FILES = frozenset(
    {"backup_label", "postmaster.opts", "postmaster.pid", "recovery.signal", "standby.signal", "tablespace_map"}
)
# Copied last: in a standby's copy it says up to where WAL must be replayed.
CONTROL_FILE = Path("global") / "pg_control"
WAL_SEGMENT_LENGTH = 24


@dataclass(frozen=True)
class Backup:
    """Where one online copy begins and ends in the WAL."""

    start_segment: str
    stop_segment: str
    stop_lsn: str


def take_copy(cluster: Cluster, target: Path) -> Backup:
    """Copy a running cluster's data folder to `target`; a temporary slot keeps the copy's WAL until it is taken."""
    account = cluster.binaries.account
    _make_folder(target, account)
    slot = f"copy_{secrets.token_hex(6)}"
    with cluster.connect() as connection:
        connection.execute("SELECT pg_create_physical_replication_slot(%s, true, true)", (slot,))
        backup = _copy_online(connection, cluster.data, target, account)
        copy_wal(cluster.data / "pg_wal", target / "pg_wal", backup, account)
    return backup


def _copy_online(connection: psycopg.Connection, source: Path, target: Path, account: Account) -> Backup:
    connection.execute("SELECT pg_backup_start(%s, true)", ("rehearsal",))
    copy_tree(source, target, account)
    row = connection.execute("SELECT lsn, labelfile, spcmapfile FROM pg_backup_stop(false)").fetchone()
    assert row is not None
    lsn, label, tablespaces = row
    if tablespaces:
        raise RuntimeError(f"{source} has tablespaces; the stand-in copies only databases without them.")
    _copy_file(source / CONTROL_FILE, target / CONTROL_FILE, account)
    _write(target / "backup_label", label, account)
    return Backup(label_segment(label), _stop_segment(connection, source, str(lsn)), str(lsn))


def label_segment(label: str) -> str:
    """The first WAL segment that a backup label asks for."""
    for line in label.splitlines():
        if line.startswith("START WAL LOCATION:") and "(file " in line:
            return line.split("(file ")[1].split(")")[0]
    raise RuntimeError(f"A backup label without its first WAL segment: {label!r}")


def newest_segment(folder: Path) -> str:
    """The newest WAL segment with data; segments recycled for later sort above it, which does no harm to a copy."""
    return max((path.name for path in folder.iterdir() if is_segment(path.name)), default="")


def is_segment(name: str) -> bool:
    return len(name) == WAL_SEGMENT_LENGTH and all(letter in "0123456789ABCDEF" for letter in name)


def copy_wal(source: Path, target: Path, backup: Backup, account: Account) -> None:
    """Copy the segments from the copy's first to its last, and the histories of timelines."""
    for path in sorted(source.iterdir()):
        wanted = is_segment(path.name) and backup.start_segment <= path.name <= backup.stop_segment
        if wanted or path.name.endswith(".history"):
            _copy_file(path, target / path.name, account)


def _stop_segment(connection: psycopg.Connection, source: Path, lsn: str) -> str:
    """The segment in which the copy ends; a standby cannot name it and gives all that it has."""
    row = connection.execute("SELECT pg_is_in_recovery()").fetchone()
    if row and row[0]:
        return newest_segment(source / "pg_wal")
    row = connection.execute("SELECT pg_walfile_name(%s::pg_lsn)", (lsn,)).fetchone()
    assert row is not None
    return str(row[0])


def copy_tree(source: Path, target: Path, account: Account) -> None:
    """Copy a data folder that is in use: files that vanish meanwhile are temporary ones of the server."""
    for folder, folders, files in os.walk(source):
        relative = Path(folder).relative_to(source)
        _make_folder(target / relative, account)
        if relative.name in RUNTIME_FOLDERS:
            folders.clear()
            continue
        folders[:] = [name for name in folders if not name.startswith("pgsql_tmp")]
        for name in files:
            if (relative == Path() and name in RUNTIME_FILES) or name.startswith("pgsql_tmp"):
                continue
            with contextlib.suppress(FileNotFoundError):
                _copy_file(Path(folder) / name, target / relative / name, account)


def save_snapshot(cluster: Cluster, folder: Path) -> Backup:
    """Keep a copy of a cluster, with the passwords that its accounts had at that moment."""
    cluster.binaries.account.own(_made(folder))
    backup = take_copy(cluster, folder / "data")
    cluster.passwords.write(folder / "superuser.json")
    (folder / "backup.json").write_text(json.dumps({"stop_lsn": backup.stop_lsn, "stop_segment": backup.stop_segment}))
    return backup


def copy_snapshot(source: Path, target: Path, account: Account) -> None:
    """Copy a kept snapshot, as a copy to another region does."""
    account.own(_made(target))
    _copy_all(source / "data", target / "data", account)
    for name in ("superuser.json", "backup.json"):
        shutil.copy2(source / name, target / name)


def restore_snapshot(source: Path, cluster: Cluster) -> None:
    """Fill a new cluster from a snapshot and start it: it replays the copy's WAL; its accounts get new passwords."""
    cluster.prepare_folder()
    _copy_all(source / "data", cluster.data, cluster.binaries.account)
    old = Passwords.read(source / "superuser.json")
    old.write(cluster.passwords_path)
    cluster.start()
    cluster.renew_passwords(old)


def _copy_all(source: Path, target: Path, account: Account) -> None:
    for folder, _folders, files in os.walk(source):
        relative = Path(folder).relative_to(source)
        _make_folder(target / relative, account)
        for name in files:
            _copy_file(Path(folder) / name, target / relative / name, account)


def _made(folder: Path) -> Path:
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    return folder


def _make_folder(folder: Path, account: Account) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    account.own(folder)


def _copy_file(source: Path, target: Path, account: Account) -> None:
    shutil.copyfile(source, target)
    target.chmod(0o600)
    account.own(target)


def _write(path: Path, text: str, account: Account) -> None:
    path.write_text(text)
    path.chmod(0o600)
    account.own(path)
