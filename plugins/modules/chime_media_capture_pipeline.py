#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: chime_media_capture_pipeline
version_added: 1.0.0
short_description: Start and stop the recording of a Chime SDK meeting
description:
  - Starts or stops the media capture pipeline that records a meeting into a bucket. A pipeline is known by its meeting
    and its sink among the pipelines that have not ended.
  - A pipeline cannot be changed while it runs, except for its tags. One that records something else than what is asked
    for is refused with the difference.
  - A pipeline that is stopping is waited for before another one is started.
  - Operations used are C(chime-sdk-media-pipelines:ListMediaCapturePipelines),
    C(chime-sdk-media-pipelines:GetMediaCapturePipeline), C(chime-sdk-media-pipelines:CreateMediaCapturePipeline),
    C(chime-sdk-media-pipelines:DeleteMediaCapturePipeline), C(chime-sdk-media-pipelines:ListTagsForResource),
    C(chime-sdk-media-pipelines:TagResource) and C(chime-sdk-media-pipelines:UntagResource). The IAM permissions have
    the same names with the prefix C(chime); starting one needs C(s3:GetBucketPolicy) as well, O(sink_role_arn)
    C(iam:PassRole), and a key that is named in another way than before C(kms:DescribeKey).
options:
  state:
    description:
      - Whether the meeting is to be recorded into the sink.
    type: str
    choices: [started, stopped]
    default: started
  meeting_arn:
    description:
      - ARN of the meeting.
    type: str
    required: true
  sink_bucket:
    description:
      - Name or ARN of the bucket, with a prefix after a slash where one is wanted. It lies in the meeting's region and
        account, and its policy lets the media pipelines write;
        M(medzen.multiregion.chime_recording_preflight_info) looks at that.
    type: str
    required: true
  artifacts:
    description:
      - What is recorded. Without it AWS's own choice.
    type: dict
    suboptions:
      audio:
        description: How audio is recorded, alone or with video.
        type: str
        choices: [AudioOnly, AudioWithActiveSpeakerVideo, AudioWithCompositedVideo]
        default: AudioOnly
      video:
        description: Whether the video of each attendee is recorded.
        type: bool
        default: false
      content:
        description: Whether shared content is recorded.
        type: bool
        default: false
      composited_video:
        description:
          - Layout of the composited video, in the words of C(CompositedVideoArtifactsConfiguration) in snake_case, as
            C(layout), C(resolution) and C(grid_view_configuration).
        type: dict
  sse:
    description:
      - Encryption of each object with a key of one's own. Needs O(sink_role_arn).
    type: dict
    suboptions:
      kms_key_id:
        description: Identifier, ARN or alias of the key.
        type: str
        required: true
      encryption_context:
        description: KMS's encryption context. It is no secret and stands in logs.
        type: dict
  sink_role_arn:
    description:
      - ARN of the role that writes into the bucket and uses the key. Needs O(sse).
    type: str
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - amazon.aws.tags
  - medzen.multiregion.chime
  - medzen.multiregion.wait
notes:
  - With O(wait=true) the task ends when the pipeline is C(InProgress) or C(Paused), or C(Stopped) or gone.
  - O(region) is the control region of the meeting; a meeting whose ARN names another one is refused.
attributes:
  check_mode:
    description: Can run in check mode and predict changes without making them.
    support: full
  diff_mode:
    description: Returns what has changed when in diff mode.
    support: full
  idempotent:
    description: A second run with the same options changes nothing.
    support: full
author:
  - MedZen platform team (@medzen)
"""

EXAMPLES = r"""
- name: Record a visit
  medzen.multiregion.chime_media_capture_pipeline:
    region: eu-central-1
    meeting_arn: "{{ visit.meeting_arn }}"
    sink_bucket: medzen-meeting-recordings-123456789012
    artifacts: {audio: AudioWithActiveSpeakerVideo}
    sse: {kms_key_id: alias/medzen-recordings}
    sink_role_arn: arn:aws:iam::123456789012:role/medzen-recordings

- name: Stop recording it
  medzen.multiregion.chime_media_capture_pipeline:
    region: eu-central-1
    meeting_arn: "{{ visit.meeting_arn }}"
    sink_bucket: medzen-meeting-recordings-123456789012
    state: stopped
"""

RETURN = r"""
pipeline:
  description:
    - The pipeline as the service describes it, in snake_case, its tags as a dict; in check mode as it would be.
  type: dict
  returned: when there is one
  contains:
    media_pipeline_id: {description: Identifier., type: str, returned: outside of check mode}
    media_pipeline_arn: {description: ARN., type: str, returned: outside of check mode}
    source_type: {description: V(ChimeSdkMeeting)., type: str}
    source_arn: {description: ARN of the meeting., type: str}
    status:
      description:
        - V(NotStarted), V(Initializing), V(InProgress), V(Paused), V(Stopping), V(Stopped) or V(Failed).
      type: str
    sink_type: {description: V(S3Bucket)., type: str}
    sink_arn: {description: ARN of the bucket., type: str}
    sink_iam_role_arn: {description: ARN of the role that writes., type: str}
    created_timestamp: {description: When it was started in ISO 8601., type: str}
    updated_timestamp: {description: When it last changed in ISO 8601., type: str}
    chime_sdk_meeting_configuration: {description: What is recorded in C(artifacts_configuration)., type: dict}
    sse_aws_key_management_params:
      description: C(aws_kms_key_id) and C(aws_kms_encryption_context) of each object.
      type: dict
    tags: {description: Tags., type: dict}
  sample:
    media_pipeline_id: 1a2b3c4d-1111-2222-3333-444455556666
    media_pipeline_arn: arn:aws:chime:eu-central-1:123456789012:media-pipeline/1a2b3c4d-1111-2222-3333-444455556666
    source_arn: arn:aws:chime:eu-central-1:123456789012:meeting/aaaabbbb-1111-2222-3333-ccccddddeeee
    sink_arn: arn:aws:s3:::medzen-meeting-recordings-123456789012
    status: InProgress
    tags: {}
stopped:
  description: Identifiers of the pipelines that were stopped, or would be.
  type: list
  elements: str
  returned: when O(state=stopped)
reason:
  description: Why the task was refused, as C(pipeline_differs), C(ambiguous_pipeline), C(invalid_option) or
    C(region_unsupported).
  type: str
  returned: when it was refused
"""

from ansible.module_utils.common.dict_transformations import snake_dict_to_camel_dict
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.medzen.multiregion.plugins.module_utils import chime_sdk
from ansible_collections.medzen.multiregion.plugins.module_utils import media_capture as capture
from ansible_collections.medzen.multiregion.plugins.module_utils import tags as tagging
from ansible_collections.medzen.multiregion.plugins.module_utils.aws import client, describe, token
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import AwsError, Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.kms import describe_key
from ansible_collections.medzen.multiregion.plugins.module_utils.runner import run
from ansible_collections.medzen.multiregion.plugins.module_utils.service_model import check_request
from ansible_collections.medzen.multiregion.plugins.module_utils.wait import TimeLeft, wait_arguments, wait_until

ARTIFACTS = "ChimeSdkMeetingConfiguration"
OPTIONS = {
    "SourceArn": "meeting_arn",
    "SinkArn": "sink_bucket",
    "SinkIamRoleArn": "sink_role_arn",
    "SseAwsKeyManagementParams.AwsKmsKeyId": "sse.kms_key_id",
    "SseAwsKeyManagementParams.AwsKmsEncryptionContext": "sse.encryption_context",
    f"{ARTIFACTS}.ArtifactsConfiguration.CompositedVideo": "artifacts.composited_video",
    f"{ARTIFACTS}.ArtifactsConfiguration": "artifacts",
}
# What a running pipeline cannot change. The key is compared apart: it has several names.
FIXED = (ARTIFACTS, "SinkIamRoleArn")


@describe("start recording {request[SourceArn]}")
def create_pipeline(connection, request):
    return connection.create_media_capture_pipeline(**request, aws_retry=True)["MediaCapturePipeline"]


@describe("stop media capture pipeline {identifier}", missing=chime_sdk.NOT_FOUND)
def delete_pipeline(connection, identifier):
    connection.delete_media_capture_pipeline(MediaPipelineId=identifier, aws_retry=True)


@describe("tag media capture pipeline {arn}")
def tag_pipeline(connection, arn, tags):
    connection.tag_resource(ResourceARN=arn, Tags=tagging.to_boto(tags), aws_retry=True)


@describe("remove tags from media capture pipeline {arn}")
def untag_pipeline(connection, arn, keys):
    connection.untag_resource(ResourceARN=arn, TagKeys=keys, aws_retry=True)


# --- pure ------------------------------------------------------------------------------------------------------------


def build_artifacts(artifacts):
    """None given is AWS's choice, and is not compared."""
    if artifacts is None:
        return None
    found = {
        "Audio": {"MuxType": artifacts["audio"]},
        "Video": build_switch(artifacts["video"], "VideoOnly"),
        "Content": build_switch(artifacts["content"], "ContentOnly"),
    }
    if artifacts["composited_video"]:
        found["CompositedVideo"] = snake_dict_to_camel_dict(artifacts["composited_video"], capitalize_first=True)
    return {"ArtifactsConfiguration": found}


def build_switch(enabled, mux_type):
    return {"State": "Enabled", "MuxType": mux_type} if enabled else {"State": "Disabled"}


def build_sse(sse):
    if not sse:
        return None
    context = capture.encode_context(sse.get("encryption_context"))
    return chime_sdk.without_nothing({"AwsKmsKeyId": sse["kms_key_id"], "AwsKmsEncryptionContext": context})


def build_request(params):
    sink = capture.sink_arn(params["sink_bucket"], params["meeting_arn"])
    request = {
        "SourceType": "ChimeSdkMeeting",
        "SourceArn": params["meeting_arn"],
        "SinkType": "S3Bucket",
        "SinkArn": sink,
        "ClientRequestToken": token("capture", params["meeting_arn"], sink),
        ARTIFACTS: build_artifacts(params["artifacts"]),
        "SseAwsKeyManagementParams": build_sse(params["sse"]),
        "SinkIamRoleArn": params["sink_role_arn"],
        "Tags": tagging.to_boto(params["tags"]),
    }
    return chime_sdk.without_nothing(request)


def is_part(wanted, present):
    """Whether everything wanted is present; what the service adds to it does not count."""
    if isinstance(wanted, dict):
        return isinstance(present, dict) and all(is_part(value, present.get(key)) for key, value in wanted.items())
    return wanted == present


def find_differences(pipeline, request, same_key):
    """What the running pipeline has otherwise, by member. Nothing given is not compared."""
    found = {
        name: {"found": pipeline.get(name), "expected": request[name]}
        for name in FIXED
        if name in request and not is_part(request[name], pipeline.get(name))
    }
    wanted = request.get("SseAwsKeyManagementParams")
    present = pipeline.get("SseAwsKeyManagementParams") or {}
    if wanted and not is_same_encryption(present, wanted, same_key):
        found["SseAwsKeyManagementParams"] = {"found": present, "expected": wanted}
    return found


def is_same_encryption(present, wanted, same_key):
    contexts = [capture.decode_context(one.get("AwsKmsEncryptionContext")) for one in (present, wanted)]
    return contexts[0] == contexts[1] and same_key(present.get("AwsKmsKeyId"), wanted["AwsKmsKeyId"])


def is_same_key_name(found, wanted):
    """Whether two ways to name a key mean the same, as far as the names tell."""
    return found == wanted or any(
        long.endswith((f":{short}", f":key/{short}")) for long, short in ((found or "", wanted), (wanted, found or "?"))
    )


def build_planned(request):
    """The pipeline that would be started."""
    kept = {key: value for key, value in request.items() if key not in ("ClientRequestToken", "Tags")}
    return {**kept, "Status": "Initializing"}


def diff_side(pipeline, tags):
    if pipeline is None:
        return {}
    return {"status": pipeline.get("Status"), "sink_arn": pipeline.get("SinkArn"), "tags": tags}


# --- refusals --------------------------------------------------------------------------------------------------------


def check_options(connection, params, region, request):
    if params["state"] == "started":
        checked = {key: value for key, value in request.items() if key != "Tags"}
        check_request(connection, "CreateMediaCapturePipeline", checked, OPTIONS)
        chime_sdk.check_tags(connection, params["tags"])
    named = chime_sdk.region_of(params["meeting_arn"])
    if named != region:
        raise Refused(
            "meeting_arn names another control region",
            found=named or "no region",
            expected=region,
            next_step="call the region that made the meeting: no other one can record it",
            result={"reason": "invalid_option"},
        )


def check_same(pipeline, request, same_key):
    differences = find_differences(pipeline, request, same_key)
    if differences:
        raise Refused(
            "The meeting is recorded already, in another way",
            found=f"pipeline {pipeline['MediaPipelineId']} differs in {', '.join(sorted(differences))}",
            expected="the options given",
            next_step="stop it first; a pipeline that runs cannot be changed",
            result={
                "reason": "pipeline_differs",
                "differences": differences,
                "media_pipeline_id": pipeline["MediaPipelineId"],
            },
        )


def only(pipelines):
    """The one pipeline of a meeting and a sink, or None. Two at once are nobody's to choose from."""
    if len(pipelines) < 2:
        return pipelines[0] if pipelines else None
    identifiers = sorted(one["MediaPipelineId"] for one in pipelines)
    raise Refused(
        "Several pipelines record the meeting into this sink",
        found=", ".join(identifiers),
        expected="one",
        next_step="stop them with state: stopped, then start one",
        result={"reason": "ambiguous_pipeline", "media_pipeline_ids": identifiers},
    )


# --- ensure ----------------------------------------------------------------------------------------------------------


def find_active(connection, request):
    """Pipelines of this meeting and sink that have not ended: those that go on, and those that are stopping."""
    found = capture.select(capture.read_pipelines(connection), request["SourceArn"], request["SinkArn"])
    active = [one for one in found if not capture.is_ended(one)]
    leaving = [one for one in active if one["Status"] in capture.LEAVING]
    return [one for one in active if one not in leaving], leaving


def wait_for(connection, identifier, left, params, done, what):
    return wait_until(
        lambda: capture.get_pipeline(connection, identifier),
        done,
        f"media capture pipeline {identifier} to {what}",
        left.seconds(),
        params["poll_seconds"],
        failed=lambda pipeline: failure_of(pipeline) if what == "record" else None,
    )


def failure_of(pipeline):
    status = "gone" if pipeline is None else pipeline.get("Status")
    return f"it is {status}" if status in ("gone", *capture.ENDED, *capture.LEAVING) else None


def is_recording(pipeline):
    return pipeline is not None and pipeline.get("Status") in capture.RUNNING


def ensure_started(module, connection, request, same_key):
    params, left = module.params, TimeLeft(module.params["wait_timeout"])
    going, leaving = find_active(connection, request)
    current = only(going)
    if current:
        check_same(current, request, same_key)
    present = capture.list_tags(connection, current["MediaPipelineArn"]) if current else {}
    to_set, to_remove = tagging.diff_tags(present, params["tags"], params["purge_tags"])
    tags = {**{key: value for key, value in present.items() if key not in to_remove}, **to_set}
    after = current or build_planned(request)
    result = {
        "changed": current is None or bool(to_set or to_remove),
        "pipeline": capture.shown(after, tags),
        "diff": {"before": diff_side(current, present), "after": diff_side(after, tags)},
    }
    if module.check_mode:
        return result
    if current is None:
        for one in leaving:
            wait_for(
                connection, one["MediaPipelineId"], left, params, capture.is_ended, "end before another one starts"
            )
        current = create_pipeline(connection, request)
    else:
        write_tags(connection, current["MediaPipelineArn"], to_set, to_remove)
    if params["wait"] and not is_recording(current):
        current = wait_for(connection, current["MediaPipelineId"], left, params, is_recording, "record")
    return {**result, "pipeline": capture.shown(current, tags)}


def write_tags(connection, arn, to_set, to_remove):
    if to_remove:
        untag_pipeline(connection, arn, to_remove)
    if to_set:
        tag_pipeline(connection, arn, to_set)


def ensure_stopped(module, connection, request):
    """All pipelines of this meeting and sink end: nothing may go on recording."""
    params, left = module.params, TimeLeft(module.params["wait_timeout"])
    going, leaving = find_active(connection, request)
    identifiers = sorted(one["MediaPipelineId"] for one in going)
    result = {
        "changed": bool(going),
        "stopped": identifiers,
        "diff": {
            "before": {one["MediaPipelineId"]: one["Status"] for one in going},
            "after": dict.fromkeys(identifiers, "Stopped"),
        },
    }
    if module.check_mode:
        return result
    for identifier in identifiers:
        delete_pipeline(connection, identifier)
    for one in [*going, *leaving] if params["wait"] else []:
        wait_for(connection, one["MediaPipelineId"], left, params, capture.is_ended, "stop")
    return result


def build_same_key(module):
    """Compares names of keys; asks KMS only where the names do not tell."""

    def same_key(found, wanted):
        if is_same_key_name(found, wanted):
            return True
        if not found:
            return False
        keys = [describe_key(client(module, "kms"), one) for one in (found, wanted)]
        return None not in keys and keys[0]["Arn"] == keys[1]["Arn"]

    return same_key


def ensure(module):
    connection = chime_sdk.chime_client(module, chime_sdk.PIPELINES)
    request = build_request(module.params)
    check_options(connection, module.params, module.region, request)
    try:
        if module.params["state"] == "started":
            return ensure_started(module, connection, request, build_same_key(module))
        return ensure_stopped(module, connection, request)
    except AwsError as error:
        raise chime_sdk.explained(error) from error


def main():
    argument_spec = {
        "state": {"choices": ["started", "stopped"], "default": "started"},
        "meeting_arn": {"type": "str", "required": True},
        "sink_bucket": {"type": "str", "required": True},
        "artifacts": {
            "type": "dict",
            "options": {
                "audio": {
                    "choices": ["AudioOnly", "AudioWithActiveSpeakerVideo", "AudioWithCompositedVideo"],
                    "default": "AudioOnly",
                },
                "video": {"type": "bool", "default": False},
                "content": {"type": "bool", "default": False},
                "composited_video": {"type": "dict"},
            },
        },
        "sse": {
            "type": "dict",
            "options": {
                # The names of a key and of its context are no secrets.
                "kms_key_id": {"type": "str", "required": True, "no_log": False},
                "encryption_context": {"type": "dict"},
            },
        },
        "sink_role_arn": {"type": "str"},
        **chime_sdk.ARGUMENTS,
        **tagging.ARGUMENTS,
        **wait_arguments(),
    }
    module = AnsibleAWSModule(
        argument_spec=argument_spec,
        supports_check_mode=True,
        required_together=[("sse", "sink_role_arn")],
    )
    run(module, ensure)


if __name__ == "__main__":
    main()
