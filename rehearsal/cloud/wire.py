# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers in the shape of each AWS protocol: errors by hand, results by botocore's model."""

from __future__ import annotations

import json
import re
import uuid
from dataclasses import dataclass, field
from typing import Any
from xml.sax.saxutils import escape

from moto.core.serialize import get_serializer_class
from moto.core.utils import get_service_model

from rehearsal.cloud.errors import ApiError
from rehearsal.cloud.operations import Call

XML_CODE = re.compile(rb"<Code>([^<]+)</Code>")


@dataclass
class Answer:
    """A whole HTTP response."""

    status: int
    body: bytes
    headers: list[tuple[str, str]] = field(default_factory=list)


def error_answer(call: Call, error: ApiError) -> Answer:
    """An error as botocore reads it for the call's protocol."""
    request_id = str(uuid.uuid4())
    if call.protocol in ("json", "rest-json"):
        body = json.dumps({"__type": error.code, "message": error.message, "Message": error.message})
        content = "application/json" if call.protocol == "rest-json" else "application/x-amz-json-1.1"
        headers = [("Content-Type", content), ("x-amzn-errortype", error.code), ("x-amzn-requestid", request_id)]
    else:
        body = _xml_error(call, error, request_id)
        headers = [("Content-Type", "text/xml"), ("x-amzn-requestid", request_id)]
    return Answer(error.status, body.encode(), headers)


def _xml_error(call: Call, error: ApiError, request_id: str) -> str:
    code, message = escape(error.code), escape(error.message)
    inner = f"<Code>{code}</Code><Message>{message}</Message>"
    if call.protocol == "ec2":
        return f"<Response><Errors><Error>{inner}</Error></Errors><RequestID>{request_id}</RequestID></Response>"
    if call.service == "s3":
        return f"<Error>{inner}<RequestId>{request_id}</RequestId></Error>"
    inner = f"<Type>{'Sender' if error.status < 500 else 'Receiver'}</Type>{inner}"
    return f"<ErrorResponse><Error>{inner}</Error><RequestId>{request_id}</RequestId></ErrorResponse>"


def result_answer(call: Call, result: dict[str, Any]) -> Answer:
    """A result in botocore's shape, serialised for the call's protocol."""
    operation = get_service_model(call.service).operation_model(call.operation)
    serialized = get_serializer_class(call.service, call.protocol)(operation_model=operation).serialize(result)
    body = serialized["body"]
    headers = [(name, str(value)) for name, value in serialized["headers"].items()]
    status = _modelled_status(operation.output_shape, result) or serialized["status_code"]
    return Answer(status, body.encode() if isinstance(body, str) else body, headers)


def _modelled_status(shape: Any, result: dict[str, Any]) -> int | None:
    """The HTTP status that a member of the result stands for: Lambda's 202 for an event; moto leaves it at 200."""
    for name, member in getattr(shape, "members", {}).items():
        if member.serialization.get("location") == "statusCode":
            return result.get(name)
    return None


def error_code(answer: Answer) -> str | None:
    """The error code in an answer; none for a success."""
    if answer.status < 400:
        return None
    for name, value in answer.headers:
        if name.lower() == "x-amzn-errortype":
            return value.split(":")[0]
    found = XML_CODE.search(answer.body)
    if found:
        return found.group(1).decode()
    try:
        document = json.loads(answer.body)
        return str(document.get("__type") or document.get("code") or answer.status).rpartition("#")[2]
    except (ValueError, AttributeError):
        return str(answer.status)
