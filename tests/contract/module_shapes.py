# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules for visits and the assistant beside botocore's model: documentation, shapes.yml, and what is said twice.

A row of shapes.yml leads from an option or a returned value to its shape; what stands below it is looked up by name.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import botocore.session
import yaml
from ansible.module_utils.common.dict_transformations import camel_dict_to_snake_dict

ROOT = Path(__file__).resolve().parents[2]
MODULES_FOLDER = ROOT / "plugins" / "modules"
FAMILIES = ("bedrock_*.py", "chime_*.py", "video_ai_*.py")
OTHERS = ("copies_info", "dynamodb_item_info", "s3_replication_probe")
MODULES = sorted([*(path.stem for family in FAMILIES for path in MODULES_FOLDER.glob(family)), *OTHERS])
OURS = "ours, "
OPTIONS, RETURNS = "options", "returns"
# Where each kind of documentation has what stands below a value.
BELOW = {OPTIONS: "suboptions", RETURNS: "contains"}


class Unmapped(Exception):
    """Neither the model nor the table knows the name."""


@dataclass(frozen=True)
class Meaning:
    """What a documented value is: its shape, or none where it is ours, and what its row says besides."""

    shape: Any
    own: Mapping[str, Any] = field(default_factory=dict)


@functools.cache
def table() -> dict[str, dict]:
    return yaml.safe_load((Path(__file__).parent / "shapes.yml").read_text(encoding="utf-8"))


@functools.cache
def documentation_of(module: str, name: str = "DOCUMENTATION") -> Any:
    """A module's documentation, examples or returned values, without importing it."""
    for node in ast.parse((MODULES_FOLDER / f"{module}.py").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and node.targets[0].id == name:
            return yaml.safe_load(ast.literal_eval(node.value))
    raise AssertionError(f"{module} has no {name}")


def documented(module: str, kind: str) -> dict:
    """Options or returned values by name."""
    return documentation_of(module)["options"] if kind == OPTIONS else documentation_of(module, "RETURN")


def iter_documented(values: Mapping, kind: str, path: str = "") -> Iterator[tuple[str, Mapping]]:
    """Path and documentation of every value, also of those below others."""
    for name, value in (values or {}).items():
        yield f"{path}{name}", value
        yield from iter_documented(value.get(BELOW[kind]), kind, f"{path}{name}.")


# --- shapes ----------------------------------------------------------------------------------------------------------


@functools.cache
def model_of(service: str) -> Any:
    return botocore.session.Session().get_service_model(service)


def member_named(shape: Any, name: str) -> Any:
    """The member of a structure, or of the structures in a list, by its own name or that in snake_case."""
    while shape.type_name == "list":
        shape = shape.member
    if shape.type_name != "structure":
        raise Unmapped(f"{shape.name} is a {shape.type_name} and has no {name}")
    for member, found in shape.members.items():
        if name in (member, next(iter(camel_dict_to_snake_dict({member: None})))):
            return found
    raise Unmapped(f"{shape.name} has no {name}; it has {', '.join(shape.members)}")


def shape_at(place: str) -> Any:
    """The shape at service:Shape.member."""
    service, _, path = place.partition(":")
    name, *members = path.split(".")
    model = model_of(service)
    if name not in model.shape_names:
        raise Unmapped(f"{service} has no shape {name}")
    return functools.reduce(member_named, members, model.shape_for(name))


def row_of(given: Any) -> tuple[str, dict]:
    """What a row says a value is, and the rest of the row."""
    if isinstance(given, str):
        return given, {}
    return given["is"], {name: value for name, value in given.items() if name != "is"}


def meaning_of(rows: Mapping[str, Any], path: str) -> Meaning:
    """What a value is: by its own row, else by its name in the shape of what it stands in."""
    if path in rows:
        place, own = row_of(rows[path])
        return Meaning(None if place.startswith(OURS) else shape_at(place), own)
    above, _, name = path.rpartition(".")
    if not above:
        raise Unmapped(f"{path} is neither in the model nor in shapes.yml")
    found = meaning_of(rows, above)
    return Meaning(None if found.shape is None else member_named(found.shape, name))


def scalar_of(shape: Any) -> Any:
    """The shape of a list's items, or the shape itself."""
    return shape.member if shape is not None and shape.type_name == "list" else shape
