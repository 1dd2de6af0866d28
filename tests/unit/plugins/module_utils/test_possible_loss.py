# SPDX-License-Identifier: GPL-3.0-or-later
from dataclasses import replace

import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils import possible_loss
from ansible_collections.medzen.multiregion.plugins.module_utils.possible_loss import Position

MOMENT = "2026-11-28T14:03:22.123456Z"
BEHIND = Position(True, "16/B374D900", "16/B374D848", MOMENT, 12.0)


def test_what_came_after_the_last_replayed_transaction_may_be_lost():
    loss = possible_loss.as_result(BEHIND)["loss"]
    assert loss["window_s"] == 12.0
    assert loss["acceptance"] == f"lose what was written after {MOMENT}"
    assert "12.0 s since" in loss["text"] and "cannot be counted" in loss["text"]


def test_the_typed_text_stays_the_same_while_time_passes():
    later = Position(True, "16/B374D900", "16/B374D848", MOMENT, 999.0)
    assert possible_loss.acceptance(later) == possible_loss.acceptance(BEHIND)


FENCED = Position(True, "16/B374D900", "16/B374D848", MOMENT, 3600.0, fence_lsn="16/B374D848")


@pytest.mark.parametrize("position", [FENCED, replace(FENCED, receiver="streaming", heard_s=1.0)])
def test_a_replayed_fence_may_have_been_lifted_where_nobody_saw_it(position):
    loss = possible_loss.as_result(position)["loss"]
    assert (loss["window_s"], loss["acceptance"]) == (3600.0, f"lose what was written after {MOMENT}")
    assert "3600.0 s since" in loss["text"]
    assert loss["text"].endswith("nothing, if the primary's fence at 16/B374D848 still stood")


def test_a_fence_is_told_also_where_the_moment_is_unknown():
    text = possible_loss.describe(replace(FENCED, replayed_at=None, age_s=None))
    assert "the moment is unknown" in text and "fence at 16/B374D848 still stood" in text


def test_a_fence_that_is_not_replayed_is_not_told():
    position = replace(FENCED, fence_lsn="16/B374D849")
    assert "fence" not in possible_loss.describe(position)


def test_a_replica_that_has_replayed_nothing_since_its_start_is_told_by_its_log_position():
    loss = possible_loss.as_result(Position(True, "0/5000110", "0/5000110"))["loss"]
    assert loss["acceptance"] == "lose what was written after log position 0/5000110"
    assert (loss["window_s"], loss["expected_rows"]) == (None, None)
    assert "the moment is unknown" in loss["text"]


def test_a_replica_that_does_not_say_how_far_it_is_has_nothing_that_could_be_accepted():
    loss = possible_loss.as_result(Position(True))["loss"]
    assert (loss["acceptance"], loss["window_s"]) == ("", None)
    assert loss["text"].startswith("unknown")


def test_the_rate_before_gives_an_estimate():
    position = Position(True, "0/2", "0/1", MOMENT, 6.0, recent_rows=1200, recent_window_s=600.0)
    assert possible_loss.expected_rows(position) == 12
    assert "about 12 records if writes went on as before" in possible_loss.describe(position)


@pytest.mark.parametrize("change", [{"recent_rows": None}, {"recent_window_s": None}, {"age_s": None}])
def test_there_is_no_estimate_of_what_is_not_known(change):
    known = {"age_s": 6.0, "recent_rows": 5, "recent_window_s": 600.0}
    assert possible_loss.expected_rows(Position(True, **{**known, **change})) is None


def test_log_that_has_arrived_is_not_lost():
    assert possible_loss.unreplayed_bytes(BEHIND) == 0xB8


@pytest.mark.parametrize(
    ("receiver", "heard_s", "streaming"),
    [
        (None, None, False),
        ("waiting", 1.0, False),
        ("streaming", 1.0, True),
        ("streaming", 60.0, False),
        # It sends a message every 10 s at least.
        ("streaming", 11.0, True),
        ("streaming", 16.0, False),
        (None, 1.0, False),
        ("streaming", None, None),
    ],
)
def test_the_primary_sends_while_it_is_heard(receiver, heard_s, streaming):
    assert Position(True, receiver=receiver, heard_s=heard_s).streaming is streaming


HIDDEN = replace(BEHIND, receiver_pid=42)


def test_a_receiver_of_which_only_the_pid_is_shown_is_unknown():
    assert HIDDEN.streaming is None
    assert possible_loss.as_result(HIDDEN)["streaming"] is None
    assert BEHIND.streaming is False


def test_what_to_grant_is_said_only_where_something_is_hidden():
    hint = possible_loss.hint(HIDDEN, "ehrbase_admin")
    assert "hides from ehrbase_admin" in hint and "grant pg_read_all_stats or pg_monitor to ehrbase_admin" in hint
    seen = [BEHIND, replace(HIDDEN, receiver="streaming"), replace(HIDDEN, in_recovery=False)]
    assert [possible_loss.hint(position, "ehrbase_admin") for position in seen] == ["", "", ""]


def test_a_primary_gets_nothing():
    assert Position(False, receiver="streaming", heard_s=1.0).streaming is False
