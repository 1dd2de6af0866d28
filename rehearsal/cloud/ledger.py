# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger: every API call with its result, so that a test can ask what was written."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from rehearsal.cloud.clock import Clock
from rehearsal.cloud.operations import Call
from rehearsal.settings import FUNCTION_ACCESS_KEY

# Operations whose name begins so change nothing; the HTTP method says nothing, since the query protocol posts reads.
READ_PREFIXES = (
    "BatchGet",
    "Check",
    "Decrypt",
    "Describe",
    "Discover",
    "Estimate",
    "Filter",
    "Get",
    "Head",
    "List",
    "Lookup",
    "Preview",
    "Query",
    "Scan",
    "Search",
    "Select",
    "Simulate",
    "Test",
    "Validate",
    "Verify",
    "View",
)
NARROWED_BY = ("service", "operation", "region", "access")
RUN_RECORD_TABLE = "medzen-multiregion-runs"
# Named like writes, and yet they change nothing.
READS = {
    ("sts", "AssumeRole"),
    ("kms", "Encrypt"),
    ("kms", "GenerateDataKey"),
    ("logs", "StartQuery"),
    ("dynamodb", "TransactGetItems"),
    ("dynamodb", "BatchGetItem"),
    ("cloudformation", "DetectStackDrift"),
    ("rds", "DownloadDBLogFilePortion"),
    ("bedrock-runtime", "ApplyGuardrail"),
    ("bedrock-runtime", "Converse"),
    ("bedrock-runtime", "InvokeModel"),
}


def is_write(service: str, operation: str) -> bool:
    """Whether an operation changes something, by its name."""
    return (service, operation) not in READS and not operation.startswith(READ_PREFIXES)


@dataclass
class Entry:
    n: int
    time: float
    service: str
    operation: str
    region: str
    write: bool
    parameters: dict[str, Any]
    status: int
    error: str | None
    duration_ms: float
    record: bool
    # A function's call: traffic of the application, which nobody counts as a write of a playbook.
    application: bool
    # The identifier of the caller's key, by which one machine's calls are told from another's. It is no secret.
    access: str = ""
    # Actions of the faults that met it.
    faults: list[str] = field(default_factory=list)


class Ledger:
    """Calls in the order in which they ended."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._entries: list[Entry] = []
        self._marks: list[dict[str, Any]] = []

    def add(
        self,
        call: Call,
        parameters: dict[str, Any],
        status: int,
        error: str | None,
        duration_s: float,
        faults: Iterable[str] = (),
    ) -> Entry:
        """Write a call down; `parameters` are free of secrets already, `faults` are the actions that met it."""
        write = is_write(call.service, call.operation)
        now = self._clock.now()
        with self._lock:
            entry = Entry(
                len(self._entries) + 1, now, call.service, call.operation, call.region, write, parameters,
                status, error, round(duration_s * 1000, 2), is_run_record(call),
                call.access_key == FUNCTION_ACCESS_KEY, call.access_key, list(faults),
            )  # fmt: skip
            self._entries.append(entry)
        return entry

    def mark(self, name: str) -> int:
        """Remember this moment under a name; returns the number of the last call before it."""
        with self._lock:
            n = len(self._entries)
            self._marks.append({"name": name, "n": n, "time": self._clock.now()})
        return n

    def read(self, query: dict[str, str]) -> dict[str, Any]:
        """Calls after `since`, narrowed by `write` and NARROWED_BY; those of functions if `application`."""
        with self._lock:
            entries = self._entries[int(query.get("since", 0)) :]
            last, marks = len(self._entries), list(self._marks)
        calls = [asdict(entry) for entry in entries if _asked(entry, query)]
        return {"calls": calls, "last": last, "marks": marks}


def is_run_record(call: Call) -> bool:
    """Whether a call belongs to the run record's lock and heartbeat, which are counted apart."""
    if call.service != "dynamodb":
        return False
    table = str(call.get("TableName") or call.get("ResourceArn") or "")
    return table.rpartition("/")[2] == RUN_RECORD_TABLE


def _asked(entry: Entry, query: dict[str, str]) -> bool:
    if entry.application and query.get("application", "0") in ("0", "false", ""):
        return False
    if "write" in query and entry.write != (query["write"] not in ("0", "false", "")):
        return False
    return all(getattr(entry, name) == query[name] for name in NARROWED_BY if query.get(name))
