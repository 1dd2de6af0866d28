# SPDX-License-Identifier: GPL-3.0-or-later
"""The action takes what its documentation says."""

import yaml
from ansible_collections.medzen.multiregion.plugins.action.gate import ARGUMENTS
from ansible_collections.medzen.multiregion.plugins.module_utils.gates import KEYS
from ansible_collections.medzen.multiregion.plugins.modules.gate import DOCUMENTATION

OPTIONS = yaml.safe_load(DOCUMENTATION)["options"]


def test_the_documented_options_are_the_actions():
    documented = {name: (one["type"], one.get("default")) for name, one in OPTIONS.items()}
    assert documented == {name: (one["type"], one.get("default")) for name, one in ARGUMENTS.items()}


def test_the_documented_keys_of_a_condition_are_those_that_are_judged():
    assert set(OPTIONS["that"]["suboptions"]) == set(KEYS)
