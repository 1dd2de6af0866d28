# SPDX-License-Identifier: GPL-3.0-or-later
"""Tags of meetings, app instances, their users and pipelines: one set of operations in each service, one path for all.

The ARN says whose it is; `rehearsal.cloud.requests` gives the call to that service.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rehearsal.cloud.chime.refusals import bad_request, refusal
from rehearsal.cloud.errors import ApiError
from rehearsal.cloud.operations import Call

TAGS_MAX = {"chime-sdk-media-pipelines": 200}
# How each service words that an ARN is unknown; identity and messaging never say "not found".
UNKNOWN_CODES = {
    "chime-sdk-meetings": "ResourceNotFoundException",
    "chime-sdk-media-pipelines": "NotFoundException",
}
# A resource's tags by its ARN in a region, or None.
Find = Callable[[str, str], dict[str, str] | None]


def read_tags(call: Call) -> dict[str, str]:
    """The tags that come with a call; keys of AWS's own are refused."""
    tags = {tag["Key"]: tag["Value"] for tag in call.get("Tags") or []}
    if len(tags) < len(call.get("Tags") or []):
        raise bad_request(call, "A tag key stands there twice.")
    reserved = sorted(key for key in tags if key.lower().startswith("aws:"))
    if reserved:
        raise bad_request(call, f"Tag keys begin with the reserved prefix aws: {', '.join(reserved)}")
    return tags


class TagOperations:
    """TagResource, UntagResource and ListTagsForResource of one service."""

    def __init__(self, find: Find) -> None:
        self._find = find

    def tag(self, call: Call) -> dict[str, Any]:
        tags, new = self._require(call), read_tags(call)
        most = TAGS_MAX.get(call.service, 50)
        if len({**tags, **new}) > most:
            raise too_many(call, f"{call.get('ResourceARN')} can have {most} tags.")
        tags.update(new)
        return {}

    def untag(self, call: Call) -> dict[str, Any]:
        tags = self._require(call)
        for key in call.get("TagKeys"):
            tags.pop(key, None)
        return {}

    def list(self, call: Call) -> dict[str, Any]:
        tags = self._require(call)
        # The model of most services has no empty list of tags.
        return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]} if tags else {}

    def _require(self, call: Call) -> dict[str, str]:
        tags = self._find(call.region, call.get("ResourceARN"))
        if tags is None:
            code = UNKNOWN_CODES.get(call.service, "ForbiddenException")
            raise refusal(call, code, f"{call.get('ResourceARN')} is not a resource of {call.service} here.")
        return tags


def too_many(call: Call, text: str) -> ApiError:
    codes = {"chime-sdk-meetings": "TooManyTagsException", "chime-sdk-media-pipelines": "BadRequestException"}
    return refusal(call, codes.get(call.service, "ResourceLimitExceededException"), text)
