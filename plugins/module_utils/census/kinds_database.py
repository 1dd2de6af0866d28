# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Databases: RDS instances with their snapshots, backups and groups, and DynamoDB tables."""

from __future__ import annotations

from ansible_collections.medzen.multiregion.plugins.module_utils.aws import describe, paginate
from ansible_collections.medzen.multiregion.plugins.module_utils.census.registry import (
    DELETE,
    DELETING,
    LIVE,
    WAIT,
    Blocked,
    Item,
    Kind,
    Place,
    key,
    key_references,
    register,
    stack_of,
    tag_dict,
)

# RDS takes a deletion in these states; in any other it answers InvalidDBInstanceState.
DELETABLE_STATES = (
    "available",
    "failed",
    "inaccessible-encryption-credentials",
    "incompatible-network",
    "incompatible-parameters",
    "incompatible-restore",
    "insufficient-capacity",
    "stopped",
    "storage-full",
)


def state_of(status: str | None) -> str:
    return DELETING if (status or "").lower() == "deleting" else LIVE


@describe("list database instances")
def list_instances(place: Place) -> list[Item]:
    return [instance_item(raw) for raw in paginate(place.client("rds"), "describe_db_instances", "DBInstances")]


def instance_item(raw: dict) -> Item:
    group = raw.get("DBSubnetGroup") or {}
    tags = tag_dict(raw.get("TagList"))
    uses = [key("rds_subnet_group", group["DBSubnetGroupName"])] if group.get("DBSubnetGroupName") else []
    uses += [key("rds_parameter_group", one["DBParameterGroupName"]) for one in raw.get("DBParameterGroups", [])]
    uses += [key("security_group", one["VpcSecurityGroupId"]) for one in raw.get("VpcSecurityGroups", [])]
    return Item(
        "rds_instance",
        raw["DBInstanceIdentifier"],
        raw["DBInstanceIdentifier"],
        raw.get("DBInstanceArn", ""),
        tags,
        state_of(raw.get("DBInstanceStatus")),
        belongs_to=stack_of(tags),
        uses=(*uses, *key_references(raw.get("KmsKeyId"))),
        facts={
            "status": raw.get("DBInstanceStatus"),
            "deletion_protection": bool(raw.get("DeletionProtection")),
            "replica_of": raw.get("ReadReplicaSourceDBInstanceIdentifier") or "",
            "replicas": list(raw.get("ReadReplicaDBInstanceIdentifiers") or []),
        },
    )


def delete_instance(place: Place, item: Item) -> str:
    """One step a round: protection off at the last moment, then the deletion itself.

    The final snapshot was taken, copied out of the region and restored before the teardown began; one made
    here would only be a copy that nobody has tried.
    """
    if item.facts["replicas"]:
        raise Blocked("it is replicated; promote or delete its replicas first", ", ".join(item.facts["replicas"]), True)
    if item.facts["status"] not in DELETABLE_STATES:
        raise Blocked(f"its status is {item.facts['status']}")
    if item.facts["deletion_protection"]:
        modify_protection(place, item.id)
        return "deletion protection taken off"
    delete_db_instance(place, item.id)
    return "deletion asked for"


@describe("take deletion protection off database {identifier}", missing=("DBInstanceNotFound",))
def modify_protection(place: Place, identifier: str) -> None:
    place.client("rds").modify_db_instance(
        DBInstanceIdentifier=identifier, DeletionProtection=False, ApplyImmediately=True, aws_retry=True
    )


@describe("delete database {identifier}", missing=("DBInstanceNotFound",))
def delete_db_instance(place: Place, identifier: str) -> None:
    place.client("rds").delete_db_instance(
        DBInstanceIdentifier=identifier, SkipFinalSnapshot=True, DeleteAutomatedBackups=True, aws_retry=True
    )


@describe("list database snapshots that are kept")
def list_snapshots(place: Place) -> list[Item]:
    """Those that outlive their database. Without a type RDS leaves out those that AWS Backup has made."""
    client = place.client("rds")
    return [
        snapshot_item(raw)
        for made_by in ("manual", "awsbackup")
        for raw in paginate(client, "describe_db_snapshots", "DBSnapshots", SnapshotType=made_by)
    ]


def snapshot_item(raw: dict) -> Item:
    return Item(
        "rds_snapshot",
        raw["DBSnapshotIdentifier"],
        raw["DBSnapshotIdentifier"],
        raw.get("DBSnapshotArn", ""),
        tag_dict(raw.get("TagList")),
        state_of(raw.get("Status")),
        belongs_to=(key("rds_instance", raw.get("DBInstanceIdentifier", "")),),
        uses=key_references(raw.get("KmsKeyId")),
        origin=raw.get("DBInstanceIdentifier", ""),
        facts={"status": raw.get("Status"), "source": raw.get("DBInstanceIdentifier", "")},
    )


def delete_snapshot(place: Place, item: Item) -> str:
    if place.settings.final_snapshots.get(item.facts["source"], {}).get("verified") is not True:
        source = item.facts["source"]
        raise Blocked(f"no verified final snapshot of {source} in another region is stated", source, True)
    delete_db_snapshot(place, item.id)
    return "deletion asked for"


@describe("delete snapshot {identifier}", missing=("DBSnapshotNotFound", "DBSnapshotNotFoundFault"))
def delete_db_snapshot(place: Place, identifier: str) -> None:
    place.client("rds").delete_db_snapshot(DBSnapshotIdentifier=identifier, aws_retry=True)


@describe("list automated database backups")
def list_automated_backups(place: Place) -> list[Item]:
    found = paginate(place.client("rds"), "describe_db_instance_automated_backups", "DBInstanceAutomatedBackups")
    return [automated_backup_item(raw) for raw in found]


def automated_backup_item(raw: dict) -> Item:
    retained = raw.get("Status") == "retained"
    instance = raw.get("DBInstanceIdentifier", "")
    return Item(
        "rds_automated_backup",
        raw.get("DbiResourceId") or raw.get("DBInstanceAutomatedBackupsArn") or instance,
        instance,
        raw.get("DBInstanceAutomatedBackupsArn") or raw.get("DBInstanceArn", ""),
        state=state_of(raw.get("Status")),
        action=DELETE if retained else WAIT,
        belongs_to=(key("rds_instance", instance),),
        uses=key_references(raw.get("KmsKeyId")),
        note="" if retained else f"goes with database {instance}",
    )


def delete_automated_backup(place: Place, item: Item) -> str:
    delete_db_automated_backup(place, item.id)
    return "deletion asked for"


@describe("delete automated backup {identifier}", missing=("DBInstanceAutomatedBackupNotFound",))
def delete_db_automated_backup(place: Place, identifier: str) -> None:
    place.client("rds").delete_db_instance_automated_backup(DbiResourceId=identifier, aws_retry=True)


@describe("list database subnet groups")
def list_subnet_groups(place: Place) -> list[Item]:
    client = place.client("rds")
    return [
        subnet_group_item(raw, rds_tags(client, raw.get("DBSubnetGroupArn")))
        for raw in paginate(client, "describe_db_subnet_groups", "DBSubnetGroups")
        if raw["DBSubnetGroupName"] != "default"
    ]


def subnet_group_item(raw: dict, tags: dict[str, str]) -> Item:
    subnets = [key("subnet", one["SubnetIdentifier"]) for one in raw.get("Subnets", [])]
    vpc = [key("vpc", raw["VpcId"])] if raw.get("VpcId") else []
    name = raw["DBSubnetGroupName"]
    return Item(
        "rds_subnet_group",
        name,
        name,
        raw.get("DBSubnetGroupArn", ""),
        tags,
        belongs_to=(*vpc, *stack_of(tags)),
        uses=(*subnets, *vpc),
    )


def rds_tags(client, arn: str | None) -> dict[str, str]:
    return tag_dict(client.list_tags_for_resource(ResourceName=arn, aws_retry=True)["TagList"]) if arn else {}


@describe("delete database subnet group {item.id}", missing=("DBSubnetGroupNotFoundFault", "DBSubnetGroupNotFound"))
def delete_subnet_group(place: Place, item: Item) -> str:
    place.client("rds").delete_db_subnet_group(DBSubnetGroupName=item.id, aws_retry=True)
    return "deleted"


@describe("list database parameter groups")
def list_parameter_groups(place: Place) -> list[Item]:
    client = place.client("rds")
    return [
        parameter_group_item(raw, rds_tags(client, raw.get("DBParameterGroupArn")))
        for raw in paginate(client, "describe_db_parameter_groups", "DBParameterGroups")
        if not raw["DBParameterGroupName"].startswith("default.")
    ]


def parameter_group_item(raw: dict, tags: dict[str, str]) -> Item:
    name = raw["DBParameterGroupName"]
    arn = raw.get("DBParameterGroupArn", "")
    return Item("rds_parameter_group", name, name, arn, tags, belongs_to=stack_of(tags))


@describe("delete database parameter group {item.id}", missing=("DBParameterGroupNotFound",))
def delete_parameter_group(place: Place, item: Item) -> str:
    place.client("rds").delete_db_parameter_group(DBParameterGroupName=item.id, aws_retry=True)
    return "deleted"


@describe("list DynamoDB tables")
def list_tables(place: Place) -> list[Item]:
    client = place.client("dynamodb")
    names = paginate(client, "list_tables", "TableNames")
    tables = [client.describe_table(TableName=name, aws_retry=True)["Table"] for name in names]
    return [table_item(raw, table_tags(client, raw["TableArn"])) for raw in tables]


def table_tags(client, arn: str) -> dict[str, str]:
    return tag_dict(client.list_tags_of_resource(ResourceArn=arn, aws_retry=True).get("Tags"))


def table_item(raw: dict, tags: dict[str, str]) -> Item:
    name = raw["TableName"]
    return Item(
        "dynamodb_table",
        name,
        name,
        raw["TableArn"],
        tags,
        state_of(raw.get("TableStatus")),
        belongs_to=stack_of(tags),
        uses=key_references((raw.get("SSEDescription") or {}).get("KMSMasterKeyArn")),
        facts={"deletion_protection": bool(raw.get("DeletionProtectionEnabled"))},
    )


@describe("delete table {item.id}", missing=("ResourceNotFoundException",))
def delete_table(place: Place, item: Item) -> str:
    client = place.client("dynamodb")
    if item.facts["deletion_protection"]:
        client.update_table(TableName=item.id, DeletionProtectionEnabled=False, aws_retry=True)
        return "deletion protection taken off"
    client.delete_table(TableName=item.id, aws_retry=True)
    return "deletion asked for"


register(
    Kind(
        "rds_instance",
        "RDS instances",
        "rds",
        list_instances,
        delete_instance,
        after=("ecs_service", "lambda_function"),
    ),
    Kind(
        "rds_snapshot",
        "RDS snapshots, also of AWS Backup",
        "rds",
        list_snapshots,
        delete_snapshot,
        after=("rds_instance",),
        protected="snapshots are backups; they go only when include names them",
    ),
    Kind(
        "rds_automated_backup",
        "RDS automated backups",
        "rds",
        list_automated_backups,
        delete_automated_backup,
        after=("rds_instance",),
    ),
    Kind("rds_subnet_group", "RDS subnet groups", "rds", list_subnet_groups, delete_subnet_group, ("rds_instance",)),
    Kind(
        "rds_parameter_group",
        "RDS parameter groups",
        "rds",
        list_parameter_groups,
        delete_parameter_group,
        ("rds_instance",),
    ),
    Kind(
        "dynamodb_table",
        "DynamoDB tables",
        "dynamodb",
        list_tables,
        delete_table,
        after=("lambda_function", "cloudformation_stack"),
        protected="tables may be under retention; they go only when include names them",
    ),
)
