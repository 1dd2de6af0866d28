# SPDX-License-Identifier: GPL-3.0-or-later
import pytest

from rehearsal.postgres import binaries


def make_server(folder, version="18.6", content=""):
    """A folder that looks like a server's bin folder."""
    folder.mkdir(parents=True)
    answer = f"#!/bin/sh\necho 'postgres (PostgreSQL) {version}'\n# {content}\n"
    for name, text in {"postgres": answer, "initdb": ""}.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    return folder


def find(tmp_path, bindir):
    return binaries.find_binaries(tmp_path / "base", {binaries.BINDIR_VARIABLE: str(bindir)})


def test_a_configured_folder_is_used_with_its_version(tmp_path):
    found = find(tmp_path, make_server(tmp_path / "server" / "bin", "17.2"))
    assert (found.major, found.version) == (17, "17.2")


def test_a_folder_without_a_server_is_refused_by_name(tmp_path):
    with pytest.raises(binaries.BinariesError, match="has no postgres and initdb"):
        find(tmp_path, tmp_path)


def test_an_old_server_is_refused_with_the_oldest_usable_one(tmp_path):
    with pytest.raises(binaries.BinariesError, match="expected 15 or newer"):
        find(tmp_path, make_server(tmp_path / "server" / "bin", "14.9"))


def test_a_program_that_tells_no_version_is_refused(tmp_path):
    with pytest.raises(binaries.BinariesError, match="answered"):
        find(tmp_path, make_server(tmp_path / "server" / "bin", ""))


def test_tls_is_known_from_the_library_that_the_server_loads(tmp_path):
    assert binaries.has_tls(make_server(tmp_path / "with", content="libssl.so.3") / "postgres")
    assert not binaries.has_tls(make_server(tmp_path / "without") / "postgres")


def test_a_server_of_the_first_version_with_an_extension_path_gets_the_shim(tmp_path):
    found = find(tmp_path, make_server(tmp_path / "server" / "bin", "18.1"))
    assert (found.shim / "extension" / "uuid-ossp.control").is_file()


def test_an_older_server_gets_no_shim_because_it_could_not_find_it(tmp_path):
    assert find(tmp_path, make_server(tmp_path / "server" / "bin", "17.2")).shim is None


def test_a_server_with_its_own_uuid_ossp_keeps_it(tmp_path):
    bindir = make_server(tmp_path / "server" / "bin", "18.1")
    (tmp_path / "server" / "share" / "extension").mkdir(parents=True)
    (tmp_path / "server" / "share" / "extension" / "uuid-ossp.control").touch()
    assert find(tmp_path, bindir).shim is None


def test_a_program_below_a_closed_folder_cannot_be_reached_by_others(tmp_path):
    bindir = make_server(tmp_path / "closed" / "bin")
    (tmp_path / "closed").chmod(0o700)
    assert not binaries.is_world_reachable(bindir / "postgres")


def test_a_copy_of_a_server_takes_the_libraries_beside_its_package_along(tmp_path):
    bindir = make_server(tmp_path / "closed" / "package" / "install" / "bin")
    (tmp_path / "closed" / "package.libs").mkdir()
    (tmp_path / "closed" / "package.libs" / "libpq.so").touch(mode=0o600)
    copied = binaries._copy_server(bindir, tmp_path / "open")
    assert copied == tmp_path / "open" / "package" / "install" / "bin"
    assert (tmp_path / "open" / "package.libs" / "libpq.so").stat().st_mode & 0o044 == 0o044


def test_only_root_needs_another_account():
    assert binaries.find_account(uid=1000).popen() == {}
    assert binaries.find_account(uid=0).popen()["user"] > 0
