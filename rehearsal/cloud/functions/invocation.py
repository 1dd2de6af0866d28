# SPDX-License-Identifier: GPL-3.0-or-later
"""Invoke: checked under the world's lock, run outside of it, at once or later.

https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
"""

from __future__ import annotations

import base64
import json
import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from moto.awslambda.exceptions import UnknownFunctionException
from moto.awslambda.models import LambdaFunction, lambda_backends

from rehearsal.cloud.errors import ApiError
from rehearsal.cloud.functions import logs, states
from rehearsal.cloud.functions.model import Outcome, Request, Version, failure
from rehearsal.cloud.functions.policy import is_allowed
from rehearsal.cloud.functions.pool import Pool, Throttled
from rehearsal.cloud.operations import Call, Outside
from rehearsal.cloud.world_state import World
from rehearsal.settings import ACCOUNT_ID

LOG = logging.getLogger("rehearsal.cloud")
PAYLOAD_BYTES_MAX = 6 * 1024 * 1024
EVENT_BYTES_MAX = 1024 * 1024
# AWS waits so many seconds before the second and the third try of an event.
RETRY_SECONDS = (60.0, 120.0)
LATER_THREADS = 4


class Refused(Exception):
    """A service may not invoke the function, or it is not there; the text says which."""


class Invoker:
    """Runs functions for the API, for API Gateway and for S3."""

    def __init__(self, world: World, pool: Pool) -> None:
        self._world = world
        self._pool = pool
        self._later = _threads()
        self._stopped = threading.Event()

    def stop(self) -> None:
        self._stopped.set()
        self._later.shutdown(wait=False, cancel_futures=True)

    # --- copies of the world

    needs_names = True

    def busy(self) -> str:
        return self._pool.busy()

    def freeze(self) -> None:
        """Let the events end that are under way, then the workers."""
        self._later.shutdown(wait=True)
        self._pool.freeze()

    def thaw(self) -> None:
        self._later = _threads()
        self._pool.start()

    def is_awake(self) -> bool:
        """Workers start when they are needed."""
        return True

    # --- the API

    def invoke(self, call: Call) -> dict[str, Any] | Outside:
        function = find_function(call.region, call.get("FunctionName"), call.get("Qualifier"))
        states.check_ready(function)
        version = build_version(function)
        kind = call.get("InvocationType") or "RequestResponse"
        request = Request(read_payload(call.get("Payload"), kind))
        if kind == "DryRun":
            return {"StatusCode": 204}
        if kind == "Event":
            self.run_later(version, request)
            return {"StatusCode": 202}
        return Outside(lambda: self._answer(version, request, with_log=call.get("LogType") == "Tail"))

    def _answer(self, version: Version, request: Request, *, with_log: bool) -> dict[str, Any]:
        try:
            outcome, lines = self.run(version, request)
        except Throttled as problem:
            raise ApiError("TooManyRequestsException", "Rate Exceeded.", 429) from problem
        result = {"StatusCode": 200, "ExecutedVersion": version.number, "Payload": outcome.payload}
        if outcome.error:
            result["FunctionError"] = outcome.error
        if with_log:
            result["LogResult"] = base64.b64encode(logs.tail(lines)).decode()
        return result

    # --- for everybody

    def run(self, version: Version, request: Request) -> tuple[Outcome, list[str]]:
        """Invoke and wait; must not be called under the world's lock, because the function calls back."""
        started = time.monotonic()
        outcome = self._pool.run(version, request)
        if len(outcome.payload) > PAYLOAD_BYTES_MAX:
            text = f"Response payload size exceeded maximum allowed payload size ({PAYLOAD_BYTES_MAX} bytes)."
            outcome = failure("Function.ResponseSizeTooLarge", text, outcome.log)
        lines = logs.build_lines(version, request, outcome, (time.monotonic() - started) * 1000)
        with self._world.lock:
            logs.write(version, lines, time.time())
        return outcome, lines

    def run_later(self, version: Version, request: Request) -> None:
        """Invoke without anybody waiting; an event that fails is tried twice more."""
        if not self._stopped.is_set():
            self._later.submit(self._run_event, version, request)

    def _run_event(self, version: Version, request: Request) -> None:
        for pause in (*RETRY_SECONDS, 0.0):
            try:
                outcome, _lines = self.run(version, request)
                if not outcome.error:
                    return
                LOG.warning("%s failed for an event: %s", version.arn, outcome.payload[:300].decode(errors="replace"))
            except Throttled:
                LOG.warning("%s was throttled for an event", version.arn)
            except Exception:
                LOG.exception("%s could not be run for an event", version.arn)
            if self._stopped.wait(self._world.clock.scaled(pause)):
                return

    def prepare_for(self, service: str, source_arn: str, function_arn: str) -> Version:
        """The version that a service may invoke; raises Refused. Called under the world's lock."""
        try:
            function = find_function(function_arn.split(":")[3], function_arn)
            states.check_ready(function)
        except (ApiError, IndexError) as problem:
            raise Refused(str(problem)) from problem
        if not is_allowed(function, function_arn.removesuffix(":$LATEST"), service, source_arn):
            raise Refused(f"the policy of {function_arn} does not let {service} invoke it for {source_arn}")
        return build_version(function)


def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(LATER_THREADS, thread_name_prefix="function-event")


def find_function(region: str, name: str, qualifier: str | None = None) -> LambdaFunction:
    """A function by name, partial ARN or ARN, with its version or alias."""
    name = name.partition(":function:")[2] if ":function:" in name else name
    try:
        return lambda_backends[ACCOUNT_ID][region].get_function(name, qualifier)
    except UnknownFunctionException as problem:
        arn = f"arn:aws:lambda:{region}:{ACCOUNT_ID}:function:{name}" + (f":{qualifier}" if qualifier else "")
        raise ApiError("ResourceNotFoundException", f"Function not found: {arn}", 404) from problem


def build_version(function: LambdaFunction) -> Version:
    """What a worker needs of moto's function."""
    return Version(
        arn=function.function_arn,
        region=function.region,
        name=function.function_name,
        number=str(function.version),
        handler=function.handler or "",
        runtime=function.run_time or "",
        timeout_s=int(function.timeout),
        memory_mb=int(function.memory_size),
        environment=tuple(sorted((name, str(value)) for name, value in function.environment_vars.items())),
        code_sha256=function.code_sha_256,
        code=getattr(function, "code_bytes", b""),
    )


def read_payload(payload: Any, kind: str) -> Any:
    """The event as a value; an empty payload is an empty object."""
    payload = payload.read() if hasattr(payload, "read") else payload
    text = payload.encode() if isinstance(payload, str) else bytes(payload or b"{}")
    most = EVENT_BYTES_MAX if kind == "Event" else PAYLOAD_BYTES_MAX
    if len(text) > most:
        raise ApiError("RequestTooLargeException", f"Request must be smaller than {most} bytes", 413)
    try:
        return json.loads(text)
    except ValueError as problem:
        text = f"Could not parse request body into json: {problem}"
        raise ApiError("InvalidRequestContentException", text) from problem
