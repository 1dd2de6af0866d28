# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run has been until now, and its summary. Names, states, gates and progress only: no result is kept."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

COUNTS = ("ok", "changed", "failed", "skipped")
FAILED_STATUSES = ("failed", "unreachable")
# The file has its seconds with two decimals: a line of the same wait may seem to begin that much later.
ROUNDING_S = 0.02


@dataclass
class Step:
    """One task on one host. Times are seconds since the epoch."""

    name: str
    role: str
    host: str
    start: float
    end: float | None = None
    status: str = "running"


@dataclass
class Wait:
    """One wait as its module reported it."""

    what: str
    host: str
    start: float
    end: float
    percent: float | None = None
    detail: str = ""


@dataclass
class Gate:
    name: str
    verdict: str
    time: float
    host: str
    evidence: dict[str, Any] = field(default_factory=dict)
    conditions: list[dict] = field(default_factory=list)
    override: str = ""


@dataclass
class Phase:
    """A stretch of time that a module measured inside itself, as the steps of a switchover."""

    name: str
    host: str
    start: float
    end: float


class Recording:
    """Takes events, gives the summary. Events come from two threads: the run's own and the progress follower's."""

    def __init__(self, playbook: str, run: str, started: float):
        self.playbook, self.run, self.started = playbook, run, started
        self.ended: float | None = None
        self.verdict = "running"
        self.check_mode = False
        self.hosts: list[str] = []
        self.counts = dict.fromkeys(COUNTS, 0)
        self.steps: list[Step] = []
        self.waits: list[Wait] = []
        self.gates: list[Gate] = []
        self.phases: list[Phase] = []
        self.figures: dict[str, Any] = {}
        self._open: dict[tuple[str, str], Step] = {}
        self._lock = threading.RLock()

    def begin_step(self, task: str, host: str, name: str, role: str, now: float) -> None:
        with self._lock:
            step = Step(name, role, host, now)
            self._open[task, host] = step
            self.steps.append(step)
            if host not in self.hosts:
                self.hosts.append(host)

    def has_step(self, task: str, host: str) -> bool:
        """Whether the step is under way."""
        with self._lock:
            return (task, host) in self._open

    def end_step(self, task: str, host: str, status: str, now: float) -> None:
        with self._lock:
            step = self._open.pop((task, host), None)
            if step:
                step.end, step.status = now, status

    def add_result(self, host: str, result: Mapping[str, Any], now: float) -> list[dict]:
        """Take gates, phases and figures out of a result, and of each item's if it has several; the gates it had."""
        with self._lock:
            parts = (result, *_items(result))
            gates = [gate for part in parts if (gate := _gate(host, part.get("gate"), now))]
            self.gates += gates
            for part in parts:
                self._add_phases(host, part.get("timeline"))
                self.add_figures(part.get("figures"))
        return [gate_values(gate) for gate in gates]

    def _add_phases(self, host: str, timeline: Any) -> None:
        if not isinstance(timeline, list):
            return
        for entry in timeline:
            if isinstance(entry, Mapping) and {"step", "start", "end"} <= set(entry):
                start, end = seconds(entry["start"]), seconds(entry["end"])
                if start is not None and end is not None:
                    self.phases.append(Phase(str(entry["step"]), host, start, end))

    def add_figures(self, figures: Any) -> None:
        """Numbers and short texts; anything else is no figure."""
        if not isinstance(figures, Mapping) or figures.get("_ansible_no_log"):
            return
        with self._lock:
            for name, value in figures.items():
                if isinstance(value, (bool, int, float)) or (isinstance(value, str) and len(value) <= 80):
                    self.figures[str(name)] = value

    def add_progress(self, line: Mapping[str, Any]) -> None:
        """One line of the progress file. The same wait goes on until it begins anew."""
        with self._lock:
            end = float(line["time"])
            start = end - float(line.get("elapsed_s") or 0)
            what = str(line["what"])
            wait = next((one for one in reversed(self.waits) if one.what == what), None)
            if wait is None or start > wait.end + ROUNDING_S:
                wait = Wait(what, self._host_of(what), start, end)
                self.waits.append(wait)
            wait.end = max(wait.end, end)
            wait.percent, wait.detail = line.get("percent"), str(line.get("detail") or "")

    def _host_of(self, what: str) -> str:
        """A wait names its region, because every resource's name ends with it."""
        return next((host for host in self.hosts if host in what), "")

    def finish(self, now: float, verdict: str, counts: Mapping[str, int] | None = None) -> None:
        with self._lock:
            self.ended, self.verdict = now, verdict
            self.counts.update(counts or {})
            for step in self._open.values():
                step.end, step.status = now, "interrupted"
            self._open.clear()

    def summary(self) -> dict:
        """The whole recording as plain values, times as ISO 8601."""
        with self._lock:
            return {
                "playbook": self.playbook,
                "run": self.run,
                "started": iso(self.started),
                "ended": iso(self.ended),
                "wall_s": round((self.ended or self.last_moment()) - self.started, 3),
                "verdict": self.verdict,
                "check_mode": self.check_mode,
                "hosts": list(self.hosts),
                "counts": dict(self.counts),
                "steps": [timed(step) for step in self.steps],
                "waits": [timed(wait) for wait in self.waits],
                "phases": [timed(phase) for phase in self.phases],
                "gates": [gate_values(gate) for gate in self.gates],
                "figures": dict(self.figures),
            }

    def last_moment(self) -> float:
        moments = [entry.end or entry.start for entry in (*self.steps, *self.waits, *self.phases)]
        return max([self.started, *moments])


def _gate(host: str, gate: Any, now: float) -> Gate | None:
    if not isinstance(gate, Mapping) or "verdict" not in gate or "name" not in gate:
        return None
    evidence, conditions = gate.get("evidence") or {}, gate.get("conditions") or []
    return Gate(
        str(gate["name"]),
        str(gate["verdict"]),
        now,
        host,
        dict(evidence) if isinstance(evidence, Mapping) else {},
        [dict(one) for one in conditions if isinstance(one, Mapping)],
        str(gate.get("override") or ""),
    )


def gate_values(gate: Gate) -> dict:
    return {**asdict(gate), "time": iso(gate.time)}


def _items(result: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    items = result.get("results")
    return [item for item in items if isinstance(item, Mapping)] if isinstance(items, list) else []


def timed(entry: Step | Wait | Phase) -> dict:
    return {**asdict(entry), "start": iso(entry.start), "end": iso(entry.end)}


def iso(moment: float | None) -> str | None:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds") if moment is not None else None


def seconds(moment: Any) -> float | None:
    """A moment as seconds since the epoch, from a number or from ISO 8601 text."""
    if isinstance(moment, (int, float)) and not isinstance(moment, bool):
        return float(moment)
    try:
        date = datetime.fromisoformat(str(moment).replace("Z", "+00:00"))
    except ValueError:
        return None
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()


def progress_text(line: Mapping[str, Any]) -> str:
    """A line of progress as a person reads it in the terminal."""
    percent, eta = line.get("percent"), line.get("eta_s")
    parts = [f"  … {line['what']}"]
    parts += [f"{percent:.0f} %"] if isinstance(percent, (int, float)) else []
    parts += [duration(line.get("elapsed_s") or 0)]
    left = f", about {duration(eta)} left" if isinstance(eta, (int, float)) and eta > 0 else ""
    detail = f" ({line['detail']})" if line.get("detail") else ""
    return " ".join(parts) + left + detail


def duration(seconds: float) -> str:
    """7.3 s, 42 s, 12 min 5 s, 1 h 3 min."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 120:
        return f"{whole} s"
    if whole < 7200:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
