#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: bedrock_invocation_logging
version_added: 1.0.0
short_description: Manage where Bedrock writes prompts and answers in a region
description:
  - Sets, changes and removes the region's one configuration of model invocation logging.
  - What is not given stays as it is. The service replaces the whole configuration, so the module sends again what is to
    stay. O(s3) or O(cloudwatch) given empty is removed, as long as the other is there.
  - The log holds what people ask. O(require_encryption) refuses a bucket or log group without a KMS key.
  - A bucket or log group that is not there, or in another region, is refused before anything is written.
  - Right after a role or a bucket policy was made the service cannot use it yet and answers that it failed to validate
    permissions. That is tried again for 60 seconds.
  - Operations used are C(bedrock:GetModelInvocationLoggingConfiguration),
    C(bedrock:PutModelInvocationLoggingConfiguration), C(bedrock:DeleteModelInvocationLoggingConfiguration),
    C(s3:GetBucketLocation), C(s3:GetBucketEncryption) (permission C(s3:GetEncryptionConfiguration)) and
    C(logs:DescribeLogGroups), with the IAM permissions of the same names, and C(iam:PassRole) for the role.
author:
  - MedZen platform team (@medzen)
options:
  state:
    description:
      - Whether prompts and answers are written anywhere.
    type: str
    choices: [present, absent]
    default: present
  s3:
    description:
      - Bucket that takes the log.
    type: dict
    suboptions:
      bucket:
        description:
          - Name of the bucket, which must be in the region of the task.
        type: str
      key_prefix:
        description:
          - What the keys begin with.
        type: str
  cloudwatch:
    description:
      - Log group that takes the log.
    type: dict
    suboptions:
      log_group:
        description:
          - Name of the log group, which must be in the region of the task.
        type: str
      role_arn:
        description:
          - Role that Bedrock takes to write to it.
        type: str
      large_data_s3:
        description:
          - Bucket for what is too large for a log event (100 kB) and for binary data. Without it that is not kept.
        type: dict
        suboptions:
          bucket:
            description:
              - Name of the bucket, which must be in the region of the task.
            type: str
          key_prefix:
            description:
              - What the keys begin with.
            type: str
  text_enabled:
    description:
      - Whether text is written.
    type: bool
  image_enabled:
    description:
      - Whether images are written.
    type: bool
  embedding_enabled:
    description:
      - Whether embeddings are written.
    type: bool
  video_enabled:
    description:
      - Whether videos are written.
    type: bool
  audio_enabled:
    description:
      - Whether audio is written.
    type: bool
  require_encryption:
    description:
      - Whether every bucket and the log group must be encrypted with a KMS key.
    type: bool
    default: false
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - medzen.multiregion.bedrock
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
seealso:
  - module: medzen.multiregion.bedrock_invocation_logging_info
"""

EXAMPLES = r"""
- name: Write prompts and answers to an encrypted log group
  medzen.multiregion.bedrock_invocation_logging:
    region: eu-central-1
    cloudwatch:
      log_group: /medzen/bedrock
      role_arn: arn:aws:iam::123456789012:role/medzen-bedrock-logging
      large_data_s3:
        bucket: medzen-bedrock-eu-central-1
    text_enabled: true
    image_enabled: false
    embedding_enabled: false
    require_encryption: true

- name: Write nothing anywhere
  medzen.multiregion.bedrock_invocation_logging:
    region: af-south-1
    state: absent
"""

RETURN = r"""
logging_config:
  description: The configuration as the service has it, in snake_case; in check mode as it would be, empty when absent.
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
    cloud_watch_config:
      log_group_name: /medzen/bedrock
      role_arn: arn:aws:iam::123456789012:role/medzen-bedrock-logging
    text_data_delivery_enabled: true
places:
  description:
    - Each bucket and the log group.
  type: list
  elements: dict
  returned: when O(state=present)
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
"""

import time

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.medzen.multiregion.plugins.module_utils import bedrock
from ansible_collections.medzen.multiregion.plugins.module_utils import invocation_logging as logging
from ansible_collections.medzen.multiregion.plugins.module_utils.aws import client, describe, snake
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import AwsError, Refused, WaitTimeout
from ansible_collections.medzen.multiregion.plugins.module_utils.runner import run
from ansible_collections.medzen.multiregion.plugins.module_utils.service_model import check_request
from ansible_collections.medzen.multiregion.plugins.module_utils.wait import wait_until

LAG_S_MAX = 60
LAG_POLL_S = 5


@describe("set the model invocation logging")
def put_logging(connection, config):
    connection.put_model_invocation_logging_configuration(loggingConfig=config, aws_retry=True)


@describe("remove the model invocation logging")
def delete_logging(connection):
    connection.delete_model_invocation_logging_configuration(aws_retry=True)


def put_when_permitted(connection, config, clock=time.monotonic, sleep=time.sleep):
    """Put it; while the service cannot use the role or the bucket's policy yet, again for a minute."""
    errors = []

    def attempt():
        try:
            put_logging(connection, config)
        except AwsError as error:
            if not logging.is_permission_lag(error):
                raise
            errors.append(error)
            return error.message
        return ""

    what = "the permissions of the model invocation logging"
    try:
        wait_until(attempt, lambda text: not text, what, LAG_S_MAX, LAG_POLL_S, clock=clock, sleep=sleep)
    except WaitTimeout as timeout:
        raise AwsError(
            f"{errors[-1].message} Tried for {LAG_S_MAX} s; check the role, its trust in bedrock.amazonaws.com and the "
            "bucket's policy",
            result=errors[-1].result,
        ) from timeout


def check_places(module, config):
    """What is known of every place, once none of them is refused."""
    region = module.region
    places = logging.describe_places(client(module, "s3"), client(module, "logs"), config)
    faults = list(logging.iter_place_faults(places, region, module.params["require_encryption"]))
    if faults:
        raise Refused(
            f"The log of prompts in {region} cannot go there",
            found="; ".join(faults),
            expected=f"buckets and log group in {region}"
            + (", encrypted with KMS" if module.params["require_encryption"] else ""),
            next_step="create or encrypt them, or correct the options named",
            result={"reason": "place_refused", "places": places, "faults": faults},
        )
    return places


def check_options(params):
    """Refuse halves before any call: a target is given whole, or empty to be removed."""
    faults = []
    for option, needed in (("s3", ("bucket",)), ("cloudwatch", ("log_group", "role_arn"))):
        given = params[option] or {}
        if any(value is not None for value in given.values()):
            faults += [f"{option}.{name}: is required" for name in needed if not given.get(name)]
    if faults:
        raise Refused(
            "The options do not name a whole target",
            found="; ".join(faults),
            next_step="give them, or the option empty to remove the target",
            result={"reason": "invalid_option", "faults": faults},
        )


def check_config(connection, config):
    if not config.get("s3Config") and not config.get("cloudWatchConfig"):
        raise Refused(
            "The log of prompts would go nowhere",
            found="neither s3 nor cloudwatch",
            expected="one of them",
            next_step="give one, or state: absent to write nothing",
            result={"reason": "invalid_option"},
        )
    check_request(connection, "PutModelInvocationLoggingConfiguration", {"loggingConfig": config}, logging.OPTION_NAMES)


def ensure_present(module, connection):
    check_options(module.params)
    given = logging.build_config(module.params, {})
    check_request(connection, "PutModelInvocationLoggingConfiguration", {"loggingConfig": given}, logging.OPTION_NAMES)
    present = logging.get_logging(connection)
    wanted = logging.build_config(module.params, present)
    check_config(connection, wanted)
    places = check_places(module, wanted)
    before, after = logging.comparable(present), logging.comparable(wanted)
    result = {
        "changed": before != after,
        "logging_config": snake(after),
        "places": places,
        "diff": {"before": snake(before), "after": snake(after)},
    }
    if module.check_mode or not result["changed"]:
        return result
    put_when_permitted(connection, wanted)
    return {**result, "logging_config": snake(logging.get_logging(connection))}


def ensure_absent(module, connection):
    present = logging.get_logging(connection)
    diff = {"before": snake(logging.comparable(present)), "after": {}}
    if present and not module.check_mode:
        delete_logging(connection)
    return {"changed": bool(present), "logging_config": {}, "diff": diff}


def ensure(module):
    connection = bedrock.connect(module)
    return (ensure_present if module.params["state"] == "present" else ensure_absent)(module, connection)


def main():
    bucket = {"type": "dict", "options": {"bucket": {}, "key_prefix": {"no_log": False}}}
    argument_spec = {
        "state": {"choices": ["present", "absent"], "default": "present"},
        "s3": bucket,
        "cloudwatch": {"type": "dict", "options": {"log_group": {}, "role_arn": {}, "large_data_s3": bucket}},
        **{option: {"type": "bool"} for option in logging.SWITCHES},
        "require_encryption": {"type": "bool", "default": False},
        **bedrock.ARGUMENTS,
    }
    run(AnsibleAWSModule(argument_spec=argument_spec, supports_check_mode=True), ensure)


if __name__ == "__main__":
    main()
