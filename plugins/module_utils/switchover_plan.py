# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a switchover of a database has to do, as steps between observed states. Pure: states in, steps out.

Invariant: at every moment at most one side accepts writes.
    The source accepts writes while it is not fenced. The target accepts writes once it is out of recovery and not
    fenced. The fence travels with the data, so a promoted or restored target starts fenced. It is lifted there only
    while the source's fence stands, and the source's is lifted only while the target cannot accept writes.

    step          who accepts writes after it    an interruption here leaves        a second run
    (gates)       source                         nothing                            begins anew
    fence         nobody                         source fenced                      joins the fence
    proof         nobody                         source fenced                      proves again
    catch_up      nobody                         source fenced                      waits again
    parity        nobody                         source fenced                      compares again
    promote       nobody                         target promoting or promoted       waits for it, never asks twice
    verify        nobody                         target promoted, fenced            verifies again
    unfence       target                         target open, DNS on the source     tests and changes DNS
    test_write    target                         the same                           the same
    change_batch  target                         done                               changes nothing

With logical replication the target is a copy that has a fence of its own from the start and is kept up to date behind
it. There is no promotion. Two steps come in its place, both with both sides fenced:

    step          who accepts writes after it    an interruption here leaves        a second run
    sequences     nobody                         source fenced                      sets what is left
    way_back      nobody                         source fenced                      goes on where it stopped

From the way back on, what the target writes flows to the source, whose fence stands. A target that is open has a way
back, because it is opened after it; one without was never fenced, and is refused.

A failure before the point of no return (promote; with a target that is writable already, unfence) lifts the source's
fence by itself. After it the source stays fenced and the message says how to go on. A killed process cannot go back:
the next run observes which row above it finds, and goes on from there. Where it is refused instead, the source is
opened again as long as nothing was opened behind its fence.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused

REPLICA_STEPS = ("fence", "proof", "catch_up", "parity", "promote", "verify", "unfence", "test_write")
LOGICAL_STEPS = (
    *("fence", "proof", "catch_up", "sequences", "parity", "verify"),
    *("way_back", "unfence", "test_write"),
)
WRITABLE_STEPS = ("proof", "parity", "verify", "unfence", "test_write")
JOIN_PROMOTION_STEPS = ("promote", "parity", "verify", "unfence", "test_write")
BEFORE, AFTER, OTHER, NONE = "before", "after", "other", "none"


@dataclass(frozen=True)
class SourceView:
    """What the source says about itself."""

    reachable: bool
    in_recovery: bool = False
    fenced: bool = False
    fence_id: str | None = None
    problem: str = ""

    @property
    def accepts_writes(self) -> bool:
        return self.reachable and not self.in_recovery and not self.fenced


@dataclass(frozen=True)
class TargetView:
    """What the target says about itself, and RDS about it. `promoting`: RDS is at it, or a reboot ends it."""

    exists: bool
    reachable: bool = False
    in_recovery: bool = False
    fenced: bool = False
    fence_id: str | None = None
    promoting: bool = False
    status: str | None = None
    problem: str = ""

    @property
    def accepts_writes(self) -> bool:
        return self.reachable and not self.in_recovery and not self.fenced


@dataclass(frozen=True)
class World:
    """Everything that decides what is to be done."""

    source: SourceView
    target: TargetView
    dns: str
    promote: bool = True
    # The target follows by logical replication; `way_back`: what it writes flows to the source.
    logical: bool = False
    way_back: bool = False

    @property
    def switched(self) -> bool:
        return self.target.accepts_writes and not self.source.accepts_writes and self.dns in (AFTER, NONE)


def check_invariant(world: World) -> None:
    """Refuse where both sides accept writes: which of them is right cannot be told from here."""
    if world.source.accepts_writes and world.target.accepts_writes:
        raise Refused(
            "Both sides accept writes.",
            "the source is not fenced and the target is out of recovery and not fenced",
            "at most one side accepts writes",
            "find out which side the application writes to; seed the target again from it",
        )


def plan_steps(world: World) -> tuple[str, ...]:
    """The steps that are left, in order; none when all is done. Refuses where the state is not understood."""
    if world.switched:
        return ()
    _refuse_unknown(world)
    check_invariant(world)
    steps = _database_steps(world)
    return (*steps, "change_batch") if world.dns == BEFORE else steps


def _refuse_unknown(world: World) -> None:
    source, target = world.source, world.target
    if not source.reachable:
        raise Refused(
            "The source cannot be read.",
            source.problem,
            "a source whose state is known",
            "make it reachable; without it only fail_over is possible, which accepts a loss",
        )
    if source.in_recovery:
        raise Refused("The source is a replica.", "it is in recovery", "the primary that serves production")
    if not target.exists:
        raise Refused("The target does not exist.", target.problem, "a replica or a restored copy", "create it first")
    if not target.reachable and not target.promoting:
        raise Refused("The target cannot be read.", target.problem, "a target whose state is known")
    if world.dns == OTHER:
        raise Refused(
            "The record sets are neither as they must be before nor as they are wanted.",
            "other record sets",
            "the record sets of change_batch.expect",
            "find out who changed them; plan the change again",
        )


def _database_steps(world: World) -> tuple[str, ...]:
    source, target = world.source, world.target
    if target.promoting:
        _require_fenced(world, "The target is being promoted")
        return JOIN_PROMOTION_STEPS
    if target.in_recovery:
        _refuse_replica(world)
        return REPLICA_STEPS
    if world.logical:
        return LOGICAL_STEPS if target.fenced else _opened_steps(world)
    _require_fenced(world, "The target is writable already")
    if target.fenced and target.fence_id != source.fence_id:
        raise Refused(
            "The target was not made from this source behind this fence.",
            f"fence {target.fence_id} in the target",
            f"fence {source.fence_id} of the source",
            "seed the target again: fence first, then snapshot",
        )
    return WRITABLE_STEPS if target.fenced else tuple(step for step in WRITABLE_STEPS if step != "unfence")


def _opened_steps(world: World) -> tuple[str, ...]:
    """What it writes flows to the source already, so neither can be compared any more; that was done before."""
    if not world.way_back:
        raise Refused(
            "The target accepts writes, but it was not opened by a switchover.",
            "no fence and no way back to the source",
            "a target that is fenced while it is kept up to date",
            "run restore_snapshot again, which fences it",
        )
    return ("test_write",)


def _refuse_replica(world: World) -> None:
    if not world.promote:
        raise Refused(
            "The target is a replica, but promote is false.", "in recovery", "a restored copy", "set promote: true"
        )
    if world.dns == AFTER:
        raise Refused(
            "The record sets point at a target that cannot write.",
            "the target is in recovery",
            "record sets that point at the source until the switchover",
            "set them back, then run again",
        )
    if world.target.status not in (None, "available"):
        raise Refused(
            "The target cannot be promoted now.",
            f"its status is {world.target.status}",
            "available; RDS promotes no instance that is being backed up or modified",
            "run again when it is available",
        )


def _require_fenced(world: World, what: str) -> None:
    if not world.source.fenced:
        raise Refused(
            f"{what}, but the source is not fenced.",
            "a source that accepts writes, which the target will never receive",
            "a source fenced before the target was taken from it",
            "seed the target again: with a replica, or by a snapshot taken behind the fence",
        )


def point_of_no_return(world: World, steps: tuple[str, ...]) -> str | None:
    """The step from which on the source's fence stays. None: it is passed already."""
    if "promote" in steps and not world.target.promoting:
        return "promote"
    # A restored copy that was never opened: the source may be opened again.
    if not world.promote and "unfence" in steps:
        return "unfence"
    return None


def why_fence_stays(world: World) -> str | None:
    """What forbids to lift the source's fence outside a switchover; None where no write is anywhere but on the source.

    What is not known forbids it.
    """
    target = world.target
    if not world.promote and not world.logical:
        return "the target is a copy that was taken behind this fence, and a write would be missing there"
    if not target.exists:
        return None
    if target.promoting:
        return "the target is being promoted"
    if not target.reachable:
        return f"whether the target was opened is not known ({target.problem})"
    if world.logical:
        return None if target.fenced else "the target accepts writes"
    return None if target.in_recovery else "the target was promoted"


def apply_step(world: World, step: str) -> World:
    """The world after a step: for the plan, for check mode and for the proof of the invariant."""
    source, target = world.source, world.target
    if step == "fence":
        return replace(world, source=replace(source, fenced=True, fence_id=source.fence_id or "new"))
    if step == "reopen":
        return replace(world, source=replace(source, fenced=False, fence_id=None))
    if step == "promote":
        promoted = replace(
            target, in_recovery=False, promoting=False, reachable=True, fenced=True, fence_id=source.fence_id
        )
        return replace(world, target=promoted)
    if step == "unfence":
        return replace(world, target=replace(target, fenced=False, fence_id=None))
    return replace(world, dns=AFTER) if step == "change_batch" else world
