# SPDX-License-Identifier: GPL-3.0-or-later
import pytest

from rehearsal.postgres import snapshot
from rehearsal.postgres.binaries import Account
from rehearsal.postgres.snapshot import Backup

LABEL = "START WAL LOCATION: 0/2000028 (file 000000010000000000000002)\nCHECKPOINT LOCATION: 0/2000080\n"


@pytest.fixture
def data(tmp_path):
    """A data folder with what a running server leaves in it."""
    for name in (
        "base/1/1259",
        "base/pgsql_tmp/pgsql_tmp1",
        "global/pg_control",
        "pg_replslot/slot/state",
        "pg_wal/000000010000000000000002",
        "pg_wal/archive_status/done",
        "postmaster.pid",
        "standby.signal",
        "PG_VERSION",
    ):
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path / "data"


def copied_files(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_a_copy_has_the_data_and_nothing_of_the_running_server(data, tmp_path):
    snapshot.copy_tree(data, tmp_path / "copy", Account())
    assert copied_files(tmp_path / "copy") == {"base/1/1259", "global/pg_control", "PG_VERSION"}


def test_a_copy_keeps_the_empty_folders_that_a_server_needs(data, tmp_path):
    snapshot.copy_tree(data, tmp_path / "copy", Account())
    assert list((tmp_path / "copy" / "pg_replslot").iterdir()) == []
    assert (tmp_path / "copy" / "pg_wal").is_dir()


def test_a_file_that_vanishes_during_the_copy_is_passed_over(data, tmp_path, monkeypatch):
    def vanish(source, target, account):
        raise FileNotFoundError(source)

    monkeypatch.setattr(snapshot, "_copy_file", vanish)
    snapshot.copy_tree(data, tmp_path / "copy", Account())
    assert copied_files(tmp_path / "copy") == set()


def test_copied_files_are_closed_to_others(data, tmp_path):
    snapshot.copy_tree(data, tmp_path / "copy", Account())
    assert (tmp_path / "copy" / "PG_VERSION").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "copy").stat().st_mode & 0o777 == 0o700


def test_the_wal_of_a_copy_reaches_from_its_first_to_its_last_segment(tmp_path):
    source, target = tmp_path / "source", tmp_path / "target"
    target.mkdir()
    source.mkdir()
    segments = [f"0000000100000000000000{number:02X}" for number in range(1, 6)]
    for name in [*segments, "00000002.history", "000000010000000000000001.partial"]:
        (source / name).touch()
    snapshot.copy_wal(source, target, Backup(segments[1], segments[3], "0/0"), Account())
    assert copied_files(target) == {*segments[1:4], "00000002.history"}


def test_a_label_names_the_first_segment():
    assert snapshot.label_segment(LABEL) == "000000010000000000000002"


def test_a_label_without_its_first_segment_is_an_error():
    with pytest.raises(RuntimeError, match="without its first WAL segment"):
        snapshot.label_segment("CHECKPOINT LOCATION: 0/2000080")


@pytest.mark.parametrize("name", ["00000002.history", "archive_status", "000000010000000000000002.partial"])
def test_only_plain_segments_are_segments(name):
    assert snapshot.is_segment("000000010000000000000002")
    assert not snapshot.is_segment(name)
