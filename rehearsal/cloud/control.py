# SPDX-License-Identifier: GPL-3.0-or-later
"""The control API: what tests, traffic, edge and DNS ask the world, apart from AWS's own API."""

from __future__ import annotations

import json
import logging
from typing import Any

from rehearsal.cloud.faults import FaultError
from rehearsal.cloud.lost_regions import MODES
from rehearsal.cloud.world_state import ControlHandler, World

LOG = logging.getLogger("rehearsal.cloud")


class ControlError(ValueError):
    """A request to the control API that cannot be honoured."""


def answer_control(world: World, method: str, path: str, body: bytes, query: dict[str, str]) -> tuple[int, Any]:
    """HTTP status and JSON value for a request below /_rehearsal/."""
    found = find_route(world.control_routes, path.strip("/"))
    if found is None:
        return 404, {"error": f"No /_rehearsal/{path}; expected one of {', '.join(sorted(world.control_routes))}."}
    handler, rest = found
    try:
        return 200, handler(method, json.loads(body) if body else None, {**query, "rest": rest})
    except (ControlError, FaultError, json.JSONDecodeError) as problem:
        return 400, {"error": str(problem)}
    except Exception as problem:  # the caller is told, the server lives on
        LOG.exception("Control API: %s %s", method, path)
        return 500, {"error": f"{type(problem).__name__}: {problem}"}


def find_route(routes: dict[str, ControlHandler], path: str) -> tuple[ControlHandler, str] | None:
    """The handler of the longest path that fits, and what follows it."""
    head, rest = path, ""
    while head:
        if head in routes:
            return routes[head], rest
        head, _, part = head.rpartition("/")
        rest = f"{part}/{rest}".rstrip("/")
    return None


def install(world: World) -> None:
    """Add the routes that need no layer."""
    world.control_routes.update(
        {
            "health": lambda method, body, query: {"ready": True, "world": world.number, "scale": world.clock.scale},
            "waits": lambda method, body, query: [timed.row() for timed in list(world.waits)],
            "ledger": lambda method, body, query: world.ledger.read(query),
            "ledger/mark": lambda method, body, query: {"n": world.ledger.mark(str((body or {}).get("name", "")))},
            "clock": lambda method, body, query: change_clock(world, method, body or {}),
            "faults": lambda method, body, query: change_faults(world, method, body or {}, query["rest"]),
            "regions/lost": lambda method, body, query: change_lost(world, method, body or {}),
            "durations": lambda method, body, query: change_durations(world, method, body or {}),
        }
    )


def change_clock(world: World, method: str, body: dict[str, Any]) -> dict[str, Any]:
    """Set the scale for what starts from now on, or let AWS seconds pass at once."""
    if method == "POST":
        unknown = set(body) - {"scale", "advance"}
        if unknown or not body:
            raise ControlError(f"Clock settings {sorted(body)}; expected scale or advance.")
        if "scale" in body:
            world.clock.set_scale(float(body["scale"]))
        world.clock.advance(float(body.get("advance", 0)))
    return {"scale": world.clock.scale, "now": world.clock.now()}


def change_lost(world: World, method: str, body: dict[str, Any]) -> dict[str, str]:
    """Lose a region, or let it come back: {"region": "eu-central-1", "mode": "refuse", "blackhole" or ""}."""
    if method == "POST":
        region, mode = str(body.get("region") or ""), body.get("mode")
        if set(body) != {"region", "mode"} or mode not in (*MODES, "") or world.regions.status(region) is None:
            raise ControlError(f"Lost region {body}; expected region, and mode {', '.join(MODES)} or nothing.")
        with world.lock:
            world.lost.lose(region, mode) if mode else world.lost.regain(region)
    return world.lost.rows()


def change_durations(world: World, method: str, body: dict[str, Any]) -> dict[str, float]:
    """Read or set AWS seconds by kind."""
    unknown = sorted(set(body) - set(world.durations))
    if unknown:
        raise ControlError(f"Unknown durations {', '.join(unknown)}; expected {', '.join(sorted(world.durations))}.")
    if method == "POST":
        world.durations.update({kind: float(seconds) for kind, seconds in body.items()})
    return world.durations


def change_faults(world: World, method: str, body: dict[str, Any], rule_id: str) -> Any:
    """List, add and remove rules."""
    if method == "POST":
        return {"id": world.faults.add(body).id}
    if method == "DELETE":
        return {"removed": world.faults.remove(rule_id)}
    return world.faults.rows()
