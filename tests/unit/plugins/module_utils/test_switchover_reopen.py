# SPDX-License-Identifier: GPL-3.0-or-later
"""The fence that an ended run left on the source: when a run that is refused may lift it, and when it must stay."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import MultiregionError
from ansible_collections.medzen.multiregion.plugins.module_utils.switchover_plan import NONE, SourceView, TargetView

from tests.unit.plugins.module_utils.test_switchover import (
    CALLS,
    FENCED,
    PROMOTED,
    REPLICA,
    WRITABLE,
    Killed,
    Stage,
    build,
    is_switched,
)

GONE = TargetView(False, problem="no database instance")
SILENT = TargetView(True, status="available", problem="no route")


@pytest.mark.parametrize("target", [REPLICA, GONE])
def test_the_fence_of_an_ended_run_is_lifted_where_nothing_was_opened_behind_it(target):
    stage = Stage(FENCED, target, NONE)
    planned = build(stage).reopen(check_mode=True)
    assert planned["changed"] and not planned["went_back"] and stage.calls == []
    result = build(stage).reopen()
    assert result["changed"] and result["went_back"] and stage.view.accepts_writes
    again = build(stage).reopen()
    assert not again["changed"] and again["advice"] == "The source is not fenced."


@pytest.mark.parametrize(
    ("target", "promote", "reason"),
    [
        (replace(REPLICA, promoting=True), True, "is being promoted"),
        (TargetView(True, promoting=True, status="rebooting"), True, "is being promoted"),
        (PROMOTED, True, "was promoted"),
        (WRITABLE, True, "was promoted"),
        (SILENT, True, "not known .no route"),
        (PROMOTED, False, "taken behind this fence"),
        (GONE, False, "taken behind this fence"),
    ],
)
def test_the_fence_stays_where_something_was_or_may_have_been_opened_behind_it(target, promote, reason):
    stage = Stage(FENCED, target, NONE)
    result = build(stage, promote=promote).reopen()
    assert re.search(f"THE SOURCE STAYS FENCED, because .*{reason}", result["advice"])
    assert not result["changed"] and stage.calls == []


def test_a_source_that_cannot_be_read_is_not_said_to_be_open():
    stage = Stage(SourceView(False, problem="no route"), REPLICA, NONE)
    assert "NOT KNOWN: it cannot be read (no route)" in build(stage).reopen()["advice"]


def test_a_fence_that_cannot_be_lifted_is_an_error():
    stage = Stage(FENCED, REPLICA, NONE)
    switchover = build(stage)
    switchover.source.unfence = lambda: (_ for _ in ()).throw(MultiregionError("connection lost"))
    with pytest.raises(MultiregionError, match="THE SOURCE IS STILL FENCED.*connection lost"):
        switchover.reopen()


@pytest.mark.parametrize("call", CALLS)
def test_after_a_kill_at_any_call_the_source_is_opened_again_or_the_next_run_ends_it(call, monkeypatch):
    stage = Stage(fault=call, error=Killed())
    killed = build(stage)
    monkeypatch.setattr(killed, "_fail", lambda _step, error, _back: (_ for _ in ()).throw(error))
    with pytest.raises(Killed):
        killed.run()
    went_back = build(stage).reopen()["went_back"]
    assert went_back == (call in ("fence", "proof", "parity")) == stage.view.accepts_writes
    build(stage).run()
    assert is_switched(stage)
