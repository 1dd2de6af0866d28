# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL's log positions: text such as 16/B374D848, compared and subtracted as numbers."""

from __future__ import annotations

from ansible_collections.medzen.multiregion.plugins.module_utils.errors import MultiregionError

XID_RANGE = 2**32


def parse(text: str) -> int:
    """The position as a number of bytes since the beginning of the log."""
    high, separator, low = str(text).partition("/")
    try:
        if not separator:
            raise ValueError(text)
        return (int(high, 16) << 32) + int(low, 16)
    except ValueError as error:
        raise MultiregionError(f"Not a log position: {text!r}. Expected: hexadecimal as in 16/B374D848.") from error


def to_text(position: int) -> str:
    return f"{position >> 32:X}/{position & 0xFFFFFFFF:X}"


def lag_bytes(source: str | None, target: str | None) -> int | None:
    """How far the target is behind; 0 when it is level or ahead; None (unknown) when one side is not known."""
    if source is None or target is None:
        return None
    return max(0, parse(source) - parse(target))


def is_reached(position: str | None, goal: str) -> bool:
    """Whether the position is at the goal or past it; a position that is not known has reached nothing."""
    return position is not None and parse(position) >= parse(goal)
