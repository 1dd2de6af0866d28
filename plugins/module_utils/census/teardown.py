# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rounds of a teardown: look, delete what is free to go, look again. Gone is what a listing no longer shows.

States of an item
    waiting    something that must go before it is still there
    deleting   its deletion was asked for, or its owner takes it along; AWS is at work
    deleted    listed again and not there
    scheduled  gone at the end of a window (keys, secrets)
    blocked    refused: `reason` and `blocker` say by whom
    failed     the deletion failed for good
    unknown    it could not be listed again, so nobody knows
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ansible_collections.medzen.multiregion.plugins.module_utils.aws import FAILURE_CODES, THROTTLE_CODES
from ansible_collections.medzen.multiregion.plugins.module_utils.census.blockers import IN_USE_CODES, find_blockers
from ansible_collections.medzen.multiregion.plugins.module_utils.census.plan import Plan
from ansible_collections.medzen.multiregion.plugins.module_utils.census.registry import (
    DELETING,
    KINDS,
    SCHEDULED,
    WAIT,
    Blocked,
    Item,
    Kind,
    Place,
)
from ansible_collections.medzen.multiregion.plugins.module_utils.census.scan import Finding, scan
from ansible_collections.medzen.multiregion.plugins.module_utils.clients import in_parallel
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import AwsError
from ansible_collections.medzen.multiregion.plugins.module_utils.progress import Progress

FINISHED = ("deleted", "scheduled")
FINAL = (*FINISHED, "failed")
# So many rounds may pass in which nothing moves and nobody is at work.
STILL_ROUNDS_MAX = 3
RETRIED_CODES = (
    *THROTTLE_CODES,
    *FAILURE_CODES,
    "Throttling",
    "RequestLimitExceeded",
    "ServiceUnavailable",
    "InternalFailure",
)


@dataclass
class Entry:
    """Where one item of the plan stands."""

    item: Item
    state: str = "waiting"
    reason: str = ""
    blocker: str = ""
    lasting: bool = False

    @property
    def is_open(self) -> bool:
        return self.state not in FINAL

    def become(self, state: str, reason: str = "", blocker: str = "", lasting: bool = False) -> None:
        self.state, self.reason, self.blocker, self.lasting = state, reason, blocker, lasting

    def as_dict(self) -> dict:
        item = self.item
        return {
            "kind": item.kind,
            "id": item.id,
            "name": item.name,
            "state": self.state,
            "reason": self.reason,
            "blocker": self.blocker,
        }


@dataclass(frozen=True)
class Pace:
    """How long and how often; clock and sleep are passed in, so that tests do not wait."""

    timeout_s: float = 3600
    poll_seconds: float = 10
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


@dataclass
class Teardown:
    """One run over one plan."""

    place: Place
    plan: Plan
    pace: Pace = field(default_factory=Pace)
    kinds: Mapping[str, Kind] = field(default_factory=lambda: KINDS)
    blockers: Callable[[Place, Item], list[str]] = find_blockers

    def __post_init__(self) -> None:
        self.entries = {step.item.key: Entry(step.item) for step in self.plan.steps}
        self.log: list[dict] = []
        self.start = self.pace.clock()

    @property
    def writes(self) -> int:
        return len(self.log)

    def run(self) -> None:
        """Rounds until everything is gone, nothing moves any more, or the time is up."""
        progress = Progress(f"delete {self.place.region}", clock=self.pace.clock)
        still, before = 0, None
        while True:
            self._look()
            self._act()
            if not self._open():
                break
            progress.report(self._percent(), detail=self.summary())
            now = self._picture()
            still = 0 if now != before or self._is_moving() else still + 1
            before = now
            if still >= STILL_ROUNDS_MAX or self._is_late():
                self._close()
                return
            self.pace.sleep(self.pace.poll_seconds)
        progress.done(self.summary())

    def summary(self) -> str:
        """A count per state, and who is waited for."""
        counts = Counter(entry.state for entry in self.entries.values())
        text = ", ".join(f"{counts[state]} {state}" for state in sorted(counts))
        waited = [entry for entry in self._open() if entry.blocker or entry.state == "deleting"]
        names = "; ".join(f"{entry.item.name}: {entry.blocker or entry.reason}" for entry in waited[:3])
        return f"{text} ({names})" if names else text

    def _open(self) -> list[Entry]:
        return [entry for entry in self.entries.values() if entry.is_open]

    def _percent(self) -> float:
        return 100 * (1 - len(self._open()) / len(self.entries))

    def _picture(self) -> list[tuple[str, str, str]]:
        return [(entry.item.key, entry.state, entry.reason) for entry in self._free()]

    def _is_moving(self) -> bool:
        return any(entry.state == "deleting" for entry in self._free())

    def _free(self) -> list[Entry]:
        """All but what waits for an owner that stays: interfaces of tasks come and go while their service is there."""
        staying = {one.item.kind for one in self.entries.values() if one.state not in (*FINISHED, "deleting")}
        return [
            one
            for one in self.entries.values()
            if one.item.action != WAIT or staying.isdisjoint(self.kinds[one.item.kind].after)
        ]

    def _is_late(self) -> bool:
        return self.pace.clock() - self.start >= self.pace.timeout_s

    def _look(self) -> None:
        """List again the kinds that have something open, and take each item as it is now."""
        kinds = sorted({entry.item.kind for entry in self._open()})
        for finding in scan(self.place, kinds, dict(self.kinds)).values():
            self._take_in(finding)

    def _take_in(self, finding: Finding) -> None:
        mine = [entry for entry in self._open() if entry.item.kind == finding.kind]
        if finding.items is None:
            for entry in mine:
                entry.become("unknown", f"could not be listed: {finding.reason}")
            return
        present = {item.key: item for item in finding.items}
        for entry in mine:
            self._update(entry, present.get(entry.item.key))
        self._add_followers(present)

    def _update(self, entry: Entry, item: Item | None) -> None:
        if item is None:
            entry.become("deleted", entry.reason if entry.state == "deleting" else "not there any more")
            return
        entry.item = item
        if item.state == SCHEDULED:
            entry.become("scheduled", item.note)
        elif item.state == DELETING:
            entry.become("deleting", item.note or "AWS is deleting it")
        elif item.action == WAIT:
            entry.become("deleting", item.note)
        elif entry.state == "unknown":
            entry.become("waiting")

    def _add_followers(self, present: dict[str, Item]) -> None:
        """Items that come and go with their owner, as a task's network interface, may be new since the plan."""
        for name, item in present.items():
            if name not in self.entries and item.action == WAIT and set(item.belongs_to) & set(self.entries):
                self.entries[name] = Entry(item, "deleting", item.note)

    def _act(self) -> None:
        """One step for every item that is free to go, at the same time."""
        # A failed item holds what waits for its kind just as one that is still there does: it is still there.
        unfinished_kinds = {entry.item.kind for entry in unfinished(list(self.entries.values()))}
        ready = []
        for entry in self._open():
            holders = sorted(unfinished_kinds & set(self.kinds[entry.item.kind].after))
            if not self._may_act(entry):
                continue
            if holders:
                entry.become("waiting", f"after {', '.join(holders)}")
            else:
                ready.append(entry)
        in_parallel(self._step, ready)

    def _may_act(self, entry: Entry) -> bool:
        item = entry.item
        resting = item.action == WAIT or item.state == DELETING
        return not resting and not entry.lasting and entry.state != "unknown"

    def _step(self, entry: Entry) -> None:
        item = entry.item
        delete = self.kinds[item.kind].delete
        if delete is None:
            entry.become("blocked", "this collection cannot delete it", lasting=True)
            return
        try:
            said = delete(self.place, item)
        except Blocked as error:
            entry.become("blocked", error.reason, error.blocker, error.lasting)
        except AwsError as error:
            self._judge(entry, error)
        except Exception as error:  # one item's fault must not end the others' deletion
            entry.become("failed", f"{type(error).__name__}: {error}")
        else:
            # A deleter whose item was missing already has nothing to say.
            entry.become("waiting", said or "not there any more")
            self.log.append(
                {"at_s": round(self.pace.clock() - self.start, 2), "item": item.key, "step": said or "gone"}
            )

    def _judge(self, entry: Entry, error: AwsError) -> None:
        if error.code in RETRIED_CODES:
            entry.become("waiting", f"throttled ({error.code}); asked again")
        elif error.code in IN_USE_CODES:
            entry.become("blocked", error.message, "; ".join(self._who(entry.item)))
        else:
            entry.become("failed", error.message)

    def _who(self, item: Item) -> list[str]:
        try:
            return self.blockers(self.place, item) or ["nobody found"]
        except Exception as error:  # the refusal itself is known; only its cause is not
            return [f"unknown ({type(error).__name__}: {error})"]

    def _close(self) -> None:
        """What is still open at the end is said to be so."""
        late = f"after {self.pace.timeout_s:g} s" if self._is_late() else "nothing moves any more"
        for entry in self._open():
            if entry.state == "waiting":
                entry.become("blocked", f"{entry.reason or 'not reached'} ({late})", entry.blocker)


def unfinished(entries: list[Entry]) -> list[Entry]:
    return [entry for entry in entries if entry.state not in FINISHED]
