#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: bedrock_guardrail_info
version_added: 1.0.0
short_description: Read Bedrock guardrails and assert what they block, in which languages and where
description:
  - Reads one guardrail, or all of a region, with its tags and, on demand, every numbered version.
  - O(assertions) turns it into a gate. It fails on a guardrail that is not there, on one that is not ready, and on
    whatever the tables of this collection do not know, because unknown is not yes.
  - No API tells where a guardrail profile routes to, or which languages a tier understands. The module has both from
    U(https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-cross-region-support.html) and
    U(https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-supported-languages.html).
  - Operations used are C(bedrock:ListGuardrails), C(bedrock:GetGuardrail) and C(bedrock:ListTagsForResource), with the
    IAM permissions of the same names.
author:
  - MedZen platform team (@medzen)
options:
  name:
    description:
      - Name of the guardrail. Without O(name) and O(guardrail_id) all of the region are read.
    type: str
  guardrail_id:
    description:
      - Id or ARN of the guardrail.
    type: str
  all_versions:
    description:
      - Whether every numbered version is read as well, with a call for each.
    type: bool
    default: false
  version:
    description:
      - The version that O(assertions) looks at, as a number, C(DRAFT), or C(NEWEST) for the newest numbered one.
    type: str
    default: DRAFT
  assertions:
    description:
      - What must hold of each guardrail that is read.
    type: dict
    suboptions:
      must_block:
        description:
          - What must be blocked.
        type: list
        elements: dict
        suboptions:
          policy:
            description:
              - The policy that blocks it.
            type: str
            choices: [content, topic, word, managed_word_list, pii, regex, grounding]
            required: true
          name:
            description:
              - Type, name or text of the item, as C(PROMPT_ATTACK).
            type: str
            required: true
          sides:
            description:
              - Where it must be blocked. Grounding looks at answers only, the filter against attacks at prompts only.
            type: list
            elements: str
            choices: [INPUT, OUTPUT]
            default: [INPUT, OUTPUT]
          min_strength:
            description:
              - The least strength of a content filter.
            type: str
            choices: [LOW, MEDIUM, HIGH]
            default: LOW
          anonymized_counts:
            description:
              - Whether personal data that is masked counts as blocked.
            type: bool
            default: false
      languages:
        description:
          - Languages, as two letters or three of ISO 639, that content filters and denied topics must understand.
        type: list
        elements: str
      destinations:
        description:
          - Regions in which a guardrail may be evaluated; any other one is a violation.
        type: list
        elements: str
  fail_on_violation:
    description:
      - Whether the task fails when an assertion does not hold. Otherwise it only tells.
    type: bool
    default: true
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
  - module: medzen.multiregion.bedrock_guardrail
"""

EXAMPLES = r"""
- name: Refuse to go on unless the guardrail that production pins keeps prompts in the EU and blocks attacks
  medzen.multiregion.bedrock_guardrail_info:
    region: eu-central-1
    name: medzen-assistant
    version: "7"
    assertions:
      must_block:
        - policy: content
          name: PROMPT_ATTACK
          sides: [INPUT]
          min_strength: HIGH
        - policy: pii
          name: NAME
          anonymized_counts: true
      languages: [en, fr]
      destinations: [eu-central-1, eu-north-1, eu-south-1, eu-south-2, eu-west-1, eu-west-3]

- name: Read all guardrails of a region
  medzen.multiregion.bedrock_guardrail_info:
    region: af-south-1
    all_versions: true
"""

RETURN = r"""
guardrails:
  description:
    - Each guardrail's draft as C(bedrock:GetGuardrail) describes it, in snake_case, its tags as a dict.
  type: list
  elements: dict
  returned: always
  contains:
    name: {description: Name., type: str}
    description: {description: What it is for., type: str}
    guardrail_id: {description: Identifier; the service gives it., type: str}
    guardrail_arn: {description: ARN., type: str}
    version: {description: "C(DRAFT), or the number.", type: str}
    status:
      description: C(READY), C(CREATING), C(UPDATING), C(VERSIONING), C(FAILED) or C(DELETING).
      type: str
    status_reasons: {description: Why it is C(FAILED)., type: list, elements: str}
    failure_recommendations: {description: What the service recommends then., type: list, elements: str}
    blocked_input_messaging: {description: Answer to a prompt that is blocked., type: str}
    blocked_outputs_messaging: {description: Stands for an answer that is blocked., type: str}
    topic_policy: {description: Denied C(topics) and their C(tier)., type: dict}
    content_policy: {description: Content C(filters) and their C(tier)., type: dict}
    word_policy: {description: "C(words), and C(managed_word_lists) of AWS.", type: dict}
    sensitive_information_policy: {description: C(pii_entities) and C(regexes)., type: dict}
    contextual_grounding_policy: {description: Grounding C(filters) and their C(tier)., type: dict}
    automated_reasoning_policy: {description: C(policies) and their C(confidence_threshold)., type: dict}
    cross_region_details:
      description: C(guardrail_profile_id) and C(guardrail_profile_arn) of its guardrail profile.
      type: dict
    kms_key_arn: {description: Key that encrypts it; not there with the key of AWS., type: str}
    created_at: {description: When it was created in ISO 8601., type: str}
    updated_at: {description: When it was last changed in ISO 8601., type: str}
    tags: {description: Tags., type: dict}
    content_sha256:
      description:
        - Checksum of what it does, also of each version. Guardrails of two regions, or two versions, that do the same
          have the same one; name, description, key, dates and the order of lists do not count.
      type: str
    destinations:
      description: Regions in which it may be evaluated, sorted; V(null) when they are not known.
      type: list
      elements: str
    versions:
      description: Its numbered versions as C(bedrock:GetGuardrail) describes each in snake_case, newest first.
      type: list
      elements: dict
      returned: with O(all_versions)
  sample:
    - guardrail_id: a1b2c3d4e5f6
      name: medzen-assistant
      status: READY
      destinations: [eu-central-1]
      content_sha256: 5f8a3c0d0e8d4f0ab83f6a1b4c3e0f6d7c1a2b3c4d5e6f708192a3b4c5d6e7f8
      tags: {}
violations:
  description: A sentence for every assertion that does not hold.
  type: list
  elements: str
  returned: when O(assertions) is given
  sample: ["medzen-assistant (DRAFT): content PROMPT_ATTACK has the strength LOW on INPUT; expected HIGH or more"]
compliant:
  description: Whether there is no violation.
  type: bool
  returned: when O(assertions) is given
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.medzen.multiregion.plugins.module_utils import bedrock, guardrail_shapes, residency
from ansible_collections.medzen.multiregion.plugins.module_utils.aws import snake
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.guardrail_assertions import (
    POLICIES,
    STRENGTHS,
    destinations_of,
    iter_violations,
)
from ansible_collections.medzen.multiregion.plugins.module_utils.runner import run

NEWEST = "NEWEST"


def read_guardrails(connection, params):
    """The drafts that are asked for; one that was named and is not there is missing from the list."""
    if params["name"] or params["guardrail_id"]:
        found = bedrock.find_guardrail(connection, params["name"], params["guardrail_id"])
        return [found] if found else []
    drafts = [bedrock.get_guardrail(connection, row["id"]) for row in bedrock.list_guardrails(connection)]
    # One that went between the two calls is no longer there.
    return [draft for draft in drafts if draft]


def read_versions(connection, guardrail_id):
    numbers = bedrock.find_versions(bedrock.list_rows(connection, guardrail_id))
    versions = [bedrock.get_guardrail(connection, guardrail_id, str(number)) for number in numbers]
    return [version for version in versions if version]


def read_version(connection, draft, wanted):
    """The version that is asserted of; None when it is not there."""
    if wanted == bedrock.DRAFT:
        return draft
    guardrail_id = draft["guardrailId"]
    if wanted == NEWEST:
        numbers = bedrock.find_versions(bedrock.list_rows(connection, guardrail_id))
        if not numbers:
            return None
        wanted = str(numbers[0])
    return bedrock.get_guardrail(connection, guardrail_id, wanted)


def describe_content(guardrail):
    return {**snake(guardrail), "content_sha256": guardrail_shapes.content_sha256(guardrail)}


def describe_one(connection, params, region, draft):
    described = {
        **describe_content(draft),
        "tags": bedrock.list_tags(connection, draft["guardrailArn"]),
        "destinations": destinations_of(draft, region),
    }
    if params["all_versions"]:
        described["versions"] = [
            describe_content(version) for version in read_versions(connection, draft["guardrailId"])
        ]
    return described


def find_violations(connection, params, region, drafts):
    if not drafts:
        return [f"no guardrail {params['guardrail_id'] or params['name'] or ''} in {region}".replace("  ", " ")]
    found = []
    for draft in drafts:
        version = read_version(connection, draft, params["version"])
        name = f"{draft['name']} ({version['version'] if version else params['version']})"
        if version is None:
            found.append(f"{name}: the version is not there")
        else:
            found += [f"{name}: {text}" for text in iter_violations(version, params["assertions"], region)]
    return found


def refuse(violations, result):
    raise Refused(
        "Guardrails do not hold what is asserted",
        found="; ".join(violations),
        expected="no violation",
        next_step="correct the guardrail, or what is asserted",
        result=result,
    )


def read(module):
    params = module.params
    bedrock.check_arn_region("guardrail_id", params["guardrail_id"], module.region)
    if not (params["version"] in (bedrock.DRAFT, NEWEST) or params["version"].isdigit()):
        raise Refused(f"version is {params['version']}", expected=f"a number, {bedrock.DRAFT} or {NEWEST}")
    residency.check_regions((params["assertions"] or {}).get("destinations"), "assertions.destinations")
    connection = bedrock.connect(module)
    bedrock.check_names(params["name"], params["guardrail_id"])
    drafts = read_guardrails(connection, params)
    guardrails = [describe_one(connection, params, module.region, draft) for draft in drafts]
    result = {"changed": False, "guardrails": guardrails}
    if params["assertions"] is None:
        return result
    violations = find_violations(connection, params, module.region, drafts)
    result |= {"violations": violations, "compliant": not violations}
    if violations and params["fail_on_violation"]:
        refuse(violations, result)
    return result


def build_argument_spec():
    sides = ["INPUT", "OUTPUT"]
    block = {
        "policy": {"choices": [*POLICIES], "required": True},
        "name": {"required": True},
        "sides": {"type": "list", "elements": "str", "choices": sides, "default": sides},
        "min_strength": {"choices": [*STRENGTHS[1:]], "default": "LOW"},
        "anonymized_counts": {"type": "bool", "default": False},
    }
    assertions = {
        "must_block": {"type": "list", "elements": "dict", "options": block},
        "languages": {"type": "list", "elements": "str"},
        "destinations": {"type": "list", "elements": "str"},
    }
    return {
        "name": {},
        "guardrail_id": {},
        "all_versions": {"type": "bool", "default": False},
        "version": {"default": bedrock.DRAFT},
        "assertions": {"type": "dict", "options": assertions},
        "fail_on_violation": {"type": "bool", "default": True},
        **bedrock.ARGUMENTS,
    }


def main():
    module = AnsibleAWSModule(
        argument_spec=build_argument_spec(),
        mutually_exclusive=[("name", "guardrail_id")],
        supports_check_mode=True,
    )
    run(module, read)


if __name__ == "__main__":
    main()
