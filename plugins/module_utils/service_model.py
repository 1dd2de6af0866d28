# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A request against botocore's own model, before it is sent.

botocore checks required members, types and minimum lengths only. Enums, patterns and maxima are found out by the
service, in check mode by nobody: `check_request` looks at all of them and names the option.
"""

from __future__ import annotations

import contextlib
import functools
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

with contextlib.suppress(ImportError):  # AnsibleAWSModule reports the missing library
    import botocore.session

from ansible.module_utils.common.dict_transformations import camel_dict_to_snake_dict
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused, refuse_faults

NUMBERS = ("integer", "long", "float", "double")


def require_operations(client: Any, *operations: str, since: str = "") -> None:
    """Refuse when the installed botocore does not know an operation: going on without it would be silently weaker."""
    model = client.meta.service_model
    missing = sorted(set(operations) - set(model.operation_names))
    if missing:
        raise Refused(
            f"The installed botocore cannot {', '.join(missing)}",
            found=f"a model of {model.service_name} without {'it' if len(missing) == 1 else 'them'}",
            expected=f"boto3 {since} or newer" if since else "a newer boto3",
            next_step="upgrade boto3 and botocore",
            result={"reason": "feature_missing", "operations": missing},
        )


def check_request(
    client: Any, operation: str, request: Mapping, names: Mapping[str, str] | None = None, skip: tuple[str, ...] = ()
) -> None:
    """Refuse a request that the service would refuse for its form, with every fault in one message.

    `names` maps a member's path, as `topicPolicyConfig.topicsConfig[].name`, or a leading part of it, to the option's
    name; without one the path is told in snake_case. `skip` lists paths whose limit in the model is known to be wrong.
    """
    shape = client.meta.service_model.operation_model(operation).input_shape
    found = [(path, fault) for path, fault in iter_faults(shape, request, "") if bare(path) not in skip]
    refuse_request(operation, found, names)


@functools.cache
def model_of(service: str) -> Any:
    """A service's model without a client."""
    return botocore.session.get_session().get_service_model(service)


def check_members(service: str, operation: str, members: Mapping, names: Mapping[str, str] | None = None) -> None:
    """As `check_request`, of members whose request is not complete yet; one that is None is not given.

    A member of a member is named by its path, as `topicPolicyConfig.tierConfig`.
    """
    shape = model_of(service).operation_model(operation).input_shape
    given = {path: value for path, value in members.items() if value is not None}
    found = [one for path, value in given.items() for one in iter_faults(member_at(shape, path), value, path)]
    refuse_request(operation, found, names)


def member_at(shape: Any, path: str) -> Any:
    """The shape at a path of members; `name[]` is an item of a list."""
    for name in path.split("."):
        shape = shape.members[name.removesuffix("[]")]
        shape = shape.member if name.endswith("[]") else shape
    return shape


def refuse_request(operation: str, found: Iterable[tuple[str, str]], names: Mapping[str, str] | None) -> None:
    faults = [f"{option_name(path, names or {})}: {fault}" for path, fault in found]
    refuse_faults(f"{operation} would be refused", faults)


def iter_faults(shape: Any, value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Path and fault of everything in `value` that breaks `shape`. Wrong types are left to botocore: it sees them."""
    kind = shape.type_name
    if kind == "structure" and isinstance(value, Mapping):
        yield from iter_member_faults(shape, value, path)
    elif kind == "list" and isinstance(value, (list, tuple)):
        yield from iter_size_faults(shape, len(value), path, "items")
        for number, item in enumerate(value):
            yield from iter_faults(shape.member, item, f"{path}[{number}]")
    elif kind == "map" and isinstance(value, Mapping):
        yield from iter_size_faults(shape, len(value), path, "entries")
        for key, item in value.items():
            yield from iter_faults(shape.key, key, f"{path}.{key}")
            yield from iter_faults(shape.value, item, f"{path}.{key}")
    elif kind == "string" and isinstance(value, str):
        yield from iter_text_faults(shape, value, path)
    elif kind in NUMBERS and isinstance(value, (int, float)) and not isinstance(value, bool):
        yield from iter_size_faults(shape, value, path, "")


def iter_member_faults(shape: Any, value: Mapping, path: str) -> Iterator[tuple[str, str]]:
    for name in shape.required_members:
        if value.get(name) is None:
            yield join(path, name), "is required"
    for name, item in value.items():
        if name not in shape.members:
            yield join(path, name), f"is unknown to this botocore; it knows {', '.join(sorted(shape.members))}"
        elif item is not None:
            yield from iter_faults(shape.members[name], item, join(path, name))


def iter_size_faults(shape: Any, size: float, path: str, unit: str) -> Iterator[tuple[str, str]]:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    found = f"{size:g} {unit}".strip()
    if low is not None and size < low:
        yield path, f"has {found}; expected {low} or more"
    if high is not None and size > high:
        yield path, f"has {found}; expected {high} or fewer" if unit else f"is {found}; expected {high} at most"


def iter_text_faults(shape: Any, value: str, path: str) -> Iterator[tuple[str, str]]:
    """Text that the model marks as sensitive is not repeated."""
    told = "the value" if shape.metadata.get("sensitive") else repr(value)
    if shape.enum and value not in shape.enum:
        yield path, f"is {told}; expected one of {', '.join(shape.enum)}"
        return
    yield from iter_size_faults(shape, len(value), path, "characters")
    pattern = shape.metadata.get("pattern")
    if pattern and not matches(pattern, value):
        yield path, f"{told} does not match {pattern}"


def matches(pattern: str, value: str) -> bool:
    """The model's patterns are Java's; one that Python cannot read decides nothing. Anchored, as the services do."""
    try:
        return re.fullmatch(pattern, value, re.DOTALL if "(.|\\n)" in pattern else 0) is not None
    except re.error:
        return True


def join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def bare(path: str) -> str:
    """A path without the numbers of its items."""
    return re.sub(r"\[\d+\]", "[]", path)


def option_name(path: str, names: Mapping[str, str]) -> str:
    """The option behind a member's path: the longest known leading part, and the rest in snake_case."""
    plain, index = bare(path), re.findall(r"\[\d+\]", path)
    known = max((one for one in names if plain == one or plain.startswith((f"{one}.", f"{one}["))), key=len, default="")
    rest = ".".join(
        next(iter(camel_dict_to_snake_dict({part: None}))) for part in plain[len(known) :].split(".") if part
    )
    told = (names[known] + ("" if not rest or rest.startswith("[") else ".") + rest) if known else rest
    for number in index[-told.count("[]") :] if "[]" in told else []:
        told = told.replace("[]", number, 1)
    return told
