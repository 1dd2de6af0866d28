# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Items, kinds and their register. A kind declares its lister, its deleter and what must be gone before it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

LIVE, DELETING, SCHEDULED = "live", "deleting", "scheduled"
# What a teardown does with an item: ask for its deletion, schedule it, or wait until its owner takes it along.
DELETE, SCHEDULE, WAIT = "delete", "schedule", "wait"


def key(kind: str, identifier: str) -> str:
    return f"{kind}/{identifier}"


@dataclass(frozen=True)
class Item:
    """One thing in the region. `belongs_to` lends it an owner, `uses` are things that must live as long as it does."""

    kind: str
    id: str
    name: str = ""
    arn: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    state: str = LIVE
    action: str = DELETE
    belongs_to: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()
    note: str = ""
    # The name of what it was made from, when that outlives its maker: a snapshot's database.
    origin: str = ""
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        return key(self.kind, self.id)


@dataclass(frozen=True)
class Settings:
    """What a teardown may be told about the way things are deleted."""

    key_window_days: int = 30
    secret_window_days: int = 30
    final_snapshots: dict[str, dict] = field(default_factory=dict)


@dataclass(frozen=True)
class Place:
    """A region and the way to it: all that a lister or deleter is given."""

    clients: Callable[..., Any]
    region: str
    account: str = ""
    settings: Settings = field(default_factory=Settings)

    def client(self, service: str, region: str | None = None) -> Any:
        return self.clients(service, region or self.region)


class Blocked(Exception):
    """The item cannot go now. `blocker` says who stands in the way."""

    def __init__(self, reason: str, blocker: str = "", lasting: bool = False):
        super().__init__(reason)
        self.reason, self.blocker, self.lasting = reason, blocker, lasting


@dataclass(frozen=True)
class Kind:
    """A kind of item. `delete` does one step towards deletion a round and says in a few words which."""

    name: str
    title: str
    service: str
    list: Callable[[Place], list[Item]]
    delete: Callable[[Place, Item], str | None] | None = None
    after: tuple[str, ...] = ()
    # A reason to keep every item of the kind unless it is named in `include`.
    protected: str = ""


KINDS: dict[str, Kind] = {}


def register(*kinds: Kind) -> None:
    """Add kinds; a name that is taken is a mistake in this package."""
    for kind in kinds:
        if kind.name in KINDS:
            raise ValueError(f"Two kinds are called {kind.name}; names are unique.")
        KINDS[kind.name] = kind


def levels(kinds: dict[str, Kind]) -> dict[str, int]:
    """The round in which each kind can go at the earliest; kinds that wait for each other are a mistake."""
    found: dict[str, int] = {}

    def level(name: str, path: tuple[str, ...]) -> int:
        if name in path:
            raise ValueError(f"Kinds wait for each other: {' -> '.join((*path, name))}.")
        if name not in found:
            found[name] = 1 + max((level(other, (*path, name)) for other in kinds[name].after), default=0)
        return found[name]

    for name in kinds:
        level(name, ())
    return found


def tag_dict(tags: list[dict] | None, name: str = "Key", value: str = "Value") -> dict[str, str]:
    return {str(tag[name]): str(tag.get(value, "")) for tag in tags or []}


def key_references(*identifiers: str | None) -> tuple[str, ...]:
    """KMS keys as other services name them: by ARN, id or alias. AWS's own aliases are nobody's."""
    found = []
    for identifier in identifiers:
        if not identifier or "alias/aws/" in identifier:
            continue
        if "alias/" in identifier:
            found.append(key("kms_alias", "alias/" + identifier.split("alias/", 1)[1]))
        else:
            found.append(key("kms_key", identifier.rsplit("/", 1)[-1]))
    return tuple(found)


def stack_of(tags: dict[str, str]) -> tuple[str, ...]:
    """The CloudFormation stack that made an item."""
    stack = tags.get("aws:cloudformation:stack-id")
    return (key("cloudformation_stack", stack),) if stack else ()
