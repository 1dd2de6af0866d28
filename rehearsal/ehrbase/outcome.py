# SPDX-License-Identifier: GPL-3.0-or-later
"""What a failure means to the client: not applied (try again), refused, or unknown."""

from __future__ import annotations

from dataclasses import dataclass

import asyncpg

# The server said no before anything was kept: read-only session or fence, and a missing privilege.
READ_ONLY_STATES = ("25006", "42501")
# Deadlock, serialisation, lock timeout, cancelled, shut down, too many connections: nothing was kept either.
AGAIN_STATES = ("40001", "40P01", "55P03", "57014", "57P01", "57P02", "57P03", "57P05", "53300")
CONNECTION_ERRORS = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.ConnectionDoesNotExistError,
)
MISSING_EHR_STATE, DUPLICATE_STATE = "23503", "23505"


@dataclass(eq=False)
class Refusal(Exception):
    """An answer other than success; `applied` is False, or None when nobody knows."""

    status: int
    message: str
    applied: bool | None = False
    retry_after_s: int = 0
    etag: str = ""

    def body(self) -> dict[str, object]:
        return {"error": self.status, "message": self.message, "applied": self.applied}


class CommitUnknown(Exception):
    """The commit was sent and its answer did not come."""


def classify(problem: BaseException) -> Refusal:
    """The answer for a failure of the database."""
    state = getattr(problem, "sqlstate", None) or ""
    if isinstance(problem, Refusal):
        return problem
    if isinstance(problem, CommitUnknown):
        return Refusal(500, f"outcome unknown: {problem}", applied=None)
    if state in READ_ONLY_STATES:
        return Refusal(503, f"the database is read only ({state}): {problem}", retry_after_s=1)
    if state in AGAIN_STATES or state.startswith("08") or isinstance(problem, CONNECTION_ERRORS):
        return Refusal(503, f"no database: {type(problem).__name__} {problem}".rstrip(), retry_after_s=1)
    if state == MISSING_EHR_STATE:
        return Refusal(404, "No EHR with this id.")
    if state == DUPLICATE_STATE:
        return Refusal(409, "It exists already.")
    return Refusal(500, f"{type(problem).__name__}: {problem}", applied=None)
