# SPDX-License-Identifier: GPL-3.0-or-later
"""Both sides of a call against botocore's model: what a caller may send, and what this stand-in may answer.

For services that a layer answers itself. botocore's own validation, on both sides, looks at types and required members;
AWS also looks at enums, patterns and limits, and so does this.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from botocore.model import Shape
from botocore.validate import ParamValidator
from moto.core.utils import get_service_model

from rehearsal.cloud.errors import ApiError
from rehearsal.cloud.operations import Call, Hook, Outside


def modelled(answer: Hook, refuse: Callable[[str], ApiError]) -> Hook:
    """A handler whose parameters are validated before and whose result is validated afterwards.

    `refuse(text)` makes the service's own error for a bad request. A result that breaks the model is a bug of the
    stand-in and is told as one.
    """

    def call_answer(call: Call) -> dict[str, Any] | Outside:
        check_parameters(call, refuse)
        result = answer(call) or {}
        return Outside(lambda: checked(call, result.work())) if isinstance(result, Outside) else checked(call, result)

    def checked(call: Call, result: dict[str, Any]) -> dict[str, Any]:
        check_result(call, result)
        return result

    return call_answer


def check_parameters(call: Call, refuse: Callable[[str], ApiError]) -> None:
    """Refuse what the model does not allow."""
    shape = get_service_model(call.service).operation_model(call.operation).input_shape
    faults = list(iter_faults(shape, call.parameters)) if shape else []
    if faults:
        raise refuse(f"{len(faults)} validation error(s) detected: {'; '.join(faults)}")


def check_result(call: Call, result: dict[str, Any]) -> None:
    """A result in the shape of the model, with nothing that the model does not have."""
    shape = get_service_model(call.service).operation_model(call.operation).output_shape
    if shape is None:
        if result:
            raise ValueError(f"{call.service} {call.operation} answers nothing by its model, not {sorted(result)}")
        return
    report = ParamValidator().validate(result, shape)
    faults = [report.generate_report()] if report.has_errors() else list(iter_faults(shape, result))
    if faults:
        raise ValueError(f"the answer of {call.service} {call.operation} breaks its model: {'; '.join(faults)}")


def iter_faults(shape: Shape, value: Any, path: str = "") -> Iterator[str]:
    """Sentences on everything in `value` that breaks enums, patterns, limits or members of `shape`."""
    kind = shape.type_name
    if kind == "structure" and isinstance(value, dict):
        for name in shape.required_members:
            if value.get(name) is None:
                yield f"{path}{name} is required"
        for name, item in value.items():
            if name not in shape.members:
                yield f"{path}{name} is no member of {shape.name}"
            elif item is not None:
                yield from iter_faults(shape.members[name], item, f"{path}{name}.")
    elif kind == "list" and isinstance(value, list):
        yield from _iter_size_faults(shape, len(value), path)
        for item in value:
            yield from iter_faults(shape.member, item, path)
    elif kind == "map" and isinstance(value, dict):
        yield from _iter_size_faults(shape, len(value), path)
        for item in value.values():
            yield from iter_faults(shape.value, item, path)
    elif kind == "string" and isinstance(value, str):
        yield from _iter_text_faults(shape, value, path)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield from _iter_size_faults(shape, value, path)


def _iter_size_faults(shape: Shape, size: float, path: str) -> Iterator[str]:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if low is not None and size < low:
        yield f"{path.rstrip('.')} is {size:g}; the least is {low}"
    if high is not None and size > high:
        yield f"{path.rstrip('.')} is {size:g}; the most is {high}"


def _iter_text_faults(shape: Shape, value: str, path: str) -> Iterator[str]:
    name = path.rstrip(".")
    if shape.enum and value not in shape.enum:
        yield f"{name} {value!r} is none of {', '.join(shape.enum)}"
        return
    yield from _iter_size_faults(shape, len(value), path)
    pattern = shape.metadata.get("pattern")
    try:
        fits = not pattern or re.fullmatch(pattern, value) is not None
    except re.error:  # Java's own syntax
        fits = True
    if not fits:
        yield f"{name} {value!r} does not match {pattern}"
