# SPDX-License-Identifier: GPL-3.0-or-later
import pytest

from rehearsal.cloud.clock import Clock, load_durations


@pytest.fixture
def hands():
    return [1000.0]


@pytest.fixture
def clock(hands):
    return Clock(60.0, {"snapshot_copy": 720.0}, lambda: hands[0])


def test_a_state_lasts_its_duration_divided_by_the_scale(clock, hands):
    timed = clock.start("snapshot_copy", "s1", "eu-central-1")
    assert (timed.start, timed.end) == (1000.0, 1012.0)
    hands[0] = 1011.9
    assert not timed.done()
    hands[0] = 1012.0
    assert timed.done()


def test_the_fraction_grows_with_time_and_stays_below_one_until_done(clock, hands):
    timed = clock.start("snapshot_copy", "s1", "eu-central-1")
    hands[0] = 1006.0
    assert timed.percent() == 50
    hands[0] = 1011.99
    assert timed.percent() == 99
    hands[0] = 1012.0
    assert timed.percent() == 100


def test_a_state_keeps_the_scale_of_its_start(clock):
    timed = clock.start("snapshot_copy", "s1", "eu-central-1")
    clock.set_scale(7200.0)
    assert timed.end == 1012.0
    assert clock.start("snapshot_copy", "s2", "eu-central-1").end == pytest.approx(1000.1)


def test_advancing_lets_aws_seconds_pass(clock):
    timed = clock.start("snapshot_copy", "s1", "eu-central-1")
    clock.advance(719)
    assert not timed.done()
    clock.advance(1)
    assert timed.done()


def test_unfinished_work_holds_a_state_beyond_its_end_and_is_listed_so(clock, hands):
    finished = []
    timed = clock.start("snapshot_copy", "s1", "eu-central-1").attach(lambda: bool(finished))
    hands[0] = 1015.0
    assert not timed.done()
    assert timed.percent() == 99
    finished.append(True)
    assert timed.done()
    assert timed.row()["end"] == 1015.0


def test_work_that_ends_early_does_not_shorten_a_state(clock, hands):
    timed = clock.start("snapshot_copy", "s1", "eu-central-1").attach(lambda: True)
    assert not timed.done()
    hands[0] = 1012.0
    assert timed.done()
    assert timed.row()["end"] == 1012.0


def test_what_nobody_waits_for_is_not_listed(clock):
    clock.start("kms_delete", "k1", "eu-central-1", 604800, listed=False)
    assert clock.waits == []


def test_a_scale_of_zero_is_refused(clock):
    with pytest.raises(ValueError, match="expected a number above 0"):
        clock.set_scale(0)


def test_the_durations_file_names_positive_aws_seconds():
    durations = load_durations()
    assert durations["snapshot_copy"] == 720
    assert all(seconds > 0 for seconds in durations.values())
