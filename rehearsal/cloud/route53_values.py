# SPDX-License-Identifier: GPL-3.0-or-later
"""What Route 53 says of a record set taken alone: fields that exclude or need each other, values of each type. Pure."""

from __future__ import annotations

import ipaddress
import re
from typing import Any

from rehearsal.cloud.errors import ApiError

ACTIONS = ("CREATE", "DELETE", "UPSERT")
POLICY_FIELDS = ("Weight", "Region", "Failover", "MultiValueAnswer", "GeoLocation")
# The name servers here do not serve these.
MISSING_FIELDS = ("Region", "GeoProximityLocation", "CidrRoutingConfig", "TrafficPolicyInstanceId")
TTL_MAX, WEIGHT_MAX, VALUES_MAX = 2**31 - 1, 255, 400
HOST_NAME = re.compile(r"^(?=.{1,254}$)([a-z0-9_*\\-]{1,63}\.)*[a-z0-9_-]{1,63}\.?$", re.IGNORECASE)
CONTINENTS = ("AF", "AN", "AS", "EU", "NA", "OC", "SA")


def check_shape(change: dict[str, Any]) -> None:
    """Raise InvalidInput for a change that could fit no zone."""
    record_set = change["ResourceRecordSet"]
    where = describe_change(change)
    if change["Action"] not in ACTIONS:
        raise _invalid(f"Value '{change['Action']}' is none of [{', '.join(ACTIONS)}]")
    _refuse_missing(record_set)
    _check_content(record_set, where)
    _check_policy(record_set, where)
    _check_numbers(record_set, where)
    _check_place(record_set.get("GeoLocation"), where)


def describe_change(change: dict[str, Any]) -> str:
    record_set = change["ResourceRecordSet"]
    identifier = record_set.get("SetIdentifier") or "null"
    return (
        f"Change with [Action={change['Action']}, Name={record_set['Name']}, Type={record_set['Type']}, "
        f"SetIdentifier={identifier}]"
    )


def _invalid(text: str) -> ApiError:
    return ApiError("InvalidInput", f"Invalid request: {text}")


def _refuse_missing(record_set: dict[str, Any]) -> None:
    for field in MISSING_FIELDS:
        if record_set.get(field):
            raise ApiError("NotImplemented", f"The stand-in's name servers do not serve {field}.", 501)


def _check_content(record_set: dict[str, Any], where: str) -> None:
    kinds = "[AliasTarget, all of [TTL, and ResourceRecords], or TrafficPolicyInstanceId]"
    alias, records, ttl = (record_set.get(field) for field in ("AliasTarget", "ResourceRecords", "TTL"))
    if alias and (records or ttl is not None):
        raise _invalid(f"Expected exactly one of {kinds}, but found more than one in {where}")
    if not alias and (not records or ttl is None):
        raise _invalid(f"Expected exactly one of {kinds}, but found none in {where}")


def _check_policy(record_set: dict[str, Any], where: str) -> None:
    # Weight 0 is a policy; 0 equals False, so this asks for None and "" only.
    found = [field for field in POLICY_FIELDS if record_set.get(field) not in (None, "")]
    if record_set.get("MultiValueAnswer") is False:
        found.remove("MultiValueAnswer")
    if len(found) > 1:
        raise _invalid(f"Expected exactly one of [{', '.join(POLICY_FIELDS)}], but found more than one in {where}")
    if found and not record_set.get("SetIdentifier"):
        raise _invalid(f"Missing field 'SetIdentifier' in {where}")
    if record_set.get("SetIdentifier") and not found:
        raise _invalid(f"Expected exactly one of [{', '.join(POLICY_FIELDS)}], but found none in {where}")
    if record_set.get("Failover") == "PRIMARY" and not (
        record_set.get("AliasTarget") or record_set.get("HealthCheckId")
    ):
        raise _invalid(f"Missing field 'HealthCheckId' in {where}")
    if record_set.get("Failover") not in (None, "PRIMARY", "SECONDARY"):
        raise _invalid(f"Failover {record_set['Failover']}; expected PRIMARY or SECONDARY in {where}")


def _check_numbers(record_set: dict[str, Any], where: str) -> None:
    for field, most in (("TTL", TTL_MAX), ("Weight", WEIGHT_MAX)):
        value = record_set.get(field)
        if value is not None and not 0 <= int(value) <= most:
            raise _invalid(f"{field} {value} is not within 0 and {most} in {where}")
    if len(record_set.get("ResourceRecords") or []) > VALUES_MAX:
        raise _invalid(f"More than {VALUES_MAX} values in {where}")


def _check_place(place: dict[str, Any] | None, where: str) -> None:
    if not place:
        return
    continent, country = place.get("ContinentCode"), place.get("CountryCode")
    if bool(continent) == bool(country):
        raise _invalid(f"Expected exactly one of [ContinentCode, CountryCode] in {where}")
    if continent and continent not in CONTINENTS:
        raise _invalid(f"Continent {continent}; expected one of {', '.join(CONTINENTS)} in {where}")
    if country and country != "*" and not re.fullmatch("[A-Z]{2}", country):
        raise _invalid(f"Country {country}; expected two capital letters or * in {where}")
    if place.get("SubdivisionCode") and not country:
        raise _invalid(f"A subdivision needs its country in {where}")


def value_problem(record_set: dict[str, Any]) -> str:
    """What is wrong with the values, in the words of Route 53's parser."""
    values = [record["Value"] for record in record_set.get("ResourceRecords", [])]
    for value in values:
        if values.count(value) > 1:
            return f"Duplicate Resource Record: '{value}'"
        fatal = _value_fault(record_set["Type"], value)
        if fatal:
            return f"Invalid Resource Record: 'FATAL problem: {fatal} encountered with '{value}''"
    if record_set["Type"] in ("CNAME", "SOA") and len(values) > 1:
        return f"Invalid Resource Record: 'FATAL problem: a {record_set['Type']} has one value, found {len(values)}'"
    return ""


def _value_fault(record_type: str, value: str) -> str:
    if record_type == "A" and not _is_address(value, ipaddress.IPv4Address):
        return "ARRDATAIllegalIPv4Address (Value is not a valid IPv4 address)"
    if record_type == "AAAA" and not _is_address(value, ipaddress.IPv6Address):
        return "AAAARRDATAIllegalIPv6Address (Value is not a valid IPv6 address)"
    if record_type in ("CNAME", "NS", "PTR") and not HOST_NAME.match(value):
        return f"{record_type}RRDATAIllegalName (Value is not a valid domain name)"
    if record_type in ("TXT", "SPF") and not (len(value) >= 2 and value[0] == value[-1] == '"'):
        return "InvalidCharacterString (Value should be enclosed in quotation marks)"
    return ""


def _is_address(value: str, kind: type) -> bool:
    try:
        kind(value)
    except ValueError:
        return False
    return True
