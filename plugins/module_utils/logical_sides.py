# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A switchover over logical replication: a target that follows by a subscription, and the way back to its source."""

from __future__ import annotations

from ansible_collections.medzen.multiregion.plugins.module_utils import logical
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.postgresql import DatabaseError
from ansible_collections.medzen.multiregion.plugins.module_utils.switchover_sides import Side, TargetDatabase


class LogicalTarget(TargetDatabase):
    """A copy that is kept up to date by a subscription. Its position is what its slot at the source has confirmed."""

    source: Side
    name: str

    def follow(self, source: Side, name: str) -> LogicalTarget:
        self.source, self.name = source, name
        return self

    def replicates_from(self) -> str | None:
        """The subscription, as long as somebody reads from its slot."""
        subscription = logical.read_subscription(self.connection, self.name)
        slot = logical.read_slot(self.source.connection, self.name)
        return self.name if subscription and subscription["enabled"] and slot and slot["active"] else None

    def replay(self) -> dict:
        """Up to where everything is applied and on disk here. Without a reader of the slot nothing moves."""
        try:
            slot = logical.read_slot(self.source.connection, self.name)
        except DatabaseError:
            self.source.close()
            slot = None
        if slot is None:
            return {"lsn": None, "paused": None}
        return {"lsn": slot["confirmed_lsn"], "paused": not slot["active"]}


class LogicalStream:
    """Both ways between source and target: `forth` brings the data over, `back` is opened before the target is."""

    def __init__(self, source: Side, target: Side, forth: str, back: str):
        self.source, self.target, self.forth, self.back = source, target, forth, back

    def has_way_back(self) -> bool:
        """Whether what the target writes from now on is kept and brought to the source."""
        slot = logical.read_slot(self.target.connection, self.back)
        subscription = logical.read_subscription(self.source.connection, self.back)
        return slot is not None and subscription is not None and subscription["enabled"]

    def check(self) -> None:
        """Refuse before the fence what would hold up the pause, or take away the way back."""
        forth = logical.read_publisher(self.source.connection, self.forth)
        if forth.publication is None or forth.slot is None:
            raise Refused(
                "The target does not follow the source.",
                f"no publication and slot {self.forth}: never made, or ended by an earlier switchover",
                "a copy that follows",
                "delete the target's database if an earlier move was taken back, then run restore_snapshot",
            )
        logical.refuse_unfit(forth)
        logical.refuse_unfit(logical.read_publisher(self.target.connection, self.back))
        logical.refuse_other_slot(forth, logical.read_subscription(self.target.connection, self.forth))
        if forth.unpublished:
            raise Refused(
                "Tables were made or dropped since the replication began.",
                f"only on one side: {forth.unpublished}",
                "the tables of then: changes of structure are not carried",
                "take the change back, or seed again",
            )
        if logical.read_subscription(self.source.connection, self.back) is None:
            raise Refused(
                "The way back is not prepared.",
                f"no subscription {self.back} on the source",
                "one that is made and not started",
                "run restore_snapshot again, which makes it",
            )

    def carry_sequences(self) -> list[str]:
        return logical.carry_sequences(self.source.connection, self.target.connection)

    def open_way_back(self) -> None:
        """Both sides are fenced and equal: whatever the target writes from now on is behind the slot's beginning."""
        found = logical.read_publisher(self.target.connection, self.back)
        logical.ensure_published(self.target.connection, self.back, found)
        logical.ensure_started(self.source.connection, self.back, None)
