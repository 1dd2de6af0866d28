# SPDX-License-Identifier: GPL-3.0-or-later
"""A meeting's recording starts, is joined, stops; and what the preflight says of the bucket that it goes to."""

import json
import uuid

import pytest

ONE, INFO, PREFLIGHT = (
    "chime_media_capture_pipeline",
    "chime_media_capture_pipeline_info",
    "chime_recording_preflight_info",
)
PIPELINES = "chime-sdk-media-pipelines"
CREATE, DELETE, LIST = (
    f"{PIPELINES}:{one}"
    for one in ("CreateMediaCapturePipeline", "DeleteMediaCapturePipeline", "ListMediaCapturePipelines")
)
SERVICE, ACCOUNT, HERE = "mediapipelines.chime.amazonaws.com", "123456789012", "eu-central-1"
ACTIVE = ["NotStarted", "Initializing", "InProgress", "Paused", "Stopping"]
WAIT = {"poll_seconds": 0.1, "wait_timeout": 60}


@pytest.fixture(autouse=True, scope="module")
def role_and_patience(services):
    """The service-linked role is there, and a meeting that nobody deletes goes on."""
    iam = services.client("iam")
    names = [one["RoleName"] for one in iam.list_roles()["Roles"]]
    if "AWSServiceRoleForAmazonChimeSDKMediaPipelines" not in names:
        iam.create_service_linked_role(AWSServiceName=SERVICE)
    idle_s = services.control("chime")["idle_s"]
    services.control("chime", {"idle_s": 86400})
    yield
    services.control("chime", {"idle_s": idle_s})


@pytest.fixture
def bucket(services):
    return make_bucket(services, HERE)


@pytest.fixture
def meeting(services):
    made = services.client("chime-sdk-meetings").create_meeting(
        ClientRequestToken=uuid.uuid4().hex, ExternalMeetingId=uuid.uuid4().hex, MediaRegion=HERE
    )
    return made["Meeting"]["MeetingArn"]


def make_bucket(services, region, policy=True):
    """A bucket as AWS documents it for recordings."""
    s3, name = services.client("s3", region), f"recordings-{uuid.uuid4().hex[:8]}"
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": region})
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}
    s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": [rule]})
    if policy:
        s3.put_bucket_policy(Bucket=name, Policy=json.dumps({"Version": "2012-10-17", "Statement": [allow(name)]}))
    return name


def allow(bucket):
    return {
        "Effect": "Allow",
        "Principal": {"Service": SERVICE},
        "Action": ["s3:PutObject", "s3:PutObjectAcl"],
        "Resource": f"arn:aws:s3:::{bucket}/*",
        "Condition": {
            "StringEquals": {"aws:SourceAccount": ACCOUNT},
            "ArnLike": {"aws:SourceArn": f"arn:aws:chime:*:{ACCOUNT}:*"},
        },
    }


def recorded(services, meeting):
    """Identifiers of all pipelines of a meeting, ended or not."""
    client = services.client(PIPELINES)
    found = client.list_media_capture_pipelines(MaxResults=50)["MediaCapturePipelines"]
    pipelines = [client.get_media_capture_pipeline(MediaPipelineId=one["MediaPipelineId"]) for one in found]
    mine = [one["MediaCapturePipeline"] for one in pipelines]
    return [one["MediaPipelineId"] for one in mine if one["SourceArn"] == meeting]


def test_a_recording_is_started_once_and_stopped_once(services, step, meeting, bucket):
    given = {"meeting_arn": meeting, "sink_bucket": bucket, **WAIT}
    start = {**given, "artifacts": {"audio": "AudioOnly", "video": True}, "tags": {"Workload": "medzen"}}
    checked, read = services.play(step(ONE, check=True, **start), step(INFO, meeting_arn=meeting))
    assert checked.changed and checked.writes == [] and read["pipelines"] == [] and recorded(services, meeting) == []
    made, checked, again, tagged, differs, read = services.play(
        step(ONE, **start),
        step(ONE, check=True, **start),
        step(ONE, **start),
        step(ONE, **{**start, "tags": {"Owner": "platform"}}),
        step(ONE, **{**start, "artifacts": {"audio": "AudioOnly", "content": True}}),
        step(INFO, meeting_arn=meeting, sink_bucket=bucket, include_tags=True),
    )
    assert made.changed and made.writes == [CREATE] and made["pipeline"]["status"] == "InProgress"
    assert not checked.changed and not again.changed and again.writes == []
    assert tagged.writes == [f"{PIPELINES}:UntagResource", f"{PIPELINES}:TagResource"]
    assert differs["reason"] == "pipeline_differs" and differs.writes == []
    assert (read["active_count"], read["pipelines"][0]["tags"]) == (1, {"Owner": "platform"})
    stop = {**given, "state": "stopped"}
    checked, stopped, again, read = services.play(
        step(ONE, check=True, **stop),
        step(ONE, **stop),
        step(ONE, **stop),
        step(INFO, meeting_arn=meeting, statuses=ACTIVE),
    )
    assert checked.changed and checked.writes == []
    assert stopped["stopped"] == [made["pipeline"]["media_pipeline_id"]] and stopped.writes == [DELETE]
    assert not again.changed and again.writes == [] and read["active_count"] == 0


def test_throttling_and_lost_answers_make_no_second_recording(services, step, fault, meeting, bucket):
    given = {"meeting_arn": meeting, "sink_bucket": bucket, **WAIT}
    made, stopped, lost, lost_stop = services.play(
        step(ONE, fault("throttle", CREATE, count=5), **given),
        step(ONE, fault("throttle", DELETE, count=5), state="stopped", **given),
        step(ONE, fault("lost_response", CREATE, count=1), **given),
        step(ONE, fault("lost_response", DELETE, count=1), state="stopped", **given),
    )
    assert made.changed and made.operations.count(CREATE) == 6 and stopped.operations.count(DELETE) == 6
    assert lost.changed and lost.operations.count(CREATE) == 2 and lost_stop.changed
    assert len(recorded(services, meeting)) == 2


def test_a_missing_permission_is_never_absence(services, step, fault, meeting, bucket):
    given = {"meeting_arn": meeting, "sink_bucket": bucket, **WAIT}
    listing = fault("error", LIST, code="ForbiddenException", status=403)
    getting = fault("error", f"{PIPELINES}:GetMediaCapturePipeline", code="ForbiddenException", status=403)
    made, *refused = services.play(
        step(ONE, **given),
        step(ONE, listing, **given),
        step(ONE, getting, check=True, **given),
        step(ONE, getting, state="stopped", **given),
        step(INFO, listing, meeting_arn=meeting),
        step(INFO, getting, meeting_arn=meeting),
    )
    for one in refused:
        assert "ForbiddenException" in one.error and one["failure_class"] == "denied" and one.writes == []
    assert recorded(services, meeting) == [made["pipeline"]["media_pipeline_id"]]


def test_what_cannot_be_recorded_is_refused(services, step, meeting, bucket):
    given = {"meeting_arn": meeting, "sink_bucket": bucket}
    bad = [
        ("sink_bucket", {"sink_bucket": "a bucket"}),
        ("meeting_arn", {"meeting_arn": "x"}),
        ("artifacts", {"artifacts": {"composited_video": {"layout": "Circle"}}}),
        ("tags", {"tags": {"k" * 129: "v"}}),
        ("meeting_arn", {"region": "us-east-1"}),
    ]
    *refused, alone, ireland = services.play(
        *(step(ONE, check=True, **{**given, **more}) for _option, more in bad),
        step(ONE, sse={"kms_key_id": "alias/x"}, **given),
        step(INFO, region="eu-west-1"),
    )
    for one, (option, _more) in zip(refused, bad, strict=True):
        assert option in one.error and one["reason"] == "invalid_option" and one.calls == []
    assert "sink_role_arn" in alone.error and alone.calls == []
    assert ireland["reason"] == "region_unsupported" and ireland.calls == []


def test_the_preflight_agrees_with_the_cloud(services, step, fault, meeting, bucket):
    elsewhere, bare = make_bucket(services, "eu-west-1"), make_bucket(services, HERE, policy=False)
    common = {"meeting_region": HERE, "retention_days": 2557}
    buckets = (bucket, elsewhere, bare)
    found = services.play(*(step(PREFLIGHT, bucket=one, **common) for one in (*buckets, "nobody-has-it")))
    good, away, open_, none = ({one["name"]: one["verdict"] for one in done["checks"]} for done in found)
    assert {done.changed for done in found} == {False} and {tuple(done.writes) for done in found} == {()}
    assert "refuse" not in good.values() and "unknown" not in good.values(), found[0]["checks"]
    assert away["bucket region"] == "refuse" and away["bucket policy"] == "ok"
    assert open_["bucket policy"] == "refuse" and none["bucket region"] == "refuse"
    started = services.play(*(step(ONE, meeting_arn=meeting, sink_bucket=one, **WAIT) for one in buckets))
    assert [one.failed for one in started] == [False, True, True]


def test_a_setting_that_cannot_be_read_is_unknown(services, step, fault, bucket):
    denied = {"code": "AccessDenied", "status": 403}
    reads = {
        "bucket policy": "s3:GetBucketPolicy",
        "encryption": "s3:GetBucketEncryption",
        "service-linked role": "iam:GetRole",
    }
    steps = [
        step(PREFLIGHT, fault("error", operation, **denied), bucket=bucket, meeting_region=HERE, retention_days=2557)
        for operation in reads.values()
    ]
    for done, name in zip(services.play(*steps), reads, strict=True):
        verdicts = {one["name"]: one["verdict"] for one in done["checks"]}
        assert verdicts[name] == "unknown", done["checks"]
