# SPDX-License-Identifier: GPL-3.0-or-later
"""Route 53: hosted zones, record sets, and change batches that take time to be INSYNC.

Refusals are in route53_batch and route53_values, what each name server serves in route53_served, how the dns process
learns of it in route53_document, health checks in route53_health. moto keeps the zones themselves; their record sets
are written into it so that other layers see them.
"""

from __future__ import annotations

import secrets
import string
from datetime import UTC, datetime
from typing import Any

from moto.elbv2.models import elbv2_backends
from moto.route53.models import FakeZone, Route53Backend, route53_backends
from moto.route53.models import RecordSet as MotoRecordSet

from rehearsal.cloud.clock import Timed
from rehearsal.cloud.errors import ApiError
from rehearsal.cloud.operations import Call
from rehearsal.cloud.route53_batch import (
    Surroundings,
    apply_batch,
    bare_zone_id,
    canonical,
    describe_alias,
    escape,
    sort_key,
)
from rehearsal.cloud.route53_document import ZoneDocument
from rehearsal.cloud.route53_health import HealthChecks
from rehearsal.cloud.route53_served import Served
from rehearsal.cloud.world_state import World
from rehearsal.settings import ACCOUNT_ID, NAME_SERVERS

GLOBAL = "global"
NAME_SERVER_TTL_S, SOA_TTL_S = 172800, 900
SOA_VALUE = f"{NAME_SERVERS[0]}. awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400"
RECORDS_PAGE_MAX, ZONES_PAGE_MAX = 300, 100


class Route53:
    """Zones, changes and health checks of the account."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.health = HealthChecks()
        self.served = Served()
        world.names_served = self.served.is_proved
        self.records: dict[str, list[dict[str, Any]]] = {}
        self.changes: dict[str, tuple[Timed, datetime, str]] = {}

    def install(self) -> None:
        self.health.install(self.world)
        for operation, handler in {
            "CreateHostedZone": self.create_zone,
            "DeleteHostedZone": self.delete_zone,
            "ListHostedZonesByName": self.list_zones_by_name,
            "ChangeResourceRecordSets": self.change_records,
            "ListResourceRecordSets": self.list_records,
            "GetChange": self.get_change,
        }.items():
            self.world.operations.handle("route53", operation, handler)
        self.world.operations.after("route53", "DeleteHealthCheck", self._forget_tags("HealthCheckId"))
        self.world.operations.after("route53", "DeleteHostedZone", self._forget_tags("Id"))

    @property
    def backend(self) -> Route53Backend:
        return route53_backends[ACCOUNT_ID]["aws"]

    # --- zones

    def create_zone(self, call: Call) -> dict[str, Any]:
        name, reference = escape(call.get("Name")), call.get("CallerReference")
        config = call.get("HostedZoneConfig") or {}
        private = bool(config.get("PrivateZone") or call.get("VPC"))
        self._refuse_taken(name, reference, private)
        vpc = call.get("VPC") or {}
        zone = self.backend.create_hosted_zone(
            name, private, reference, vpc.get("VPCId"), vpc.get("VPCRegion"), config.get("Comment")
        )
        zone.delegation_set.name_servers = list(NAME_SERVERS)
        timed = self._keep(zone, _own_records(name))
        answered = {"HostedZone": _zone_row(zone), "ChangeInfo": self._begin(timed, "")}
        answered["Location"] = f"https://route53.amazonaws.com/2013-04-01/hostedzone/{zone.resource_id}"
        return answered | ({"VPC": vpc} if private else {"DelegationSet": {"NameServers": list(NAME_SERVERS)}})

    def _refuse_taken(self, name: str, reference: str, private: bool) -> None:
        for zone in self.backend.zones.values():
            if zone.caller_reference == reference:
                text = f"A hosted zone has already been created with the specified caller reference: {reference}"
                raise ApiError("HostedZoneAlreadyExists", text, 409)
            if zone.name == name and not private and not zone.private_zone:
                text = f"The zone {name} conflicts with {zone.resource_id}: every zone here has the same name servers."
                raise ApiError("ConflictingDomainExists", text)

    def delete_zone(self, call: Call) -> dict[str, Any]:
        zone = self._find(call.get("Id"))
        if any(record_set["Type"] not in ("NS", "SOA") for record_set in self.records[zone.resource_id]):
            text = f"The hosted zone {zone.name} contains resource record sets that are not its own SOA and NS records."
            raise ApiError("HostedZoneNotEmpty", text)
        self.backend.delete_hosted_zone(zone.resource_id)
        self.records.pop(zone.resource_id, None)
        self.served.forget(zone.resource_id)
        return {"ChangeInfo": self._begin(self._start(zone.resource_id), "")}

    def list_zones_by_name(self, call: Call) -> dict[str, Any]:
        """Zones from a name on: when the name has no zone, the next one comes first, a trap that AWS has as well."""
        most, start = int(call.get("MaxItems") or ZONES_PAGE_MAX), call.get("DNSName")
        first = (_reversed_labels(escape(start)) if start else [], call.get("HostedZoneId") or "")
        zones = sorted(self.backend.zones.values(), key=_zone_key)
        rest = [zone for zone in zones if _zone_key(zone) >= first]
        page = {"HostedZones": [_zone_row(zone) for zone in rest[:most]], "MaxItems": str(most)}
        page |= {"IsTruncated": len(rest) > most} | ({"DNSName": start} if start else {})
        if len(rest) > most:
            page |= {"NextDNSName": rest[most].name, "NextHostedZoneId": rest[most].resource_id}
        return page

    def _find(self, zone_id: str) -> FakeZone:
        zone = self.backend.zones.get(bare_zone_id(zone_id))
        if zone is None:
            raise ApiError("NoSuchHostedZone", f"No hosted zone found with ID: {bare_zone_id(zone_id)}", 404)
        return zone

    # --- record sets

    def change_records(self, call: Call) -> dict[str, Any]:
        zone = self._find(call.get("HostedZoneId"))
        batch = call.get("ChangeBatch")
        around = Surroundings(zone.resource_id, zone.name, self.health.checks, self._alias_problem)
        timed = self._keep(zone, apply_batch(self.records[zone.resource_id], batch.get("Changes") or [], around))
        return {"ChangeInfo": self._begin(timed, batch.get("Comment") or "")}

    def _keep(self, zone: FakeZone, records: list[dict[str, Any]]) -> Timed:
        """Make these the zone's record sets: in the API at once, at the name servers in time."""
        self.records[zone.resource_id] = sorted(records, key=sort_key)
        zone.rrsets = [_to_moto(record_set) for record_set in self.records[zone.resource_id]]
        timed = self._start(zone.resource_id)
        if not zone.private_zone:
            self.served.add(zone.resource_id, self.records[zone.resource_id], timed)
        return timed

    def _alias_problem(self, record_type: str, target: str, zone_id: str) -> str:
        """An alias to a balancer, to a domain name of API Gateway, or to another zone of the account."""
        if zone_id in self.records:
            zone_name = self.backend.zones[zone_id].name
            if not f".{target}".endswith(f".{zone_name}"):
                return describe_alias(
                    record_type, target, zone_id, "the alias target name does not lie within the target zone"
                )
            found = any((row["Name"], row["Type"]) == (target, record_type) for row in self.records[zone_id])
            return "" if found else describe_alias(record_type, target, zone_id, "that target was not found")
        balancer = find_balancer(target)
        found = balancer.canonical_hosted_zone_id if balancer else self.world.hosts.get(target, {}).get("zone_id")
        if found is None:
            return describe_alias(record_type, target, zone_id, "that target was not found")
        if found != zone_id:
            return describe_alias(
                record_type, target, zone_id, "the alias target name does not lie within the target zone"
            )
        return ""

    def list_records(self, call: Call) -> dict[str, Any]:
        zone = self._find(call.get("HostedZoneId"))
        most = min(int(call.get("MaxItems") or RECORDS_PAGE_MAX), RECORDS_PAGE_MAX)
        rest = _from_start(self.records[zone.resource_id], call)
        page = {"ResourceRecordSets": rest[:most], "IsTruncated": len(rest) > most, "MaxItems": str(most)}
        if len(rest) <= most:
            return page
        following = rest[most]
        page |= {"NextRecordName": following["Name"], "NextRecordType": following["Type"]}
        identifier = following.get("SetIdentifier")
        return page | ({"NextRecordIdentifier": identifier} if identifier else {})

    # --- changes

    def _start(self, zone_id: str) -> Timed:
        return self.world.clock.start("route53_insync", zone_id, GLOBAL)

    def _begin(self, timed: Timed, comment: str) -> dict[str, Any]:
        change_id = "C" + "".join(secrets.choice(string.ascii_uppercase + string.digits) for _ in range(20))
        self.changes[change_id] = (timed, datetime.now(UTC), comment)
        return self._change_row(change_id)

    def get_change(self, call: Call) -> dict[str, Any]:
        change_id = call.get("Id").removeprefix("/change/")
        if change_id not in self.changes:
            raise ApiError("NoSuchChange", f"Could not find resource with ID: {change_id}", 404)
        return {"ChangeInfo": self._change_row(change_id)}

    def _change_row(self, change_id: str) -> dict[str, Any]:
        timed, submitted, comment = self.changes[change_id]
        status = "INSYNC" if timed.done() else "PENDING"
        row = {"Id": f"/change/{change_id}", "Status": status, "SubmittedAt": submitted}
        return row | ({"Comment": comment} if comment else {})

    def _forget_tags(self, parameter: str) -> Any:
        return lambda call: self.backend.resource_tags.pop(bare_zone_id(call.get(parameter)), None)


def find_balancer(dns_name: str) -> Any:
    """The load balancer of any region with this name."""
    wanted = dns_name.rstrip(".").removeprefix("dualstack.")
    for backend in elbv2_backends[ACCOUNT_ID].values():
        for balancer in backend.load_balancers.values():
            if balancer.dns_name.lower() == wanted:
                return balancer
    return None


def _own_records(name: str) -> list[dict[str, Any]]:
    servers = [{"Value": f"{server}."} for server in NAME_SERVERS]
    soa = {"Name": name, "Type": "SOA", "TTL": SOA_TTL_S, "ResourceRecords": [{"Value": SOA_VALUE}]}
    return [
        canonical(soa),
        canonical({"Name": name, "Type": "NS", "TTL": NAME_SERVER_TTL_S, "ResourceRecords": servers}),
    ]


def _to_moto(record_set: dict[str, Any]) -> MotoRecordSet:
    """The same record set as moto's model holds it: values without their dictionaries."""
    values = [record["Value"] for record in record_set.get("ResourceRecords", [])]
    return MotoRecordSet({**record_set, "ResourceRecords": values})


def _zone_row(zone: FakeZone) -> dict[str, Any]:
    config = {"PrivateZone": zone.private_zone} | ({"Comment": zone.comment} if zone.comment else {})
    return {
        "Id": f"/hostedzone/{zone.resource_id}",
        "Name": zone.name,
        "CallerReference": zone.caller_reference,
        "Config": config,
        "ResourceRecordSetCount": len(zone.rrsets),
    }


def _reversed_labels(name: str) -> list[str]:
    return name.rstrip(".").split(".")[::-1]


def _zone_key(zone: FakeZone) -> tuple[list[str], str]:
    return _reversed_labels(zone.name), zone.resource_id


def _from_start(records: list[dict[str, Any]], call: Call) -> list[dict[str, Any]]:
    if not call.get("StartRecordName"):
        if call.get("StartRecordType"):
            raise ApiError("InvalidInput", "The input is not valid: StartRecordType needs StartRecordName.")
        return records
    start = {
        "Name": escape(call.get("StartRecordName")),
        "Type": call.get("StartRecordType") or "",
        "SetIdentifier": call.get("StartRecordIdentifier") or "",
    }
    return [record_set for record_set in records if sort_key(record_set) >= sort_key(start)]


def install(world: World) -> None:
    route53 = Route53(world)
    route53.install()
    ZoneDocument(world, route53.backend, route53.served, route53.health).install()
