# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a guardrail, as GetGuardrail describes it, holds of what is asserted. Values only; unknown is a violation.

Languages: https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-supported-languages.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ansible_collections.medzen.multiregion.plugins.module_utils import guardrail_shapes as shapes
from ansible_collections.medzen.multiregion.plugins.module_utils.guardrail_profiles import find_destinations

STRENGTHS = ("NONE", "LOW", "MEDIUM", "HIGH")
# Name in an assertion to policy and list of a request, and the member that names an item.
POLICIES = {
    "content": ("contentPolicyConfig", "filtersConfig", "type"),
    "topic": ("topicPolicyConfig", "topicsConfig", "name"),
    "word": ("wordPolicyConfig", "wordsConfig", "text"),
    "managed_word_list": ("wordPolicyConfig", "managedWordListsConfig", "type"),
    "pii": ("sensitiveInformationPolicyConfig", "piiEntitiesConfig", "type"),
    "regex": ("sensitiveInformationPolicyConfig", "regexesConfig", "name"),
    "grounding": ("contextualGroundingPolicyConfig", "filtersConfig", "type"),
}
CLASSIC_LANGUAGES = frozenset(("en", "es", "fr"))
# Those of content filters and prompt attacks, which are fewer than those of denied topics.
STANDARD_LANGUAGES = frozenset(
    (
        "af", "ar", "az", "be", "bg", "ca", "cs", "da", "de", "el", "en", "es", "et", "fa", "fi", "fil", "fr",
        "gu", "he", "hi", "hr", "hu", "hy", "id", "it", "ja", "ka", "kn", "ko", "lt", "lv", "mk", "ml", "mr",
        "ms", "ne", "nl", "no", "pl", "pt", "ro", "ru", "sk", "sl", "sq", "sr", "sv", "te", "th", "tl", "tr",
        "uk", "uz", "vi", "zh",
    )
)  # fmt: skip
LANGUAGE_POLICIES = {"content": "contentPolicyConfig", "topic": "topicPolicyConfig"}


def destinations_of(guardrail: Mapping[str, Any], region: str) -> list[str] | None:
    """Regions in which it may be evaluated; None when they are not known."""
    config = shapes.request_from_answer(guardrail).get("crossRegionConfig") or {}
    found = find_destinations(config.get("guardrailProfileIdentifier"), region)
    return list(found) if found else None


def iter_violations(guardrail: Mapping[str, Any], assertions: Mapping[str, Any], region: str) -> Iterator[str]:
    """A sentence for each assertion that does not hold."""
    if guardrail["status"] != "READY":
        yield f"its status is {guardrail['status']}; expected READY"
    request = shapes.comparable(shapes.request_from_answer(guardrail))
    for block in assertions.get("must_block") or []:
        yield from iter_block_faults(request, block)
    yield from iter_language_faults(request, assertions.get("languages") or [])
    if assertions.get("destinations") is not None:
        yield from iter_destination_faults(destinations_of(guardrail, region), assertions["destinations"])


# --- blocking --------------------------------------------------------------------------------------------------------


def iter_block_faults(request: Mapping[str, Any], block: Mapping[str, Any]) -> Iterator[str]:
    policy, listed, key = POLICIES[block["policy"]]
    what = f"{block['policy']} {block['name']}"
    item = next((one for one in request.get(policy, {}).get(listed, []) if one[key] == block["name"]), None)
    if item is None:
        yield f"{what} is not in it"
        return
    for side in block["sides"]:
        if fault := side_fault(item, side, block):
            yield f"{what} {fault}"


def side_fault(item: Mapping[str, Any], side: str, block: Mapping[str, Any]) -> str | None:
    """Why an item does not block on a side, or nothing."""
    if block["policy"] == "grounding":
        return grounding_fault(item, side)
    start = side.lower()
    if block["policy"] == "content":
        strength, least = item[f"{start}Strength"], block["min_strength"]
        if STRENGTHS.index(strength) < STRENGTHS.index(least):
            return f"has the strength {strength} on {side}; expected {least} or more"
    if not item[f"{start}Enabled"]:
        return f"is not evaluated on {side}"
    accepted = ("BLOCK", "ANONYMIZE") if block["anonymized_counts"] else ("BLOCK",)
    action = item[f"{start}Action"]
    return None if action in accepted else f"has the action {action} on {side}; expected {' or '.join(accepted)}"


def grounding_fault(item: Mapping[str, Any], side: str) -> str | None:
    if side != "OUTPUT":
        return f"looks at answers only; expected of it on {side}"
    if not item["enabled"]:
        return "is not evaluated"
    return None if item["action"] == "BLOCK" else f"has the action {item['action']}; expected BLOCK"


# --- languages and places --------------------------------------------------------------------------------------------


def iter_language_faults(request: Mapping[str, Any], languages: list[str]) -> Iterator[str]:
    """What the policies that read meaning do not understand; a guardrail without either understands nothing."""
    if languages and not any(policy in request for policy in LANGUAGE_POLICIES.values()):
        yield f"it has neither content filters nor denied topics, in whatever language; expected {', '.join(languages)}"
    for name, policy in LANGUAGE_POLICIES.items():
        if policy in request:
            tier = request[policy]["tierConfig"]["tierName"]
            if strange := find_strange(languages, tier):
                yield f"the {name} policy of tier {tier} is not known to understand {', '.join(strange)}"


def find_strange(languages: Iterable[str], tier: str) -> list[str]:
    """The languages that a tier is not known to understand, sorted; fr-CM is French."""
    known = STANDARD_LANGUAGES if tier == shapes.STANDARD else CLASSIC_LANGUAGES
    return sorted(language for language in languages if language.partition("-")[0].lower() not in known)


def iter_destination_faults(destinations: list[str] | None, allowed: list[str]) -> Iterator[str]:
    if destinations is None:
        yield "where its profile routes to is not known"
        return
    outside = sorted(set(destinations) - set(allowed))
    if outside:
        yield f"it may be evaluated in {', '.join(outside)}; allowed are {', '.join(sorted(allowed)) or 'none'}"
