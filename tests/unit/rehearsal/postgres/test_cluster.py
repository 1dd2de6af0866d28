# SPDX-License-Identifier: GPL-3.0-or-later
import signal
import subprocess
from pathlib import Path

import pytest

from rehearsal.postgres import cluster as module
from rehearsal.postgres.binaries import Account, Binaries
from rehearsal.postgres.cluster import Cluster, ClusterError, Passwords
from rehearsal.postgres.configuration import Tls, Upstream


class Process:
    """A process that ends when it is told to, unless it is stubborn."""

    pid = 4711

    def __init__(self, running=True, stubborn=False):
        self.running, self.stubborn = running, stubborn

    def poll(self):
        return None if self.running else 1

    def wait(self, timeout=None):
        if self.stubborn:
            raise subprocess.TimeoutExpired("postgres", timeout)
        self.running = False
        return 0


@pytest.fixture
def cluster(tmp_path):
    binaries = Binaries(Path("/bin"), 16, "16.1", False, Account())
    made = Cluster("db", tmp_path / "db", "127.16.10.1", binaries, launch=lambda *_: Process(running=False))
    made.data.mkdir(parents=True)
    return made


@pytest.fixture
def signals(monkeypatch):
    sent = []
    monkeypatch.setattr(module.os, "kill", lambda pid, number: sent.append((pid, number)))
    return sent


@pytest.mark.parametrize(("immediate", "number"), [(False, signal.SIGINT), (True, signal.SIGQUIT)])
def test_a_stop_is_fast_and_a_crash_immediate(cluster, signals, immediate, number):
    cluster.process = Process()
    cluster.stop(immediate=immediate)
    assert signals == [(Process.pid, number)]
    assert cluster.process is None


def test_a_server_that_does_not_stop_is_an_error_with_its_log(cluster, signals):
    cluster.process = Process(stubborn=True)
    cluster.log.write_text("waiting for something\n")
    with pytest.raises(ClusterError, match="does not stop.\nwaiting for something"):
        cluster.stop()


def test_a_server_that_ends_while_it_starts_is_an_error_with_its_log(cluster, monkeypatch):
    cluster.log.write_text("FATAL: no space\n")

    def refuse(self, database="postgres"):
        raise module.psycopg.OperationalError("refused")

    monkeypatch.setattr(Cluster, "connect", refuse)
    with pytest.raises(ClusterError, match="ended while it started.\nFATAL: no space"):
        cluster.start()


def test_passwords_lie_in_a_file_that_only_its_owner_reads(tmp_path):
    made = Passwords.make()
    made.write(tmp_path / "file")
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600
    assert Passwords.read(tmp_path / "file") == made


def test_passwords_differ_between_clusters():
    assert Passwords.make() != Passwords.make()


def test_settings_of_the_copied_server_are_written_over(cluster):
    (cluster.data / "postgresql.auto.conf").write_text("port = 1\n")
    cluster.write_configuration()
    assert (cluster.data / "postgresql.auto.conf").read_text() == ""


def test_a_standby_becomes_independent_of_its_source_in_its_files_as_well(cluster):
    cluster.upstream = Upstream("127.16.10.2", 5432, "pw", "slot", "db")
    cluster.write_configuration()
    assert "primary_conninfo" in (cluster.folder / "standby.conf").read_text()
    cluster.upstream = None
    cluster.write_configuration()
    assert (cluster.folder / "standby.conf").read_text() == ""


@pytest.mark.parametrize(("value", "forced"), [("1", True), (None, True), ("0", False)])
def test_tls_is_forced_unless_the_parameter_group_says_otherwise(cluster, value, forced):
    cluster.tls = Tls(Path("/c"), Path("/k"))
    cluster.parameters = {"rds.force_ssl": value} if value else {}
    cluster.write_configuration()
    assert ("hostssl" in (cluster.folder / "pg_hba.conf").read_text()) is forced


def test_a_server_sees_nothing_of_the_callers_environment(monkeypatch):
    monkeypatch.setenv("PGPASSWORD", "secret")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    assert "secret" not in module.server_environment().values()


def test_the_log_of_a_new_server_tells_nothing_of_an_earlier_one(cluster):
    cluster.log.write_text("redo done at 0/2000120\n")
    cluster.prepare_folder()
    assert not cluster.log.exists()
