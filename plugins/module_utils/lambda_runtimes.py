# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Until when Lambda takes a runtime. No call tells it, so the days are written down.

A function keeps running after its runtime's end, but cannot be created, and later not be updated: a move that creates
it in another region fails then. Source: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html, column
"block function create", read in 2026. AWS moves such days now and then; `overrides` is for that.
"""

from __future__ import annotations

import datetime

from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused

# The first day on which no function can be created.
ENDS = {
    "nodejs14.x": "2024-01-09",
    "nodejs16.x": "2025-02-28",
    "nodejs18.x": "2026-02-03",
    "nodejs20.x": "2026-06-01",
    "nodejs22.x": "2027-06-01",
    "nodejs24.x": "2028-06-01",
    "python3.7": "2024-01-09",
    "python3.8": "2025-02-28",
    "python3.9": "2026-02-03",
    "python3.10": "2026-11-30",
    "python3.11": "2027-07-31",
    "python3.12": "2028-11-30",
    "python3.13": "2029-07-31",
    "python3.14": "2029-07-31",
}


def days_left(runtime: str, today: datetime.date, overrides: dict[str, str] | None = None) -> int | None:
    """Days until functions can no longer be created; 0 or less when it is over, None for a runtime not written down."""
    end = {**ENDS, **(overrides or {})}.get(runtime)
    return (datetime.date.fromisoformat(end) - today).days if end else None


def check_runtime(runtime: str, today: datetime.date, overrides: dict[str, str] | None = None) -> str:
    """Refuse a runtime that is over or unknown; a sentence for one that ends within half a year, else nothing."""
    left = days_left(runtime, today, overrides)
    supported = sorted(one for one in ENDS if (days_left(one, today, overrides) or 0) > 0)
    if left is None or left <= 0:
        raise Refused(
            f"Lambda takes no new function with runtime {runtime}",
            found="a runtime that nobody has written down" if left is None else f"its end was {-left} days ago",
            expected=f"one of {', '.join(supported)}",
            next_step="build the package for a newer runtime; a day that AWS moved goes into runtime_ends",
            result={"reason": "runtime_unsupported", "supported_runtimes": supported},
        )
    return f"Runtime {runtime} ends in {left} days." if left < 183 else ""
