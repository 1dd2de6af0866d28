# SPDX-License-Identifier: GPL-3.0-or-later
"""Refusals in the words that botocore's model has for an operation, and the rate limit that every call meets first."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable

from moto.core.utils import get_service_model

from rehearsal.cloud.errors import ApiError
from rehearsal.cloud.operations import Call

SECOND = 1.0


def refusal(call: Call, code: str, text: str) -> ApiError:
    """An error that this operation can answer, with the HTTP status of the model; any other is our own bug."""
    modelled = {
        shape.name: shape for shape in get_service_model(call.service).operation_model(call.operation).error_shapes
    }
    if code not in modelled:
        raise ValueError(f"{call.service} {call.operation} never answers {code}; expected one of {sorted(modelled)}")
    return ApiError(code, text, modelled[code].metadata["error"]["httpStatusCode"])


def bad_request(call: Call, text: str) -> ApiError:
    return refusal(call, "BadRequestException", text)


def not_found(call: Call, text: str) -> ApiError:
    return refusal(call, "NotFoundException", text)


def forbidden(call: Call, text: str) -> ApiError:
    return refusal(call, "ForbiddenException", text)


def over_quota(call: Call, text: str) -> ApiError:
    """Meetings and the other services name a reached quota differently."""
    code = "LimitExceededException" if call.service == "chime-sdk-meetings" else "ResourceLimitExceededException"
    return refusal(call, code, text)


def throttled(call: Call) -> ApiError:
    code = "ThrottlingException" if call.service == "chime-sdk-meetings" else "ThrottledClientException"
    return refusal(call, code, f"The rate of {call.operation} in {call.region} is exceeded.")


class RateLimit:
    """Requests in any one second, by operation and region; off until somebody sets it."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.per_second: float | None = None
        self._now = now
        self._taken: dict[tuple[str, str, str], deque[float]] = defaultdict(deque)

    def take(self, call: Call) -> None:
        """Count a request; refuse the one too many."""
        if self.per_second is None:
            return
        taken, now = self._taken[call.service, call.operation, call.region], self._now()
        while taken and taken[0] <= now - SECOND:
            taken.popleft()
        if len(taken) >= self.per_second:
            raise throttled(call)
        taken.append(now)
