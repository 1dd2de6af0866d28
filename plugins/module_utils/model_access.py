# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a model can be used in a region: facts in, a verdict with its reasons out.

What was not read is never `ok`. An agreement that is not there is a warning, since the first call makes one for an
account with the rights to subscribe; source: docs.aws.amazon.com/bedrock/latest/userguide/model-access.html.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from ansible_collections.medzen.multiregion.plugins.module_utils import inference_profiles as profiles
from ansible_collections.medzen.multiregion.plugins.module_utils import model_lifecycle, residency

OK, WARN, FAIL = "ok", "warn", "fail"
VERDICTS = (OK, WARN, FAIL)
FOUNDATION_MODEL, INFERENCE_PROFILE, UNKNOWN = "foundation_model", "inference_profile", "unknown"
AVAILABLE, AUTHORIZED = "AVAILABLE", "AUTHORIZED"
ON_DEMAND, NOT_ON_DEMAND = "ON_DEMAND", "not_on_demand"
# Everything that is not listed here makes the verdict a failure.
WARNINGS = {
    "agreement_pending",
    "no_agreement",
    model_lifecycle.LEGACY,
    model_lifecycle.EXTENDED,
    model_lifecycle.END_NEAR,
    model_lifecycle.END_UNKNOWN,
}
AGREEMENTS = {
    "PENDING": ("agreement_pending", "its agreement is pending; calls may be refused until it is there"),
    "NOT_AVAILABLE": ("no_agreement", "there is no agreement; the first call starts a subscription"),
    "ERROR": ("agreement_error", "its agreement failed"),
}
LIFE = {
    model_lifecycle.END_OF_LIFE: "its life ended on {eol}",
    model_lifecycle.END_NEAR: "its life ends on {eol}, in {days_left} days",
    model_lifecycle.END_UNKNOWN: "Bedrock gives no end date, which does not mean that there is none",
    model_lifecycle.LEGACY: "it is legacy; move to a newer model",
    model_lifecycle.EXTENDED: "it is in extended access, at another price",
}


@dataclass(frozen=True)
class Reason:
    code: str
    text: str


@dataclass(frozen=True)
class Catalog:
    """What a region lists; None is what could not be read, and `reasons` say why."""

    models: list[dict] | None
    profiles: list[dict] | None
    reasons: list[Reason] = field(default_factory=list)


@dataclass(frozen=True)
class Rules:
    region: str
    now: datetime
    eol_within_days: int = 90
    require_on_demand: bool = False
    allowed_regions: list[str] | None = None


@dataclass(frozen=True)
class Facts:
    """A model as a region's catalog knows it. `model` and `profile` are None where it does not.

    Of an identifier that it does not know, `foundation_model_id` is the identifier itself. `ended` is whether Bedrock
    says of a model that is not listed that its life is over.
    """

    model_id: str
    foundation_model_id: str
    model: Mapping | None
    profile: Mapping | None
    profiles: list[str] | None
    ended: bool = False

    @property
    def kind(self) -> str:
        if self.profile is not None:
            return INFERENCE_PROFILE
        return FOUNDATION_MODEL if self.model is not None else UNKNOWN


def bare_id(identifier: str) -> str:
    """The identifier in an ARN of a model or profile; an identifier as it is."""
    return identifier.rpartition("/")[2] if identifier.startswith("arn:") else identifier


def find_worst(verdicts: Iterable[str]) -> str:
    """The worst verdict; of none at all, `fail`."""
    return max(verdicts, key=VERDICTS.index, default=FAIL)


def find_facts(catalog: Catalog, model_id: str) -> Facts:
    wanted = bare_id(model_id)
    profile = next((one for one in catalog.profiles or [] if one["inferenceProfileId"] == wanted), None)
    base = wanted
    if profile is not None:
        base = next((bare_id(arn) for arn in sorted(profiles.model_arns(profile))), wanted)
    model = next((one for one in catalog.models or [] if one["modelId"] == base), None)
    return Facts(model_id, base, model, profile, find_profiles(catalog, base))


def find_profiles(catalog: Catalog, base: str) -> list[str] | None:
    """Identifiers of the profiles that have the model; None when they could not be listed."""
    if catalog.profiles is None:
        return None
    found = [one for one in catalog.profiles if base in {bare_id(arn) for arn in profiles.model_arns(one)}]
    return sorted(one["inferenceProfileId"] for one in found)


def judge(facts: Facts, availability: Mapping | None, unread: list[Reason], rules: Rules) -> dict:
    """The entry of one model in one region. `unread` says what could not be read."""
    life = model_lifecycle.judge_lifecycle((facts.model or {}).get("modelLifecycle"), rules.now, rules.eol_within_days)
    places = judge_places(facts, rules)
    reasons = [*unread, *find_reasons(facts, availability, unread, rules), *find_life_reasons(facts, life)]
    if places.outside and facts.kind != UNKNOWN:
        reasons.append(Reason("outside_allowed_regions", f"requests may go to {', '.join(places.outside)}"))
    return {
        "model_id": facts.model_id,
        "region": rules.region,
        "kind": facts.kind,
        "foundation_model_id": None if facts.kind == UNKNOWN else facts.foundation_model_id,
        **shown_availability(availability),
        "lifecycle": model_lifecycle.shown(life),
        "inference_types": list((facts.model or {}).get("inferenceTypesSupported", [])),
        "profiles": facts.profiles,
        **residency.shown(places),
        **shown_verdict(reasons, rules.require_on_demand),
    }


def judge_unsupported(model_id: str, rules: Rules) -> dict:
    """The entry of a model in a region without Bedrock: nothing is called there."""
    facts = Facts(model_id, bare_id(model_id), None, None, [])
    nowhere = Reason("region_unsupported", f"Bedrock has no endpoint in {rules.region} that this botocore knows")
    return {**judge(facts, None, [nowhere], rules), "region_available": False}


def judge_places(facts: Facts, rules: Rules) -> residency.Residency:
    if facts.profile is not None:
        return profiles.judge_profile(facts.profile, rules.region, rules.allowed_regions)
    places = [] if facts.model is None else [rules.region]
    return residency.judge_residency(rules.region, places, rules.allowed_regions)


def find_reasons(facts: Facts, availability: Mapping | None, unread: list[Reason], rules: Rules) -> list[Reason]:
    if facts.kind == UNKNOWN and availability is None:
        # It may stand in the list that could not be read.
        return [] if unread else [Reason("unknown_model", f"Bedrock in {rules.region} knows no {facts.model_id}")]
    if facts.kind == UNKNOWN and facts.ended:
        return []
    if facts.kind == UNKNOWN and unread:
        return find_availability_reasons(availability, rules.region)
    if facts.kind == UNKNOWN:
        # Bedrock knows it, but the region does not list it: it is elsewhere, or its life has ended.
        return [Reason("not_in_region", f"{rules.region} does not list it; its life may have ended")]
    if availability is None:
        found = [] if unread else [Reason("unreadable", "its availability is not known to Bedrock")]
    else:
        found = find_availability_reasons(availability, rules.region)
    return [*found, *find_on_demand_reasons(facts)]


def find_availability_reasons(availability: Mapping, region: str) -> list[Reason]:
    found = []
    if availability["regionAvailability"] != AVAILABLE:
        found.append(Reason("not_in_region", f"it is not available in {region}"))
    if availability["authorizationStatus"] != AUTHORIZED:
        found.append(Reason("not_authorized", "the account is not authorized to use it"))
    if availability["entitlementAvailability"] != AVAILABLE:
        found.append(Reason("not_entitled", "the account is not entitled to it"))
    agreement = availability["agreementAvailability"]
    if agreement["status"] != AVAILABLE:
        code, text = AGREEMENTS.get(agreement["status"], AGREEMENTS["ERROR"])
        more = agreement.get("errorMessage")
        found.append(Reason(code, f"{text}: {more}" if more else text))
    return found


def find_on_demand_reasons(facts: Facts) -> list[Reason]:
    """A model that only a profile, or provisioned throughput, can call is no use by its own identifier."""
    if facts.kind != FOUNDATION_MODEL or ON_DEMAND in facts.model.get("inferenceTypesSupported", []):
        return []
    instead = f"; call it through {' or '.join(facts.profiles)}" if facts.profiles else ""
    return [Reason(NOT_ON_DEMAND, f"it cannot be called on demand by this identifier{instead}")]


def find_life_reasons(facts: Facts, life: model_lifecycle.Lifecycle) -> list[Reason]:
    if facts.ended:
        return [Reason(model_lifecycle.END_OF_LIFE, "its life has ended; the region lists it no more")]
    if facts.kind == UNKNOWN:
        return []
    end = life.eol.date().isoformat() if life.eol else None
    return [Reason(code, LIFE[code].format(eol=end, days_left=life.days_left)) for code in life.reasons]


def judge_reason(reason: Reason, require_on_demand: bool) -> str:
    if reason.code == NOT_ON_DEMAND:
        return FAIL if require_on_demand else WARN
    return WARN if reason.code in WARNINGS else FAIL


def shown_verdict(reasons: list[Reason], require_on_demand: bool) -> dict:
    verdicts = [OK, *(judge_reason(one, require_on_demand) for one in reasons)]
    return {"verdict": find_worst(verdicts), "reasons": [{"code": one.code, "text": one.text} for one in reasons]}


def shown_availability(availability: Mapping | None) -> dict:
    if availability is None:
        return dict.fromkeys(("region_available", "authorized", "entitlement", "agreement"))
    return {
        "region_available": availability["regionAvailability"] == AVAILABLE,
        "authorized": availability["authorizationStatus"] == AUTHORIZED,
        "entitlement": availability["entitlementAvailability"],
        "agreement": availability["agreementAvailability"]["status"],
    }
