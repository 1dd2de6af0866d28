# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module rds_database asks of RDS, and what it refuses: options and the present state in, a request out."""

from __future__ import annotations

import json

from ansible_collections.medzen.multiregion.plugins.module_utils import rds
from ansible_collections.medzen.multiregion.plugins.module_utils import rds_settings as settings
from ansible_collections.medzen.multiregion.plugins.module_utils import tags as tagging
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused

OWN_TAGS = "medzen:"
PASSWORD_VERSION_TAG = "medzen:master-password-version"


def parse_password(text):
    """The password in a secret: plain text, or JSON with the key `password`."""
    try:
        document = json.loads(text)
    except ValueError:
        return text
    return document.get("password", text) if isinstance(document, dict) else text


def current_version(secret):
    """Identifier of the version that the secret's readers get."""
    versions = (secret or {}).get("VersionIdsToStages") or {}
    return next((version for version, stages in versions.items() if "AWSCURRENT" in stages), None)


def role(instance):
    if instance is None:
        return "absent"
    return "replica" if rds.is_replica(instance) else "primary"


def build_source_request(params, key_arn):
    """What only the chosen way of creation takes."""
    source = params["source"]
    if source["type"] == "snapshot":
        return {"DBSnapshotIdentifier": source["snapshot_id"]}
    if source["type"] == "replica":
        request = {"SourceDBInstanceIdentifier": source["replica_of_arn"], "KmsKeyId": key_arn}
        region = source["source_region"] or source["replica_of_arn"].split(":")[3]
        return {**{key: value for key, value in request.items() if value}, "SourceRegion": region}
    master = params["master"] or {}
    request = {
        "Engine": params["engine"],
        "DBName": params["database_name"],
        "MasterUsername": master.get("user"),
        "KmsKeyId": key_arn,
        # An unencrypted database is never made by omission.
        "StorageEncrypted": True,
    }
    return {key: value for key, value in request.items() if value is not None}


def build_create_request(params, wanted, key_arn, accepted):
    """A creation with every setting that the operation takes."""
    general = {
        "DBSubnetGroupName": params["subnet_group"],
        "Port": params["port"],
        "Tags": tagging.to_boto(params["tags"]) or None,
        "PubliclyAccessible": False,
    }
    general = {key: value for key, value in general.items() if value is not None and key in accepted}
    return {
        **general,
        **settings.build_settings_request(wanted, accepted),
        **build_source_request(params, key_arn),
    }


def build_diff(name, before, after):
    return {"before": {name: before} if before is not None else {}, "after": {name: after} if after is not None else {}}


def find_fixed_mismatches(instance, params, key_arn):
    """Values that cannot be changed in an instance and are not as given, as (what, found, wanted)."""
    fresh = params["source"]["type"] == "fresh"
    pairs = [
        ("engine", instance.get("Engine"), params["engine"]),
        ("subnet_group", (instance.get("DBSubnetGroup") or {}).get("DBSubnetGroupName"), params["subnet_group"]),
        ("kms_key_id", instance.get("KmsKeyId"), key_arn),
        ("database_name", instance.get("DBName"), params["database_name"] if fresh else None),
        ("master.user", instance.get("MasterUsername"), (params["master"] or {}).get("user") if fresh else None),
    ]
    return [(what, found, wanted) for what, found, wanted in pairs if wanted is not None and found != wanted]


def check_fixed(instance, params, key_arn):
    """Refuse an instance that would have to be made again to become the one wanted."""
    name = params["db_instance_identifier"]
    if mismatches := find_fixed_mismatches(instance, params, key_arn):
        raise Refused(
            f"Database {name} exists with values that cannot be changed",
            found=", ".join(f"{what} {found}" for what, found, _wanted in mismatches),
            expected=", ".join(f"{what} {wanted}" for what, _found, wanted in mismatches),
            next_step="correct the options, or retire that database first",
        )
    wanted_arn = params["source"]["replica_of_arn"]
    if params["source"]["type"] == "replica" and rds.is_replica(instance) and wanted_arn:
        found = rds.source_arn(instance)
        if found not in (wanted_arn, wanted_arn.split(":")[-1]):
            raise Refused(
                f"Database {name} replicates from another source",
                found=found,
                expected=wanted_arn,
                next_step="correct source.replica_of_arn, or retire that replica first",
            )


def check_version(drift, params):
    if "engine_version" in drift and not params["engine_version_change"]:
        raise Refused(
            f"Database {params['db_instance_identifier']} has another engine version",
            found=drift["engine_version"]["found"],
            expected=drift["engine_version"]["wanted"],
            next_step="pin engine_version to what runs, or set engine_version_change outside of a move",
        )


def check_state(instance, name):
    """Refuse an instance that will not come to rest by itself."""
    state = rds.status(instance)
    if state in ("deleting", "stopped", "stopping") or rds.failure_reason(instance):
        raise Refused(
            f"Database {name} cannot be worked on",
            found=f"status {state}",
            expected="a running instance",
            next_step="wait until it is gone" if state == "deleting" else "start or repair it, then run again",
        )


def check_key(key, name, region):
    if key is None or not key["Enabled"]:
        raise Refused(
            f"Key {name} in {region} cannot encrypt the database",
            found="no such key" if key is None else f"state {key['KeyState']}",
            expected="an enabled key of the same region",
            next_step="create or enable the key, or name another",
        )


def check_snapshot_source(snapshot, params, key_arn):
    """Refuse a snapshot that would restore into something else than wanted."""
    name = params["source"]["snapshot_id"]
    if reason := rds.snapshot_failure_reason(snapshot):
        raise Refused(f"Snapshot {name} cannot be restored", found=reason, next_step="copy it again under a new name")
    wanted = {"KmsKeyId": key_arn, "Engine": params["engine"]}
    wrong = {key: snapshot.get(key) for key, value in wanted.items() if value and snapshot.get(key) != value}
    if wrong:
        raise Refused(
            f"Snapshot {name} would restore into another database than wanted",
            found=wrong,
            expected={key: wanted[key] for key in wrong},
            next_step="copy the snapshot with the right key",
        )
    found = {"EngineVersion": snapshot.get("EngineVersion")}
    version = params["engine_version"]
    if version and settings.find_drift(found, {"engine_version": version}) and not params["engine_version_change"]:
        raise Refused(
            f"Snapshot {name} has another engine version",
            found=found["EngineVersion"],
            expected=version,
            next_step="pin engine_version to that of the snapshot: a move changes no version",
        )


def check_replica_source(source, params, key_arn, region):
    """Refuse a source that cannot be replicated, before RDS is asked."""
    arn = params["source"]["replica_of_arn"]
    if source is None:
        raise Refused(f"There is no database {arn} to replicate", next_step="check source.replica_of_arn")
    if not source.get("BackupRetentionPeriod"):
        raise Refused(
            f"Database {arn} has no automated backups",
            found="backup retention 0 days",
            expected="1 day or more",
            next_step="switch backups on there, outside of working hours: it may reboot",
        )
    if source.get("StorageEncrypted") and not key_arn and arn.split(":")[3] != region:
        raise Refused(
            f"Database {arn} is encrypted",
            found="no kms_key_id",
            expected=f"a key of {region}",
            next_step="name the key that the replica is to be encrypted with",
        )


def diff_tags(instance, params, password_version=None):
    """Tags to set and to remove. The collection's own tags are not up for purging."""
    present = tagging.from_boto(instance.get("TagList"))
    to_set, to_remove = tagging.diff_tags(present, params["tags"], params["purge_tags"])
    if password_version:
        to_set[PASSWORD_VERSION_TAG] = password_version
    return present, to_set, [key for key in to_remove if not key.startswith(OWN_TAGS)]


def check_deletable(instance, params):
    """Refuse a deletion that something or somebody still protects from."""
    name = params["db_instance_identifier"]
    if instance.get("DeletionProtection") and params["deletion_protection"] is not False:
        raise Refused(
            f"Database {name} is protected from deletion",
            found="deletion protection on",
            next_step="give deletion_protection: false together with state: absent",
        )
    if replicas := instance.get("ReadReplicaDBInstanceIdentifiers"):
        raise Refused(
            f"Database {name} still has replicas",
            found=", ".join(replicas),
            expected="none",
            next_step="promote or delete them first",
        )


def build_delete_request(instance, params):
    """The deletion, with a final snapshot unless the identifier was typed again."""
    name, final, skip = (
        params["db_instance_identifier"],
        params["final_snapshot_identifier"],
        params["skip_final_snapshot"],
    )
    request = {"DeleteAutomatedBackups": params["delete_automated_backups"]}
    if skip and skip != name:
        raise Refused("skip_final_snapshot names another database", found=skip, expected=name)
    if skip and not final:
        return {**request, "SkipFinalSnapshot": True}
    if rds.is_replica(instance):
        raise Refused(
            f"Database {name} is a replica and takes no final snapshot",
            found=f"final_snapshot_identifier {final or 'not given'}",
            expected=f"skip_final_snapshot: {name}",
            next_step="type the identifier there if the replica is to go",
        )
    if not final or skip:
        raise Refused(
            f"Deleting database {name} needs exactly one of two options",
            found="both" if final else "neither",
            expected="final_snapshot_identifier, or skip_final_snapshot with the identifier typed again",
        )
    return {**request, "SkipFinalSnapshot": False, "FinalDBSnapshotIdentifier": final}
