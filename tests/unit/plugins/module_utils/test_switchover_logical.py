# SPDX-License-Identifier: GPL-3.0-or-later
"""The switchover to a fenced copy that follows by logical replication: plans, interruptions, and the way back."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils import parity
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import MultiregionError, Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.switchover import Switchover
from ansible_collections.medzen.multiregion.plugins.module_utils.switchover_plan import (
    AFTER,
    BEFORE,
    NONE,
    SourceView,
    TargetView,
    World,
    plan_steps,
)

OPEN, FENCED = SourceView(True), SourceView(True, fenced=True, fence_id="f1")
FOLLOWING = TargetView(True, True, fenced=True, fence_id="f0", status="available")
WRITABLE, REPLICA = replace(FOLLOWING, fenced=False, fence_id=None), replace(FOLLOWING, in_recovery=True)
STEPS = (
    *("fence", "proof", "catch_up", "sequences", "parity", "verify"),
    *("way_back", "unfence", "test_write", "change_batch"),
)


class Killed(BaseException):
    """The process is gone: nothing can be cleaned up."""


class Stage:
    """All that a run touches, as plain values; a fault strikes before or after the effect of one call."""

    def __init__(self, fault=None, error=None, effect=True):
        self.source, self.target, self.dns, self.way_back = OPEN, FOLLOWING, BEFORE, False
        self.fault, self.error, self.effect, self.stream_fault = fault, error, effect, ""
        self.calls = []

    def act(self, name, **changes):
        self.calls.append(name)
        strikes = name == self.fault
        if not strikes or self.effect:
            vars(self).update(changes)
        assert not (self.source.accepts_writes and self.target.accepts_writes), f"both sides write after {name}"
        if strikes:
            self.fault = None
            raise self.error

    @property
    def is_switched(self):
        return self.source.fenced and self.target.accepts_writes and self.dns == AFTER and self.way_back


class Part:
    def __init__(self, stage):
        self.stage = stage

    def identity(self):
        return "42"

    def read(self, _request):
        return parity.Side(tables=("ehr.ehr",), counts={"ehr.ehr": 10}, newest="2026")


class Source(Part):
    def observe(self):
        return self.stage.source

    def position(self):
        return "0/200"

    def fence(self):
        self.stage.act("fence", source=FENCED)
        return {"changed": True}

    def prove(self):
        self.stage.act("proof")
        return {"lsn": "0/200", "lsn_still": True}

    def count_writes(self):
        self.stage.act("verify")
        return {"transactions": 0, "newer_rows": 0, "gaps": []}

    def unfence(self):
        self.stage.act("go_back", source=OPEN)


class Target(Part):
    def observe(self):
        return self.stage.target

    def replay(self):
        return {"lsn": "0/200", "paused": False}

    def read(self, request):
        self.stage.act("parity")
        return super().read(request)

    def unfence(self):
        self.stage.act("unfence", target=WRITABLE)
        return {"changed": True, "renewed_sessions": []}

    def test_write(self):
        self.stage.act("test_write")
        return {"role": "owner"}


class Dns(Part):
    def observe(self):
        return self.stage.dns

    def change(self):
        self.stage.act("change_batch", dns=AFTER)
        return {"change_id": "C1"}


class Stream(Part):
    def has_way_back(self):
        return self.stage.way_back

    def check(self):
        if self.stage.stream_fault:
            raise Refused(self.stage.stream_fault)

    def carry_sequences(self):
        self.stage.act("sequences")
        return ["ehr.s"]

    def open_way_back(self):
        assert self.stage.source.fenced and self.stage.target.fenced, "it opens while both sides are fenced"
        self.stage.act("way_back", way_back=True)


def build(stage):
    parts = Source(stage), Target(stage), Dns(stage)
    return Switchover(*parts, promote=False, stream=Stream(stage), sleep=lambda _seconds: None)


def follow(source=OPEN, target=FOLLOWING, dns=BEFORE, *, way_back=False):
    return World(source, target, dns, False, logical=True, way_back=way_back)


@pytest.mark.parametrize(
    ("world", "steps"),
    [
        (follow(), STEPS),
        (follow(FENCED), STEPS),
        (follow(FENCED, way_back=True), STEPS),
        (follow(dns=NONE), STEPS[:-1]),
        # Open already: what it writes flows to the source, so nothing can be compared any more.
        (follow(FENCED, WRITABLE, way_back=True), STEPS[-2:]),
        (follow(FENCED, WRITABLE, AFTER, way_back=True), ()),
    ],
)
def test_the_plan_of_a_copy_that_follows(world, steps):
    assert plan_steps(world) == steps


@pytest.mark.parametrize(
    ("world", "message"),
    [
        (follow(OPEN, WRITABLE), "Both sides accept writes"),
        # Restored and never fenced, behind a fence of an earlier attempt: it may lack records.
        (follow(FENCED, WRITABLE), "not opened by a switchover"),
        (follow(OPEN, REPLICA), "promote is false"),
    ],
)
def test_a_copy_that_does_not_stand_as_it_must_is_refused(world, message):
    with pytest.raises(Refused, match=message):
        plan_steps(world)


def test_a_copy_is_opened_without_a_promotion_and_with_a_way_back():
    stage = Stage()
    result = build(stage).run()
    assert stage.is_switched and "promote" not in result["steps"]
    assert (result["sequences"], result["promote_s"]) == (["ehr.s"], 0.0)
    assert build(stage).run()["already_switched"]


@pytest.mark.parametrize("effect", [False, True], ids=["before the effect", "after the effect"])
@pytest.mark.parametrize("call", [step for step in STEPS if step != "catch_up"])
def test_a_run_killed_at_any_call_is_finished_by_the_next(call, effect, monkeypatch):
    stage = Stage(call, Killed(), effect)
    killed = build(stage)
    monkeypatch.setattr(killed, "_fail", lambda _step, error, _back: (_ for _ in ()).throw(error))
    with pytest.raises(Killed):
        killed.run()
    build(stage).run()
    assert stage.is_switched and "go_back" not in stage.calls


@pytest.mark.parametrize("call", ["fence", "proof", "sequences", "parity", "verify", "way_back"])
def test_a_failure_before_the_copy_is_opened_goes_back(call):
    stage = Stage(call, MultiregionError("broken"))
    with pytest.raises(MultiregionError, match="It went back"):
        build(stage).run()
    assert stage.source.accepts_writes and stage.target.fenced
    build(stage).run()
    assert stage.is_switched


def test_a_stream_that_would_hold_up_the_pause_is_refused_before_the_fence():
    stage = Stage()
    stage.stream_fault = "The way back is not prepared."
    with pytest.raises(MultiregionError, match="not prepared.*Nothing was changed"):
        build(stage).run()
    assert stage.calls == []


@pytest.mark.parametrize(
    ("target", "reason"),
    [(WRITABLE, "the target accepts writes"), (TargetView(True, problem="no route"), "not known (no route)")],
)
def test_the_fence_of_an_ended_run_stays_where_the_copy_was_or_may_have_been_opened(target, reason):
    stage = Stage()
    stage.source, stage.target, stage.dns = FENCED, target, NONE
    assert reason in build(stage).reopen()["advice"]
    assert stage.source.fenced and stage.calls == []


@pytest.mark.parametrize("target", [FOLLOWING, TargetView(False)])
@pytest.mark.parametrize("way_back", [False, True])
def test_the_fence_of_an_ended_run_is_lifted_where_the_copy_is_still_fenced_or_gone(target, way_back):
    stage = Stage()
    stage.source, stage.target, stage.dns, stage.way_back = FENCED, target, NONE, way_back
    assert build(stage).reopen()["went_back"] and stage.source.accepts_writes
    if target.exists:
        stage.dns = BEFORE
        build(stage).run()
        assert stage.is_switched
