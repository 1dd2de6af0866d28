# SPDX-License-Identifier: GPL-3.0-or-later
"""A meeting is recorded by one pipeline a sink, which cannot be changed while it runs."""

from types import SimpleNamespace

import botocore.session
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import AwsError, MultiregionError, Refused
from ansible_collections.medzen.multiregion.plugins.modules import chime_media_capture_pipeline as module
from botocore.exceptions import ClientError

MEETING = "arn:aws:chime:eu-central-1:123456789012:meeting/aaaabbbb-1111-2222-3333-ccccddddeeee"
ROLE = "arn:aws:iam::123456789012:role/recordings"
KEY = "arn:aws:kms:eu-central-1:123456789012:key/k-1"
AUDIO = {"audio": "AudioOnly", "video": False, "content": False, "composited_video": None}
MODEL = botocore.session.get_session().get_service_model("chime-sdk-media-pipelines")


def params(**given):
    return {
        "state": "started",
        "meeting_arn": MEETING,
        "sink_bucket": "recordings",
        "artifacts": None,
        "sse": None,
        "sink_role_arn": None,
        "tags": None,
        "purge_tags": True,
        "extra_regions": [],
        "wait": True,
        "wait_timeout": 5,
        "poll_seconds": 0,
        **given,
    }


class Client:
    """Pipelines; each look at one moves it on along `path`."""

    meta = SimpleNamespace(service_model=MODEL)
    after = {"Initializing": "InProgress", "Stopping": "Stopped"}

    def __init__(self, errors=None, **statuses):
        self.errors, self.writes = errors or {}, []
        self.pipelines = {name: self.new(name, {"Status": status}) for name, status in statuses.items()}

    @staticmethod
    def new(name, more):
        sink = {"SourceArn": MEETING, "SinkArn": "arn:aws:s3:::recordings"}
        return {"MediaPipelineId": name, "MediaPipelineArn": f"arn:{name}", "tags": [], **sink, **more}

    def write(self, name):
        self.writes.append(name)
        if name in self.errors:
            raise ClientError({"Error": {"Code": self.errors[name], "Message": ""}}, name)

    def list_media_capture_pipelines(self, **_request):
        return {"MediaCapturePipelines": [{"MediaPipelineId": name} for name in self.pipelines]}

    def get_media_capture_pipeline(self, MediaPipelineId, **_request):
        one = self.pipelines.get(MediaPipelineId)
        if one is None:
            raise ClientError({"Error": {"Code": "NotFoundException", "Message": ""}}, "Get")
        found = {key: value for key, value in one.items() if key != "tags"}
        one["Status"] = self.after.get(one["Status"], one["Status"])
        return {"MediaCapturePipeline": found}

    def create_media_capture_pipeline(self, aws_retry, ClientRequestToken, Tags=(), **request):
        self.write("create")
        name = f"new-{len(self.pipelines)}"
        self.pipelines[name] = self.new(name, {**request, "Status": "Initializing", "tags": list(Tags)})
        return {
            "MediaCapturePipeline": {key: self.pipelines[name][key] for key in self.pipelines[name] if key != "tags"}
        }

    def delete_media_capture_pipeline(self, MediaPipelineId, **_request):
        self.write("delete")
        self.pipelines[MediaPipelineId]["Status"] = "Stopping"

    def list_tags_for_resource(self, ResourceARN, **_request):
        return {"Tags": self.pipelines[ResourceARN.removeprefix("arn:")]["tags"]}

    def tag_resource(self, ResourceARN, Tags, **_request):
        self.write("tag")
        self.pipelines[ResourceARN.removeprefix("arn:")]["tags"] += Tags

    def untag_resource(self, ResourceARN, TagKeys, **_request):
        self.write("untag")
        one = self.pipelines[ResourceARN.removeprefix("arn:")]
        one["tags"] = [tag for tag in one["tags"] if tag["Key"] not in TagKeys]


def run(client, check_mode=False, same_key=module.is_same_key_name, **given):
    one = SimpleNamespace(check_mode=check_mode, params=params(**given), region="eu-central-1")
    request = module.build_request(one.params)
    module.check_options(client, one.params, one.region, request)
    if one.params["state"] == "started":
        return module.ensure_started(one, client, request, same_key)
    return module.ensure_stopped(one, client, request)


def test_check_mode_starts_nothing():
    client = Client()
    result = run(client, check_mode=True)
    assert result["changed"] and result["pipeline"]["status"] == "Initializing" and client.writes == []


def test_a_recording_is_started_once():
    client = Client()
    first, second = run(client, tags={"a": "1"}), run(client, tags={"a": "1"})
    assert (first["changed"], second["changed"], client.writes) == (True, False, ["create"])
    assert first["pipeline"]["status"] == second["pipeline"]["status"] == "InProgress"
    assert first["pipeline"]["media_pipeline_id"] == second["pipeline"]["media_pipeline_id"]


@pytest.mark.parametrize("status", ["Stopped", "Failed"])
def test_a_pipeline_that_has_ended_is_none(status):
    assert run(Client(old=status))["changed"]


@pytest.mark.parametrize("status", ["NotStarted", "Initializing", "InProgress", "Paused"])
def test_a_pipeline_under_way_is_joined(status):
    client = Client(old=status)
    assert not run(client, wait=False)["changed"] and client.writes == []


def test_a_pipeline_that_is_stopping_is_waited_for():
    client = Client(old="Stopping")
    assert run(client)["changed"]
    assert client.pipelines["old"]["Status"] == "Stopped"


def test_a_pipeline_that_fails_ends_the_wait():
    client = Client()
    client.after = {"Initializing": "Failed"}
    with pytest.raises(MultiregionError, match="it is Failed"):
        run(client)


def test_another_sink_is_another_recording():
    client = Client(old="InProgress")
    assert run(client, sink_bucket="elsewhere")["changed"]


def test_artifacts_as_wanted_are_no_difference_whatever_the_service_adds():
    client = Client(old="InProgress")
    built = module.build_artifacts(AUDIO)
    built["ArtifactsConfiguration"]["Video"]["MuxType"] = "VideoOnly"
    client.pipelines["old"]["ChimeSdkMeetingConfiguration"] = built
    assert not run(client, artifacts=AUDIO)["changed"]


@pytest.mark.parametrize("check_mode", [True, False])
@pytest.mark.parametrize(
    "given",
    [
        {"artifacts": {**AUDIO, "video": True}},
        {"sse": {"kms_key_id": KEY}, "sink_role_arn": ROLE},
    ],
)
def test_a_running_recording_of_another_kind_is_refused(given, check_mode):
    client = Client(old="InProgress")
    client.pipelines["old"]["ChimeSdkMeetingConfiguration"] = module.build_artifacts(AUDIO)
    with pytest.raises(Refused, match="stop it first") as refused:
        run(client, check_mode=check_mode, **given)
    assert refused.value.result["reason"] == "pipeline_differs" and client.writes == []


def test_the_encryption_context_is_compared_as_a_value():
    wanted = module.build_sse({"kms_key_id": KEY, "encryption_context": {"a": "1"}})
    assert module.is_same_encryption(dict(wanted), wanted, module.is_same_key_name)
    other = module.build_sse({"kms_key_id": KEY, "encryption_context": {"a": "2"}})
    assert not module.is_same_encryption(other, wanted, module.is_same_key_name)


@pytest.mark.parametrize(
    ("found", "wanted", "same"),
    [
        (KEY, KEY, True),
        (KEY, "k-1", True),
        ("k-1", KEY, True),
        ("arn:aws:kms:eu-central-1:123456789012:alias/x", "alias/x", True),
        (KEY, "alias/x", False),
        (KEY, "1", False),
        (None, KEY, False),
    ],
)
def test_names_of_one_key(found, wanted, same):
    assert module.is_same_key_name(found, wanted) is same


def test_several_pipelines_of_one_sink_are_refused():
    with pytest.raises(Refused) as refused:
        run(Client(one="InProgress", two="Paused"))
    assert refused.value.result["media_pipeline_ids"] == ["one", "two"]


def test_tags_of_a_running_recording_can_change():
    client = Client(old="InProgress")
    client.pipelines["old"]["tags"] = [{"Key": "old", "Value": "1"}]
    assert run(client, tags={"new": "2"})["pipeline"]["tags"] == {"new": "2"}
    assert client.writes == ["untag", "tag"] and not run(client, tags={"new": "2"})["changed"]


def test_check_mode_stops_nothing():
    client = Client(old="InProgress")
    result = run(client, check_mode=True, state="stopped")
    assert result["changed"] and result["stopped"] == ["old"] and client.writes == []


def test_a_recording_is_stopped_once():
    client = Client(old="InProgress", gone="Stopped")
    first, second = run(client, state="stopped"), run(client, state="stopped")
    assert (first["changed"], second["changed"], client.writes) == (True, False, ["delete"])
    assert client.pipelines["old"]["Status"] == "Stopped"


def test_every_recording_of_the_sink_is_stopped():
    assert run(Client(one="InProgress", two="Paused"), state="stopped")["stopped"] == ["one", "two"]


def test_a_stop_under_way_is_joined():
    client = Client(old="Stopping")
    assert not run(client, state="stopped")["changed"] and client.pipelines["old"]["Status"] == "Stopped"


def test_a_refused_start_is_a_failure():
    with pytest.raises(AwsError, match="Failed to start recording"):
        run(Client(errors={"create": "ForbiddenException"}))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"meeting_arn": "x"}, "meeting_arn"),
        ({"meeting_arn": MEETING.replace("eu-central-1", "us-east-1")}, "another control region"),
        ({"sink_bucket": "a b"}, "sink_bucket"),
        ({"artifacts": {**AUDIO, "audio": "Loud"}}, "artifacts.audio.mux_type"),
        ({"artifacts": {**AUDIO, "composited_video": {"layout": "Circle"}}}, "artifacts.composited_video"),
        ({"sse": {"kms_key_id": "k" * 4097}, "sink_role_arn": ROLE}, "sse.kms_key_id"),
        ({"sink_role_arn": "x"}, "sink_role_arn"),
        ({"tags": {"k" * 129: "v"}}, "tags: "),
    ],
)
def test_a_bad_option_is_named_before_a_call(given, told):
    client = Client()
    with pytest.raises(Refused, match=told) as refused:
        run(client, check_mode=True, **given)
    assert refused.value.result["reason"] == "invalid_option" and client.writes == []


def test_the_layout_of_a_composited_video_becomes_the_services_words():
    layout = {"layout": "GridView", "grid_view_configuration": {"content_share_layout": "PresenterOnly"}}
    built = module.build_artifacts({**AUDIO, "composited_video": layout})["ArtifactsConfiguration"]
    assert built["CompositedVideo"] == {
        "Layout": "GridView",
        "GridViewConfiguration": {"ContentShareLayout": "PresenterOnly"},
    }


def test_one_task_has_one_token():
    assert module.build_request(params()) == module.build_request(params())
    assert (
        module.build_request(params())["ClientRequestToken"]
        != (module.build_request(params(sink_bucket="x"))["ClientRequestToken"])
    )
