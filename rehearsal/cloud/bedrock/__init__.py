# SPDX-License-Identifier: GPL-3.0-or-later
"""Amazon Bedrock: models and profiles by region, guardrails that filter, logging, retention, and answers.

In reading order: `models.yml` and `catalogue` (what is offered where), `state` (what exists), `endpoints` (where the
service is), `foundation_models`, `profiles`, `policies` and `guardrails`, `tags`, `invocation_logging`, `retention`;
then what answers: `routing`, `languages`, `patterns` and `filters`, `applied` (a guardrail at work), `answers`,
`converse`; and `control` (what a test can set and read).
"""

from __future__ import annotations

import functools

from rehearsal.cloud.bedrock import (
    applied,
    control,
    converse,
    endpoints,
    foundation_models,
    guardrails,
    invocation_logging,
    profiles,
    retention,
    tags,
)
from rehearsal.cloud.bedrock.state import Bedrock, invalid
from rehearsal.cloud.shapes import modelled
from rehearsal.cloud.world_state import World

CONTROL_PLANE = (foundation_models, profiles, guardrails, tags, invocation_logging, retention)
RUNTIME = (applied, converse)


def install(world: World) -> Bedrock:
    bedrock = Bedrock(world)
    # Before any other check: a name that does not resolve asks for no credentials.
    world.operations.every_call.insert(0, endpoints.build_check(bedrock))
    for part in CONTROL_PLANE:
        handle(bedrock, "bedrock", part.OPERATIONS)
    for part in RUNTIME:
        handle(bedrock, "bedrock-runtime", part.OPERATIONS)
    world.operations.after("iam", "CreateRole", functools.partial(invocation_logging.note_role, bedrock))
    world.control_routes["bedrock"] = lambda method, body, query: control.control(bedrock, method, body or {})
    world.control_routes["bedrock/answers"] = lambda method, body, query: control.answers(bedrock, query)
    return bedrock


def handle(bedrock: Bedrock, service: str, operations: dict) -> None:
    for operation, answer in operations.items():
        bound = functools.partial(answer, bedrock)
        bedrock.world.operations.handle(service, operation, modelled(bound, invalid, endpoints.within_model))
