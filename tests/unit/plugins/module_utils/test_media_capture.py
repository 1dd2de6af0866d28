# SPDX-License-Identifier: GPL-3.0-or-later
"""Media capture pipelines as values."""

import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils import media_capture as capture
from botocore.exceptions import ClientError

MEETING = "arn:aws:chime:eu-central-1:123456789012:meeting/one"
SINK = "arn:aws:s3:::recordings/visits"


class Client:
    """Three pipelines are listed on two pages; the second is gone when it is asked for."""

    def list_media_capture_pipelines(self, aws_retry, MaxResults, NextToken=None):
        identifiers = ["1", "2"] if NextToken is None else ["3"]
        page = {"MediaCapturePipelines": [{"MediaPipelineId": one} for one in identifiers]}
        return page if NextToken else {**page, "NextToken": "more"}

    def get_media_capture_pipeline(self, aws_retry, MediaPipelineId):
        if MediaPipelineId == "2":
            raise ClientError({"Error": {"Code": "NotFoundException", "Message": ""}}, "Get")
        return {"MediaCapturePipeline": {"MediaPipelineId": MediaPipelineId, "Status": "InProgress"}}


def test_each_listed_pipeline_is_asked_for_and_one_that_is_gone_is_none():
    assert [one["MediaPipelineId"] for one in capture.read_pipelines(Client())] == ["1", "3"]


@pytest.mark.parametrize(
    ("status", "ended"),
    [("Stopped", True), ("Failed", True), ("Stopping", False), ("Paused", False), ("InProgress", False)],
)
def test_a_pipeline_that_is_stopping_has_not_ended(status, ended):
    assert capture.is_ended({"Status": status}) is ended


def test_no_pipeline_has_ended():
    assert capture.is_ended(None)


@pytest.mark.parametrize("bucket", ["recordings/visits", SINK])
def test_a_sink_is_known_by_its_name_and_by_its_arn(bucket):
    assert capture.is_same_sink(SINK, bucket)
    assert capture.sink_arn(bucket, MEETING) == SINK


@pytest.mark.parametrize("bucket", ["visits", "recordings", "recordings/visits/x", "arn:aws:s3:::recordings"])
def test_a_part_of_a_sink_is_another_one(bucket):
    assert not capture.is_same_sink(SINK, bucket)


def test_a_sink_is_in_the_meetings_partition():
    assert capture.sink_arn("b", MEETING.replace("arn:aws:", "arn:aws-us-gov:")) == "arn:aws-us-gov:s3:::b"


def test_pipelines_are_selected_by_meeting_and_sink():
    mine, other = {"SourceArn": MEETING, "SinkArn": SINK}, {"SourceArn": "x", "SinkArn": SINK}
    assert capture.select([mine, other], MEETING, SINK) == [mine]
    assert capture.select([mine, other], None, SINK) == [mine, other]
    assert capture.select([mine, other], MEETING, "y") == []


def test_a_context_survives_its_encoding():
    context = {"b": "2", "a": "é"}
    assert capture.decode_context(capture.encode_context(context)) == context
    assert capture.encode_context({"b": "2", "a": "1"}) == capture.encode_context({"a": "1", "b": "2"})


@pytest.mark.parametrize(("text", "context"), [(None, {}), ("", {}), ("no base64!", "no base64!")])
def test_a_context_that_cannot_be_read_is_compared_as_it_is(text, context):
    assert capture.decode_context(text) == context


def test_a_pipeline_is_shown_with_its_tags_as_they_are():
    found = capture.shown({"MediaPipelineId": "1", "SinkArn": SINK}, {"CostCentre": "1"})
    assert found == {"media_pipeline_id": "1", "sink_arn": SINK, "tags": {"CostCentre": "1"}}
    assert "tags" not in capture.shown({"MediaPipelineId": "1"})
