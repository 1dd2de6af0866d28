# SPDX-License-Identifier: GPL-3.0-or-later
from ansible_collections.medzen.multiregion.plugins.module_utils import health_checks
from ansible_collections.medzen.multiregion.plugins.module_utils.health_checks import build_reference, reference_prefix

ALIAS = {"HostedZoneId": "Z1", "DNSName": "x.", "EvaluateTargetHealth": False}
LISTINGS = {
    "list_health_checks": {
        "HealthChecks": [
            {"Id": "tagged", "CallerReference": "hand made", "HealthCheckConfig": {"Type": "HTTPS"}},
            {"Id": "untagged", "CallerReference": reference_prefix("primary") + "1", "HealthCheckConfig": {}},
            {"Id": "sum", "CallerReference": "c", "HealthCheckConfig": {"ChildHealthChecks": ["tagged"]}},
        ]
    },
    "list_hosted_zones": {"HostedZones": [{"Id": "/hostedzone/Z9"}]},
    "list_resource_record_sets": {
        "ResourceRecordSets": [
            {
                "Name": "ehr.example.org.",
                "Type": "A",
                "SetIdentifier": "p",
                "HealthCheckId": "tagged",
                "AliasTarget": ALIAS,
            },
            {"Name": "other.example.org.", "Type": "A", "AliasTarget": ALIAS},
        ]
    },
}


class Client:
    def get_paginator(self, operation):
        self.operation = operation
        return self

    def paginate(self, **_parameters):
        return self

    def build_full_result(self):
        return LISTINGS[self.operation]

    def list_tags_for_resources(self, ResourceType, ResourceIds, aws_retry):
        assert len(ResourceIds) <= 10
        tags = {"tagged": [{"Key": "Name", "Value": "primary"}]}
        return {"ResourceTagSets": [{"ResourceId": key, "Tags": tags.get(key, [])} for key in ResourceIds]}


def test_a_health_check_is_known_by_its_tag_or_its_reference():
    found = health_checks.find_named(Client(), "primary")
    assert [(check["Id"], check["Tags"]) for check in found] == [("tagged", {"Name": "primary"}), ("untagged", {})]


def test_records_of_every_zone_and_calculated_checks_are_users():
    assert health_checks.find_users(Client(), "tagged") == [
        "record ehr.example.org A p in zone Z9",
        "calculated health check sum",
    ]


def test_a_check_that_nothing_names_has_no_users():
    assert health_checks.find_users(Client(), "untagged") == []


def test_a_reference_starts_with_the_name_and_fits_route_53():
    reference = build_reference("primary")
    assert reference.startswith(reference_prefix("primary")) and len(reference) <= 64
    assert reference_prefix("primary") != reference_prefix("secondary")


def test_a_reference_is_the_same_within_a_task():
    assert build_reference("primary") == build_reference("primary")
