# SPDX-License-Identifier: GPL-3.0-or-later
"""Inference profiles: those that AWS defines, and an account's own, which copy one or wrap a model of the region.

https://docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-create.html
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from rehearsal.cloud.bedrock.catalogue import SystemProfile
from rehearsal.cloud.bedrock.foundation_models import find_model
from rehearsal.cloud.bedrock.state import (
    Bedrock,
    build_arn,
    build_id,
    conflict,
    invalid,
    not_found,
    over_quota,
    page,
)
from rehearsal.cloud.bedrock.tags import build_tags
from rehearsal.cloud.operations import Call

# System-defined profiles have no creation of their own that an account could know.
SYSTEM_CREATED = datetime(2025, 1, 1, tzinfo=UTC)


@dataclass
class ApplicationProfile:
    """A profile of the account; it copies its source's destinations when it is made, and never changes."""

    id: str
    arn: str
    name: str
    description: str | None
    model_arns: list[str]
    created: datetime
    tags: dict[str, str]

    def gone(self) -> bool:
        return False


def create(bedrock: Bedrock, call: Call) -> dict[str, Any]:
    region, name = bedrock.region(call), call.get("inferenceProfileName")
    if any(one.name == name for one in region.profiles.values()):
        raise conflict(f"An inference profile with the name {name} already exists.")
    if len(region.profiles) >= bedrock.knobs.application_profiles_max:
        raise over_quota(f"Inference profiles per account: the most is {bedrock.knobs.application_profiles_max}.")
    profile_id = build_id()
    arn = build_arn(call.region, f"application-inference-profile/{profile_id}")
    region.profiles[profile_id] = ApplicationProfile(
        profile_id,
        arn,
        name,
        call.get("description"),
        source_arns(bedrock, (call.get("modelSource") or {}).get("copyFrom"), call.region),
        bedrock.now(),
        build_tags(bedrock, call.get("tags")),
    )
    bedrock.hide(arn)
    return {"inferenceProfileArn": arn, "status": "ACTIVE"}


def source_arns(bedrock: Bedrock, source: str | None, region: str) -> list[str]:
    """The destinations that a new profile copies."""
    if not source:
        raise invalid("modelSource.copyFrom is required.")
    if source.split(":")[3] != region:
        raise invalid(f"The model source {source} is of another region than {region}.")
    if ":inference-profile/" in source:
        system = bedrock.catalogue.profile_in(source.rpartition("/")[2], region)
        if system is None:
            raise not_found(f"The inference profile {source} does not exist.")
        return system.model_arns(region)
    model = find_model(bedrock, source, region)
    if not model.regions[region]:
        raise invalid(f"The model {model.id} supports no on-demand throughput; copy one of its inference profiles.")
    return [model.arn(region)]


def find_profile(bedrock: Bedrock, identifier: str, call: Call) -> ApplicationProfile | SystemProfile | None:
    """A profile by id or ARN, in this region."""
    if identifier.startswith("arn:") and identifier.split(":")[3] != call.region:
        return None
    name = identifier.rpartition("/")[2]
    system_arn = ":inference-profile/" in identifier
    own = None if system_arn else bedrock.region(call).profiles.get(name)
    if own is not None:
        return own
    return None if ":application-inference-profile/" in identifier else bedrock.catalogue.profile_in(name, call.region)


def get(bedrock: Bedrock, call: Call) -> dict[str, Any]:
    found = find_profile(bedrock, call.get("inferenceProfileIdentifier"), call)
    if found is None or (isinstance(found, ApplicationProfile) and not bedrock.seen(found.arn)):
        raise not_found(f"The inference profile {call.get('inferenceProfileIdentifier')} does not exist.")
    return row(found, call.region)


def list_profiles(bedrock: Bedrock, call: Call) -> dict[str, Any]:
    """System-defined ones first; without `typeEquals` AWS lists these alone."""
    if (call.get("typeEquals") or "SYSTEM_DEFINED") == "SYSTEM_DEFINED":
        found = [one for one in bedrock.catalogue.profiles.values() if call.region in one.sources]
    else:
        found = [one for one in bedrock.region(call).profiles.values() if bedrock.seen(one.arn)]
    rows, following = page(call, [row(one, call.region) for one in found])
    return {"inferenceProfileSummaries": rows, **following}


def row(profile: ApplicationProfile | SystemProfile, region: str) -> dict[str, Any]:
    if isinstance(profile, SystemProfile):
        return {
            "inferenceProfileName": profile.name,
            "inferenceProfileArn": build_arn(region, f"inference-profile/{profile.id}"),
            "inferenceProfileId": profile.id,
            "models": [{"modelArn": arn} for arn in profile.model_arns(region)],
            "status": "ACTIVE",
            "type": "SYSTEM_DEFINED",
            "createdAt": SYSTEM_CREATED,
            "updatedAt": SYSTEM_CREATED,
        }
    made = {
        "inferenceProfileName": profile.name,
        "inferenceProfileArn": profile.arn,
        "inferenceProfileId": profile.id,
        "models": [{"modelArn": arn} for arn in profile.model_arns],
        "status": "ACTIVE",
        "type": "APPLICATION",
        "createdAt": profile.created,
        "updatedAt": profile.created,
    }
    return made | ({"description": profile.description} if profile.description else {})


def delete(bedrock: Bedrock, call: Call) -> dict[str, Any]:
    found = find_profile(bedrock, call.get("inferenceProfileIdentifier"), call)
    if found is None:
        raise not_found(f"The inference profile {call.get('inferenceProfileIdentifier')} does not exist.")
    if isinstance(found, SystemProfile):
        raise invalid(f"The inference profile {found.id} is defined by AWS and cannot be deleted.")
    if found.id in bedrock.in_use:
        raise conflict(f"The inference profile {found.id} is in use by another resource and cannot be deleted.")
    del bedrock.region(call).profiles[found.id]
    return {}


OPERATIONS = {
    "CreateInferenceProfile": create,
    "GetInferenceProfile": get,
    "ListInferenceProfiles": list_profiles,
    "DeleteInferenceProfile": delete,
}
