# SPDX-License-Identifier: GPL-3.0-or-later
"""Listings by page: a token that says where the next page begins and that only this stand-in can make."""

from __future__ import annotations

import base64
from typing import Any

from rehearsal.cloud.chime.refusals import bad_request
from rehearsal.cloud.operations import Call

PAGE_MAX = 50


def take_page(call: Call, member: str, rows: list[dict[str, Any]], most: int = PAGE_MAX) -> dict[str, Any]:
    """The page that a call asks for, with a NextToken as long as more follows; a page can be shorter than asked."""
    start = read_token(call)
    end = start + min(call.get("MaxResults") or most, most)
    answer: dict[str, Any] = {member: rows[start:end]}
    if end < len(rows):
        answer["NextToken"] = base64.urlsafe_b64encode(f"{call.operation}:{end}".encode()).decode()
    return answer


def read_token(call: Call) -> int:
    """Where a page begins; a token of another listing is refused."""
    token = call.get("NextToken")
    if not token:
        return 0
    try:
        operation, _, start = base64.urlsafe_b64decode(token).decode().rpartition(":")
        if operation == call.operation:
            return int(start)
    except ValueError:
        pass
    raise bad_request(call, "The NextToken is not valid.")
