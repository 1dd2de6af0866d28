# SPDX-License-Identifier: GPL-3.0-or-later
"""Values that the parts of the layer hand to each other: a version of a function as a worker needs it, an answer."""

from __future__ import annotations

import hashlib
import json
import uuid
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Version:
    """One version of a function with its code and settings; another setting is another worker."""

    arn: str
    region: str
    name: str
    number: str
    handler: str
    runtime: str
    timeout_s: int
    memory_mb: int
    environment: tuple[tuple[str, str], ...]
    code_sha256: str
    code: bytes = field(compare=False, repr=False)

    @property
    def log_group(self) -> str:
        return f"/aws/lambda/{self.name}"

    @property
    def folder_name(self) -> str:
        digest = hashlib.sha256(f"{self.code_sha256} {self.region}".encode()).hexdigest()
        return f"{self.name}-{digest[:16]}"


@dataclass(frozen=True)
class Outcome:
    """What an invocation came to: the payload as bytes, the kind of failure, what the function said."""

    payload: bytes
    error: str = ""
    log: str = ""

    def value(self) -> Any:
        return json.loads(self.payload or b"null")


def failure(error_type: str, message: str, log: str = "") -> Outcome:
    """An error of the runtime itself, in Lambda's words."""
    text = json.dumps({"errorType": error_type, "errorMessage": message})
    return Outcome(text.encode(), "Unhandled", log)


@dataclass(frozen=True)
class Request:
    """One invocation."""

    event: Any
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
