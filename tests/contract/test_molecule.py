# SPDX-License-Identifier: GPL-3.0-or-later
"""What every molecule scenario does."""

from pathlib import Path

import yaml

CONFIG = Path(__file__).parents[2] / ".config/molecule/config.yml"


def test_a_scenario_forgets_first_what_a_killed_run_had_made():
    """Molecule keeps word of what is created outside of the world, and would go on in one that is gone."""
    sequence = yaml.safe_load(CONFIG.read_text())["scenario"]["test_sequence"]
    assert sequence[:2] == ["destroy", "create"]
    assert sequence[-1] == "destroy"
