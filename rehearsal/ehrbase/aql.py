# SPDX-License-Identifier: GPL-3.0-or-later
"""The little AQL that the rehearsal asks: a count of compositions, and versions by their marker."""

from __future__ import annotations

import re
import uuid
from typing import Any

from rehearsal.ehrbase.outcome import Refusal
from rehearsal.ehrbase.store import Store, parse_uuid

COUNT = re.compile(r"^\s*select\s+count\s*\(", re.I)
EHR_ID = re.compile(r"ehr_id/value\s*=\s*(?:'([^']*)'|\$(\w+))", re.I)
MARKER = re.compile(r"/marker\s*=\s*(?:'([^']*)'|\$(\w+))", re.I)
MARKERS = re.compile(r"/marker\s+matches\s*\{([^}]*)\}", re.I)
WORDS = re.compile(r"'([^']*)'")


async def answer_query(store: Store, body: Any) -> dict[str, Any]:
    """The result set of `{"q": ..., "query_parameters": {...}}`."""
    query = body.get("q") if isinstance(body, dict) else None
    if not isinstance(query, str):
        raise Refusal(400, 'Expected {"q": "SELECT ..."}.')
    parameters = body.get("query_parameters") or {}
    markers = find_markers(query, parameters)
    if markers is not None:
        rows = await store.find_marked(markers)
        if COUNT.match(query):
            return _result(query, ("count",), [(len(rows),)])
        return _result(query, ("uid", "marker"), rows)
    if COUNT.match(query):
        return _result(query, ("count",), [(await store.count_compositions(find_ehr_id(query, parameters)),)])
    raise Refusal(
        400, "The stand-in answers SELECT COUNT(...), WHERE c/marker = '...' and c/marker matches {'...'} only."
    )


def find_ehr_id(query: str, parameters: dict[str, Any]) -> uuid.UUID | None:
    found = EHR_ID.search(query)
    return parse_uuid(_value(found, parameters)) if found else None


def find_markers(query: str, parameters: dict[str, Any]) -> list[str] | None:
    """The markers asked for; None when the query has no such condition."""
    several = MARKERS.search(query)
    if several:
        return WORDS.findall(several[1])
    one = MARKER.search(query)
    return [_value(one, parameters)] if one else None


def _value(found: re.Match[str], parameters: dict[str, Any]) -> str:
    literal, name = found.groups()
    if name is None:
        return literal
    if name not in parameters:
        raise Refusal(400, f"The query parameter ${name} is missing.")
    return str(parameters[name])


def _result(query: str, columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> dict[str, Any]:
    named = [{"path": f"/{name}", "name": name} for name in columns]
    return {"q": query, "columns": named, "rows": [list(row) for row in rows]}
