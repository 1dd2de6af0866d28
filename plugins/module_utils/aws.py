# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls to AWS: clients that retry what is worth a retry, described errors, and plain values out of answers."""

from __future__ import annotations

import functools
import hashlib
import inspect
import os
import uuid
from datetime import date
from typing import Any

try:
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError

    # An answer that is no answer (a proxy's error page, say) has an exception outside of botocore's own tree.
    CALL_ERRORS: tuple = (ClientError, BotoCoreError, ResponseParserError)
except ImportError:  # AnsibleAWSModule reports the missing library
    CALL_ERRORS = ()

from ansible.module_utils.common.dict_transformations import camel_dict_to_snake_dict
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import AwsError, error_code

# amazon.aws retries "Throttling" but none of the other spellings that the services use.
THROTTLE_CODES = (
    "BandwidthLimitExceeded",
    "EC2ThrottledException",
    "ModelNotReadyException",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "ThrottledClientException",
    "ThrottledException",
    "ThrottlingException",
    "TransactionInProgressException",
)

# The service failed; whether the call took effect is not known. An answer to HEAD has no body: its code is its status.
FAILURE_CODES = (
    "InternalServerException",
    "ServiceFailureException",
    "ServiceUnavailableException",
    "500",
    "502",
    "503",
    "504",
)

# Twelve tries stay under two minutes; the first ones come fast, because a fenced database may be waiting.
TRIES = {"retries": 12, "delay": 0.4, "backoff": 2, "max_delay": 20}
RETRY = AWSRetry.jittered_backoff(**TRIES, catch_extra_error_codes=[*THROTTLE_CODES, *FAILURE_CODES])

_TASK = uuid.uuid4().hex


def client(module: Any, service: str, region: str | None = None) -> Any:
    """A client of the module's region, or of another one; calls take `aws_retry=True`."""
    elsewhere = {"region": region} if region else {}
    return module.client(service, retry_decorator=RETRY, **elsewhere)


def describe(action: str, *, missing: tuple[str, ...] = (), default: Any = None):
    """Give an API function its error text, "Failed to <action>", with {arguments} filled in from the call.

    Codes listed as `missing` mean that the thing is not there and yield `default`. A refusal (403) must never be
    listed: it says nothing about absence.
    """

    def decorate(function):
        signature = inspect.signature(function)

        @functools.wraps(function)
        def call(*args, **kwargs):
            try:
                return function(*args, **kwargs)
            except CALL_ERRORS as error:
                if error_code(error) in missing:
                    return default
                raise AwsError(f"Failed to {_fill(action, signature, args, kwargs)}", error) from error

        return call

    return decorate


def _fill(action: str, signature: inspect.Signature, args: tuple, kwargs: dict) -> str:
    bound = signature.bind_partial(*args, **kwargs)
    bound.apply_defaults()
    return action.format(**bound.arguments)


def token(*parts: Any) -> str:
    """An idempotency token: the same for the same parts within one task, different in every other task.

    A retry after a lost answer repeats it, so nothing is made twice; a later task that means to make the thing
    again (deleted in between) is not answered with the old one.
    """
    text = "\0".join([_TASK, str(os.getpid()), *(str(part) for part in parts)])
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def snake(value: Any) -> Any:
    """An answer as a module returns it: snake_case names, times as ISO 8601 text, no transport metadata."""
    if isinstance(value, list):
        return [snake(item) for item in value]
    if isinstance(value, dict):
        kept = {key: item for key, item in value.items() if key != "ResponseMetadata"}
        # Tags that are a dict already have keys of their owner's: they stay as they are.
        tags = ["Tags"] if isinstance(kept.get("Tags"), dict) else []
        return _plain(camel_dict_to_snake_dict(kept, ignore_list=tags))
    return _plain(value)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value.isoformat() if isinstance(value, date) else value


def paginate(client: Any, operation: str, key: str, **parameters: Any) -> list:
    """All items of a listing. A throttled page starts the listing again, so that none is lost or doubled."""

    @RETRY
    def collect() -> list:
        return client.get_paginator(operation).paginate(**parameters).build_full_result().get(key, [])

    return collect()


def list_all(call: Any, key: str, token_name: str = "NextToken", **parameters: Any) -> list:
    """All items of a listing that botocore has no paginator for. `call` is the client's method.

    A service that answers with a token it gave before would be asked for ever: that is an error, not an end.
    """
    found: list = []
    seen: set[str] = set()
    while True:
        answer = call(aws_retry=True, **parameters)
        found += answer.get(key, [])
        following = answer.get(token_name)
        if not following:
            return found
        if following in seen:
            raise AwsError(f"Failed to list {key}: the service repeats page {following!r}; what it holds is unknown")
        seen.add(following)
        parameters[token_name] = following
