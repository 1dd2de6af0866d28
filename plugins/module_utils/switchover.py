# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The switchover of a database: a run of the steps that switchover_plan.py decides. No I/O here: the sides, the records
and the clock are passed in.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from ansible_collections.medzen.multiregion.plugins.module_utils import lsn, parity
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import MultiregionError, Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.progress import Progress
from ansible_collections.medzen.multiregion.plugins.module_utils.switchover_plan import (
    SourceView,
    TargetView,
    World,
    plan_steps,
    point_of_no_return,
    why_fence_stays,
)

CATCH_UP_POLL_S = 0.05
# How long the replica may take to reach a position of before it is relied upon.
FOLLOW_S_MAX = 10.0
GO_BACK_ATTEMPTS = 5


class NotApplied(MultiregionError):
    """A step was refused and is known to have had no effect."""


class Interrupted(MultiregionError):
    """Somebody asked this process to end."""


@dataclass(frozen=True)
class Limits:
    """Bounds of the gates and of the waits."""

    max_lag_bytes: int = 16 * 1024 * 1024
    catch_up_timeout_s: float = 60
    parity_level: str = "counts"
    schemas: tuple[str, ...] = ("ehr", "ext")


class Source(Protocol):
    def observe(self) -> SourceView: ...
    def position(self) -> str: ...
    def identity(self) -> str | None: ...
    def fence(self) -> dict: ...
    def prove(self) -> dict: ...
    def count_writes(self) -> dict: ...
    def read(self, request: parity.ParityRequest) -> parity.Side: ...
    def unfence(self) -> dict: ...


class Target(Protocol):
    def observe(self) -> TargetView: ...
    def identity(self) -> str | None: ...
    def replicates_from(self) -> str | None: ...
    def replay(self) -> dict: ...
    def promote(self) -> None: ...
    def wait_writable(self) -> None: ...
    def read(self, request: parity.ParityRequest) -> parity.Side: ...
    def unfence(self) -> dict: ...
    def test_write(self) -> dict: ...


class Stream(Protocol):
    """Logical replication between the two sides."""

    def has_way_back(self) -> bool: ...
    def check(self) -> None: ...
    def carry_sequences(self) -> list[str]: ...
    def open_way_back(self) -> None: ...


class Dns(Protocol):
    def observe(self) -> str: ...
    def change(self) -> dict: ...


def judge_lag(source_position: str | None, replay: dict, limit_bytes: int) -> int:
    """The lag in bytes; refuses a lag that is too large, not measured, or held up by a pause."""
    lag = lsn.lag_bytes(source_position, replay.get("lsn"))
    if lag is None or replay.get("paused"):
        found = "replay is paused" if replay.get("paused") else "no replay position"
        raise Refused("The replica's lag is not known.", found, "a replica that replays", "look at its replication")
    if lag > limit_bytes:
        raise Refused(
            "The replica is too far behind.", f"{lag} bytes", f"{limit_bytes} bytes at most", "run again when it is not"
        )
    return lag


def judge_writes(found: dict, counts: dict[str, int]) -> None:
    """Refuse when the source was written to since its fence: those writes are not on the target."""
    rows = found.get("newer_rows")
    now = found.get("rows") or {}
    gone = {table: (counts[table], now[table]) for table in counts if table in now and now[table] != counts[table]}
    if rows is None or rows or gone or found.get("gaps"):
        raise Refused(
            "The source was written to behind its fence.",
            f"{rows if rows is not None else 'an unknown number of'} rows newer than the fence, "
            f"changed counts {gone or 'none'}, tables without their trigger {found.get('gaps') or 'none'}",
            "no write since the fence",
            "compare both sides by postgresql_parity; take over the rows that differ, then run again",
            {"writes_since_fence": found},
        )


# ---- the run ----


class Switchover:
    """One run. `result` grows as it goes, so that a failure tells how far it came."""

    def __init__(
        self,
        source: Source,
        target: Target,
        dns: Dns,
        *,
        promote: bool = True,
        stream: Stream | None = None,
        limits: Limits | None = None,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ):
        self.source, self.target, self.dns, self.promote = source, target, dns, promote
        self.stream = stream
        self.limits = limits or Limits()
        self._now, self._clock, self._sleep = now, clock, sleep
        self._counts: dict[str, int] = {}
        self._goal: str | None = None
        self.world: World | None = None
        # Whether a failure now would lift the source's fence: a request to end is followed only as long as it does.
        self.reversible = True
        self.result: dict[str, Any] = {"changed": False, "timeline": [], "went_back": False}

    def observe(self) -> World:
        source, target = self.source.observe(), self.target.observe()
        way_back = self.stream is not None and source.reachable and target.reachable and self.stream.has_way_back()
        logical = self.stream is not None
        self.world = World(source, target, self.dns.observe(), self.promote, logical=logical, way_back=way_back)
        return self.world

    def plan(self) -> dict:
        """Check mode: everything is read, nothing is written."""
        world = self.observe()
        steps = plan_steps(world)
        if "catch_up" in steps:
            self._check_gates()
        return self.result | {"changed": bool(steps), "planned": False, "steps": list(steps)}

    def run(self) -> dict:
        world = self.observe()
        steps = plan_steps(world)
        self.result["steps"] = list(steps)
        if not steps:
            return self.result | {"already_switched": True}
        last_safe = point_of_no_return(world, steps)
        if "catch_up" in steps:
            self._guard("gates", self._check_gates, can_go_back=last_safe is not None and world.source.fenced)
        for step in steps:
            if step == last_safe:
                last_safe = None
            self.reversible = last_safe is not None
            self._guard(step, getattr(self, f"_{step}"), can_go_back=last_safe is not None)
        self._sum_up()
        return self.result | {"already_switched": False}

    def reopen(self, *, check_mode: bool = False) -> dict:
        """Lift the fence that an ended run left on the source, unless something may have been opened behind it."""
        world = self.observe()
        source = world.source
        if not source.reachable:
            advice = f"WHETHER THE SOURCE IS FENCED IS NOT KNOWN: it cannot be read ({source.problem})."
            return self.result | {"steps": [], "advice": advice}
        if not source.fenced:
            return self.result | {"steps": [], "advice": "The source is not fenced."}
        if reason := why_fence_stays(world):
            advice = (
                f"THE SOURCE STAYS FENCED, because {reason}. Nobody can write until a run succeeds: mend, run again."
            )
            return self.result | {"steps": [], "advice": advice}
        self.result["changed"] = True
        if check_mode:
            advice = "THE SOURCE IS FENCED by a run that was ended. It would be opened again."
            return self.result | {"steps": ["reopen"], "advice": advice}
        advice = self._go_back()
        if not self.result["went_back"]:
            raise MultiregionError(advice, self.result)
        return self.result | {"steps": ["reopen"], "advice": advice}

    def _guard(self, step: str, action: Callable[[], None], *, can_go_back: bool) -> None:
        """Run a step; whatever goes wrong, leave a state in which the application can go on, or say how to."""
        entry = {"step": step, "start": self._now()}
        Progress(f"switchover: {step}").report()
        try:
            action()
        except BaseException as error:
            self._fail(step, error, can_go_back or isinstance(error, NotApplied))
        finally:
            entry["end"] = self._now()
            self.result["timeline"].append(entry)

    def _fail(self, step: str, error: BaseException, can_go_back: bool) -> None:
        reason = error.message if isinstance(error, MultiregionError) else f"{type(error).__name__}: {error}"
        self.result.update(getattr(error, "result", {}))
        advice = self._go_back() if can_go_back else self._stay(step)
        gate = {"name": "write pause", "verdict": "refuse", "evidence": {"step": step, "reason": reason}}
        result = self.result | {"failed_step": step, "gate": gate}
        raise MultiregionError(f"The switchover failed at step {step}: {reason} {advice}", result) from error

    def _go_back(self) -> str:
        problem: BaseException | None = None
        for _attempt in range(GO_BACK_ATTEMPTS):
            try:
                self.source.unfence()
                self.result["went_back"] = True
                return "It went back: the source accepts writes again, nothing was switched."
            except MultiregionError as error:
                problem = error
                self._sleep(CATCH_UP_POLL_S)
        return (
            f"THE SOURCE IS STILL FENCED, because going back failed as well ({problem}). "
            "Next: run postgresql_fence with state=unfenced on the source."
        )

    def _stay(self, step: str) -> str:
        if step == "gates":
            return "Nothing was changed."
        if step == "change_batch":
            return "The target accepts writes, the source stays fenced. Next: run again, only the record sets are left."
        return (
            "The source stays fenced, because the target may be promoted and there is no automatic way back. "
            "Next: remove the cause and run again; the run goes on from here."
        )

    def _sum_up(self) -> None:
        timeline = self.result["timeline"]
        spans = {entry["step"]: entry["end"] - entry["start"] for entry in timeline}
        steps = [entry for entry in timeline if entry["step"] != "gates"]
        self.result["pause_s"] = round(steps[-1]["end"] - steps[0]["start"], 3)
        self.result["promote_s"] = round(spans.get("promote", 0.0), 3)
        kept = ("fence", "lsn", "lag_bytes", "sequences", "parity", "writes_since_fence", "test_write", "change_id")
        evidence = {key: self.result[key] for key in kept if key in self.result}
        self.result["gate"] = {"name": "write pause", "verdict": "pass", "evidence": evidence}

    # ---- steps: each can be repeated ----

    def _check_gates(self) -> None:
        identities = self.source.identity(), self.target.identity()
        if None not in identities:
            if identities[0] != identities[1]:
                raise Refused(
                    "The target is no replica of this source.",
                    f"system identifier {identities[1]}",
                    f"system identifier {identities[0]} of the source",
                    "check both logins",
                )
        elif not self.target.replicates_from():
            raise Refused(
                "Nothing shows that the target replicates this source.",
                "system identifiers that may not be read, and no replication source known to RDS",
                "evidence that both are the same database",
                "GRANT EXECUTE ON FUNCTION pg_control_system() to the roles that log in",
            )
        if self.stream is not None:
            self.stream.check()
        position = self.source.position()
        self.result["lag_bytes"] = judge_lag(position, self.target.replay(), self.limits.max_lag_bytes)
        self._see_it_follow(position)

    def _see_it_follow(self, goal: str) -> None:
        """A small lag says nothing of a link that is cut: what the source wrote must arrive before the fence."""
        deadline = self._clock() + FOLLOW_S_MAX
        while not lsn.is_reached((replay := self.target.replay()).get("lsn"), goal):
            if self._clock() > deadline:
                raise Refused(
                    f"The replica does not follow its source: what was written {FOLLOW_S_MAX:g} s ago has not arrived.",
                    f"{replay.get('lsn')}",
                    f"{goal}, where the source was {FOLLOW_S_MAX:g} s ago",
                    "mend the link between the regions",
                )
            self._sleep(CATCH_UP_POLL_S)

    def _fence(self) -> None:
        found = self.source.fence()
        self.result["changed"] |= found.pop("changed")
        self.result["fence"] = found

    def _proof(self) -> None:
        found = self.source.prove()
        if not found["lsn_still"]:
            raise Refused(
                "The source's log does not stand still behind the fence.",
                f"it is at {found['lsn']} and moving",
                "two equal readings",
                "find the writer in another database of this server",
            )
        self._goal = found["lsn"]
        self.result["fence"] = self.result.get("fence", {}) | found
        self.result["lsn"] = found["lsn"]

    def _catch_up(self) -> None:
        goal = str(self._goal)
        started, deadline = self._clock(), self._clock() + self.limits.catch_up_timeout_s
        progress = Progress("switchover: catch up", clock=self._clock)
        while not lsn.is_reached((replay := self.target.replay()).get("lsn"), goal):
            if self._clock() > deadline:
                raise Refused(
                    f"The replica did not catch up within {self.limits.catch_up_timeout_s:g} s.",
                    f"{replay.get('lsn')}, {lsn.lag_bytes(goal, replay.get('lsn'))} bytes behind",
                    f"the fence's position {goal}",
                    "look at the replication link, or raise catch_up_timeout",
                )
            progress.report(detail=f"{lsn.lag_bytes(goal, replay.get('lsn'))} bytes behind")
            self._sleep(CATCH_UP_POLL_S)
        self.result["catch_up_s"] = round(self._clock() - started, 3)

    def _sequences(self) -> None:
        if self.stream:
            self.result["sequences"] = self.stream.carry_sequences()

    def _way_back(self) -> None:
        if self.stream:
            self.stream.open_way_back()

    def _parity(self) -> None:
        request = parity.ParityRequest(level=self.limits.parity_level, schemas=self.limits.schemas)
        source, target, problems = parity.read_both(
            lambda: self.source.read(request), lambda: self.target.read(request)
        )
        judgement = parity.judge(source, target, problems, request)
        self.result["parity"] = parity.evidence(judgement)
        # A target that a former run opened may have been written to since; it must lack nothing.
        ahead = "unfence" not in self.result["steps"] and parity.is_target_ahead_only(judgement["differences"])
        if judgement["verdict"] != parity.EQUAL and not ahead:
            raise Refused(
                "The two sides are not equal.",
                f"{judgement['verdict']}: {(judgement['differences'] or problems)[:3]}",
                "equal structure, counts and newest write",
                "find the cause; seed the target again if it is not the source's copy",
            )
        self._counts = source.counts if source else {}

    def _promote(self) -> None:
        self.result["changed"] = True
        # A promotion that was found under way is only waited for. One that turns out to be none must not be begun here:
        # nothing has been caught up and compared behind the fence.
        if "catch_up" in self.result["steps"] and not self.target.observe().promoting:
            self.target.promote()
        self.target.wait_writable()

    def _verify(self) -> None:
        found = self.source.count_writes()
        self.result["writes_since_fence"] = {key: found.get(key) for key in ("transactions", "newer_rows")}
        judge_writes(found, self._counts)

    def _unfence(self) -> None:
        found = self.target.unfence()
        self.result["changed"] |= found["changed"]
        self.result["renewed_sessions"] = len(found["renewed_sessions"])

    def _test_write(self) -> None:
        self.result["test_write"] = self.target.test_write()

    def _change_batch(self) -> None:
        self.result["changed"] = True
        self.result.update(self.dns.change())
