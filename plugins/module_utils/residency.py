# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a model's work may be done, read from the ARNs of an inference profile.

A profile lists a model ARN for each region that it may send a request to. An ARN without a region stands for every
commercial region. What is at rest stays in the region that is called, so that one is judged as well.
Source: docs.aws.amazon.com/bedrock/latest/userguide/{cross-region-inference,global-cross-region-inference}.html.

A place is allowed when it stands in the list, never because its name begins like one: eu-west-2 and eu-central-2 are
not in the European Union. What cannot be read is not allowed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused

GLOBAL, UNKNOWN = "global", "unknown"
IN_REGION, GEO = "in_region", "geo"
# From the narrowest to the widest.
SCOPES = (IN_REGION, GEO, GLOBAL, UNKNOWN)
REGION = re.compile(r"[a-z]{2,4}(-[a-z]+)+-\d{1,2}")


@dataclass(frozen=True)
class Residency:
    """Where requests that are sent to `source_region` may be worked on; `compliant` is None without an allow list."""

    source_region: str
    destinations: list[str]
    scope: str
    outside: list[str]
    compliant: bool | None


def region_of(arn: str) -> str:
    """The region of a model ARN, `global` for one without, `unknown` for what is no ARN."""
    parts = str(arn).split(":", 5)
    if len(parts) < 6 or parts[0] != "arn":
        return UNKNOWN
    if not parts[3]:
        return GLOBAL
    return parts[3] if REGION.fullmatch(parts[3]) else UNKNOWN


def build_destinations(model_arns: Iterable[str], profile_id: str = "") -> list[str]:
    """Regions of the ARNs, sorted. A profile that calls itself global is so even if its ARNs do not say it."""
    found = {region_of(arn) for arn in model_arns}
    if profile_id.startswith("global."):
        found.add(GLOBAL)
    return sorted(found) or [UNKNOWN]


def judge_scope(source_region: str, destinations: Iterable[str]) -> str:
    places = set(destinations)
    if not places or UNKNOWN in places:
        return GLOBAL if GLOBAL in places else UNKNOWN
    if GLOBAL in places:
        return GLOBAL
    return IN_REGION if places == {source_region} else GEO


def judge_residency(source_region: str, destinations: Iterable[str], allowed_regions: list[str] | None) -> Residency:
    places = sorted(set(destinations)) or [UNKNOWN]
    scope = judge_scope(source_region, places)
    if allowed_regions is None:
        return Residency(source_region, places, scope, [], None)
    # `global` and `unknown` are no regions: no list can allow them.
    allowed = {region for region in allowed_regions if REGION.fullmatch(region)}
    outside = sorted({*places, source_region} - allowed)
    return Residency(source_region, places, scope, outside, not outside)


def check_allowed_regions(allowed_regions: Iterable[str] | None) -> None:
    """Refuse a prefix or a pattern: it would allow nothing and look as if it did."""
    check_regions(
        allowed_regions, "allowed_regions", "name each allowed region; a global destination cannot be allowed"
    )


def check_regions(regions: Iterable[str] | None, option: str, next_step: str = "name each region") -> None:
    """Refuse what is no region's whole name."""
    wrong = [str(one) for one in regions or () if not REGION.fullmatch(str(one))]
    if wrong:
        raise Refused(
            f"{option} takes regions by their whole names",
            found=", ".join(wrong),
            expected="names such as eu-central-1",
            next_step=next_step,
            result={"reason": "invalid_option", "faults": [f"{option}: {one!r} is no region" for one in wrong]},
        )


def require_compliance(what: str, residency: Residency, allowed_regions: Iterable[str] | None) -> None:
    if residency.compliant is False:
        raise Refused(
            f"{what} may be worked on outside the allowed regions",
            found=f"{', '.join(residency.outside)} (of {', '.join(residency.destinations)}, "
            f"called in {residency.source_region})",
            expected=f"only {', '.join(sorted(allowed_regions or [])) or 'none'}",
            next_step="take a model or profile that stays there, or allow the regions named",
            result={"reason": "outside_allowed_regions", **shown(residency)},
        )


def shown(residency: Residency) -> Mapping:
    return {
        "destinations": residency.destinations,
        "scope": residency.scope,
        "outside": residency.outside,
        "compliant": residency.compliant,
    }
