# SPDX-License-Identifier: GPL-3.0-or-later
"""Foundation models as a region lists them: inference types, lifecycle, and whether the account may use them.

https://docs.aws.amazon.com/bedrock/latest/userguide/model-lifecycle.html
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from rehearsal.cloud.bedrock.catalogue import LIFECYCLE_MEMBERS, Model
from rehearsal.cloud.bedrock.endpoints import THROUGH_PROFILE
from rehearsal.cloud.bedrock.state import Bedrock, invalid, not_found, set_for
from rehearsal.cloud.operations import Call


def list_models(bedrock: Bedrock, call: Call) -> dict[str, Any]:
    """All models of the region that have not ended; this listing has no pages."""
    now = bedrock.now()
    found = [model for model in bedrock.catalogue.models_in(call.region) if not model.ended(now)]
    return {"modelSummaries": [summary(model, call.region, now) for model in found if asked(model, call)]}


def asked(model: Model, call: Call) -> bool:
    provider, output, inference = (call.get(name) for name in ("byProvider", "byOutputModality", "byInferenceType"))
    return (
        (not provider or model.provider.lower() == provider.lower())
        and (not output or output in model.output)
        and (not inference or inference in model.regions[call.region])
        # No model of the catalogue can be customised.
        and not call.get("byCustomizationType")
    )


def summary(model: Model, region: str, now: datetime) -> dict[str, Any]:
    return {
        "modelArn": model.arn(region),
        "modelId": model.id,
        "modelName": model.name,
        "providerName": model.provider,
        "inputModalities": model.input,
        "outputModalities": model.output,
        "responseStreamingSupported": model.streaming,
        "customizationsSupported": [],
        "inferenceTypesSupported": model.regions[region] or [THROUGH_PROFILE],
        "modelLifecycle": {
            "status": model.status(now),
            **{LIFECYCLE_MEMBERS[name]: moment for name, moment in model.lifecycle.items()},
        },
    }


def get_model(bedrock: Bedrock, call: Call) -> dict[str, Any]:
    model = find_model(bedrock, call.get("modelIdentifier"), call.region)
    return {"modelDetails": summary(model, call.region, bedrock.now())}


def find_model(bedrock: Bedrock, identifier: str, region: str) -> Model:
    """A model by id or ARN. One that the region never had is invalid, one past its end of life is not found."""
    if identifier.startswith("arn:") and identifier.split(":")[3] != region:
        raise invalid(f"The provided ARN {identifier} is of another region than {region}.")
    model = bedrock.catalogue.model_in(identifier.rpartition("/")[2], region)
    if model is None:
        raise invalid("The provided model identifier is invalid.")
    if model.ended(bedrock.now()):
        raise not_found(f"This model version has reached the end of its life: {model.id}.")
    return model


def get_availability(bedrock: Bedrock, call: Call) -> dict[str, Any]:
    """Where the account stands with a model; answers for a known model that this region does not have, too."""
    model = bedrock.catalogue.models.get(call.get("modelId"))
    if model is None:
        raise not_found(f"The model {call.get('modelId')} does not exist.")
    offered = call.region in model.regions and not model.ended(bedrock.now())
    denied = set_for(bedrock.denied, model.id, call.region)
    pending = set_for(bedrock.pending_agreement, model.id, call.region)
    unsigned = denied or (model.use_case_form and not bedrock.knobs.use_case_submitted)
    return {
        "modelId": model.id,
        "agreementAvailability": {"status": "PENDING" if pending else "NOT_AVAILABLE" if unsigned else "AVAILABLE"},
        "authorizationStatus": "NOT_AUTHORIZED" if denied else "AUTHORIZED",
        "entitlementAvailability": "NOT_AVAILABLE" if unsigned or pending else "AVAILABLE",
        "regionAvailability": "AVAILABLE" if offered else "NOT_AVAILABLE",
    }


OPERATIONS = {
    "ListFoundationModels": list_models,
    "GetFoundationModel": get_model,
    "GetFoundationModelAvailability": get_availability,
}
