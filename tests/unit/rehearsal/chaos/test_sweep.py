# SPDX-License-Identifier: GPL-3.0-or-later
import subprocess
import sys
from types import SimpleNamespace

import pytest

from rehearsal.chaos import sweep
from rehearsal.chaos.injections import Injection, Outcome


def ended_with(code):
    return subprocess.Popen([sys.executable, "-c", f"raise SystemExit({code})"])


@pytest.mark.parametrize("code", [0, 2, 4])
def test_how_a_playbook_ended_is_told(code):
    assert sweep._wait(ended_with(code)) == code


def test_a_playbook_that_was_ended_with_the_sweep_says_nothing_of_its_injection():
    with pytest.raises(KeyboardInterrupt):
        sweep._wait(ended_with(99))


@pytest.mark.parametrize(("met", "tries"), [([0, 1], 2), ([0] * 9, sweep.KILL_TRIES_MAX), ([1], 1)])
def test_a_kill_that_came_after_the_last_call_is_tried_again(met, tries):
    left = iter(met)
    tried = []

    def inject(injection):
        tried.append(Outcome(injection, next(left), (0,), (), 0, 0, (), 1.0))
        return tried[-1]

    assert sweep.Sweep.try_injection(SimpleNamespace(inject=inject), Injection("a", "kill", 3)) is tried[-1]
    assert len(tried) == tries


def test_a_kill_that_killed_nobody_and_lost_a_record_is_told_and_not_tried_again():
    bad = [Outcome(Injection("a", "kill", 3), 0, (0,), (), 1, 0, ("1 acknowledged writes are missing",), 1.0)]
    assert sweep.Sweep.try_injection(SimpleNamespace(inject=lambda _: bad.pop()), None).lost_writes == 1
