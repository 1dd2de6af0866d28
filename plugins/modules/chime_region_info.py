#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: chime_region_info
version_added: 1.0.0
short_description: Compare a plan for the Chime SDK with what its regions can do
description:
  - Says which region can control meetings, carry their media, transcribe them in which language, and hold messaging,
    identity, media pipelines and voice, and what of a plan is not possible.
  - Works from tables and makes no call to AWS; no permission is needed. Control endpoints come from the installed
    botocore, media regions from AWS's documentation, transcription from the model of
    C(chime-sdk-meetings:StartMeetingTranscription). With O(live_check) the name service is asked for each endpoint.
  - The control region and the media region of a meeting are two things. Ireland carries media and controls nothing;
    messaging and identity exist in two regions only.
options:
  services:
    description:
      - Services that are to be used in the control region.
    type: list
    elements: str
    choices: [identity, media_pipelines, meetings, messaging, voice]
    default: [meetings]
  control_region:
    description:
      - Region whose endpoints are called. Without it, O(region).
    type: str
  media_region:
    description:
      - Region that is to carry the media of meetings.
    type: str
  transcribe_region:
    description:
      - Region that is to transcribe meetings while they last. V(auto) leaves the choice to AWS, which no
        O(allowed_regions) accepts.
    type: str
  languages:
    description:
      - Languages that are to be transcribed while the meeting lasts, as V(fr-FR).
    type: list
    elements: str
    default: []
  medical:
    description:
      - Whether Amazon Transcribe Medical is to transcribe, which exists in fewer regions and in one language.
    type: bool
    default: false
  allowed_regions:
    description:
      - The regions in which data may be. Every region of the plan is compared with the list, which is complete.
        Not given means no rule.
    type: list
    elements: str
  live_check:
    description:
      - Whether to ask the name service for the endpoint of each service. A service without an address is a violation,
        and so is one for which nobody answered.
    type: bool
    default: false
  resolvers:
    description:
      - Name servers to ask, as V(192.0.2.1) or V(192.0.2.1:5300). Without them the system's resolver is asked.
    type: list
    elements: str
    default: []
  extra_regions:
    description:
      - Regions that are newer than the tables, by capability.
    type: dict
    default: {}
    suboptions:
      identity:
        description: Regions that have an identity endpoint.
        type: list
        elements: str
      media:
        description: Regions that carry media.
        type: list
        elements: str
      media_pipelines:
        description: Regions that have an endpoint of media pipelines.
        type: list
        elements: str
      medical_transcription:
        description: Regions that have live medical transcription.
        type: list
        elements: str
      meetings:
        description: Regions that control meetings.
        type: list
        elements: str
      messaging:
        description: Regions that have a messaging endpoint.
        type: list
        elements: str
      transcription:
        description: Regions that have live transcription.
        type: list
        elements: str
      voice:
        description: Regions that have a voice endpoint.
        type: list
        elements: str
  fail_on_violation:
    description:
      - Whether the task fails when there is a violation. The result is the same.
    type: bool
    default: false
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
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
- name: Can video visits fail over from Frankfurt to London, with their media in Ireland?
  medzen.multiregion.chime_region_info:
    control_region: eu-west-2
    media_region: eu-west-1
    transcribe_region: eu-west-1
    services: [meetings, media_pipelines]
    languages: [fr-FR, en-GB]
  register: plan

- name: Refuse a plan that leaves the European Union
  medzen.multiregion.chime_region_info:
    control_region: eu-central-1
    media_region: eu-west-1
    allowed_regions: [eu-central-1, eu-west-1]
    fail_on_violation: true
"""

RETURN = r"""
matrix:
  description: For each region of the plan, which capability it has.
  type: dict
  returned: always
  sample:
    eu-west-1:
      identity: false
      media: true
      media_pipelines: false
      medical_transcription: true
      meetings: false
      messaging: false
      transcription: true
      voice: true
supported_regions:
  description: For each capability, the regions that have it.
  type: dict
  returned: always
  sample: {"messaging": ["eu-central-1", "us-east-1"]}
languages:
  description: The languages that can be transcribed while a meeting lasts, as O(medical) asks for.
  type: list
  elements: str
  returned: always
opt_in_regions:
  description: Regions of the plan that an account must enable before it can use them.
  type: list
  elements: str
  returned: always
  sample: [af-south-1]
endpoints:
  description: For each service, the endpoint's name and whether it has an address; V(unknown) when nobody could say.
  type: dict
  returned: with O(live_check)
  sample: {"meetings": {"host": "meetings-chime.eu-central-1.amazonaws.com", "resolves": "yes"}}
violations:
  description: What of the plan is not possible or not allowed, in a fixed order.
  type: list
  elements: dict
  returned: always
  contains:
    reason:
      description:
        - A code that stays the same, one of C(control_region_unsupported), C(identity_region_unsupported),
          C(media_pipelines_region_unsupported), C(messaging_region_unsupported), C(voice_region_unsupported),
          C(media_region_unsupported), C(transcription_region_unsupported), C(medical_region_unsupported),
          C(language_unsupported), C(medical_language_unsupported), C(region_not_allowed), C(endpoint_absent) and
          C(endpoint_unknown).
      type: str
      sample: control_region_unsupported
    subject:
      description: The service, capability or language.
      type: str
    region:
      description: The region.
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
compliant:
  description: Whether there is no violation.
  type: bool
  returned: always
"""

import socket

from ansible.module_utils.basic import missing_required_lib
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.medzen.multiregion.plugins.module_utils import chime_regions as regions
from ansible_collections.medzen.multiregion.plugins.module_utils import resolver
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.runner import run

# getaddrinfo's ways to say that there is no such name, or that it has no address.
NO_NAME = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}
RESOLVES = {True: "yes", False: "no", None: "unknown"}


def build_plan(params, region):
    allowed = params["allowed_regions"]
    return regions.Plan(
        control_region=params["control_region"] or region or "",
        services=tuple(params["services"]),
        media_region=params["media_region"] or None,
        transcribe_region=params["transcribe_region"] or None,
        languages=tuple(params["languages"]),
        medical=params["medical"],
        allowed_regions=None if allowed is None else tuple(allowed),
        extra_regions={name: tuple(found or ()) for name, found in params["extra_regions"].items()},
    )


def has_address(host, resolvers):
    """True, False, or None when nobody could say."""
    if not resolvers:
        try:
            return bool(resolver.resolve(host))
        except resolver.ResolveError as error:
            return False if getattr(error.__cause__, "errno", None) in NO_NAME else None
    answers = [resolver.ask(server, host, "A", recurse=True).values for server in resolvers]
    if any(answers):
        return True
    return None if None in answers else False


def look_up_endpoints(plan, resolvers, look=has_address):
    """Each service's answer of the name service, True, False or None."""
    return {service: look(regions.endpoint_host(service, plan.control_region), resolvers) for service in plan.services}


def build_result(plan, answers):
    found = regions.find_violations(plan)
    live = [regions.endpoint_violation(service, plan.control_region, answer) for service, answer in answers.items()]
    violations = [*found, *(one for one in live if one)]
    used = regions.regions_of_plan(plan)
    result = {
        "changed": False,
        "matrix": regions.build_matrix(used, plan.extra_regions),
        "supported_regions": {one: list(regions.regions_of(one, plan.extra_regions)) for one in regions.CAPABILITIES},
        "languages": list(regions.MEDICAL_LANGUAGES if plan.medical else regions.LANGUAGES),
        "opt_in_regions": [one for one in used if one in regions.OPT_IN_REGIONS],
        "violations": [one.as_dict() for one in violations],
        "compliant": not violations,
    }
    if answers:
        result["endpoints"] = {
            service: {"host": regions.endpoint_host(service, plan.control_region), "resolves": RESOLVES[answer]}
            for service, answer in answers.items()
        }
    return result


def compare(module):
    params = module.params
    if params["live_check"] and params["resolvers"] and not resolver.HAS_DNSPYTHON:
        module.fail_json(msg=missing_required_lib("dnspython"))
    plan = build_plan(params, module.region)
    if not plan.control_region:
        raise Refused("There is no control region", next_step="give control_region or region")
    answers = look_up_endpoints(plan, params["resolvers"]) if params["live_check"] else {}
    result = build_result(plan, answers)
    if params["fail_on_violation"] and result["violations"]:
        told = [f"{one['reason']} ({one['found']})" for one in result["violations"]]
        raise Refused("The plan is not possible", "; ".join(told), next_step="see violations", result=result)
    return result


def main():
    argument_spec = {
        "services": {
            "type": "list",
            "elements": "str",
            "choices": sorted(regions.SERVICES),
            "default": ["meetings"],
        },
        "control_region": {"type": "str"},
        "media_region": {"type": "str"},
        "transcribe_region": {"type": "str"},
        "languages": {"type": "list", "elements": "str", "default": []},
        "medical": {"type": "bool", "default": False},
        "allowed_regions": {"type": "list", "elements": "str"},
        "live_check": {"type": "bool", "default": False},
        "resolvers": {"type": "list", "elements": "str", "default": []},
        "extra_regions": {
            "type": "dict",
            "default": {},
            "options": {name: {"type": "list", "elements": "str"} for name in sorted(regions.CAPABILITIES)},
        },
        "fail_on_violation": {"type": "bool", "default": False},
    }
    run(AnsibleAWSModule(argument_spec=argument_spec, supports_check_mode=True), compare)


if __name__ == "__main__":
    main()
