# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the public name to the database that takes its writes, hop by hop; each hop keeps its evidence.

A hop is found, none, many or unknown. Names are never trusted: a balancer is one that AWS shows in that region, and the
database is the one whose endpoint the running task definition names. What could not be looked at is unknown, and with
one unknown hop nobody can say where production is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from ansible_collections.medzen.multiregion.plugins.module_utils.record_sets import ADDRESS_TYPES

FOUND, NONE, MANY, UNKNOWN = "found", "none", "many", "unknown"
DEPTH_MAX = 8
EVERYWHERE_ELSE = "everywhere else"
BALANCER = re.compile(
    r"^(?:dualstack\.)?(?P<label>[a-z0-9-]+)\.(?P<region>[a-z]{2}(?:-[a-z]+)+-\d)\.elb\.amazonaws\.com$"
)
JDBC = re.compile(r"^jdbc:postgresql://(?P<host>[^:/?,]+)(?::(?P<port>\d+))?/(?P<database>[^?]*)")
# A record that is chosen by the client's place or by lot: several answers are right at the same time.
SPREADING = ("weighted", "geolocation", "latency", "multivalue", "geoproximity")


@dataclass(frozen=True)
class Hop:
    """One step of the way. `found` is what it led to, `problem` why it leads no further or is not sound."""

    hop: str
    verdict: str
    found: list[str] = field(default_factory=list)
    evidence: dict[str, Any] = field(default_factory=dict)
    problem: str = ""

    def as_dict(self) -> dict:
        return asdict(self)


@dataclass(frozen=True)
class Way:
    """What chose the branch so far: the routing policies, the place of the clients that take it, and what they ask."""

    routing: tuple[str, ...] = ()
    location: str = ""
    # An alias answers with records of its own type; a CNAME leads on whatever was asked.
    types: tuple[str, ...] = ADDRESS_TYPES

    def along(self, record: Mapping) -> Way:
        policy, own = routing_of(record), str(record["Type"])
        routing = (*self.routing, policy) if policy != "simple" else self.routing
        types = self.types if own == "CNAME" else (own,)
        return Way(routing, self.location or location_of(record), types)


@dataclass(frozen=True)
class Leaf:
    """The end of a branch of the record tree: a target name, and the routing that leads there."""

    name: str
    target: str
    routing: tuple[str, ...] = ()
    role: str = ""
    location: str = ""
    type: str = "A"


def plain(name: str) -> str:
    """A DNS name to compare with: lower case, no final dot."""
    return name.rstrip(".").lower()


def parse_balancer(name: str) -> tuple[str, str] | None:
    """Label and region in a balancer's DNS name; None when it is none. The region is where to look, not a proof."""
    match = BALANCER.match(plain(name))
    return (match["label"], match["region"]) if match else None


def routing_of(record: Mapping) -> str:
    policies = (
        ("Weight", "weighted"),
        ("Failover", "failover"),
        ("GeoLocation", "geolocation"),
        ("Region", "latency"),
        ("MultiValueAnswer", "multivalue"),
        ("GeoProximityLocation", "geoproximity"),
    )
    return next((policy for key, policy in policies if record.get(key) is not None), "simple")


def targets_of(record: Mapping) -> list[str]:
    if record.get("AliasTarget"):
        return [plain(record["AliasTarget"]["DNSName"])]
    return [plain(value["Value"]) for value in record.get("ResourceRecords", [])]


def location_of(record: Mapping) -> str:
    """The clients that a geolocation record is for; empty when it is for everybody."""
    place = record.get("GeoLocation") or {}
    if place.get("CountryCode") == "*":
        return EVERYWHERE_ELSE
    parts = (("continent", "ContinentCode"), ("country", "CountryCode"), ("subdivision", "SubdivisionCode"))
    return ", ".join(f"{part} {place[key]}" for part, key in parts if place.get(key))


def find_leaves(name: str, records: Sequence[Mapping], way: Way = Way(), depth: int = 0) -> list[Leaf]:
    """Where the records of a zone lead from a name: through CNAMEs and aliases, along every branch that is in use."""
    if depth > DEPTH_MAX:
        return []
    leaves = []
    for record in records_of(name, records, way.types):
        on = way.along(record)
        for target in targets_of(record):
            leaves += find_leaves(target, records, on, depth + 1) or [leaf_of(name, target, on, record)]
    return leaves


def records_of(name: str, records: Sequence[Mapping], types: Iterable[str]) -> list[Mapping]:
    """The records of a name. Weight 0 takes no share, unless all of a type have it: then they share equally."""
    used: list[Mapping] = []
    for kind in types:
        found = [one for one in records if plain(one["Name"]) == plain(name) and one["Type"] == kind]
        used += [one for one in found if one.get("Weight") != 0] or found
    return used


def leaf_of(name: str, target: str, way: Way, record: Mapping) -> Leaf:
    return Leaf(plain(name), target, way.routing, str(record.get("Failover") or ""), way.location, str(record["Type"]))


def judge_dns(
    record: str, leaves: Sequence[Leaf], answers: Sequence[str] | None, addresses: Mapping[str, Sequence[str]]
) -> Hop:
    """Which targets serve the name now: the zone says which could, and the resolvers' answer which do.

    `answers` are the addresses that the name has now, or None when nobody could be asked; `addresses` are those of each
    target and of each failover name. A spreading policy serves all its targets, whichever of them answered this time.
    """
    evidence = {"answers": list(answers or []), "targets": sorted({leaf.target for leaf in leaves})}
    if answers is None:
        return Hop("dns", UNKNOWN, [], evidence, f"{record} could not be resolved")
    if not leaves:
        return Hop("dns", NONE, [], evidence, f"the zone has no record for {record}")
    in_charge = [leaf for leaf in leaves if is_serving(leaf, answers, addresses)]
    serving = sorted({leaf.target for leaf in in_charge})
    evidence["locations"] = by_location(in_charge)
    evidence["routing"] = sorted({policy for leaf in leaves for policy in leaf.routing}) or ["simple"]
    if not serving:
        problem = f"{record} answers {', '.join(answers) or 'nothing'}, which is no target of its records"
        return Hop("dns", UNKNOWN, [], evidence, problem)
    problems = [f"{record} is served by several targets: {', '.join(serving)}"] if len(serving) > 1 else []
    if lacks_default(leaves):
        problems.append(f"{record} has no default location: the rest of the world gets no answer")
    return Hop("dns", MANY if len(serving) > 1 else FOUND, serving, evidence, "; ".join(problems))


def by_location(leaves: Sequence[Leaf]) -> dict[str, list[str]]:
    """The targets that serve clients of each location; nothing where the location does not matter."""
    places = sorted({leaf.location for leaf in leaves if leaf.location})
    return {place: sorted({leaf.target for leaf in leaves if leaf.location == place}) for place in places}


def lacks_default(leaves: Sequence[Leaf]) -> bool:
    places = {leaf.location for leaf in leaves if leaf.location}
    return bool(places) and EVERYWHERE_ELSE not in places


def is_serving(leaf: Leaf, answers: Sequence[str], addresses: Mapping[str, Sequence[str]]) -> bool:
    """A failover name answers with the side in charge; a spreading policy serves each of its targets.

    The answers are those of IPv4. Clients with IPv6 ask for AAAA first, and get theirs whatever the other answer is.
    """
    if not leaf.role and (leaf.type == "AAAA" or set(leaf.routing) & set(SPREADING)):
        return True
    answered = addresses.get(leaf.name, ()) if leaf.role else answers
    return bool(set(addresses.get(leaf.target, ())) & set(answered)) or leaf.target in answered


def judge_balancer(target: str, found: Sequence[Mapping] | None) -> Hop:
    """The balancer behind a name, as its own region shows it."""
    parsed = parse_balancer(target)
    if parsed is None:
        return Hop("balancer", NONE, [], {"target": target}, f"{target} is not the name of a load balancer")
    label, region = parsed
    evidence = {"target": target, "region": region}
    if found is None:
        return Hop("balancer", UNKNOWN, [], evidence, f"the load balancers of {region} could not be listed")
    own = [one for one in found if plain(one.get("DNSName", "")) in (target, target.removeprefix("dualstack."))]
    if not own:
        return Hop("balancer", NONE, [], evidence, f"{region} has no load balancer called {label}")
    evidence |= {"state": (own[0].get("State") or {}).get("Code"), "name": own[0]["LoadBalancerName"]}
    return Hop("balancer", FOUND, [own[0]["LoadBalancerArn"]], evidence)


def forwarded_groups(actions: Iterable[Mapping]) -> list[str]:
    """The target groups that actions forward to with a weight above 0."""
    arns = []
    for action in actions:
        groups = (action.get("ForwardConfig") or {}).get("TargetGroups") or []
        arns += [one["TargetGroupArn"] for one in groups if one.get("Weight", 1) != 0]
        if action.get("TargetGroupArn") and not groups:
            arns.append(action["TargetGroupArn"])
    return list(dict.fromkeys(arns))


def judge_groups(groups: Sequence[str], health: Mapping[str, Sequence[Mapping] | None]) -> Hop:
    """The groups that take requests, with how many of their targets are healthy."""
    if not groups:
        return Hop("target_groups", NONE, [], {}, "no listener forwards to a target group")
    unseen = [arn for arn in groups if health.get(arn) is None]
    if unseen:
        return Hop("target_groups", UNKNOWN, list(groups), {}, f"the health of {', '.join(unseen)} could not be read")
    healthy = {arn: count_healthy(health[arn] or ()) for arn in groups}
    evidence = {"healthy_targets": healthy}
    problem = "" if any(healthy.values()) else "no target is healthy"
    return Hop("target_groups", FOUND, list(groups), evidence, problem)


def count_healthy(descriptions: Sequence[Mapping]) -> int:
    return sum(one.get("TargetHealth", {}).get("State") == "healthy" for one in descriptions)


def judge_services(groups: Sequence[str], services: Sequence[Mapping] | None, region: str) -> Hop:
    """The ECS services that register their tasks in one of the groups."""
    if services is None:
        return Hop("services", UNKNOWN, [], {"region": region}, f"the services of {region} could not be listed")
    own = [
        one for one in services if {entry.get("targetGroupArn") for entry in one.get("loadBalancers", [])} & set(groups)
    ]
    evidence = {"running": {one["serviceName"]: one.get("runningCount") for one in own}}
    if not own:
        return Hop("services", NONE, [], evidence, f"no service of {region} registers in the target groups")
    return Hop("services", FOUND, [one["serviceArn"] for one in own], evidence)


def running_definitions(service: Mapping) -> list[str]:
    """The task definitions that tasks of a service run; the one that was asked for where none runs.

    A rollout that is under way or stuck keeps the tasks of an older definition in service, with the older one's DB_URL.
    """
    running = [one["taskDefinition"] for one in service.get("deployments", []) if one.get("runningCount", 0) > 0]
    return list(dict.fromkeys(running)) or [service["taskDefinition"]]


def database_urls(definition: Mapping) -> dict[str, str]:
    """DB_URL of each container that has one."""
    return {
        container["name"]: entry["value"]
        for container in definition.get("containerDefinitions", [])
        for entry in container.get("environment", [])
        if entry.get("name") == "DB_URL"
    }


def judge_definitions(definitions: Sequence[Mapping | None]) -> Hop:
    """The database hosts that running task definitions name."""
    if not definitions or any(one is None for one in definitions):
        return Hop("task_definition", UNKNOWN, [], {}, "a task definition could not be read")
    urls = [url for one in definitions if one is not None for url in database_urls(one).values()]
    hosts = sorted({match["host"].lower() for url in urls if (match := JDBC.match(url))})
    names = [str(one.get("taskDefinitionArn", "")).rsplit("/", 1)[-1] for one in definitions if one is not None]
    # A balancer may lead to other services as well: those without a database are none of EHRbase's.
    own = [name for name, one in zip(names, definitions, strict=True) if one is not None and database_urls(one)]
    evidence = {"task_definitions": names, "with_database": own}
    if not hosts:
        return Hop("task_definition", NONE, [], evidence, "no container has a DB_URL that names a host")
    problem = f"the task definitions name several databases: {', '.join(hosts)}" if len(hosts) > 1 else ""
    return Hop("task_definition", MANY if problem else FOUND, hosts, evidence, problem)


def judge_database(host: str, instances: Mapping[str, Sequence[Mapping] | None]) -> tuple[Hop, dict | None]:
    """The RDS instance with this endpoint, in whichever region it is. An unseen region matters unless it was found."""
    matches = [
        (region, one)
        for region, found in instances.items()
        for one in found or ()
        if plain((one.get("Endpoint") or {}).get("Address") or "") == plain(host)
    ]
    if matches:
        region, raw = matches[0]
        database = describe_database(region, raw)
        problem = "production's database is a read replica and takes no writes" if database["is_replica"] else ""
        return Hop("database", FOUND, [database["arn"]], {"host": host, "region": region}, problem), database
    unseen = sorted(region for region, found in instances.items() if found is None)
    if unseen:
        problem = f"the databases of {', '.join(unseen)} could not be listed"
        return Hop("database", UNKNOWN, [], {"host": host}, problem), None
    problem = f"no database of {', '.join(sorted(instances))} has the endpoint {host}"
    return Hop("database", NONE, [], {"host": host}, problem), None


def describe_database(region: str, raw: Mapping) -> dict:
    return {
        "identifier": raw["DBInstanceIdentifier"],
        "arn": raw.get("DBInstanceArn", ""),
        "region": region,
        "endpoint": (raw.get("Endpoint") or {}).get("Address"),
        "port": (raw.get("Endpoint") or {}).get("Port"),
        "status": raw.get("DBInstanceStatus"),
        "is_replica": bool(raw.get("ReadReplicaSourceDBInstanceIdentifier")),
        "encrypted": bool(raw.get("StorageEncrypted")),
        "kms_key_id": raw.get("KmsKeyId"),
        "engine_version": raw.get("EngineVersion"),
        "instance_class": raw.get("DBInstanceClass"),
        "multi_az": bool(raw.get("MultiAZ")),
        "backup_retention_days": raw.get("BackupRetentionPeriod"),
    }


def conclude(record: str, paths: Sequence[Sequence[Hop]], databases: Sequence[dict | None]) -> dict:
    """One region, or none with the reasons. Every path must end at a database, and all at the same one."""
    hops = [hop for path in paths for hop in path]
    problems = list(dict.fromkeys(hop.problem for hop in hops if hop.problem))
    regions = sorted({database["region"] for database in databases if database})
    entry = sorted({hop.evidence["region"] for hop in hops if hop.hop == "balancer" and hop.verdict == FOUND})
    several = several_databases(databases)
    if len(regions) > 1:
        problems.append(f"{record} leads to databases in {', '.join(regions)}")
    if several:
        problems.append(f"{record} leads to several databases: {', '.join(several)}")
    if regions and entry and entry != regions:
        problems.append(f"{record} is served from {', '.join(entry)}, its database is in {', '.join(regions)}")
    certain = bool(databases) and all(databases) and all(is_sound(hop) for hop in hops) and not several
    is_one = (
        certain and len(regions) == 1 and entry == regions and not any(one["is_replica"] for one in databases if one)
    )
    return {
        "production_region": regions[0] if is_one else None,
        "regions_found": regions,
        "serving_regions": entry,
        "locations": served_locations(hops),
        "database": databases[0] if is_one else None,
        "task_definitions": ehrbase_definitions(hops) if is_one else [],
        "problems": problems,
    }


def several_databases(databases: Sequence[dict | None]) -> list[str]:
    """The databases, where the branches end at more than one. Two of one region are two: only one would be fenced."""
    found = {one["arn"]: f"{one['identifier']} in {one['region']}" for one in databases if one}
    return [found[arn] for arn in sorted(found)] if len(found) > 1 else []


def ehrbase_definitions(hops: Sequence[Hop]) -> list[str]:
    """What production runs over its database, each once: several balancers may lead to the same service."""
    return list(dict.fromkeys(name for hop in hops for name in hop.evidence.get("with_database", [])))


def served_locations(hops: Sequence[Hop]) -> list[dict]:
    """Which regions serve clients of each location, by the balancers that AWS shows there."""
    regions = {hop.evidence["target"]: hop.evidence["region"] for hop in hops if hop.hop == "balancer" and hop.found}
    return [
        {
            "location": place,
            "targets": targets,
            "regions": sorted({regions[target] for target in targets if target in regions}),
        }
        for hop in hops
        if hop.hop == "dns"
        for place, targets in hop.evidence.get("locations", {}).items()
    ]


def is_sound(hop: Hop) -> bool:
    """Several balancers are no fault as long as they lead to one database; unknown and none always are."""
    return hop.verdict == FOUND or (hop.verdict == MANY and hop.hop == "dns")


def compare(production: str | None, expected: str | None) -> dict:
    """What the inventory says against what was found: unknown agrees with nothing."""
    if not expected:
        return {}
    if production is None:
        return {"agrees": None, "agreement": f"The inventory says {expected}; where production is could not be found."}
    if production == expected:
        return {"agrees": True, "agreement": f"Production is in {production}, as the inventory says."}
    return {"agrees": False, "agreement": f"Production is in {production}; the inventory says {expected}."}
