# SPDX-License-Identifier: GPL-3.0-or-later
"""Idempotency tokens: a call repeated with the token of one that succeeded gets that answer and changes nothing.

moto ignores most tokens, so a client that lost an answer and tried again would make a second NAT gateway.
https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html
"""

from __future__ import annotations

import json

from moto.core.utils import get_service_model

from rehearsal.cloud.clock import Clock, Timed
from rehearsal.cloud.errors import ApiError
from rehearsal.cloud.operations import Call
from rehearsal.cloud.redaction import plain
from rehearsal.cloud.wire import Answer

TOKEN_NAMES = ("ClientToken", "clientToken", "IdempotencyToken", "ClientRequestToken")
# Services that compare token and content by themselves, or whose tokens also name something.
OWN_TOKENS = {"secretsmanager", "cloudformation", "dynamodb", "chime-sdk-meetings"}
# How services say that a token came with other parameters, where not as EC2 does.
MISMATCHES = {
    "bedrock": ("ConflictException", 400),
    "chime-sdk-identity": ("ConflictException", 409),
    "chime-sdk-messaging": ("ConflictException", 409),
    "chime-sdk-media-pipelines": ("BadRequestException", 400),
}
# AWS keeps them for 1 to 24 hours, by service.
KEPT_SECONDS = 3600.0


class Repeats:
    """Answers to calls with a token, by service, region, operation and token."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: dict[tuple[str, ...], tuple[str, Answer, Timed]] = {}

    def keep(self, call: Call, answer: Answer) -> None:
        key = find_token(call)
        if key is not None:
            until = self._clock.start("token", key[-1], call.region, KEPT_SECONDS, listed=False)
            self._kept[key] = (content(call), answer, until)

    def find(self, call: Call) -> Answer | None:
        """The answer to the same call before; refuses a token that comes with other parameters."""
        key = find_token(call)
        if key is None or key not in self._kept:
            return None
        before, answer, until = self._kept[key]
        if until.done():
            del self._kept[key]
            return None
        if before != content(call):
            text = f"The idempotency token {key[-1]} was used for {call.operation} with other parameters."
            code, status = MISMATCHES.get(call.service, ("IdempotentParameterMismatch", 400))
            raise ApiError(code, text, status)
        return answer


def find_token(call: Call) -> tuple[str, ...] | None:
    """What tells a repeated call, or nothing when the operation takes no token."""
    if not call.known or call.service in OWN_TOKENS:
        return None
    for name in (*TOKEN_NAMES, *_modelled_tokens(call)):
        if call.parameters.get(name):
            return (call.service, call.region, call.operation, str(call.parameters[name]))
    return None


def content(call: Call) -> str:
    """The parameters as text that can be compared."""
    return json.dumps(plain(call.parameters), sort_keys=True)


def _modelled_tokens(call: Call) -> list[str]:
    return list(get_service_model(call.service).operation_model(call.operation).idempotent_members)
