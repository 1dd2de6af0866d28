#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: bedrock_data_retention
version_added: 1.0.0
short_description: Manage what Bedrock may keep of prompts and answers in a region
description:
  - Sets the account's data retention for Bedrock in one region. There is one setting a region, and no way to remove it.
  - V(provider_data_share) lets the providers of models have prompts and answers. It is refused unless
    O(allow_provider_share), also when it is what is set already, so that a play over patients' data stops.
  - Operations used are C(bedrock:GetAccountDataRetention) and C(bedrock:PutAccountDataRetention), with the IAM
    permissions of the same names. They need boto3 1.44.0 or newer.
author:
  - MedZen platform team (@medzen)
options:
  mode:
    description:
      - V(none) keeps nothing, V(aws_review) lets AWS keep what it needs against abuse, V(provider_data_share) shares
        with the provider of the model, V(inherit) takes the organisation's setting, V(default) that of AWS.
    type: str
    choices: [default, none, aws_review, provider_data_share, inherit]
    required: true
  allow_provider_share:
    description:
      - Whether O(mode=provider_data_share) is meant.
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
"""

EXAMPLES = r"""
- name: Let nobody keep prompts
  medzen.multiregion.bedrock_data_retention:
    region: eu-central-1
    mode: none
"""

RETURN = r"""
mode:
  description: The mode; in check mode as it would be.
  type: str
  returned: always
  sample: none
previous_mode:
  description: The mode before the run.
  type: str
  returned: always
  sample: default
updated_at:
  description: When the service says that the mode was set, as ISO 8601.
  type: str
  returned: when the service says so
  sample: "2026-11-25T04:20:00+00:00"
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.medzen.multiregion.plugins.module_utils import bedrock
from ansible_collections.medzen.multiregion.plugins.module_utils.aws import describe, snake
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.runner import run
from ansible_collections.medzen.multiregion.plugins.module_utils.service_model import check_request, require_operations

MODES = ("default", "none", "aws_review", "provider_data_share", "inherit")


@describe("set the data retention to {mode}")
def put_retention(connection, mode):
    return connection.put_account_data_retention(mode=mode, aws_retry=True)


def check_share(params, region):
    if params["mode"] == bedrock.PROVIDER_SHARE and not params["allow_provider_share"]:
        raise Refused(
            f"{bedrock.PROVIDER_SHARE} gives prompts and answers in {region} to the providers of models",
            found=f"mode {bedrock.PROVIDER_SHARE} without allow_provider_share",
            expected="another mode wherever prompts may be about patients",
            next_step="choose another mode, or set allow_provider_share: true",
            result={"reason": "provider_share"},
        )


def ensure(module):
    params, mode = module.params, module.params["mode"]
    check_share(params, module.region)
    connection = bedrock.connect(module)
    require_operations(connection, "GetAccountDataRetention", "PutAccountDataRetention", since="1.44.0")
    check_request(connection, "PutAccountDataRetention", {"mode": mode})
    before = answer = bedrock.get_retention(connection)
    changed = before["mode"] != mode
    if changed and not module.check_mode:
        answer = put_retention(connection, mode)
    return build_result(before["mode"], mode, answer.get("updatedAt"))


def build_result(before, after, updated_at):
    result = {
        "changed": before != after,
        "mode": after,
        "previous_mode": before,
        "diff": {"before": {"mode": before}, "after": {"mode": after}},
    }
    return {**result, "updated_at": snake(updated_at)} if updated_at else result


def main():
    argument_spec = {
        "mode": {"choices": [*MODES], "required": True},
        "allow_provider_share": {"type": "bool", "default": False},
        **bedrock.ARGUMENTS,
    }
    run(AnsibleAWSModule(argument_spec=argument_spec, supports_check_mode=True), ensure)


if __name__ == "__main__":
    main()
