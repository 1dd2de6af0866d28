#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: bedrock_model_access_info
version_added: 1.0.0
short_description: Tell whether an account can use Bedrock's models in its regions, and for how long
description:
  - Judges each model in each region. Whether the region has it, whether the account may use it, until when it lasts,
    how it can be called, through which inference profiles, and where requests then go.
  - A model that nobody knows, a region without Bedrock and a read that is refused are verdicts with their reasons, not
    failures of the task. What could not be read is never V(ok).
  - Operations used are C(bedrock:ListFoundationModels), C(bedrock:ListInferenceProfiles) and
    C(bedrock:GetFoundationModelAvailability), and C(bedrock:GetFoundationModel) of a model that is not listed, with the
    IAM permissions of the same names, in every region of O(regions).
  - Who then calls a model needs C(bedrock:InvokeModel) on its ARN; through an inference profile, on the profile's ARN
    and on the model's ARN in every region of RV(models[].destinations).
author:
  - MedZen platform team (@medzen)
options:
  model_ids:
    description:
      - Identifiers or ARNs of foundation models and inference profiles, as an application would call them.
    type: list
    elements: str
    required: true
  regions:
    description:
      - The regions to look at. Not given is the module's own.
    type: list
    elements: str
  eol_within_days:
    description:
      - In how many days the end of a model's life is a warning.
    type: int
    default: 90
  require_on_demand:
    description:
      - Whether a foundation model that cannot be called on demand by its own identifier is a failure rather than a
        warning. Calls to an inference profile are on demand.
    type: bool
    default: false
  allowed_regions:
    description:
      - The regions in which requests may be worked on, and stored, by their whole names. Not given judges nothing; an
        empty list allows nothing. A global destination is outside of every list.
    type: list
    elements: str
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - medzen.multiregion.bedrock
notes:
  - Needs boto3 1.39.0 or newer, and 1.43.0 or newer for the dates of a model's life.
  - A model without an end date has RV(models[].lifecycle.verdict) V(unknown) and is a warning. Bedrock announces the
    end of a model six months ahead; that no date is there does not mean that there will be none.
  - Rights are read in the region that is called. A service control policy that blocks one destination of a profile, or
    a destination that is an opt-in region, is only seen by a call, as of M(medzen.multiregion.bedrock_converse_probe).
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
  - module: medzen.multiregion.bedrock_converse_probe
  - name: Model lifecycle
    description: What active, legacy and end of life mean.
    link: https://docs.aws.amazon.com/bedrock/latest/userguide/model-lifecycle.html
  - name: Model access
    description: How an account gets to use a model.
    link: https://docs.aws.amazon.com/bedrock/latest/userguide/model-access.html
"""

EXAMPLES = r"""
- name: The assistant's models in the primary and the DR region
  medzen.multiregion.bedrock_model_access_info:
    region: eu-central-1
    regions: [eu-central-1, eu-west-1]
    model_ids: [eu.amazon.nova-lite-v1:0, amazon.titan-embed-text-v2:0]
    eol_within_days: 180
    allowed_regions: [eu-central-1, eu-north-1, eu-west-1, eu-west-3]
  register: access

- name: Stop before a cutover that the assistant would not survive
  ansible.builtin.assert:
    that: access.verdict != 'fail'
    fail_msg: "{{ access.models | selectattr('verdict', 'eq', 'fail') | list }}"
"""

RETURN = r"""
verdict:
  description: The worst verdict of all models, V(ok), V(warn) or V(fail).
  type: str
  returned: always
models:
  description: One entry for each model and region, in the order of O(regions) and then of O(model_ids).
  type: list
  elements: dict
  returned: always
  contains:
    model_id: {description: The identifier as it was given., type: str}
    region: {description: The region., type: str}
    kind: {description: "V(foundation_model), V(inference_profile), or V(unknown).", type: str}
    foundation_model_id: {description: Identifier of the model itself., type: str}
    region_available: {description: Whether the region has it; V(null) when unknown., type: bool}
    authorized: {description: Whether the account is authorized to use it; V(null) when unknown., type: bool}
    entitlement: {description: V(AVAILABLE) or V(NOT_AVAILABLE); V(null) when unknown., type: str}
    agreement:
      description: V(AVAILABLE) or V(PENDING) or V(NOT_AVAILABLE) or V(ERROR); V(null) when unknown.
      type: str
    lifecycle:
      description: The model's life.
      type: dict
      contains:
        status: {description: V(ACTIVE) or V(LEGACY)., type: str}
        legacy: {description: Since or from when it is legacy in ISO 8601., type: str}
        extended_access: {description: Since or from when it is in extended access in ISO 8601., type: str}
        eol: {description: When it ends in ISO 8601., type: str}
        days_left: {description: Whole days until the end and negative after it; V(null) when unknown., type: int}
        verdict: {description: V(ok) or V(warn) or V(fail) or V(unknown)., type: str}
    inference_types:
      description: How the model itself can be called, V(ON_DEMAND), V(PROVISIONED) and what else Bedrock says.
      type: list
      elements: str
    profiles:
      description: Identifiers of the region's inference profiles that have the model; V(null) when unknown.
      type: list
      elements: str
    destinations: {description: Regions to which a request may go; V(global) is any., type: list, elements: str}
    scope: {description: "V(in_region), V(geo), V(global) or V(unknown).", type: str}
    outside: {description: What O(allowed_regions) does not list., type: list, elements: str}
    compliant: {description: Whether none is outside; V(null) without O(allowed_regions)., type: bool}
    verdict: {description: "V(ok), V(warn) or V(fail).", type: str}
    reasons:
      description: Why the verdict is not V(ok).
      type: list
      elements: dict
      contains:
        code:
          description:
            - Makes it V(fail) C(region_unsupported), C(unknown_model), C(access_denied), C(unreadable),
              C(not_in_region), C(not_authorized), C(not_entitled), C(agreement_error), C(end_of_life),
              C(outside_allowed_regions), and C(not_on_demand) with O(require_on_demand).
            - Makes it V(warn) C(agreement_pending), C(no_agreement), C(legacy), C(extended_access),
              C(end_of_life_near), C(end_of_life_unknown) and C(not_on_demand).
          type: str
        text: {description: The reason as a sentence., type: str}
  sample:
    - model_id: eu.amazon.nova-lite-v1:0
      region: eu-central-1
      kind: inference_profile
      foundation_model_id: amazon.nova-lite-v1:0
      region_available: true
      authorized: true
      entitlement: AVAILABLE
      agreement: AVAILABLE
      lifecycle:
        status: ACTIVE
        legacy: null
        extended_access: null
        eol: "2027-06-01T00:00:00+00:00"
        days_left: 186
        verdict: ok
      inference_types: [ON_DEMAND]
      profiles: [eu.amazon.nova-lite-v1:0]
      destinations: [eu-central-1, eu-west-3]
      scope: geo
      outside: []
      compliant: true
      verdict: ok
      reasons: []
"""

from datetime import UTC, datetime

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.medzen.multiregion.plugins.module_utils import model_access as access
from ansible_collections.medzen.multiregion.plugins.module_utils import residency
from ansible_collections.medzen.multiregion.plugins.module_utils.aws import client
from ansible_collections.medzen.multiregion.plugins.module_utils.bedrock import ARGUMENTS
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import refuse_faults
from ansible_collections.medzen.multiregion.plugins.module_utils.model_reads import (
    OPERATIONS,
    judge_model,
    read_catalog,
)
from ansible_collections.medzen.multiregion.plugins.module_utils.runner import run
from ansible_collections.medzen.multiregion.plugins.module_utils.service_model import (
    check_request,
    require_operations,
)
from ansible_collections.medzen.multiregion.plugins.module_utils.service_regions import has_endpoint


def judge_region(module, region, rules):
    if not has_endpoint("bedrock", region, module.params["extra_regions"]):
        return [access.judge_unsupported(one, rules) for one in module.params["model_ids"]]
    bedrock = client(module, "bedrock", region)
    catalog = read_catalog(bedrock)
    return [judge_model(bedrock, catalog, model_id, rules) for model_id in module.params["model_ids"]]


def find_faults(params):
    """What is wrong with the options that Bedrock's model does not know."""
    if not params["model_ids"]:
        yield "model_ids: is empty; expected one or more"
    if params["regions"] == []:
        yield "regions: is empty; leave it out for the module's own"
    if params["eol_within_days"] < 0:
        yield f"eol_within_days: is {params['eol_within_days']}; expected 0 or more"


def check_options(bedrock, params):
    residency.check_allowed_regions(params["allowed_regions"])
    refuse_faults("The models cannot be judged like this", find_faults(params))
    for number, given in enumerate(params["model_ids"]):
        identifier = {"inferenceProfileIdentifier": access.bare_id(given)}
        names = {"inferenceProfileIdentifier": f"model_ids[{number}]"}
        check_request(bedrock, "GetInferenceProfile", identifier, names)


def report(module):
    params = module.params
    bedrock = client(module, "bedrock")
    require_operations(bedrock, *OPERATIONS, since="1.39.0")
    check_options(bedrock, params)
    now, models = datetime.now(UTC), []
    options = (params["eol_within_days"], params["require_on_demand"], params["allowed_regions"])
    for region in params["regions"] or [module.region]:
        models += judge_region(module, region, access.Rules(region, now, *options))
    return {"changed": False, "verdict": access.find_worst(one["verdict"] for one in models), "models": models}


def main():
    argument_spec = {
        "model_ids": {"type": "list", "elements": "str", "required": True},
        "regions": {"type": "list", "elements": "str"},
        "eol_within_days": {"type": "int", "default": 90},
        "require_on_demand": {"type": "bool", "default": False},
        "allowed_regions": {"type": "list", "elements": "str"},
        **ARGUMENTS,
    }
    run(AnsibleAWSModule(argument_spec=argument_spec, supports_check_mode=True), report)


if __name__ == "__main__":
    main()
