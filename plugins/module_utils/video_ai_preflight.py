# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks of a plan for video visits: where they are controlled, carried, transcribed, recorded. No call is made.

A check is one of `preflight` with a `reason`, a code that stays the same, so that a playbook can look for it. What
the Chime SDK can do where comes from `chime_regions`; this file says what a violation means for the plan.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ansible_collections.medzen.multiregion.plugins.module_utils import chime_regions, chime_sdk, media_placement
from ansible_collections.medzen.multiregion.plugins.module_utils import recording_preflight as recording
from ansible_collections.medzen.multiregion.plugins.module_utils.preflight import (
    OK,
    REFUSE,
    UNKNOWN,
    WARN,
    Check,
    Unknown,
    check_region,
)
from ansible_collections.medzen.multiregion.plugins.module_utils.service_regions import endpoint_regions, has_endpoint

UNREADABLE = "unreadable"
NO_DR = "none"
PHI_SERVICE = "comprehendmedical"
# What a violation is about, where its subject is not enough: the name of the check.
NAMES = {
    chime_regions.LANGUAGE_UNSUPPORTED: "live transcription languages",
    chime_regions.MEDICAL_LANGUAGE_UNSUPPORTED: "medical transcription languages",
    chime_regions.CONTROL_REGION_UNSUPPORTED: "control region",
    chime_regions.MEDIA_REGION_UNSUPPORTED: "media region",
}
# No operation copies an app instance or what is in it; source: botocore's models of identity and messaging, 1.44.5.
STAY, RECREATE, COPY = "stay", "recreate", "copy"
MOVES = (STAY, RECREATE, COPY)


@dataclass(frozen=True)
class PlanCheck(Check):
    """`reason` says why a check is not ok, in a word that stays the same; empty for one that is."""

    reason: str = ""


@dataclass(frozen=True)
class Visits:
    """Where visits are to run. An empty media region is the control region, an empty region of transcription the
    media region, as StartMeetingTranscription takes it."""

    control_regions: tuple[str, ...]
    media_region: str = ""
    transcription_region: str = ""
    languages: tuple[str, ...] = ()
    medical: bool = False
    medical_languages: tuple[str, ...] = ()
    is_recorded: bool = False
    allowed_regions: tuple[str, ...] = ()
    extra_regions: Mapping[str, Iterable[str]] = field(default_factory=dict)

    def media_of(self, region: str) -> str:
        return self.media_region or region

    def transcription_of(self, region: str) -> str:
        return self.transcription_region or self.media_of(region)

    @property
    def services(self) -> tuple[str, ...]:
        return ("meetings", "media_pipelines") if self.is_recorded else ("meetings",)


@dataclass(frozen=True)
class Messaging:
    """Where chat and its identities are."""

    region: str
    allowed_regions: tuple[str, ...] = ()
    extra_regions: Mapping[str, Iterable[str]] = field(default_factory=dict)

    services = ("identity", "messaging")


def reasoned(check: Check, reason: str) -> PlanCheck:
    """A check of another preflight with its reason, which only one that is not ok has."""
    given = {OK: "", UNKNOWN: UNREADABLE}.get(check.verdict, reason)
    return PlanCheck(**check.as_dict(), reason=given)


def unreadable(name: str, region: str, fact: Unknown, expected: str = "") -> PlanCheck:
    step = "make this readable; a check that was not made is no yes"
    return PlanCheck(name, region, UNKNOWN, fact.reason, expected, step, UNREADABLE)


def joined(values: Iterable[str]) -> str:
    return ", ".join(sorted(set(values))) or "none"


# --- account and regions ---------------------------------------------------------------------------------------------


def check_enabled(region: str, statuses: Mapping[str, str] | Unknown) -> PlanCheck:
    return reasoned(check_region(region, statuses), "region_not_enabled")


# --- visits ----------------------------------------------------------------------------------------------------------


def check_visits(visits: Visits) -> list[PlanCheck]:
    """What of the plan is not possible or not allowed, each fault once; one check that is ok for a sound plan."""
    if not visits.control_regions:
        step = "name the regions in which visits run, or leave the visits out of the plan"
        return [PlanCheck("control region", "", REFUSE, "none", "one or more", step, "control_region_missing")]
    found = [one for region in visits.control_regions for one in iter_visit_violations(visits, region)]
    if not found:
        told = "; ".join(f"{region} with media in {visits.media_of(region)}" for region in visits.control_regions)
        return [PlanCheck("visits", "", OK, told, "possible and in allowed regions")]
    return group_violations(found)


def iter_visit_violations(visits: Visits, region: str) -> Iterable[chime_regions.Violation]:
    yield from chime_regions.find_violations(
        chime_regions.Plan(
            control_region=region,
            services=visits.services,
            media_region=visits.media_of(region),
            transcribe_region=visits.transcription_of(region) if visits.languages else None,
            languages=visits.languages,
            allowed_regions=visits.allowed_regions,
            extra_regions=visits.extra_regions,
        )
    )
    if visits.medical:
        yield from chime_regions.find_violations(
            chime_regions.Plan(
                control_region=region,
                services=(),
                transcribe_region=visits.transcription_of(region),
                languages=visits.medical_languages,
                medical=True,
                extra_regions=visits.extra_regions,
            )
        )


def group_violations(violations: Iterable[chime_regions.Violation]) -> list[PlanCheck]:
    """One check for each reason and region: ten languages that nobody transcribes are one fault with ten names."""
    groups: dict[tuple[str, str], list[chime_regions.Violation]] = {}
    for one in dict.fromkeys(violations):
        groups.setdefault((one.reason, one.region), []).append(one)
    return [build_check(reason, region, found) for (reason, region), found in groups.items()]


def build_check(reason: str, region: str, found: list[chime_regions.Violation]) -> PlanCheck:
    first = found[0]
    name = NAMES.get(reason) or ", ".join(one.subject.replace("_", " ") for one in found)
    told = "; ".join(one.found for one in found)
    return PlanCheck(name, region, REFUSE, told, first.expected, first.next_step, reason)


def check_messaging(messaging: Messaging) -> list[PlanCheck]:
    if not messaging.region:
        return [PlanCheck("messaging", "", OK, "not used", "")]
    plan = chime_regions.Plan(
        control_region=messaging.region,
        services=messaging.services,
        allowed_regions=messaging.allowed_regions,
        extra_regions=messaging.extra_regions,
    )
    checks = group_violations(chime_regions.find_violations(plan))
    return checks or [PlanCheck("messaging", messaging.region, OK, "identity and messaging exist", "")]


# --- standby ---------------------------------------------------------------------------------------------------------


def check_dr(what: str, decision: str, plan: Visits | Messaging, used: Iterable[str]) -> PlanCheck:
    """A standby is a region that can take over, or a recorded decision for none. `what` is visits or messaging."""
    name, prefix = f"{what} dr", "" if what == "visits" else f"{what}_"
    expected = f"a region that has {' and '.join(plan.services)}, or the decision {NO_DR!r}"
    if not decision:
        step = f"decide: name a region, or record {NO_DR!r} for {what} without a standby"
        return PlanCheck(name, "", REFUSE, "no decision", expected, step, f"{prefix}dr_undecided")
    if decision == NO_DR:
        return PlanCheck(name, "", WARN, "none, by decision", expected, "", f"{prefix}dr_none")
    lacking = [one for one in plan.services if decision not in chime_regions.regions_of(one, plan.extra_regions)]
    if lacking:
        having = [set(chime_regions.regions_of(one, plan.extra_regions)) for one in plan.services]
        step = f"choose one of {joined(set.intersection(*having))}, or record {NO_DR!r}"
        told = f"no {' and no '.join(lacking)} in {decision}"
        return PlanCheck(name, decision, REFUSE, told, expected, step, f"{prefix}dr_region_unsupported")
    if decision in used:
        step = "name another region: a standby in the same one goes down with it"
        return PlanCheck(name, decision, REFUSE, "the region itself", expected, step, f"{prefix}dr_same_region")
    if decision not in plan.allowed_regions:
        step = f"allow {decision}, or record {NO_DR!r}"
        told = f"one of {joined(plan.allowed_regions)}"
        return PlanCheck(name, decision, REFUSE, decision, told, step, f"{prefix}dr_region_not_allowed")
    return PlanCheck(name, decision, OK, decision, expected)


# --- evidence of test meetings ---------------------------------------------------------------------------------------


def check_verified(one: Mapping[str, str], allowed_regions: Iterable[str]) -> list[PlanCheck]:
    """A test meeting proves the control region that its ARN names, and no other."""
    name, region = "test meeting", one["region"]
    expected = f"a meeting that {region} controls"
    found = chime_sdk.region_of(one.get("meeting_arn") or "")
    step = f"make a test meeting against the endpoint of {region} (chime_meeting_probe), and read its ARN"
    if not found:
        return [PlanCheck(name, region, UNKNOWN, "no ARN of a meeting", expected, step, "verified_without_arn")]
    if found == region:
        return [PlanCheck(name, region, OK, f"controlled by {found}", expected), *check_telemetry(one, allowed_regions)]
    told = f"the meeting was controlled by {found}"
    refused = PlanCheck(name, region, REFUSE, told, expected, step, "verified_elsewhere")
    return [refused, *check_telemetry(one, allowed_regions)]


def check_telemetry(one: Mapping[str, str], allowed_regions: Iterable[str]) -> list[PlanCheck]:
    """Where the client's events went, which nobody can choose: a warning, apart from the placement of media."""
    code = one.get("telemetry_code") or ""
    if not code:
        return []
    name, expected = "telemetry", f"one of {joined(allowed_regions)}"
    region = next((place for place, known in media_placement.CODES.items() if known == code), None)
    if region in set(allowed_regions):
        return [PlanCheck(name, one["region"], OK, f"{code}, {region}", expected)]
    step = "put it into the record of processing: AWS chooses the host, and no option changes it"
    told = f"{code}, {region or 'a region that nobody has written down'}"
    return [PlanCheck(name, one["region"], WARN, told, expected, step, "telemetry_outside_allowed_regions")]


# --- medical entities ------------------------------------------------------------------------------------------------


def check_phi_detection(region: str, allowed_regions: Iterable[str], extra_regions: Iterable[str] = ()) -> PlanCheck:
    """Whether Comprehend Medical, which finds health information in transcripts, is where the plan calls it."""
    name = "phi detection"
    if not region:
        return PlanCheck(name, "", OK, "not used", "")
    if not has_endpoint(PHI_SERVICE, region, extra_regions):
        expected = f"one of {joined(endpoint_regions(PHI_SERVICE))}"
        step = "call it in an allowed region that has it, over the network, or leave it out"
        told = f"Comprehend Medical is not offered in {region}"
        return PlanCheck(name, region, REFUSE, told, expected, step, "phi_detection_unsupported")
    if region not in allowed_regions:
        expected = f"one of {joined(allowed_regions)}"
        step = "choose an allowed region: transcripts are sent there"
        return PlanCheck(name, region, REFUSE, region, expected, step, "phi_detection_region_not_allowed")
    return PlanCheck(name, region, OK, f"Comprehend Medical exists in {region}", "in an allowed region")


# --- recordings ------------------------------------------------------------------------------------------------------


def check_planned_bucket(region: str, bucket: str, planned: str) -> PlanCheck | None:
    """A recording goes into a bucket of the meeting's region; None when the plan says so."""
    if planned == region:
        return None
    step = f"plan a bucket in {region}: a capture pipeline writes into the region of its meeting only"
    told = f"{bucket} is planned in {planned}"
    return PlanCheck("capture bucket", region, REFUSE, told, f"a bucket in {region}", step, "bucket_region_differs")


def check_bucket(region: str, bucket: str, place: str | None | Unknown) -> PlanCheck:
    """The bucket as it is. One that is not there yet is made with the stores."""
    if place is None:
        return PlanCheck("capture bucket", region, OK, f"{bucket}: none yet, it will be made", f"a bucket in {region}")
    found = recording.check_bucket_region(region, place)
    told = found.found if isinstance(place, Unknown) else f"{bucket} is in {place}"
    named = {**found.as_dict(), "name": "capture bucket", "found": told}
    return reasoned(Check(**named), "bucket_region_differs")


def check_owner(region: str, bucket: str, owned: bool | Unknown, account: str | Unknown) -> PlanCheck:
    found = recording.check_bucket_account(region, owned, account)
    return reasoned(Check(**{**found.as_dict(), "name": f"owner of {bucket}"}), "bucket_account_differs")


def check_pipelines(region: str, active: int | Unknown, limit: float | Unknown, need: int) -> PlanCheck:
    return reasoned(recording.check_pipelines(region, active, limit, need), "pipeline_quota")


# --- chat ------------------------------------------------------------------------------------------------------------


def check_app_instance(move: str, source: str, target: str) -> PlanCheck:
    """An app instance is bound to its region, with its users, channels and messages."""
    name = "app instance"
    told = f"{move} from {source} to {target}" if source and source != target else move
    if move == COPY:
        step = (
            f"make it anew in {target}, its users and channels as well; carry the history over by listing or streaming"
        )
        expected = f"{STAY} or {RECREATE}: there is no copy"
        return PlanCheck(name, target, REFUSE, told, expected, step, "app_instance_copy")
    if move == STAY and source and source != target:
        step = f"recreate it in {target}, or keep messaging in {source}"
        told = f"it stays in {source}, and messaging is planned in {target}"
        return PlanCheck(name, target, REFUSE, told, "the region of messaging", step, "app_instance_elsewhere")
    if move == RECREATE:
        step = f"export the messages before {source or 'the old region'} goes: they do not come along"
        return PlanCheck(name, target, WARN, told, "", step, "app_instance_history")
    return PlanCheck(name, target, OK, told, "")
