# SPDX-License-Identifier: GPL-3.0-or-later
"""States of a function: Pending until it is Active, and each update InProgress for a while.

https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

from moto.awslambda.models import LambdaFunction

from rehearsal.cloud.clock import Timed
from rehearsal.cloud.errors import ApiError
from rehearsal.cloud.world_state import World

# Settings that moto does not take over from an update.
UPDATED = {"KMSKeyArn": "kms_key_arn", "TracingConfig": "tracing_config"}


class Change:
    """What was last done to a function, and until when it takes."""

    def __init__(self, timed: Timed, *, create: bool) -> None:
        self.timed = timed
        self.create = create
        self.revision = str(uuid.uuid4())

    def __deepcopy__(self, memo: dict[int, Any]) -> Change:
        """moto copies whole functions to answer; the moment stays the same one."""
        return self


def install(world: World) -> None:
    """Stamp functions where moto makes and changes them, so that CloudFormation's are stamped too."""
    moto_init, moto_configuration = LambdaFunction.__init__, LambdaFunction.get_configuration
    moto_update, moto_code = LambdaFunction.update_configuration, LambdaFunction.update_function_code

    def stamp(function: LambdaFunction, *, create: bool) -> None:
        kind = "function_create" if create else "function_update"
        timed = world.clock.start(kind, function.function_name, function.region)
        function.medzen_change = Change(timed, create=create)
        moment = datetime.fromtimestamp(world.clock.now(), UTC)
        function.last_modified = f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}+0000"

    def init(function: LambdaFunction, *arguments: Any, **named: Any) -> None:
        moto_init(function, *arguments, **named)
        stamp(function, create=True)

    def update(function: LambdaFunction, updates: dict[str, Any]) -> dict[str, Any]:
        stamp(function, create=False)
        for name, attribute in UPDATED.items():
            if name in updates:
                setattr(function, attribute, updates[name])
        if "EphemeralStorage" in updates:
            function.ephemeral_storage = updates["EphemeralStorage"]["Size"]
        if "Environment" in updates:
            updates = {**updates, "Environment": {"Variables": (updates["Environment"] or {}).get("Variables") or {}}}
        return moto_update(function, updates)

    def update_code(function: LambdaFunction, spec: dict[str, Any]) -> dict[str, Any]:
        if not spec.get("DryRun"):
            stamp(function, create=False)
        return moto_code(function, spec)

    def describe(function: LambdaFunction, on_create: bool = False) -> dict[str, Any]:
        return {**moto_configuration(function, on_create), **describe_state(function)}

    LambdaFunction.__init__, LambdaFunction.get_configuration = init, describe
    LambdaFunction.update_configuration, LambdaFunction.update_function_code = update, update_code


def describe_state(function: LambdaFunction) -> dict[str, Any]:
    """The members of a configuration that tell how far a function is."""
    change: Change = function.medzen_change
    row = {"State": "Active", "LastUpdateStatus": "Successful", "RevisionId": change.revision}
    if change.timed.done():
        return row
    if change.create:
        reason = {"StateReason": "The function is being created.", "StateReasonCode": "Creating"}
        return row | {"State": "Pending", "LastUpdateStatus": "InProgress"} | reason
    reason = {"LastUpdateStatusReason": "The function is being updated.", "LastUpdateStatusReasonCode": "Creating"}
    return row | {"LastUpdateStatus": "InProgress"} | reason


def check_ready(function: LambdaFunction) -> None:
    """Refuse to invoke what is not active yet; an update under way is no hindrance, the old version answers."""
    if function.medzen_change.create and not function.medzen_change.timed.done():
        text = (
            "The operation cannot be performed at this time. The function is currently in the following state: Pending"
        )
        raise ApiError("ResourceConflictException", text, 409)


def check_changeable(function: LambdaFunction, revision: str | None) -> None:
    """Refuse a change while another is under way, or one that was meant for another state."""
    if not function.medzen_change.timed.done():
        if function.medzen_change.create:
            check_ready(function)
        text = f"An update is in progress for resource: {function.function_arn}"
        text = f"The operation cannot be performed at this time. {text}"
        raise ApiError("ResourceConflictException", text, 409)
    if revision and revision != function.medzen_change.revision:
        text = "The RevisionId provided does not match the latest RevisionId for the Lambda function or alias. "
        text += "Call the GetFunction or the GetAlias API to retrieve the latest RevisionId for your resource."
        raise ApiError("PreconditionFailedException", text, 412)
