# SPDX-License-Identifier: GPL-3.0-or-later
"""Tags of guardrails and application inference profiles."""

from __future__ import annotations

from typing import Any

from rehearsal.cloud.bedrock.state import Bedrock, invalid, not_found
from rehearsal.cloud.errors import ApiError
from rehearsal.cloud.operations import Call


def build_tags(bedrock: Bedrock, rows: list[dict[str, str]] | None, present: dict[str, str] | None = None) -> dict:
    """Present tags with new ones on top, within AWS's rules."""
    keys = [row["key"] for row in rows or []]
    if len(set(keys)) < len(keys):
        raise invalid(f"Duplicate tag keys: {', '.join(sorted({key for key in keys if keys.count(key) > 1}))}")
    reserved = sorted(key for key in keys if key.lower().startswith("aws:"))
    if reserved:
        raise invalid(f"Tag keys must not start with aws: {', '.join(reserved)}")
    tags = {**(present or {}), **{row["key"]: row["value"] for row in rows or []}}
    if len(tags) > bedrock.knobs.tags_max:
        text = f"The resource would have {len(tags)} tags; the most is {bedrock.knobs.tags_max}."
        raise ApiError("TooManyTagsException", text, 400)
    return tags


def tag_rows(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in sorted(tags.items())]


def tag(bedrock: Bedrock, call: Call) -> dict[str, Any]:
    resource = find_tagged(bedrock, call)
    resource.tags = build_tags(bedrock, call.get("tags"), resource.tags)
    return {}


def untag(bedrock: Bedrock, call: Call) -> dict[str, Any]:
    resource = find_tagged(bedrock, call)
    resource.tags = {key: value for key, value in resource.tags.items() if key not in call.get("tagKeys")}
    return {}


def list_tags(bedrock: Bedrock, call: Call) -> dict[str, Any]:
    return {"tags": tag_rows(find_tagged(bedrock, call).tags)}


def find_tagged(bedrock: Bedrock, call: Call) -> Any:
    """The resource of an ARN in this region; tags of a version are those of its guardrail."""
    arn, region = call.get("resourceARN"), bedrock.region(call)
    for resource in (*region.guardrails.values(), *region.profiles.values()):
        if resource.arn == arn and not resource.gone():
            return resource
    raise not_found(f"The resource {arn} does not exist.")


OPERATIONS = {"TagResource": tag, "UntagResource": untag, "ListTagsForResource": list_tags}
