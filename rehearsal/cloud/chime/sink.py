# SPDX-License-Identifier: GPL-3.0-or-later
"""The bucket that a capture goes to: what it must be, and the recording that really lies in it afterwards."""

from __future__ import annotations

import json
from datetime import datetime

from moto.s3.exceptions import MissingBucket
from moto.s3.models import FakeBucket, s3_backends

from rehearsal.cloud.chime.bucket_policy import lets_put
from rehearsal.cloud.chime.model import Pipeline
from rehearsal.settings import ACCOUNT_ID

ARN_PREFIX = "arn:aws:s3:::"
# The first box of an MP4 file: players and type detection need no more to tell what it is.
RECORDING = b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2"


def split_arn(arn: str) -> tuple[str, str]:
    """Bucket and prefix of a sink's ARN."""
    bucket, _, prefix = arn.removeprefix(ARN_PREFIX).partition("/")
    return bucket, f"{prefix.rstrip('/')}/" if prefix else ""


def find_bucket(name: str) -> FakeBucket | None:
    """A bucket of whatever account and region."""
    try:
        return s3_backends[ACCOUNT_ID]["aws"].get_bucket(name)
    except MissingBucket:
        return None


def find_fault(sink_arn: str, source_arn: str, region: str) -> str | None:
    """Why a capture cannot go to a bucket; nothing when it can."""
    name, prefix = split_arn(sink_arn)
    bucket = find_bucket(name) if sink_arn.startswith(ARN_PREFIX) else None
    if bucket is None:
        return f"The bucket of {sink_arn} does not exist."
    if bucket.account_id != ACCOUNT_ID:
        return f"The bucket {name} does not belong to the account of the meeting."
    if bucket.region_name != region:
        return f"The bucket {name} is in {bucket.region_name}; expected the meeting's region {region}."
    context = {"aws:SourceAccount": ACCOUNT_ID, "aws:SourceArn": source_arn}
    policy = json.loads(bucket.policy) if bucket.policy else {}
    if not lets_put(policy, f"{ARN_PREFIX}{name}/{prefix}captures/recording.mp4", context):
        return f"S3 Bucket policy not valid/present for Sink {sink_arn}"
    return None


def put_recordings(pipeline: Pipeline, now: datetime) -> list[str]:
    """Put what was captured into the bucket, encrypted as asked for; answers with the keys."""
    name, prefix = split_arn(pipeline.sink_arn)
    stem = now.strftime("%Y-%m-%d-%H-%M-%S-%f")[:-3]
    keys = [f"{prefix}captures/{pipeline.meeting.id}/{kind}/{stem}.mp4" for kind in kinds(pipeline)]
    sse = pipeline.shown.get("SseAwsKeyManagementParams")
    encryption = {"encryption": "aws:kms", "kms_key_id": sse["AwsKmsKeyId"]} if sse else {}
    for key in keys:
        s3_backends[ACCOUNT_ID]["aws"].put_object(name, key, RECORDING, **encryption)
    return keys


def kinds(pipeline: Pipeline) -> list[str]:
    """Folders that a capture fills: audio always, video and content where they are enabled."""
    artifacts = pipeline.shown.get("ChimeSdkMeetingConfiguration", {}).get("ArtifactsConfiguration", {})
    enabled = [kind for kind in ("Video", "Content") if artifacts.get(kind, {}).get("State") == "Enabled"]
    return ["audio", *(kind.lower() for kind in enabled)]
