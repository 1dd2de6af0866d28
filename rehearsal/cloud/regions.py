# SPDX-License-Identifier: GPL-3.0-or-later
"""Regions: which exist, which need opting in, and that a call in any other is refused.

https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-regions.html
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from rehearsal.cloud.clock import Clock, Timed
from rehearsal.cloud.control import ControlError
from rehearsal.cloud.endpoints import endpoint_regions
from rehearsal.cloud.errors import ApiError
from rehearsal.cloud.operations import Call
from rehearsal.cloud.world_state import World
from rehearsal.settings import ACCESS_KEY, FUNCTION_ACCESS_KEY, OPERATOR_ACCESS_KEYS

# Regions from before March 2019, enabled in every account for good.
ALWAYS_ENABLED = frozenset(
    {
        "ap-northeast-1",
        "ap-northeast-2",
        "ap-northeast-3",
        "ap-south-1",
        "ap-southeast-1",
        "ap-southeast-2",
        "ca-central-1",
        "eu-central-1",
        "eu-north-1",
        "eu-west-1",
        "eu-west-2",
        "eu-west-3",
        "sa-east-1",
        "us-east-1",
        "us-east-2",
        "us-west-1",
        "us-west-2",
    }
)
# Opted in at the start: production runs in Cape Town.
OPTED_IN = "af-south-1"
ENABLED_STATES = ("ENABLED", "ENABLED_BY_DEFAULT")


class Regions:
    """Opt-in state of every region of the partition."""

    def __init__(self, clock: Clock, opted_in: list[str]) -> None:
        self._clock = clock
        self.names = sorted(endpoint_regions("ec2") | ALWAYS_ENABLED)
        self._state = {name: "ENABLED_BY_DEFAULT" if name in ALWAYS_ENABLED else "DISABLED" for name in self.names}
        self._changing: dict[str, Timed] = {}
        for name in opted_in:
            self.set_state(name, "ENABLED")

    def status(self, region: str) -> str | None:
        """The state as the account service words it; None for a region that does not exist."""
        state = self._state.get(region)
        if state in ("ENABLING", "DISABLING") and self._changing[region].done():
            state = self._state[region] = {"ENABLING": "ENABLED", "DISABLING": "DISABLED"}[state]
        return state

    def enabled(self, region: str) -> bool:
        return self.status(region) in ENABLED_STATES

    def set_state(self, region: str, state: str) -> None:
        """Put a region into a state at once, as a test's starting point."""
        if region not in self._state or region in ALWAYS_ENABLED:
            raise ControlError(f"Region {region}: expected one that needs opting in.")
        self._state[region] = state

    def change(self, region: str, towards: str) -> None:
        """Enable or disable over time."""
        if self.status(region) is None or region in ALWAYS_ENABLED:
            raise ApiError("ValidationException", f"The region {region} can be neither enabled nor disabled.")
        done, doing = {"enable": ("ENABLED", "ENABLING"), "disable": ("DISABLED", "DISABLING")}[towards]
        if self.status(region) in (done, doing):
            return
        if self.status(region) in ("ENABLING", "DISABLING"):
            raise ApiError("ConflictException", f"The region {region} is {self.status(region)}.", 409)
        self._changing[region] = self._clock.start("region_opt_in", region, region)
        self._state[region] = doing


def install(world: World) -> None:
    regions = Regions(world.clock, os.environ.get("MEDZEN_OPTED_IN_REGIONS", OPTED_IN).split())
    world.regions = regions
    world.operations.every_call.append(build_check(regions, build_issued_keys()))
    world.operations.handle("ec2", "DescribeRegions", lambda call: describe_regions(regions, call))
    account = {
        "ListRegions": lambda call: list_regions(regions, call),
        "GetRegionOptStatus": lambda call: get_status(regions, call),
        "EnableRegion": lambda call: regions.change(call.get("RegionName"), "enable") or {},
        "DisableRegion": lambda call: regions.change(call.get("RegionName"), "disable") or {},
    }
    for operation, answer in account.items():
        world.operations.handle("account", operation, answer)
    world.control_routes["regions"] = lambda method, body, query: change_regions(regions, body or {})


def build_issued_keys() -> Callable[[str], bool]:
    """Whether an access key was made in this world: by IAM, or by STS for an assumed role."""
    from moto.iam.models import iam_backends
    from moto.sts.models import sts_backends

    def issued(key: str) -> bool:
        users = [user for backend in _every(iam_backends) for user in backend.users.values()]
        keys = {made.access_key_id for user in users for made in user.access_keys}
        return key in keys or any(backend.get_assumed_role_from_access_key(key) for backend in _every(sts_backends))

    return issued


def _every(backends: Any) -> list[Any]:
    return [backend for _account, _region, backend in backends.iter_backends()]


def build_check(regions: Regions, issued: Callable[[str], bool]) -> Callable[[Call], None]:
    """Refuse foreign keys (a real account's must never be used here) and regions that are not enabled."""

    def check(call: Call) -> None:
        key = call.access_key
        ours = key in (ACCESS_KEY, FUNCTION_ACCESS_KEY) or key.startswith(OPERATOR_ACCESS_KEYS)
        if not ours and not issued(key):
            raise refusal(call, f"The access key is not one of this world; expected {ACCESS_KEY!r}.")
        if not regions.enabled(call.region):
            state = regions.status(call.region) or "unknown"
            text = f"The security token included in the request is invalid: region {call.region} is {state}."
            raise refusal(call, text)

    return check


def refusal(call: Call, text: str) -> ApiError:
    """How each protocol words that it does not know the caller."""
    if call.service == "ec2":
        return ApiError("AuthFailure", f"AWS was not able to validate the provided access credentials. {text}", 401)
    if call.protocol in ("json", "rest-json"):
        return ApiError("UnrecognizedClientException", text, 403 if call.protocol == "rest-json" else 400)
    return ApiError("InvalidClientTokenId", text, 403)


def describe_regions(regions: Regions, call: Call) -> dict[str, Any]:
    """EC2's list: enabled ones only, unless all are asked for."""
    wanted = call.get("RegionNames") or []
    unknown = sorted(set(wanted) - set(regions.names))
    if unknown:
        raise ApiError("InvalidParameterValue", f"Invalid region provided: {unknown}")
    rows = [_ec2_row(regions, name) for name in regions.names if not wanted or name in wanted]
    if not call.get("AllRegions") and not wanted:
        rows = [row for row in rows if row["OptInStatus"] != "not-opted-in"]
    for one in call.get("Filters") or []:
        member = {"opt-in-status": "OptInStatus", "region-name": "RegionName", "endpoint": "Endpoint"}.get(one["Name"])
        if member is None:
            raise ApiError("InvalidParameterValue", f"The filter '{one['Name']}' is invalid")
        rows = [row for row in rows if row[member] in one.get("Values", [])]
    return {"Regions": rows}


def _ec2_row(regions: Regions, name: str) -> dict[str, str]:
    status = {"ENABLED_BY_DEFAULT": "opt-in-not-required", "ENABLED": "opted-in"}
    opt_in = status.get(regions.status(name) or "", "not-opted-in")
    return {"RegionName": name, "Endpoint": f"ec2.{name}.amazonaws.com", "OptInStatus": opt_in}


def list_regions(regions: Regions, call: Call) -> dict[str, Any]:
    wanted = call.get("RegionOptStatusContains") or []
    rows = [{"RegionName": name, "RegionOptStatus": regions.status(name)} for name in regions.names]
    start = int(call.get("NextToken") or 0)
    size = int(call.get("MaxResults") or 50)
    kept = [row for row in rows if not wanted or row["RegionOptStatus"] in wanted]
    answer: dict[str, Any] = {"Regions": kept[start : start + size]}
    if start + size < len(kept):
        answer["NextToken"] = str(start + size)
    return answer


def get_status(regions: Regions, call: Call) -> dict[str, Any]:
    name = call.get("RegionName")
    if regions.status(name) is None:
        raise ApiError("ValidationException", f"The region {name} does not exist.")
    return {"RegionName": name, "RegionOptStatus": regions.status(name)}


def change_regions(regions: Regions, body: dict[str, bool]) -> dict[str, str | None]:
    """Control API: {"af-south-1": false} takes the opt-in away at once."""
    for name, enabled in body.items():
        regions.set_state(name, "ENABLED" if enabled else "DISABLED")
    return {name: regions.status(name) for name in regions.names}
