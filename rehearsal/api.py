# SPDX-License-Identifier: GPL-3.0-or-later
"""A client of a world's control API."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

from rehearsal.settings import Settings

# A proxy of the environment must not stand between us and loopback.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class ApiUnreachable(RuntimeError):
    """The world does not answer."""


def control(settings: Settings, path: str, body: Any = None, method: str | None = None, timeout_s: float = 10.0) -> Any:
    """Call /_rehearsal/<path>: GET without a body, POST with one, unless a method is given."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{settings.api_url}/_rehearsal/{path}", data=data, method=method)
    try:
        with _OPENER.open(request, timeout=timeout_s) as response:
            return json.load(response)
    except urllib.error.HTTPError as problem:
        text = problem.read().decode(errors="replace")
        raise RuntimeError(f"World {settings.world} refused {path}: {text}") from problem
    except OSError as problem:
        text = f"World {settings.world} does not answer on {settings.api_url} ({problem})"
        raise ApiUnreachable(f"{text}; start it with: python -m rehearsal up") from problem


def is_ready(settings: Settings) -> bool:
    try:
        return bool(control(settings, "health", timeout_s=2).get("ready"))
    except (ApiUnreachable, RuntimeError):
        return False
