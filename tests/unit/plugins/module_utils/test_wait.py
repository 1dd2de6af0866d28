# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import MultiregionError, WaitTimeout
from ansible_collections.medzen.multiregion.plugins.module_utils.progress import Progress
from ansible_collections.medzen.multiregion.plugins.module_utils.wait import (
    TimeLeft,
    state_text,
    wait_arguments,
    wait_until,
)


class Time:
    """A clock that only sleeping moves."""

    def __init__(self):
        self.now, self.slept = 0.0, []

    def clock(self):
        return self.now

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds


def wait(states, time, timeout_s=100, **options):
    states = list(states)
    return wait_until(
        lambda: states.pop(0) if len(states) > 1 else states[0],
        lambda state: state == "available",
        "database a",
        timeout_s,
        10,
        clock=time.clock,
        sleep=time.sleep,
        progress=Progress("database a", clock=time.clock, path=""),
        **options,
    )


def test_what_is_there_already_is_not_waited_for():
    time = Time()
    assert wait(["available"], time) == "available"
    assert time.slept == []


def test_it_looks_until_the_state_is_reached():
    time = Time()
    assert wait(["creating", "backing-up", "available"], time) == "available"
    assert time.slept == [10, 10]


def test_it_ends_at_the_limit_with_the_last_state_and_the_next_step():
    time = Time()
    with pytest.raises(WaitTimeout, match="after 25 s.*last state: creating.*run again, it joins") as error:
        wait(["creating"], time, timeout_s=25)
    assert error.value.last_state == "creating"
    assert time.slept == [10, 10, 5]


def test_it_looks_once_more_at_the_very_end():
    assert wait(["creating", "creating", "available"], Time(), timeout_s=15) == "available"


def test_it_stops_at_once_when_waiting_is_pointless():
    time = Time()
    with pytest.raises(MultiregionError, match="Waiting for database a failed: it is broken"):
        wait(["failed"], time, failed=lambda state: "it is broken" if state == "failed" else None)
    assert time.slept == []


def test_a_state_is_told_in_a_word():
    assert state_text({"DBInstanceStatus": "creating"}) == "creating"
    assert state_text(None) == "not there"
    assert state_text({"anything": 1}) == "unknown"


def test_one_limit_holds_for_several_waits():
    time = Time()
    left = TimeLeft(30, clock=time.clock)
    time.sleep(20)
    assert left.seconds() == 10
    time.sleep(20)
    assert left.seconds() == 0


def test_the_arguments_are_fresh_for_each_module():
    first, second = wait_arguments(60), wait_arguments()
    assert (first["wait_timeout"]["default"], second["wait_timeout"]["default"]) == (60, 3600)
