# SPDX-License-Identifier: GPL-3.0-or-later
"""DB snapshots: create, copy (also to another region), delete, restore. Automated ones are not kept here."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from rehearsal.cloud.errors import ApiError
from rehearsal.cloud.operations import Call
from rehearsal.cloud.rds import placement, refusals
from rehearsal.cloud.rds.dataplane import DataPlane
from rehearsal.cloud.rds.describe import describe_snapshot, resource_id
from rehearsal.cloud.rds.instances import DEFAULTS, Instances, build_facts, refuse_unsupported
from rehearsal.cloud.rds.model import Instance, Snapshot, merge_tags
from rehearsal.cloud.rds.state import Rds

# What a restored instance takes over from the snapshot; everything else starts from RDS's defaults.
RESTORED = (
    "Engine",
    "EngineVersion",
    "LicenseModel",
    "DBInstanceClass",
    "AllocatedStorage",
    "StorageType",
    "Iops",
    "StorageThroughput",
    "MasterUsername",
    "DBName",
    "BackupRetentionPeriod",
    "PreferredBackupWindow",
    "Port",
)
# Part of the time of a snapshot during which its instance cannot be changed.
INSTANCE_HELD = 0.2


class Snapshots:
    """Calls on DB snapshots of one world."""

    def __init__(self, rds: Rds, plane: DataPlane, instances: Instances) -> None:
        self.rds = rds
        self.plane = plane
        self.instances = instances

    def answer(self, snapshot: Snapshot) -> dict[str, Any]:
        return {"DBSnapshot": describe_snapshot(snapshot)}

    def create(self, call: Call) -> dict[str, Any]:
        name = self._new_name(call.region, call.get("DBSnapshotIdentifier"), "DBSnapshotIdentifier")
        instance = self.rds.find_instance(call.region, call.get("DBInstanceIdentifier"))
        refusals.check_available(instance, "take a snapshot of")
        snapshot = self._enter(instance.region, name, describe_origin(instance), call.get("Tags"), instance)
        transition = self._begin(
            snapshot, "snapshot_create", "creating", lambda _timed: self.plane.save(instance, snapshot)
        )
        self._hold(instance, transition)
        return self.answer(snapshot)

    def _hold(self, instance: Instance, transition: Any) -> None:
        """The instance shows `backing-up` while its snapshot begins, at least until the real copy is taken."""

        def free() -> None:
            instance.settled = "available"

        held = self.rds.begin(instance, "snapshot_create", ((0.0, "backing-up"),), free, part=INSTANCE_HELD)
        held.timed.attach(transition.job.finished)

    def make_final(self, instance: Instance, name: str) -> Snapshot:
        """The last snapshot of an instance that is being deleted; the deletion does the real work."""
        name = name.lower()
        snapshot = self._enter(instance.region, name, describe_origin(instance), None, instance)
        self._begin(snapshot, "snapshot_create", "creating", None)
        return snapshot

    def copy(self, call: Call) -> dict[str, Any]:
        target = self._new_name(call.region, call.get("TargetDBSnapshotIdentifier"), "TargetDBSnapshotIdentifier")
        identifier = call.get("SourceDBSnapshotIdentifier")
        source = self.rds.find_snapshot(call.get("SourceRegion") or call.region, identifier)
        refusals.check_snapshot_available(source, "copy")
        cross_region = source.region != call.region
        encrypted, key = bool(source.facts["Encrypted"]), call.get("KmsKeyId")
        refusals.check_copy_key(
            encrypted=encrypted, cross_region=cross_region, key=key, arn_given=identifier.startswith("arn:")
        )
        self._refuse_too_many_copies(call.region, cross_region=cross_region)
        facts = {**source.facts, "SourceDBSnapshotIdentifier": source.arn}
        if key or encrypted:
            key_arn = placement.resolve_key(call.region, key or source.facts["KmsKeyId"])
            facts |= {"Encrypted": True, "KmsKeyId": key_arn}
        if cross_region:
            facts["SourceRegion"] = source.region
        return self._begin_copy(call, source, target, facts)

    def _begin_copy(self, call: Call, source: Snapshot, target: str, facts: dict[str, Any]) -> dict[str, Any]:
        tags = call.get("Tags") or (source.tags if call.get("CopyTags") else [])
        snapshot = self._enter(call.region, target, facts, tags, None)
        source.readers += 1
        doing = "copying" if source.region != call.region else "creating"
        fails = self.rds.failing_copies > 0
        self.rds.failing_copies -= fails
        self._begin(
            snapshot, "snapshot_copy", doing, lambda timed: self.plane.copy(source, snapshot, timed, fails=fails)
        )
        return self.answer(snapshot)

    def _refuse_too_many_copies(self, region: str, *, cross_region: bool) -> None:
        present = self.rds.snapshots(region).values()
        copying = [one for one in present if one.transition and one.facts.get("SourceRegion")]
        limit = self.rds.snapshot_copies_max
        if cross_region and len(copying) >= limit:
            text = f"Cannot copy more than {limit} snapshots across regions, {len(copying)} are under way."
            raise ApiError("SnapshotQuotaExceeded", text)

    def _new_name(self, region: str, name: str, parameter: str) -> str:
        name = refusals.check_name(name, parameter, refusals.SNAPSHOT_NAME_MAX)
        self.rds.refuse_taken_snapshot(region, name)
        return name

    def _enter(self, region: str, name: str, facts: dict[str, Any], tags: Any, tagged: Instance | None) -> Snapshot:
        """Enter a snapshot; without tags of its own it takes the instance's when that says so."""
        if not tags and tagged is not None and tagged.facts["CopyTagsToSnapshot"]:
            tags = tagged.tags
        now = datetime.now(UTC)
        facts = {**facts, "DBSnapshotIdentifier": name, "SnapshotCreateTime": now, "SnapshotType": "manual"}
        facts.setdefault("OriginalSnapshotCreateTime", now)
        snapshot = Snapshot(region, facts, self.plane.snapshot_folder(region, name), merge_tags([], tags or []))
        self.rds.snapshots(region)[name] = snapshot
        return snapshot

    def _begin(self, snapshot: Snapshot, kind: str, doing: str, work: Any) -> Any:
        def kept() -> None:
            snapshot.settled = "available"
            self.rds.add_event(snapshot, "creation", "Manual snapshot created")

        return self.rds.begin(snapshot, kind, ((0.0, doing),), kept, work)

    def delete(self, call: Call) -> dict[str, Any]:
        snapshot = self.rds.find_snapshot(call.region, call.get("DBSnapshotIdentifier"))
        if snapshot.status != "failed":
            refusals.check_snapshot_available(snapshot, "delete")
        if snapshot.readers:
            raise ApiError("InvalidDBSnapshotState", f"DB snapshot {snapshot.identifier} is being copied or restored.")
        del self.rds.snapshots(snapshot.region)[snapshot.identifier]
        self.plane.forget(snapshot)
        shown = describe_snapshot(snapshot)
        return {"DBSnapshot": {**shown, "Status": "deleted"}}

    def restore(self, call: Call) -> dict[str, Any]:
        """A new instance: default parameter group and security group, no protection, no log exports, unless told."""
        parameters = call.parameters
        refuse_unsupported(parameters)
        refusals.check_engine(parameters.get("Engine"))
        snapshot = self.rds.find_snapshot(call.region, parameters["DBSnapshotIdentifier"])
        if snapshot.region != call.region:
            text = f"DBSnapshot {snapshot.arn} not found in {call.region}: copy it there first."
            raise ApiError("DBSnapshotNotFound", text, 404)
        refusals.check_snapshot_available(snapshot, "restore")
        source = snapshot.facts["instance"]
        base = DEFAULTS | {name: source[name] for name in RESTORED if source.get(name) is not None}
        if parameters.get("AllocatedStorage"):
            base |= {"Iops": None, "StorageThroughput": None}
            refusals.check_storage(parameters, source["AllocatedStorage"])
        facts = build_facts({**parameters, "DBName": None}, base)
        facts["StorageEncrypted"] = bool(snapshot.facts["Encrypted"])
        if facts["StorageEncrypted"]:
            facts["KmsKeyId"] = placement.resolve_key(call.region, snapshot.facts["KmsKeyId"])
        instance = self.instances.place(call.region, parameters, facts)
        snapshot.readers += 1
        self.instances.begin(
            instance,
            "db_restore",
            lambda timed: self.plane.restore(instance, timed, snapshot),
            failed_status="incompatible-restore",
        )
        return self.instances.answer(instance)


def describe_origin(instance: Instance) -> dict[str, Any]:
    """What a snapshot knows of its instance, as it is at this moment."""
    facts = instance.facts
    return {
        "instance": dict(facts),
        "DBInstanceIdentifier": instance.identifier,
        "DbiResourceId": resource_id(instance),
        "Encrypted": facts["StorageEncrypted"],
        "KmsKeyId": facts.get("KmsKeyId"),
        "VpcId": instance.subnet_group["VpcId"],
        "InstanceCreateTime": instance.created,
    }
