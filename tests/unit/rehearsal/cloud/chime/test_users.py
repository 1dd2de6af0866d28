# SPDX-License-Identifier: GPL-3.0-or-later
import pytest


@pytest.fixture
def identity(chime, client):
    return client("chime-sdk-identity")


@pytest.fixture
def instance(identity, name):
    return identity.create_app_instance(Name=name, ClientRequestToken=name)["AppInstanceArn"]


@pytest.fixture
def doctor(identity, instance, name):
    """ARN of a user."""
    return identity.create_app_instance_user(
        AppInstanceArn=instance, AppInstanceUserId="doctor", Name="Doctor", ClientRequestToken=f"{name}-doctor"
    )["AppInstanceUserArn"]


def test_a_users_arn_holds_the_identifier_that_was_chosen(identity, instance, doctor):
    assert doctor == f"{instance}/user/doctor"
    assert identity.describe_app_instance_user(AppInstanceUserArn=doctor)["AppInstanceUser"]["Name"] == "Doctor"


def test_an_identifier_is_taken_once(identity, instance, doctor, refused):
    with refused("ConflictException", 409):
        identity.create_app_instance_user(AppInstanceArn=instance, AppInstanceUserId="doctor", Name="Other")


def test_users_are_listed_and_updated(identity, instance, doctor):
    identity.update_app_instance_user(AppInstanceUserArn=doctor, Name="Professor", Metadata="")
    rows = identity.list_app_instance_users(AppInstanceArn=instance)["AppInstanceUsers"]
    assert rows == [{"AppInstanceUserArn": doctor, "Name": "Professor", "Metadata": ""}]


def test_an_absent_user_is_forbidden(identity, instance, refused):
    with refused("ForbiddenException", 403):
        identity.describe_app_instance_user(AppInstanceUserArn=f"{instance}/user/nobody")


def test_a_user_becomes_an_administrator_once(identity, instance, doctor, refused):
    identity.create_app_instance_admin(AppInstanceArn=instance, AppInstanceAdminArn=doctor)
    with refused("ConflictException"):
        identity.create_app_instance_admin(AppInstanceArn=instance, AppInstanceAdminArn=doctor)
    rows = identity.list_app_instance_admins(AppInstanceArn=instance)["AppInstanceAdmins"]
    assert rows == [{"Admin": {"Arn": doctor, "Name": "Doctor"}}]


def test_the_quota_counts_administrators(identity, instance, doctor, control, refused):
    control(quotas={"admins": {"eu-central-1": 0}})
    with refused("ResourceLimitExceededException", 400):
        identity.create_app_instance_admin(AppInstanceArn=instance, AppInstanceAdminArn=doctor)


def test_who_is_no_user_cannot_administer(identity, instance, refused):
    with refused("ForbiddenException"):
        identity.create_app_instance_admin(AppInstanceArn=instance, AppInstanceAdminArn=f"{instance}/user/nobody")


def test_an_administrator_can_be_taken_back(identity, instance, doctor, refused):
    identity.create_app_instance_admin(AppInstanceArn=instance, AppInstanceAdminArn=doctor)
    identity.delete_app_instance_admin(AppInstanceArn=instance, AppInstanceAdminArn=doctor)
    with refused("ForbiddenException"):
        identity.describe_app_instance_admin(AppInstanceArn=instance, AppInstanceAdminArn=doctor)


def test_a_deleted_user_administers_no_more(identity, instance, doctor):
    identity.create_app_instance_admin(AppInstanceArn=instance, AppInstanceAdminArn=doctor)
    identity.delete_app_instance_user(AppInstanceUserArn=doctor)
    assert identity.list_app_instance_admins(AppInstanceArn=instance)["AppInstanceAdmins"] == []


def test_a_user_has_tags_of_its_own(identity, instance, doctor):
    identity.tag_resource(ResourceARN=doctor, Tags=[{"Key": "Role", "Value": "doctor"}])
    assert identity.list_tags_for_resource(ResourceARN=doctor)["Tags"] == [{"Key": "Role", "Value": "doctor"}]
    assert "Tags" not in identity.list_tags_for_resource(ResourceARN=instance)
