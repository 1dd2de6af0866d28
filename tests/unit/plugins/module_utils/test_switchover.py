# SPDX-License-Identifier: GPL-3.0-or-later
"""The switchover's steps: every plan, every interruption, and who accepts writes after each."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils import parity
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import MultiregionError, Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.switchover import (
    Limits,
    NotApplied,
    Switchover,
    judge_lag,
    judge_writes,
)
from ansible_collections.medzen.multiregion.plugins.module_utils.switchover_plan import (
    AFTER,
    BEFORE,
    NONE,
    OTHER,
    SourceView,
    TargetView,
    World,
    apply_step,
    check_invariant,
    plan_steps,
    point_of_no_return,
)

OPEN = SourceView(True)
FENCED = SourceView(True, fenced=True, fence_id="f1")
REPLICA = TargetView(True, True, in_recovery=True, status="available")
PROMOTED = TargetView(True, True, fenced=True, fence_id="f1", status="available")
WRITABLE = TargetView(True, True, status="available")
ALL = ("fence", "proof", "catch_up", "parity", "promote", "verify", "unfence", "test_write", "change_batch")
JOINED = ("promote", "parity", "verify", "unfence", "test_write", "change_batch")


class Killed(BaseException):
    """The process is gone: nothing can be cleaned up. The test stops the run without its error handling."""


class Stage:
    """Two databases, RDS and DNS as plain values, with a fault at one call."""

    def __init__(self, source=OPEN, target=REPLICA, dns=BEFORE, fault=None, error=None, effect=True):
        self.view, self.other, self.records = source, target, dns
        self.fault, self.error, self.effect = fault, error, effect
        self.calls: list[str] = []
        self.identities = {"source": "42", "target": "42"}
        self.replayed = "0/200"
        self.position_before_fence = "0/200"
        self.newer_rows = 0
        self.target_rows = 10
        self.unfenced_source = False

    def act(self, name, effect=lambda: None):
        """One call with its effect; the fault strikes before the effect or after it."""
        self.calls.append(name)
        strikes = name == self.fault
        if not strikes or self.effect:
            effect()
        assert not (self.view.accepts_writes and self.other.accepts_writes), f"both sides write after {name}"
        if strikes:
            self.fault = None
            raise self.error


class FakeSource:
    def __init__(self, stage):
        self.stage = stage

    def observe(self):
        return self.stage.view

    def identity(self):
        return self.stage.identities["source"]

    def position(self):
        return self.stage.position_before_fence

    def fence(self):
        changed = not self.stage.view.fenced
        self.stage.act("fence", lambda: setattr(self.stage, "view", FENCED))
        return {"changed": changed, "fence_id": "f1"}

    def prove(self):
        self.stage.act("proof")
        return {"lsn": "0/200", "lsn_still": True}

    def count_writes(self):
        self.stage.act("verify")
        return {"transactions": 0, "newer_rows": self.stage.newer_rows, "gaps": []}

    def read(self, _request):
        return parity.Side(tables=("ehr.ehr",), counts={"ehr.ehr": 10}, newest="2026")

    def unfence(self):
        self.stage.unfenced_source = True
        self.stage.act("go_back", lambda: setattr(self.stage, "view", OPEN))


class FakeTarget:
    def __init__(self, stage):
        self.stage = stage

    def observe(self):
        return self.stage.other

    def identity(self):
        return self.stage.identities["target"]

    def replicates_from(self):
        return None

    def replay(self):
        return {"lsn": self.stage.replayed, "paused": False}

    def promote(self):
        self.stage.act("promote", lambda: self._set(promoting=True, status="modifying"))

    def wait_writable(self):
        self.stage.act("wait", lambda: setattr(self.stage, "other", PROMOTED))

    def read(self, _request):
        self.stage.act("parity")
        return parity.Side(tables=("ehr.ehr",), counts={"ehr.ehr": self.stage.target_rows}, newest="2026")

    def unfence(self):
        changed = self.stage.other.fenced
        self.stage.act("unfence", lambda: setattr(self.stage, "other", WRITABLE))
        return {"changed": changed, "renewed_sessions": []}

    def test_write(self):
        self.stage.act("test_write")
        return {"role": "owner", "tables": 1}

    def _set(self, **fields):
        self.stage.other = replace(self.stage.other, **fields)


class FakeDns:
    def __init__(self, stage):
        self.stage = stage

    def observe(self):
        return self.stage.records

    def change(self):
        self.stage.act("change_batch", lambda: setattr(self.stage, "records", AFTER))
        return {"change_id": "C1"}


class Time:
    """A clock that moves only by sleeping."""

    def __init__(self):
        self.seconds = 0.0

    def __call__(self):
        return self.seconds

    def sleep(self, seconds):
        self.seconds += seconds


def build(stage, *, promote=True, **limits):
    time = Time()
    parts = FakeSource(stage), FakeTarget(stage), FakeDns(stage)
    return Switchover(*parts, promote=promote, limits=Limits(**limits), now=time, clock=time, sleep=time.sleep)


def is_switched(stage):
    return stage.view.fenced and stage.other.accepts_writes and stage.records == AFTER


# ---- plans ----


@pytest.mark.parametrize(
    ("source", "target", "dns", "promote", "steps"),
    [
        (OPEN, REPLICA, BEFORE, True, ALL),
        (FENCED, REPLICA, BEFORE, True, ALL),
        (OPEN, REPLICA, NONE, True, ALL[:-1]),
        (FENCED, replace(REPLICA, promoting=True), BEFORE, True, JOINED),
        (FENCED, TargetView(True, promoting=True, status="rebooting"), BEFORE, True, JOINED),
        (FENCED, PROMOTED, BEFORE, True, ("proof", "parity", "verify", "unfence", "test_write", "change_batch")),
        (FENCED, PROMOTED, BEFORE, False, ("proof", "parity", "verify", "unfence", "test_write", "change_batch")),
        (FENCED, PROMOTED, AFTER, True, ("proof", "parity", "verify", "unfence", "test_write")),
        (FENCED, WRITABLE, BEFORE, True, ("proof", "parity", "verify", "test_write", "change_batch")),
        (FENCED, WRITABLE, AFTER, True, ()),
        (FENCED, WRITABLE, NONE, True, ()),
        (SourceView(False), WRITABLE, AFTER, True, ()),
        # The former source follows the target by now.
        (SourceView(True, in_recovery=True), WRITABLE, AFTER, True, ()),
    ],
)
def test_the_plan_is_what_is_left_to_do(source, target, dns, promote, steps):
    assert plan_steps(World(source, target, dns, promote)) == steps


@pytest.mark.parametrize(
    ("source", "target", "dns", "promote", "message"),
    [
        (OPEN, WRITABLE, BEFORE, True, "Both sides accept writes"),
        (OPEN, WRITABLE, AFTER, True, "Both sides accept writes"),
        (OPEN, PROMOTED, BEFORE, False, "source is not fenced"),
        (OPEN, replace(REPLICA, promoting=True), BEFORE, True, "source is not fenced"),
        (FENCED, replace(PROMOTED, fence_id="f0"), BEFORE, False, "not made from this source"),
        (OPEN, REPLICA, BEFORE, False, "promote is false"),
        (OPEN, REPLICA, AFTER, True, "cannot write"),
        (OPEN, replace(REPLICA, status="backing-up"), BEFORE, True, "backing-up"),
        (OPEN, REPLICA, OTHER, True, "neither as they must be"),
        (SourceView(False, problem="no route"), REPLICA, BEFORE, True, "no route"),
        (SourceView(True, in_recovery=True), REPLICA, BEFORE, True, "source is a replica"),
        (OPEN, TargetView(False), BEFORE, True, "does not exist"),
        (OPEN, TargetView(True, problem="no password"), BEFORE, True, "no password"),
    ],
)
def test_a_state_that_is_not_understood_is_refused(source, target, dns, promote, message):
    with pytest.raises(Refused, match=message):
        plan_steps(World(source, target, dns, promote))


@pytest.mark.parametrize(("source", "target"), [(OPEN, REPLICA), (FENCED, REPLICA), (FENCED, PROMOTED)])
def test_at_most_one_side_accepts_writes_after_each_planned_step(source, target):
    world = World(source, target, BEFORE)
    for step in plan_steps(world):
        world = apply_step(world, step)
        check_invariant(world)
    assert world.switched


@pytest.mark.parametrize(
    ("source", "target", "promote", "step"),
    [
        (OPEN, REPLICA, True, "promote"),
        (FENCED, replace(REPLICA, promoting=True), True, None),
        (FENCED, PROMOTED, True, None),
        (FENCED, PROMOTED, False, "unfence"),
        (FENCED, WRITABLE, False, None),
    ],
)
def test_the_point_of_no_return(source, target, promote, step):
    world = World(source, target, BEFORE, promote)
    assert point_of_no_return(world, plan_steps(world)) == step


# ---- runs ----


def test_a_whole_run_switches_and_a_second_one_does_nothing():
    stage = Stage()
    result = build(stage).run()
    assert result["changed"] and is_switched(stage)
    assert [entry["step"] for entry in result["timeline"]] == ["gates", *ALL]
    assert result["gate"]["verdict"] == "pass"
    stage.calls.clear()
    again = build(stage).run()
    assert again["already_switched"] and not again["changed"]
    assert stage.calls == []


def test_check_mode_acts_on_nothing():
    stage = Stage()
    result = build(stage).plan()
    assert result["steps"] == list(ALL) and result["changed"]
    assert stage.calls == []


CALLS = ("fence", "proof", "parity", "promote", "wait", "verify", "unfence", "test_write", "change_batch")


@pytest.mark.parametrize("effect", [False, True], ids=["before the effect", "after the effect"])
@pytest.mark.parametrize("call", CALLS)
def test_a_run_killed_at_any_call_is_finished_by_the_next(call, effect, monkeypatch):
    stage = Stage(fault=call, error=Killed(), effect=effect)
    killed = build(stage)
    monkeypatch.setattr(killed, "_fail", lambda _step, error, _back: (_ for _ in ()).throw(error))
    with pytest.raises(Killed):
        killed.run()
    build(stage).run()
    assert is_switched(stage)
    assert not stage.unfenced_source


@pytest.mark.parametrize("error", [MultiregionError("broken"), RuntimeError("bug"), KeyboardInterrupt()])
@pytest.mark.parametrize("call", ["fence", "proof", "parity"])
def test_a_failure_before_the_promotion_goes_back(call, error):
    stage = Stage(fault=call, error=error)
    with pytest.raises(MultiregionError, match="It went back") as failure:
        build(stage).run()
    assert stage.view.accepts_writes and stage.other.in_recovery
    assert failure.value.result["went_back"] and failure.value.result["failed_step"] == call


@pytest.mark.parametrize("call", ["promote", "wait", "verify", "unfence", "test_write", "change_batch"])
def test_a_failure_from_the_promotion_on_leaves_the_source_fenced(call):
    stage = Stage(fault=call, error=MultiregionError("broken"))
    with pytest.raises(MultiregionError, match="Next: .*run again"):
        build(stage).run()
    assert stage.view.fenced and not stage.unfenced_source
    build(stage).run()
    assert is_switched(stage)


def test_a_promotion_that_was_refused_goes_back():
    stage = Stage(fault="promote", error=NotApplied("backing up"), effect=False)
    with pytest.raises(MultiregionError, match="It went back"):
        build(stage).run()
    assert stage.view.accepts_writes


def test_a_promotion_asked_for_by_a_killed_run_is_not_asked_for_again():
    stage = Stage(FENCED, replace(REPLICA, promoting=True, status="modifying"))
    build(stage).run()
    assert is_switched(stage) and "promote" not in stage.calls


def test_a_replica_taken_for_one_in_promotion_is_not_promoted_without_catching_up():
    """A reboot looks like a promotion. When it is over, a replica is at rest that may lack what was written last."""
    stage = Stage(FENCED, replace(REPLICA, promoting=True, status="rebooting"))
    switchover = build(stage)

    def at_rest():
        stage.other = REPLICA
        raise NotApplied("it is not being promoted")

    switchover.target.wait_writable = at_rest
    with pytest.raises(MultiregionError, match="It went back"):
        switchover.run()
    assert "promote" not in stage.calls and stage.view.accepts_writes and stage.other.in_recovery


def test_a_joined_promotion_is_compared_before_the_target_is_opened():
    stage = Stage(FENCED, replace(REPLICA, promoting=True, status="modifying"))
    stage.target_rows = 9
    with pytest.raises(MultiregionError, match="The two sides are not equal.*stays fenced"):
        build(stage).run()
    assert not stage.other.accepts_writes


def test_a_replica_that_does_not_follow_is_refused_before_the_fence():
    stage = Stage()
    stage.replayed = "0/1FF"
    with pytest.raises(MultiregionError, match="does not follow its source.*Nothing was changed"):
        build(stage).run()
    assert stage.calls == []


def test_a_replica_that_does_not_catch_up_behind_the_fence_goes_back():
    stage = Stage()
    stage.replayed = "0/1FF"
    stage.position_before_fence = "0/1FF"
    with pytest.raises(MultiregionError, match="1 bytes behind.*It went back"):
        build(stage, catch_up_timeout_s=3).run()
    assert stage.view.accepts_writes


def test_a_lag_that_is_too_large_refuses_before_the_fence():
    stage = Stage()
    stage.replayed = "0/0"
    with pytest.raises(MultiregionError, match="512 bytes"):
        build(stage, max_lag_bytes=100).run()
    assert stage.calls == []


def test_a_gate_that_refuses_a_joined_run_goes_back():
    stage = Stage(FENCED)
    stage.replayed = None
    with pytest.raises(MultiregionError, match="It went back"):
        build(stage).run()
    assert stage.view.accepts_writes


def test_another_database_is_refused_before_the_fence():
    stage = Stage()
    stage.identities["target"] = "43"
    with pytest.raises(MultiregionError, match="no replica of this source"):
        build(stage).run()
    assert stage.calls == []


def test_without_evidence_of_identity_it_refuses():
    stage = Stage()
    stage.identities["source"] = None
    with pytest.raises(MultiregionError, match="Nothing shows that the target replicates"):
        build(stage).run()
    assert stage.calls == []


def test_writes_behind_the_fence_stop_the_switch_and_are_counted():
    stage = Stage()
    stage.newer_rows = 3
    with pytest.raises(MultiregionError, match="3 rows newer than the fence"):
        build(stage).run()
    assert stage.records == BEFORE and stage.other.fenced


def test_a_target_that_lacks_rows_goes_back():
    stage = Stage()
    stage.target_rows = 9
    with pytest.raises(MultiregionError, match="not equal.*It went back"):
        build(stage).run()
    assert stage.view.accepts_writes


def test_an_opened_target_that_is_ahead_may_be_switched_to():
    stage = Stage(FENCED, WRITABLE)
    stage.target_rows = 11
    build(stage).run()
    assert is_switched(stage)


def test_an_opened_target_that_lacks_rows_is_refused_and_the_source_stays_fenced():
    stage = Stage(FENCED, WRITABLE)
    stage.target_rows = 9
    with pytest.raises(MultiregionError, match="not equal"):
        build(stage).run()
    assert stage.view.fenced and stage.records == BEFORE


def test_a_restored_copy_that_differs_goes_back():
    stage = Stage(FENCED, PROMOTED)
    stage.target_rows = 9
    with pytest.raises(MultiregionError, match="It went back"):
        build(stage, promote=False).run()
    assert stage.view.accepts_writes and stage.other.fenced


def test_going_back_that_fails_says_that_the_source_is_fenced(monkeypatch):
    stage = Stage(fault="proof", error=MultiregionError("broken"))
    switchover = build(stage)

    def fail():
        raise MultiregionError("no connection")

    monkeypatch.setattr(switchover.source, "unfence", fail)
    with pytest.raises(MultiregionError, match="STILL FENCED.*postgresql_fence"):
        switchover.run()


def test_the_pause_is_measured_over_the_steps_without_the_gates():
    stage = Stage()
    switchover = build(stage)
    time = switchover._clock
    gates, target = switchover._check_gates, switchover.target
    switchover._check_gates = lambda: (time.sleep(100), gates())
    wait = target.wait_writable
    target.wait_writable = lambda: (time.sleep(7), wait())
    result = switchover.run()
    assert (result["pause_s"], result["promote_s"]) == (7, 7)


# ---- judgements ----


@pytest.mark.parametrize("replay", [{"lsn": None}, {}, {"lsn": "0/200", "paused": True}])
def test_a_lag_that_is_not_known_is_refused(replay):
    with pytest.raises(Refused, match="not known"):
        judge_lag("0/200", replay, 10)


def test_a_lag_at_the_limit_is_allowed():
    assert judge_lag("0/20A", {"lsn": "0/200", "paused": False}, 10) == 10


@pytest.mark.parametrize(
    "found",
    [
        {"newer_rows": None},
        {"newer_rows": 1},
        {"newer_rows": 0, "gaps": ["ehr.x"]},
        {"newer_rows": 0, "rows": {"a": 4}},
    ],
)
def test_any_doubt_about_writes_behind_the_fence_is_refused(found):
    with pytest.raises(Refused, match="written to behind its fence"):
        judge_writes(found, {"a": 5})


def test_transactions_without_rows_are_the_servers_own():
    judge_writes({"transactions": 4, "newer_rows": 0, "rows": {"a": 5}, "gaps": []}, {"a": 5})


@pytest.mark.parametrize("rows", [{"a": 6}, {"a": 0}])
def test_a_count_that_moved_in_either_direction_is_refused(rows):
    with pytest.raises(Refused, match="changed counts"):
        judge_writes({"newer_rows": 0, "rows": rows}, {"a": 5})
