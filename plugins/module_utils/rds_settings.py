# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings of an RDS instance: where an option stands in a request, and where RDS shows it. Values in, values out.

A setting is one line in SETTINGS. Requests leave out what an operation does not take (a restore takes no monitoring,
for one); the comparison with the running instance then finds it missing, and a modification brings it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any


def _same(found: Any, wanted: Any) -> bool:
    return found == wanted


def _at_least(found: Any, wanted: Any) -> bool:
    """Storage grows by itself where autoscaling is on, and never shrinks."""
    return found is not None and found >= wanted


def _same_text(found: Any, wanted: Any) -> bool:
    """RDS answers windows in lower case."""
    return str(found or "").lower() == str(wanted).lower()


def _same_members(found: Any, wanted: Any) -> bool:
    return sorted(found or []) == sorted(wanted)


def _same_version(found: Any, wanted: Any) -> bool:
    """A major version alone is met by each of its minor versions."""
    return found == wanted or str(found).startswith(f"{wanted}.")


def _field(name: str) -> Callable[[dict], Any]:
    return lambda instance: instance.get(name)


def _flag(name: str) -> Callable[[dict], Any]:
    return lambda instance: bool(instance.get(name))


def _number(name: str) -> Callable[[dict], Any]:
    return lambda instance: instance.get(name) or 0


def _parameter_group(instance: dict) -> str | None:
    groups = instance.get("DBParameterGroups") or []
    return groups[0]["DBParameterGroupName"] if groups else None


def _security_groups(instance: dict) -> list[str]:
    return sorted(group["VpcSecurityGroupId"] for group in instance.get("VpcSecurityGroups") or [])


def _log_exports(instance: dict) -> list[str]:
    return sorted(instance.get("EnabledCloudwatchLogsExports") or [])


@dataclass(frozen=True)
class Setting:
    """One setting: the option's path, the request's parameter, how to read it, and when it is as wanted."""

    path: str
    request: str
    read: Callable[[dict], Any]
    same: Callable[[Any, Any], bool] = _same


SETTINGS = (
    Setting("db_instance_class", "DBInstanceClass", _field("DBInstanceClass")),
    Setting("engine_version", "EngineVersion", _field("EngineVersion"), _same_version),
    Setting("storage.type", "StorageType", _field("StorageType")),
    Setting("storage.gb", "AllocatedStorage", _field("AllocatedStorage"), _at_least),
    Setting("storage.max_gb", "MaxAllocatedStorage", _field("MaxAllocatedStorage")),
    Setting("storage.iops", "Iops", _field("Iops")),
    Setting("storage.throughput", "StorageThroughput", _field("StorageThroughput")),
    Setting("multi_az", "MultiAZ", _flag("MultiAZ")),
    Setting("parameter_group", "DBParameterGroupName", _parameter_group),
    Setting("security_group_ids", "VpcSecurityGroupIds", _security_groups, _same_members),
    Setting("backup.retention_days", "BackupRetentionPeriod", _number("BackupRetentionPeriod")),
    Setting("backup.window", "PreferredBackupWindow", _field("PreferredBackupWindow"), _same_text),
    Setting("maintenance_window", "PreferredMaintenanceWindow", _field("PreferredMaintenanceWindow"), _same_text),
    Setting("monitoring.interval_s", "MonitoringInterval", _number("MonitoringInterval")),
    Setting("monitoring.role_arn", "MonitoringRoleArn", _field("MonitoringRoleArn")),
    Setting("log_exports", "EnableCloudwatchLogsExports", _log_exports, _same_members),
    Setting("deletion_protection", "DeletionProtection", _flag("DeletionProtection")),
    Setting("publicly_accessible", "PubliclyAccessible", _flag("PubliclyAccessible")),
    Setting("auto_minor_version_upgrade", "AutoMinorVersionUpgrade", _flag("AutoMinorVersionUpgrade")),
    Setting("copy_tags_to_snapshot", "CopyTagsToSnapshot", _flag("CopyTagsToSnapshot")),
    Setting("performance_insights", "EnablePerformanceInsights", _flag("PerformanceInsightsEnabled")),
)
BY_PATH = {setting.path: setting for setting in SETTINGS}
# The parameters beside the size, with their option in `storage`, and what a small gp3 has of them.
PERFORMANCE = {"Iops": "iops", "StorageThroughput": "throughput"}
GP3_BASELINE = {"Iops": 3000, "StorageThroughput": 125}


def option(params: dict, path: str) -> Any:
    """The value of a possibly nested option; None when it, or what it is in, was not given."""
    value: Any = params
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def wanted_settings(params: dict) -> dict[str, Any]:
    """The settings that were given. What was omitted stays as it is."""
    given = {setting.path: option(params, setting.path) for setting in SETTINGS}
    # A role without monitoring would be refused by RDS, and be drift for ever.
    if given["monitoring.interval_s"] == 0:
        given["monitoring.role_arn"] = None
    return {path: value for path, value in given.items() if value is not None}


def read_settings(instance: dict, paths: Iterable[str]) -> dict[str, Any]:
    """What the instance has, for these settings."""
    return {path: BY_PATH[path].read(instance) for path in paths}


def find_drift(instance: dict, wanted: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Settings that are not as wanted, each with what was found."""
    found = read_settings(instance, wanted)
    return {
        path: {"found": found[path], "wanted": value}
        for path, value in wanted.items()
        if not BY_PATH[path].same(found[path], value)
    }


def build_settings_request(wanted: dict[str, Any], accepted: Iterable[str]) -> dict[str, Any]:
    """The wanted settings as parameters of an operation, as far as it takes them."""
    parameters = {BY_PATH[path].request: value for path, value in wanted.items()}
    return {name: value for name, value in parameters.items() if name in set(accepted)}


def beyond_source(wanted: dict[str, Any], source: dict | None) -> dict[str, Any]:
    """The settings to create from this snapshot or instance with.

    RDS takes over the size of the source and refuses a smaller one, so a size is asked for only above it.
    """
    present_gb = (source or {}).get("AllocatedStorage") or 0
    return {path: value for path, value in wanted.items() if path != "storage.gb" or value > present_gb}


def build_modify_request(drift: dict[str, dict[str, Any]], wanted: dict[str, Any], instance: dict) -> dict[str, Any]:
    """One modification for all drift, with the companions that RDS wants to be told together."""
    paths = set(drift)
    if any(path.startswith("monitoring.") for path in paths):
        paths |= {path for path in wanted if path.startswith("monitoring.")}
    request = {BY_PATH[path].request: wanted[path] for path in wanted if path in paths}
    request.pop("EnableCloudwatchLogsExports", None)
    request |= build_storage_companions(drift, wanted, instance)
    if "log_exports" in drift:
        request["CloudwatchLogsExportConfiguration"] = build_log_change(**drift["log_exports"])
    return request


def build_storage_companions(
    drift: dict[str, dict[str, Any]], wanted: dict[str, Any], instance: dict
) -> dict[str, Any]:
    """Size and performance are told together. What has grown keeps its size: RDS refuses to make it smaller."""
    if not any(path.startswith("storage.") and path != "storage.max_gb" for path in drift):
        return {}
    kept = own_performance(instance, wanted.get("storage.type", instance.get("StorageType")))
    companions = {name: value for name, value in kept.items() if f"storage.{PERFORMANCE[name]}" not in drift}
    if "storage.gb" in wanted:
        companions["AllocatedStorage"] = max(wanted["storage.gb"], instance.get("AllocatedStorage") or 0)
    return companions


def own_performance(instance: dict, kind: str | None) -> dict[str, int]:
    """What was provisioned beside the size, as far as storage of this kind goes on with it.

    The baseline of a small gp3 is not provisioned: RDS refuses to be told it.
    """
    found = {name: instance[name] for name in PERFORMANCE if instance.get(name)}
    kinds = {kind, instance.get("StorageType")}
    if kinds == {"gp3"} and any(value > GP3_BASELINE[name] for name, value in found.items()):
        return found
    return {"Iops": found["Iops"]} if kinds <= {"io1", "io2"} and "Iops" in found else {}


def build_log_change(found: list[str], wanted: list[str]) -> dict[str, list[str]]:
    """Log exports are changed by naming what to switch on and what to switch off."""
    change = {
        "EnableLogTypes": sorted(set(wanted) - set(found)),
        "DisableLogTypes": sorted(set(found) - set(wanted)),
    }
    return {key: logs for key, logs in change.items() if logs}


def is_reboot_pending(instance: dict) -> bool:
    groups = instance.get("DBParameterGroups") or []
    return any(group.get("ParameterApplyStatus") == "pending-reboot" for group in groups)
