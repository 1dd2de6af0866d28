# SPDX-License-Identifier: GPL-3.0-or-later
"""Values that an option must refuse, made from what its documentation and its shape say.

A case is a whole task: the module's least one with a single wrong value in it.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import module_shapes as shapes
from ansible_collections.medzen.multiregion.plugins.module_utils.service_model import iter_faults
from module_shapes import OPTIONS, Meaning

NO_WORD = "NO_SUCH_WORD"
# Texts of which the first that a shape takes stands for a right one; of the others, the first that it refuses is wrong.
RIGHT = (
    "any", "eu-central-1", "alias/any", "DRAFT", "L-7F583998", "eu.guardrail.v1:0", "eu.amazon.nova-lite-v1:0",
    "arn:aws:chime:eu-central-1:123456789012:app-instance/11111111-1111-1111-1111-111111111111",
    "arn:aws:bedrock:eu-central-1::foundation-model/amazon.nova-lite-v1:0",
    "arn:aws:iam::123456789012:role/any",
    "arn:aws:bedrock:eu-central-1:123456789012:automated-reasoning-policy/abcdefghijkl",
)  # fmt: skip
WRONG = ("not a name", "two  blanks", "one, two", "é~!", "\x07\x07\x07", "-")
WRONG_KIND = {"int": "many", "float": "much", "bool": "perhaps"}


@dataclass(frozen=True)
class Case:
    """A task of which one value is wrong, and the words that its error must have."""

    module: str
    path: str
    why: str
    options: Mapping[str, Any]
    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.module}-{self.path}-{self.why}"


@functools.cache
def options_of(module: str) -> dict[str, Mapping]:
    """Path to documentation of every option."""
    return dict(shapes.iter_documented(shapes.documented(module, OPTIONS), OPTIONS))


def meaning(module: str, path: str) -> Meaning:
    return shapes.meaning_of(shapes.table()[module][OPTIONS], path)


# --- right values ----------------------------------------------------------------------------------------------------


def fits(shape: Any, value: str) -> bool:
    return not list(iter_faults(shape, value, ""))


def right_text(shape: Any) -> str:
    if shape is None or shape.type_name != "string":
        return RIGHT[0]
    if shape.enum:
        return shape.enum[0]
    right = next((value for value in RIGHT if fits(shape, value)), None)
    assert right is not None, f"no text here fits {shape.name}"
    return right


def right_value(module: str, path: str) -> Any:
    """A value that an option takes."""
    option, found = options_of(module)[path], meaning(module, path)
    if "right" in found.own:
        return copy.deepcopy(found.own["right"])
    kind = option.get("type", "str")
    scalar = shapes.scalar_of(found.shape)
    if kind == "list":
        return [right_item(module, path) if option["elements"] == "dict" else right_element(option, scalar)]
    if kind == "dict":
        return right_item(module, path)
    if kind in ("int", "float"):
        return max(found.own.get("min", 0), 1 if kind == "int" or found.own.get("min") else 0.5)
    return right_element({**option, "elements": kind}, scalar)


def right_element(option: Mapping, shape: Any) -> Any:
    if option.get("choices"):
        return option["choices"][0]
    return {"int": 1, "bool": True}.get(option["elements"]) or right_text(shape)


def right_item(module: str, path: str) -> dict[str, Any]:
    """A dict with what it must have."""
    below = options_of(module)[path].get("suboptions") or {}
    required = [name for name, option in below.items() if option.get("required")]
    return {name: right_value(module, f"{path}.{name}") for name in required}


# --- wrong values ----------------------------------------------------------------------------------------------------


def wrong_values(option: Mapping, found: Meaning) -> Iterator[tuple[str, Any]]:
    """Why a value is wrong, and the value."""
    yield from wrong_by_spec(option)
    if found.shape is not None:
        many = option.get("type") == "list"
        if many and found.shape.type_name == "list":
            yield from wrong_sizes(found)
        scalar = shapes.scalar_of(found.shape)
        for why, value in wrong_by_shape(scalar, option, found.own):
            yield why, [value] if many else value
    yield from wrong_by_row(found.own, option.get("type") == "list")


def wrong_by_spec(option: Mapping) -> Iterator[tuple[str, Any]]:
    many = option.get("type") == "list"
    kind = option.get("elements") if many else option.get("type", "str")
    if option.get("choices"):
        yield "choice", [NO_WORD] if many else NO_WORD
    elif kind in WRONG_KIND:
        yield "type", [WRONG_KIND[kind]] if many else WRONG_KIND[kind]


def wrong_sizes(found: Meaning) -> Iterator[tuple[str, Any]]:
    if found.shape.metadata.get("min") and "empty" not in found.own:
        yield "none", []


def wrong_by_shape(shape: Any, option: Mapping, own: Mapping) -> Iterator[tuple[str, Any]]:
    low, high = shape.metadata.get("min"), own.get("max", shape.metadata.get("max"))
    if shape.type_name == "string":
        if shape.enum and not option.get("choices"):
            yield "word", NO_WORD
        if shape.enum:
            return
        if high:
            yield "long", right_text(shape)[:1] * (high + 1)
        if low and "empty" not in own:
            yield "empty", ""
        if shape.metadata.get("pattern") and (wrong := first_wrong(shape)):
            yield "pattern", wrong
    elif shape.type_name in ("integer", "long", "float", "double"):
        if low is not None:
            yield "small", low - 1
        if high is not None:
            yield "large", high + 1


def first_wrong(shape: Any) -> str | None:
    """A text of the right length that the pattern refuses; none where it takes all."""
    least = shape.metadata.get("min") or 1
    texts = [(value * least)[: max(least, len(value))] for value in WRONG]
    return next((value for value in texts if not fits(shape, value)), None)


def wrong_by_row(own: Mapping, many: bool) -> Iterator[tuple[str, Any]]:
    """Limits of ours, and values that are wrong for another reason."""
    for why, name, step in (("under", "min", -1), ("over", "max", 1)):
        if name in own:
            yield why, [own[name] + step] if many else own[name] + step
    yield from ((f"bad{number}", value) for number, value in enumerate(own.get("bad", [])))


# --- tasks -----------------------------------------------------------------------------------------------------------


def least_task(module: str, option: str) -> dict[str, Any]:
    """The module's least task with what belongs to the option."""
    entry = shapes.table()[module]
    return copy.deepcopy({**entry["minimal"], **entry.get("together", {}).get(option, {})})


def excluded_by(module: str, path: str) -> set[str]:
    """Names beside the option that do not go with it."""
    groups = [group for group in shapes.table()[module].get("apart", []) if path in group]
    return {other.rpartition(".")[2] for group in groups for other in group if other != path}


def task_with(module: str, path: str, value: Any) -> dict[str, Any]:
    """The least task with this value at this path, and the rest of what it stands in."""
    steps, task = path.split("."), least_task(module, path.split(".")[0])
    place: dict[str, Any] = task
    for number, step in enumerate(steps, start=1):
        above = ".".join(steps[:number])
        for other in excluded_by(module, above):
            place.pop(other, None)
        if number == len(steps):
            place[step] = value
        elif not place.get(step):
            place[step] = right_value(module, above)
        below = place[step]
        place = below[0] if isinstance(below, list) and below else below
    return task


def iter_cases(module: str) -> Iterator[Case]:
    for path, option in options_of(module).items():
        words = tuple(path.split("."))
        found = meaning(module, path)
        for why, value in wrong_values(option, found):
            # What is wrong for a reason of ours may be told by the option that it does not go with.
            told = words[:1] if why.startswith("bad") else words
            yield Case(module, path, why, task_with(module, path, value), told)
        yield from iter_crowds(module, path, option, found)
        if option.get("required"):
            yield Case(module, path, "missing", task_without(module, path), words)


def iter_crowds(module: str, path: str, option: Mapping, found: Meaning) -> Iterator[Case]:
    """One item more than a list may have."""
    if option.get("type") != "list" or found.shape is None or found.shape.type_name != "list":
        return
    high = found.shape.metadata.get("max")
    if high:
        (item,) = right_value(module, path)
        crowd = [item if not isinstance(item, dict) else dict(item) for _number in range(high + 1)]
        yield Case(module, path, "crowd", task_with(module, path, crowd), tuple(path.split(".")))


def task_without(module: str, path: str) -> dict[str, Any]:
    above, _, name = path.rpartition(".")
    if not above:
        return {option: value for option, value in least_task(module, name).items() if option != name}
    item = {key: value for key, value in right_item(module, above).items() if key != name}
    listed = options_of(module)[above].get("type") == "list"
    return task_with(module, above, [item] if listed else item)


def right_task(module: str, path: str) -> dict[str, Any]:
    """The same task as in the cases of an option, with a value that is right."""
    return task_with(module, path, right_value(module, path))
