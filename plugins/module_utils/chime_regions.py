# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the Chime SDK can do what: which region controls, which carries media, which transcribes what language.

Where botocore has a table it is asked (`service_regions`). The rest is data, with its source:

- media regions: https://docs.aws.amazon.com/chime-sdk/latest/dg/sdk-available-regions.html
- regions and languages of live transcription: enums of StartMeetingTranscription in botocore's model 1.44.5, and
  https://docs.aws.amazon.com/chime-sdk/latest/APIReference/API_meeting-chime_EngineTranscribeSettings.html
- regions that an account must enable first: https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-regions.html

A region that is newer than a table is named by the caller, as an override by capability.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field

from ansible_collections.medzen.multiregion.plugins.module_utils import chime_sdk
from ansible_collections.medzen.multiregion.plugins.module_utils.service_regions import endpoint_regions

MEDIA_REGIONS = (
    "af-south-1",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-north-1",
    "eu-south-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-gov-east-1",
    "us-gov-west-1",
    "us-west-1",
    "us-west-2",
)
TRANSCRIPTION_REGIONS = (
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-west-1",
    "eu-west-2",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-gov-west-1",
    "us-west-2",
)
MEDICAL_REGIONS = ("ap-southeast-2", "ca-central-1", "eu-west-1", "us-east-1", "us-east-2", "us-west-2")
# The service chooses among its regions: nothing to look up, and nothing that a residency rule could accept.
AUTO_REGION = "auto"
LANGUAGES = (
    "de-DE",
    "en-AU",
    "en-GB",
    "en-US",
    "es-US",
    "fr-CA",
    "fr-FR",
    "hi-IN",
    "it-IT",
    "ja-JP",
    "ko-KR",
    "pt-BR",
    "th-TH",
    "zh-CN",
)
MEDICAL_LANGUAGES = ("en-US",)
OPT_IN_REGIONS = ("af-south-1", "eu-south-1", "il-central-1")

# Services by the name that the option has; each has endpoints of its own.
SERVICES = {
    "identity": chime_sdk.IDENTITY,
    "media_pipelines": chime_sdk.PIPELINES,
    "meetings": chime_sdk.MEETINGS,
    "messaging": chime_sdk.MESSAGING,
    "voice": chime_sdk.VOICE,
}
HOSTS = {
    "identity": "identity-chime",
    "media_pipelines": "media-pipelines-chime",
    "meetings": "meetings-chime",
    "messaging": "messaging-chime",
    "voice": "voice-chime",
}
TABLES = {"media": MEDIA_REGIONS, "medical_transcription": MEDICAL_REGIONS, "transcription": TRANSCRIPTION_REGIONS}
CAPABILITIES = (*SERVICES, *TABLES)

CONTROL_REGION_UNSUPPORTED = "control_region_unsupported"
MEDIA_REGION_UNSUPPORTED = "media_region_unsupported"
TRANSCRIPTION_REGION_UNSUPPORTED = "transcription_region_unsupported"
MEDICAL_REGION_UNSUPPORTED = "medical_region_unsupported"
LANGUAGE_UNSUPPORTED = "language_unsupported"
MEDICAL_LANGUAGE_UNSUPPORTED = "medical_language_unsupported"
REGION_NOT_ALLOWED = "region_not_allowed"
ENDPOINT_ABSENT = "endpoint_absent"
ENDPOINT_UNKNOWN = "endpoint_unknown"


@dataclass(frozen=True)
class Plan:
    """What somebody means to do, and where."""

    control_region: str
    services: tuple[str, ...] = ("meetings",)
    media_region: str | None = None
    transcribe_region: str | None = None
    languages: tuple[str, ...] = ()
    medical: bool = False
    allowed_regions: tuple[str, ...] | None = None
    extra_regions: Mapping[str, Iterable[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Violation:
    """`reason` is stable: playbooks may look for it."""

    reason: str
    subject: str
    region: str
    found: str
    expected: str
    next_step: str

    def as_dict(self) -> dict:
        return asdict(self)


def regions_of(capability: str, extra: Mapping[str, Iterable[str]] | None = None) -> tuple[str, ...]:
    """Regions that have the capability: a service's control endpoints, media, or transcription. Sorted."""
    known = TABLES.get(capability) or endpoint_regions(SERVICES[capability])
    return tuple(sorted({*known, *(extra or {}).get(capability, ())}))


def build_matrix(regions: Iterable[str], extra: Mapping[str, Iterable[str]] | None = None) -> dict[str, dict]:
    """Region to capability to whether it is there."""
    supported = {capability: regions_of(capability, extra) for capability in CAPABILITIES}
    return {
        region: {capability: region in found for capability, found in supported.items()} for region in sorted(regions)
    }


def regions_of_plan(plan: Plan) -> tuple[str, ...]:
    named = {plan.control_region, plan.media_region, plan.transcribe_region} - {None, AUTO_REGION}
    return tuple(sorted(named))


def find_violations(plan: Plan) -> list[Violation]:
    return [
        *iter_service_violations(plan),
        *iter_media_violations(plan),
        *iter_transcription_violations(plan),
        *iter_language_violations(plan),
        *iter_residency_violations(plan),
    ]


def iter_service_violations(plan: Plan) -> Iterable[Violation]:
    for service in plan.services:
        supported = regions_of(service, plan.extra_regions)
        if plan.control_region not in supported:
            # Meetings are what everybody calls the control region of; the others carry their own name.
            reason = CONTROL_REGION_UNSUPPORTED if service == "meetings" else f"{service}_region_unsupported"
            yield Violation(
                reason,
                service,
                plan.control_region,
                f"no endpoint of {service} in {plan.control_region}",
                f"one of {', '.join(supported)}",
                f"choose another control region for {service}, or record that it has no standby",
            )


def iter_media_violations(plan: Plan) -> Iterable[Violation]:
    supported = regions_of("media", plan.extra_regions)
    if plan.media_region and plan.media_region not in supported:
        yield Violation(
            MEDIA_REGION_UNSUPPORTED,
            "media",
            plan.media_region,
            f"no media in {plan.media_region}",
            f"one of {', '.join(supported)}",
            "choose another media region; it need not be the control region",
        )


def iter_transcription_violations(plan: Plan) -> Iterable[Violation]:
    region = plan.transcribe_region
    if not region or region == AUTO_REGION:
        return
    capability = "medical_transcription" if plan.medical else "transcription"
    supported = regions_of(capability, plan.extra_regions)
    if region not in supported:
        yield Violation(
            MEDICAL_REGION_UNSUPPORTED if plan.medical else TRANSCRIPTION_REGION_UNSUPPORTED,
            capability,
            region,
            f"no live {'medical ' if plan.medical else ''}transcription in {region}",
            f"one of {', '.join(supported)}",
            "choose another region for transcription: audio leaves the media region for it",
        )


def iter_language_violations(plan: Plan) -> Iterable[Violation]:
    supported = MEDICAL_LANGUAGES if plan.medical else LANGUAGES
    for language in plan.languages:
        if language not in supported:
            yield Violation(
                MEDICAL_LANGUAGE_UNSUPPORTED if plan.medical else LANGUAGE_UNSUPPORTED,
                language,
                plan.transcribe_region or plan.control_region,
                f"no live {'medical ' if plan.medical else ''}transcription of {language}",
                f"one of {', '.join(supported)}",
                "transcribe the recording afterwards, or offer this language without a transcript",
            )


def iter_residency_violations(plan: Plan) -> Iterable[Violation]:
    if plan.allowed_regions is None:
        return
    used = {
        "control": plan.control_region,
        "media": plan.media_region,
        "transcription": plan.transcribe_region,
    }
    for subject, region in used.items():
        if region and region not in plan.allowed_regions:
            yield Violation(
                REGION_NOT_ALLOWED,
                subject,
                region,
                f"{subject} in {region}",
                f"one of {', '.join(plan.allowed_regions)}",
                "choose an allowed region; a prefix such as eu- is no residency",
            )


def endpoint_host(service: str, region: str) -> str:
    """The public name of a service's endpoint, as boto3 builds it in the commercial partition."""
    return f"{HOSTS[service]}.{region}.amazonaws.com"


def endpoint_violation(service: str, region: str, answer: bool | None) -> Violation | None:
    """What the name service says of an endpoint: True is there, False is not, None is that nobody could say."""
    if answer:
        return None
    host = endpoint_host(service, region)
    return Violation(
        ENDPOINT_ABSENT if answer is False else ENDPOINT_UNKNOWN,
        service,
        region,
        f"{host} {'has no address' if answer is False else 'could not be looked up'}",
        "an address",
        "choose another region" if answer is False else "look again from where the name service answers",
    )
