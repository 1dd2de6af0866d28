# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a replica may lack of a primary that nobody can ask any more.

The primary acknowledges a record as soon as it has it, and the replica follows later. When the primary is lost, only
the replica can be asked, and it cannot know what never arrived. What it does know bounds the loss: everything that was
committed up to the last transaction it has replayed is there. A fence that it has replayed is told and proves nothing:
it may have been lifted while nothing arrived any more. No database and no AWS in here.
"""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.medzen.multiregion.plugins.module_utils import lsn

# Seconds without a message after which a connection says nothing any more; the primary sends one every 10 s at least.
SILENT_S = 15.0


@dataclass(frozen=True)
class Position:
    """What a replica says of itself. None is what it does not know."""

    in_recovery: bool
    received_lsn: str | None = None
    replayed_lsn: str | None = None
    replayed_at: str | None = None
    age_s: float | None = None
    receiver_pid: int | None = None
    receiver: str | None = None
    heard_s: float | None = None
    fence_lsn: str | None = None
    recent_rows: int | None = None
    recent_window_s: float | None = None

    @property
    def is_hidden(self) -> bool:
        """Whether a receiver runs of which the login may not see more: PostgreSQL then shows its pid alone."""
        return self.receiver_pid is not None and self.receiver is None

    @property
    def streaming(self) -> bool | None:
        """Whether the primary still sends; None when the replica does not say."""
        if not self.in_recovery:
            return False
        if self.is_hidden:
            return None
        if self.receiver != "streaming":
            return False
        return None if self.heard_s is None else self.heard_s <= SILENT_S


def has_replayed_fence(position: Position) -> bool:
    """Whether the primary was fenced at the last moment that the replica knows; it does not tell for how long."""
    return position.fence_lsn is not None and lsn.is_reached(position.replayed_lsn, position.fence_lsn)


def unreplayed_bytes(position: Position) -> int | None:
    """Log that has arrived and is not replayed yet. A promotion replays it first: it is not lost."""
    return lsn.lag_bytes(position.received_lsn, position.replayed_lsn)


def expected_rows(position: Position) -> int | None:
    """How many rows are to be expected in the unknown time, if writes went on as they had. An estimate, no count."""
    if position.recent_rows is None or not position.recent_window_s or position.age_s is None:
        return None
    return round(position.recent_rows / position.recent_window_s * position.age_s)


def hint(position: Position, user: str) -> str:
    """What would let the replica say whether the primary still sends; empty when the login may see it."""
    if not position.in_recovery or not position.is_hidden:
        return ""
    return (
        f"PostgreSQL hides from {user} whether the primary still sends: grant pg_read_all_stats or pg_monitor to "
        f"{user} on the primary, while it is there, or log in as a user that has it."
    )


def acceptance(position: Position) -> str:
    """What a person types to accept the loss; it stays the same while nothing more arrives. Empty: no such text."""
    if position.replayed_lsn is None:
        return ""
    return f"lose what was written after {position.replayed_at or f'log position {position.replayed_lsn}'}"


def end_of_description(position: Position) -> str:
    fence = f"; nothing, if the primary's fence at {position.fence_lsn} still stood"
    return "it cannot be counted without the primary" + (fence if has_replayed_fence(position) else "")


def describe(position: Position) -> str:
    """The possible loss in one line."""
    if position.replayed_lsn is None:
        return "unknown: the replica does not say how far it has replayed"
    if position.replayed_at is None:
        return (
            f"what the primary acknowledged after log position {position.replayed_lsn}; the replica has replayed no "
            f"transaction since it started, so the moment is unknown, and {end_of_description(position)}"
        )
    rows = expected_rows(position)
    about = f", about {rows} records if writes went on as before" if rows is not None else ""
    age = "an unknown time" if position.age_s is None else f"{position.age_s:.1f} s"
    return (
        f"what the primary acknowledged in the {age} since {position.replayed_at} (replayed up to "
        f"{position.replayed_lsn}){about}; {end_of_description(position)}"
    )


def as_result(position: Position) -> dict:
    """The values of a module's result."""
    return {
        "in_recovery": position.in_recovery,
        "received_lsn": position.received_lsn,
        "replayed_lsn": position.replayed_lsn,
        "replayed_at": position.replayed_at,
        "age_s": position.age_s,
        "streaming": position.streaming,
        "fence_lsn": position.fence_lsn,
        "unreplayed_bytes": unreplayed_bytes(position),
        "loss": {
            "window_s": position.age_s,
            "expected_rows": expected_rows(position),
            "acceptance": acceptance(position),
            "text": describe(position),
        },
    }
