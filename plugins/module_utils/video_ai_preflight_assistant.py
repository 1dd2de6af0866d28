# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks of a plan for the assistant: its models, its guardrail, and what is kept of what is said."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ansible_collections.medzen.multiregion.plugins.module_utils import guardrail_profiles
from ansible_collections.medzen.multiregion.plugins.module_utils import guardrail_shapes as shapes
from ansible_collections.medzen.multiregion.plugins.module_utils import model_access as access
from ansible_collections.medzen.multiregion.plugins.module_utils.bedrock import PROVIDER_SHARE
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.guardrail_assertions import find_strange
from ansible_collections.medzen.multiregion.plugins.module_utils.preflight import (
    OK,
    REFUSE,
    UNKNOWN,
    WARN,
    Unknown,
)
from ansible_collections.medzen.multiregion.plugins.module_utils.video_ai_preflight import PlanCheck, joined, unreadable

# Codes of model_access that say that nobody could look.
UNREAD = ("access_denied", "unreadable")
OUTSIDE = "outside_allowed_regions"
VERDICTS = {access.OK: OK, access.WARN: WARN, access.FAIL: REFUSE}
# Code of model_access to what was expected and what to do.
MODEL_STEPS = {
    "unknown_model": ("a model or profile that Bedrock knows", "correct the identifier"),
    "not_in_region": ("a model of this region", "choose one that the region lists, or call it in another region"),
    "region_unsupported": ("a region with Bedrock", "choose another region"),
    "not_authorized": ("an account that may use it", "allow it in IAM and in the service control policies"),
    "not_entitled": ("an account that is entitled", "accept the model's agreement"),
    "agreement_error": ("an agreement", "look at the model's agreement in the console"),
    "end_of_life": ("a model in its life", "move to a newer model before the old one is called there"),
    **dict.fromkeys(
        ("end_of_life_near", "end_of_life_unknown", "legacy", "extended_access"),
        ("a model with time left", "plan the move to a newer model"),
    ),
    **dict.fromkeys(
        ("agreement_pending", "no_agreement"),
        ("an agreement", "accept it before the day of the move; the first calls may be refused until it is there"),
    ),
    OUTSIDE: (
        "destinations in the allowed regions",
        "take a model or profile that stays there, or allow the regions named",
    ),
    "not_on_demand": ("an identifier that can be called", "call it through a profile that stays in allowed regions"),
    **dict.fromkeys(UNREAD, ("an answer", "make this readable; a check that was not made is no yes")),
}
KEEPS_NOTHING_MORE = ("default", "none")
RETENTION_INHERITED, RETENTION_REVIEW = "inherit", "aws_review"


@dataclass(frozen=True)
class Model:
    """A model as the assistant calls it, and where it is called when that region does not answer."""

    model_id: str
    region: str
    failover_region: str = ""
    failover_model_id: str = ""
    through_profile: bool | None = None

    @property
    def targets(self) -> tuple[tuple[str, str], ...]:
        """Pairs of region and identifier."""
        first = (self.region, self.model_id)
        if not self.failover_region:
            return (first,)
        return first, (self.failover_region, self.failover_model_id or self.model_id)


@dataclass(frozen=True)
class Guardrail:
    """`accepted_languages` are those in which the assistant answers although no tier understands them."""

    tier: str
    languages: tuple[str, ...]
    accepted_languages: tuple[str, ...] = ()
    profile: str = ""


# --- models ----------------------------------------------------------------------------------------------------------


def group_targets(models: Iterable[Model]) -> dict[str, list[str]]:
    """Region to the identifiers that are called there, each once."""
    found: dict[str, list[str]] = {}
    for region, model_id in dict.fromkeys(target for model in models for target in model.targets):
        found.setdefault(region, []).append(model_id)
    return found


def check_failover(model: Model) -> PlanCheck:
    name, expected = f"failover of {model.model_id}", "another region"
    if not model.failover_region:
        step = "name a failover region, or accept that the assistant is silent while this one is"
        return PlanCheck(name, model.region, WARN, "none", expected, step, "model_without_failover")
    if model.failover_region == model.region:
        step = "name another region: this one is down when the failover is needed"
        return PlanCheck(
            name, model.region, REFUSE, model.failover_region, expected, step, "model_failover_same_region"
        )
    return PlanCheck(name, model.region, OK, model.failover_region, expected)


def check_model(
    entry: Mapping, through_profile: bool | None = None, allowed_regions: Iterable[str] = ()
) -> list[PlanCheck]:
    """An entry of model_access as checks, one for each code. What cannot be called on demand is refused.

    Of a model that a region does not know there are no destinations to judge, so the region itself is.
    """
    name, region = f"model {entry['model_id']}", entry["region"]
    texts: dict[str, list[str]] = {}
    for reason in entry["reasons"]:
        texts.setdefault(reason["code"], []).append(reason["text"])
    if entry["kind"] == access.UNKNOWN and region not in set(allowed_regions):
        texts.setdefault(OUTSIDE, []).append(f"requests are sent to {region}")
    found = [build_model_check(name, region, code, "; ".join(told)) for code, told in texts.items()]
    found += check_identifier(name, entry, through_profile)
    return found or [PlanCheck(name, region, OK, f"usable; requests go to {joined(entry['destinations'])}", "")]


def build_model_check(name: str, region: str, code: str, text: str) -> PlanCheck:
    verdict = UNKNOWN if code in UNREAD else VERDICTS[access.judge_reason(access.Reason(code, text), True)]
    expected, step = MODEL_STEPS.get(code, ("", ""))
    reason = code if "model" in code else f"model_{code}"
    return PlanCheck(name, region, verdict, text, expected, step, reason)


def check_identifier(name: str, entry: Mapping, through_profile: bool | None) -> list[PlanCheck]:
    """Whether the identifier is of the kind that the plan says; None says nothing."""
    kinds = {True: access.INFERENCE_PROFILE, False: access.FOUNDATION_MODEL}
    wanted = kinds.get(through_profile)
    if wanted is None or entry["kind"] in (wanted, access.UNKNOWN):
        return []
    found, expected = entry["kind"].replace("_", " "), wanted.replace("_", " ")
    step = "correct the identifier, or through_profile: where requests go depends on it"
    return [PlanCheck(name, entry["region"], REFUSE, found, expected, step, "model_identifier_kind")]


# --- guardrail -------------------------------------------------------------------------------------------------------


def check_guardrail_languages(guardrail: Guardrail) -> PlanCheck:
    name = f"guardrail tier {guardrail.tier}"
    expected = f"understands {joined(guardrail.languages)}"
    strange = find_strange(guardrail.languages, guardrail.tier)
    undecided = [one for one in strange if one not in guardrail.accepted_languages]
    if undecided:
        told = f"not known to understand {', '.join(undecided)}"
        step = (
            "take the tier that understands them, do not answer in them, or record them as answered although no "
            "guardrail understands them"
        )
        return PlanCheck(name, "", REFUSE, told, expected, step, "guardrail_language_unsupported")
    if strange:
        told = f"not known to understand {', '.join(strange)}, by decision"
        return PlanCheck(name, "", WARN, told, expected, "", "guardrail_language_accepted")
    return PlanCheck(name, "", OK, expected, expected)


def check_guardrail_profile(guardrail: Guardrail, region: str, allowed_regions: Iterable[str]) -> PlanCheck:
    """Where the guardrail of a region is evaluated. The tier STANDARD works through a profile only."""
    name, allowed = "guardrail profile", set(allowed_regions)
    if not guardrail.profile and guardrail.tier == shapes.STANDARD:
        step = "name a profile of the region, or take the tier CLASSIC"
        told, expected = "no profile", "the tier STANDARD with a cross-region profile"
        return PlanCheck(name, region, REFUSE, told, expected, step, "guardrail_profile_missing")
    try:
        guardrail_profiles.check_profile(guardrail.profile, region)
    except Refused as refused:
        told, expected, step = str(refused.found), str(refused.expected), str(refused.next_step)
        return PlanCheck(name, region, REFUSE, told, expected, step, "guardrail_profile_unsupported")
    found, expected = guardrail_profiles.find_destinations(guardrail.profile, region), f"one of {joined(allowed)}"
    if found is None:
        step = "use a profile that AWS documents: what it reads are prompts"
        told = f"nobody has written down where {guardrail.profile} leads"
        return PlanCheck(name, region, UNKNOWN, told, expected, step, "guardrail_destinations_unknown")
    if outside := set(found) - allowed:
        step = "take the tier CLASSIC without a profile, or allow the regions named"
        told = f"it may be evaluated in {joined(outside)}"
        return PlanCheck(name, region, REFUSE, told, expected, step, "guardrail_outside_allowed_regions")
    return PlanCheck(name, region, OK, f"evaluated in {joined(found)}", expected)


# --- data retention --------------------------------------------------------------------------------------------------


def check_planned_retention(mode: str) -> PlanCheck:
    return judge_retention("planned data retention", "", mode)


def check_retention(region: str, mode: str | Unknown) -> PlanCheck:
    """What holds in the account now: until it is changed, prompts are kept so."""
    if isinstance(mode, Unknown):
        return unreadable("data retention", region, mode, joined(KEEPS_NOTHING_MORE))
    return judge_retention("data retention", region, mode)


def judge_retention(name: str, region: str, mode: str) -> PlanCheck:
    expected = joined(KEEPS_NOTHING_MORE)
    if mode == PROVIDER_SHARE:
        step = "set another mode (bedrock_data_retention): prompts and answers go to the providers of models"
        return PlanCheck(name, region, REFUSE, mode, expected, step, PROVIDER_SHARE)
    if mode == RETENTION_INHERITED:
        step = "set a mode of the account's own: what is inherited is not shown"
        return PlanCheck(name, region, UNKNOWN, mode, expected, step, "data_retention_inherited")
    if mode == RETENTION_REVIEW:
        step = "set none unless the agreement with AWS covers its reviewers"
        return PlanCheck(name, region, WARN, mode, expected, step, "data_retention_review")
    if mode in KEEPS_NOTHING_MORE:
        return PlanCheck(name, region, OK, mode, expected)
    step = "look up what this mode keeps, and set one that is known"
    return PlanCheck(name, region, UNKNOWN, mode, expected, step, "data_retention_unknown")
