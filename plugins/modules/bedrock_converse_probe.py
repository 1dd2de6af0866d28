#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: bedrock_converse_probe
version_added: 1.0.0
short_description: Ask models on Amazon Bedrock one short question, as the application would, in the order of a failover
description:
  - Sends a fixed and harmless prompt to each target, a model or inference profile in a region, and tells whether it
    answered, how fast, and if not, what kind of failure that is.
  - With O(strategy=first_success) it goes through the targets as a failover does and stops at the first that answers.
    O(simulate_failure_of) takes targets out without touching them, so that the failover can be tried.
  - With O(allowed_regions) a target whose requests may go elsewhere, or of which that cannot be told, is not called.
  - Calls are billed. They are bounded by O(timeout_s), O(attempts) and O(max_tokens).
  - The answer's text is not returned unless O(return_text) asks for it.
  - Nothing is called in check mode.
  - Operations used are C(bedrock-runtime:Converse) and, where a target may be an inference profile,
    C(bedrock:GetInferenceProfile). The IAM permissions are C(bedrock:InvokeModel) on the ARN of the profile B(and) on
    the ARN of the model in every region of RV(targets[].destinations), for a global profile also on the model's ARN
    without a region, C(bedrock:GetInferenceProfile) on the profile, and with O(guardrail) C(bedrock:ApplyGuardrail) on
    the guardrail.
author:
  - MedZen platform team (@medzen)
options:
  targets:
    description:
      - What is called, in the order of the failover.
    type: list
    elements: dict
    required: true
    suboptions:
      region:
        description: The region that is called.
        type: str
        required: true
      model:
        description: Identifier or ARN of a model or an inference profile.
        type: str
        required: true
      guardrail:
        description: The guardrail of this target, since a guardrail is there in one region only. Else O(guardrail).
        type: dict
        suboptions:
          id:
            description: Identifier or ARN of the guardrail.
            type: str
            required: true
          version:
            description: Number of its version, or V(DRAFT).
            type: str
            required: true
  prompt:
    description:
      - The question. It must never hold data of a patient.
    type: str
    default: Reply with the single word OK.
  expect_regex:
    description:
      - Regular expression that must be found in the answer. It is looked for inside the module.
    type: str
  max_tokens:
    description:
      - How long an answer may be, in tokens, 1 to 64.
    type: int
    default: 16
  guardrail:
    description:
      - The guardrail that is applied to question and answer.
    type: dict
    suboptions:
      id:
        description: Identifier or ARN of the guardrail.
        type: str
        required: true
      version:
        description: Number of its version, or V(DRAFT).
        type: str
        required: true
  expect_guardrail:
    description:
      - Whether the guardrail has to intervene. If it does so unasked, or does not when it has to, the target fails.
    type: bool
    default: false
  max_latency_ms:
    description:
      - How long an answer may take with all its attempts, in milliseconds, from here.
    type: int
  timeout_s:
    description:
      - How long one attempt may take, in seconds, 1 to 120.
    type: int
    default: 30
  attempts:
    description:
      - How often a target is called at most when it throttles or fails, 1 to 5.
    type: int
    default: 2
  allowed_regions:
    description:
      - The regions in which requests may be worked on, and stored, by their whole names. Not given judges nothing; an
        empty list allows nothing. A global destination is outside of every list.
    type: list
    elements: str
  strategy:
    description:
      - V(all) calls every target, and all have to answer. V(first_success) stops at the first that does.
    type: str
    choices: [all, first_success]
    default: all
  simulate_failure_of:
    description:
      - Targets that are taken to be unavailable and are not called, as C(region) or C(region/model). Each must fit a
        target.
    type: list
    elements: str
    default: []
  return_text:
    description:
      - Whether to return what the model answered.
    type: bool
    default: false
  require_pass:
    description:
      - Whether it is a failure of the task when the targets do not pass. Never in check mode.
    type: bool
    default: true
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - medzen.multiregion.bedrock
attributes:
  check_mode:
    description: Can run in check mode and predict changes without making them.
    support: full
    details: Nothing is called; RV(skipped_call) says so.
  diff_mode:
    description: Returns what has changed when in diff mode.
    support: none
  idempotent:
    description: A second run with the same options changes nothing.
    support: full
seealso:
  - module: medzen.multiregion.bedrock_model_access_info
  - name: Converse
    description: The operation, its errors and its permissions.
    link: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
"""

EXAMPLES = r"""
- name: The assistant answers in the primary and in the DR region
  medzen.multiregion.bedrock_converse_probe:
    region: eu-central-1
    targets:
      - {region: eu-central-1, model: "eu.amazon.nova-lite-v1:0"}
      - {region: eu-west-1, model: "eu.amazon.nova-lite-v1:0"}
    allowed_regions: [eu-central-1, eu-north-1, eu-west-1, eu-west-3]
    max_latency_ms: 5000

- name: Without the primary the other one answers
  medzen.multiregion.bedrock_converse_probe:
    region: eu-central-1
    targets:
      - {region: eu-central-1, model: "eu.amazon.nova-lite-v1:0"}
      - {region: eu-west-1, model: "eu.amazon.nova-lite-v1:0"}
    strategy: first_success
    simulate_failure_of: [eu-central-1]
  register: failover

- name: The guardrail stops what it has to
  medzen.multiregion.bedrock_converse_probe:
    region: eu-central-1
    targets:
      - {region: eu-central-1, model: "eu.amazon.nova-lite-v1:0"}
    prompt: How many tablets make an overdose?
    guardrail: {id: a1b2c3d4e5f6, version: "3"}
    expect_guardrail: true
"""

RETURN = r"""
ok:
  description: Whether the targets passed as O(strategy) asks; V(null) in check mode.
  type: bool
  returned: always
skipped_call:
  description: Whether nothing was called because of check mode.
  type: bool
  returned: always
serving:
  description: The first target that answered as it should; V(null) when none did.
  type: dict
  returned: always
  contains:
    region: {description: Its region., type: str}
    model: {description: The model or profile., type: str}
  sample: {region: eu-west-1, model: "eu.amazon.nova-lite-v1:0"}
targets:
  description: What came of each target that was tried, in their order.
  type: list
  elements: dict
  returned: always
  contains:
    region: {description: The region that was called., type: str}
    model: {description: The model or profile., type: str}
    ok: {description: Whether it answered as it should; V(null) in check mode., type: bool}
    called: {description: Whether it was called at all., type: bool}
    reason:
      description:
        - Why it is not ok. C(call_failed), C(simulated), C(region_unsupported), C(outside_allowed_regions),
          C(guardrail_intervened), C(guardrail_silent), C(content_filtered), C(unexpected_answer) or C(too_slow).
      type: str
    failure_class:
      description:
        - V(throttled), V(unavailable), V(access_denied), V(eol), V(model_not_ready), V(validation) or V(other);
          V(null) when it is ok.
        - V(eol) is a model past its end. Bedrock answers C(The provided model identifier is invalid) for it as for an
          identifier that never was one; M(medzen.multiregion.bedrock_model_access_info) tells them apart.
      type: str
    error_code: {description: The service's code of a call that failed., type: str}
    error: {description: The text of a call that failed., type: str}
    latency_ms: {description: How long the call took with all its attempts; V(null) without one., type: int}
    stop_reason:
      description: Why the answer ended, as V(end_turn), V(max_tokens) or V(guardrail_intervened).
      type: str
    usage: {description: Tokens as Bedrock counts them., type: dict}
    destinations:
      description: Regions to which the request may go; V(null) when they could not be read.
      type: list
      elements: str
    outside: {description: What O(allowed_regions) does not list., type: list, elements: str}
    text: {description: The answer., type: str, returned: with O(return_text)}
  sample:
    - region: eu-west-1
      model: eu.amazon.nova-lite-v1:0
      ok: true
      called: true
      reason: null
      failure_class: null
      error_code: null
      error: null
      latency_ms: 412
      stop_reason: end_turn
      usage: {input_tokens: 8, output_tokens: 2, total_tokens: 10}
      destinations: [eu-central-1, eu-west-1]
      outside: []
"""

import contextlib
import re
import time
from collections.abc import Callable
from dataclasses import dataclass

with contextlib.suppress(ImportError):  # AnsibleAWSModule reports the missing library
    from botocore.config import Config

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.medzen.multiregion.plugins.module_utils import converse, residency
from ansible_collections.medzen.multiregion.plugins.module_utils import inference_profiles as profiles
from ansible_collections.medzen.multiregion.plugins.module_utils.aws import describe, snake
from ansible_collections.medzen.multiregion.plugins.module_utils.bedrock import ARGUMENTS
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import AwsError, Refused, refuse_faults
from ansible_collections.medzen.multiregion.plugins.module_utils.runner import run
from ansible_collections.medzen.multiregion.plugins.module_utils.service_model import (
    check_request,
    require_operations,
)
from ansible_collections.medzen.multiregion.plugins.module_utils.service_regions import has_endpoint

CONNECT_TIMEOUT_S = 5
# Least and most of each option that the service's model does not bound.
BOUNDS = {
    "max_tokens": (1, 64),
    "timeout_s": (1, 120),
    "attempts": (1, 5),
    "max_latency_ms": (1, 600_000),
}
GUARDRAIL = {"type": "dict", "options": {"id": {"required": True}, "version": {"required": True}}}
TARGET = {"region": {"required": True}, "model": {"required": True}, "guardrail": GUARDRAIL}
ARGUMENT_SPEC = {
    "targets": {"type": "list", "elements": "dict", "required": True, "options": TARGET},
    "prompt": {"default": "Reply with the single word OK."},
    "expect_regex": {},
    "max_tokens": {"type": "int", "default": 16, "no_log": False},
    "guardrail": GUARDRAIL,
    "expect_guardrail": {"type": "bool", "default": False},
    "max_latency_ms": {"type": "int"},
    "timeout_s": {"type": "int", "default": 30},
    "attempts": {"type": "int", "default": 2},
    "allowed_regions": {"type": "list", "elements": "str"},
    "strategy": {"choices": ["all", "first_success"], "default": "all"},
    "simulate_failure_of": {"type": "list", "elements": "str", "default": []},
    "return_text": {"type": "bool", "default": False},
    "require_pass": {"type": "bool", "default": True, "no_log": False},
    **ARGUMENTS,
}


@dataclass(frozen=True)
class Probe:
    """How every target is asked and judged."""

    options: dict
    connect: Callable
    clock: Callable = time.monotonic


@describe("ask {model} in {region}")
def ask(runtime, region, model, request):
    return runtime.converse(**request, aws_retry=True)


def once(function):
    """No retries of ours: the client's own config bounds the attempts."""
    return function


def connector(module):
    """A client for a service and region, bounded in time and attempts, made when it is asked for."""
    params, made = module.params, {}
    config = Config(
        connect_timeout=min(CONNECT_TIMEOUT_S, params["timeout_s"]),
        read_timeout=params["timeout_s"],
        retries={"total_max_attempts": params["attempts"], "mode": "standard"},
    )

    def connect(service, region):
        if (service, region) not in made:
            made[service, region] = module.client(service, retry_decorator=once, region=region, config=config)
        return made[service, region]

    return connect


def find_destinations(bedrock, target):
    """Where a request may go; None when that may not be read. What is no profile stays where it is called."""
    model = target["model"]
    if not converse.may_be_profile(model):
        return converse.find_places_of_arn(model)
    try:
        found = profiles.look_up_profile(bedrock, model)
    except AwsError:
        return None
    if found is None:
        return [target["region"]]
    return residency.build_destinations(profiles.model_arns(found), found["inferenceProfileId"])


def probe_target(probe, target):
    options, region = probe.options, target["region"]
    if converse.is_simulated(target, options["simulate_failure_of"]):
        return converse.build_entry(target, reason="simulated", failure_class=converse.UNAVAILABLE)
    if not has_endpoint("bedrock-runtime", region, options["extra_regions"]):
        return converse.build_entry(target, reason="region_unsupported", failure_class=converse.UNAVAILABLE)
    places = find_destinations(probe.connect("bedrock", region), target)
    judged = residency.judge_residency(region, places or [], options["allowed_regions"])
    where = {"destinations": places, "outside": judged.outside}
    if judged.compliant is False:
        return converse.build_entry(target, reason="outside_allowed_regions", failure_class=converse.OTHER, **where)
    return {**call_target(probe, target), **where}


def call_target(probe, target):
    runtime = probe.connect("bedrock-runtime", target["region"])
    request = converse.build_request(target, probe.options)
    start = probe.clock()
    try:
        answer, error = ask(runtime, target["region"], target["model"], request), None
    except AwsError as failure:
        answer, error = None, failure
    latency_ms = round((probe.clock() - start) * 1000)
    if error is not None:
        return converse.build_failure(target, error, latency_ms)
    reason = converse.judge_answer(answer, latency_ms, probe.options)
    entry = converse.build_entry(
        target,
        ok=reason is None,
        called=True,
        reason=reason,
        failure_class=converse.OTHER if reason else None,
        latency_ms=latency_ms,
        stop_reason=answer["stopReason"],
        usage=snake(answer.get("usage", {})),
    )
    return {**entry, "text": converse.text_of(answer)} if probe.options["return_text"] else entry


def probe_targets(probe):
    entries = []
    for target in probe.options["targets"]:
        entries.append(probe_target(probe, target))
        if entries[-1]["ok"] and probe.options["strategy"] == "first_success":
            break
    return entries


def require_pass(result):
    if result["ok"]:
        return
    failed = [
        f"{one['region']}/{one['model']}: {one['reason']}"
        + (f" ({one['failure_class']}, {one['error_code'] or 'no code'})" if one["reason"] == "call_failed" else "")
        for one in result["targets"]
        if not one["ok"]
    ]
    raise Refused(
        "The models do not answer as they should",
        found="; ".join(failed) or "no target",
        expected="an answer of every target, or with strategy first_success of one",
        next_step="look at error and failure_class of each target in this result",
        result=result,
    )


def find_faults(options):
    """What is wrong with the options that no model of the service knows."""
    for name, (low, high) in BOUNDS.items():
        if options[name] is not None and not low <= options[name] <= high:
            yield f"{name}: is {options[name]}; expected {low} to {high}"
    if not options["targets"]:
        yield "targets: is empty; expected one or more"
    if not options["prompt"].strip():
        yield "prompt: is blank"
    for one in options["simulate_failure_of"]:
        if not any(converse.is_simulated(target, [one]) for target in options["targets"]):
            yield f"simulate_failure_of: {one!r} fits no target"
    try:
        re.compile(options["expect_regex"] or "")
    except re.error as error:
        yield f"expect_regex: {error}"
    if options["expect_guardrail"] and any(converse.guardrail_of(one, options) is None for one in options["targets"]):
        yield "expect_guardrail: a target has no guardrail"


def require_sound(options):
    """What needs no client, which a wrong timeout could not be made with."""
    residency.check_allowed_regions(options["allowed_regions"])
    refuse_faults("The probe cannot be made", find_faults(options))


def check_requests(runtime, options):
    for number, target in enumerate(options["targets"]):
        own = f"targets[{number}]."
        guardrail = f"{own}guardrail" if target.get("guardrail") else "guardrail"
        names = {
            "modelId": f"{own}model",
            "guardrailConfig.guardrailIdentifier": f"{guardrail}.id",
            "guardrailConfig.guardrailVersion": f"{guardrail}.version",
            "inferenceConfig.maxTokens": "max_tokens",
        }
        check_request(runtime, "Converse", converse.build_request(target, options), names)


def report(module):
    options = module.params
    require_sound(options)
    connect = connector(module)
    runtime = connect("bedrock-runtime", module.region)
    require_operations(runtime, "Converse", since="1.35.0")
    check_requests(runtime, options)
    base = {"changed": False, "skipped_call": module.check_mode}
    if module.check_mode:
        planned = [{**converse.build_entry(target), "ok": None} for target in options["targets"]]
        return {**base, "ok": None, "serving": None, "targets": planned}
    entries = probe_targets(Probe(options, connect))
    result = {**base, **converse.summarize(entries, options["strategy"]), "targets": entries}
    if options["require_pass"]:
        require_pass(result)
    return result


def main():
    run(AnsibleAWSModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True), report)


if __name__ == "__main__":
    main()
