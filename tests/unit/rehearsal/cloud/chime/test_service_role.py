# SPDX-License-Identifier: GPL-3.0-or-later
PRINCIPAL = "mediapipelines.chime.amazonaws.com"
NAME = "AWSServiceRoleForAmazonChimeSDKMediaPipelines"


def test_the_role_has_awss_name_and_is_made_once(chime, client, service_role, refused):
    iam = client("iam", "us-east-1")
    role = iam.get_role(RoleName=NAME)["Role"]
    assert role["Arn"] == f"arn:aws:iam::123456789012:role/aws-service-role/{PRINCIPAL}/{NAME}"
    with refused("InvalidInput", 400):
        iam.create_service_linked_role(AWSServiceName=PRINCIPAL)


def test_the_role_takes_no_suffix(chime, client, refused):
    with refused("InvalidInput"):
        client("iam", "us-east-1").create_service_linked_role(AWSServiceName=PRINCIPAL, CustomSuffix="x")


def test_other_services_roles_are_made_as_before(chime, client):
    iam = client("iam", "us-east-1")
    role = iam.create_service_linked_role(AWSServiceName="autoscaling.amazonaws.com")["Role"]
    assert role["RoleName"] == "AWSServiceRoleForAutoScaling"
    iam.delete_service_linked_role(RoleName=role["RoleName"])


def test_a_deleted_role_can_be_made_again(chime, client, service_role):
    iam = client("iam", "us-east-1")
    iam.delete_service_linked_role(RoleName=NAME)
    assert iam.create_service_linked_role(AWSServiceName=PRINCIPAL)["Role"]["RoleName"] == NAME
