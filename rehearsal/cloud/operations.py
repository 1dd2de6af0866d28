# SPDX-License-Identifier: GPL-3.0-or-later
"""What the layers hang on single API operations, and the call that they are given."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Call:
    """One API call: botocore's names for service and operation, its parameters in botocore's shape."""

    service: str
    operation: str
    region: str
    protocol: str
    parameters: dict[str, Any] = field(default_factory=dict)
    signing_name: str = ""
    known: bool = True
    access_key: str = ""

    def get(self, name: str, default: Any = None) -> Any:
        return self.parameters.get(name, default)


Hook = Callable[[Call], Any]


@dataclass(frozen=True)
class Outside:
    """What a handler returns whose work must not hold the world's lock: a function that calls back into the cloud.

    The handler itself runs under the lock and looks at moto's state; `work` gives the result and takes the lock itself
    where it needs it.
    """

    work: Callable[[], dict[str, Any]]


class Operations:
    """Checks before, changes after and answers instead of moto, by service and operation."""

    def __init__(self) -> None:
        self._before: dict[tuple[str, str], list[Hook]] = defaultdict(list)
        self._after: dict[tuple[str, str], list[Hook]] = defaultdict(list)
        self._handlers: dict[tuple[str, str], Hook] = {}
        # Checks that run before every call, known or not (is the region enabled?).
        self.every_call: list[Hook] = []

    def before(self, service: str, operation: str, check: Hook) -> None:
        self._before[service, operation].append(check)

    def after(self, service: str, operation: str, change: Hook) -> None:
        self._after[service, operation].append(change)

    def handle(self, service: str, operation: str, answer: Hook) -> None:
        if (service, operation) in self._handlers:
            raise ValueError(f"Two layers answer {service} {operation}; expected one.")
        self._handlers[service, operation] = answer

    def checks(self, call: Call) -> list[Hook]:
        return self._before.get((call.service, call.operation), [])

    def changes(self, call: Call) -> list[Hook]:
        return self._after.get((call.service, call.operation), [])

    def handler(self, call: Call) -> Hook | None:
        return self._handlers.get((call.service, call.operation))
