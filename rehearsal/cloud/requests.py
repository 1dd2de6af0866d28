# SPDX-License-Identifier: GPL-3.0-or-later
"""From an HTTP request to a call: service, operation, region and parameters by botocore's own models."""

from __future__ import annotations

import functools
import io
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

import moto.core.utils
from botocore.exceptions import UnknownServiceError
from botocore.loaders import create_loader
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import Request, determine_request_protocol
from moto.core.routing import NotFound, get_service_router
from moto.core.utils import get_service_model

from rehearsal.cloud.operations import Call

# Names in a signature that are not botocore's service name, or that several services share.
SERVICES_BY_SIGNING_NAME = {
    "apigateway": ("apigatewayv2", "apigateway"),
    "bedrock": ("bedrock", "bedrock-runtime", "bedrock-agent", "bedrock-agent-runtime"),
    "chime": (
        "chime-sdk-meetings",
        "chime-sdk-identity",
        "chime-sdk-messaging",
        "chime-sdk-media-pipelines",
        "chime-sdk-voice",
        "chime",
    ),
    "dynamodb": ("dynamodb", "dynamodbstreams"),
    "elasticfilesystem": ("efs",),
    "elasticloadbalancing": ("elbv2", "elb"),
    "email": ("ses",),
    "monitoring": ("cloudwatch",),
    "s3": ("s3", "s3control"),
    "servicequotas": ("service-quotas",),
    "ses": ("sesv2", "ses"),
    "states": ("stepfunctions",),
    "tagging": ("resourcegroupstaggingapi",),
}
# What an ARN of Chime names, to the service that tags it: the tag operations of these services share one path.
CHIME_TAG_OPERATIONS = frozenset({"TagResource", "UntagResource", "ListTagsForResource"})
CHIME_SERVICES_BY_ARN = (
    (re.compile(r"meeting/"), "chime-sdk-meetings"),
    (re.compile(r"app-instance/[^/]+/channel(-flow)?/"), "chime-sdk-messaging"),
    (re.compile(r"app-instance/"), "chime-sdk-identity"),
    (re.compile(r"media-(insights-)?pipeline"), "chime-sdk-media-pipelines"),
    (re.compile(r"(vc|sma|voice-profile-domain)/"), "chime-sdk-voice"),
)

# moto makes a loader for each model that it reads, and a loader's first answer takes a look into the folders of all
# services: several times the cost of the model itself.
shared_loader = functools.cache(create_loader)
moto.core.utils.create_loader = shared_loader


@dataclass(frozen=True)
class Scope:
    """What a SigV4 signature says about its request."""

    access_key: str
    region: str
    service: str


@functools.cache
def known_services() -> frozenset[str]:
    return frozenset(shared_loader().list_available_services("service-2"))


def read_scope(environ: dict[str, Any]) -> Scope | None:
    """The credential scope of a signed request, from the header or from a presigned URL."""
    header = environ.get("HTTP_AUTHORIZATION", "")
    credential = header.partition("Credential=")[2].split(",")[0].strip()
    if not credential:
        credential = parse_qs(environ.get("QUERY_STRING", "")).get("X-Amz-Credential", [""])[0]
    parts = credential.split("/")
    return Scope(parts[0], parts[-3], parts[-2].lower()) if len(parts) >= 5 else None


def identify(environ: dict[str, Any], body: bytes, scope: Scope) -> Call:
    """The call that a request makes; `known` is false when botocore has no such service or operation."""
    request = Request(dict(environ, **{"wsgi.input": io.BytesIO(body)}))
    matches = [match for service in candidates(scope.service) if (match := find_match(request, service)) is not None]
    if matches:
        # A service with a label at the end of its path takes longer paths of others for its own.
        match = max(matches, key=lambda found: literal_parts(found.operation))
        return _by_arn(request, _build_call(request, match, scope), scope)
    operation = request.headers.get("X-Amz-Target", "").rpartition(".")[2] or request.values.get("Action", "")
    service = candidates(scope.service)[0] if candidates(scope.service) else scope.service
    operation = operation or f"{request.method} {request.path}"
    return Call(service, operation, scope.region, guess_protocol(request), {}, scope.service, False, scope.access_key)


def candidates(signing_name: str) -> tuple[str, ...]:
    """Services that sign with this name."""
    named = SERVICES_BY_SIGNING_NAME.get(signing_name)
    return named or ((signing_name,) if signing_name in known_services() else ())


def guess_protocol(request: Request) -> str:
    """The protocol of a request whose service is unknown, to answer in a form that the caller can read."""
    if request.headers.get("X-Amz-Target"):
        return "json"
    return "query" if "Action" in request.values else "rest-json"


@dataclass(frozen=True)
class Match:
    """An operation that a request's path and protocol fit."""

    service: str
    operation: Any
    protocol: str
    path_parameters: dict[str, Any]


def find_match(request: Request, service: str) -> Match | None:
    try:
        model = get_service_model(service)
        protocol = determine_request_protocol(model, request.content_type)
        if not _is_for(request, model, protocol):
            return None
        operation, path_parameters = get_service_router(service).match(request)
    except (NotFound, NotImplementedError, UnknownServiceError):
        return None
    return Match(service, operation, protocol, path_parameters)


def literal_parts(operation: Any) -> int:
    """Parts of an operation's path that are no labels."""
    path = (operation.http or {}).get("requestUri", "").partition("?")[0]
    return sum(1 for part in path.split("/") if part and "{" not in part)


def _build_call(request: Request, match: Match, scope: Scope) -> Call:
    parameters = _parse(request, match.operation, match.protocol, match.path_parameters)
    return Call(
        match.service, match.operation.name, scope.region, match.protocol, parameters, scope.service, True,
        scope.access_key,
    )  # fmt: skip


def _by_arn(request: Request, call: Call, scope: Scope) -> Call:
    """The same call for the service of Chime that its ARN belongs to, where the path does not tell."""
    if scope.service != "chime" or call.operation not in CHIME_TAG_OPERATIONS:
        return call
    resource = str(call.get("ResourceARN") or "").split(":", 5)[-1]
    named = next((service for pattern, service in CHIME_SERVICES_BY_ARN if pattern.match(resource)), call.service)
    match = find_match(request, named)
    return call if match is None else _build_call(request, match, scope)


def _is_for(request: Request, model: Any, protocol: str) -> bool:
    """Tell services with one signing name apart by target prefix or API version."""
    if protocol in ("query", "ec2"):
        return request.values.get("Version", model.api_version) == model.api_version
    target = request.headers.get("X-Amz-Target", "")
    return not target or target.rpartition(".")[0] == model.metadata.get("targetPrefix", "")


def _parse(request: Request, operation: Any, protocol: str, path_parameters: dict[str, Any]) -> dict[str, Any]:
    return PROTOCOL_PARSERS[protocol](operation).parse(
        {
            "method": request.method,
            "values": request.values,
            "headers": request.headers,
            "body": request.get_data(),
            "url_path": request.path,
            "url_params": path_parameters,
        }
    )
