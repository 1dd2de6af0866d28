# SPDX-License-Identifier: GPL-3.0-or-later
"""Which route of an HTTP API takes a request, and which API a custom domain name's path leads to. Pure.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

DEFAULT = "$default"


@dataclass(frozen=True)
class Match:
    """A route's key with the parts of the path that its variables took."""

    route_key: str
    parameters: dict[str, str] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """The path as an ARN of the route names it."""
        return self.route_key.partition(" ")[2] or f"/{DEFAULT}"


def choose(route_keys: Iterable[str], method: str, path: str) -> Match | None:
    """The most specific route: a full match, then a greedy variable, then $default; a method before ANY."""
    found: list[tuple[tuple[int, ...], Match]] = []
    for key in route_keys:
        if key == DEFAULT:
            found.append(((2,), Match(key)))
            continue
        wanted_method, _, template = key.partition(" ")
        parameters = match_path(template, path)
        if parameters is not None and wanted_method in (method, "ANY"):
            rank = (1 if "+}" in template else 0, template.count("{"), -len(template), int(wanted_method == "ANY"))
            found.append((rank, Match(key, parameters)))
    return min(found, key=lambda one: one[0])[1] if found else None


def match_path(template: str, path: str) -> dict[str, str] | None:
    """What the variables of a route's path take; none when it does not fit."""
    wanted, given = template.strip("/").split("/"), path.strip("/").split("/")
    parameters: dict[str, str] = {}
    for position, part in enumerate(wanted):
        if part.startswith("{") and part.endswith("+}"):
            rest = "/".join(given[position:])
            return {**parameters, part[1:-2]: rest} if rest else None
        if position >= len(given):
            return None
        if part.startswith("{") and part.endswith("}") and given[position]:
            parameters[part[1:-1]] = given[position]
        elif part != given[position]:
            return None
    return parameters if len(wanted) == len(given) else None


def choose_stage(stages: Iterable[str], path: str) -> tuple[str, str] | None:
    """The stage that the first part of a path names, else $default; with what is left of the path."""
    first, _, rest = path.lstrip("/").partition("/")
    names = set(stages)
    if first in names:
        return first, f"/{rest}"
    return (DEFAULT, path) if DEFAULT in names else None


def choose_mapping(keys: Iterable[str], path: str) -> tuple[str, str] | None:
    """The longest mapping key that begins a path, with what is left of the path; the empty key takes all."""
    inside = f"{path.strip('/')}/"
    fitting = [key for key in keys if not key or inside.startswith(f"{key}/")]
    if not fitting:
        return None
    longest = max(fitting, key=len)
    return longest, "/" + path.lstrip("/")[len(longest) :].lstrip("/")
