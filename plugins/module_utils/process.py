# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who runs here: the controller of this run, and whether that of another run still lives.

An answer is only given where it can be proved (Linux, same boot, same process namespace). Elsewhere it is unknown.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import asdict, dataclass
from pathlib import Path

ENVIRONMENT = "MEDZEN_MULTIREGION_CONTROLLER_PID"
CONTROLLERS = ("ansible", "ansible-playbook")
ALIVE, DEAD, UNKNOWN = "alive", "dead", "unknown"
PROC = Path("/proc")


@dataclass(frozen=True)
class Controller:
    """The process that runs the playbook. Its start time tells it from a later process of the same number."""

    pid: int
    start: str
    place: str
    announced: bool

    def as_dict(self) -> dict:
        return asdict(self)


def read_stat(pid: int, proc: Path = PROC) -> dict | None:
    """State, parent and start time of a process; None for one that has ended, reaped or not."""
    try:
        text = (proc / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The name stands in brackets and may hold spaces and brackets itself: count from the last one.
    fields = text.rpartition(")")[2].split()
    if fields[0] in "ZX":
        return None
    return {"parent": int(fields[1]), "start": fields[19]}


def place(proc: Path = PROC) -> str:
    """Where process numbers mean the same: this boot of this machine and this process namespace; "" if unknown."""
    try:
        boot = (proc / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}/{os.readlink(proc / 'self/ns/pid')}"
    except OSError:
        return ""


def _is_controller(pid: int, proc: Path) -> bool:
    try:
        words = (proc / str(pid) / "cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return False
    # Interpreters stand before the script; options never name a controller.
    return any(Path(word).name in CONTROLLERS for word in words[:3])


def find_ancestor(pid: int, proc: Path = PROC) -> int | None:
    """The topmost ancestor that runs Ansible: below it stand its own workers, which share its name."""
    found = None
    while pid > 1 and (stat := read_stat(pid, proc)):
        found = pid if _is_controller(pid, proc) else found
        pid = stat["parent"]
    return found


def find_controller(environment: dict | None = None, proc: Path = PROC) -> Controller | None:
    """The controller of this run: the announced one, else the topmost ancestor that runs Ansible."""
    announced = (environment if environment is not None else os.environ).get(ENVIRONMENT, "")
    pid = int(announced) if announced.isdigit() else find_ancestor(os.getppid(), proc)
    stat = read_stat(pid, proc) if pid else None
    return Controller(pid, stat["start"], place(proc), announced.isdigit()) if stat else None


def judge_controller(controller: dict | None, proc: Path = PROC) -> str:
    """Whether another run's controller lives: alive, dead, or unknown where that cannot be told from here."""
    if not controller or not controller.get("place") or controller["place"] != place(proc):
        return UNKNOWN
    stat = read_stat(controller["pid"], proc)
    return ALIVE if stat and stat["start"] == controller["start"] else DEAD


def worker_name(pid: int) -> str:
    """How a worker of this controller is called in the process list, in which names have 15 characters at most."""
    return f"medzen-{pid}"


def mark_worker(proc: Path = PROC) -> None:
    """Name this process, a worker that does a module's task, after its controller, so that others find it."""
    controller = find_controller(proc=proc)
    if controller is not None:
        with contextlib.suppress(OSError):
            (proc / "self/comm").write_text(worker_name(controller.pid), encoding="ascii")


def find_survivors(controller: dict, proc: Path = PROC) -> list[int]:
    """Tasks of a dead controller that still work.

    A module in a process of its own carries the controller's number in its environment; one in a worker, which was
    forked and shows the environment of its parent's start, in its name. A number is given out again, in a container
    nearly always the same one: what began with or after the process that has it now is that one's.
    """
    mark, name = f"{ENVIRONMENT}={controller['pid']}".encode(), worker_name(controller["pid"])
    present = read_stat(controller["pid"], proc)
    carrying = [int(entry.name) for entry in proc.iterdir() if entry.name.isdigit() and _carries(entry, mark, name)]
    return [pid for pid in carrying if present is None or _began_before(pid, present, proc)]


def _began_before(pid: int, other: dict, proc: Path) -> bool:
    stat = read_stat(pid, proc)
    return stat is not None and int(stat["start"]) < int(other["start"])


def _carries(entry: Path, mark: bytes, name: str) -> bool:
    return name.encode() == _read(entry / "comm").strip() or mark in _read(entry / "environ").split(b"\0")


def _read(path: Path) -> bytes:
    """What stands there; nothing for a process that has ended or is not ours to read."""
    try:
        return path.read_bytes()
    except OSError:
        return b""
