# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verdict of a gate: conditions and their evidence in, pass, refuse, override or planned out.

A condition is True, False, or unknown (None). Unknown is not yes: it refuses as False does. Anything else than
these three, such as the text "true", is taken for unknown, because nobody decided what it means.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.medzen.multiregion.plugins.module_utils.errors import MultiregionError, format_finding

PASS, REFUSE, OVERRIDE, PLANNED = "pass", "refuse", "override", "planned"
KEYS = ("name", "condition", "found", "expected", "next_step", "planned_by", "overridable")


def judge(
    name: str,
    conditions: list[dict],
    evidence: dict | None = None,
    *,
    override: str | None = None,
    override_expected: str | None = None,
    check_mode: bool = False,
) -> dict:
    """The gate as it goes into the result and the report."""
    judged = [judge_condition(index, condition) for index, condition in enumerate(conditions, 1)]
    refusals = [condition for condition in judged if condition["verdict"] != PASS]
    override_text, expected_text = str(override or ""), str(override_expected or "")
    return {
        "name": name,
        "verdict": find_verdict(refusals, override_text, expected_text, check_mode),
        "conditions": judged,
        "evidence": evidence or {},
        "override": override_text,
        "override_expected": expected_text,
    }


def condition_of(check: dict) -> dict:
    """A check of the preflight as a condition. A warning passes; it is shown in the report."""
    if not {"name", "verdict"} <= set(check):
        finding = format_finding(
            f"the keys {', '.join(sorted(check))}", "the checks that region_preflight_info returns"
        )
        raise MultiregionError(f"Not a check. {finding}")
    name = f"{check['region']}: {check['name']}" if check.get("region") else check["name"]
    name += f" [{check['reason']}]" if check.get("reason") else ""
    verdicts = {"ok": True, "warn": True, "refuse": False}
    details = {key: check[key] for key in ("found", "expected", "next_step", "planned_by") if check.get(key)}
    return {"name": name, "condition": verdicts.get(check["verdict"]), **details}


def judge_condition(index: int, condition: dict) -> dict:
    unknown_keys = sorted(set(condition) - set(KEYS))
    if unknown_keys or "condition" not in condition:
        finding = format_finding(
            f"the keys {', '.join(sorted(condition))}", f"condition, and some of {', '.join(KEYS)}"
        )
        raise MultiregionError(f"Condition {index}. {finding}")
    value = condition["condition"]
    verdict = {True: PASS, False: REFUSE}[value] if isinstance(value, bool) else "unknown"
    return {
        "name": str(condition.get("name") or f"condition {index}"),
        "verdict": verdict,
        "found": condition.get("found") if value is None or isinstance(value, bool) else f"{value!r}, no truth value",
        "expected": condition.get("expected"),
        "next_step": condition.get("next_step"),
        "planned_by": condition.get("planned_by") or "",
        "overridable": condition.get("overridable", True) is True,
    }


def find_verdict(refusals: list[dict], override: str, expected: str, check_mode: bool) -> str:
    if not refusals:
        return PASS
    if check_mode and all(refusal["planned_by"] for refusal in refusals):
        return PLANNED
    if override and override == expected and all(refusal["overridable"] for refusal in refusals):
        return OVERRIDE
    return REFUSE


def describe(gate: dict) -> str:
    """The gate in plain lines: every refusal at once, and what can be typed if anything can."""
    refusals = [condition for condition in gate["conditions"] if condition["verdict"] != PASS]
    if gate["verdict"] == PASS:
        return f"Gate {gate['name']}: {len(gate['conditions'])} conditions hold."
    head = {
        REFUSE: f"Gate {gate['name']} refuses, for {len(refusals)} of {len(gate['conditions'])} conditions:",
        OVERRIDE: f"Gate {gate['name']} is overridden by {gate['override']!r}, in spite of:",
        PLANNED: f"Gate {gate['name']} would be asked later; in this plan it is not yet met:",
    }[gate["verdict"]]
    lines = [line for number, refusal in enumerate(refusals, 1) for line in refusal_lines(number, refusal)]
    return "\n".join([head, *lines, *override_lines(gate)])


def refusal_lines(number: int, refusal: dict) -> list[str]:
    mark = " (unknown, which is not yes)" if refusal["verdict"] == "unknown" else ""
    labels = (("found", "found"), ("expected", "expected"), ("next_step", "next"), ("planned_by", "planned by"))
    details = [f"     {label}: {shown(refusal[key])}" for key, label in labels if refusal[key] not in (None, "")]
    return [f"  {number}. {refusal['name']}{mark}", *details]


def shown(value: Any) -> str:
    return value if isinstance(value, str) else repr(value)


def override_lines(gate: dict) -> list[str]:
    if gate["verdict"] != REFUSE:
        return []
    if gate["override"] and not gate["override_expected"]:
        return [f"  The override {gate['override']!r} was typed, but this gate has none."]
    if gate["override"]:
        return [f"  The override {gate['override']!r} was typed; it does not lift all of these."]
    lifted = all(entry["overridable"] for entry in gate["conditions"] if entry["verdict"] != PASS)
    return (
        [f"  Who accepts this types exactly: {gate['override_expected']}"]
        if gate["override_expected"] and lifted
        else []
    )
