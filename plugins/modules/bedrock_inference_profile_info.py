#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: bedrock_inference_profile_info
version_added: 1.0.0
short_description: Tell where the requests through Bedrock's inference profiles may go
description:
  - Reads the inference profiles of a region, those of AWS and those of the account, with every region to which each may
    send a request.
  - With O(allowed_regions) it is the gate of a residency rule. A profile is compliant when each of its destinations,
    and the region that is called, stands in the list. The region that is called counts because what is at rest stays
    there. Names are compared whole; V(eu-west-2) is not in the European Union though its name begins like it.
  - Operations used are C(bedrock:ListInferenceProfiles) and, with O(inference_profile_id),
    C(bedrock:GetInferenceProfile), with the IAM permissions of the same names.
  - Who calls a model through a profile needs C(bedrock:InvokeModel) on the profile's ARN and on the model's ARN in
    every destination; for a global profile also on the model's ARN without a region.
author:
  - MedZen platform team (@medzen)
options:
  inference_profile_id:
    description:
      - ARN or identifier of the one profile to read. One that does not exist gives an empty list, which is not
        compliant.
    type: str
    aliases: [id]
  prefix:
    description:
      - Reads only profiles whose identifier begins like this, as V(eu.). It chooses what is looked at and has no part
        in the verdict.
    type: str
  type:
    description:
      - Reads only profiles of this type.
    type: str
    choices: [SYSTEM_DEFINED, APPLICATION]
  allowed_regions:
    description:
      - The regions in which requests may be worked on, and stored, by their whole names. Not given judges nothing; an
        empty list allows nothing.
      - A global destination is outside of every list.
    type: list
    elements: str
  fail_on_violation:
    description:
      - Whether a profile that is not compliant, or that none is found, is a failure.
      - Needs O(allowed_regions).
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
    details: It only reads.
  diff_mode:
    description: Returns what has changed when in diff mode.
    support: none
  idempotent:
    description: A second run with the same options changes nothing.
    support: full
seealso:
  - module: medzen.multiregion.bedrock_inference_profile
  - module: medzen.multiregion.bedrock_model_access_info
  - name: Cross-region inference
    description: Which data goes where.
    link: https://docs.aws.amazon.com/bedrock/latest/userguide/cross-region-inference.html
"""

EXAMPLES = r"""
- name: Nothing of a patient leaves the two regions
  medzen.multiregion.bedrock_inference_profile_info:
    region: eu-central-1
    inference_profile_id: eu.amazon.nova-lite-v1:0
    allowed_regions: [eu-central-1, eu-west-1]
    fail_on_violation: true

- name: Which profiles of AWS would stay in the European Union
  medzen.multiregion.bedrock_inference_profile_info:
    region: eu-central-1
    type: SYSTEM_DEFINED
    allowed_regions: [eu-central-1, eu-north-1, eu-south-1, eu-south-2, eu-west-1, eu-west-3]
  register: profiles

- name: Name them
  ansible.builtin.debug:
    msg: "{{ profiles.inference_profiles | selectattr('compliant') | map(attribute='id') }}"
"""

RETURN = r"""
inference_profiles:
  description: The profiles, sorted by their identifiers.
  type: list
  elements: dict
  returned: always
  contains:
    name: {description: Name of the profile., type: str}
    arn: {description: ARN of the profile., type: str}
    id: {description: Identifier of the profile., type: str}
    type: {description: V(SYSTEM_DEFINED) or V(APPLICATION)., type: str}
    status: {description: V(ACTIVE)., type: str}
    description: {description: Description of the profile., type: str}
    created_at: {description: Time of its creation in ISO 8601., type: str}
    updated_at: {description: Time of its last change in ISO 8601., type: str}
    models: {description: ARNs of its models sorted., type: list, elements: str}
    destinations:
      description: Regions to which requests may be sent, sorted; V(global) stands for every commercial region.
      type: list
      elements: str
    scope:
      description:
        - V(in_region) when requests stay in the region that is called, V(geo) when they go to others that are named,
          V(global), or V(unknown) when an ARN cannot be read.
      type: str
    outside:
      description: Destinations, and the region itself, that O(allowed_regions) does not list.
      type: list
      elements: str
    compliant: {description: Whether none is outside; V(null) without O(allowed_regions)., type: bool}
  sample:
    - name: EU Nova Lite
      arn: arn:aws:bedrock:eu-central-1:123456789012:inference-profile/eu.amazon.nova-lite-v1:0
      id: eu.amazon.nova-lite-v1:0
      type: SYSTEM_DEFINED
      status: ACTIVE
      models:
        - arn:aws:bedrock:eu-central-1::foundation-model/amazon.nova-lite-v1:0
        - arn:aws:bedrock:eu-west-3::foundation-model/amazon.nova-lite-v1:0
      destinations: [eu-central-1, eu-west-3]
      scope: geo
      outside: [eu-west-3]
      compliant: false
destinations:
  description: Destinations of all profiles together, sorted.
  type: list
  elements: str
  returned: always
scope:
  description: The widest scope of all profiles; V(unknown) when there is none.
  type: str
  returned: always
outside:
  description: What is outside of O(allowed_regions) for any of the profiles, sorted.
  type: list
  elements: str
  returned: always
compliant:
  description: Whether there is a profile and all are compliant; V(null) without O(allowed_regions).
  type: bool
  returned: always
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.medzen.multiregion.plugins.module_utils import inference_profiles as profiles
from ansible_collections.medzen.multiregion.plugins.module_utils import residency
from ansible_collections.medzen.multiregion.plugins.module_utils.bedrock import ARGUMENTS, check_arn_region, connect
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.runner import run
from ansible_collections.medzen.multiregion.plugins.module_utils.service_model import (
    check_request,
    require_operations,
)

OPTIONS = {"inferenceProfileIdentifier": "inference_profile_id", "typeEquals": "type"}


def choose(listed, prefix):
    chosen = [one for one in listed if one["inferenceProfileId"].startswith(prefix or "")]
    return sorted(chosen, key=lambda one: one["inferenceProfileId"])


def summarize(shown, allowed_regions):
    """All profiles as one. None at all is not compliant: nothing was seen that could be."""
    scopes = [one["scope"] for one in shown] or [residency.UNKNOWN]
    return {
        "destinations": sorted({place for one in shown for place in one["destinations"]}),
        "scope": max(scopes, key=residency.SCOPES.index),
        "outside": sorted({place for one in shown for place in one["outside"]}),
        "compliant": None if allowed_regions is None else bool(shown) and all(one["compliant"] for one in shown),
    }


def require_compliance(result, allowed_regions):
    if result["compliant"]:
        return
    wrong = [f"{one['id']} ({', '.join(one['outside'])})" for one in result["inference_profiles"] if one["outside"]]
    raise Refused(
        "Inference profiles may send requests outside the allowed regions"
        if wrong
        else "No inference profile is found",
        found="; ".join(wrong) or "nothing that could be judged",
        expected=f"destinations among {', '.join(sorted(allowed_regions)) or 'none'}",
        next_step="take profiles or models that stay there, or allow the regions named",
        result={**result, "reason": "outside_allowed_regions" if wrong else "no_profile"},
    )


def check_options(bedrock, params, region):
    residency.check_allowed_regions(params["allowed_regions"])
    check_arn_region("inference_profile_id", params["inference_profile_id"], region)
    check_request(bedrock, "ListInferenceProfiles", {"typeEquals": params["type"]}, OPTIONS)
    if params["inference_profile_id"] is not None:
        identifier = {"inferenceProfileIdentifier": params["inference_profile_id"]}
        check_request(bedrock, "GetInferenceProfile", identifier, OPTIONS)


def read_profiles(bedrock, params):
    if params["inference_profile_id"] is not None:
        found = profiles.get_profile(bedrock, params["inference_profile_id"])
        return [found] if found else []
    of_type = params["type"]
    listed = profiles.list_profiles(bedrock, of_type) if of_type else profiles.list_all_profiles(bedrock)
    return choose(listed, params["prefix"])


def report(module):
    params, allowed = module.params, module.params["allowed_regions"]
    bedrock = connect(module)
    require_operations(bedrock, "GetInferenceProfile", "ListInferenceProfiles", since="1.36.0")
    check_options(bedrock, params, module.region)
    shown = [
        profiles.shown(one, profiles.judge_profile(one, module.region, allowed))
        for one in read_profiles(bedrock, params)
    ]
    result = {"changed": False, "inference_profiles": shown, **summarize(shown, allowed)}
    if params["fail_on_violation"]:
        require_compliance(result, allowed)
    return result


def main():
    argument_spec = {
        "inference_profile_id": {"aliases": ["id"]},
        "prefix": {},
        "type": {"choices": ["SYSTEM_DEFINED", "APPLICATION"]},
        "allowed_regions": {"type": "list", "elements": "str"},
        "fail_on_violation": {"type": "bool", "default": False},
        **ARGUMENTS,
    }
    module = AnsibleAWSModule(
        argument_spec=argument_spec,
        mutually_exclusive=[("inference_profile_id", "prefix"), ("inference_profile_id", "type")],
        required_if=[("fail_on_violation", True, ["allowed_regions"])],
        supports_check_mode=True,
    )
    run(module, report)


if __name__ == "__main__":
    main()
