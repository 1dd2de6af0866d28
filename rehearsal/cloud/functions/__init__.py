# SPDX-License-Identifier: GPL-3.0-or-later
"""Lambda functions that run: moto keeps what there is, and the code of an upload is executed in workers.

Reading order: model (values), checks and runtimes (refusals), states, policy (who may invoke), worker and pool (the
processes), invocation (Invoke), logs. What a worker runs stands in rehearsal/lambda_runtime.
"""

from __future__ import annotations

from moto.awslambda.models import LambdaFunction, lambda_backends

from rehearsal.cloud.errors import ApiError
from rehearsal.cloud.functions import checks, states
from rehearsal.cloud.functions.invocation import Invoker, find_function
from rehearsal.cloud.functions.pool import Pool
from rehearsal.cloud.operations import Call
from rehearsal.cloud.world_state import World
from rehearsal.settings import ACCOUNT_ID

CHANGES = ("UpdateFunctionCode", "UpdateFunctionConfiguration")


def install(world: World) -> None:
    pool = Pool(world.processes)
    invoker = install_with(world, pool)
    pool.start()
    world.sleepers.append(invoker)
    world.on_stop += [invoker.stop, pool.stop]


def install_with(world: World, pool: Pool) -> Invoker:
    """The layer over a pool that somebody else watches."""
    states.install(world)
    world.functions = invoker = Invoker(world, pool)
    operations = world.operations
    operations.before("lambda", "CreateFunction", lambda call: checks.check_create(call, world.clock.now()))
    for operation in CHANGES:
        operations.before("lambda", operation, lambda call: check_change(call, world.clock.now()))
    operations.before("lambda", "PublishVersion", note_unchanged)
    operations.before("lambda", "AddPermission", check_permission)
    operations.handle("lambda", "Invoke", invoker.invoke)
    return invoker


def check_change(call: Call, now: float) -> None:
    function = find_function(call.region, call.get("FunctionName"))
    states.check_changeable(function, call.get("RevisionId"))
    checks.check_settings(call, function.run_time or "", now)


def note_unchanged(call: Call) -> None:
    """A version is published once: again only after code or configuration have become different ones."""
    function = find_function(call.region, call.get("FunctionName"))
    storage = lambda_backends[ACCOUNT_ID][call.region]._lambdas._functions[function.function_name]
    if storage["versions"]:
        function.code_or_config_updated = _content(function) != _content(storage["versions"][-1])


def _content(function: LambdaFunction) -> dict[str, object]:
    volatile = {"FunctionArn", "Version", "LastModified", "RevisionId", "Description", "Policy"}
    shown = function.get_configuration(on_create=True)
    return {key: value for key, value in shown.items() if key not in volatile and "Stat" not in key}


def check_permission(call: Call) -> None:
    """A statement id is taken once."""
    function = find_function(call.region, call.get("FunctionName"), call.get("Qualifier"))
    if any(row.get("Sid") == call.get("StatementId") for row in function.policy.statements):
        text = f"The statement id ({call.get('StatementId')}) provided already exists. "
        text += "Please provide a new statement id, or remove the existing statement."
        raise ApiError("ResourceConflictException", text, 409)
