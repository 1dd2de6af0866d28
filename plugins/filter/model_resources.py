# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: model_resources
short_description: Tell on what a role needs the right to invoke models
version_added: 1.0.0
author: MedZen platform team (@medzen)
description:
  - Who calls a model needs C(bedrock:InvokeModel) on its ARN. Through an inference profile the right is needed on the
    profile and on the model in every region to which the profile may send a request.
  - Application inference profiles get their identifiers from Bedrock, so the account's own in the models' regions are
    named by a pattern.
positional: account
options:
  _input:
    description: Models as RV(medzen.multiregion.bedrock_model_access_info#module:models) describes them.
    type: list
    elements: dict
    required: true
  account:
    description: Account that calls, twelve digits.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Let the assistant's function ask its models
  medzen.multiregion.iam_service_role:
    name: medzen-lambda-execution-role
    services: [lambda.amazonaws.com]
    policies:
      ask-models:
        Version: "2012-10-17"
        Statement:
          - Effect: Allow
            Action: bedrock:InvokeModel
            Resource: "{{ access.models | medzen.multiregion.model_resources('123456789012') }}"
"""

RETURN = r"""
_value:
  description: ARNs and patterns of ARNs, sorted.
  type: list
  elements: str
"""

from collections.abc import Iterable, Iterator, Mapping

GLOBAL = "global"
INFERENCE_PROFILE = "inference_profile"


def model_resources(models: Iterable[Mapping], account: str) -> list[str]:
    return sorted({arn for model in models for arn in iter_resources(model, account)})


def iter_resources(model: Mapping, account: str) -> Iterator[str]:
    own = f"arn:aws:bedrock:{model['region']}:{account}"
    yield f"{own}:application-inference-profile/*"
    if model["kind"] == INFERENCE_PROFILE:
        identifier = model["model_id"]
        yield identifier if identifier.startswith("arn:") else f"{own}:inference-profile/{identifier}"
    for destination in model["destinations"] or []:
        # What may be worked on anywhere has the ARN without a region.
        region = "" if destination == GLOBAL else destination
        yield f"arn:aws:bedrock:{region}::foundation-model/{model['foundation_model_id']}"


class FilterModule:
    def filters(self) -> dict:
        return {"model_resources": model_resources}
