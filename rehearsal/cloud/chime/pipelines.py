# SPDX-License-Identifier: GPL-3.0-or-later
"""Capture pipelines: a meeting of this region into a bucket, until somebody stops it or the meeting ends.

https://docs.aws.amazon.com/chime-sdk/latest/APIReference/API_media-pipelines-chime_CreateMediaCapturePipeline.html
A pipeline is no reason for a meeting to go on: that it was counted as an attendee is a known fault of AWS's.
"""

from __future__ import annotations

import logging
import uuid
from typing import Any

from rehearsal.cloud.chime import sink
from rehearsal.cloud.chime.model import Meeting, Pipeline
from rehearsal.cloud.chime.refusals import bad_request, forbidden, not_found, over_quota
from rehearsal.cloud.chime.service_role import ROLE_NAME, role_exists
from rehearsal.cloud.chime.state import Chime
from rehearsal.cloud.chime.tags import read_tags
from rehearsal.cloud.kms import key_state
from rehearsal.cloud.operations import Call
from rehearsal.settings import ACCOUNT_ID

LOG = logging.getLogger("rehearsal.cloud")
START, STOP = "chime_pipeline_start", "chime_pipeline_stop"
# Parameters that the answers repeat.
REPEATED = (
    "SourceType",
    "SourceArn",
    "SinkType",
    "SinkArn",
    "ChimeSdkMeetingConfiguration",
    "SseAwsKeyManagementParams",
    "SinkIamRoleArn",
)


class Pipelines:
    """Create, read, list and stop media capture pipelines."""

    def __init__(self, chime: Chime) -> None:
        self._chime = chime

    def create(self, call: Call) -> dict[str, Any]:
        check_encryption(call)
        if not role_exists():
            raise forbidden(call, f"The service-linked role {ROLE_NAME} does not exist.")
        meeting = self._require_meeting(call)
        fault = sink.find_fault(call.get("SinkArn"), meeting.arn, meeting.control_region)
        if fault is not None:
            raise bad_request(call, fault)
        quota = self._chime.quota("pipelines", call.region)
        if sum(pipeline.active() for pipeline in self._chime.pipelines[call.region].values()) >= quota:
            raise over_quota(call, f"{quota} pipelines are active in {call.region}, as many as the quota allows.")
        pipeline = self._build(call, meeting)
        self._chime.pipelines[call.region][pipeline.id] = pipeline
        return {"MediaCapturePipeline": show(pipeline)}

    def get(self, call: Call) -> dict[str, Any]:
        return {"MediaCapturePipeline": show(self._require(call))}

    def list_all(self, call: Call) -> dict[str, Any]:
        """Identifiers only, of those that have stopped as well: whether one runs is asked one by one."""
        rows = [
            {"MediaPipelineId": pipeline.id, "MediaPipelineArn": pipeline.arn}
            for pipeline in self._chime.pipelines[call.region].values()
        ]
        return self._chime.page(call, "MediaCapturePipelines", rows)

    def delete(self, call: Call) -> dict[str, Any]:
        """Begin to stop; one that is stopping goes on, one that has stopped is not there to be stopped."""
        pipeline = self._require(call)
        if not pipeline.active():
            raise not_found(call, f"The media pipeline {pipeline.id} is {pipeline.status()}.")
        self._stop(pipeline)
        return {}

    def settle(self) -> None:
        """Let pipelines follow their meetings to the end, and recordings appear."""
        for region in self._chime.pipelines.values():
            for pipeline in region.values():
                if not pipeline.meeting.live():
                    self._stop(pipeline)
                if pipeline.stop is not None and pipeline.stop.done() and pipeline.keys is None:
                    self._finish(pipeline)

    def _stop(self, pipeline: Pipeline) -> None:
        if pipeline.stop is None:
            pipeline.stop = self._chime.world.clock.start(STOP, pipeline.id, pipeline.region)
            pipeline.updated = self._chime.now()

    def _finish(self, pipeline: Pipeline) -> None:
        """Put the recordings into the bucket; where that is no longer possible the pipeline has failed."""
        pipeline.keys, pipeline.updated = [], self._chime.now()
        pipeline.fault = sink.find_fault(pipeline.sink_arn, pipeline.meeting.arn, pipeline.meeting.control_region)
        if pipeline.fault is None:
            try:
                pipeline.keys = sink.put_recordings(pipeline, self._chime.now())
            except Exception as problem:  # what follows an object in S3 must not stop every other call
                LOG.exception("Recording of pipeline %s", pipeline.id)
                pipeline.fault = str(problem)

    def _build(self, call: Call, meeting: Meeting) -> Pipeline:
        pipeline_id, now = str(uuid.uuid4()), self._chime.now()
        return Pipeline(
            pipeline_id,
            f"arn:aws:chime:{call.region}:{ACCOUNT_ID}:media-pipeline/{pipeline_id}",
            call.region,
            meeting,
            call.get("SinkArn"),
            {name: call.get(name) for name in REPEATED if call.get(name)},
            now,
            now,
            start=self._chime.world.clock.start(START, pipeline_id, call.region),
            tags=read_tags(call),
        )

    def _require(self, call: Call) -> Pipeline:
        pipeline = self._chime.pipelines[call.region].get(call.get("MediaPipelineId").lower())
        if pipeline is None:
            raise not_found(call, f"The media pipeline {call.get('MediaPipelineId')} is not found.")
        return pipeline

    def _require_meeting(self, call: Call) -> Meeting:
        """The meeting in progress that an ARN names; creating a pipeline has no NotFoundException."""
        arn = call.get("SourceArn")
        meeting = self._chime.find_meeting(call.region, arn.rpartition("/")[2])
        if meeting is None or meeting.arn != arn:
            raise bad_request(call, f"The meeting {arn} is not in progress in {call.region}.")
        return meeting


def check_encryption(call: Call) -> None:
    """A key and the role that may use it come together, and both are there."""
    params, role = call.get("SseAwsKeyManagementParams"), call.get("SinkIamRoleArn")
    if bool(params) != bool(role):
        raise bad_request(call, "SseAwsKeyManagementParams and SinkIamRoleArn are only taken together.")
    if not params:
        return
    state = key_state(call.region, params["AwsKmsKeyId"])
    if state != "Enabled":
        raise bad_request(call, f"The key {params['AwsKmsKeyId']} is {state or 'unknown'} in {call.region}.")
    if not role_exists(role):
        raise bad_request(call, f"The role {role} does not exist.")


def show(pipeline: Pipeline) -> dict[str, Any]:
    """A pipeline as the API shows it."""
    return {
        **pipeline.shown,
        "MediaPipelineId": pipeline.id,
        "MediaPipelineArn": pipeline.arn,
        "Status": pipeline.status(),
        "CreatedTimestamp": pipeline.created,
        "UpdatedTimestamp": pipeline.updated,
    }
