# SPDX-License-Identifier: GPL-3.0-or-later
SONNET = "anthropic.claude-sonnet-4-5-20250929-v1:0"
EU_ARN = f"arn:aws:bedrock:eu-central-1:123456789012:inference-profile/eu.{SONNET}"
HAIKU_3 = "arn:aws:bedrock:eu-central-1::foundation-model/anthropic.claude-3-haiku-20240307-v1:0"


def create(api, source=EU_ARN, name="medzen-chat", **more):
    return api.create_inference_profile(inferenceProfileName=name, modelSource={"copyFrom": source}, **more)


def destinations(profile):
    return [one["modelArn"].split(":")[3] for one in profile["models"]]


def test_a_system_profile_names_every_destination(api):
    found = api.get_inference_profile(inferenceProfileIdentifier=f"eu.{SONNET}")
    assert found["type"] == "SYSTEM_DEFINED"
    assert destinations(found) == ["eu-central-1", "eu-north-1", "eu-south-1", "eu-south-2", "eu-west-1", "eu-west-3"]


def test_a_global_profile_has_a_destination_without_a_region(bedrock, client):
    found = client("bedrock", "af-south-1").get_inference_profile(inferenceProfileIdentifier=f"global.{SONNET}")
    assert destinations(found) == ["", "af-south-1"]


def test_a_profile_of_another_geography_is_not_there(api, refused):
    with refused("ResourceNotFoundException"):
        api.get_inference_profile(inferenceProfileIdentifier=f"us.{SONNET}")


def test_an_application_profile_copies_its_source(api):
    arn = create(api)["inferenceProfileArn"]
    found = api.get_inference_profile(inferenceProfileIdentifier=arn)
    assert found["type"] == "APPLICATION" and "eu-west-3" in destinations(found)
    assert found["inferenceProfileArn"] == arn


def test_an_application_profile_keeps_its_destinations(api, settings):
    arn = create(api)["inferenceProfileArn"]
    settings(profile={"id": f"eu.{SONNET}", "destinations": ["eu-west-1"]})
    assert len(destinations(api.get_inference_profile(inferenceProfileIdentifier=arn))) == 6
    assert destinations(api.get_inference_profile(inferenceProfileIdentifier=f"eu.{SONNET}")) == ["eu-west-1"]


def test_a_model_of_the_region_can_be_wrapped(api):
    found = api.get_inference_profile(inferenceProfileIdentifier=create(api, HAIKU_3)["inferenceProfileArn"])
    assert found["models"] == [{"modelArn": HAIKU_3}]


def test_a_model_that_only_profiles_offer_cannot_be_wrapped(api, refused):
    with refused("ValidationException", "on-demand"):
        create(api, f"arn:aws:bedrock:eu-central-1::foundation-model/{SONNET}")


def test_a_source_is_of_this_region(api, refused):
    with refused("ValidationException", "another region"):
        create(api, EU_ARN.replace("eu-central-1", "eu-west-1"))


def test_a_name_is_taken_once(api, refused):
    create(api)
    with refused("ConflictException"):
        create(api)


def test_a_listing_tells_types_apart_and_has_pages(api):
    for number in range(3):
        create(api, name=f"p{number}")
    own = api.list_inference_profiles(typeEquals="APPLICATION", maxResults=2)
    more = api.list_inference_profiles(typeEquals="APPLICATION", maxResults=2, nextToken=own["nextToken"])
    assert [len(one["inferenceProfileSummaries"]) for one in (own, more)] == [2, 1]
    assert {one["type"] for one in api.list_inference_profiles()["inferenceProfileSummaries"]} == {"SYSTEM_DEFINED"}


def test_only_own_profiles_are_deleted(api, refused):
    arn = create(api)["inferenceProfileArn"]
    api.delete_inference_profile(inferenceProfileIdentifier=arn)
    with refused("ResourceNotFoundException"):
        api.delete_inference_profile(inferenceProfileIdentifier=arn)
    with refused("ValidationException", "defined by AWS"):
        api.delete_inference_profile(inferenceProfileIdentifier=f"eu.{SONNET}")


def test_a_profile_in_use_is_not_deleted(api, settings, refused):
    arn = create(api)["inferenceProfileArn"]
    settings(in_use=[arn.rpartition("/")[2]])
    with refused("ConflictException", "in use"):
        api.delete_inference_profile(inferenceProfileIdentifier=arn)
