# SPDX-License-Identifier: GPL-3.0-or-later
"""Parameters without secrets: what botocore's model marks as sensitive, and what is named like a secret."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

HIDDEN = "***"
SECRET_NAME = re.compile(r"password|passwd|secretstring|secretbinary|token|private_?key|credential|_pass(_|$)", re.I)
# Named with "token", yet they only number pages or make a call repeatable.
PLAIN_NAME = re.compile(r"(next|client|request|idempotency|continuation|pagination|change).*token$|token_?ttl", re.I)
TEXT_CHARS_MAX = 2000


def redact(value: Any, shape: Any = None, name: str = "") -> Any:
    """A copy of parameters that can be printed: secrets become ***, bytes their size."""
    if _secret(shape, name):
        return HIDDEN
    if isinstance(value, dict):
        return _dict(value, shape)
    if isinstance(value, (list, tuple)):
        member = getattr(shape, "member", None)
        return [redact(item, member) for item in value]
    return _plain(value)


def plain(value: Any) -> Any:
    """A copy that JSON can take, with nothing hidden or cut."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value if value is None or isinstance(value, (str, int, float, bool)) else repr(value)


def is_secret_name(name: str) -> bool:
    return bool(SECRET_NAME.search(name)) and not PLAIN_NAME.search(name)


def _secret(shape: Any, name: str) -> bool:
    if shape is not None and (shape.metadata.get("sensitive") or shape.metadata.get("idempotencyToken")):
        return bool(shape.metadata.get("sensitive"))
    # A structure named like a secret (as "manage password") holds plain settings; its members are looked at one by one.
    leaf = shape is None or shape.type_name in ("string", "blob")
    return leaf and is_secret_name(name)


def _dict(value: dict[str, Any], shape: Any) -> dict[str, Any]:
    members = getattr(shape, "members", None) or {}
    map_value = getattr(shape, "value", None)
    row = {key: redact(item, members.get(key, map_value), str(key)) for key, item in value.items()}
    return _named_pair(row)


def _named_pair(row: dict[str, Any]) -> dict[str, Any]:
    """An environment variable is a pair: its name says whether its value is a secret."""
    for name_key, value_key in (("name", "value"), ("Name", "Value"), ("ParameterKey", "ParameterValue")):
        if value_key in row and is_secret_name(str(row.get(name_key, ""))):
            row[value_key] = HIDDEN
    return row


def _plain(value: Any) -> Any:
    if isinstance(value, (bytes, bytearray)):
        return f"<{len(value)} bytes>"
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, str) and len(value) > TEXT_CHARS_MAX:
        return f"{value[:TEXT_CHARS_MAX]}… ({len(value)} characters)"
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    return f"<{type(value).__name__}>"
