# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads of Bedrock's inference profiles and foundation models that several modules share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.medzen.multiregion.plugins.module_utils import residency
from ansible_collections.medzen.multiregion.plugins.module_utils.aws import describe, paginate, snake
from ansible_collections.medzen.multiregion.plugins.module_utils.bedrock import NOT_FOUND

APPLICATION, SYSTEM_DEFINED = "APPLICATION", "SYSTEM_DEFINED"
DENIED = ("AccessDeniedException",)
# "The provided model identifier is invalid", which Bedrock says of a model that the region never had.
NOT_VALID = ("ValidationException",)


@describe("describe inference profile {identifier}", missing=NOT_FOUND)
def get_profile(bedrock: Any, identifier: str) -> dict | None:
    answer = bedrock.get_inference_profile(inferenceProfileIdentifier=identifier, aws_retry=True)
    return {key: value for key, value in answer.items() if key != "ResponseMetadata"}


@describe("look {identifier} up among the inference profiles", missing=(*NOT_FOUND, *NOT_VALID))
def look_up_profile(bedrock: Any, identifier: str) -> dict | None:
    """As `get_profile`, for an identifier that may be that of a model."""
    return bedrock.get_inference_profile(inferenceProfileIdentifier=identifier, aws_retry=True)


@describe("list the inference profiles of type {type_}")
def list_profiles(bedrock: Any, type_: str) -> list[dict]:
    return paginate(bedrock, "list_inference_profiles", "inferenceProfileSummaries", typeEquals=type_)


def list_all_profiles(bedrock: Any) -> list[dict]:
    """Without a type Bedrock lists those of AWS alone."""
    return [*list_profiles(bedrock, SYSTEM_DEFINED), *list_profiles(bedrock, APPLICATION)]


@describe("describe foundation model {identifier}", missing=(*NOT_FOUND, *NOT_VALID))
def get_model(bedrock: Any, identifier: str) -> dict | None:
    return bedrock.get_foundation_model(modelIdentifier=identifier, aws_retry=True).get("modelDetails")


def model_arns(profile: Mapping) -> set[str]:
    return {model["modelArn"] for model in profile.get("models", []) if model.get("modelArn")}


def judge_profile(profile: Mapping, region: str, allowed_regions: list[str] | None) -> residency.Residency:
    places = residency.build_destinations(model_arns(profile), profile.get("inferenceProfileId", ""))
    return residency.judge_residency(region, places, allowed_regions)


def shown(profile: Mapping, judged: residency.Residency) -> dict:
    """A profile as the modules return it."""
    plain = snake({key: profile.get(key) for key in ("status", "type", "description", "createdAt", "updatedAt")})
    return {
        "name": profile.get("inferenceProfileName"),
        "arn": profile.get("inferenceProfileArn"),
        "id": profile.get("inferenceProfileId"),
        **plain,
        "models": sorted(model_arns(profile)),
        **residency.shown(judged),
    }
