# SPDX-License-Identifier: GPL-3.0-or-later
"""Service Quotas: default and applied values per region, requests for more, and what the layers enforce."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from rehearsal.cloud.clock import Timed
from rehearsal.cloud.control import ControlError
from rehearsal.cloud.errors import ApiError
from rehearsal.cloud.operations import Call
from rehearsal.cloud.world_state import World
from rehearsal.settings import ACCOUNT_ID

QUOTAS_FILE = Path(__file__).with_name("quotas.yml")
# A person at AWS looks at it; hours to days.
REQUEST_SECONDS = 3600.0


@dataclass(frozen=True)
class Quota:
    service: str
    service_name: str
    code: str
    name: str
    value: float
    adjustable: bool
    unit: str


@dataclass
class Increase:
    """A request for a higher value."""

    id: str
    quota: Quota
    region: str
    desired: float
    created: datetime
    timed: Timed

    def status(self) -> str:
        return "APPROVED" if self.timed.done() else "CASE_OPENED"


class Quotas:
    """Values by service, code and region."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.defaults = load_quotas()
        self._applied: dict[tuple[str, str, str], float] = {}
        self.increases: dict[str, Increase] = {}

    def quota(self, service: str, code: str) -> Quota:
        found = self.defaults.get((service, code))
        if found is None:
            raise ApiError("NoSuchResourceException", f"There is no quota {code} of service {service}.")
        return found

    def value(self, service: str, code: str, region: str) -> float:
        """The value that counts in a region."""
        for increase in self.increases.values():
            quota = increase.quota
            if (quota.service, quota.code, increase.region) == (service, code, region) and increase.timed.done():
                return max(increase.desired, self._applied.get((service, code, region), 0.0))
        return self._applied.get((service, code, region), self.quota(service, code).value)

    def set(self, service: str, code: str, region: str, value: float) -> None:
        self.quota(service, code)
        self._applied[service, code, region] = value

    def of_service(self, service: str) -> list[Quota]:
        found = [quota for (name, _code), quota in self.defaults.items() if name == service]
        if not found:
            raise ApiError("NoSuchResourceException", f"The service {service} has no quotas here.")
        return found

    def request(self, quota: Quota, region: str, desired: float) -> Increase:
        if not quota.adjustable or desired <= self.value(quota.service, quota.code, region):
            text = f"The desired value {desired:g} of {quota.name} must exceed the present one."
            raise ApiError("IllegalArgumentException", text)
        timed = self._world.clock.start("quota_increase", quota.code, region, REQUEST_SECONDS, listed=False)
        increase = Increase(uuid.uuid4().hex, quota, region, desired, datetime.now(UTC), timed)
        self.increases[increase.id] = increase
        return increase


def load_quotas(path: Path = QUOTAS_FILE) -> dict[tuple[str, str], Quota]:
    return {
        (service, code): Quota(service, block["name"], code, name, float(value), adjustable, unit)
        for service, block in yaml.safe_load(path.read_text()).items()
        for code, (name, value, adjustable, unit) in block["quotas"].items()
    }


def install(world: World) -> None:
    world.quotas = quotas = Quotas(world)
    for operation, answer in {
        "ListServices": lambda call: list_services(quotas),
        "ListServiceQuotas": lambda call: list_quotas(quotas, call, applied=True),
        "ListAWSDefaultServiceQuotas": lambda call: list_quotas(quotas, call, applied=False),
        "GetServiceQuota": lambda call: get_quota(quotas, call, applied=True),
        "GetAWSDefaultServiceQuota": lambda call: get_quota(quotas, call, applied=False),
        "RequestServiceQuotaIncrease": lambda call: request_increase(quotas, call),
        "GetRequestedServiceQuotaChange": lambda call: get_increase(quotas, call),
        "ListRequestedServiceQuotaChangeHistory": lambda call: list_increases(quotas, call),
    }.items():
        world.operations.handle("service-quotas", operation, answer)
    world.control_routes["quotas"] = lambda method, body, query: change_quotas(quotas, body or {})


def _asked(quotas: Quotas, call: Call) -> Quota:
    return quotas.quota(call.get("ServiceCode"), call.get("QuotaCode"))


def row(quotas: Quotas, quota: Quota, region: str, *, applied: bool) -> dict[str, Any]:
    """A quota as the API shows it."""
    return {
        "ServiceCode": quota.service,
        "ServiceName": quota.service_name,
        "QuotaArn": f"arn:aws:servicequotas:{region}:{ACCOUNT_ID}:{quota.service}/{quota.code}",
        "QuotaCode": quota.code,
        "QuotaName": quota.name,
        "Value": quotas.value(quota.service, quota.code, region) if applied else quota.value,
        "Unit": quota.unit,
        "Adjustable": quota.adjustable,
        "GlobalQuota": False,
    }


def list_services(quotas: Quotas) -> dict[str, Any]:
    names = {quota.service: quota.service_name for quota in quotas.defaults.values()}
    return {"Services": [{"ServiceCode": code, "ServiceName": name} for code, name in sorted(names.items())]}


def list_quotas(quotas: Quotas, call: Call, *, applied: bool) -> dict[str, Any]:
    found = [row(quotas, quota, call.region, applied=applied) for quota in quotas.of_service(call.get("ServiceCode"))]
    return {"Quotas": [one for one in found if call.get("QuotaCode") in (None, one["QuotaCode"])]}


def get_quota(quotas: Quotas, call: Call, *, applied: bool) -> dict[str, Any]:
    return {"Quota": row(quotas, _asked(quotas, call), call.region, applied=applied)}


def request_increase(quotas: Quotas, call: Call) -> dict[str, Any]:
    increase = quotas.request(_asked(quotas, call), call.region, float(call.get("DesiredValue")))
    return {"RequestedQuota": increase_row(increase)}


def get_increase(quotas: Quotas, call: Call) -> dict[str, Any]:
    found = quotas.increases.get(call.get("RequestId"))
    if found is None:
        raise ApiError("NoSuchResourceException", f"There is no request {call.get('RequestId')}.")
    return {"RequestedQuota": increase_row(found)}


def list_increases(quotas: Quotas, call: Call) -> dict[str, Any]:
    rows = [increase_row(one) for one in quotas.increases.values() if one.region == call.region]
    wanted = {name: call.get(name) for name in ("ServiceCode", "Status") if call.get(name)}
    return {"RequestedQuotas": [one for one in rows if all(one[name] == value for name, value in wanted.items())]}


def increase_row(increase: Increase) -> dict[str, Any]:
    quota = increase.quota
    return {
        "Id": increase.id,
        "ServiceCode": quota.service,
        "ServiceName": quota.service_name,
        "QuotaCode": quota.code,
        "QuotaName": quota.name,
        "DesiredValue": increase.desired,
        "Status": increase.status(),
        "Created": increase.created,
        "GlobalQuota": False,
        "Unit": quota.unit,
    }


def change_quotas(quotas: Quotas, body: dict[str, Any]) -> dict[str, Any]:
    """Control API: {"service", "code", "region", "value"} sets an applied value at once."""
    if set(body) != {"service", "code", "region", "value"}:
        raise ControlError(f"Quota settings {sorted(body)}; expected service, code, region and value.")
    try:
        quotas.set(body["service"], body["code"], body["region"], float(body["value"]))
    except ApiError as problem:
        raise ControlError(problem.message) from problem
    return body
