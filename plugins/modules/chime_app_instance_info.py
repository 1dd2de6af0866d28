#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: chime_app_instance_info
version_added: 1.0.0
short_description: Read app instances of Chime SDK messaging
description:
  - Lists the app instances of a region with the retention of their messages, their export to Kinesis, administrators
    and tags.
  - One that is not there gives an empty list. A refused call is a failure, never absence.
  - Each app instance takes five calls; the account may make five a second.
  - Operations used are C(chime-sdk-identity:ListAppInstances), C(chime-sdk-identity:DescribeAppInstance),
    C(chime-sdk-identity:GetAppInstanceRetentionSettings), C(chime-sdk-identity:ListAppInstanceAdmins),
    C(chime-sdk-identity:ListTagsForResource) and C(chime-sdk-messaging:GetMessagingStreamingConfigurations). The IAM
    permissions have the same names with the prefix C(chime).
options:
  name:
    description:
      - Name of the app instances to read. Names are not unique; all of this name are returned.
    type: str
  app_instance_arn:
    description:
      - ARN of the app instance to read.
    type: str
    aliases: [arn]
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
- name: What would be lost with the messaging of Virginia?
  medzen.multiregion.chime_app_instance_info:
    region: us-east-1
  register: messaging
"""

RETURN = r"""
app_instances:
  description: The app instances, sorted by ARN.
  type: list
  elements: dict
  returned: always
  contains:
    app_instance_arn:
      description: ARN.
      type: str
      sample: arn:aws:chime:eu-central-1:123456789012:app-instance/5bd0d7cb-2ea2-4e0c-9c34-e9a2d3d4b5f6
    name:
      description: Name.
      type: str
    metadata:
      description: The text that it carries.
      type: str
    created_timestamp:
      description: When it was created, in ISO 8601.
      type: str
    last_updated_timestamp:
      description: When it was last changed, in ISO 8601.
      type: str
    retention_days:
      description: Days that messages of channels are kept; none means for ever.
      type: int
    initiate_deletion_timestamp:
      description: When AWS begins to delete what is older than the retention, in ISO 8601.
      type: str
    streaming_configurations:
      description: Where messages and events are exported to, sorted by kind of data.
      type: list
      elements: dict
      contains:
        data_type: {description: V(Channel) or V(ChannelMessage)., type: str}
        resource_arn: {description: ARN of the Kinesis stream., type: str}
      sample:
        - data_type: ChannelMessage
          resource_arn: arn:aws:kinesis:eu-central-1:123456789012:stream/chime-messaging-medzen
    admins:
      description: ARNs of the administrators, sorted.
      type: list
      elements: str
    tags:
      description: Tags.
      type: dict
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.medzen.multiregion.plugins.module_utils import chime_app_instance as instances
from ansible_collections.medzen.multiregion.plugins.module_utils import chime_sdk
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import AwsError
from ansible_collections.medzen.multiregion.plugins.module_utils.runner import run
from ansible_collections.medzen.multiregion.plugins.module_utils.service_model import check_request

OPTIONS = {"AppInstanceArn": "app_instance_arn", "Name": "name"}


def check_options(identity, params):
    if params["name"] is not None:
        check_request(identity, "CreateAppInstance", {"Name": params["name"], "ClientRequestToken": "any"}, OPTIONS)
    if params["app_instance_arn"] is not None:
        check_request(identity, "DescribeAppInstance", {"AppInstanceArn": params["app_instance_arn"]}, OPTIONS)


def select(found, params):
    """ARNs of the listed app instances that are asked for, sorted."""
    wanted = {"Name": params["name"], "AppInstanceArn": params["app_instance_arn"]}
    return sorted(
        one["AppInstanceArn"]
        for one in found
        if all(value is None or one.get(key) == value for key, value in wanted.items())
    )


def read_all(module, identity, messaging):
    arns = select(instances.list_instances(identity), module.params)
    return {"changed": False, "app_instances": [instances.read(identity, messaging, arn) for arn in arns]}


def ensure(module):
    identity = chime_sdk.chime_client(module, chime_sdk.IDENTITY)
    messaging = chime_sdk.chime_client(module, chime_sdk.MESSAGING)
    check_options(identity, module.params)
    try:
        return read_all(module, identity, messaging)
    except AwsError as error:
        raise chime_sdk.explained(error) from error


def main():
    argument_spec = {
        "name": {"type": "str"},
        "app_instance_arn": {"type": "str", "aliases": ["arn"]},
        **chime_sdk.ARGUMENTS,
    }
    run(AnsibleAWSModule(argument_spec=argument_spec, supports_check_mode=True), ensure)


if __name__ == "__main__":
    main()
