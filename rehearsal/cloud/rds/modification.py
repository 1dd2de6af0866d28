# SPDX-License-Identifier: GPL-3.0-or-later
"""ModifyDBInstance: some changes hold at once, some wait for `modifying` to end, some for a maintenance window."""

from __future__ import annotations

from typing import Any

from rehearsal.cloud.operations import Call
from rehearsal.cloud.rds import catalog, placement, refusals
from rehearsal.cloud.rds.instances import RENAMED, Instances, refuse_unsupported, storage_performance
from rehearsal.cloud.rds.model import Instance, Job

# Without ApplyImmediately these wait as PendingModifiedValues.
PENDABLE = (
    "AllocatedStorage",
    "BackupRetentionPeriod",
    "CACertificateIdentifier",
    "DBInstanceClass",
    "EngineVersion",
    "Iops",
    "MasterUserPassword",
    "MultiAZ",
    "StorageThroughput",
    "StorageType",
)
# These hold at once and the instance stays available.
SILENT = (
    "AutoMinorVersionUpgrade",
    "CopyTagsToSnapshot",
    "DeletionProtection",
    "MaxAllocatedStorage",
    "PreferredBackupWindow",
    "PreferredMaintenanceWindow",
)
# These hold at once and the instance shows `modifying` meanwhile.
VISIBLE = (
    "DBParameterGroupName",
    "EnabledCloudwatchLogsExports",
    "IAMDatabaseAuthenticationEnabled",
    "MonitoringInterval",
    "MonitoringRoleArn",
    "PerformanceInsightsEnabled",
    "PerformanceInsightsKMSKeyId",
    "PerformanceInsightsRetentionPeriod",
    "PubliclyAccessible",
    "VpcSecurityGroupIds",
)
RESTARTING = ("DBInstanceClass", "EngineVersion")
REFUSED = ("DBPortNumber", "DBSubnetGroupName", "OptionGroupName", "RotateMasterUserPassword")


def modify(instances: Instances, call: Call) -> dict[str, Any]:
    """Check everything, then change what differs; a call that changes nothing leaves the instance available."""
    parameters = call.parameters
    instance = instances.rds.find_instance(call.region, parameters["DBInstanceIdentifier"])
    refusals.check_available(instance, "modify")
    refuse_unsupported(parameters)
    if any(parameters.get(name) for name in REFUSED):
        raise NotImplementedError(f"ModifyDBInstance with one of {', '.join(REFUSED)}")
    changes = find_changes(instance, parameters)
    check_changes(instance, changes, parameters)
    later = {name: changes.pop(name) for name in PENDABLE if name in changes}
    if parameters.get("ApplyImmediately"):
        later = {**instance.pending, **later}
        instance.pending = {}
    else:
        instance.pending |= later
        later = {}
    apply_at_once(instances, instance, changes)
    new_name = parameters.get("NewDBInstanceIdentifier")
    if new_name and new_name.lower() != instance.identifier:
        rename(instances, instance, new_name, now=bool(parameters.get("ApplyImmediately")))
    elif later or set(changes) & set(VISIBLE):
        begin(instances, instance, later)
    return instances.answer(instance)


def find_changes(instance: Instance, parameters: dict[str, Any]) -> dict[str, Any]:
    """What a call wants to be different from what is; a password cannot be compared, so it always is."""
    wanted = {RENAMED.get(name, name): value for name, value in parameters.items() if value is not None}
    wanted |= {name: wanted[name].lower() for name in ("PreferredMaintenanceWindow",) if name in wanted}
    if "EngineVersion" in wanted:
        wanted["EngineVersion"] = catalog.resolve_version(wanted["EngineVersion"])
    exports = wanted.pop("CloudwatchLogsExportConfiguration", None)
    if exports:
        present = set(instance.facts.get("EnabledCloudwatchLogsExports") or [])
        chosen = (present | set(exports.get("EnableLogTypes") or [])) - set(exports.get("DisableLogTypes") or [])
        wanted["EnabledCloudwatchLogsExports"] = sorted(chosen)
    known = (*PENDABLE, *SILENT, *VISIBLE)
    return {name: wanted[name] for name in known if name in wanted and differs(instance, name, wanted[name])}


def differs(instance: Instance, name: str, value: Any) -> bool:
    present = {**instance.facts, **instance.pending}.get(name)
    if isinstance(value, list):
        return sorted(value) != sorted(present or [])
    return value != present


def check_changes(instance: Instance, changes: dict[str, Any], parameters: dict[str, Any]) -> None:
    facts = instance.facts
    after = {**facts, **changes}
    if "DBInstanceClass" in changes:
        refusals.check_class(changes["DBInstanceClass"])
    if "MasterUserPassword" in changes:
        refusals.check_password(changes["MasterUserPassword"])
        if instance.source is not None:
            raise refusals.wrong_state(f"DB instance {instance.identifier} is a replica: its password is its source's.")
    if "EngineVersion" in changes:
        check_upgrade(facts["EngineVersion"], changes["EngineVersion"])
    refusals.check_retention(changes.get("BackupRetentionPeriod"))
    if changes.get("BackupRetentionPeriod") == 0 and instance.replicas:
        raise refusals.wrong_state(f"DB instance {instance.identifier} has read replicas: it needs backups.")
    refusals.check_storage(changes, facts["AllocatedStorage"])
    if after["MonitoringInterval"]:
        refusals.check_monitoring(after["MonitoringInterval"], after.get("MonitoringRoleArn"))
    refusals.check_windows(after["PreferredMaintenanceWindow"], after["PreferredBackupWindow"])
    refusals.check_log_types(changes.get("EnabledCloudwatchLogsExports") or [])
    check_placement(instance, changes, after)
    if set(changes) & {"Iops", "StorageThroughput", "StorageType", "AllocatedStorage"}:
        changes.update(_changed_performance(instance, changes, parameters))


def _changed_performance(instance: Instance, changes: dict[str, Any], parameters: dict[str, Any]) -> dict[str, Any]:
    asked = {name: parameters[name] for name in ("Iops", "StorageThroughput") if parameters.get(name) is not None}
    base = {name: changes.get(name, instance.facts.get(name)) for name in ("StorageType", "AllocatedStorage")}
    found = storage_performance(base | asked)
    return {name: value for name, value in found.items() if differs(instance, name, value)}


def check_placement(instance: Instance, changes: dict[str, Any], after: dict[str, Any]) -> None:
    region = instance.region
    if "DBParameterGroupName" in changes:
        placement.resolve_parameter_group(region, changes["DBParameterGroupName"], after["EngineVersion"])
    if "VpcSecurityGroupIds" in changes:
        placement.resolve_security_groups(region, changes["VpcSecurityGroupIds"], instance.subnet_group["VpcId"])
    if changes.get("MultiAZ"):
        placement.choose_zones(instance.subnet_group, None, multi_az=True)


def check_upgrade(present: str, wanted: str) -> None:
    if wanted not in catalog.upgrade_targets(present):
        raise refusals.contradiction(f"Cannot upgrade postgres from {present} to {wanted}")
    if wanted.split(".")[0] != present.split(".")[0]:
        raise NotImplementedError("a major version upgrade; the PostgreSQL behind an instance keeps its version")


def apply_at_once(instances: Instances, instance: Instance, changes: dict[str, Any]) -> None:
    """Changes that do not wait; a parameter group takes effect with the next reboot."""
    instance.facts.update(changes)
    if not instance.facts["MonitoringInterval"]:
        instance.facts.pop("MonitoringRoleArn", None)
    if "DBParameterGroupName" in changes:
        instance.parameters_pending = True
    if "VpcSecurityGroupIds" in changes:
        instances.renew_interfaces(instance)


def begin(instances: Instances, instance: Instance, changes: dict[str, Any]) -> None:
    """Show `modifying`, do the real part, and let the new values hold at its end."""
    enabling_backups = changes.get("BackupRetentionPeriod", 0) > 0 and not instance.facts["BackupRetentionPeriod"]
    doing = "upgrading" if "EngineVersion" in changes else "modifying"
    stages = ((0.0, doing), (0.5, "backing-up")) if enabling_backups else ((0.0, doing),)

    def work(timed: Any) -> None:
        if "MasterUserPassword" in changes:
            instance.cluster.set_password(instance.facts["MasterUsername"], changes["MasterUserPassword"])
        if set(changes) & set(RESTARTING):
            instances.plane.reboot(instance, timed, immediate=False)

    def modified() -> None:
        instance.settled = "available"
        if set(changes) & set(RESTARTING):
            instance.parameters_pending = False
        instance.facts.update({name: value for name, value in changes.items() if name != "MasterUserPassword"})
        if "MultiAZ" in changes:
            change_zones(instances, instance)
        instances.rds.add_event(instance, "configuration change", "Finished applying modification to the DB instance")

    instances.rds.begin(instance, "db_modify", stages, modified, work, pending=dict(changes))


def change_zones(instances: Instances, instance: Instance) -> None:
    facts = instance.facts
    facts.pop("SecondaryAvailabilityZone", None)
    if facts["MultiAZ"]:
        others = [zone for zone in placement.zones_of(instance.subnet_group) if zone != facts["AvailabilityZone"]]
        facts["SecondaryAvailabilityZone"] = others[0]
    instances.renew_interfaces(instance)


def rename(instances: Instances, instance: Instance, new_name: str, *, now: bool) -> None:
    """A new name is a new endpoint: clients that hold the old one find nothing there."""
    rds = instances.rds
    name = refusals.check_name(new_name, "NewDBInstanceIdentifier")
    rds.refuse_taken_instance(instance.region, name)
    if not now:
        instance.pending["DBInstanceIdentifier"] = name
        return

    def renamed() -> None:
        rds.unregister_host(instance)
        rds.instances(instance.region).pop(instance.identifier, None)
        instance.facts["DBInstanceIdentifier"] = name
        instance.settled = "available"
        rds.instances(instance.region)[name] = instance
        rds.register_host(instance)
        Job(f"new name {name}", lambda: instances.plane.rename(instance))

    rds.begin(instance, "db_modify", ((0.0, "renaming"),), renamed, pending={"DBInstanceIdentifier": name})
