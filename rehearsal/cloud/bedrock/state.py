# SPDX-License-Identifier: GPL-3.0-or-later
"""What one world's Bedrock knows: its catalogue, and by region guardrails, profiles, logging, retention and knobs."""

from __future__ import annotations

import uuid
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from rehearsal.cloud.bedrock.catalogue import Catalogue, load_catalogue
from rehearsal.cloud.clock import Timed
from rehearsal.cloud.endpoints import endpoint_regions
from rehearsal.cloud.errors import ApiError
from rehearsal.cloud.operations import Call
from rehearsal.cloud.world_state import World
from rehearsal.settings import ACCOUNT_ID


@dataclass
class Knobs:
    """What a test sets; POST /_rehearsal/bedrock."""

    # Reads after a create that do not find the new resource yet.
    not_found_reads: int = 0
    # Seconds (of AWS) in which a new role is refused as target of the logging configuration.
    role_settle_s: float = 10.0
    # Whether the account has told Anthropic what it uses its models for.
    use_case_submitted: bool = True
    guardrails_max: int = 100
    guardrail_versions_max: int = 20
    application_profiles_max: int = 1000
    tags_max: int = 50
    # What an answer reports before its first token; a real delay is a fault with the action "delay".
    latency_ms: int = 420
    # How a model past its end of life, and one that is silenced in all its regions, refuse.
    end_of_life_code: str = "ResourceNotFoundException"
    silent_code: str = "ServiceUnavailableException"


@dataclass
class RegionState:
    """Everything that exists in one region."""

    guardrails: dict[str, Any] = field(default_factory=dict)
    profiles: dict[str, Any] = field(default_factory=dict)
    logging: dict[str, Any] | None = None
    retention: dict[str, Any] = field(default_factory=lambda: {"mode": "default"})


class Bedrock:
    """One world's Bedrock. Handlers receive it with the call and run under the world's lock."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.started = self.now()
        self.catalogue: Catalogue = load_catalogue(self.started)
        self.knobs = Knobs()
        self.endpoints = set(endpoint_regions("bedrock"))
        self._regions: dict[str, RegionState] = defaultdict(RegionState)
        self._hidden: dict[str, int] = {}
        # Set by control: (model id, region or "*") of entitlement taken away, throttled, not answering.
        self.denied: set[tuple[str, str]] = set()
        self.throttled: set[tuple[str, str]] = set()
        self.silent: set[tuple[str, str]] = set()
        self.pending_agreement: set[tuple[str, str]] = set()
        # Guardrails (id or id:version) and profiles (id) that something uses.
        self.in_use: set[str] = set()
        # Roles that were made a short while ago, by name.
        self.new_roles: dict[str, Timed] = {}
        # Every answer of a model: asked in which region, answered in which.
        self.answers: list[dict[str, Any]] = []
        self.turn = -1
        # Why guardrails fail that are created, updated or numbered next, first come first.
        self.failures: list[list[str]] = []

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.world.clock.now(), UTC)

    def region(self, call: Call) -> RegionState:
        return self._regions[call.region]

    def take_failure(self) -> list[str]:
        return self.failures.pop(0) if self.failures else []

    def hide(self, arn: str) -> None:
        """Let the first reads after a create miss it."""
        self._hidden[arn] = self.knobs.not_found_reads

    def seen(self, arn: str) -> bool:
        """Whether a read finds a resource already; each look brings it nearer."""
        left = self._hidden.get(arn, 0)
        self._hidden[arn] = max(0, left - 1)
        return left == 0


def set_for(rules: set[tuple[str, str]], model_id: str, region: str) -> bool:
    """Whether a rule of the control API holds for a model in a region."""
    return bool(rules & {(model_id, region), (model_id, "*"), ("*", region), ("*", "*")})


def build_id() -> str:
    """Twelve lower-case letters and digits, as AWS numbers guardrails and profiles."""
    return uuid.uuid4().hex[:12]


def build_arn(region: str, path: str) -> str:
    return f"arn:aws:bedrock:{region}:{ACCOUNT_ID}:{path}"


def invalid(text: str) -> ApiError:
    return ApiError("ValidationException", text, 400)


def not_found(text: str) -> ApiError:
    return ApiError("ResourceNotFoundException", text, 404)


def conflict(text: str) -> ApiError:
    return ApiError("ConflictException", text, 409)


def over_quota(text: str) -> ApiError:
    return ApiError("ServiceQuotaExceededException", text, 402)


def page(call: Call, rows: list[Any], default: int = 100) -> tuple[list[Any], dict[str, str]]:
    """The rows that a listing call asks for, and the token of what follows."""
    token = call.get("nextToken") or "0"
    if not token.isdigit():
        raise invalid("The provided pagination token is invalid.")
    start, size = int(token), int(call.get("maxResults") or default)
    following = {"nextToken": str(start + size)} if start + size < len(rows) else {}
    return rows[start : start + size], following
