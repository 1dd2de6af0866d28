# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the processes of one run tell each other on this machine: how long its lease is, and what its gates said.

The heartbeat writes the lease down after every renewal, and each task looks before it begins: a run that may have lost
its lock begins nothing more. The run report writes gates down; whoever holds the lock carries them into the run record.
"""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused

ENVIRONMENT = "MEDZEN_MULTIREGION_RUN_FOLDER"
LEASE, GATES, SENT = "lease.json", "gates.jsonl", "gates.sent"


def find(environment: Mapping[str, str] | None = None) -> Path | None:
    """The run's folder; None for a run without a report."""
    name = (environment if environment is not None else os.environ).get(ENVIRONMENT, "")
    return Path(name) if name and Path(name).is_dir() else None


def begin(folder: Path) -> None:
    """Forget what an earlier run of the same name left."""
    for name in (LEASE, GATES, SENT):
        (folder / name).unlink(missing_ok=True)


# --- the lease -------------------------------------------------------------------------------------------------------


def begin_lease(folder: Path | None, run_id: str, until: float) -> str:
    """Write a new lease down; the name of the heartbeat that may prolong it."""
    heartbeat = secrets.token_hex(4)
    if folder is not None:
        _write(folder / LEASE, {"run_id": run_id, "until": until, "heartbeat": heartbeat, "lost": ""})
    return heartbeat


def tell_lease(folder: Path | None, heartbeat: str, until: float, lost: str = "") -> None:
    """What the heartbeat knows now. One whose lock was given back meanwhile has nothing to say any more."""
    lease = _read(folder)
    if lease.get("heartbeat") == heartbeat:
        _write(folder / LEASE, {**lease, "until": until, "lost": lost})


def end_lease(folder: Path | None) -> None:
    if folder is not None:
        (folder / LEASE).unlink(missing_ok=True)


def check_lease(folder: Path | None, now: float | None = None) -> None:
    """Refuse to begin anything without the lock that the run had. A run that took none has none to lose."""
    lease = _read(folder)
    if not lease:
        return
    over_s = (time.time() if now is None else now) - lease["until"]
    if not lease["lost"] and over_s < 0:
        return
    raise Refused(
        f"Run {lease['run_id']} has lost its lock, so it begins nothing more",
        found=lease["lost"] or f"a lease that ended {over_s:.0f} s ago and could not be renewed in every region",
        expected="a lease that holds in every region of the run record",
        next_step="see that no other run is at work and that these regions answer, then run again",
    )


def require_lease(folder: Path | None, start_at: str) -> None:
    """Refuse a run that began in the middle, with the task of this name: lock and gates come before."""
    if _read(folder):
        return
    raise Refused(
        "This run has gone past the lock, the gates and what they look at",
        found=f"--start-at-task {start_at!r}",
        expected="a run from the beginning of the playbook",
        next_step="run it without --start-at-task: it finds what is done, and goes on where it stopped",
    )


# --- gates -----------------------------------------------------------------------------------------------------------


def add_gate(folder: Path, gate: dict) -> None:
    with (folder / GATES).open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(gate, default=str) + "\n")


def read_gates(folder: Path | None) -> list[tuple[int, dict]]:
    """Verdicts that are not in the record yet, with their numbers. A line that is not whole yet is left for later."""
    if folder is None or not (folder / GATES).exists():
        return []
    whole, _newline, _rest = (folder / GATES).read_bytes().rpartition(b"\n")
    sent = _count_sent(folder)
    lines = whole.splitlines()
    return [(number, json.loads(line)) for number, line in enumerate(lines, 1) if number > sent]


def gates_sent(folder: Path, number: int) -> None:
    """All up to this number are in the record. Who did not see that writes the same once more."""
    _write(folder / SENT, max(number, _count_sent(folder)))


def _count_sent(folder: Path) -> int:
    try:
        return int((folder / SENT).read_text(encoding="ascii"))
    except FileNotFoundError:
        return 0


def _read(folder: Path | None) -> dict[str, Any]:
    try:
        return json.loads((folder / LEASE).read_text(encoding="utf-8")) if folder else {}
    except FileNotFoundError:
        return {}


def _write(path: Path, value: Any) -> None:
    """Through a file beside it, so that nobody reads half of it."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(json.dumps(value), encoding="utf-8")
    os.replace(draft, path)
