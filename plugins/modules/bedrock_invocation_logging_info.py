#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: bedrock_invocation_logging_info
version_added: 1.0.0
short_description: Read where Bedrock writes prompts and answers in a region
description:
  - Reads the configuration of model invocation logging and what is known of the bucket and log group that it names.
  - Operations used are C(bedrock:GetModelInvocationLoggingConfiguration), C(s3:GetBucketLocation),
    C(s3:GetBucketEncryption) (permission C(s3:GetEncryptionConfiguration)) and C(logs:DescribeLogGroups), with the IAM
    permissions of the same names.
author:
  - MedZen platform team (@medzen)
options: {}
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - medzen.multiregion.bedrock
attributes:
  check_mode:
    description: Reads only, so check mode makes no difference.
    support: full
  diff_mode:
    description: Changes nothing and has no diff.
    support: none
seealso:
  - module: medzen.multiregion.bedrock_invocation_logging
"""

EXAMPLES = r"""
- name: Read where prompts are written
  medzen.multiregion.bedrock_invocation_logging_info:
    region: eu-central-1
  register: logging

- name: Refuse a log without a key
  ansible.builtin.assert:
    that: logging.unencrypted == []
"""

RETURN = r"""
enabled:
  description: Whether there is a configuration.
  type: bool
  returned: always
logging_config:
  description: The configuration as the service has it, in snake_case, empty when there is none.
  type: dict
  returned: always
  contains:
    s3_config: {description: C(bucket_name) and C(key_prefix) of the bucket that takes the log., type: dict}
    cloud_watch_config:
      description: C(log_group_name), C(role_arn) and C(large_data_delivery_s3_config).
      type: dict
    text_data_delivery_enabled: {description: Whether text is written., type: bool}
    image_data_delivery_enabled: {description: Whether images are written., type: bool}
    embedding_data_delivery_enabled: {description: Whether embeddings are written., type: bool}
    video_data_delivery_enabled: {description: Whether videos are written., type: bool}
    audio_data_delivery_enabled: {description: Whether audio is written., type: bool}
  sample:
    s3_config:
      bucket_name: medzen-bedrock-eu-central-1
    text_data_delivery_enabled: true
places:
  description:
    - Each bucket and the log group.
  type: list
  elements: dict
  returned: always
  contains:
    option: {description: "The option that names it, as C(s3.bucket).", type: str}
    kind: {description: C(bucket) or C(log_group)., type: str}
    name: {description: Its name., type: str}
    exists: {description: Whether it is there., type: bool}
    region: {description: Its region; V(null) when it is not there., type: str}
    kms_key: {description: Key that encrypts it; V(null) without one., type: str}
    retention_days:
      description: How many days a log group keeps; V(null) for ever.
      type: int
      returned: for a log group
unencrypted:
  description: Names of places without a KMS key, those that are not there among them.
  type: list
  elements: str
  returned: always
misplaced:
  description: Names of places in another region, or not there.
  type: list
  elements: str
  returned: always
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.medzen.multiregion.plugins.module_utils import bedrock
from ansible_collections.medzen.multiregion.plugins.module_utils import invocation_logging as logging
from ansible_collections.medzen.multiregion.plugins.module_utils.aws import client, snake
from ansible_collections.medzen.multiregion.plugins.module_utils.runner import run


def build_result(config, places, region):
    return {
        "changed": False,
        "enabled": bool(config),
        "logging_config": snake(config),
        "places": places,
        "unencrypted": [place["name"] for place in places if not place["kms_key"]],
        "misplaced": [place["name"] for place in places if place["region"] != region],
    }


def read(module):
    config = logging.get_logging(bedrock.connect(module))
    # Nothing is named where there is no configuration, and no right to read buckets is needed.
    places = logging.describe_places(client(module, "s3"), client(module, "logs"), config) if config else []
    return build_result(config, places, module.region)


def main():
    run(AnsibleAWSModule(argument_spec=dict(bedrock.ARGUMENTS), supports_check_mode=True), read)


if __name__ == "__main__":
    main()
