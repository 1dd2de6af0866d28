# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
from botocore.exceptions import ClientError

from rehearsal.cloud.quotas import load_quotas


@pytest.fixture
def quotas(client):
    return client("service-quotas", "us-east-2")


@pytest.mark.parametrize(
    ("service", "code", "value"),
    [
        ("vpc", "L-F678F1CE", 5),
        ("ec2", "L-0263D0A3", 5),
        ("rds", "L-7B6409FD", 40),
        ("fargate", "L-3032A538", 6),
        ("elasticloadbalancing", "L-53DA6B97", 50),
    ],
)
def test_the_defaults_are_those_of_a_new_account(quotas, service, code, value):
    assert quotas.get_service_quota(ServiceCode=service, QuotaCode=code)["Quota"]["Value"] == value
    assert code in [row["QuotaCode"] for row in quotas.list_service_quotas(ServiceCode=service)["Quotas"]]


def test_an_unknown_quota_is_refused(quotas):
    with pytest.raises(ClientError, match="NoSuchResourceException"):
        quotas.get_service_quota(ServiceCode="vpc", QuotaCode="L-00000000")


def test_an_increase_counts_when_it_is_approved(quotas, pass_time):
    asked = quotas.request_service_quota_increase(ServiceCode="vpc", QuotaCode="L-F678F1CE", DesiredValue=9)[
        "RequestedQuota"
    ]
    assert asked["Status"] == "CASE_OPENED"
    assert quotas.get_service_quota(ServiceCode="vpc", QuotaCode="L-F678F1CE")["Quota"]["Value"] == 5
    pass_time(3600)
    assert quotas.get_requested_service_quota_change(RequestId=asked["Id"])["RequestedQuota"]["Status"] == "APPROVED"
    assert quotas.get_service_quota(ServiceCode="vpc", QuotaCode="L-F678F1CE")["Quota"]["Value"] == 9


def test_every_quota_in_the_file_has_a_name_and_a_positive_value():
    assert all(quota.name and quota.value > 0 for quota in load_quotas().values())
