# SPDX-License-Identifier: GPL-3.0-or-later
"""DB instances: create, reboot, stop, start, delete. What a call does not say gets RDS's default."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moto.ec2.models import ec2_backends

from rehearsal.cloud.operations import Call
from rehearsal.cloud.rds import catalog, placement, refusals
from rehearsal.cloud.rds.dataplane import REACHABLE, DataPlane
from rehearsal.cloud.rds.describe import describe_instance
from rehearsal.cloud.rds.model import CREATING, Instance, Snapshot, merge_tags
from rehearsal.cloud.rds.state import Rds
from rehearsal.settings import ACCOUNT_ID, DATABASE_PORT

BACKING_UP = (REACHABLE, "backing-up")
DEFAULTS: dict[str, Any] = {
    "Engine": catalog.ENGINE,
    "LicenseModel": "postgresql-license",
    "AutoMinorVersionUpgrade": True,
    "BackupRetentionPeriod": 1,
    "CopyTagsToSnapshot": False,
    "DeletionProtection": False,
    "MultiAZ": False,
    "PubliclyAccessible": False,
    "MonitoringInterval": 0,
    "PreferredBackupWindow": "03:00-03:30",
    "PreferredMaintenanceWindow": "sun:05:00-sun:05:30",
    "CACertificateIdentifier": "rds-ca-rsa2048-g1",
    "IAMDatabaseAuthenticationEnabled": False,
    "PerformanceInsightsEnabled": False,
    "StorageType": "gp3",
    "StorageEncrypted": False,
    "Port": DATABASE_PORT,
}
# Parameters of calls that become a fact of the same name.
TAKEN = (
    *DEFAULTS,
    "AllocatedStorage",
    "MaxAllocatedStorage",
    "Iops",
    "StorageThroughput",
    "DBInstanceClass",
    "DBName",
    "MasterUsername",
    "MonitoringRoleArn",
    "PerformanceInsightsKMSKeyId",
    "PerformanceInsightsRetentionPeriod",
)
RENAMED = {
    "EnableIAMDatabaseAuthentication": "IAMDatabaseAuthenticationEnabled",
    "EnablePerformanceInsights": "PerformanceInsightsEnabled",
    "EnableCloudwatchLogsExports": "EnabledCloudwatchLogsExports",
}
GP3_SMALL_GB, GP3_IOPS, GP3_THROUGHPUT = 400, 3000, 125
GP3_LARGE_IOPS, GP3_LARGE_THROUGHPUT = 12000, 500
# What the API must refuse, because nothing here stands behind it.
UNSUPPORTED = (
    "CustomIamInstanceProfile",
    "DBClusterIdentifier",
    "Domain",
    "ManageMasterUserPassword",
    "TdeCredentialArn",
)


class Instances:
    """Calls on DB instances of one world."""

    def __init__(self, rds: Rds, plane: DataPlane) -> None:
        self.rds = rds
        self.plane = plane

    def create(self, call: Call) -> dict[str, Any]:
        parameters = call.parameters
        refuse_unsupported(parameters)
        refusals.check_engine(parameters.get("Engine"))
        refusals.check_master(parameters.get("MasterUsername"), parameters.get("MasterUserPassword"))
        facts = build_facts(parameters, DEFAULTS)
        facts["EngineVersion"] = catalog.resolve_version(parameters.get("EngineVersion"))
        if parameters.get("StorageEncrypted"):
            facts["KmsKeyId"] = placement.resolve_key(call.region, parameters.get("KmsKeyId"))
        instance = self.place(call.region, parameters, facts)
        password = parameters["MasterUserPassword"]
        self.begin(instance, "db_create", lambda timed: self.plane.create(instance, timed, password))
        return self.answer(instance)

    def place(self, region: str, parameters: Mapping[str, Any], facts: dict[str, Any]) -> Instance:
        """Check where the instance goes and enter it, still without a state."""
        identifier = refusals.check_name(parameters["DBInstanceIdentifier"], "DBInstanceIdentifier")
        self.rds.refuse_taken_instance(region, identifier)
        facts["DBInstanceIdentifier"] = identifier
        check_facts(facts)
        group = placement.resolve_subnet_group(region, parameters.get("DBSubnetGroupName"))
        facts |= placement.choose_zones(group, parameters.get("AvailabilityZone"), multi_az=facts["MultiAZ"])
        wanted = parameters.get("VpcSecurityGroupIds")
        facts["VpcSecurityGroupIds"] = placement.resolve_security_groups(region, wanted, group["VpcId"])
        name = placement.resolve_parameter_group(region, parameters.get("DBParameterGroupName"), facts["EngineVersion"])
        facts["DBParameterGroupName"] = name
        cluster = self.plane.new_cluster(region, identifier, facts["Port"])
        cluster.parameters = placement.group_parameters(region, name)
        instance = Instance(region, facts, cluster, group, merge_tags([], parameters.get("Tags") or []))
        self.rds.instances(region)[identifier] = instance
        self.hold_interfaces(instance)
        return instance

    def begin(self, instance: Instance, kind: str, work: Any, **more: Any) -> None:
        """Begin the first state; with automated backups a first one is taken before the instance is available."""
        stages = (CREATING, BACKING_UP) if instance.facts["BackupRetentionPeriod"] else (CREATING,)

        def created() -> None:
            instance.settled = "available"
            self.rds.add_event(instance, "creation", "DB instance created")

        self.rds.begin(instance, kind, stages, created, work, **more)

    def answer(self, instance: Instance) -> dict[str, Any]:
        return {"DBInstance": describe_instance(instance)}

    # --- interfaces in the customer's subnets

    def hold_interfaces(self, instance: Instance) -> None:
        """One interface per zone that the instance uses: they keep subnets and security groups from being deleted."""
        if self.rds.world.enis is None:
            return
        zones = [instance.facts["AvailabilityZone"], instance.facts.get("SecondaryAvailabilityZone")]
        for zone in filter(None, zones):
            row = next(r for r in instance.subnet_group["Subnets"] if r["SubnetAvailabilityZone"]["Name"] == zone)
            eni_id = self.rds.world.enis.create(
                "amazon-rds",
                "RDSNetworkInterface",
                row["SubnetIdentifier"],
                instance.facts["VpcSecurityGroupIds"],
                instance.region,
            )
            instance.interfaces.append(eni_id)

    def release_interfaces(self, instance: Instance) -> None:
        for eni_id in instance.interfaces:
            self.rds.world.enis.release(eni_id, instance.region)
        instance.interfaces.clear()

    def renew_interfaces(self, instance: Instance) -> None:
        """Give the interfaces the present zones and security groups."""
        if any(eni_id not in ec2_backends[ACCOUNT_ID][instance.region].enis for eni_id in instance.interfaces):
            instance.interfaces.clear()
        self.release_interfaces(instance)
        self.hold_interfaces(instance)

    # --- reboot, stop, start

    def reboot(self, call: Call) -> dict[str, Any]:
        """A reboot; with ForceFailover an immediate stop (a crash) and the other zone, over the same data."""
        instance = self.rds.find_instance(call.region, call.get("DBInstanceIdentifier"))
        refusals.check_available(instance, "reboot")
        failover = bool(call.get("ForceFailover"))
        if failover and not instance.facts["MultiAZ"]:
            raise refusals.contradiction("ForceFailover can be specified only for a Multi-AZ DB instance.")

        def rebooted() -> None:
            instance.settled, instance.parameters_pending = "available", False
            if failover:
                swap_zones(instance)
            message = "Multi-AZ instance failover completed" if failover else "DB instance restarted"
            self.rds.add_event(instance, "failover" if failover else "availability", message)

        kind = "db_failover" if failover else "db_reboot"
        self.rds.begin(
            instance,
            kind,
            ((0.0, "rebooting"),),
            rebooted,
            lambda timed: self.plane.reboot(instance, timed, immediate=failover),
        )
        return self.answer(instance)

    def stop(self, call: Call) -> dict[str, Any]:
        instance = self.rds.find_instance(call.region, call.get("DBInstanceIdentifier"))
        refusals.check_available(instance, "stop")
        if instance.source is not None or instance.replicas:
            raise refusals.wrong_state(f"DB instance {instance.identifier} replicates: it cannot be stopped.")
        if call.get("DBSnapshotIdentifier"):
            raise NotImplementedError("StopDBInstance with a snapshot; take it with CreateDBSnapshot first")

        def stopped() -> None:
            instance.settled = "stopped"

        self.rds.begin(instance, "db_stop", ((0.0, "stopping"),), stopped, lambda _timed: instance.cluster.stop())
        return self.answer(instance)

    def start(self, call: Call) -> dict[str, Any]:
        instance = self.rds.find_instance(call.region, call.get("DBInstanceIdentifier"))
        if instance.status != "stopped":
            raise refusals.wrong_state(f"Instance {instance.identifier} is {instance.status}, expected stopped.")

        def started() -> None:
            instance.settled = "available"

        self.rds.begin(instance, "db_start", ((0.0, "starting"),), started, lambda _timed: instance.cluster.start())
        return self.answer(instance)

    # --- delete

    def check_delete(self, call: Call) -> Instance:
        """Every refusal comes before anything changes."""
        instance = self.rds.find_instance(call.region, call.get("DBInstanceIdentifier"))
        name, skip = call.get("FinalDBSnapshotIdentifier"), bool(call.get("SkipFinalSnapshot"))
        if call.get("DeleteAutomatedBackups") is False:
            raise NotImplementedError("automated backups that outlive their DB instance")
        refusals.check_not_protected(instance)
        refusals.check_final_snapshot(instance, name, skip=skip)
        if name:
            name = refusals.check_name(name, "FinalDBSnapshotIdentifier", refusals.SNAPSHOT_NAME_MAX)
            self.rds.refuse_taken_snapshot(call.region, name)
        refusals.check_deletable(instance)
        return instance

    def delete(self, call: Call, make_final: Any) -> dict[str, Any]:
        instance = self.check_delete(call)
        name = call.get("FinalDBSnapshotIdentifier")
        final: Snapshot | None = make_final(instance, name) if name else None

        def deleted() -> None:
            self.rds.instances(instance.region).pop(instance.identifier, None)
            self.release_interfaces(instance)
            if instance.source is not None and instance in instance.source.replicas:
                instance.source.replicas.remove(instance)
            self.rds.add_event(instance, "deletion", "DB instance deleted")

        deletion = self.rds.begin(
            instance, "db_delete", ((0.0, "deleting"),), deleted, lambda _timed: self.plane.delete(instance, final)
        )
        if final is not None:
            final.transition.share_job(deletion.job)
        return self.answer(instance)


def refuse_unsupported(parameters: Mapping[str, Any]) -> None:
    """An option that cannot be honoured must not pass for done."""
    found = [name for name in UNSUPPORTED if parameters.get(name)]
    if found:
        raise NotImplementedError(f"options {', '.join(found)} of DB instances")


def build_facts(parameters: Mapping[str, Any], base: Mapping[str, Any]) -> dict[str, Any]:
    """Facts of a new instance: what a call says over what it does not."""
    facts = dict(base)
    facts |= {name: parameters[name] for name in TAKEN if parameters.get(name) is not None}
    facts |= {fact: parameters[name] for name, fact in RENAMED.items() if parameters.get(name) is not None}
    for window in ("PreferredMaintenanceWindow", "PreferredBackupWindow"):
        facts[window] = facts[window].lower()
    facts.update(storage_performance(facts))
    return facts


def storage_performance(facts: Mapping[str, Any]) -> dict[str, Any]:
    """IOPS and throughput of gp3: fixed below 400 GB, a baseline that can be raised above."""
    if facts.get("StorageType") != "gp3":
        return {}
    small = (facts.get("AllocatedStorage") or 0) < GP3_SMALL_GB
    iops, throughput = (GP3_IOPS, GP3_THROUGHPUT) if small else (GP3_LARGE_IOPS, GP3_LARGE_THROUGHPUT)
    found = (facts.get("Iops") or iops, facts.get("StorageThroughput") or throughput)
    if small and found != (iops, throughput):
        raise refusals.contradiction(
            "You can't specify IOPS or storage throughput for engine postgres and a storage size less than 400."
        )
    return {"Iops": found[0], "StorageThroughput": found[1]}


def check_facts(facts: Mapping[str, Any]) -> None:
    if facts.get("AllocatedStorage") is None:
        raise refusals.invalid("The parameter AllocatedStorage must be provided.")
    refusals.check_class(facts.get("DBInstanceClass", ""))
    refusals.check_storage(facts)
    refusals.check_retention(facts["BackupRetentionPeriod"])
    refusals.check_monitoring(facts["MonitoringInterval"], facts.get("MonitoringRoleArn"))
    refusals.check_windows(facts["PreferredMaintenanceWindow"], facts["PreferredBackupWindow"])
    refusals.check_log_types(facts.get("EnabledCloudwatchLogsExports") or [])


def swap_zones(instance: Instance) -> None:
    facts = instance.facts
    facts["AvailabilityZone"], facts["SecondaryAvailabilityZone"] = (
        facts["SecondaryAvailabilityZone"],
        facts["AvailabilityZone"],
    )
