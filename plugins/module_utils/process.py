# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who runs here: the controller of this run, and whether that of another run still lives.

An answer is only given where it can be proved (Linux, same boot, same namespaces, by the controller's own user or one
who sees every process). Elsewhere it is unknown.
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
CAP_SYS_PTRACE = 1 << 19
GONE = (FileNotFoundError, ProcessLookupError)


@dataclass(frozen=True)
class Controller:
    """The process that runs the playbook. Its start time tells it from a later process of the same number."""

    pid: int
    start: str
    place: str
    announced: bool
    uid: int

    def as_dict(self) -> dict:
        return asdict(self)


def read_stat(pid: int, proc: Path = PROC) -> dict | None:
    """Parent and start time of a process; None for one that has ended, reaped or not, or does not show itself."""
    try:
        return _look(pid, proc)
    except OSError:
        return None


def _look(pid: int, proc: Path) -> dict | None:
    """The same; an error for one that does not show itself."""
    try:
        text = (proc / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except GONE:
        return None
    # The name stands in brackets and may hold spaces and brackets itself: count from the last one.
    fields = text.rpartition(")")[2].split()
    if fields[0] in "ZX":
        return None
    return {"parent": int(fields[1]), "start": fields[19]}


def place(proc: Path = PROC) -> str:
    """Where numbers of processes and users mean the same: this boot and these namespaces; "" if unknown."""
    try:
        boot = (proc / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}/{os.readlink(proc / 'self/ns/pid')}/{os.readlink(proc / 'self/ns/user')}"
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
    owner = _owner(proc / str(pid)) if stat else None
    return Controller(pid, stat["start"], place(proc), announced.isdigit(), owner) if owner is not None else None


def _owner(entry: Path) -> int | None:
    try:
        return entry.stat().st_uid
    except OSError:
        return None


def judge_controller(controller: dict | None, proc: Path = PROC) -> str:
    """Whether another run's controller lives: alive, dead, or unknown where that cannot be told from here.

    To another user /proc may show neither the controller (hidepid) nor what its tasks carry: what such a user does not
    see may be there.
    """
    if not controller or not controller.get("place") or controller["place"] != place(proc):
        return UNKNOWN
    try:
        stat = _look(controller["pid"], proc)
    except OSError:
        return UNKNOWN
    if stat and stat["start"] == controller["start"]:
        return ALIVE
    return DEAD if controller.get("uid") == os.geteuid() or _sees_all(proc) else UNKNOWN


def _sees_all(proc: Path) -> bool:
    """Whether this process may look into those of every user; root may, in most containers it may not."""
    try:
        lines = (proc / "self/status").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    held = next((line.split()[1] for line in lines if line.startswith("CapEff:")), "0")
    return bool(int(held, 16) & CAP_SYS_PTRACE)


def worker_name(pid: int) -> str:
    """How a worker of this controller is called in the process list, in which names have 15 characters at most."""
    return f"medzen-{pid}"


def mark_worker(proc: Path = PROC) -> None:
    """Name this process, a worker that does a module's task, after its controller, so that others find it."""
    controller = find_controller(proc=proc)
    if controller is not None:
        with contextlib.suppress(OSError):
            (proc / "self/comm").write_text(worker_name(controller.pid), encoding="ascii")


def find_survivors(controller: dict, proc: Path = PROC) -> list[int] | None:
    """Tasks of a dead controller that still work; None where a process that may be one cannot be looked into.

    A module in a process of its own carries the controller's number in its environment; one in a worker, which was
    forked and shows the environment of its parent's start, in its name. A number is given out again, in a container
    nearly always the same one: what began with or after the process that has it now is that one's.
    """
    mark, name = f"{ENVIRONMENT}={controller['pid']}".encode(), worker_name(controller["pid"])
    present = read_stat(controller["pid"], proc)
    carrying = []
    for entry in (entry for entry in proc.iterdir() if entry.name.isdigit()):
        try:
            carries = _carries(entry, mark, name)
        except OSError:
            if _may_be_of(controller, entry, proc):
                return None
            continue
        carrying += [int(entry.name)] if carries else []
    return [pid for pid in carrying if present is None or _began_before(pid, present, proc)]


def _may_be_of(controller: dict, entry: Path, proc: Path) -> bool:
    """Whether a process that cannot be looked into may be a task: of the controller's user, and begun after it.

    The files of one that keeps its memory to itself, as sshd and ssh-agent do, are root's; a module does not do that.
    """
    if controller.get("uid") not in (None, _owner(entry / "environ")):
        return False
    try:
        stat = _look(int(entry.name), proc)
    except OSError:
        return True
    return stat is not None and int(stat["start"]) >= int(controller["start"])


def _began_before(pid: int, other: dict, proc: Path) -> bool:
    stat = read_stat(pid, proc)
    return stat is not None and int(stat["start"]) < int(other["start"])


def _carries(entry: Path, mark: bytes, name: str) -> bool:
    return name.encode() == _read(entry / "comm").strip() or mark in _read(entry / "environ").split(b"\0")


def _read(path: Path) -> bytes:
    """What stands there; nothing for a process that has ended, an error for one that does not show itself."""
    try:
        return path.read_bytes()
    except GONE:
        return b""
