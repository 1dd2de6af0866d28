# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Chime SDK as its modules see it: clients where it exists, tags in its shapes, its error codes in words.

The codes and shapes are those of botocore's models (chime-sdk-meetings, -identity, -messaging, -media-pipelines),
checked against 1.44.5.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

try:
    from botocore.exceptions import ConnectionError as BotoConnectionError
    from botocore.exceptions import HTTPClientError

    NO_ANSWER: tuple = (BotoConnectionError, HTTPClientError)
except ImportError:  # AnsibleAWSModule reports the missing library
    NO_ANSWER = ()

from ansible_collections.medzen.multiregion.plugins.module_utils import tags as tagging
from ansible_collections.medzen.multiregion.plugins.module_utils.aws import THROTTLE_CODES, client
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import AwsError, Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.service_model import iter_faults, iter_size_faults
from ansible_collections.medzen.multiregion.plugins.module_utils.service_regions import require_region

MEETINGS = "chime-sdk-meetings"
IDENTITY = "chime-sdk-identity"
MESSAGING = "chime-sdk-messaging"
PIPELINES = "chime-sdk-media-pipelines"
VOICE = "chime-sdk-voice"

ARGUMENTS = {"extra_regions": {"type": "list", "elements": "str", "default": []}}
# Identity has no such code: there, absent is what the listing does not have.
NOT_FOUND = ("NotFoundException",)
CONFLICT = "ConflictException"
RESERVED_TAG_PREFIX = "aws:"

# What a code means for whoever has to act on it, and what to do.
MEANINGS = {
    "denied": (
        ("AccessDeniedException", "ForbiddenException", "UnauthorizedClientException", "UnauthorizedException"),
        "check the IAM permission, service control policies, and that the region is enabled for the account",
    ),
    "capacity": (
        ("LimitExceededException", "ResourceLimitExceededException"),
        "a quota of the account is used up: end what is not needed, or raise it in Service Quotas",
    ),
    "throttled": (
        (*THROTTLE_CODES, "TooManyRequestsException"),
        "this says nothing about the service's health: run again when fewer calls are made",
    ),
    "unavailable": (
        ("ServiceFailureException", "ServiceUnavailableException"),
        "whether the call took effect is not known: run again, and look at the AWS Health Dashboard",
    ),
    "invalid": (
        ("BadRequestException", "TooManyTagsException", "UnprocessableEntityException"),
        "correct the options that the message names",
    ),
    "conflict": ((CONFLICT,), "look at what is there; another run may have changed it at the same time"),
    "absent": (
        (*NOT_FOUND, "ResourceNotFoundException"),
        "look whether it was deleted meanwhile, and in which region it was made",
    ),
}
UNREACHABLE_STEP = "check the endpoint and the name service: boto3 makes a client for a region that has no service"


def chime_client(module: Any, service: str) -> Any:
    """A client of the service in the module's region, which must be one that has the service.

    The check holds with an endpoint of one's own as well: such an endpoint plays AWS, and AWS is not there either.
    """
    require_region(service, module.region, module.params["extra_regions"])
    return client(module, service)


def meaning_of(error: AwsError) -> str:
    """One word for what went wrong: a key of MEANINGS, C(unreachable) when nobody answered, or C(other)."""
    if error.code is None:
        return "unreachable" if isinstance(error.exception, NO_ANSWER) else "other"
    return next((word for word, (codes, _step) in MEANINGS.items() if error.code in codes), "other")


def explained(error: AwsError) -> AwsError:
    """The same error with what it means and what to do."""
    meaning = meaning_of(error)
    step = UNREACHABLE_STEP if meaning == "unreachable" else MEANINGS.get(meaning, ((), ""))[1]
    text = f"{error.message.rstrip('.')}. Next: {step}." if step else error.message
    found = AwsError(text, result={**error.result, "failure_class": meaning})
    found.exception, found.code = error.exception, error.code
    return found


def unless_so(call: Callable[[], Any], is_so: Callable[[], bool]) -> None:
    """Call. A failure is none when the world is as it should be: after a lost answer the retry finds its work done.

    `is_so` must look by a listing; that something is refused says nothing about it.
    """
    try:
        call()
    except AwsError:
        if not is_so():
            raise


def check_tags(connection: Any, tags: Mapping | None) -> None:
    """Refuse tags that the service refuses. Identity and messaging take no empty value; meetings no space in a key."""
    if not tags:
        return
    shape = connection.meta.service_model.operation_model("TagResource").input_shape.members["Tags"]
    pairs = tagging.to_boto(tags)
    faults = [f"tags: {fault}" for _path, fault in iter_size_faults(shape, len(pairs), "", "tags")]
    for pair in pairs:
        if pair["Key"].startswith(RESERVED_TAG_PREFIX):
            faults.append(f"tags: {pair['Key']} begins with {RESERVED_TAG_PREFIX}, which is AWS's own")
        for path, fault in iter_faults(shape.member, pair, ""):
            faults.append(f"tags: the {path.lower()} of {pair['Key']} {fault}")
    if faults:
        raise Refused(
            "The tags would be refused",
            found="; ".join(faults),
            next_step="correct the tags named",
            result={"reason": "invalid_option", "faults": faults},
        )


def without_nothing(request: Mapping) -> dict:
    """A request without the members that have no value, which botocore would refuse."""
    return {key: value for key, value in request.items() if value is not None and value != []}


def region_of(arn: str) -> str:
    """The region that an ARN names; empty when it names none."""
    parts = arn.split(":")
    return parts[3] if len(parts) > 5 else ""


def partition_of(arn: str) -> str:
    parts = arn.split(":")
    return parts[1] if len(parts) > 5 else "aws"
