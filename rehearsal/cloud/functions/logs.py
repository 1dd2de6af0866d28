# SPDX-License-Identifier: GPL-3.0-or-later
"""What a function said, in its log group, between the lines that Lambda writes around it."""

from __future__ import annotations

from datetime import UTC, datetime

from moto.logs.models import logs_backends

from rehearsal.cloud.functions.model import Outcome, Request, Version
from rehearsal.settings import ACCOUNT_ID

TAIL_BYTES = 4096


def build_lines(version: Version, request: Request, outcome: Outcome, duration_ms: float) -> list[str]:
    """START, the function's own lines, END, REPORT."""
    mark = f"RequestId: {request.id}"
    lines = [f"START {mark} Version: {version.number}", *outcome.log.splitlines()]
    if outcome.error and not outcome.log:
        lines.append(outcome.payload.decode(errors="replace"))
    billed = f"Duration: {duration_ms:.2f} ms\tBilled Duration: {int(duration_ms) + 1} ms"
    return [*lines, f"END {mark}", f"REPORT {mark}\t{billed}\tMemory Size: {version.memory_mb} MB"]


def write(version: Version, lines: list[str], now: float) -> None:
    """Add lines to the version's stream of the day; called under the world's lock.

    The moment is a real one: the log service refuses what lies in the future of its own clock.
    """
    backend = logs_backends[ACCOUNT_ID][version.region]
    backend.ensure_log_group(version.log_group)
    stream = f"{datetime.fromtimestamp(now, UTC):%Y/%m/%d}/[{version.number}]{version.folder_name[-16:]}"
    if stream not in backend.groups[version.log_group].streams:
        backend.create_log_stream(version.log_group, stream)
    events = [{"timestamp": int(now * 1000), "message": line} for line in lines]
    backend.put_log_events(version.log_group, stream, events)


def tail(lines: list[str]) -> bytes:
    return ("\n".join(lines) + "\n").encode()[-TAIL_BYTES:]
