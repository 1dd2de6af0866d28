# SPDX-License-Identifier: GPL-3.0-or-later
from datetime import UTC, datetime

import botocore.exceptions
import pytest

SONNET = "anthropic.claude-sonnet-4-5-20250929-v1:0"
OLD = "anthropic.claude-3-5-sonnet-20240620-v1:0"
US_ONLY = "anthropic.claude-3-5-haiku-20241022-v1:0"
NOVA = "amazon.nova-lite-v1:0"


def ids(answer):
    return {row["modelId"] for row in answer["modelSummaries"]}


def availability(api, model):
    return api.get_foundation_model_availability(modelId=model)


def test_a_region_lists_what_it_has(api, client):
    assert NOVA in ids(api.list_foundation_models())
    assert NOVA not in ids(client("bedrock", "eu-west-2").list_foundation_models())


def test_the_listing_filters(api):
    assert {name.split(".")[0] for name in ids(api.list_foundation_models(byProvider="amazon"))} == {"amazon"}
    assert ids(api.list_foundation_models(byOutputModality="EMBEDDING")) == {"amazon.titan-embed-text-v2:0"}
    assert SONNET not in ids(api.list_foundation_models(byInferenceType="ON_DEMAND"))


def test_a_model_tells_its_life(api, bedrock):
    details = api.get_foundation_model(modelIdentifier="anthropic.claude-sonnet-4-20250514-v1:0")["modelDetails"]
    life = details["modelLifecycle"]
    assert life["status"] == "LEGACY"
    assert life["startOfLifeTime"] == datetime(2025, 5, 14, tzinfo=UTC)
    assert (life["endOfLifeTime"] - bedrock.now()).days in (59, 60)


def test_a_model_that_only_profiles_offer_has_no_on_demand(api):
    details = api.get_foundation_model(modelIdentifier=SONNET)["modelDetails"]
    assert "ON_DEMAND" not in details["inferenceTypesSupported"]


def test_a_model_past_its_end_is_gone(api, settings, refused):
    with refused("ResourceNotFoundException", "end of its life"):
        api.get_foundation_model(modelIdentifier=OLD)
    assert OLD not in ids(api.list_foundation_models())
    settings(lifecycle={"model": OLD, "end": "+10d"})
    assert OLD in ids(api.list_foundation_models())


def test_a_model_of_another_region_is_no_identifier(api, refused):
    with refused("ValidationException", "identifier is invalid"):
        api.get_foundation_model(modelIdentifier=US_ONLY)


def test_availability_has_four_sides(api, settings):
    assert availability(api, US_ONLY)["regionAvailability"] == "NOT_AVAILABLE"
    settings(deny={"model": NOVA, "region": "eu-central-1"}, agreement={"model": SONNET})
    assert availability(api, NOVA)["authorizationStatus"] == "NOT_AUTHORIZED"
    assert availability(api, SONNET)["agreementAvailability"] == {"status": "PENDING"}
    settings(deny={"model": NOVA, "region": "eu-central-1", "on": False})
    assert availability(api, NOVA)["entitlementAvailability"] == "AVAILABLE"


def test_a_region_without_bedrock_does_not_answer(settings, client):
    settings(endpoint={"region": "eu-west-3", "on": False})
    with pytest.raises(botocore.exceptions.HTTPClientError):
        client("bedrock", "eu-west-3").list_foundation_models()


def test_a_call_that_reaches_no_endpoint_is_not_written_down(world, settings, client):
    settings(endpoint={"region": "eu-west-3", "on": False})
    before = world.ledger.mark("before")
    with pytest.raises(botocore.exceptions.HTTPClientError):
        client("bedrock-runtime", "eu-west-3").apply_guardrail(
            guardrailIdentifier="abc", guardrailVersion="1", source="INPUT", content=[{"text": {"text": "x"}}]
        )
    assert world.ledger.read({"since": str(before)})["calls"] == []
