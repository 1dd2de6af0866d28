# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Guardrail profiles: where a guardrail may be evaluated that uses one. No API tells it; the documentation does.

https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-cross-region-support.html
"""

from __future__ import annotations

from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused

US = ("us-east-1", "us-east-2", "us-west-2")
GOV = ("us-gov-east-1", "us-gov-west-1")
EU = ("eu-central-1", "eu-north-1", "eu-south-1", "eu-south-2", "eu-west-1", "eu-west-3")
APAC = ("ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-southeast-1", "ap-southeast-2")
APAC_WIDE = (*APAC, "ap-south-2", "ap-southeast-4")
APAC_WIDEST = (*APAC_WIDE, "ap-southeast-3")

# Geography, the first part of a profile's id, to source region to destinations. Regions whose name begins alike may
# belong to different ones: eu-west-2 is not in "eu", and nothing covers af-south-1.
DESTINATIONS: dict[str, dict[str, tuple[str, ...]]] = {
    "us": {**dict.fromkeys(US, US), "us-west-1": (*US, "us-west-1")},
    "us-gov": dict.fromkeys(GOV, GOV),
    "eu": {**dict.fromkeys(EU, EU), "il-central-1": (*EU, "il-central-1")},
    "uk": {"eu-west-2": ("eu-west-2",)},
    "au": {"ap-southeast-2": ("ap-southeast-2",)},
    "ca": {"ca-central-1": ("ca-central-1", "ca-west-1")},
    "apac": {
        **dict.fromkeys([region for region in APAC if region != "ap-northeast-3"], APAC),
        "ap-southeast-3": APAC_WIDEST,
        "ap-southeast-4": APAC_WIDE,
        **{region: (*APAC_WIDEST, region) for region in ("ap-east-2", "ap-southeast-5", "ap-southeast-7")},
        "me-central-1": (*APAC_WIDEST, "me-central-1"),
    },
}


def profile_id(identifier: str) -> str:
    """The id, as eu.guardrail.v1:0, of a profile that may be given as an ARN."""
    return identifier.rpartition("guardrail-profile/")[2]


def geography(identifier: str) -> str:
    return profile_id(identifier).partition(".")[0]


def find_destinations(identifier: str | None, region: str) -> tuple[str, ...] | None:
    """Regions in which a guardrail of `region` may be evaluated; None when the profile is not in the table."""
    if not identifier:
        return (region,)
    found = DESTINATIONS.get(geography(identifier), {}).get(region)
    return tuple(sorted(found)) if found else None


def check_profile(identifier: str | None, region: str, option: str = "cross_region_profile") -> None:
    """Refuse a profile of another geography or region. One that the table does not have is left to the service."""
    if not identifier:
        return
    parts = identifier.split(":")
    if identifier.startswith("arn:") and len(parts) > 3 and parts[3] != region:
        raise _refused(identifier, region, option, f"the ARN of a profile in {parts[3]}")
    sources = DESTINATIONS.get(geography(identifier))
    if sources and region not in sources:
        raise _refused(identifier, region, option, f"a profile for {', '.join(sorted(sources))}")


def _refused(identifier: str, region: str, option: str, found: str) -> Refused:
    usable = [f"{name}.guardrail.v1:0" for name, sources in DESTINATIONS.items() if region in sources]
    return Refused(
        f"{option} {identifier} cannot be used in {region}",
        found=found,
        expected=" or ".join(usable) or f"no profile: none is documented for {region}",
        next_step=f"correct {option}" if usable else f"leave {option} out and use the tier CLASSIC",
        result={"reason": "profile_of_another_geography"},
    )
