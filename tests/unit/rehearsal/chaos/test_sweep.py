# SPDX-License-Identifier: GPL-3.0-or-later
import subprocess
import sys

import pytest

from rehearsal.chaos import sweep


def ended_with(code):
    return subprocess.Popen([sys.executable, "-c", f"raise SystemExit({code})"])


@pytest.mark.parametrize("code", [0, 2, 4])
def test_how_a_playbook_ended_is_told(code):
    assert sweep._wait(ended_with(code)) == code


def test_a_playbook_that_was_ended_with_the_sweep_says_nothing_of_its_injection():
    with pytest.raises(KeyboardInterrupt):
        sweep._wait(ended_with(99))
