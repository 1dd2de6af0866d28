# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One look at a region: all kinds at once. A listing that fails is unknown; it is never taken for none."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

# Importing a module of kinds registers them.
from ansible_collections.medzen.multiregion.plugins.module_utils.census import (  # noqa: F401  # pylint: disable=unused-import
    kinds_assistant,
    kinds_compute,
    kinds_database,
    kinds_entry,
    kinds_network,
    kinds_operations,
    kinds_security,
    kinds_visits,
)
from ansible_collections.medzen.multiregion.plugins.module_utils.census.registry import KINDS, Item, Kind, Place
from ansible_collections.medzen.multiregion.plugins.module_utils.clients import in_parallel


@dataclass(frozen=True)
class Finding:
    """What the listing of one kind said. `items` is None when it said nothing, and `reason` why."""

    kind: str
    items: tuple[Item, ...] | None
    reason: str = ""

    @property
    def is_unknown(self) -> bool:
        return self.items is None


def scan(place: Place, names: Iterable[str] | None = None, kinds: dict[str, Kind] | None = None) -> dict[str, Finding]:
    """The findings of the kinds named, or of all; items are sorted by name."""
    kinds = KINDS if kinds is None else kinds
    chosen = [kinds[name] for name in (names if names is not None else kinds)]
    return {finding.kind: finding for finding in in_parallel(lambda kind: look(place, kind), chosen)}


def look(place: Place, kind: Kind) -> Finding:
    try:
        found = kind.list(place)
    except Exception as error:  # whatever went wrong, the kind was not seen: that is the finding
        return Finding(kind.name, None, f"{type(error).__name__}: {error}")
    return Finding(kind.name, tuple(sorted(found, key=lambda item: (item.name, item.id))))
