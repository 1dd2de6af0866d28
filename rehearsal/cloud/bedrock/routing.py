# SPDX-License-Identifier: GPL-3.0-or-later
"""From the model identifier of a call to the region that answers, or AWS's refusal.

https://docs.aws.amazon.com/bedrock/latest/userguide/cross-region-inference.html
Which destination of a profile answers is AWS's choice; here they take turns, so that every one is met.
"""

from __future__ import annotations

from dataclasses import dataclass

from rehearsal.cloud.bedrock.catalogue import Model, SystemProfile
from rehearsal.cloud.bedrock.profiles import ApplicationProfile, find_profile
from rehearsal.cloud.bedrock.state import Bedrock, invalid, not_found, set_for
from rehearsal.cloud.errors import ApiError
from rehearsal.cloud.operations import Call

ON_DEMAND = (
    "Invocation of model ID {model} with on-demand throughput isn\N{RIGHT SINGLE QUOTATION MARK}t supported. "
    "Retry your request with the ID or ARN of an inference profile that contains this model."
)
UNKNOWN = "The provided model identifier is invalid."
ENDED = "This model version has reached the end of its life. Please refer to the AWS documentation for more details."
DENIED = "You don't have access to the model with the specified model ID."
NO_FORM = (
    "Model use case details have not been submitted for this account. "
    "Fill out the Anthropic use case details form before using the model."
)


@dataclass(frozen=True)
class Target:
    """A model, and the regions that may answer for it."""

    model: Model
    regions: list[str]
    profile: str | None = None


def resolve(bedrock: Bedrock, call: Call) -> Target:
    """What an identifier (id or ARN of a model or profile) leads to in the call's region."""
    identifier = call.get("modelId")
    profile = None if ":foundation-model/" in identifier else find_profile(bedrock, identifier, call)
    if profile is not None:
        return through_profile(bedrock, profile, call.region)
    if identifier.startswith("arn:") and identifier.split(":")[3] != call.region:
        raise invalid(UNKNOWN)
    model = bedrock.catalogue.model_in(identifier.rpartition("/")[2], call.region)
    if model is None:
        raise invalid(UNKNOWN)
    refuse_ended(bedrock, model)
    if "ON_DEMAND" not in model.regions[call.region]:
        raise invalid(ON_DEMAND.format(model=model.id))
    refuse_denied(bedrock, model, [call.region])
    return Target(model, [call.region])


def through_profile(bedrock: Bedrock, profile: ApplicationProfile | SystemProfile, source: str) -> Target:
    arns = profile.model_arns(source) if isinstance(profile, SystemProfile) else profile.model_arns
    model = bedrock.catalogue.models.get(arns[0].rpartition("/")[2])
    if model is None:
        raise invalid(UNKNOWN)
    refuse_ended(bedrock, model)
    named = {arn.split(":")[3] for arn in arns}
    if "" in named:
        refuse_denied(bedrock, model, [source])
        return Target(model, sorted(model.regions), profile.id)
    # A policy that blocks one destination fails requests.
    refuse_denied(bedrock, model, [source, *sorted(named)])
    return Target(model, sorted(named), profile.id)


def refuse_ended(bedrock: Bedrock, model: Model) -> None:
    if not model.ended(bedrock.now()):
        return
    raise not_found(ENDED) if bedrock.knobs.end_of_life_code == "ResourceNotFoundException" else invalid(UNKNOWN)


def refuse_denied(bedrock: Bedrock, model: Model, regions: list[str]) -> None:
    for region in regions:
        if set_for(bedrock.denied, model.id, region) or set_for(bedrock.pending_agreement, model.id, region):
            raise ApiError("AccessDeniedException", DENIED, 403)
    if model.use_case_form and not bedrock.knobs.use_case_submitted:
        raise not_found(NO_FORM)


def pick(bedrock: Bedrock, target: Target, source: str) -> str:
    """The region that answers; a throttle in the caller's region holds for all, since quotas count there."""
    if set_for(bedrock.throttled, target.model.id, source):
        raise throttled()
    working = [one for one in target.regions if not set_for(bedrock.silent, target.model.id, one)]
    if not working:
        raise unanswered(bedrock)
    free = [one for one in working if not set_for(bedrock.throttled, target.model.id, one)]
    if not free:
        raise throttled()
    bedrock.turn += 1
    return free[bedrock.turn % len(free)]


def throttled() -> ApiError:
    return ApiError("ThrottlingException", "Too many requests, please wait before trying again.", 429)


def unanswered(bedrock: Bedrock) -> ApiError:
    statuses = {"ModelTimeoutException": 408, "ModelErrorException": 424, "ModelNotReadyException": 429}
    code = bedrock.knobs.silent_code
    return ApiError(code, "The model does not answer; try again later.", statuses.get(code, 503))
