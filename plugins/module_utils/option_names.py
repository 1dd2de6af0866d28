# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of the names that an operator gave no role reads: given names and known ones in, findings out. No I/O.

A name is ours when it begins with the name of a role, or with `multiregion_`. Ours is what the roles' argument specs
describe, and what the collection's own files read beyond that. Everything else belongs to somebody else.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

SHARED = "multiregion"
NAME = re.compile(r"\b[a-z_][a-z0-9_]*\b")
SHARED_NAME = re.compile(rf"\b{SHARED}_[a-z0-9_]+\b")


@dataclass(frozen=True)
class Known:
    """What the collection reads: the options of each role, and the names that belong to no role alone."""

    options: Mapping[str, frozenset[str]]
    shared: frozenset[str]

    @property
    def names(self) -> frozenset[str]:
        return self.shared.union(*self.options.values())

    def owner_of(self, name: str) -> str | None:
        """The role whose prefix fits best, or `multiregion`; None for a name that is not ours."""
        fitting = [owner for owner in (*self.options, SHARED) if name.startswith(f"{owner}_")]
        return max(fitting, key=len, default=None)


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


def find_unknown(given: Mapping[str, Any], known: Known, ignore: Iterable[str] = ()) -> list[str]:
    """The given names that look like ours and are not, sorted. What another given value quotes is read, so no typo."""
    ours = {name for name in given if known.owner_of(name)} - known.names - set(ignore)
    if not ours:
        return []
    quoted = {name: find_names(iter_texts(value)) for name, value in given.items()}
    return sorted(name for name in ours if not any(name in read for other, read in quoted.items() if other != name))


def find_nearest(name: str, known: Known) -> str | None:
    """The known name that was probably meant. Below a prefix only the rest is compared, or all would be alike."""
    prefix = f"{known.owner_of(name)}_"
    rests = sorted(one.removeprefix(prefix) for one in known.names if one.startswith(prefix))
    if near := difflib.get_close_matches(name.removeprefix(prefix), rests, n=1):
        return prefix + near[0]
    return next(iter(difflib.get_close_matches(name, sorted(known.names), n=1, cutoff=0.85)), None)


def describe(name: str, places: str, known: Known, collection: str) -> dict:
    """The condition of the gate that this name does not meet."""
    owner = known.owner_of(name)
    nearest = find_nearest(name, known)
    if owner == SHARED:
        expected = "a variable of group_vars/all.yml of the collection, or one that a role reads"
    else:
        expected = f"an option of the role {owner}: see its README, or ansible-doc -t role {collection}.{owner}"
    return {
        "name": name,
        "condition": False,
        "found": f"given {places}, and nothing reads it",
        "expected": expected,
        "next_step": f"write {nearest}"
        if nearest
        else "remove it, or name it in option_check_ignore if it is not ours",
        "overridable": False,
    }
