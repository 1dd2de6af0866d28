# SPDX-License-Identifier: GPL-3.0-or-later
import pytest


@pytest.fixture
def arn(api, guardrail):
    return api.get_guardrail(guardrailIdentifier=guardrail())["guardrailArn"]


def rows(tags):
    return [{"key": key, "value": value} for key, value in tags.items()]


def test_tags_are_added_changed_and_removed(api, arn):
    api.tag_resource(resourceARN=arn, tags=rows({"a": "1", "b": "2"}))
    api.tag_resource(resourceARN=arn, tags=rows({"b": "3"}))
    api.untag_resource(resourceARN=arn, tagKeys=["a"])
    assert api.list_tags_for_resource(resourceARN=arn)["tags"] == rows({"b": "3"})


def test_a_resource_has_fifty_tags(api, arn, refused):
    api.tag_resource(resourceARN=arn, tags=rows({f"k{number}": "" for number in range(50)}))
    with refused("TooManyTagsException", "51"):
        api.tag_resource(resourceARN=arn, tags=rows({"more": ""}))


def test_tags_belong_to_the_region(arn, client, refused):
    with refused("ResourceNotFoundException"):
        client("bedrock", "eu-west-1").list_tags_for_resource(resourceARN=arn)
