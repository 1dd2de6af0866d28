# SPDX-License-Identifier: GPL-3.0-or-later
"""Which faults are injected into which playbook, and the table of what came of it. Nothing here touches a world.

- `kill`: everything that belongs to the run is killed right after the effect of write call n, which is also just before
  call n + 1. One injection for each write call.
- `lost`: every write call takes effect and loses its answer once; its repetition gets it. One injection a playbook
  meets them all: a run that fails is followed by others under the same fault.
- `throttle`: every different call, reads too, is throttled five times, then fails once. Likewise.
- `database`, `dns`, `aws`: what else goes wrong around a move, by the name of the condition (conditions.py).
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from rehearsal.chaos.conditions import CONDITIONS

AT_CALLS = ("kill", "lost", "throttle")
KINDS = (*AT_CALLS, "database", "dns", "aws")
THROTTLED_TIMES = 5


@dataclass(frozen=True, order=True)
class Injection:
    """One fault in one playbook; `n` numbers the write call of a kill, `what` names a condition."""

    playbook: str
    kind: str
    n: int = 0
    what: str = ""

    @property
    def name(self) -> str:
        return "-".join(str(part) for part in (self.playbook, self.kind, self.n, self.what) if part)

    @property
    def each(self) -> bool:
        """Whether every call is met, each a bounded number of times."""
        return self.kind in ("lost", "throttle")

    def rules(self, pid: int) -> list[dict[str, Any]]:
        """The rules of the stand-in cloud that make it happen to the run of this controller; a condition has none."""
        if self.kind not in AT_CALLS:
            return []
        own = {"own": True}
        if self.kind == "kill":
            return [{"action": "kill", "match": own | {"write": True, "nth": self.n}, "pid": pid, "tree": True}]
        if self.kind == "lost":
            return [{"action": "lost_response", "match": own | {"write": True}, "each": True, "count": 1}]
        return [
            {"action": "error", "match": own, "each": True, "count": 1},
            # The call that fails is met by both rules, and the first one answers.
            {"action": "throttle", "match": own, "each": True, "count": THROTTLED_TIMES + 1},
        ]


@dataclass(frozen=True)
class Outcome:
    """What an injection led to."""

    injection: Injection
    # Calls that the fault met, or times that a condition acted. A kill that met none came after the last write call.
    met: int
    # Exit codes of the run with the fault and of the one after it.
    exit_codes: tuple[int, ...]
    # In words, against the world of a run without faults.
    differences: tuple[str, ...]
    lost_writes: int
    duplicates: int
    reasons: tuple[str, ...]
    seconds: float
    # The commit that was tried; empty outside a checkout.
    commit: str = ""
    # Write calls of a run without faults that this one should have met and did not, in words.
    unmet: tuple[str, ...] = ()

    @property
    def orphans(self) -> int:
        return sum(line.startswith("surplus ") for line in self.differences)

    @property
    def missed(self) -> bool:
        """A kill that killed nobody, because the run made fewer write calls than the one without faults."""
        return self.injection.kind == "kill" and self.met == 0

    @property
    def converged(self) -> bool:
        """The fault was there, the last run ended well and the world is that of a run without faults."""
        ended_well = bool(self.exit_codes) and self.exit_codes[-1] == 0
        return ended_well and not (self.missed or self.unmet or self.differences or self.reasons)

    def as_dict(self) -> dict[str, Any]:
        told = asdict(self) | {"name": self.injection.name, "converged": self.converged, "orphans": self.orphans}
        return told


def read_outcome(told: Mapping[str, Any]) -> Outcome:
    """The outcome that `as_dict` told."""
    return Outcome(
        Injection(**told["injection"]),
        told["met"],
        tuple(told["exit_codes"]),
        tuple(told["differences"]),
        told["lost_writes"],
        told["duplicates"],
        tuple(told["reasons"]),
        told["seconds"],
        told.get("commit", ""),
        tuple(told.get("unmet", ())),
    )


def every_injection(write_calls: Mapping[str, int], kinds: Iterable[str] = KINDS) -> list[Injection]:
    """All of them, in the order of the move; `write_calls` are those of a run without faults, by playbook."""
    found = []
    for playbook, count in write_calls.items():
        for kind in kinds:
            if kind in AT_CALLS:
                numbers = range(1, count + 1) if kind == "kill" else (0,)
                found += [Injection(playbook, kind, n) for n in numbers]
            else:
                rows = [one for one in CONDITIONS.values() if (one.kind, one.playbook) == (kind, playbook)]
                found += [Injection(playbook, kind, what=one.what) for one in rows]
    return found


def is_name(name: str, playbooks: Iterable[str]) -> bool:
    """Whether an injection can be called so; at how many calls there is something to kill, only a run tells."""
    kill = any(re.fullmatch(rf"{playbook}-kill-[1-9][0-9]*", name) for playbook in playbooks)
    return kill or name in [one.name for one in every_injection(dict.fromkeys(playbooks, 0))]


def sample(injections: list[Injection], count: int, seed: int) -> list[Injection]:
    """A part of them in their order, the same for the same seed; with at least one kill of each playbook if it can."""
    choice = random.Random(seed)
    kills: dict[str, list[Injection]] = {}
    for one in injections:
        if one.kind == "kill":
            kills.setdefault(one.playbook, []).append(one)
    chosen = [choice.choice(some) for some in kills.values()][:count]
    rest = [one for one in injections if one not in chosen]
    chosen += choice.sample(rest, min(len(rest), count - len(chosen)))
    return [one for one in injections if one in chosen]


def seconds_left(
    wanted: Iterable[Injection], outcomes: Iterable[Outcome], clean_s: Mapping[str, float], worlds: int
) -> float | None:
    """How long what was not tried yet takes, if it takes as many times a run without faults as what was tried.

    `clean_s` are the seconds of such a run, by playbook. None before anything was tried, or where they are not known.
    """
    tried = {one.injection.name: one for one in outcomes}
    spent = sum(one.seconds for one in tried.values())
    clean = sum(clean_s.get(one.injection.playbook, 0) for one in tried.values())
    rest = sum(clean_s.get(one.playbook, 0) for one in wanted if one.name not in tried)
    return spent / clean * rest / worlds if clean else None


def build_table(write_calls: Mapping[str, int], outcomes: Iterable[Outcome], **more: Any) -> dict[str, Any]:
    """The numbers of chaos.json. An injection that was not tried is not in it: the sums say how many were."""
    rows = sorted(outcomes, key=lambda one: (list(write_calls).index(one.injection.playbook), one.injection))
    by_kind = {kind: [one for one in rows if one.injection.kind == kind] for kind in KINDS}
    lost = [write_calls[one.injection.playbook] - len(one.unmet) for one in by_kind["lost"]]
    return {
        **more,
        "write_calls": sum(write_calls.values()),
        "write_calls_by_playbook": dict(write_calls),
        "kill_injections": sum(not one.missed for one in by_kind["kill"]),
        "lost_response_injections": sum(lost),
        "throttle_injections": sum(one.met for one in by_kind["throttle"]),
        "conditions": {kind: len(by_kind[kind]) for kind in KINDS if kind not in AT_CALLS},
        # More than one where a sweep went on after something was mended.
        "commits": dict(Counter(one.commit for one in rows)),
        "runs": len(rows),
        "converged": sum(one.converged for one in rows),
        "not_converged": [one.injection.name for one in rows if not one.converged],
        "lost_writes": sum(one.lost_writes for one in rows),
        "duplicates": sum(one.duplicates for one in rows),
        "orphans": sum(one.orphans for one in rows),
        "rows": [one.as_dict() for one in rows],
    }


def for_terminal(table: Mapping[str, Any]) -> str:
    """The table by playbook and kind, and the sums."""
    rows: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for one in table["rows"]:
        rows.setdefault((one["injection"]["playbook"], one["injection"]["kind"]), []).append(one)
    lines = [f"  {'playbook':24} {'fault':10} {'runs':>5} {'converged':>10} {'lost':>5} {'twice':>6} {'orphans':>8}"]
    for (playbook, kind), some in rows.items():
        sums = [sum(one[name] for one in some) for name in ("converged", "lost_writes", "duplicates", "orphans")]
        lines.append(f"  {playbook:24} {kind:10} {len(some):5} {sums[0]:10} {sums[1]:5} {sums[2]:6} {sums[3]:8}")
    conditions = ", ".join(f"{count} {kind}" for kind, count in table["conditions"].items())
    lines.append(
        f"  {table['converged']} of {table['runs']} runs converged; {table['kill_injections']} kills of "
        f"{table['write_calls']} write calls; {table['lost_response_injections']} answers lost, "
        f"{table['throttle_injections']} calls throttled; conditions: {conditions}; lost writes "
        f"{table['lost_writes']}, duplicates {table['duplicates']}, orphans {table['orphans']}"
    )
    lines += [f"  not converged: {name}" for name in table["not_converged"]]
    # Their parameters would fill the terminal: they stand in the table.
    for one in table["rows"]:
        if calls := [call.partition(" {")[0] for call in one["unmet"]]:
            lines.append(f"  {one['name']} did not meet {len(calls)}: {', '.join(calls)}")
    return "\n".join(lines)
