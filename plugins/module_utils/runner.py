# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The end of every module: look at its numbers and texts, call its function, report what came of it."""

from __future__ import annotations

import math
import traceback
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn

from ansible_collections.medzen.multiregion.plugins.module_utils.errors import MultiregionError, refuse_faults

# Of the options that every waiting module has, in seconds.
LEAST = {"wait_timeout": 0, "poll_seconds": 0.001}

# What an API takes for a whole number. Ansible makes one of "1e400" as well.
MOST = 2**63 - 1


def run(module: Any, function: Callable[[Any], dict]) -> NoReturn:
    """Exit with what `function(module)` returns, or fail with what it raised."""
    try:
        refuse_faults("No value that a module can use", iter_faults(module.params, ""))
        result = function(module)
    except MultiregionError as error:
        # The values learned so far go with the failure; `msg` and `exception` are the failure's own.
        details = {key: value for key, value in error.result.items() if key not in ("msg", "exception")}
        module.fail_json(msg=error.message, exception=traceback.format_exc(), **details)
    module.exit_json(**result)


def iter_faults(value: Any, path: str) -> Iterator[str]:
    """What passes as a number or a text with Ansible, and is none that an API, a clock or a database takes."""
    if isinstance(value, Mapping):
        for name, one in value.items():
            yield from iter_faults(one, f"{path}.{name}" if path else str(name))
    elif isinstance(value, (list, tuple)):
        for number, one in enumerate(value):
            yield from iter_faults(one, f"{path}[{number}]")
    elif isinstance(value, float) and not math.isfinite(value):
        yield f"{path} is {value}; expected a number"
    elif isinstance(value, int) and abs(value) > MOST:
        yield f"{path} is a number of {len(str(abs(value)))} digits; expected {MOST} at most"
    elif isinstance(value, (int, float)) and path in LEAST and value < LEAST[path]:
        yield f"{path} is {value}; expected {LEAST[path]} or more"
    elif isinstance(value, str) and ("\x00" in value or not value.isprintable() and has_surrogate(value)):
        yield f"{path} has a character that is none; expected text"


def has_surrogate(text: str) -> bool:
    return any("\ud800" <= one <= "\udfff" for one in text)
