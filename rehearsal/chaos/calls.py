# SPDX-License-Identifier: GPL-3.0-or-later
"""Write calls in words that are the same for two runs in which the same was done, so that those of a run under a fault
can be held against those of a run without. Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from rehearsal import contents
from rehearsal.cloud.repeats import TOKEN_NAMES

# Tokens are new in each run.
TOKENS = frozenset(name.lower() for name in TOKEN_NAMES)


def describe(calls: Iterable[Mapping[str, Any]], names: Mapping[str, str]) -> Counter[str]:
    """How often each was made: `rds CopyDBSnapshot eu-central-1 {...}`; `calls` are rows of the ledger, `names` those
    of the things that they name by id.
    """
    return Counter(_words(one, names) for one in calls)


def _words(call: Mapping[str, Any], names: Mapping[str, str]) -> str:
    parameters = {key: value for key, value in call["parameters"].items() if key.lower() not in TOKENS}
    return f"{call['service']} {call['operation']} {call['region']} {contents.describe(parameters, names)}"


def unmet(wanted: Counter[str], met: Counter[str]) -> list[str]:
    """The wanted ones that were not met, each as often as it is lacking."""
    return sorted((wanted - met).elements())
