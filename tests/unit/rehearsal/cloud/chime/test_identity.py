# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
from botocore.exceptions import ConnectionClosedError

ABSENT = "arn:aws:chime:eu-central-1:123456789012:app-instance/0a1b2c3d-0000-4000-8000-00000000cafe"


@pytest.fixture
def identity(chime, client):
    return client("chime-sdk-identity")


@pytest.fixture
def instance(identity, name):
    """ARN of an app instance."""
    return identity.create_app_instance(Name=name, Metadata="{}", ClientRequestToken=name)["AppInstanceArn"]


def names(identity, **page):
    return [row["Name"] for row in identity.list_app_instances(**page)["AppInstances"]]


def test_an_app_instance_is_described_as_it_was_made(identity, instance, name):
    row = identity.describe_app_instance(AppInstanceArn=instance)["AppInstance"]
    assert (row["Name"], row["Metadata"], row["AppInstanceArn"]) == (name, "{}", instance)
    assert row["CreatedTimestamp"] == row["LastUpdatedTimestamp"]


def test_an_absent_app_instance_is_forbidden_and_never_not_found(identity, refused):
    with refused("ForbiddenException", 403):
        identity.describe_app_instance(AppInstanceArn=ABSENT)


def test_an_app_instance_is_known_in_its_region_only(client, instance, refused):
    with refused("ForbiddenException"):
        client("chime-sdk-identity", "us-east-1").describe_app_instance(AppInstanceArn=instance)


def test_nobody_answers_where_identity_does_not_exist(chime, client):
    with pytest.raises(ConnectionClosedError):
        client("chime-sdk-identity", "eu-west-2").list_app_instances()


def test_two_can_have_one_name(identity, instance, name):
    identity.create_app_instance(Name=name, ClientRequestToken=f"{name}-2")
    assert names(identity) == [name, name]


def test_a_repeated_token_makes_no_second_one(identity, instance, name):
    again = identity.create_app_instance(Name=name, Metadata="{}", ClientRequestToken=name)
    assert again["AppInstanceArn"] == instance and names(identity) == [name]


def test_a_token_with_another_name_is_a_conflict(identity, instance, name, refused):
    with refused("ConflictException", 409):
        identity.create_app_instance(Name="other", ClientRequestToken=name)


def test_they_are_listed_by_page(identity, control, name):
    control(page_max=2)
    for number in range(3):
        identity.create_app_instance(Name=f"{name}-{number}", ClientRequestToken=f"{name}-{number}")
    first = identity.list_app_instances(MaxResults=50)
    assert len(first["AppInstances"]) == 2
    assert names(identity, NextToken=first["NextToken"]) == [f"{name}-2"]


def test_an_update_replaces_name_and_metadata(identity, instance, pass_time):
    pass_time(60)
    identity.update_app_instance(AppInstanceArn=instance, Name="renamed", Metadata="")
    row = identity.describe_app_instance(AppInstanceArn=instance)["AppInstance"]
    assert (row["Name"], row["Metadata"]) == ("renamed", "")
    assert row["LastUpdatedTimestamp"] > row["CreatedTimestamp"]


def test_the_quota_counts_app_instances(identity, instance, control, refused):
    control(quotas={"app_instances": {"eu-central-1": 1}})
    with refused("ResourceLimitExceededException", 400):
        identity.create_app_instance(Name="more", ClientRequestToken="more")


def test_a_deletion_takes_its_time_and_then_everything(identity, instance, control, pass_time, refused):
    identity.create_app_instance_user(AppInstanceArn=instance, AppInstanceUserId="doctor", Name="Doctor")
    identity.delete_app_instance(AppInstanceArn=instance)
    assert len(names(identity)) == 1
    pass_time(61)
    assert names(identity) == []
    with refused("ForbiddenException"):
        identity.list_app_instance_users(AppInstanceArn=instance)
    assert [row["state"] for row in control()["app_instances"]] == ["deleted"]


def test_what_is_being_deleted_takes_no_write(identity, instance, refused):
    identity.delete_app_instance(AppInstanceArn=instance)
    identity.delete_app_instance(AppInstanceArn=instance)
    with refused("ConflictException"):
        identity.update_app_instance(AppInstanceArn=instance, Name="late", Metadata="")
    with refused("ForbiddenException"):
        identity.put_app_instance_retention_settings(AppInstanceArn=instance, AppInstanceRetentionSettings={})


def test_retention_is_what_was_put(identity, instance):
    settings = {"ChannelRetentionSettings": {"RetentionDays": 2557}}
    assert read_retention(identity, instance) == {}
    put = identity.put_app_instance_retention_settings(AppInstanceArn=instance, AppInstanceRetentionSettings=settings)
    assert put["AppInstanceRetentionSettings"] == settings and put["InitiateDeletionTimestamp"]
    assert read_retention(identity, instance) == settings
    identity.put_app_instance_retention_settings(AppInstanceArn=instance, AppInstanceRetentionSettings={})
    assert read_retention(identity, instance) == {}


def test_retention_beyond_the_model_is_refused(identity, instance, refused):
    with refused("BadRequestException"):
        identity.put_app_instance_retention_settings(
            AppInstanceArn=instance,
            AppInstanceRetentionSettings={"ChannelRetentionSettings": {"RetentionDays": 5476}},
        )


def test_tags_go_to_the_service_that_the_arn_belongs_to(identity, instance, world):
    start = world.ledger.mark("tags")
    identity.tag_resource(ResourceARN=instance, Tags=[{"Key": "Env", "Value": "prod"}])
    assert identity.list_tags_for_resource(ResourceARN=instance)["Tags"] == [{"Key": "Env", "Value": "prod"}]
    identity.untag_resource(ResourceARN=instance, TagKeys=["Env"])
    assert "Tags" not in identity.list_tags_for_resource(ResourceARN=instance)
    calls = world.ledger.read({"since": str(start)})["calls"]
    assert {call["service"] for call in calls} == {"chime-sdk-identity"}


def test_a_tag_key_of_aws_is_refused(identity, instance, refused):
    with refused("BadRequestException"):
        identity.tag_resource(ResourceARN=instance, Tags=[{"Key": "aws:env", "Value": "prod"}])


def test_an_unknown_app_instance_has_no_tags(identity, refused):
    with refused("ForbiddenException"):
        identity.list_tags_for_resource(ResourceARN=ABSENT)


def test_a_fault_throttles_in_the_services_own_words(identity, world, refused):
    world.faults.add({"match": {"service": "chime-sdk-identity"}, "action": "throttle"})
    try:
        with refused("ThrottledClientException", 429):
            identity.list_app_instances()
    finally:
        world.faults.remove()


def read_retention(identity, instance):
    return identity.get_app_instance_retention_settings(AppInstanceArn=instance)["AppInstanceRetentionSettings"]
