# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The end of every module: call its function, report what came of it."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any, NoReturn

from ansible_collections.medzen.multiregion.plugins.module_utils.errors import MultiregionError


def run(module: Any, function: Callable[[Any], dict]) -> NoReturn:
    """Exit with what `function(module)` returns, or fail with what it raised."""
    try:
        result = function(module)
    except MultiregionError as error:
        # The values learned so far go with the failure; `msg` and `exception` are the failure's own.
        details = {key: value for key, value in error.result.items() if key not in ("msg", "exception")}
        module.fail_json(msg=error.message, exception=traceback.format_exc(), **details)
    module.exit_json(**result)
