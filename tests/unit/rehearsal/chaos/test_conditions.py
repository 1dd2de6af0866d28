# SPDX-License-Identifier: GPL-3.0-or-later
import subprocess
import sys
import time

import pytest

from rehearsal.chaos import conditions
from rehearsal.chaos.conditions import CONDITIONS, SKEWED_CLOCK, Condition, Scene, acting


@pytest.fixture
def acts(monkeypatch):
    """acts(function) makes it the one condition that there is."""

    def register(act):
        monkeypatch.setitem(CONDITIONS, "mine", Condition("aws", "cutover_dns", act, {}))

    return register


def test_a_condition_acts_until_the_playbook_has_ended(acts):
    seen = []

    def act(scene):
        while scene.wait(0.001):
            scene.acts += 1
        seen.append("mended")

    acts(act)
    scene = Scene(None)
    with acting("mine", scene):
        deadline = time.monotonic() + 10
        while not scene.acts and time.monotonic() < deadline:
            time.sleep(0.001)
    assert scene.acts and seen == ["mended"]


def test_a_condition_that_cannot_act_proves_nothing_and_says_so(acts):
    def act(scene):
        raise RuntimeError("no such link")

    acts(act)
    with pytest.raises(RuntimeError, match="no such link"), acting("mine", Scene(None)):
        pass


def test_every_condition_says_what_it_is():
    assert all(one.act.__doc__ and one.act.__doc__.endswith(".") for one in CONDITIONS.values())


def test_a_skewed_clock_is_off_for_what_compares_times():
    code = "import time, datetime; print(time.time() - datetime.datetime.now().timestamp())"
    environment = {"PYTHONPATH": str(SKEWED_CLOCK), "MEDZEN_CLOCK_SKEW_S": str(conditions.SKEW_S)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert float(done.stdout) == pytest.approx(conditions.SKEW_S, abs=5)
