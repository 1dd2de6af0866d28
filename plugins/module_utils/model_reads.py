# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read of Bedrock's models in a region: its catalog once, and the availability of each model asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ansible_collections.medzen.multiregion.plugins.module_utils import inference_profiles as profiles
from ansible_collections.medzen.multiregion.plugins.module_utils import model_access as access
from ansible_collections.medzen.multiregion.plugins.module_utils.aws import describe
from ansible_collections.medzen.multiregion.plugins.module_utils.bedrock import NOT_FOUND
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import AwsError

OPERATIONS = ("ListFoundationModels", "ListInferenceProfiles", "GetFoundationModelAvailability", "GetFoundationModel")
# How Bedrock's error puts it. In other words it is a model that the region does not have, which is as bad.
END_OF_LIFE = "end of its life"


@describe("list the foundation models")
def list_models(bedrock: Any) -> list[dict]:
    return bedrock.list_foundation_models(aws_retry=True).get("modelSummaries", [])


@describe("read the availability of {model_id}", missing=(*NOT_FOUND, *profiles.NOT_VALID))
def get_availability(bedrock: Any, model_id: str) -> dict | None:
    return bedrock.get_foundation_model_availability(modelId=model_id, aws_retry=True)


@describe("describe foundation model {model_id}", missing=profiles.NOT_VALID)
def ask_for_model(bedrock: Any, model_id: str) -> dict | None:
    return bedrock.get_foundation_model(modelIdentifier=model_id, aws_retry=True).get("modelDetails")


def has_ended(bedrock: Any, model_id: str) -> bool:
    """Whether Bedrock says so. A model whose life is over is listed no more, and is not found in these words."""
    try:
        ask_for_model(bedrock, model_id)
    except AwsError as error:
        return error.code in NOT_FOUND and END_OF_LIFE in error.message
    return False


def attempt(read: Callable, *arguments: Any) -> tuple[Any, access.Reason | None]:
    """What was read and no reason, or nothing and why: one refused read must not hide the other models."""
    try:
        return read(*arguments), None
    except AwsError as error:
        code = "access_denied" if error.code in profiles.DENIED else "unreadable"
        return None, access.Reason(code, error.message)


def read_catalog(bedrock: Any) -> access.Catalog:
    models, models_reason = attempt(list_models, bedrock)
    found, profiles_reason = attempt(profiles.list_all_profiles, bedrock)
    return access.Catalog(models, found, [one for one in (models_reason, profiles_reason) if one])


def judge_model(bedrock: Any, catalog: access.Catalog, model_id: str, rules: access.Rules) -> dict:
    facts = access.find_facts(catalog, model_id)
    if facts.model is None and catalog.models is not None:
        facts = replace(facts, ended=has_ended(bedrock, facts.foundation_model_id))
    availability, reason = attempt(get_availability, bedrock, facts.foundation_model_id)
    return access.judge(facts, availability, [*catalog.reasons, *([reason] if reason else [])], rules)
