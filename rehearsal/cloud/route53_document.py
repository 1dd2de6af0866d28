# SPDX-License-Identifier: GPL-3.0-or-later
"""The document that the dns process follows: zones by server, health checks, names of AWS's own, places of clients."""

from __future__ import annotations

import hashlib
import json
import random
from typing import Any

from moto.route53.models import FakeZone, Route53Backend

from rehearsal.cloud.control import ControlError
from rehearsal.cloud.errors import ApiError
from rehearsal.cloud.lost_regions import is_database_of
from rehearsal.cloud.operations import Call
from rehearsal.cloud.route53_batch import bare_zone_id, escape
from rehearsal.cloud.route53_health import HealthChecks
from rehearsal.cloud.route53_served import Served
from rehearsal.cloud.world_state import World
from rehearsal.dns.answer import Question, answer
from rehearsal.dns.location import Map, load_locations
from rehearsal.dns.zone import build_views, scale_ttl
from rehearsal.settings import NAME_SERVERS

HOST_TTL_S = 172800
RESPONSE_CODES = {0: "NOERROR", 2: "SERVFAIL", 3: "NXDOMAIN", 5: "REFUSED"}


class ZoneDocument:
    """Answers below /_rehearsal/zone, and TestDNSAnswer, which asks the same document."""

    def __init__(self, world: World, backend: Route53Backend, served: Served, health: HealthChecks) -> None:
        self._world, self._backend, self._served, self._health = world, backend, served, health
        self._locations = load_locations(world.number)
        self._ttl_min_s = 0

    def install(self) -> None:
        self._world.operations.handle("route53", "TestDNSAnswer", self.test_answer)
        self._world.control_routes["zone"] = self.read
        self._world.control_routes["zone/resolver"] = self.change_resolver
        self._world.control_routes["zone/locations"] = self.change_locations

    def read(self, method: str, body: Any, query: dict[str, str]) -> dict[str, Any]:
        """The document; only its serial for the dns process that says that it serves that one already."""
        with self._world.lock:
            # Read before the document is made: what comes in meanwhile is not proved by it.
            now = self._world.clock.now()
            document = self._build()
            text = json.dumps(document, sort_keys=True)
            serial = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
            if query.get("serial") != serial:
                return {"serial": serial, **document}
            self._served.prove(now)
            return {"serial": serial}

    def _build(self) -> dict[str, Any]:
        return {
            "zones": [self._build_zone(zone) for zone in self._backend.zones.values() if not zone.private_zone],
            "health_checks": self._health.rows(),
            "forced": self._health.forced,
            "hosts": self._build_hosts(),
            "locations": self._locations,
            "resolver": {"ttl_min_s": self._ttl_min_s},
            "scale": self._world.clock.scale,
            # While a change travels the dns process asks more often.
            "travelling": self._served.travelling,
        }

    def _build_zone(self, zone: FakeZone) -> dict[str, Any]:
        """`record_sets` is what every server has; `served` is there while servers differ."""
        views = self._served.views(zone.resource_id, self._world.clock.now())
        row = {"id": zone.resource_id, "name": zone.name, "name_servers": list(NAME_SERVERS), "record_sets": views[-1]}
        return row if all(view is views[-1] for view in views) else row | {"served": views}

    def _build_hosts(self) -> dict[str, dict[str, Any]]:
        servers = self._world.settings.name_servers.items()
        ttl = scale_ttl(HOST_TTL_S, self._world.clock.scale)
        hosts = {f"{name}.": {"address": address, "ttl": ttl} for name, address in servers}
        lost = self._world.lost.rows()
        for name, row in self._world.hosts.items():
            if is_database_of(name, lost):
                continue
            hosts[name.lower()] = {**row, "ttl": max(1, int(row["ttl"]))}
        return hosts

    def test_answer(self, call: Call) -> dict[str, Any]:
        """What the first name server answers a resolver, or a client behind it, at an address."""
        if bare_zone_id(call.get("HostedZoneId")) not in self._backend.zones:
            raise ApiError("NoSuchHostedZone", f"No hosted zone found with ID: {call.get('HostedZoneId')}", 404)
        verdicts = {check: bool(row["healthy"]) for check, row in self._health.verdicts.items()}
        client = call.get("EDNS0ClientSubnetIP") or call.get("ResolverIP") or ""
        question = Question(call.get("RecordName"), call.get("RecordType"), Map(self._locations).locate(client))
        reply = answer(build_views(self._build(), verdicts)[0], question, random.Random())
        return {
            "Nameserver": NAME_SERVERS[0],
            "RecordName": escape(call.get("RecordName")).rstrip("."),
            "RecordType": call.get("RecordType"),
            "RecordData": [record.value for record in reply.records],
            "ResponseCode": RESPONSE_CODES.get(reply.code, str(reply.code)),
            "Protocol": "UDP",
        }

    def change_resolver(self, method: str, body: Any, query: dict[str, str]) -> dict[str, int]:
        """Make the resolver overstay TTLs below a number of seconds."""
        if method == "POST":
            unknown = set(body or {}) - {"ttl_min_s"}
            if unknown or not body:
                raise ControlError(f"Resolver settings {sorted(body or {})}; expected ttl_min_s.")
            self._ttl_min_s = int(body["ttl_min_s"])
        return {"ttl_min_s": self._ttl_min_s}

    def change_locations(self, method: str, body: Any, query: dict[str, str]) -> list[dict[str, str]]:
        """Add places to the map: [{"network", "continent", "country"}]; the longest prefix wins."""
        if method == "POST":
            wanted = [*(body or []), *self._locations]
            try:
                Map(wanted)
            except (KeyError, TypeError, ValueError) as problem:
                text = f"Locations: {problem!r}; expected rows with network, continent, country."
                raise ControlError(text) from problem
            self._locations = wanted
        return self._locations
