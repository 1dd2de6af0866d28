# SPDX-License-Identifier: GPL-3.0-or-later
import json

import pytest
from botocore.exceptions import ConnectionClosedError

ACCOUNT = "123456789012"


def policy_of(bucket):
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "mediapipelines.chime.amazonaws.com"},
                "Action": ["s3:PutObject", "s3:PutObjectAcl"],
                "Resource": f"arn:aws:s3:::{bucket}/*",
                "Condition": {"StringEquals": {"aws:SourceAccount": ACCOUNT}},
            }
        ],
    }


@pytest.fixture
def bucket(client, name):
    """Make a bucket; answers with its name."""

    def make(region="eu-central-1", policy=True):
        s3, bucket = client("s3", region), f"{name}-{region}"
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": region})
        if policy:
            s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy_of(bucket)))
        return bucket

    return make


@pytest.fixture
def pipelines(chime, client, service_role):
    return client("chime-sdk-media-pipelines")


@pytest.fixture
def capture(pipelines, create, bucket):
    """Capture a meeting into a bucket, new ones unless named; answers with the pipeline."""

    def start(meeting=None, sink=None, **more):
        return pipelines.create_media_capture_pipeline(
            SourceType="ChimeSdkMeeting",
            SourceArn=(meeting or create())["MeetingArn"],
            SinkType="S3Bucket",
            SinkArn=f"arn:aws:s3:::{sink or bucket()}",
            **more,
        )["MediaCapturePipeline"]

    return start


@pytest.fixture
def keys(client):
    def read(bucket):
        return [row["Key"] for row in client("s3").list_objects_v2(Bucket=bucket).get("Contents", [])]

    return read


def status(pipelines, made):
    answer = pipelines.get_media_capture_pipeline(MediaPipelineId=made["MediaPipelineId"])
    return answer["MediaCapturePipeline"]["Status"]


def test_a_pipeline_passes_through_its_states(pipelines, capture, pass_time):
    made = capture()
    seen = [status(pipelines, made)]
    pass_time(11)
    seen.append(status(pipelines, made))
    pipelines.delete_media_capture_pipeline(MediaPipelineId=made["MediaPipelineId"])
    seen.append(status(pipelines, made))
    pass_time(31)
    seen.append(status(pipelines, made))
    assert seen == ["Initializing", "InProgress", "Stopping", "Stopped"]


def test_the_list_tells_identifiers_only(pipelines, capture):
    made = capture()
    (row,) = pipelines.list_media_capture_pipelines()["MediaCapturePipelines"]
    assert row == {"MediaPipelineId": made["MediaPipelineId"], "MediaPipelineArn": made["MediaPipelineArn"]}


def test_a_recording_lies_in_the_bucket_once_the_pipeline_has_stopped(
    pipelines, capture, create, bucket, keys, pass_time
):
    meeting, sink = create(), bucket()
    made = capture(meeting, sink)
    pipelines.delete_media_capture_pipeline(MediaPipelineId=made["MediaPipelineId"])
    assert keys(sink) == []
    pass_time(31)
    (key,) = keys(sink)
    assert key.startswith(f"captures/{meeting['MeetingId']}/audio/") and key.endswith(".mp4")


def test_video_is_captured_where_it_is_enabled(meetings, capture, create, bucket, keys, pass_time):
    meeting, sink = create(), bucket()
    artifacts = {
        "Audio": {"MuxType": "AudioOnly"},
        "Video": {"State": "Enabled", "MuxType": "VideoOnly"},
        "Content": {"State": "Disabled"},
    }
    capture(meeting, sink, ChimeSdkMeetingConfiguration={"ArtifactsConfiguration": artifacts})
    meetings().delete_meeting(MeetingId=meeting["MeetingId"])
    keys(sink)
    pass_time(31)
    assert [key.split("/")[2] for key in keys(sink)] == ["audio", "video"]


def test_a_pipeline_ends_with_its_meeting(meetings, pipelines, capture, create, pass_time):
    meeting = create()
    made = capture(meeting)
    meetings().delete_meeting(MeetingId=meeting["MeetingId"])
    assert status(pipelines, made) == "Stopping"
    pass_time(31)
    assert status(pipelines, made) == "Stopped"


def test_a_recording_is_encrypted_with_the_key_that_was_named(
    client, pipelines, capture, bucket, keys, role, pass_time
):
    key, sink = client("kms").create_key()["KeyMetadata"]["Arn"], bucket()
    made = capture(sink=sink, SseAwsKeyManagementParams={"AwsKmsKeyId": key}, SinkIamRoleArn=role)
    pipelines.delete_media_capture_pipeline(MediaPipelineId=made["MediaPipelineId"])
    pass_time(31)
    head = client("s3").head_object(Bucket=sink, Key=keys(sink)[0])
    assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", key)


@pytest.fixture
def role(client, name):
    """ARN of an IAM role."""
    iam = client("iam", "us-east-1")
    return iam.create_role(RoleName=name, AssumeRolePolicyDocument="{}")["Role"]["Arn"]


def test_key_and_role_are_only_taken_together(client, capture, bucket, role, refused):
    key, sink = client("kms").create_key()["KeyMetadata"]["Arn"], bucket()
    with refused("BadRequestException", told="together"):
        capture(sink=sink, SseAwsKeyManagementParams={"AwsKmsKeyId": key})
    with refused("BadRequestException", told="together"):
        capture(sink=sink, SinkIamRoleArn=role)


def test_a_key_of_another_region_is_refused(client, capture, role, refused):
    key = client("kms", "eu-west-1").create_key()["KeyMetadata"]["Arn"]
    with refused("BadRequestException", told="unknown in eu-central-1"):
        capture(SseAwsKeyManagementParams={"AwsKmsKeyId": key}, SinkIamRoleArn=role)


def test_a_role_that_is_not_there_is_refused(client, capture, refused):
    key = client("kms").create_key()["KeyMetadata"]["Arn"]
    with refused("BadRequestException", told="role/none does not exist"):
        capture(SseAwsKeyManagementParams={"AwsKmsKeyId": key}, SinkIamRoleArn=f"arn:aws:iam::{ACCOUNT}:role/none")


@pytest.mark.parametrize(
    ("made", "told"),
    [
        ({"region": "eu-west-1"}, "eu-west-1; expected the meeting's region eu-central-1"),
        ({"policy": False}, "S3 Bucket policy not valid/present for Sink"),
    ],
)
def test_a_bucket_that_cannot_take_the_capture_is_refused(capture, bucket, refused, made, told):
    with refused("BadRequestException", 400, told=told):
        capture(sink=bucket(**made))


def test_a_bucket_that_does_not_exist_is_refused(capture, refused):
    with refused("BadRequestException", told="does not exist"):
        capture(sink="no-such-bucket")


def test_a_meeting_of_another_region_is_refused(capture, create, refused):
    with refused("BadRequestException", told="not in progress in eu-central-1"):
        capture(create("us-east-1"))


def test_an_ended_meeting_is_refused(meetings, capture, create, refused):
    meeting = create()
    meetings().delete_meeting(MeetingId=meeting["MeetingId"])
    with refused("BadRequestException", told="not in progress"):
        capture(meeting)


def test_no_pipeline_without_the_service_linked_role(client, capture, refused):
    client("iam", "us-east-1").delete_service_linked_role(RoleName="AWSServiceRoleForAmazonChimeSDKMediaPipelines")
    with refused("ForbiddenException", 403, told="AWSServiceRoleForAmazonChimeSDKMediaPipelines"):
        capture()


def test_the_quota_counts_pipelines_that_have_not_stopped(pipelines, capture, create, bucket, pass_time, refused):
    meeting, sink = create(), bucket()
    made = [capture(meeting, sink) for _ in range(10)]
    with refused("ResourceLimitExceededException", 400):
        capture(meeting, sink)
    pipelines.delete_media_capture_pipeline(MediaPipelineId=made[0]["MediaPipelineId"])
    pass_time(31)
    assert capture(meeting, sink)


@pytest.mark.parametrize(("region", "most"), [("eu-central-1", 10), ("eu-west-2", 10), ("us-east-1", 100)])
def test_virginia_has_room_for_more_pipelines(chime, client, region, most):
    asked = {"ServiceCode": "chime", "QuotaCode": "L-7F583998"}
    assert client("service-quotas", region).get_service_quota(**asked)["Quota"]["Value"] == most


def test_a_repeated_token_starts_no_second_pipeline(capture, create, bucket, name):
    meeting, sink = create(), bucket()
    first = capture(meeting, sink, ClientRequestToken=name)
    assert capture(meeting, sink, ClientRequestToken=name)["MediaPipelineId"] == first["MediaPipelineId"]


def test_a_stopped_pipeline_cannot_be_stopped(pipelines, capture, pass_time, refused):
    made = capture()["MediaPipelineId"]
    pipelines.delete_media_capture_pipeline(MediaPipelineId=made)
    pipelines.delete_media_capture_pipeline(MediaPipelineId=made)
    pass_time(31)
    with refused("NotFoundException", 404):
        pipelines.delete_media_capture_pipeline(MediaPipelineId=made)


def test_a_policy_taken_away_makes_the_pipeline_fail(client, pipelines, capture, bucket, keys, control, pass_time):
    sink = bucket()
    made = capture(sink=sink)
    client("s3").delete_bucket_policy(Bucket=sink)
    pipelines.delete_media_capture_pipeline(MediaPipelineId=made["MediaPipelineId"])
    pass_time(31)
    assert status(pipelines, made) == "Failed" and keys(sink) == []
    assert "policy" in control()["pipelines"][0]["fault"]


def test_a_pipeline_has_tags(pipelines, capture):
    made = capture(Tags=[{"Key": "Env", "Value": "prod"}])["MediaPipelineArn"]
    pipelines.tag_resource(ResourceARN=made, Tags=[{"Key": "Team", "Value": ""}])
    pipelines.untag_resource(ResourceARN=made, TagKeys=["Env"])
    assert pipelines.list_tags_for_resource(ResourceARN=made)["Tags"] == [{"Key": "Team", "Value": ""}]


def test_nobody_answers_where_pipelines_do_not_exist(chime, client):
    with pytest.raises(ConnectionClosedError):
        client("chime-sdk-media-pipelines", "af-south-1").list_media_capture_pipelines()
