# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shapes of a guardrail: a module's options, what GetGuardrail answers, and what Create and UpdateGuardrail take.

The answer and the request name the same things differently (`topicPolicy.topics`, `topicPolicyConfig.topicsConfig`).
Everything is compared and merged in the request's form. UpdateGuardrail replaces the whole guardrail: what it is not
given is gone, so what is to stay is sent again.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ansible.module_utils.common.dict_transformations import snake_dict_to_camel_dict
from ansible_collections.medzen.multiregion.plugins.module_utils.guardrail_profiles import profile_id

TOLERANCE = 1e-6
DIGITS = 6
STANDARD, CLASSIC = "STANDARD", "CLASSIC"
TOPIC_DEFINITION = "topicPolicyConfig.topicsConfig[].definition"


@dataclass(frozen=True)
class Items:
    """A list in a policy: its option, its member in an answer, its member in a request, and what tells items apart."""

    option: str
    got: str
    put: str
    key: str = ""  # none: the items are plain text


@dataclass(frozen=True)
class Policy:
    option: str
    got: str
    put: str
    lists: tuple[Items, ...]
    tiered: bool = False
    number: str = ""  # a member that is a number, the same in answer and request


POLICIES = (
    Policy(
        "topic_policy", "topicPolicy", "topicPolicyConfig", (Items("topics", "topics", "topicsConfig", "name"),), True
    ),
    Policy(
        "content_policy",
        "contentPolicy",
        "contentPolicyConfig",
        (Items("filters", "filters", "filtersConfig", "type"),),
        True,
    ),
    Policy(
        "word_policy",
        "wordPolicy",
        "wordPolicyConfig",
        (
            Items("words", "words", "wordsConfig", "text"),
            Items("managed_word_lists", "managedWordLists", "managedWordListsConfig", "type"),
        ),
    ),
    Policy(
        "sensitive_information_policy",
        "sensitiveInformationPolicy",
        "sensitiveInformationPolicyConfig",
        (
            Items("pii_entities", "piiEntities", "piiEntitiesConfig", "type"),
            Items("regexes", "regexes", "regexesConfig", "name"),
        ),
    ),
    Policy(
        "contextual_grounding_policy",
        "contextualGroundingPolicy",
        "contextualGroundingPolicyConfig",
        (Items("filters", "filters", "filtersConfig", "type"),),
        True,
    ),
    Policy(
        "automated_reasoning_policy",
        "automatedReasoningPolicy",
        "automatedReasoningPolicyConfig",
        (Items("policies", "policies", "policies"),),
        number="confidenceThreshold",
    ),
)
PLAIN = {
    "name": "name",
    "description": "description",
    "blocked_input_messaging": "blockedInputMessaging",
    "blocked_outputs_messaging": "blockedOutputsMessaging",
}
# Members of an answer that a request sets; the others are the service's own.
ANSWER_MEMBERS = {*PLAIN.values(), *(policy.got for policy in POLICIES), "kmsKeyArn", "crossRegionDetails"}
# The service fills these in where a request leaves them out, so both sides are compared with them.
SIDES = {"inputAction": "BLOCK", "outputAction": "BLOCK", "inputEnabled": True, "outputEnabled": True}
DEFAULTS: dict[str, dict[str, Any]] = {
    "topicsConfig": {**SIDES, "type": "DENY", "examples": []},
    "filtersConfig": {**SIDES, "inputModalities": ["TEXT"], "outputModalities": ["TEXT"]},
    "wordsConfig": SIDES,
    "managedWordListsConfig": SIDES,
    "piiEntitiesConfig": SIDES,
    "regexesConfig": SIDES,
}
GROUNDING_DEFAULTS = {"action": "BLOCK", "enabled": True}
# What a version says when it is applied; name, description and key are no part of that.
CONTENT_LEFT_OUT = ("name", "description", "kmsKeyId")


# --- answer and request ----------------------------------------------------------------------------------------------


def request_from_answer(guardrail: Mapping[str, Any]) -> dict[str, Any]:
    """What Create or UpdateGuardrail would have to be given for a guardrail as GetGuardrail describes it."""
    request = {name: guardrail[name] for name in PLAIN.values() if guardrail.get(name)}
    for policy in POLICIES:
        if found := _policy_from_answer(policy, guardrail.get(policy.got) or {}):
            request[policy.put] = found
    if guardrail.get("kmsKeyArn"):
        request["kmsKeyId"] = guardrail["kmsKeyArn"]
    region = guardrail.get("crossRegionDetails") or {}
    if profile := region.get("guardrailProfileId") or region.get("guardrailProfileArn"):
        request["crossRegionConfig"] = {"guardrailProfileIdentifier": profile}
    return request


def _policy_from_answer(policy: Policy, answer: Mapping[str, Any]) -> dict[str, Any]:
    found = {items.put: list(answer[items.got]) for items in policy.lists if answer.get(items.got)}
    if found and answer.get("tier"):
        found["tierConfig"] = dict(answer["tier"])
    if found and policy.number and answer.get(policy.number) is not None:
        found[policy.number] = answer[policy.number]
    return found


def answer_from_request(request: Mapping[str, Any]) -> dict[str, Any]:
    """The other way round: how GetGuardrail would describe it, as far as the request says."""
    answer = {name: request[name] for name in PLAIN.values() if name in request}
    for policy in POLICIES:
        if given := request.get(policy.put):
            answer[policy.got] = {items.got: given[items.put] for items in policy.lists if items.put in given}
            if "tierConfig" in given:
                answer[policy.got]["tier"] = given["tierConfig"]
            if policy.number in given:
                answer[policy.got][policy.number] = given[policy.number]
    if request.get("kmsKeyId"):
        answer["kmsKeyArn"] = request["kmsKeyId"]
    if region := request.get("crossRegionConfig"):
        answer["crossRegionDetails"] = {"guardrailProfileId": profile_id(region["guardrailProfileIdentifier"])}
    return answer


# --- options ---------------------------------------------------------------------------------------------------------


def build_request(params: Mapping[str, Any], present: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The whole guardrail: options over what is there. What is not given stays; what is given empty goes."""
    request = dict(present or {})
    for option, member in PLAIN.items():
        _set(request, member, params.get(option))
    for policy in POLICIES:
        if params.get(policy.option) is not None:
            _set(request, policy.put, build_policy(policy, params[policy.option], request.get(policy.put) or {}))
    _set(request, "kmsKeyId", params.get("kms_key_id"))
    profile = params.get("cross_region_profile")
    _set(request, "crossRegionConfig", {"guardrailProfileIdentifier": profile} if profile else profile)
    return request


def _set(request: dict[str, Any], member: str, value: Any) -> None:
    if value is None:
        return
    if value in ("", {}, []):
        request.pop(member, None)
    else:
        request[member] = value


def build_policy(policy: Policy, given: Mapping[str, Any], present: Mapping[str, Any]) -> dict[str, Any]:
    """A policy as it is to be; empty when it is to go, which a policy given without anything says too."""
    if all(value is None for value in given.values()):
        return {}
    built = dict(present)
    for items in policy.lists:
        listed = given.get(items.option)
        if listed is not None:
            _set(built, items.put, [build_item(items, item) for item in listed])
    emptied = any(given.get(items.option) is not None for items in policy.lists)
    if emptied and not any(items.put in built for items in policy.lists):
        return {}
    _set(built, "tierConfig", {"tierName": given["tier"]} if given.get("tier") else None)
    if policy.number:
        _set(built, policy.number, given.get("confidence_threshold"))
    return built


def build_item(items: Items, item: Any) -> Any:
    if not items.key:
        return item
    built = snake_dict_to_camel_dict({name: value for name, value in item.items() if value is not None})
    # It looks at prompts only; the service takes no other strength for answers.
    if built.get("type") == "PROMPT_ATTACK":
        built.setdefault("outputStrength", "NONE")
    return built


def given_items(params: Mapping[str, Any]) -> Iterator[tuple[str, Items, list[Any]]]:
    """Name of the option, kind and items of every list that the options have."""
    for policy in POLICIES:
        for items in policy.lists:
            if listed := (params.get(policy.option) or {}).get(items.option):
                yield f"{policy.option}.{items.option}", items, listed


def given_tiers(params: Mapping[str, Any]) -> dict[str, str]:
    """Option to tier, where one is given."""
    given = {policy.option: (params.get(policy.option) or {}).get("tier") for policy in POLICIES if policy.tiered}
    return {option: tier for option, tier in given.items() if tier}


def tiers(request: Mapping[str, Any]) -> dict[str, str]:
    """Option to tier of every policy in a request that can have one; a policy without one is CLASSIC."""
    return {
        policy.option: request[policy.put].get("tierConfig", {}).get("tierName", CLASSIC)
        for policy in POLICIES
        if policy.tiered and policy.put in request
    }


def option_names() -> dict[str, str]:
    """Path of a request's member to the option that sets it, for messages about a request."""
    names = {member: option for option, member in PLAIN.items()}
    names |= {"kmsKeyId": "kms_key_id", "crossRegionConfig.guardrailProfileIdentifier": "cross_region_profile"}
    for policy in POLICIES:
        names[policy.put] = policy.option
        names[f"{policy.put}.tierConfig.tierName"] = f"{policy.option}.tier"
        for items in policy.lists:
            names[f"{policy.put}.{items.put}"] = f"{policy.option}.{items.option}"
    return names


# --- comparing -------------------------------------------------------------------------------------------------------


def comparable(request: Mapping[str, Any]) -> dict[str, Any]:
    """A request with the service's defaults filled in and its lists in one order."""
    found = {name: value for name, value in request.items() if value not in ("", None, {}, [])}
    for policy in POLICIES:
        if policy.put in found:
            found[policy.put] = _comparable_policy(policy, found[policy.put])
    if region := found.get("crossRegionConfig"):
        found["crossRegionConfig"] = {"guardrailProfileIdentifier": profile_id(region["guardrailProfileIdentifier"])}
    return found


def _comparable_policy(policy: Policy, config: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {name: value for name, value in config.items() if value not in (None, [])}
    if policy.tiered:
        found.setdefault("tierConfig", {"tierName": CLASSIC})
    for items in policy.lists:
        if items.put in found:
            plain = [_comparable_item(policy, items, item) for item in found[items.put]]
            found[items.put] = sorted(plain, key=lambda item: str(item.get(items.key) if items.key else item))
    return found


def _comparable_item(policy: Policy, items: Items, item: Any) -> Any:
    if not items.key:
        return item
    if policy.option == "contextual_grounding_policy":
        return {**GROUNDING_DEFAULTS, **item}
    defaults = dict(DEFAULTS[items.put])
    if "action" in item:  # of sensitive information: the sides do what the entity's action says
        defaults |= {"inputAction": item["action"], "outputAction": item["action"]}
    full = {**defaults, **{name: value for name, value in item.items() if value is not None}}
    for name in ("examples", "inputModalities", "outputModalities"):
        if name in full:
            full[name] = sorted(full[name])
    for side in ("input", "output"):  # a side of strength NONE does nothing, whatever else it says
        if full.get(f"{side}Strength") == "NONE":
            full = {name: value for name, value in full.items() if not name.startswith(side) or "Strength" in name}
    return full


def content(request: Mapping[str, Any]) -> dict[str, Any]:
    """What a guardrail does, comparable between the draft and a version."""
    return {name: value for name, value in comparable(request).items() if name not in CONTENT_LEFT_OUT}


def content_sha256(guardrail: Mapping[str, Any]) -> str:
    """One sum for guardrails that do the same, whatever their region, name and key; from what GetGuardrail answers."""
    plain = _rounded(content(request_from_answer(guardrail)))
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def _rounded(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _rounded(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return round(float(value), DIGITS) if _is_number(value) else value


def is_same(one: Any, other: Any) -> bool:
    """Equality with a tolerance for numbers, which come back from the service as floats."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(is_same(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(is_same, one, other))
    if _is_number(one) and _is_number(other):
        return math.isclose(one, other, abs_tol=TOLERANCE)
    return one == other


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
