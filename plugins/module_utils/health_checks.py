# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Route 53 health checks by name, which Route 53 does not have: recognising them, and who uses them."""

from __future__ import annotations

import hashlib
from typing import Any

from ansible_collections.medzen.multiregion.plugins.module_utils import tags as tagging
from ansible_collections.medzen.multiregion.plugins.module_utils.aws import describe, paginate, token
from ansible_collections.medzen.multiregion.plugins.module_utils.record_sets import describe_key, key_of, strip_zone_id
from ansible_collections.medzen.multiregion.plugins.module_utils.route53 import list_all

TAGGED_A_CALL = 10


@describe("list the health checks")
def list_health_checks(client: Any) -> list[dict]:
    return paginate(client, "list_health_checks", "HealthChecks")


@describe("list the hosted zones")
def list_zones(client: Any) -> list[dict]:
    return paginate(client, "list_hosted_zones", "HostedZones")


@describe("list the tags of {ids}")
def list_tags(client: Any, ids: list[str]) -> dict[str, dict[str, str]]:
    answer = client.list_tags_for_resources(ResourceType="healthcheck", ResourceIds=ids, aws_retry=True)
    return {item["ResourceId"]: tagging.from_boto(item["Tags"]) for item in answer["ResourceTagSets"]}


def all_tags(client: Any, ids: list[str]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for start in range(0, len(ids), TAGGED_A_CALL):
        found.update(list_tags(client, ids[start : start + TAGGED_A_CALL]))
    return found


def reference_prefix(name: str) -> str:
    return f"medzen-{hashlib.sha256(name.encode()).hexdigest()[:16]}-"


def build_reference(name: str, *parts: Any) -> str:
    """The caller reference: from the name, so that an untagged one is recognised, and new for each task.

    Route 53 never takes the reference of a deleted health check again.
    """
    return reference_prefix(name) + token(name, *parts)


def find_named(client: Any, name: str) -> list[dict]:
    """The health checks of this name, by caller reference or Name tag, with their `Tags` as a dict."""
    checks = list_health_checks(client)
    tags = all_tags(client, [check["Id"] for check in checks])
    prefix = reference_prefix(name)
    mine = [
        check
        for check in checks
        if check["CallerReference"].startswith(prefix) or tags.get(check["Id"], {}).get("Name") == name
    ]
    return [{**check, "Tags": tags.get(check["Id"], {})} for check in mine]


def find_users(client: Any, health_check_id: str) -> list[str]:
    """Whatever would lose its health check: record sets of every zone, and calculated health checks."""
    users = []
    for zone in list_zones(client):
        for record_set in list_all(client, strip_zone_id(zone["Id"])):
            if record_set.get("HealthCheckId") == health_check_id:
                users.append(f"record {describe_key(key_of(record_set))} in zone {strip_zone_id(zone['Id'])}")
    parents = [
        check["Id"]
        for check in list_health_checks(client)
        if health_check_id in check["HealthCheckConfig"].get("ChildHealthChecks", [])
    ]
    return users + [f"calculated health check {parent}" for parent in parents]
