# SPDX-License-Identifier: GPL-3.0-or-later
"""Every playbook, given wrong values, ends before its first call: in the inventory, all at once, and one alone.

No world is needed: nothing is asked. tests/contract tries every wrong value there is, without a process for each.
"""

import functools
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "contract"))

import option_runs  # noqa: E402
from option_runs import LIMIT_S, PLAYBOOKS, chooser_of, sample  # noqa: E402

from rehearsal import playbooks  # noqa: E402
from rehearsal.warm import Warm  # noqa: E402

# Ansible reads this one before the role that looks at all the others can.
BEFORE = {"option_check_ignore"}
# How many options each playbook is given alone.
ALONE = 2


@pytest.fixture(scope="module")
def play(tmp_path_factory):
    """How a playbook ends: play(folder, playbook, extra, host_vars). tests/contract starts some as they are typed."""
    folder = tmp_path_factory.mktemp("warm")
    environment = playbooks.keep_code(option_runs.environment(folder, "http://127.0.0.1:9"))
    with Warm(environment, folder / "server.log") as warm:

        def run(arguments, environment, folder):
            output = folder / "output.log"
            return warm.run(arguments, environment, output, LIMIT_S), output.read_text(encoding="utf-8")

        yield functools.partial(option_runs.play, run=run)


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_wrong_values_in_the_inventory_of_another_region_stop_a_playbook(play, tmp_path, playbook):
    given = {case.option: case.value for case in sample(chooser_of(playbook), templates=False)}
    given = {option: value for option, value in given.items() if option not in BEFORE}
    outcome = play(tmp_path, playbook, host_vars={"eu-west-1": given})
    assert outcome.code != 0 and outcome.asked == [], outcome.text[-3000:]
    assert set(given) - outcome.named == set(), outcome.text[:3000]
    assert "given in the inventory for eu-west-1" in outcome.text and "Traceback" not in outcome.text


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_a_single_wrong_value_stops_a_playbook(play, tmp_path, playbook):
    chooser = chooser_of(f"alone {playbook}")
    for case in chooser.sample([one for one in sample(chooser) if one.option not in BEFORE], ALONE):
        outcome = play(tmp_path, playbook, extra={case.option: case.value})
        assert outcome.code != 0 and outcome.asked == [], (case, outcome.text[-3000:])
        assert outcome.named == {case.option}, (case, outcome.text[-3000:])
        assert "Traceback" not in outcome.text


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_a_misspelt_name_stops_a_playbook_and_the_right_one_is_named(play, tmp_path, playbook):
    outcome = play(tmp_path, playbook, extra={"mutliregion_workload": "medzen-ehrbase", "cutover_Record": "x"})
    assert outcome.code != 0 and outcome.asked == [], outcome.text[-3000:]
    assert "write multiregion_workload" in outcome.text and "write cutover_record" in outcome.text
