# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of the names that an operator gave no role reads: given names and known ones in, findings out. No I/O.

A name is ours when it begins with the name of a role, or with `multiregion_`, or when it is nearly one of ours: a
letter of the prefix is missing, stands in another case or comes from another script. Ours is what the roles' argument
specs describe, and what the collection's own files read beyond that. What a role finds out or works out is ours as
well, and nobody gives it: an extra variable would win over what was found. Everything else belongs to somebody else.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

SHARED = "multiregion"
NAME = re.compile(r"\b[a-z_][a-z0-9_]*\b")
NEARLY = 0.9
SHARED_NAME = re.compile(rf"\b{SHARED}_[a-z0-9_]+\b")


@dataclass(frozen=True)
class Known:
    """What the collection reads: options of roles, names that belong to no role alone, and what roles register."""

    options: Mapping[str, frozenset[str]]
    shared: frozenset[str]
    registered: frozenset[str] = frozenset()

    @property
    def names(self) -> frozenset[str]:
        return self.shared.union(*self.options.values())

    def owner_of(self, name: str) -> str | None:
        """The role whose prefix fits best, or `multiregion`; None for a name that is not ours."""
        fitting = [owner for owner in (*self.options, SHARED) if name.startswith(f"{owner}_")]
        return max(fitting, key=len, default=None)

    def is_internal(self, name: str) -> bool:
        return name in self.registered or (name.startswith("__") and self.owner_of(name[2:]) is not None)

    def is_nearly(self, name: str) -> bool:
        """Whether a name without a prefix of ours was probably meant for one of ours."""
        return not name.startswith("ansible_") and find_alike(plain(name), self.names, NEARLY) is not None


def find_names(texts: Iterable[str], pattern: re.Pattern[str] = NAME) -> frozenset[str]:
    return frozenset(name for text in texts for name in pattern.findall(text))


def iter_texts(value: Any) -> Iterator[str]:
    """Every template in a value. Vaulted text is not opened: it is no str before it is."""
    if isinstance(value, str):
        if "{" in value:
            yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from iter_texts(part)
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from iter_texts(part)


def plain(name: str) -> str:
    """The name in the letters that ours have, as far as it has them."""
    return unicodedata.normalize("NFKD", name).casefold().replace("-", "_")


def find_alike(name: str, names: Iterable[str], cutoff: float) -> str | None:
    return next(iter(difflib.get_close_matches(name, sorted(names), n=1, cutoff=cutoff)), None)


def find_unknown(given: Mapping[str, Any], known: Known, ignore: Iterable[str] = ()) -> list[str]:
    """The given names that look like ours and are not, sorted. What another given value quotes is read, so no typo."""
    others = set(map(str, given)) - known.names - set(ignore)
    internal = {name for name in others if known.is_internal(name)}
    ours = {name for name in others - internal if known.owner_of(name) or known.is_nearly(name)}
    if not ours:
        return sorted(internal)
    quoted = {name: find_names(iter_texts(value)) for name, value in given.items()}
    unread = {name for name in ours if not any(name in read for other, read in quoted.items() if other != name)}
    return sorted(internal | unread)


def find_nearest(name: str, known: Known) -> str | None:
    """The known name that was probably meant. Below a prefix only the rest is compared, or all would be alike."""
    if owner := known.owner_of(name):
        prefix = f"{owner}_"
        rests = [one.removeprefix(prefix) for one in known.names if one.startswith(prefix)]
        if near := find_alike(name.removeprefix(prefix), rests, 0.6):
            return prefix + near
    return find_alike(plain(name), known.names, 0.85)


def describe(name: str, places: str, known: Known, collection: str) -> dict:
    """The condition of the gate that this name does not meet."""
    if known.is_internal(name):
        found, next_step = f"given {places}, and it would win over what a role finds out or works out", "remove it"
        expected = "a name that no role sets"
    else:
        nearest = find_nearest(name, known)
        owner = known.owner_of(name) or known.owner_of(nearest or "") or SHARED
        found, expected = f"given {places}, and nothing reads it", describe_owner(owner, collection)
        remove = "remove it, or name it in option_check_ignore if it is not ours"
        next_step = f"write {nearest}" if nearest else remove
    return {
        "name": name if NAME.fullmatch(name) else ascii(name),
        "condition": False,
        "found": found,
        "expected": expected,
        "next_step": next_step,
        "overridable": False,
    }


def describe_owner(owner: str, collection: str) -> str:
    if owner == SHARED:
        return "a variable of group_vars/all.yml of the collection, or one that a role reads"
    return f"an option of the role {owner}: see its README, or ansible-doc -t role {collection}.{owner}"
