#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: kms_key_policy
version_added: 1.0.0
short_description: Let services use a KMS key, by statements of its policy
description:
  - Adds statements to the policy of a key, or changes those of the same C(Sid). Every other statement stays as it is,
    so several tasks can each bring their own.
  - A policy that would let nobody change it any more is refused by KMS; the module never asks to leave that check out.
  - Operations used are C(kms:DescribeKey), C(kms:GetKeyPolicy) and C(kms:PutKeyPolicy), with the IAM permissions of the
    same names.
author:
  - MedZen platform team
options:
  key_id:
    description:
      - Key of this region, as ARN, id or alias.
    type: str
    required: true
  statements:
    description:
      - Statements, each with a C(Sid).
    type: list
    elements: dict
    required: true
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
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
"""

EXAMPLES = r"""
- name: Let CloudWatch encrypt logs of this account and region with the key
  medzen.multiregion.kms_key_policy:
    region: eu-central-1
    key_id: alias/medzen-ehrbase-eu-central-1
    statements:
      - Sid: Logs
        Effect: Allow
        Principal: {Service: logs.eu-central-1.amazonaws.com}
        Action: ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"]
        Resource: "*"
        Condition:
          ArnLike: {"kms:EncryptionContext:aws:logs:arn": "arn:aws:logs:eu-central-1:123456789012:log-group:*"}
"""

RETURN = r"""
key_arn:
  description: ARN of the key.
  type: str
  returned: always
statements:
  description: Every statement of its policy; in check mode as they would be.
  type: list
  elements: dict
  returned: always
"""

import json

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.medzen.multiregion.plugins.module_utils.aws import client, describe
from ansible_collections.medzen.multiregion.plugins.module_utils.bucket_plan import (
    POLICY_VERSION,
    build_statements,
    normalize_policy,
)
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.kms import require_key_arn
from ansible_collections.medzen.multiregion.plugins.module_utils.runner import run

# A key has this one policy, and no other.
NAME = "default"


@describe("read the policy of key {arn}")
def get_policy(kms, arn):
    return kms.get_key_policy(KeyId=arn, PolicyName=NAME, aws_retry=True)["Policy"]


@describe("write the policy of key {arn}")
def put_policy(kms, arn, text):
    kms.put_key_policy(KeyId=arn, PolicyName=NAME, Policy=text, aws_retry=True)


def check_statements(statements):
    sids = [one.get("Sid") for one in statements]
    if not all(sids) or len(set(sids)) < len(sids):
        raise Refused(
            "The statements cannot be told apart",
            found=f"the Sids {', '.join(str(sid) for sid in sids)}",
            expected="a Sid for each, and each once",
            next_step="correct statements",
            result={"reason": "invalid_option"},
        )


def build_policy(found, statements):
    """The policy as KMS has it, with these statements in it."""
    policy = json.loads(found)
    version = policy.get("Version", POLICY_VERSION)
    return {**policy, "Version": version, "Statement": build_statements(normalize_policy(found), statements, False)}


def ensure(module):
    check_statements(module.params["statements"])
    kms = client(module, "kms")
    arn = require_key_arn(kms, module.params["key_id"], "key_id")
    found = get_policy(kms, arn)
    present, after = normalize_policy(found), build_policy(found, module.params["statements"])
    changed = present != after["Statement"]
    if changed and not module.check_mode:
        put_policy(kms, arn, json.dumps(after))
    return {
        "changed": changed,
        "key_arn": arn,
        "statements": after["Statement"],
        "diff": {"before": {"statements": present}, "after": {"statements": after["Statement"]}},
    }


def main():
    argument_spec = {
        "key_id": {"required": True, "no_log": False},
        "statements": {"type": "list", "elements": "dict", "required": True},
    }
    run(AnsibleAWSModule(argument_spec=argument_spec, supports_check_mode=True), ensure)


if __name__ == "__main__":
    main()
