# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Route 53 record sets: the two forms they come in (Route 53's and the option `record`), and when two are the same."""

from __future__ import annotations

import ipaddress
import re
from typing import Any

from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused

# Seconds for which resolvers keep an alias answer: the target's own TTL, which the record cannot set.
ALIAS_TTL_S = {".elb.amazonaws.com.": 60, ".cloudfront.net.": 60}
# Where a name leads: a client follows whichever of them it finds.
ADDRESS_TYPES = ("A", "AAAA", "CNAME")
HOST_NAME_TYPES = ("CNAME", "NS", "PTR")
TYPES = (
    *("A", "AAAA", "CAA", "CNAME", "DS", "HTTPS", "MX", "NAPTR", "NS"),
    *("PTR", "SOA", "SPF", "SRV", "SSHFP", "SVCB", "TLSA", "TXT"),
)
KNOWN_KEYS = (
    "Name",
    "Type",
    "TTL",
    "ResourceRecords",
    "AliasTarget",
    "SetIdentifier",
    "Weight",
    "Failover",
    "GeoLocation",
    "Region",
    "MultiValueAnswer",
    "HealthCheckId",
)
SIMPLE_KEYS = {
    "set_identifier": "SetIdentifier",
    "weight": "Weight",
    "failover": "Failover",
    "latency_region": "Region",
    "multivalue": "MultiValueAnswer",
    "health_check_id": "HealthCheckId",
}
GEO_KEYS = {"continent_code": "ContinentCode", "country_code": "CountryCode", "subdivision_code": "SubdivisionCode"}
ROUTING = (
    "Weight",
    "Failover",
    "GeoLocation",
    "Region",
    "MultiValueAnswer",
    "CidrRoutingConfig",
    "GeoProximityLocation",
)

Key = tuple[str, str, str]


def record_arguments() -> dict:
    """Argument spec of one `record`, for every module that takes record sets."""
    return {
        "name": {"required": True},
        "type": {"required": True, "choices": list(TYPES)},
        "ttl": {"type": "int"},
        "values": {"type": "list", "elements": "str"},
        "alias": {
            "type": "dict",
            "options": {
                "dns_name": {"required": True},
                "zone_id": {},
                "evaluate_target_health": {"type": "bool", "default": False},
            },
        },
        "set_identifier": {},
        "weight": {"type": "int"},
        "failover": {"choices": ["PRIMARY", "SECONDARY"]},
        "geo": {"type": "dict", "options": {option: {} for option in GEO_KEYS}},
        "latency_region": {},
        "multivalue": {"type": "bool"},
        "health_check_id": {},
        "other": {"type": "dict"},
    }


def normalise_name(name: str) -> str:
    """The name as Route 53 keeps it: lower case, trailing dot, everything unusual as \\ooo (so `*` is `\\052`)."""
    plain = re.sub(r"\\([0-7]{3})", lambda match: chr(int(match.group(1), 8)), name.replace("\\056", "\0"))
    labels = plain.lower().rstrip(".")
    return "".join(_escape(character) for character in labels).replace("\0", "\\056") + "."


def _escape(character: str) -> str:
    usual = character.isascii() and (character.isalnum() or character in "-_.\0")
    return character if usual else "".join(f"\\{byte:03o}" for byte in character.encode())


def display_name(name: str) -> str:
    """The name as a person writes it: no trailing dot, `*` as itself."""
    return normalise_name(name).rstrip(".").replace("\\052", "*")


def key_of(record_set: dict) -> Key:
    """What makes a record set the same one: name, type and set identifier."""
    return normalise_name(record_set["Name"]), record_set["Type"], record_set.get("SetIdentifier", "")


def describe_key(key: Key) -> str:
    return " ".join(part for part in (display_name(key[0]), key[1], key[2]) if part)


def build_record_set(record: dict) -> dict:
    """An option `record` as Route 53 takes it. Options that are not given come as None and are left out."""
    record_set: dict[str, Any] = {"Name": normalise_name(record["name"]), "Type": record["type"].upper()}
    for option, key in SIMPLE_KEYS.items():
        if record.get(option) is not None:
            record_set[key] = record[option]
    geo = {key: record["geo"][option] for option, key in GEO_KEYS.items() if (record.get("geo") or {}).get(option)}
    if geo:
        record_set["GeoLocation"] = geo
    record_set.update(record.get("other") or {})
    record_set.update(_build_answer(record))
    return record_set


def _build_answer(record: dict) -> dict:
    alias, values, ttl = record.get("alias"), record.get("values"), record.get("ttl")
    name = f"{display_name(record['name'])} {record['type']}"
    if bool(alias) == bool(values):
        raise Refused(
            f"Record {name} needs values or an alias", found="both" if alias else "neither", expected="one of the two"
        )
    if alias and ttl is not None:
        raise Refused(
            f"Record {name} is an alias: its TTL is the one of its target and cannot be set",
            found=f"ttl {ttl}",
            expected="no ttl (resolvers keep an alias to a load balancer for 60 s)",
        )
    if alias:
        return {"AliasTarget": _build_alias(alias)}
    if ttl is None:
        raise Refused(f"Record {name} has values", found="no ttl", expected="ttl in seconds")
    return {"TTL": int(ttl), "ResourceRecords": [{"Value": str(value)} for value in values]}


def fill_zone(record: dict, zone_id: str | None) -> dict:
    """The record with the zone that it is in as its alias's, where the alias names none."""
    alias = record.get("alias")
    if not alias or alias.get("zone_id") or not zone_id:
        return record
    return {**record, "alias": {**alias, "zone_id": zone_id}}


def is_default_location(record_set: dict) -> bool:
    return (record_set.get("GeoLocation") or {}).get("CountryCode") == "*"


def _build_alias(alias: dict) -> dict:
    return {
        "HostedZoneId": strip_zone_id(alias["zone_id"]),
        "DNSName": normalise_name(alias["dns_name"]),
        "EvaluateTargetHealth": bool(alias.get("evaluate_target_health")),
    }


def strip_zone_id(zone_id: str) -> str:
    return zone_id.rsplit("/", 1)[-1]


def build_record(record_set: dict) -> dict:
    """Route 53's form as an option `record`: what is read can be given back, unchanged, to be written."""
    record: dict[str, Any] = {"name": display_name(record_set["Name"]), "type": record_set["Type"]}
    if "AliasTarget" in record_set:
        target = record_set["AliasTarget"]
        record["alias"] = {
            "dns_name": target["DNSName"],
            "zone_id": target["HostedZoneId"],
            "evaluate_target_health": bool(target.get("EvaluateTargetHealth")),
        }
    else:
        record["ttl"] = int(record_set.get("TTL", 0))
        record["values"] = [item["Value"] for item in record_set.get("ResourceRecords", [])]
    record.update({option: record_set[key] for option, key in SIMPLE_KEYS.items() if key in record_set})
    if location := record_set.get("GeoLocation"):
        record["geo"] = {option: location[key] for option, key in GEO_KEYS.items() if key in location}
    if other := {key: value for key, value in record_set.items() if key not in KNOWN_KEYS}:
        record["other"] = other
    return record


def describe_record_set(record_set: dict) -> str:
    """A record set on one line, for errors."""
    record = build_record(record_set)
    alias = record.pop("alias", None)
    if alias:
        answer = f"alias {alias['dns_name']} in zone {alias['zone_id']}"
    else:
        answer = f"TTL {record.pop('ttl')} s {', '.join(record.pop('values'))}"
    rest = [f"{key} {value}" for key, value in record.items() if key not in ("name", "type", "set_identifier")]
    return " ".join([describe_key(key_of(record_set)), answer, *rest])


def normalise_value(record_type: str, value: str) -> str:
    """A value in the form in which equal ones are equal."""
    text = str(value).strip()
    if record_type in HOST_NAME_TYPES:
        return normalise_name(text)
    if record_type in ("MX", "SRV"):
        *numbers, host = text.split() or [""]
        return " ".join([*numbers, normalise_name(host)])
    if record_type in ("A", "AAAA"):
        try:
            return str(ipaddress.ip_address(text))
        except ValueError:
            return text
    return text


def canonical(record_set: dict) -> dict:
    """The record set in the one form in which equal ones are equal: order of values and spelling do not count."""
    kept = {key: value for key, value in record_set.items() if value not in (None, [], {})}
    kept["Name"] = normalise_name(record_set["Name"])
    if "ResourceRecords" in kept:
        values = [normalise_value(record_set["Type"], item["Value"]) for item in kept["ResourceRecords"]]
        kept["ResourceRecords"] = sorted(set(values))
    for number in ("TTL", "Weight"):
        if number in kept:
            kept[number] = int(kept[number])
    if kept.get("MultiValueAnswer") is False:
        del kept["MultiValueAnswer"]
    if "AliasTarget" in kept:
        target = kept["AliasTarget"]
        kept["AliasTarget"] = _build_alias(
            {
                "zone_id": target["HostedZoneId"],
                "dns_name": target["DNSName"],
                "evaluate_target_health": target.get("EvaluateTargetHealth"),
            }
        )
    return kept


def same(one: dict | None, other: dict | None) -> bool:
    return one is not None and other is not None and canonical(one) == canonical(other)


def effective_ttl_s(record_set: dict) -> int | None:
    """For how long resolvers keep the answer, in seconds; None when only the alias's target knows."""
    if "AliasTarget" not in record_set:
        return int(record_set["TTL"]) if "TTL" in record_set else None
    target = normalise_name(record_set["AliasTarget"]["DNSName"])
    return next((ttl for suffix, ttl in ALIAS_TTL_S.items() if target.endswith(suffix)), None)
