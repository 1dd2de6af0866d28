# SPDX-License-Identifier: GPL-3.0-or-later
"""What Lambda refuses when a function is made or changed, and moto takes.

https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html
https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from typing import Any

from rehearsal.cloud.errors import ApiError
from rehearsal.cloud.functions.runtimes import check_runtime
from rehearsal.cloud.operations import Call
from rehearsal.cloud.shapes import check_parameters

ENVIRONMENT_BYTES_MAX = 4096
RESERVED = re.compile(
    "_HANDLER|_X_AMZN_TRACE_ID|AWS_DEFAULT_REGION|AWS_REGION|AWS_EXECUTION_ENV|AWS_LAMBDA_FUNCTION_NAME"
    "|AWS_LAMBDA_FUNCTION_MEMORY_SIZE|AWS_LAMBDA_FUNCTION_VERSION|AWS_LAMBDA_INITIALIZATION_TYPE"
    "|AWS_LAMBDA_LOG_GROUP_NAME|AWS_LAMBDA_LOG_STREAM_NAME|AWS_ACCESS_KEY|AWS_ACCESS_KEY_ID"
    "|AWS_SECRET_ACCESS_KEY|AWS_SESSION_TOKEN|AWS_LAMBDA_RUNTIME_API|LAMBDA_TASK_ROOT|LAMBDA_RUNTIME_DIR"
)


def invalid(text: str) -> ApiError:
    return ApiError("InvalidParameterValueException", text)


def check_create(call: Call, now: float) -> None:
    check_parameters(call, lambda text: ApiError("ValidationException", text))
    if call.get("PackageType", "Zip") == "Zip":
        if not call.get("Runtime") or not call.get("Handler"):
            text = "Runtime and Handler are mandatory parameters for functions created with deployment packages."
            raise invalid(text)
        check_runtime(call.get("Runtime"), now, create=True)
    check_archive((call.get("Code") or {}).get("ZipFile"))
    check_environment(call.get("Environment"))


def check_settings(call: Call, present_runtime: str, now: float) -> None:
    """An update of the configuration, and an update at all of a runtime that has ended."""
    check_parameters(call, lambda text: ApiError("ValidationException", text))
    runtime = call.get("Runtime") or present_runtime
    if runtime:
        check_runtime(runtime, now, create=False)
    check_archive(call.get("ZipFile"))
    check_environment(call.get("Environment"))


def check_archive(content: bytes | None) -> None:
    if content is None:
        return
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            empty = not archive.namelist()
    except zipfile.BadZipFile as problem:
        text = "Could not unzip uploaded file. Please check your file, then try to upload again."
        raise invalid(text) from problem
    if empty:
        raise invalid("Uploaded file must be a non-empty zip")


def check_environment(environment: dict[str, Any] | None) -> None:
    variables = (environment or {}).get("Variables") or {}
    reserved = sorted(name for name in variables if RESERVED.fullmatch(name))
    text = (
        "Lambda was unable to configure your environment variables because the environment variables you have provided"
    )
    if reserved:
        text += " contains reserved keys that are currently not supported for modification."
        raise invalid(f"{text} Reserved keys used in this request: {', '.join(reserved)}")
    if len(json.dumps(variables, separators=(",", ":")).encode()) > ENVIRONMENT_BYTES_MAX:
        raise invalid(f"{text} exceeded the 4KB limit. String measured: {json.dumps(variables)[:100]}")
