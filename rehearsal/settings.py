# SPDX-License-Identifier: GPL-3.0-or-later
"""A world's number gives its addresses, ports and folders; nothing else does."""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from dataclasses import dataclass
from pathlib import Path

ACCOUNT_ID = "123456789012"
ACCESS_KEY = "rehearsal"
# Ansible hides a secret key wherever it stands in a result, so it must not be a word of any name.
SECRET_KEY = "not-a-secret-0000"
# What functions sign with: their calls are the application's own, not an operator's.
FUNCTION_ACCESS_KEY = "rehearsal-function"
# Where playbooks run side by side each has a key of its own, which begins so: the ledger tells their calls apart.
OPERATOR_ACCESS_KEYS = "rehearsal-operator-"
API_PORT = 4566
DNS_PORT = 5300
DATABASE_PORT = 5432
TASK_PORT = 8080
# Where HTTP APIs answer: 443 is not for ordinary users.
HTTPS_PORT = 8443
# The variable that says where the files of worlds lie.
FOLDER = "MEDZEN_REHEARSAL_DIR"
# A world of the tests with its checkpoints takes less than 2 GB; two run side by side.
ROOM_BYTES_MIN = 8 * 1024**3
WORLD_DEFAULT, WORLD_MIN, WORLD_MAX = 16, 16, 250
SCALE_DEFAULT = 60.0
NAME_SERVERS = ("ns-101.awsdns-12.com", "ns-702.awsdns-23.net", "ns-1303.awsdns-34.org", "ns-1904.awsdns-45.co.uk")
# The third number of an address says what stands behind it.
ADDRESS_RANGES = {"rds": range(10, 30), "alb": range(30, 50), "task": range(50, 70), "api": range(70, 80)}


class SettingsError(ValueError):
    """The world was described in a way that cannot be built."""


@dataclass(frozen=True)
class Settings:
    """One world: where it listens and where it keeps its files."""

    world: int
    base: Path
    scale: float = SCALE_DEFAULT

    @property
    def folder(self) -> Path:
        return self.base / f"world-{self.world}"

    @property
    def pids(self) -> Path:
        return self.folder / "pids"

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    @property
    def packages(self) -> Path:
        """Zips of the functions that an operator installs."""
        return self.folder / "packages"

    @property
    def api_host(self) -> str:
        return self.address(0, 1)

    @property
    def api_url(self) -> str:
        return f"http://{self.api_host}:{API_PORT}"

    @property
    def resolver(self) -> str:
        return f"{self.address(0, 2)}:{DNS_PORT}"

    @property
    def name_servers(self) -> dict[str, str]:
        """Name of each authoritative server to its address."""
        return {name: self.address(0, 3 + index) for index, name in enumerate(NAME_SERVERS)}

    def address(self, third: int, fourth: int) -> str:
        return f"127.{self.world}.{third}.{fourth}"


def keep_worlds_in_memory(
    environ: MutableMapping[str, str] = os.environ,
    folder: Path = Path("/dev/shm"),
    meminfo: Path = Path("/proc/meminfo"),
) -> None:
    """Let the files of worlds lie in memory, where nothing says where they lie and there is room.

    For worlds that are gone back to again and again: what a checkpoint copies are thousands of small files, which a
    file system on a disk takes ten times as long for. A rehearsal stays on the disk, as a database does.
    """
    if FOLDER in environ or not os.path.ismount(folder):
        return
    room = os.statvfs(folder)
    available = next(line.split()[1] for line in meminfo.read_text().splitlines() if line.startswith("MemAvailable:"))
    if min(room.f_bavail * room.f_frsize, int(available) * 1024) >= ROOM_BYTES_MIN:
        environ[FOLDER] = str(own_folder(folder))


def own_folder(parent: Path) -> Path:
    """Of this user, for worlds."""
    return parent / f"medzen-rehearsal-{os.getuid()}"


def load(world: int | None = None, environ: dict[str, str] | None = None) -> Settings:
    """Read a world's settings from its number (or MEDZEN_WORLD) and the environment."""
    environ = dict(os.environ) if environ is None else environ
    number = _number(environ.get("MEDZEN_WORLD", WORLD_DEFAULT) if world is None else world)
    base = Path(environ.get(FOLDER) or own_folder(Path("/var/tmp")))
    return Settings(number, base.absolute(), _scale(environ.get("MEDZEN_TIME_SCALE", SCALE_DEFAULT)))


def _number(value: object) -> int:
    if not str(value).isdigit() or not WORLD_MIN <= int(str(value)) <= WORLD_MAX:
        raise SettingsError(
            f"World {value!r}: expected a number from {WORLD_MIN} to {WORLD_MAX}; set --world or MEDZEN_WORLD."
        )
    return int(str(value))


def _scale(value: object) -> float:
    try:
        scale = float(str(value))
    except ValueError:
        scale = 0.0
    if not 0 < scale < float("inf"):
        raise SettingsError(f"Time scale {value!r}: expected a number above 0, as 60; set MEDZEN_TIME_SCALE.")
    return scale
