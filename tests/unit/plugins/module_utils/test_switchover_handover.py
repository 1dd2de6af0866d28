# SPDX-License-Identifier: GPL-3.0-or-later
"""What each step of the switchover hands to the next: proof, rows, and the way back until the promotion."""

from __future__ import annotations

import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import MultiregionError, Refused

from tests.unit.plugins.module_utils.test_switchover import (
    BEFORE,
    CALLS,
    FENCED,
    OPEN,
    PROMOTED,
    REPLICA,
    Stage,
    build,
)


def test_a_log_that_moves_behind_the_fence_goes_back():
    stage = Stage()
    switchover = build(stage)
    switchover.source.prove = lambda: {"lsn": "0/200", "lsn_still": False}
    with pytest.raises(MultiregionError, match="does not stand still.*It went back"):
        switchover.run()
    assert stage.view.accepts_writes and "promote" not in stage.calls


@pytest.mark.parametrize(("source", "target", "promote"), [(OPEN, REPLICA, True), (FENCED, PROMOTED, False)])
def test_a_target_that_was_never_opened_and_is_ahead_all_the_same_goes_back(source, target, promote):
    stage = Stage(source, target)
    stage.target_rows = 11
    with pytest.raises(MultiregionError, match="not equal.*It went back"):
        build(stage, promote=promote).run()
    assert "promote" not in stage.calls and not stage.other.accepts_writes


def test_the_rows_that_were_compared_are_those_that_must_still_be_there():
    stage = Stage()
    switchover = build(stage)
    switchover.source.count_writes = lambda: {"newer_rows": 0, "rows": {"ehr.ehr": 9}, "gaps": []}
    with pytest.raises(MultiregionError, match=r"changed counts \{'ehr.ehr': \(10, 9\)\}"):
        switchover.run()
    assert stage.records == BEFORE and stage.other.fenced


def test_check_mode_refuses_what_the_gates_refuse():
    stage = Stage()
    stage.replayed = None
    with pytest.raises(Refused, match="lag is not known"):
        build(stage).plan()
    assert stage.calls == []


def test_going_back_is_tried_again():
    stage = Stage(fault="proof", error=MultiregionError("broken"))
    switchover = build(stage)
    unfence, refusals = switchover.source.unfence, [MultiregionError("connection lost")]

    def lose_the_first_connection():
        if refusals:
            raise refusals.pop()
        unfence()

    switchover.source.unfence = lose_the_first_connection
    with pytest.raises(MultiregionError, match="It went back"):
        switchover.run()
    assert stage.view.accepts_writes


def test_a_request_to_end_is_followed_until_the_promotion_and_not_from_there_on():
    stage = Stage()
    switchover, followed, act = build(stage), {}, stage.act
    stage.act = lambda name, *effect: (followed.__setitem__(name, switchover.reversible), act(name, *effect))
    switchover.run()
    assert followed == {call: call in ("fence", "proof", "parity") for call in CALLS}
