# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import AwsError
from ansible_collections.medzen.multiregion.plugins.modules import api_domain_info as module
from botocore.exceptions import ClientError

MEETINGS, AI = "meetings.medzenhealth.app", "ai.medzenhealth.app"


def domain(name, status="AVAILABLE"):
    configuration = {
        "ApiGatewayDomainName": f"d-{name[:2]}.execute-api.eu-central-1.amazonaws.com",
        "HostedZoneId": "Z1U9ULNL0V5AJ3",
        "DomainNameStatus": status,
    }
    return {"DomainName": name, "DomainNameConfigurations": [configuration]}


class Gateway:
    """API Gateway with these domain names, and APIs behind those in `mapped`."""

    def __init__(self, domains, mapped=(MEETINGS, AI), refuse=False):
        self.domains, self.mapped, self.refuse = domains, mapped, refuse

    def get_paginator(self, _operation):
        return self

    def paginate(self):
        return self

    def build_full_result(self):
        if self.refuse:
            raise ClientError({"Error": {"Code": "AccessDeniedException"}}, "GetDomainNames")
        return {"Items": self.domains}

    def get_api_mappings(self, DomainName, aws_retry):  # noqa: N803
        return {"Items": [{"ApiId": "a1", "Stage": "$default"}] if DomainName in self.mapped else []}


def find(gateway, names=None):
    class Module:
        params = {"names": names}

        @staticmethod
        def client(_service, **_options):
            return gateway

    return module.find(Module)


def test_a_domain_name_is_told_with_the_record_that_leads_to_it():
    found = find(Gateway([domain(MEETINGS)]), [MEETINGS])
    target = "d-me.execute-api.eu-central-1.amazonaws.com"
    alias = {"dns_name": target, "zone_id": "Z1U9ULNL0V5AJ3", "evaluate_target_health": False}
    assert found["records"] == [{"name": MEETINGS, "type": "A", "alias": alias}]
    assert found["missing"] == [] and found["changed"] is False


def test_without_names_all_of_the_region_are_told():
    found = find(Gateway([domain(MEETINGS), domain(AI)]))
    assert [one["name"] for one in found["domains"]] == [AI, MEETINGS]


def test_records_come_in_the_order_of_the_names():
    found = find(Gateway([domain(AI), domain(MEETINGS)]), [MEETINGS, AI])
    assert [one["name"] for one in found["records"]] == [MEETINGS, AI]


@pytest.mark.parametrize(
    "gateway",
    [
        Gateway([]),
        Gateway([domain(MEETINGS, "UPDATING")]),
        Gateway([domain(MEETINGS)], mapped=()),
        Gateway([domain(AI)]),
    ],
    ids=["no domain name", "not available", "no API behind it", "another domain name"],
)
def test_a_name_that_is_not_served_has_no_record(gateway):
    found = find(gateway, [MEETINGS])
    assert (found["records"], found["missing"]) == ([], [MEETINGS])


def test_a_listing_that_is_refused_is_no_absence():
    with pytest.raises(AwsError, match="AccessDenied"):
        find(Gateway([], refuse=True), [MEETINGS])
