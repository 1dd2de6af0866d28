# SPDX-License-Identifier: GPL-3.0-or-later
"""python -m rehearsal.packages FOLDER: the functions' sources as zips, the same bytes for the same sources.

Lambda's CodeSha256 is the hash of the upload: an archive with the dates of today would be an update every day.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import io
import zipfile
from pathlib import Path

SOURCES = Path(__file__).with_name("functions")
# The oldest date that a zip can hold.
DATE = (1980, 1, 1, 0, 0, 0)
MODE = 0o644 << 16
UNIX = 3


def names(folder: Path = SOURCES) -> list[str]:
    """The functions that there are."""
    return sorted(path.stem for path in folder.glob("*.py") if path.stem != "__init__")


def build_archive(files: dict[str, bytes]) -> bytes:
    """A zip in which nothing depends on the day, the machine or the order of asking."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, DATE)
            entry.external_attr, entry.create_system = MODE, UNIX
            archive.writestr(entry, files[name])
    return data.getvalue()


def build_package(name: str, folder: Path = SOURCES) -> bytes:
    """One function's archive; its handler is `<name>.handle`."""
    path = folder / f"{name}.py"
    if not path.is_file() or name == "__init__":
        raise ValueError(f"There is no function {name}; expected one of {', '.join(names(folder))}.")
    return build_archive({path.name: path.read_bytes()})


def code_sha256(archive: bytes) -> str:
    """As Lambda gives it."""
    return base64.b64encode(hashlib.sha256(archive).digest()).decode()


def write_packages(folder: Path) -> dict[str, Path]:
    """Every function's archive in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    written = {name: folder / f"{name}.zip" for name in names()}
    for name, path in written.items():
        path.write_bytes(build_package(name))
    return written


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m rehearsal.packages")
    parser.add_argument("folder", type=Path, help="where the archives are written")
    for name, path in write_packages(parser.parse_args().folder).items():
        print(f"{name} {code_sha256(path.read_bytes())} {path}")


if __name__ == "__main__":
    main()
