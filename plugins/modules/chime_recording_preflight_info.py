#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: chime_recording_preflight_info
version_added: 1.0.0
short_description: Look whether meetings of the Chime SDK can be recorded into a bucket
description:
  - Checks the region and account of the bucket, that its policy lets the media pipelines write, its encryption, Object
    Lock and lifecycle, the key or the sink role, the service-linked role, and whether the account may have as many
    pipelines at once.
  - A check is C(ok), C(warn), C(refuse), or C(unknown) when it could not be made. The module itself does not fail for
    any of them; M(medzen.multiregion.gate) decides, and takes the list as it is.
  - Policies are read as documents, not evaluated as IAM does. An Allow or Deny under a condition that cannot be judged
    from here is C(unknown). What the sink role itself may do is not looked at.
  - Needs C(sts:GetCallerIdentity), C(s3:GetBucketLocation), C(s3:GetBucketPolicy), C(s3:GetEncryptionConfiguration),
    C(s3:GetBucketObjectLockConfiguration), C(s3:GetLifecycleConfiguration), C(kms:DescribeKey), C(kms:GetKeyPolicy),
    C(iam:GetRole), C(chime:ListMediaCapturePipelines), C(chime:GetMediaCapturePipeline),
    C(servicequotas:GetServiceQuota) and C(servicequotas:GetAWSDefaultServiceQuota).
options:
  bucket:
    description:
      - Name of the bucket.
    type: str
    required: true
  meeting_region:
    description:
      - Region of the meetings, in which AWS wants the bucket. The pipelines are made in O(region).
    type: str
    required: true
  account:
    description:
      - Number of the account that has the meetings, 12 digits, as text. Without it, that of the credentials.
    type: str
  retention_days:
    description:
      - Number of days that recordings must be kept.
    type: int
    required: true
  kms_key:
    description:
      - Identifier, ARN or alias of the key that recordings are encrypted with.
    type: str
  sink_role_arn:
    description:
      - ARN of the role that the pipelines write with. Its trust is checked instead of the key's policy.
    type: str
  pipelines:
    description:
      - How many pipelines are to be started besides those that have not ended.
    type: int
    default: 1
  quota_code:
    description:
      - Code of the quota of active media pipelines in Service Quotas, service C(chime). When it is empty AWS's default
        is compared, 100 in us-east-1 and 10 elsewhere.
      - Concatenation and live connector pipelines count towards the same quota and are not seen here.
    type: str
    default: L-7F583998
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
- name: Can visits in Frankfurt be recorded for seven years?
  medzen.multiregion.chime_recording_preflight_info:
    region: eu-central-1
    meeting_region: eu-central-1
    bucket: medzen-meeting-recordings-123456789012
    kms_key: alias/medzen-recordings
    retention_days: 2557
    pipelines: 10
  register: recording

- name: Refuse to go on when they cannot
  medzen.multiregion.gate:
    name: recording
    checks: "{{ recording.checks }}"
"""

RETURN = r"""
checks:
  description: The checks in a fixed order.
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description:
        - What was checked, one of C(pipeline region), C(bucket region), C(bucket account), C(bucket policy),
          C(encryption), C(object lock), C(lifecycle), C(key), C(key policy), C(sink role), C(service-linked role) and
          C(quota pipelines).
      type: str
      sample: bucket policy
    region:
      description: The region.
      type: str
    verdict:
      description: C(ok), C(warn), C(refuse) or C(unknown).
      type: str
    found:
      description: What was found.
      type: str
    expected:
      description: What was expected.
      type: str
    next_step:
      description: What to do about it.
      type: str
verdict:
  description: The worst of the checks, of which C(refuse) is worse than C(unknown).
  returned: always
  type: str
  sample: ok
"""

import re

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.medzen.multiregion.plugins.module_utils import chime_sdk, media_capture, residency
from ansible_collections.medzen.multiregion.plugins.module_utils import recording_preflight as recording
from ansible_collections.medzen.multiregion.plugins.module_utils import recording_reads as reads
from ansible_collections.medzen.multiregion.plugins.module_utils.bucket_location import get_bucket_region
from ansible_collections.medzen.multiregion.plugins.module_utils.clients import Clients
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import refuse_faults
from ansible_collections.medzen.multiregion.plugins.module_utils.kms import describe_key
from ansible_collections.medzen.multiregion.plugins.module_utils.preflight import Unknown, worst
from ansible_collections.medzen.multiregion.plugins.module_utils.preflight_reads import look, read_account
from ansible_collections.medzen.multiregion.plugins.module_utils.runner import run
from ansible_collections.medzen.multiregion.plugins.module_utils.service_model import check_members
from ansible_collections.medzen.multiregion.plugins.module_utils.service_regions import endpoint_regions, has_endpoint

PIPELINE_OPTIONS = {"SinkArn": "bucket", "SinkIamRoleArn": "sink_role_arn"}
NO_BUCKET = Unknown("there is no bucket to look at")


def check_options(params):
    faults = []
    if params["account"] is not None and not re.fullmatch(r"[0-9]{12}", params["account"]):
        faults.append(f"account is {params['account']!r}; expected 12 digits, as text in quotes")
    faults += [
        f"{name} is {params[name]}; expected 1 or more" for name in ("retention_days", "pipelines") if params[name] < 1
    ]
    refuse_faults("The options are not usable", faults)


def check_names(params):
    """Names that nothing can have: looked for, they would seem not to be there."""
    residency.check_regions([params["meeting_region"]], "meeting_region")
    sink = params["bucket"] and media_capture.sink_arn(params["bucket"], "")
    pipeline = {"SinkArn": sink, "SinkIamRoleArn": params["sink_role_arn"] or None}
    check_members(chime_sdk.PIPELINES, "CreateMediaCapturePipeline", pipeline, PIPELINE_OPTIONS)
    key = {"KeyId": params["kms_key"] or None}
    check_members("kms", "DescribeKey", key, {"KeyId": "kms_key"})
    quota = {"QuotaCode": params["quota_code"] or None}
    check_members("service-quotas", "GetServiceQuota", quota, {"QuotaCode": "quota_code"})


def check_bucket(s3, params, account):
    """Where the bucket is and whose. The same question with and without an owner tells a stranger's bucket apart."""
    bucket, region = params["bucket"], params["meeting_region"]
    place = look(get_bucket_region, s3, bucket)
    owned = NO_BUCKET
    if not isinstance(place, Unknown) and place is not None and not isinstance(account, Unknown):
        owned = look(reads.is_owned, s3, bucket, account)
    elif isinstance(place, Unknown):
        owned = place
    checks = [
        recording.check_bucket_region(region, place),
        recording.check_bucket_account(region, owned, account),
    ]
    return place, checks


def check_settings(s3, params, account, key):
    """What the bucket does with recordings."""
    bucket, region, days = params["bucket"], params["meeting_region"], params["retention_days"]
    by_role = bool(params["sink_role_arn"] and params["kms_key"])
    return [
        recording.check_bucket_policy(region, look(reads.read_policy, s3, bucket), bucket, account),
        recording.check_encryption(region, look(reads.read_encryption, s3, bucket), key, by_role),
        recording.check_object_lock(region, look(reads.read_object_lock, s3, bucket), days),
        recording.check_lifecycle(region, look(reads.read_lifecycle, s3, bucket), days),
    ]


def check_key(kms, params, account, key):
    """The key, and its policy where no role of one's own uses it."""
    if not params["kms_key"]:
        return []
    region = params["meeting_region"]
    checks = [recording.check_key(region, key, params["kms_key"])]
    if not params["sink_role_arn"] and isinstance(key, dict):
        policy = look(reads.read_key_policy, kms, key["KeyId"])
        checks.append(recording.check_key_policy(region, policy, key["Arn"], account))
    return checks


def check_roles(iam, params, account):
    region, arn = params["meeting_region"], params["sink_role_arn"]
    checks = []
    if arn:
        role = look(reads.read_role, iam, arn.rsplit("/", 1)[-1])
        checks.append(recording.check_sink_role(region, role, arn, account))
    return [*checks, recording.check_service_role(region, look(reads.read_role, iam, recording.SERVICE_ROLE))]


def check_pipelines(clients, params, region):
    if not has_endpoint(chime_sdk.PIPELINES, region, params["extra_regions"]):
        return [recording.check_endpoint(region, endpoint_regions(chime_sdk.PIPELINES))]
    limit = recording.pipelines_default(region)
    if params["quota_code"]:
        limit = look(reads.read_quota, clients, region, params["quota_code"])
    active = look(reads.count_active, clients(chime_sdk.PIPELINES, region))
    supported = sorted({*endpoint_regions(chime_sdk.PIPELINES), *params["extra_regions"]})
    return [
        recording.check_endpoint(region, supported),
        recording.check_pipelines(region, active, limit, params["pipelines"]),
    ]


def read_account_of(clients, params):
    return params["account"] or look(read_account, clients, clients.region)


def check_all(module):
    params = module.params
    check_options(params)
    clients = Clients(module)
    check_names(params)
    account = read_account_of(clients, params)
    place, checks = check_bucket(clients("s3", params["meeting_region"]), params, account)
    home = place if isinstance(place, str) else params["meeting_region"]
    kms = clients("kms", params["meeting_region"])
    key = look(describe_key, kms, params["kms_key"]) if params["kms_key"] else None
    checks = [*check_pipelines(clients, params, module.region), *checks]
    if place is not None:
        checks += check_settings(clients("s3", home), params, account, key)
    checks += [*check_key(kms, params, account, key), *check_roles(clients("iam"), params, account)]
    return {"changed": False, "checks": [check.as_dict() for check in checks], "verdict": worst(checks)}


def main():
    argument_spec = {
        "bucket": {"type": "str", "required": True},
        "meeting_region": {"type": "str", "required": True},
        "account": {"type": "str"},
        "retention_days": {"type": "int", "required": True},
        # The name of a key is no secret.
        "kms_key": {"type": "str", "no_log": False},
        "sink_role_arn": {"type": "str"},
        "pipelines": {"type": "int", "default": 1},
        "quota_code": {"type": "str", "default": "L-7F583998"},
        **chime_sdk.ARGUMENTS,
    }
    run(AnsibleAWSModule(argument_spec=argument_spec, supports_check_mode=True), check_all)


if __name__ == "__main__":
    main()
