# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The records under which one balancer takes over from another, with or without geolocation above them.

Route 53 allows one routing policy for a name and type. With locations it takes a tree: geolocation records under the
public name, each an alias of the failover name; under that a primary and a secondary, each an alias of a balancer.
Without locations the failover pair stands under the public name itself. No AWS in here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

CONTINENTS = ("AF", "AN", "AS", "EU", "NA", "OC", "SA")
COUNTRY = re.compile(r"^[A-Z]{2}$")
PLACES = ("continent", "country", "default")
SIDES = {"primary": "PRIMARY", "secondary": "SECONDARY"}


def find_location_problems(locations: Sequence[Mapping[str, Any]]) -> list[str]:
    """Why these locations are no sound set of geolocation records; empty when they are, or when there are none."""
    problems = [problem for location in locations for problem in _problems_of(location)]
    problems += [f"{name} is named twice" for name in _repeated([str(one.get("name", "")) for one in locations])]
    places = [place for one in locations if (place := describe_place(one))]
    problems += [f"{place} has two records" for place in _repeated(places)]
    if locations and not any(one.get("default") for one in locations):
        problems.append("no location is the default: the rest of the world would get no answer")
    return problems


def _problems_of(location: Mapping[str, Any]) -> list[str]:
    name = location.get("name") or "a location without a name"
    given = [place for place in PLACES if location.get(place)]
    continent, country = location.get("continent"), location.get("country")
    problems = [] if location.get("name") else ["a location has no name"]
    if len(given) != 1:
        problems.append(f"{name} has {' and '.join(given) or 'no place'}; expected one of continent, country, default")
    if continent and continent not in CONTINENTS:
        problems.append(f"{name} is on the continent {continent}; expected one of {', '.join(CONTINENTS)}")
    if country and not COUNTRY.match(str(country)):
        problems.append(
            f"{name} is in the country {country}; expected two capital letters (default: true for the rest)"
        )
    return problems


def _repeated(values: Sequence[str]) -> list[str]:
    return sorted({value for value in values if value and values.count(value) > 1})


def describe_place(location: Mapping[str, Any]) -> str:
    if location.get("default"):
        return "the default location"
    return next((f"{place} {location[place]}" for place in PLACES if location.get(place)), "")


def build_failover_changes(tree: Mapping[str, Any], locations: Sequence[Mapping[str, Any]]) -> list[dict]:
    """What is to be true of the zone: the option C(changes) of route53_record_sets.

    `tree` has record, failover_record, dr_record, and primary and secondary with dns_name, zone_id, health_check_id.
    """
    name = tree["failover_record"] if locations else tree["record"]
    changes = [_present(_side(name, side, tree[side])) for side in SIDES]
    changes += [_present(_location(tree, location)) for location in locations]
    if not locations:
        changes += [_absent_side(tree["failover_record"], side) for side in SIDES]
    return [*changes, _present({"name": tree["dr_record"], "type": "A", "alias": _balancer(tree["secondary"])})]


def _present(record: dict) -> dict:
    return {"action": "present", "record": record}


def _absent_side(name: str, side: str) -> dict:
    """By its set identifier: what somebody else keeps under this name is left alone."""
    return {"action": "absent", "record": {"name": name, "type": "A", "set_identifier": side}}


def _side(name: str, side: str, balancer: Mapping[str, Any]) -> dict:
    return {
        "name": name,
        "type": "A",
        "set_identifier": side,
        "failover": SIDES[side],
        "health_check_id": balancer["health_check_id"],
        "alias": _balancer(balancer),
    }


def _balancer(balancer: Mapping[str, Any]) -> dict:
    return {"dns_name": balancer["dns_name"], "zone_id": balancer["zone_id"], "evaluate_target_health": True}


def _location(tree: Mapping[str, Any], location: Mapping[str, Any]) -> dict:
    """An alias within the zone: it names no zone of its own."""
    return {
        "name": tree["record"],
        "type": "A",
        "set_identifier": location["name"],
        "geo": _geo(location),
        "alias": {"dns_name": tree["failover_record"], "evaluate_target_health": True},
    }


def _geo(location: Mapping[str, Any]) -> dict:
    if location.get("default"):
        return {"country_code": "*"}
    if location.get("country"):
        return {"country_code": location["country"]}
    return {"continent_code": location["continent"]}
