# SPDX-License-Identifier: GPL-3.0-or-later
import pytest


@pytest.fixture
def tags_of(meetings):
    def read(arn):
        rows = meetings().list_tags_for_resource(ResourceARN=arn).get("Tags", [])
        return {row["Key"]: row["Value"] for row in rows}

    return read


def test_a_meeting_has_the_tags_it_was_made_with(create, tags_of):
    assert tags_of(create(Tags=[{"Key": "Env", "Value": "prod"}])["MeetingArn"]) == {"Env": "prod"}
    assert tags_of(create()["MeetingArn"]) == {}


def test_tags_are_added_and_taken_away(meetings, create, tags_of):
    arn = create(Tags=[{"Key": "Env", "Value": "prod"}])["MeetingArn"]
    meetings().tag_resource(ResourceARN=arn, Tags=[{"Key": "Team", "Value": ""}])
    meetings().untag_resource(ResourceARN=arn, TagKeys=["Env"])
    assert tags_of(arn) == {"Team": ""}


def test_more_tags_than_allowed_are_refused(meetings, create, refused):
    arn = create(Tags=[{"Key": "Env", "Value": ""}])["MeetingArn"]
    with refused("TooManyTagsException", 400):
        meetings().tag_resource(ResourceARN=arn, Tags=[{"Key": f"K{n}", "Value": ""} for n in range(50)])


def test_an_unknown_meeting_has_no_tags(meetings, refused):
    with refused("ResourceNotFoundException", 404):
        meetings().list_tags_for_resource(ResourceARN="arn:aws:chime:eu-central-1:123456789012:meeting/none")
