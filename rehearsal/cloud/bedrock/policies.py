# SPDX-License-Identifier: GPL-3.0-or-later
"""A guardrail's policies: from the shape in which they are put to the shape in which they are got, with AWS's rules.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_CreateGuardrail.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from rehearsal.cloud.bedrock.endpoints import DEFINITION_MAX

# Policy as put: (policy as got, {member as put: member as got}).
POLICIES = {
    "topicPolicyConfig": ("topicPolicy", {"topicsConfig": "topics", "tierConfig": "tier"}),
    "contentPolicyConfig": ("contentPolicy", {"filtersConfig": "filters", "tierConfig": "tier"}),
    "wordPolicyConfig": ("wordPolicy", {"wordsConfig": "words", "managedWordListsConfig": "managedWordLists"}),
    "sensitiveInformationPolicyConfig": (
        "sensitiveInformationPolicy",
        {"piiEntitiesConfig": "piiEntities", "regexesConfig": "regexes"},
    ),
    "contextualGroundingPolicyConfig": (
        "contextualGroundingPolicy",
        {"filtersConfig": "filters", "tierConfig": "tier"},
    ),
    "automatedReasoningPolicyConfig": ("automatedReasoningPolicy", {}),
}
# What tells two rows of a list apart.
KEYS = {
    "topics": "name",
    "filters": "type",
    "words": "text",
    "managedWordLists": "type",
    "piiEntities": "type",
    "regexes": "name",
}
TIERED = ("topicPolicy", "contentPolicy")
BOTH_WAYS = {"inputAction": "BLOCK", "outputAction": "BLOCK", "inputEnabled": True, "outputEnabled": True}
STANDARD_DEFINITION_MAX = 1000
THRESHOLD_MAX = 0.99


def convert(parameters: dict[str, Any]) -> dict[str, Any]:
    """Policies as Get answers them, with the values that AWS fills in."""
    found = {}
    for put, (got, members) in POLICIES.items():
        if parameters.get(put) is not None:
            policy = {members.get(name, name): value for name, value in parameters[put].items() if value is not None}
            found[got] = with_defaults(got, policy)
    return found


def with_defaults(policy: str, value: dict[str, Any]) -> dict[str, Any]:
    filled: dict[str, Any] = {
        name: [_filled(policy, name, one) for one in item] if name in KEYS else item for name, item in value.items()
    }
    if policy in TIERED:
        filled.setdefault("tier", {"tierName": "CLASSIC"})
    return filled


def _filled(policy: str, name: str, row: dict[str, Any]) -> dict[str, Any]:
    if policy == "contextualGroundingPolicy":
        return {"action": "BLOCK", "enabled": True, **row}
    defaults: dict[str, Any] = dict(BOTH_WAYS)
    if "action" in row:
        defaults |= {"inputAction": row["action"], "outputAction": row["action"]}
    if name == "topics":
        defaults["type"] = "DENY"
    if policy == "contentPolicy":
        defaults |= {"inputModalities": ["TEXT"], "outputModalities": ["TEXT"]}
    return {**defaults, **row}


def iter_problems(policies: dict[str, Any], cross_region: bool) -> Iterator[str]:
    """Sentences on what AWS refuses beyond the limits in botocore's model."""
    for policy, value in policies.items():
        rows = {name: value[name] for name in KEYS if value.get(name)}
        if policy != "automatedReasoningPolicy" and not rows:
            yield f"{policy} must have at least one entry"
        for name, listed in rows.items():
            keys = [str(row[KEYS[name]]).lower() for row in listed]
            for key in sorted({key for key in keys if keys.count(key) > 1}):
                yield f"{policy}.{name} has {key} more than once"
        if tier_of(value) == "STANDARD" and not cross_region:
            yield f"{policy} with the STANDARD tier requires crossRegionConfig"
    yield from _iter_rule_problems(policies)


def _iter_rule_problems(policies: dict[str, Any]) -> Iterator[str]:
    topics = policies.get("topicPolicy", {})
    longest = STANDARD_DEFINITION_MAX if tier_of(topics) == "STANDARD" else DEFINITION_MAX
    for topic in topics.get("topics", []):
        if len(topic["definition"]) > longest:
            yield f"the definition of topic {topic['name']} has {len(topic['definition'])} characters of {longest}"
    for one in policies.get("contentPolicy", {}).get("filters", []):
        if one["type"] == "PROMPT_ATTACK" and one["outputStrength"] != "NONE":
            yield "PROMPT_ATTACK looks at input only; its outputStrength must be NONE"
    for one in policies.get("sensitiveInformationPolicy", {}).get("regexes", []):
        if not compiles(one["pattern"]):
            yield f"the pattern of regex {one['name']} is invalid"
    for one in policies.get("contextualGroundingPolicy", {}).get("filters", []):
        if one["threshold"] > THRESHOLD_MAX:
            yield f"the threshold of {one['type']} is {one['threshold']:g}; the most is {THRESHOLD_MAX}"


def compiles(pattern: str) -> bool:
    """AWS takes no look-around; see "Regex filters" in its guide on sensitive information filters."""
    if re.search(r"\(\?<?[=!]", pattern):
        return False
    try:
        re.compile(pattern)
    except re.error:
        return False
    return True


def tier_of(policy: dict[str, Any]) -> str:
    return (policy.get("tier") or {}).get("tierName", "CLASSIC")
