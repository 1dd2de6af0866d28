#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: chime_media_capture_pipeline_info
version_added: 1.0.0
short_description: Read the media capture pipelines that record Chime SDK meetings
description:
  - Returns the pipelines of a control region, each as the service describes it, and counts them by status. Pipelines
    that have not ended are visits that are being recorded; a region with one is not drained.
  - The listing has identifiers only, so that each pipeline takes a call of its own; AWS allows ten a second.
  - Operations used are C(chime-sdk-media-pipelines:ListMediaCapturePipelines),
    C(chime-sdk-media-pipelines:GetMediaCapturePipeline) and, with O(include_tags),
    C(chime-sdk-media-pipelines:ListTagsForResource). The IAM permissions have the same names with the prefix C(chime).
options:
  meeting_arn:
    description:
      - Only pipelines of this meeting.
    type: str
  sink_bucket:
    description:
      - Only pipelines that record into this bucket, by its name or ARN, with the prefix where there is one.
    type: str
  statuses:
    description:
      - Only pipelines in one of these statuses. Without it, all.
    type: list
    elements: str
    choices: [NotStarted, Initializing, InProgress, Paused, Stopping, Stopped, Failed]
  include_tags:
    description:
      - Whether to read the tags of each pipeline.
    type: bool
    default: false
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - medzen.multiregion.chime
attributes:
  check_mode:
    description: Can run in check mode and returns the same.
    support: full
  diff_mode:
    description: Changes nothing and has no diff.
    support: none
  idempotent:
    description: Only reads.
    support: full
author:
  - MedZen platform team (@medzen)
"""

EXAMPLES = r"""
- name: Is anybody still being recorded in Frankfurt?
  medzen.multiregion.chime_media_capture_pipeline_info:
    region: eu-central-1
  register: recordings
  until: recordings.active_count == 0
  retries: 60
  delay: 30
"""

RETURN = r"""
pipelines:
  description: The pipelines as the service describes them, in snake_case, sorted by identifier.
  type: list
  elements: dict
  returned: always
  contains:
    media_pipeline_id: {description: Identifier., type: str}
    media_pipeline_arn: {description: ARN., type: str}
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
    tags: {description: Tags., type: dict, returned: with O(include_tags)}
  sample:
    - media_pipeline_id: 1a2b3c4d-1111-2222-3333-444455556666
      source_arn: arn:aws:chime:eu-central-1:123456789012:meeting/aaaabbbb-1111-2222-3333-ccccddddeeee
      sink_arn: arn:aws:s3:::medzen-meeting-recordings-123456789012
      status: InProgress
by_status:
  description: How many of them are in each status.
  type: dict
  returned: always
  sample: {"InProgress": 2}
active_count:
  description: How many of them have not ended, which is every status but C(Stopped) and C(Failed).
  type: int
  returned: always
"""

from collections import Counter

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.medzen.multiregion.plugins.module_utils import chime_sdk
from ansible_collections.medzen.multiregion.plugins.module_utils import media_capture as capture
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import AwsError
from ansible_collections.medzen.multiregion.plugins.module_utils.runner import run
from ansible_collections.medzen.multiregion.plugins.module_utils.service_model import check_request

OPTIONS = {"SourceArn": "meeting_arn", "SinkArn": "sink_bucket"}
SOME_ARN = "arn:aws:s3:::any"


def check_options(connection, params):
    """A filter that can match nothing is a mistake, not an empty result."""
    meeting = params["meeting_arn"] if params["meeting_arn"] is not None else SOME_ARN
    sink = params["sink_bucket"] if params["sink_bucket"] is not None else SOME_ARN
    request = {
        "SourceType": "ChimeSdkMeeting",
        "SourceArn": meeting,
        "SinkType": "S3Bucket",
        "SinkArn": sink and capture.sink_arn(sink, meeting),
    }
    check_request(connection, "CreateMediaCapturePipeline", request, OPTIONS)


def summarise(pipelines):
    return {
        "changed": False,
        "pipelines": sorted(pipelines, key=lambda one: one["media_pipeline_id"]),
        "by_status": dict(sorted(Counter(one["status"] for one in pipelines).items())),
        "active_count": sum(one["status"] not in capture.ENDED for one in pipelines),
    }


def read(connection, params):
    found = capture.select(capture.read_pipelines(connection), params["meeting_arn"], params["sink_bucket"])
    wanted = params["statuses"] or capture.STATUSES
    selected = [one for one in found if one["Status"] in wanted]
    if not params["include_tags"]:
        return summarise([capture.shown(one) for one in selected])
    return summarise([capture.shown(one, capture.list_tags(connection, one["MediaPipelineArn"])) for one in selected])


def ensure(module):
    connection = chime_sdk.chime_client(module, chime_sdk.PIPELINES)
    check_options(connection, module.params)
    try:
        return read(connection, module.params)
    except AwsError as error:
        raise chime_sdk.explained(error) from error


def main():
    argument_spec = {
        "meeting_arn": {"type": "str"},
        "sink_bucket": {"type": "str"},
        "statuses": {"type": "list", "elements": "str", "choices": list(capture.STATUSES)},
        "include_tags": {"type": "bool", "default": False},
        **chime_sdk.ARGUMENTS,
    }
    run(AnsibleAWSModule(argument_spec=argument_spec, supports_check_mode=True), ensure)


if __name__ == "__main__":
    main()
