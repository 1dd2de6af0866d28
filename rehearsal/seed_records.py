# SPDX-License-Identifier: GPL-3.0-or-later
"""The zone of the world before: plain CNAMEs of the public name and a region's own, and the certificates' proofs."""

from __future__ import annotations

import threading
from typing import Any

from rehearsal.seed_aws import Aws, tag_list, wait_for

VALIDATION_TTL_S = 300


class ZoneBuilder:
    """Builds the zone; regions that are built side by side add their validation records to it."""

    def __init__(self, aws: Aws, estate: dict[str, Any], record_ttl_s: int) -> None:
        self._client = aws.client("route53")
        self._estate, self._ttl = estate, record_ttl_s
        self._zone = ""
        self._lock = threading.Lock()

    def exists(self) -> bool:
        """Whether the zone is there; it is the one that is changed from then on."""
        found = self._client.list_hosted_zones_by_name(DNSName=self._estate["domain"])["HostedZones"]
        # The list begins at the name and goes on with other zones.
        ours = [zone["Id"] for zone in found if zone["Name"] == f"{self._estate['domain']}."]
        self._zone = ours[0].removeprefix("/hostedzone/") if ours else ""
        return bool(ours)

    def build(self) -> None:
        made = self._client.create_hosted_zone(Name=self._estate["domain"], CallerReference="the world before")
        self._zone = made["HostedZone"]["Id"].removeprefix("/hostedzone/")
        tags = tag_list({"Workload": self._estate["workload"], "Environment": self._estate["environment"]})
        self._client.change_tags_for_resource(ResourceType="hostedzone", ResourceId=self._zone, AddTags=tags)

    def validate(self, records: list[dict[str, str]]) -> None:
        """Put ACM's records: the same for every region, so this is an UPSERT."""
        unique = {record["Name"]: record for record in records}.values()
        self._change([_record_set(row["Name"], row["Type"], VALIDATION_TTL_S, row["Value"]) for row in unique])

    def point(self, dns_name: str) -> None:
        """Let the public name and the region's own lead to a balancer; returns when every name server says so."""
        self.lead(dict.fromkeys((self._estate["record"], self._estate["region_record"]), dns_name))

    def lead(self, targets: dict[str, str]) -> None:
        """Let each name lead to its target; returns when every name server says so."""
        change = self._change([_record_set(name, "CNAME", self._ttl, target) for name, target in targets.items()])
        wait_for(
            f"Records {', '.join(targets)}",
            lambda: self._client.get_change(Id=change)["ChangeInfo"]["Status"],
            "INSYNC",
        )

    def _change(self, record_sets: list[dict[str, Any]]) -> str:
        changes = [{"Action": "UPSERT", "ResourceRecordSet": record_set} for record_set in record_sets]
        with self._lock:
            made = self._client.change_resource_record_sets(HostedZoneId=self._zone, ChangeBatch={"Changes": changes})
        return made["ChangeInfo"]["Id"]


def _record_set(name: str, record_type: str, ttl_s: int, value: str) -> dict[str, Any]:
    return {"Name": name, "Type": record_type, "TTL": ttl_s, "ResourceRecords": [{"Value": value}]}
