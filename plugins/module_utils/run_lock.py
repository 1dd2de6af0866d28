# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The run record's contents: who holds the lock, what is known of the move, what runs there were.

A table holds four kinds of items under a workload's key: `lock`, `facts`, one `run#<start>#<run>` a run, and one
`gate#<time>#<run>#<number>` a verdict. What conditions compare are attributes of their own; everything else is one JSON
document. The same stands in several regions; the versions of facts tell which of them knows most.
It is all values in, values out.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from ansible_collections.medzen.multiregion.plugins.module_utils import process
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused

LOCK, FACTS, RUN, GATE = "lock", "facts", "run#", "gate#"
# An item of DynamoDB has 400 KB at most.
DOCUMENT_BYTES_MAX = 300_000
# Verdicts on a lock.
FREE, OURS, EXPIRED, DEAD, FINISHING, HELD = "free", "ours", "expired", "dead", "finishing", "held"
TAKEABLE = (FREE, EXPIRED, DEAD)


@dataclass(frozen=True)
class Lock:
    """A lease on a workload. `token` changes with each acquisition, `expires` with each heartbeat."""

    run_id: str
    token: str
    expires: float
    since: float
    host: str = ""
    user: str = ""
    playbook: str = ""
    step: str = ""
    took_over: str = ""
    steps: list = field(default_factory=list)
    controller: dict | None = None
    # Where it was taken; not those that were lost and silent then.
    regions: list = field(default_factory=list)
    heartbeat_pid: int = 0

    def public(self) -> dict:
        """What a task returns of it."""
        return {
            "run_id": self.run_id,
            "playbook": self.playbook,
            "step": self.step,
            "host": self.host,
            "user": self.user,
            "since": moment(self.since),
            "expires": moment(self.expires),
            "took_over": self.took_over,
            "regions": self.regions,
        }


def moment(epoch: float) -> str:
    return datetime.fromtimestamp(epoch, UTC).isoformat(timespec="seconds")


def key(workload: str, kind: str) -> dict:
    return {"pk": {"S": workload}, "sk": {"S": kind}}


def document(value: Any) -> dict:
    return {"S": json.dumps(value, sort_keys=True)}


def read_document(item: dict | None) -> dict:
    return json.loads(item["document"]["S"]) if item else {}


def lock_to_item(workload: str, lock: Lock) -> dict:
    body = {
        name: getattr(lock, name)
        for name in ("since", "host", "user", "playbook", "step", "took_over", "steps", "controller", "regions")
    }
    return {
        **key(workload, LOCK),
        "run_id": {"S": lock.run_id},
        "token": {"S": lock.token},
        "expires": {"N": f"{lock.expires:.3f}"},
        "heartbeat_pid": {"N": str(lock.heartbeat_pid)},
        "document": document(body),
    }


def lock_from_item(item: dict | None) -> Lock | None:
    if not item:
        return None
    return Lock(
        run_id=item["run_id"]["S"],
        token=item["token"]["S"],
        expires=float(item["expires"]["N"]),
        heartbeat_pid=int(item["heartbeat_pid"]["N"]),
        **read_document(item),
    )


def run_key(workload: str, lock: Lock) -> dict:
    """Runs sort by their start."""
    return key(workload, f"{RUN}{moment(lock.since)}#{lock.run_id}")


def run_to_item(workload: str, lock: Lock, ended: float | None = None, outcome: str = "") -> dict:
    body = {
        "run_id": lock.run_id,
        "playbook": lock.playbook,
        "host": lock.host,
        "user": lock.user,
        "took_over": lock.took_over,
        "regions": lock.regions,
        "started": moment(lock.since),
        "ended": moment(ended) if ended else "",
        "outcome": outcome,
        "steps": lock.steps,
    }
    return {**run_key(workload, lock), "document": document(body)}


def facts_to_item(workload: str, facts: dict, version: int) -> dict:
    return {**key(workload, FACTS), "version": {"N": str(version)}, "document": document(facts)}


def gate_to_item(workload: str, run_id: str, number: int, gate: dict) -> dict:
    """The `number`th verdict of a run. Evidence that is too long for an item stays in the run's report."""
    body = {**gate, "run_id": run_id}
    size = len(json.dumps(body).encode())
    if size > DOCUMENT_BYTES_MAX:
        digest = hashlib.sha256(json.dumps(gate, sort_keys=True).encode()).hexdigest()
        conditions = [{name: one.get(name) for name in ("name", "verdict")} for one in gate.get("conditions", [])]
        body |= {"conditions": conditions, "evidence": {"in_the_report_only": {"bytes": size, "sha256": digest}}}
    return {**key(workload, f"{GATE}{gate['time']}#{run_id}#{number:04d}"), "document": document(body)}


def is_final(item: dict) -> bool:
    """Whether nothing can be added to what an item tells; of a run that is under way its end can."""
    return not item["sk"]["S"].startswith(RUN) or bool(read_document(item).get("outcome"))


def find_missing(items: dict[str, Iterable[dict]]) -> dict[str, list[dict]]:
    """By region, what another one remembers and it does not: items it lacks, and ends of runs that it has open."""
    held = {region: {item["sk"]["S"]: item for item in some} for region, some in items.items()}
    best: dict[str, dict] = {}
    for some in held.values():
        for name, item in some.items():
            if name not in best or is_final(item):
                best[name] = item
    return {
        region: [item for name, item in best.items() if name not in some or is_final(item) > is_final(some[name])]
        for region, some in held.items()
    }


def merge_documents(items: dict[str, Iterable[dict]], limit: int) -> list[dict]:
    """What any region remembers, newest first, each once."""
    best = {item["sk"]["S"]: item for some in items.values() for item in some}
    for some in items.values():
        best |= {item["sk"]["S"]: item for item in some if is_final(item)}
    return [read_document(best[name]) for name in sorted(best, reverse=True)[:limit]]


def next_version(seen: int, now: float) -> int:
    """The version of facts written now: the time in milliseconds, and more than any that was seen.

    So versions order what was written one after the other, and what was written in regions that did not see each other.
    """
    return max(seen + 1, int(now * 1000))


def newest(versions: dict[str, tuple[dict, int]]) -> tuple[dict, int]:
    """The facts of the region that knows most, with their version."""
    return max(versions.values(), key=lambda known: known[1], default=({}, 0))


def others(locks: dict[str, Lock | None], run_id: str) -> list[Lock]:
    """The locks of other runs, each run once, in the order of the regions."""
    found: dict[str, Lock] = {}
    for region in sorted(locks):
        lock = locks[region]
        if lock is not None and lock.run_id != run_id:
            found.setdefault(lock.run_id, lock)
    return list(found.values())


def is_one(locks: dict[str, Lock | None], run_id: str) -> bool:
    """Whether one acquisition of this run holds the lock in all of these regions."""
    held = [lock for lock in locks.values() if lock is not None and lock.run_id == run_id]
    return bool(held) and len(held) == len(locks) and len({lock.token for lock in held}) == 1


def judge_lock(lock: Lock | None, run_id: str, now: float, owner: str, survivors: list[int]) -> str:
    """What the lock means for this run.

    An owner proved alive keeps it even beyond its lease; an owner proved dead loses it at once, but not before its last
    task has ended: two promotions at a time are what the lock is there to prevent.
    """
    if lock is None:
        return FREE
    if lock.run_id == run_id:
        return OURS
    if owner == process.DEAD:
        return FINISHING if survivors else DEAD
    if owner == process.ALIVE or lock.expires > now:
        return HELD
    return EXPIRED


def check_take_over(lock: Lock, take_over: str | None, workload: str) -> None:
    """Refuse a held lock, unless the holder's own name was typed."""
    if take_over == lock.run_id:
        return
    step = f', at step "{lock.step}"' if lock.step else ""
    typed = f" (run_record_take_over names {take_over})" if take_over else ""
    raise Refused(
        f"Run {lock.run_id} holds the lock of {workload}",
        found=f"playbook {lock.playbook or 'unknown'} of {lock.user}@{lock.host} since {moment(lock.since)}{step}, "
        f"lease until {moment(lock.expires)}{typed}",
        expected="no other run at work",
        next_step="wait until it has ended; only if it is certain to be dead, take over with "
        f"-e run_record_take_over={lock.run_id}",
        result={"lock": lock.public()},
    )


def check_finishing(lock: Lock, survivors: list[int], workload: str) -> None:
    raise Refused(
        f"Run {lock.run_id} of {workload} was ended, but tasks of it still work",
        found=f"processes {', '.join(map(str, survivors))} on {lock.host}",
        expected="no task of it left",
        next_step="run again when they have ended by themselves",
        result={"lock": lock.public()},
    )


def with_step(lock: Lock, step: str | None, now: float) -> Lock:
    """The lock at a new step; unchanged when there is none or it is the present one."""
    if not step or step == lock.step:
        return lock
    return replace(lock, step=step, steps=[*lock.steps, {"step": step, "time": moment(now)}])


def merge_facts(present: dict, given: dict | None) -> dict:
    """Facts by name: given ones replace, null removes, all others stay."""
    merged = {**present, **(given or {})}
    return {name: value for name, value in merged.items() if value is not None}
