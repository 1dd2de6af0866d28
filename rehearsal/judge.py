# SPDX-License-Identifier: GPL-3.0-or-later
"""The judge: what was acknowledged, against what the new primary holds.

Loss is set arithmetic. *Lost* was acknowledged (or seeded before the move) and is absent. *Duplicate* is a marker that
stands under two versions: somebody wrote it twice. *Recovered* was never acknowledged and is there, which is allowed:
the answer was lost, not the record. A database that cannot be read gives no verdict; it never gives a zero.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import psycopg

from rehearsal.api import control
from rehearsal.settings import Settings, load

VERSIONS = """
    SELECT vo_id::text, sys_version, marker FROM ehr.comp_version
    UNION ALL
    SELECT vo_id::text, sys_version, marker FROM ehr.comp_version_history
"""
BASELINE = "baseline.txt"
SHOWN_MAX = 20

Version = tuple[str, int]


@dataclass(frozen=True)
class Verdict:
    """The numbers, and the first of the records behind them."""

    acknowledged_writes: int
    seeded: int
    lost_writes: int
    lost_seeded: int
    duplicate_writes: int
    recovered_writes: int
    lost: list[str]
    duplicates: list[str]

    @property
    def reasons(self) -> list[str]:
        return [
            text
            for count, text in (
                (self.lost_writes, f"{self.lost_writes} acknowledged writes are missing from the new primary"),
                (self.lost_seeded, f"{self.lost_seeded} records from before the move are missing"),
                (self.duplicate_writes, f"{self.duplicate_writes} writes stand there twice"),
                (not self.acknowledged_writes, "no write was acknowledged, so nothing is proven"),
            )
            if count
        ]


def parse_uid(uid: str) -> Version:
    """`<object id>::<system>::<version>` as object and version."""
    object_id, _system, version = uid.split("::")
    return object_id, int(version)


def compare(
    acknowledged: Iterable[tuple[str, str]], present: Iterable[tuple[str, int, str | None]], seeded: set[str]
) -> Verdict:
    """Judge acknowledged (uid, marker) and seeded object ids against the (object id, version, marker) present."""
    wanted = {parse_uid(uid): marker for uid, marker in acknowledged}
    rows = list(present)
    there = {(object_id, version) for object_id, version, _ in rows}
    markers = Counter(marker for _, _, marker in rows if marker)
    lost = sorted(set(wanted) - there)
    twice = sorted(marker for marker, count in markers.items() if count > 1)
    known = set(wanted.values())
    return Verdict(
        acknowledged_writes=len(wanted),
        seeded=len(seeded),
        lost_writes=len(lost),
        lost_seeded=len(seeded - {object_id for object_id, _ in there}),
        duplicate_writes=len(twice),
        recovered_writes=sum(1 for marker in markers if marker not in known),
        lost=[f"{object_id}::{version}" for object_id, version in lost[:SHOWN_MAX]],
        duplicates=twice[:SHOWN_MAX],
    )


def connect(settings: Settings, identifier: str) -> psycopg.Connection:
    """As PostgreSQL's own superuser, past everything that the move may have set."""
    instances = {item["id"]: item for item in control(settings, "rds")["instances"]}
    if identifier not in instances:
        raise LookupError(f"No database {identifier}; found {', '.join(sorted(instances)) or 'none'}.")
    found = instances[identifier]
    account = json.loads(Path(found["superuser_file"]).read_text(encoding="utf-8"))
    return psycopg.connect(
        host=found["address"],
        port=found["port"],
        dbname=found["database"],
        user=account["user"],
        password=account["password"],
    )


def read_versions(settings: Settings, identifier: str) -> list[tuple[str, int, str | None]]:
    with connect(settings, identifier) as connection:
        return connection.execute(VERSIONS).fetchall()


def write_baseline(settings: Settings, identifier: str, folder: Path) -> int:
    """Keep the object ids that were there before the traffic started."""
    folder.mkdir(parents=True, exist_ok=True)
    objects = sorted({row[0] for row in read_versions(settings, identifier)})
    (folder / BASELINE).write_text("\n".join(objects), encoding="utf-8")
    return len(objects)


def read_acknowledged(folder: Path) -> list[tuple[str, str]]:
    with (folder / "acknowledged.jsonl").open(encoding="utf-8") as stream:
        return [(line["uid"], line["marker"]) for line in map(json.loads, stream)]


def judge(settings: Settings, folder: Path, identifier: str) -> Verdict:
    seeded = set((folder / BASELINE).read_text(encoding="utf-8").split())
    return compare(read_acknowledged(folder), read_versions(settings, identifier), seeded)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--world", type=int, help="number of the world (default: MEDZEN_WORLD, or 16)")
    parser.add_argument("--folder", type=Path, required=True, help="folder with the traffic's logs")
    parser.add_argument("--instance", required=True, help="identifier of the database that is judged")


def main(args: argparse.Namespace) -> int:
    verdict = judge(load(args.world), args.folder, args.instance)
    print(json.dumps(asdict(verdict), indent=2))
    for reason in verdict.reasons:
        print(f"fail: {reason}")
    return 1 if verdict.reasons else 0
