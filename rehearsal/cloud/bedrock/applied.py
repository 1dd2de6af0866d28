# SPDX-License-Identifier: GPL-3.0-or-later
"""A guardrail at work on texts: ApplyGuardrail, and what Converse and InvokeModel share with it."""

from __future__ import annotations

import math
from typing import Any

from rehearsal.cloud.bedrock.filters import Finding, assess, find_grounding
from rehearsal.cloud.bedrock.guardrails import DRAFT, Guardrail, Version, present
from rehearsal.cloud.bedrock.state import Bedrock, invalid, not_found
from rehearsal.cloud.errors import ApiError
from rehearsal.cloud.kms import key_state
from rehearsal.cloud.operations import Call

MISSING = "The guardrail identifier or version provided in the request does not exist."
CHARS_A_UNIT = 1000
UNITS = {
    "topicPolicy": "topicPolicyUnits",
    "contentPolicy": "contentPolicyUnits",
    "wordPolicy": "wordPolicyUnits",
    "contextualGroundingPolicy": "contextualGroundingPolicyUnits",
}
LATENCY_MS = 90
# Parts of a text that are evidence for an answer and no text to be filtered.
EVIDENCE = ("grounding_source", "query")


def find_acting(
    bedrock: Bedrock, call: Call, identifier: str, number: str, refuse: Any = invalid
) -> tuple[Guardrail, Version]:
    """The version that a runtime call names, which must have been READY once."""
    made = next((one for one in present(bedrock, call) if identifier in (one.id, one.arn)), None)
    version = made.present().get(number) if made is not None else None
    if made is None or version is None:
        raise refuse(MISSING)
    if not can_act(version):
        raise invalid(f"The guardrail {made.id} version {number} is {version.status()}; expected READY.")
    check_key(version, call.region)
    return made, version


def can_act(version: Version) -> bool:
    """A draft keeps acting while it changes, and with what it had when a change failed."""
    if version.number == DRAFT:
        return version.status() in ("READY", "UPDATING", "VERSIONING") or version.before is not None
    return version.status() == "READY"


def check_key(version: Version, region: str) -> None:
    key = version.acting().get("kmsKeyArn")
    if key and key_state(region, key) != "Enabled":
        text = f"The key {key} of the guardrail is {key_state(region, key) or 'missing'}; expected Enabled."
        raise ApiError("AccessDeniedException", text, 403)


def apply(bedrock: Bedrock, call: Call) -> dict[str, Any]:
    identifier, number = call.get("guardrailIdentifier"), call.get("guardrailVersion")
    made, version = find_acting(bedrock, call, identifier, number, not_found)
    content, source = version.acting(), call.get("source")
    blocks = [one["text"] for one in call.get("content") if one.get("text")]
    if not blocks:
        raise invalid("The content has no text; expected at least one block.")
    full = call.get("outputScope") == "FULL"
    plain = [one["text"] for one in blocks if not set(one.get("qualifiers") or []) & set(EVIDENCE)]
    findings = [assess(content, text, source, full) for text in plain]
    if source == "OUTPUT":
        ground(findings, content, blocks, plain)
    return result(made, version, findings, blocked_message(content, source), sum(map(len, plain)))


def ground(findings: list[Finding], content: dict[str, Any], blocks: list[dict[str, Any]], plain: list[str]) -> None:
    given = {name: text_of(blocks, name) for name in EVIDENCE} | {"answer": " ".join(plain)}
    if findings:
        find_grounding(findings[-1], content.get("contextualGroundingPolicy") or {}, given)


def text_of(blocks: list[dict[str, Any]], qualifier: str) -> str:
    return " ".join(one["text"] for one in blocks if qualifier in (one.get("qualifiers") or []))


def blocked_message(content: dict[str, Any], source: str) -> str:
    return content["blockedInputMessaging" if source == "INPUT" else "blockedOutputsMessaging"]


def result(made: Guardrail, version: Version, findings: list[Finding], message: str, chars: int) -> dict[str, Any]:
    blocked, masked = any(one.blocked for one in findings), any(one.intervened for one in findings)
    outputs = [{"text": message}] if blocked else [{"text": one.text} for one in findings] if masked else []
    used = usage(version.acting(), chars)
    return {
        "usage": used,
        "action": "GUARDRAIL_INTERVENED" if masked else "NONE",
        "actionReason": "Guardrail blocked." if blocked else "Guardrail masked." if masked else "No action.",
        "outputs": outputs,
        "assessments": [assessment(made, version, one, used, chars) for one in findings],
        "guardrailCoverage": {"textCharacters": {"guarded": chars, "total": chars}},
    }


def usage(content: dict[str, Any], chars: int) -> dict[str, int]:
    """Units of a thousand characters for each policy that the guardrail has; patterns are free."""
    units = max(1, math.ceil(chars / CHARS_A_UNIT))
    sensitive = content.get("sensitiveInformationPolicy") or {}
    return {
        **{name: units if policy in content else 0 for policy, name in UNITS.items()},
        "sensitiveInformationPolicyUnits": units if sensitive.get("piiEntities") else 0,
        "sensitiveInformationPolicyFreeUnits": units if sensitive.get("regexes") else 0,
    }


def assessment(made: Guardrail, version: Version, one: Finding, used: dict[str, int], chars: int) -> dict[str, Any]:
    return {
        **one.assessment,
        "invocationMetrics": {
            "guardrailProcessingLatency": LATENCY_MS,
            "usage": used,
            "guardrailCoverage": {"textCharacters": {"guarded": chars, "total": chars}},
        },
        "appliedGuardrailDetails": {
            "guardrailId": made.id,
            "guardrailVersion": version.number,
            "guardrailArn": made.arn,
            "guardrailOrigin": ["REQUEST"],
            "guardrailOwnership": "SELF",
        },
    }


class Guard:
    """The guardrail of one Converse or InvokeModel call, or none."""

    def __init__(self, bedrock: Bedrock, call: Call, identifier: str | None, number: str | None) -> None:
        if bool(identifier) != bool(number):
            raise invalid("Both guardrailIdentifier and guardrailVersion are required to use a guardrail.")
        self.found = find_acting(bedrock, call, str(identifier), str(number)) if identifier else None
        self.findings: dict[str, Finding] = {}

    def look(self, text: str, source: str) -> Finding:
        """Assess a text; without a guardrail nothing is found."""
        content = self.found[1].acting() if self.found else {}
        found = assess(content, text, source)
        if found.blocked:
            found.text = blocked_message(content, source)
        if self.found:
            self.findings[source] = found
        return found

    @property
    def id(self) -> str | None:
        return self.found[0].id if self.found else None

    @property
    def intervened(self) -> bool:
        return any(one.intervened for one in self.findings.values())

    def trace(self) -> dict[str, Any]:
        """What was found on both sides, as Converse shows it."""
        if self.found is None:
            return {}
        made, version = self.found
        shown = {
            source: assessment(made, version, one, usage(version.acting(), len(one.text)), len(one.text))
            for source, one in self.findings.items()
        }
        trace: dict[str, Any] = {"inputAssessment": {made.id: shown["INPUT"]}} if "INPUT" in shown else {}
        return trace | ({"outputAssessments": {made.id: [shown["OUTPUT"]]}} if "OUTPUT" in shown else {})


OPERATIONS = {"ApplyGuardrail": apply}
