# SPDX-License-Identifier: GPL-3.0-or-later
"""What a guardrail finds in a text: an assessment in the shape of the API, the text masked, and whether it is blocked.

https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-components.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from rehearsal.cloud.bedrock.languages import lists, reaches, split, understood
from rehearsal.cloud.bedrock.patterns import PII
from rehearsal.cloud.bedrock.policies import tier_of

SURENESS = ("NONE", "LOW", "MEDIUM", "HIGH")
# A filter of this strength acts from this sureness on.
ACTS_FROM = {"HIGH": "LOW", "MEDIUM": "MEDIUM", "LOW": "HIGH"}
DONE = {"BLOCK": "BLOCKED", "ANONYMIZE": "ANONYMIZED", "NONE": "NONE"}
# Part of an example's words that a text must share to be of its topic.
EXAMPLE_SHARE = 0.6
TERM_CHARS_MIN = 4


@dataclass
class Finding:
    """What a guardrail makes of one text."""

    text: str
    assessment: dict[str, Any] = field(default_factory=dict)
    actions: list[str] = field(default_factory=list)

    @property
    def blocked(self) -> bool:
        return "BLOCKED" in self.actions

    @property
    def intervened(self) -> bool:
        return self.blocked or "ANONYMIZED" in self.actions

    def add(self, policy: str, kind: str, row: dict[str, Any], full: bool) -> None:
        if row["detected"]:
            self.actions.append(row["action"])
        if row["detected"] or full:
            self.assessment.setdefault(policy, {}).setdefault(kind, []).append(row)


def assess(content: dict[str, Any], text: str, source: str, full: bool = False) -> Finding:
    """Everything that the guardrail's policies find; `source` is INPUT or OUTPUT."""
    found = Finding(text)
    find_topics(found, content.get("topicPolicy") or {}, source, full)
    find_content(found, content.get("contentPolicy") or {}, source, full)
    find_words(found, content.get("wordPolicy") or {}, source)
    find_sensitive(found, content.get("sensitiveInformationPolicy") or {}, source)
    for policy, kinds in REQUIRED_LISTS.items():
        if policy in found.assessment:
            found.assessment[policy] = {kind: [] for kind in kinds} | found.assessment[policy]
    return found


REQUIRED_LISTS = {
    "wordPolicy": ("customWords", "managedWordLists"),
    "sensitiveInformationPolicy": ("piiEntities", "regexes"),
}


def action_of(row: dict[str, Any], source: str) -> str | None:
    """What a row does with texts of this side; None when it does not look at them."""
    side = source.lower()
    return row.get(f"{side}Action", "BLOCK") if row.get(f"{side}Enabled", True) else None


def find_topics(found: Finding, policy: dict[str, Any], source: str, full: bool) -> None:
    words = understood(found.text) if reaches(tier_of(policy), found.text) else set()
    for topic in policy.get("topics", []):
        action = action_of(topic, source)
        if action is not None:
            detected = is_about(topic, words)
            done = DONE[action] if detected else "NONE"
            row = {"name": topic["name"], "type": "DENY", "action": done, "detected": detected}
            found.add("topicPolicy", "topics", row, full)


def is_about(topic: dict[str, Any], words: set[str]) -> bool:
    """All words of the topic's name, or most of one of its examples."""
    have = {stem(word) for word in words}
    if terms(topic["name"]) and terms(topic["name"]) <= have:
        return True
    wanted = (terms(example) for example in topic.get("examples") or [])
    return any(one and len(one & have) >= EXAMPLE_SHARE * len(one) for one in wanted)


def terms(text: str) -> set[str]:
    """The words that carry a sentence's meaning, as English ones too."""
    return {stem(lists()["glossary"].get(word, word)) for word in split(text) if len(word) >= TERM_CHARS_MIN}


def stem(word: str) -> str:
    return word.removesuffix("s")


def find_content(found: Finding, policy: dict[str, Any], source: str, full: bool) -> None:
    words = understood(found.text) if reaches(tier_of(policy), found.text) else set()
    for one in policy.get("filters", []):
        action, strength = action_of(one, source), one[f"{source.lower()}Strength"]
        if action is None or strength == "NONE":
            continue
        sureness = how_sure(one["type"], words)
        detected = SURENESS.index(sureness) >= SURENESS.index(ACTS_FROM[strength])
        row = {
            "type": one["type"],
            "confidence": sureness,
            "filterStrength": strength,
            "action": DONE[action] if detected else "NONE",
            "detected": detected,
        }
        found.add("contentPolicy", "filters", row, full)


def how_sure(kind: str, words: set[str]) -> str:
    for sureness in reversed(SURENESS[1:]):
        if any(words.issuperset(entry) for entry in lists()["filters"][kind][sureness]):
            return sureness
    return "NONE"


def find_words(found: Finding, policy: dict[str, Any], source: str) -> None:
    """Exact words and phrases, in any case; they need no language."""
    for one in policy.get("words", []):
        action = action_of(one, source)
        match = re.search(rf"(?<!\w){re.escape(one['text'])}(?!\w)", found.text, re.I) if action else None
        if match:
            row = {"match": match.group(), "action": DONE[action], "detected": True}
            found.add("wordPolicy", "customWords", row, False)
    for one in policy.get("managedWordLists", []):
        action = action_of(one, source)
        for word in split(found.text) if action else []:
            if word in lists()["profanity"]:
                row = {"match": word, "type": one["type"], "action": DONE[action], "detected": True}
                found.add("wordPolicy", "managedWordLists", row, False)


def find_sensitive(found: Finding, policy: dict[str, Any], source: str) -> None:
    """Patterns: what is to be anonymised is masked in `found.text`."""
    for one in policy.get("piiEntities", []):
        for match in mask(found, PII.get(one["type"]), one["type"], action_of(one, source)):
            row = {"match": match, "type": one["type"], "action": DONE[action_of(one, source)], "detected": True}
            found.add("sensitiveInformationPolicy", "piiEntities", row, False)
    for one in policy.get("regexes", []):
        for match in mask(found, re.compile(one["pattern"]), one["name"], action_of(one, source)):
            row = {
                "name": one["name"],
                "match": match,
                "regex": one["pattern"],
                "action": DONE[action_of(one, source)],
                "detected": True,
            }
            found.add("sensitiveInformationPolicy", "regexes", row, False)


def mask(found: Finding, pattern: re.Pattern[str] | None, name: str, action: str | None) -> list[str]:
    """What matches; put out of sight when it is to be anonymised."""
    if pattern is None or action is None:
        return []
    matches = [match.group() for match in pattern.finditer(found.text) if match.group()]
    if action == "ANONYMIZE":
        found.text = pattern.sub(lambda match: f"{{{name}}}" if match.group() else "", found.text)
    return matches


def find_grounding(found: Finding, policy: dict[str, Any], given: dict[str, str]) -> None:
    """An answer's words that its source has (GROUNDING), and a question's words that the answer has (RELEVANCE)."""
    answer, source, query = (terms(given.get(name, "")) for name in ("answer", "grounding_source", "query"))
    scores = {"GROUNDING": share(answer, source), "RELEVANCE": share(query, answer)}
    for one in policy.get("filters", []) if source and query else []:
        detected = scores[one["type"]] < one["threshold"]
        row = {
            "type": one["type"],
            "threshold": one["threshold"],
            "score": scores[one["type"]],
            "action": DONE[one.get("action", "BLOCK")] if detected else "NONE",
            "detected": detected,
        }
        if one.get("enabled", True):
            found.add("contextualGroundingPolicy", "filters", row, True)


def share(words: set[str], of: set[str]) -> float:
    return round(len(words & of) / len(words), 2) if words else 1.0
