# SPDX-License-Identifier: GPL-3.0-or-later
"""Route 53 health checks: their configurations here, the verdicts from the probes of the dns process.

Deleting a check that record sets still name is allowed, as on AWS: those count as healthy from then on.
"""

from __future__ import annotations

import os
import uuid
from datetime import UTC, datetime
from typing import Any

from rehearsal.cloud.control import ControlError
from rehearsal.cloud.errors import ApiError
from rehearsal.cloud.operations import Call
from rehearsal.cloud.world_state import World

PROBED_TYPES = ("HTTP", "HTTPS", "HTTP_STR_MATCH", "HTTPS_STR_MATCH", "TCP")
TYPES = (*PROBED_TYPES, "CALCULATED")
SEARCH_TYPES = ("HTTP_STR_MATCH", "HTTPS_STR_MATCH")
CHECKER_REGIONS = (
    "us-east-1", "us-west-1", "us-west-2", "eu-west-1",
    "ap-southeast-1", "ap-southeast-2", "ap-northeast-1", "sa-east-1",
)  # fmt: skip
PORTS = {"HTTP": 80, "HTTP_STR_MATCH": 80, "HTTPS": 443, "HTTPS_STR_MATCH": 443}
FIXED_FIELDS = ("Type", "RequestInterval", "MeasureLatency")
RESETTABLE_FIELDS = {"FullyQualifiedDomainName": None, "Regions": None, "ResourcePath": None, "ChildHealthChecks": []}
NOT_YET = "Unknown: no probe has finished yet."


class HealthChecks:
    """The health checks of the account."""

    def __init__(self) -> None:
        self.checks: dict[str, dict[str, Any]] = {}
        # From the dns process: {"healthy", "reason"} by id.
        self.verdicts: dict[str, dict[str, Any]] = {}
        self.forced: dict[str, bool] = {}
        # Those that agreed with their probes when the world was copied, and by which process.
        self._settled: dict[str, bool] = {}
        self._copied_by = 0

    def install(self, world: World) -> None:
        for operation, answer in {
            "CreateHealthCheck": self.create,
            "GetHealthCheck": lambda call: {"HealthCheck": self.find(call.get("HealthCheckId"))},
            "ListHealthChecks": self.list,
            "UpdateHealthCheck": self.update,
            "DeleteHealthCheck": self.delete,
            "GetHealthCheckStatus": self.status,
            "GetHealthCheckCount": lambda call: {"HealthCheckCount": len(self.checks)},
        }.items():
            world.operations.handle("route53", operation, answer)
        world.operations.before("route53", "ChangeTagsForResource", self.check_tagged)
        world.operations.before("route53", "ListTagsForResource", self.check_tagged)
        world.control_routes["zone/health"] = self.take_verdicts
        world.control_routes["zone/force"] = self.force
        world.sleepers.append(self)

    # --- AWS

    def find(self, check_id: str) -> dict[str, Any]:
        if check_id not in self.checks:
            raise ApiError("NoSuchHealthCheck", f"No health check exists with the specified ID: {check_id}", 404)
        return self.checks[check_id]

    def create(self, call: Call) -> dict[str, Any]:
        reference, config = call.get("CallerReference"), build_config(call.get("HealthCheckConfig"), self.checks)
        for check in self.checks.values():
            if check["CallerReference"] == reference:
                return _answer_again(check, config)
        check_id = str(uuid.uuid4())
        version = 1
        self.checks[check_id] = {
            "Id": check_id,
            "CallerReference": reference,
            "HealthCheckConfig": config,
            "HealthCheckVersion": version,
        }
        return _created(self.checks[check_id])

    def update(self, call: Call) -> dict[str, Any]:
        check = self.find(call.get("HealthCheckId"))
        wanted = call.get("HealthCheckVersion")
        if wanted is not None and int(wanted) != check["HealthCheckVersion"]:
            text = f"The version is {check['HealthCheckVersion']}, the request named {wanted}."
            raise ApiError("HealthCheckVersionMismatch", text, 409)
        config = {**check["HealthCheckConfig"], **_changed_fields(call)}
        if "IPAddress" in config and "IPAddress" not in check["HealthCheckConfig"]:
            raise _invalid("IPAddress cannot be added to a health check that was created without it")
        for field in call.get("ResetElements") or []:
            config[field] = RESETTABLE_FIELDS.get(field)
        check["HealthCheckConfig"] = build_config(config, self.checks)
        check["HealthCheckVersion"] += 1
        return {"HealthCheck": check}

    def list(self, call: Call) -> dict[str, Any]:
        most = int(call.get("MaxItems") or 100)
        ids = sorted(self.checks)
        start = ids.index(call.get("Marker")) if call.get("Marker") in ids else 0
        rest = ids[start + most :]
        page = {"HealthChecks": [self.checks[check] for check in ids[start : start + most]], "MaxItems": str(most)}
        page |= {"Marker": call.get("Marker") or "", "IsTruncated": bool(rest)}
        return page | ({"NextMarker": rest[0]} if rest else {})

    def delete(self, call: Call) -> dict[str, Any]:
        check = self.find(call.get("HealthCheckId"))["Id"]
        parents = [other for other in self.checks.values() if check in _children(other["HealthCheckConfig"])]
        if parents:
            text = f"The health check {check} is a child of the calculated health check {parents[0]['Id']}."
            raise ApiError("HealthCheckInUse", text)
        for known in (self.checks, self.verdicts, self.forced):
            known.pop(check, None)
        return {}

    def status(self, call: Call) -> dict[str, Any]:
        check = self.find(call.get("HealthCheckId"))
        config = check["HealthCheckConfig"]
        if config["Type"] == "CALCULATED":
            raise ApiError("InvalidInput", "The status of a calculated health check cannot be asked for.")
        text = self.verdicts.get(check["Id"], {}).get("reason", NOT_YET)
        report = {"Status": text, "CheckedTime": datetime.now(UTC)}
        return {
            "HealthCheckObservations": [
                {"Region": region, "IPAddress": f"15.177.0.{number}", "StatusReport": report}
                for number, region in enumerate(config.get("Regions") or CHECKER_REGIONS, 1)
            ]
        }

    def check_tagged(self, call: Call) -> None:
        if call.get("ResourceType") == "healthcheck":
            self.find(call.get("ResourceId"))

    # --- copies of the world

    needs_names = False

    def busy(self) -> str:
        return ""

    def freeze(self) -> None:
        self._settled = {check: row["healthy"] for check, row in self.verdicts.items() if _is_settled(row)}
        self._copied_by = os.getpid()

    def thaw(self) -> None:
        """In a copy that was woken, another dns process begins to probe, and knows nothing yet."""
        if os.getpid() != self._copied_by:
            self.verdicts.clear()

    def is_awake(self) -> bool:
        """Whether the probes have seen again what they saw: until then DNS could answer as if a region were lost."""
        # Once is enough: what becomes of an endpoint afterwards is the world's own affair.
        self._settled = {check: healthy for check, healthy in self._settled.items() if not self._sees(check, healthy)}
        return not self._settled

    def _sees(self, check: str, healthy: bool) -> bool:
        row = self.verdicts.get(check)
        return check not in self.checks or (_is_settled(row) and row["healthy"] == healthy)

    # --- the control API

    def take_verdicts(self, method: str, body: Any, query: dict[str, str]) -> dict[str, Any]:
        if method == "POST":
            self.verdicts.update({check: row for check, row in (body or {}).items() if check in self.checks})
        return self.verdicts

    def force(self, method: str, body: Any, query: dict[str, str]) -> dict[str, bool]:
        """Set checks healthy or unhealthy whatever their probes see; null gives them back to the probes."""
        for check, healthy in (body or {}).items() if method == "POST" else ():
            if check not in self.checks:
                raise ControlError(f"No health check {check}; expected one of {sorted(self.checks)}.")
            if healthy is None:
                self.forced.pop(check, None)
            else:
                self.forced[check] = bool(healthy)
        return self.forced

    def rows(self) -> list[dict[str, Any]]:
        """What the dns process needs to probe."""
        return [{"id": check, "config": row["HealthCheckConfig"]} for check, row in sorted(self.checks.items())]


def _is_settled(row: dict[str, Any] | None) -> bool:
    """Whether the last probe agrees with the verdict."""
    return row is not None and row["reason"].startswith("Success" if row["healthy"] else "Failure")


def build_config(given: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
    """A configuration with AWS's defaults; raises InvalidInput for what AWS refuses."""
    config = {key: value for key, value in given.items() if value not in (None, [], "")}
    kind = config.get("Type")
    if kind not in TYPES:
        raise ApiError("NotImplemented", f"The stand-in does not probe {kind}; it knows {', '.join(TYPES)}.", 501)
    config = {"Inverted": False, "Disabled": False, **config}
    if kind == "CALCULATED":
        return _calculated_config(config, known)
    config = {"RequestInterval": 30, "FailureThreshold": 3, "MeasureLatency": False, **config}
    if kind in PORTS:
        config = {"Port": PORTS[kind], **config}
    config.setdefault("EnableSNI", kind.startswith("HTTPS"))
    _check_config(config)
    return config


def _calculated_config(config: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
    children = _children(config)
    unknown = [child for child in children if child not in known]
    if not children or unknown:
        raise _invalid(f"ChildHealthChecks {unknown or 'is missing'}; expected ids of existing health checks")
    return {"HealthThreshold": len(children), **config}


def _children(config: dict[str, Any]) -> list[str]:
    return config.get("ChildHealthChecks") or []


def _check_config(config: dict[str, Any]) -> None:
    kind = config["Type"]
    if not config.get("IPAddress") and not config.get("FullyQualifiedDomainName"):
        raise _invalid("Either IPAddress or FullyQualifiedDomainName must be specified")
    if "Port" not in config:
        raise _invalid(f"Port must be specified for a {kind} health check")
    if int(config["RequestInterval"]) not in (10, 30):
        raise _invalid(f"RequestInterval {config['RequestInterval']} is not 10 or 30")
    if not 1 <= int(config["FailureThreshold"]) <= 10:
        raise _invalid(f"FailureThreshold {config['FailureThreshold']} is not within 1 and 10")
    if (kind in SEARCH_TYPES) != ("SearchString" in config):
        raise _invalid(f"SearchString goes with {' and '.join(SEARCH_TYPES)} only")
    if kind == "TCP" and config.get("ResourcePath"):
        raise _invalid("ResourcePath cannot be specified for a TCP health check")
    if config.get("EnableSNI") and not kind.startswith("HTTPS"):
        raise _invalid("EnableSNI can be specified for HTTPS health checks only")


def _invalid(text: str) -> ApiError:
    return ApiError("InvalidInput", f"Invalid request: {text}.")


def _changed_fields(call: Call) -> dict[str, Any]:
    others = ("HealthCheckId", "HealthCheckVersion", "ResetElements", *FIXED_FIELDS)
    return {field: value for field, value in call.parameters.items() if field not in others and value is not None}


def _created(check: dict[str, Any]) -> dict[str, Any]:
    return {"HealthCheck": check, "Location": f"https://route53.amazonaws.com/2013-04-01/healthcheck/{check['Id']}"}


def _answer_again(check: dict[str, Any], config: dict[str, Any]) -> dict[str, Any]:
    if check["HealthCheckConfig"] != config:
        text = f"A health check with the caller reference {check['CallerReference']} and other settings exists."
        raise ApiError("HealthCheckAlreadyExists", text, 409)
    return _created(check)
