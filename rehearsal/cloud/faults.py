# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults on demand: a rule says which calls it meets, what happens to them, and how often.

Actions: `throttle` and `error` answer instead of the cloud; `delay` waits first; `no_answer` drops the connection
before anything is done, as a region does whose API is down; `lost_response` drops it after the call took effect; `kill`
lets it take effect, then sends SIGKILL to a process (the playbook, in a test of resuming), and with `tree` to all that
it started.

`match` may also say `own`: true for the calls of whoever runs playbooks, without those to the run record and without
those of functions. With `each`, `count` is counted for every different call by itself.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import threading
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

from rehearsal.cloud.ledger import is_run_record
from rehearsal.cloud.operations import Call
from rehearsal.processes import kill_all
from rehearsal.settings import FUNCTION_ACCESS_KEY

ACTIONS = ("throttle", "error", "no_answer", "lost_response", "delay", "kill")
MATCHES = ("service", "operation", "region", "nth", "write", "own")
# The code by which each service says "slow down"; the others say ThrottlingException.
THROTTLE_CODES = {
    "ec2": ("RequestLimitExceeded", 503),
    "rds": ("Throttling", 400),
    "elbv2": ("Throttling", 400),
    "cloudformation": ("Throttling", 400),
    "iam": ("Throttling", 400),
    "sts": ("Throttling", 400),
    "route53": ("Throttling", 400),
    "s3": ("SlowDown", 503),
    "chime-sdk-meetings": ("ThrottlingException", 429),
    "chime-sdk-identity": ("ThrottledClientException", 429),
    "chime-sdk-messaging": ("ThrottledClientException", 429),
    "chime-sdk-media-pipelines": ("ThrottledClientException", 429),
    "chime-sdk-voice": ("ThrottledClientException", 429),
    "bedrock": ("ThrottlingException", 429),
    "bedrock-runtime": ("ThrottlingException", 429),
}
# The code of a failure of the service itself; the others say InternalError.
FAILURE_CODES = {name: "ServiceFailureException" for name in THROTTLE_CODES if name.startswith("chime-sdk-")}


class FaultError(ValueError):
    """A rule that cannot be honoured."""


@dataclass
class Rule:
    """One fault; `count` is how many calls it still meets (None: every one), `seen` how many matched so far."""

    id: str
    match: dict[str, Any]
    action: str
    code: str | None = None
    status: int | None = None
    seconds: float = 0.0
    count: int | None = None
    pid: int | None = None
    tree: bool = False
    each: bool = False
    seen: int = field(default=0)
    # How often it acted; with `each` by call, else under one name.
    met: Counter[str] = field(default_factory=Counter)

    @property
    def fired(self) -> int:
        return self.met.total()

    def takes(self, call: Call, write: bool) -> bool:
        """Count a matching call and say whether the rule acts on it."""
        if not self._matches(call, write):
            return False
        name = signature(call) if self.each else ""
        if self.count is not None and self.met[name] >= self.count:
            return False
        self.seen += 1
        if self.seen < int(self.match.get("nth", 1)):
            return False
        self.met[name] += 1
        return True

    def _matches(self, call: Call, write: bool) -> bool:
        found = {"service": call.service, "operation": call.operation, "region": call.region, "write": write}
        found["own"] = not is_run_record(call) and call.access_key != FUNCTION_ACCESS_KEY
        return all(found[name] == value for name, value in self.match.items() if name != "nth")

    def error(self, call: Call) -> tuple[str, int]:
        """Error code and HTTP status that the caller gets."""
        code, status = FAILURE_CODES.get(call.service, "InternalError"), 500
        if self.action == "throttle":
            code, status = THROTTLE_CODES.get(call.service, ("ThrottlingException", 400))
        return self.code or code, self.status or status


class Faults:
    """The rules switched on, in the order in which they came."""

    def __init__(self) -> None:
        self._rules: dict[str, Rule] = {}
        self._lock = threading.Lock()
        self._number = 0

    def add(self, wanted: dict[str, Any]) -> Rule:
        with self._lock:
            self._number += 1
            rule = build_rule(f"fault-{self._number}", wanted)
            self._rules[rule.id] = rule
            return rule

    def remove(self, rule_id: str = "") -> int:
        """Switch one rule off, or all of them; says how many."""
        with self._lock:
            gone = [rule_id] if rule_id in self._rules else [] if rule_id else list(self._rules)
            for name in gone:
                del self._rules[name]
            return len(gone)

    def rows(self) -> list[dict[str, Any]]:
        with self._lock:
            return [asdict(rule) | {"met": len(rule.met), "fired": rule.fired} for rule in self._rules.values()]

    def taken(self, call: Call, write: bool) -> list[Rule]:
        """Rules that act on this call."""
        with self._lock:
            return [rule for rule in self._rules.values() if rule.takes(call, write)]


def build_rule(default_id: str, wanted: dict[str, Any]) -> Rule:
    """Check a rule as it came over the control API."""
    match = wanted.get("match") or {}
    unknown = sorted(set(match) - set(MATCHES)) + sorted(set(wanted) - set(Rule.__dataclass_fields__))
    if unknown:
        raise FaultError(f"Unknown fault setting {', '.join(unknown)}; expected match on {', '.join(MATCHES)}.")
    if wanted.get("action") not in ACTIONS:
        raise FaultError(f"Fault action {wanted.get('action')!r}; expected one of {', '.join(ACTIONS)}.")
    if wanted["action"] == "kill" and int(wanted.get("pid") or 0) <= 1:
        raise FaultError("A kill needs the pid of the process that it ends.")
    # A rule for the nth call means that one call, unless it says how many.
    count = wanted.get("count", 1 if "nth" in match or wanted["action"] == "kill" else None)
    names = ("code", "status", "pid", "tree", "each")
    given = {name: wanted[name] for name in names if wanted.get(name) is not None}
    seconds = float(wanted.get("seconds") or 0)
    return Rule(wanted.get("id") or default_id, match, wanted["action"], seconds=seconds, count=count, **given)


def signature(call: Call) -> str:
    """What tells a call from another one; its repetition has the same."""
    told = [call.service, call.operation, call.region, call.parameters]
    return hashlib.sha256(json.dumps(told, sort_keys=True, default=repr).encode()).hexdigest()


def kill(pid: int, *, tree: bool = False) -> None:
    """End a process as a power cut would; gone already is as good."""
    if tree:
        kill_all(pid)
        return
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
