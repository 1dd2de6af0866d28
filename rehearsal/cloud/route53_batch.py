# SPDX-License-Identifier: GPL-3.0-or-later
"""A Route 53 change batch over the record sets of a zone: all of it or a refusal in AWS's words. Pure.

Record sets are in Route 53's shape, in the one form that `canonical` gives them. Changes count in their order, as far
as is known on AWS: the target of an alias must be there before the alias. Where AWS's behaviour is not known, this
refuses: a batch that would leave an alias without its target, another routing policy by UPSERT.
https://docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeResourceRecordSets.html
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from rehearsal.cloud.errors import ApiError
from rehearsal.cloud.route53_values import check_shape, value_problem

RecordSet = dict[str, Any]
Key = tuple[str, str, str]
State = dict[Key, RecordSet]
APEX_TYPES = ("NS", "SOA")


@dataclass(frozen=True)
class Surroundings:
    """What a batch depends on outside the zone's own record sets."""

    zone_id: str
    zone_name: str
    health_checks: Container[str]
    # Type, target name and zone id of an alias that leaves the zone: what is wrong with it, or nothing.
    alias_problem: Callable[[str, str, str], str]


def escape(name: str) -> str:
    """A name as Route 53 gives it back: lower case, final dot, the asterisk as an octal code."""
    return name.lower().rstrip(".").replace("*", "\\052") + "."


def bare_zone_id(zone_id: str) -> str:
    return zone_id.removeprefix("/hostedzone/")


def canonical(record_set: RecordSet) -> RecordSet:
    """The one form in which record sets are kept and compared."""
    kept = {key: value for key, value in record_set.items() if value not in (None, [], "")}
    kept["Name"] = escape(kept["Name"])
    if "TTL" in kept:
        kept["TTL"] = int(kept["TTL"])
    if "ResourceRecords" in kept:
        kept["ResourceRecords"] = [{"Value": record["Value"]} for record in kept["ResourceRecords"]]
    if "AliasTarget" in kept:
        alias = kept["AliasTarget"]
        kept["AliasTarget"] = {
            "HostedZoneId": bare_zone_id(alias["HostedZoneId"]),
            "DNSName": escape(alias["DNSName"]),
            "EvaluateTargetHealth": bool(alias.get("EvaluateTargetHealth")),
        }
    if not kept.get("MultiValueAnswer"):
        kept.pop("MultiValueAnswer", None)
    return kept


def key_of(record_set: RecordSet) -> Key:
    return record_set["Name"], record_set["Type"], record_set.get("SetIdentifier", "")


def policy_of(record_set: RecordSet) -> str:
    """The routing policy by the field that only it has."""
    fields = {"Weight": "weighted", "Failover": "failover", "GeoLocation": "geolocation"}
    for field, policy in fields.items():
        if field in record_set:
            return policy
    return "multivalue answer" if record_set.get("MultiValueAnswer") else "simple"


def sort_key(record_set: RecordSet) -> tuple[list[str], str, str]:
    """Route 53 lists by the reversed labels of the name, then type, then set identifier."""
    labels = record_set["Name"].rstrip(".").split(".")
    return labels[::-1], record_set["Type"], record_set.get("SetIdentifier", "")


def apply_batch(
    record_sets: Iterable[RecordSet], changes: Sequence[dict[str, Any]], around: Surroundings
) -> list[RecordSet]:
    """The record sets after the batch; raises ApiError with every problem, and then nothing has changed."""
    if not changes:
        raise ApiError("InvalidInput", "Invalid request: the change batch has no changes.")
    state: State = {key_of(record_set): record_set for record_set in record_sets}
    problems: list[str] = []
    seen: set[tuple[str, Key]] = set()
    for change in changes:
        check_shape(change)
        action, record_set = change["Action"], canonical(change["ResourceRecordSet"])
        _check_health(record_set, around)
        problem = _repeat_problem(action, record_set, seen) or _problem(state, action, record_set, around)
        if problem:
            problems.append(problem)
        elif action == "DELETE":
            del state[key_of(record_set)]
        else:
            state[key_of(record_set)] = record_set
    problems = problems or _zone_problems(state, around)
    if problems:
        raise ApiError("InvalidChangeBatch", f"[{', '.join(problems)}]")
    return list(state.values())


def _check_health(record_set: RecordSet, around: Surroundings) -> None:
    check = record_set.get("HealthCheckId")
    if check and check not in around.health_checks:
        raise ApiError("NoSuchHealthCheck", f"No health check exists with the specified ID: {check}", 404)


def _repeat_problem(action: str, record_set: RecordSet, seen: set[tuple[str, Key]]) -> str:
    """One batch may delete and create a record set, but not do the same to it twice."""
    effect = ("delete" if action == "DELETE" else "put", key_of(record_set))
    if effect in seen:
        found = f"'{record_set['Name']} {record_set['Type']}'"
        return f"The request contains an invalid set of changes for a resource record set {found}"
    seen.add(effect)
    return ""


def _problem(state: State, action: str, record_set: RecordSet, around: Surroundings) -> str:
    """The first problem of one change, in AWS's words; empty when it may be made."""
    name, zone = record_set["Name"], around.zone_name
    if name != zone and not name.endswith(f".{zone}"):
        return f"RRSet with DNS name {name} is not permitted in zone {zone}"
    if action == "DELETE":
        return _delete_problem(state, record_set)
    return (
        _exists_problem(state, action, record_set)
        or value_problem(record_set)
        or _cname_problem(state, record_set, zone)
        or _policy_problem(state, record_set)
        or _alias_problem(state, record_set, around)
    )


def _label(record_set: RecordSet) -> str:
    identifier = record_set.get("SetIdentifier")
    more = f", set-identifier='{identifier}'" if identifier else ""
    return f"resource record set [name='{record_set['Name']}', type='{record_set['Type']}'{more}]"


def _delete_problem(state: State, record_set: RecordSet) -> str:
    found = state.get(key_of(record_set))
    if found is None:
        return f"Tried to delete {_label(record_set)} but it was not found"
    if comparable(found) != comparable(record_set):
        return f"Tried to delete {_label(record_set)} but the values provided do not match the current values"
    return ""


def comparable(record_set: RecordSet) -> RecordSet:
    """The record set without the order of its values, which carries no meaning."""
    values = sorted(record["Value"] for record in record_set.get("ResourceRecords", []))
    return {**record_set, "ResourceRecords": values}


def _exists_problem(state: State, action: str, record_set: RecordSet) -> str:
    if action == "CREATE" and key_of(record_set) in state:
        return f"Tried to create {_label(record_set)} but it already exists"
    return ""


def _cname_problem(state: State, record_set: RecordSet, zone: str) -> str:
    name, record_type = record_set["Name"], record_set["Type"]
    others = {key[1] for key in state if key[0] == name and key[1] != record_type}
    if record_type == "CNAME" and name == zone:
        return f"RRSet of type CNAME with DNS name {name} is not permitted at apex in zone {zone}"
    if record_type == "CNAME" and others:
        return (
            f"RRSet of type CNAME with DNS name {name} is not permitted as it conflicts with other records "
            f"with the same DNS name in zone {zone}"
        )
    if "CNAME" in others:
        return (
            f"RRSet of type {record_type} with DNS name {name} is not permitted because a conflicting RRSet "
            f"of type CNAME with the same DNS name already exists in zone {zone}"
        )
    return ""


def _policy_problem(state: State, record_set: RecordSet) -> str:
    """One routing policy for a name and type, one simple record set, one primary, one of each place."""
    policy, identifier = policy_of(record_set), record_set.get("SetIdentifier", "null")
    described = f"RRSet with DNS name {record_set['Name']}, type {record_set['Type']}, SetIdentifier {identifier}"
    for other in _group(state, record_set):
        same_set = key_of(other) == key_of(record_set)
        if policy_of(other) != policy:
            return (
                f"{described} cannot be created because a {policy_of(other)} RRSet "
                f"exists with the same name and type; expected {policy_of(other)}, found {policy}"
            )
        if not same_set and policy == "failover" and other["Failover"] == record_set["Failover"]:
            return (
                f"{described} cannot be created as a {record_set['Failover']} RRSet exists with the same name and type"
            )
        if not same_set and policy == "geolocation" and other["GeoLocation"] == record_set["GeoLocation"]:
            return f"{described} cannot be created as an RRSet with the same geolocation exists"
    return ""


def _group(state: State, record_set: RecordSet) -> list[RecordSet]:
    wanted = (record_set["Name"], record_set["Type"])
    return [other for key, other in state.items() if key[:2] == wanted]


def _alias_problem(state: State, record_set: RecordSet, around: Surroundings) -> str:
    alias = record_set.get("AliasTarget")
    if not alias:
        return ""
    target, zone_id, record_type = alias["DNSName"], alias["HostedZoneId"], record_set["Type"]
    if zone_id != around.zone_id:
        return around.alias_problem(record_type, target, zone_id)
    if target != around.zone_name and not target.endswith(f".{around.zone_name}"):
        return describe_alias(record_type, target, zone_id, "the alias target name does not lie within the target zone")
    if target == record_set["Name"] or not any(key[:2] == (target, record_type) for key in state):
        return describe_alias(record_type, target, zone_id, "that target was not found")
    return ""


def describe_alias(record_type: str, target: str, zone_id: str, problem: str) -> str:
    return f"Tried to create an alias that targets {target}, type {record_type} in zone {zone_id}, but {problem}"


def _zone_problems(state: State, around: Surroundings) -> list[str]:
    """What must hold for the zone as a whole when the batch is through."""
    problems = [
        f"A HostedZone must contain exactly one {record_type} record set for the zone itself."
        for record_type in APEX_TYPES
        if (around.zone_name, record_type, "") not in state
    ]
    for record_set in state.values():
        alias = record_set.get("AliasTarget")
        if alias and alias["HostedZoneId"] == around.zone_id:
            problems.append(_alias_problem(state, record_set, around))
    return [problem for problem in problems if problem]
