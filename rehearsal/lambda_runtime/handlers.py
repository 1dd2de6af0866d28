# SPDX-License-Identifier: GPL-3.0-or-later
"""Load a function's handler and call it, with the errors that Lambda's Python runtime reports.

https://docs.aws.amazon.com/lambda/latest/dg/python-exceptions.html
https://docs.aws.amazon.com/lambda/latest/dg/python-context.html
"""

from __future__ import annotations

import importlib
import json
import os
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

Handler = Callable[[Any, "Context"], Any]


class RuntimeProblem(Exception):
    """The runtime itself cannot do what was asked: its error type is Lambda's own."""

    def __init__(self, error_type: str, message: str) -> None:
        super().__init__(message)
        self.error_type = error_type


@dataclass(frozen=True)
class Context:
    """What a handler learns of its invocation."""

    aws_request_id: str
    invoked_function_arn: str
    deadline_ms: int
    function_name: str
    function_version: str
    memory_limit_in_mb: str
    log_group_name: str
    log_stream_name: str
    identity: None = None
    client_context: None = None

    def get_remaining_time_in_millis(self) -> int:
        return max(0, self.deadline_ms - int(time.time() * 1000))


def build_context(invocation: dict[str, Any]) -> Context:
    return Context(
        aws_request_id=invocation["request_id"],
        invoked_function_arn=invocation["arn"],
        deadline_ms=int(invocation["deadline_ms"]),
        function_name=os.environ.get("AWS_LAMBDA_FUNCTION_NAME", ""),
        function_version=os.environ.get("AWS_LAMBDA_FUNCTION_VERSION", ""),
        memory_limit_in_mb=os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", ""),
        log_group_name=os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME", ""),
        log_stream_name=os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME", ""),
    )


def load_handler(name: str) -> Handler:
    """The function behind `module.function`; folders of the module are parted by slashes."""
    path, dot, function = name.rpartition(".")
    if not dot:
        raise RuntimeProblem("Runtime.MalformedHandlerName", f"Bad handler '{name}': not enough values to unpack")
    module_name = path.replace("/", ".")
    try:
        module = importlib.import_module(module_name)
    except SyntaxError as problem:
        text = f"Syntax error in module '{path}': {problem}"
        raise RuntimeProblem("Runtime.UserCodeSyntaxError", text) from problem
    except ImportError as problem:
        raise RuntimeProblem("Runtime.ImportModuleError", f"Unable to import module '{path}': {problem}") from problem
    handler = getattr(module, function, None)
    if handler is None:
        raise RuntimeProblem("Runtime.HandlerNotFound", f"Handler '{function}' missing on module '{path}'")
    return handler


def answer(handler: Handler, invocation: dict[str, Any]) -> dict[str, Any]:
    """The invocation's answer: the result as JSON text, or the error."""
    try:
        result = handler(invocation["event"], build_context(invocation))
        return {"result": marshal(result)}
    except BaseException as problem:
        return {"error": describe_error(problem, invocation["request_id"])}


def marshal(result: Any) -> str:
    try:
        return json.dumps(result, ensure_ascii=False, default=_plain)
    except (TypeError, ValueError) as problem:
        raise RuntimeProblem("Runtime.MarshalError", f"Unable to marshal response: {problem}") from problem


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def describe_error(problem: BaseException, request_id: str = "") -> dict[str, Any]:
    """An exception as Lambda reports it."""
    if isinstance(problem, RuntimeProblem):
        described = {"errorMessage": str(problem), "errorType": problem.error_type, "stackTrace": []}
    elif isinstance(problem, SystemExit):
        text = f"RequestId: {request_id} Error: Runtime exited with error: exit status {problem.code}"
        return {"errorType": "Runtime.ExitError", "errorMessage": text}
    else:
        # The first frame is this file's own.
        frames = traceback.format_list(traceback.extract_tb(problem.__traceback__)[1:])
        described = {"errorMessage": str(problem), "errorType": type(problem).__name__, "stackTrace": frames}
    return {**described, "requestId": request_id}
