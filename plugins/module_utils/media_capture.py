# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Media capture pipelines of the Chime SDK, which record meetings.

The listing has identifiers only, so each is asked for. One is known by its meeting and its sink among those that have
not ended.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.medzen.multiregion.plugins.module_utils import chime_sdk
from ansible_collections.medzen.multiregion.plugins.module_utils import tags as tagging
from ansible_collections.medzen.multiregion.plugins.module_utils.aws import describe, list_all, snake

PAGE = 100
STATUSES = ("NotStarted", "Initializing", "InProgress", "Paused", "Stopping", "Stopped", "Failed")
ENDED = ("Stopped", "Failed")
LEAVING = ("Stopping",)
RUNNING = ("InProgress", "Paused")
SINK_PREFIX = ":s3:::"


@describe("list the media capture pipelines")
def list_identifiers(client: Any) -> list[str]:
    found = list_all(client.list_media_capture_pipelines, "MediaCapturePipelines", MaxResults=PAGE)
    return [one["MediaPipelineId"] for one in found]


@describe("get media capture pipeline {identifier}", missing=chime_sdk.NOT_FOUND)
def get_pipeline(client: Any, identifier: str) -> dict | None:
    return client.get_media_capture_pipeline(MediaPipelineId=identifier, aws_retry=True)["MediaCapturePipeline"]


@describe("list the tags of media capture pipeline {arn}", missing=chime_sdk.NOT_FOUND, default={})
def list_tags(client: Any, arn: str) -> dict[str, str]:
    return tagging.from_boto(client.list_tags_for_resource(ResourceARN=arn, aws_retry=True).get("Tags"))


def read_pipelines(client: Any) -> list[dict]:
    """All pipelines as the service describes them; one that goes away meanwhile is none."""
    found = (get_pipeline(client, identifier) for identifier in list_identifiers(client))
    return [one for one in found if one is not None]


def is_ended(pipeline: Mapping | None) -> bool:
    return pipeline is None or pipeline.get("Status") in ENDED


def select(pipelines: Iterable[Mapping], meeting_arn: str | None = None, sink: str | None = None) -> list[Mapping]:
    """Pipelines of this meeting and this sink, as far as they are given."""
    return [
        one
        for one in pipelines
        if (meeting_arn is None or one.get("SourceArn") == meeting_arn)
        and (sink is None or is_same_sink(one.get("SinkArn") or "", sink))
    ]


def sink_arn(bucket: str, meeting_arn: str) -> str:
    """A bucket, with or without a prefix, as an ARN of the meeting's partition."""
    return bucket if bucket.startswith("arn:") else f"arn:{chime_sdk.partition_of(meeting_arn)}{SINK_PREFIX}{bucket}"


def is_same_sink(arn: str, bucket: str) -> bool:
    """Whether an ARN is the sink that is given by its ARN, or by its bucket's name."""
    return arn == bucket or arn.partition(SINK_PREFIX)[2] == bucket


def encode_context(context: Mapping[str, str] | None) -> str | None:
    """KMS's encryption context as the service takes it: JSON in base64."""
    if not context:
        return None
    return base64.b64encode(json.dumps(context, sort_keys=True).encode()).decode()


def decode_context(text: str | None) -> dict[str, str] | str:
    """The context behind the text; the text itself when it is none."""
    if not text:
        return {}
    try:
        return json.loads(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        return text


def shown(pipeline: Mapping, tags: Mapping[str, str] | None = None) -> dict:
    """A pipeline as a module returns it."""
    found = snake({key: value for key, value in pipeline.items() if key != "Tags"})
    return found if tags is None else {**found, "tags": dict(tags)}
