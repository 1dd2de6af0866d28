# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys and secrets: they are never deleted at once but scheduled, and are counted apart until they are gone."""

from __future__ import annotations

from ansible_collections.medzen.multiregion.plugins.module_utils.aws import describe, paginate
from ansible_collections.medzen.multiregion.plugins.module_utils.census.registry import (
    LIVE,
    SCHEDULE,
    SCHEDULED,
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

PENDING = ("PendingDeletion", "PendingReplicaDeletion")


@describe("list KMS keys")
def list_keys(place: Place) -> list[Item]:
    client = place.client("kms")
    names = alias_names(paginate(client, "list_aliases", "Aliases"))
    ids = [raw["KeyId"] for raw in paginate(client, "list_keys", "Keys")]
    keys = [client.describe_key(KeyId=one, aws_retry=True)["KeyMetadata"] for one in ids]
    own = [raw for raw in keys if raw.get("KeyManager", "CUSTOMER") == "CUSTOMER"]
    return [key_item(raw, names.get(raw["KeyId"], ""), key_tags(client, raw["KeyId"])) for raw in own]


def alias_names(aliases: list[dict]) -> dict[str, str]:
    return {raw["TargetKeyId"]: raw["AliasName"] for raw in aliases if raw.get("TargetKeyId")}


def key_tags(client, identifier: str) -> dict[str, str]:
    return tag_dict(paginate(client, "list_resource_tags", "Tags", KeyId=identifier), "TagKey", "TagValue")


def key_item(raw: dict, alias: str, tags: dict[str, str]) -> Item:
    state = SCHEDULED if raw.get("KeyState") in PENDING else LIVE
    until = raw.get("DeletionDate")
    return Item(
        "kms_key",
        raw["KeyId"],
        alias or raw.get("Description") or raw["KeyId"],
        raw.get("Arn", ""),
        tags,
        state,
        SCHEDULE,
        belongs_to=stack_of(tags),
        note=f"deleted by KMS at {until}" if until else "",
        facts={"state": raw.get("KeyState")},
    )


@describe("schedule the deletion of key {item.id}", missing=("NotFoundException",))
def delete_key(place: Place, item: Item) -> str:
    window = place.settings.key_window_days
    place.client("kms").schedule_key_deletion(KeyId=item.id, PendingWindowInDays=window, aws_retry=True)
    return f"deletion scheduled in {window} days"


@describe("list KMS aliases")
def list_aliases(place: Place) -> list[Item]:
    found = paginate(place.client("kms"), "list_aliases", "Aliases")
    return [alias_item(raw) for raw in found if is_own_alias(raw)]


def is_own_alias(raw: dict) -> bool:
    return not raw["AliasName"].startswith("alias/aws/") and bool(raw.get("TargetKeyId"))


def alias_item(raw: dict) -> Item:
    target = key("kms_key", raw["TargetKeyId"])
    name = raw["AliasName"]
    return Item("kms_alias", name, name, raw.get("AliasArn", ""), belongs_to=(target,), uses=(target,))


@describe("delete alias {item.id}", missing=("NotFoundException",))
def delete_alias(place: Place, item: Item) -> str:
    place.client("kms").delete_alias(AliasName=item.id, aws_retry=True)
    return "deleted"


@describe("list secrets")
def list_secrets(place: Place) -> list[Item]:
    """Deleted ones within their recovery window are listed as well: their names are still taken."""
    client = place.client("secretsmanager")
    found = paginate(client, "list_secrets", "SecretList", IncludePlannedDeletion=True)
    states = [client.describe_secret(SecretId=raw["ARN"], aws_retry=True) for raw in found]
    return [secret_item({**raw, **state}, place.region) for raw, state in zip(found, states, strict=True)]


def secret_item(raw: dict, region: str) -> Item:
    tags = tag_dict(raw.get("Tags"))
    until = raw.get("DeletedDate")
    primary = raw.get("PrimaryRegion") or region
    replicas = [one["Region"] for one in raw.get("ReplicationStatus") or [] if one["Region"] != region]
    return Item(
        "secret",
        raw["ARN"],
        raw["Name"],
        raw["ARN"],
        tags,
        SCHEDULED if until else LIVE,
        SCHEDULE,
        belongs_to=(*stack_of(tags), *rds_owner(raw)),
        uses=key_references(raw.get("KmsKeyId")),
        note=f"deletion asked for at {until}" if until else "",
        facts={"primary": primary, "replicas": replicas, "owner": raw.get("OwningService") or ""},
    )


def rds_owner(raw: dict) -> tuple[str, ...]:
    """A secret that RDS manages names its instance in a tag."""
    arn = tag_dict(raw.get("Tags")).get("aws:rds:primaryDBInstanceArn", "")
    return (key("rds_instance", arn.rsplit(":", 1)[-1]),) if arn else ()


def delete_secret(place: Place, item: Item) -> str:
    """Replicas become stand-alone secrets first: with a replica elsewhere AWS refuses, and the copy must stay."""
    if item.facts["primary"] != place.region:
        raise Blocked(f"it is a replica; its primary in {item.facts['primary']} decides", item.facts["primary"], True)
    if item.facts["replicas"]:
        for region in item.facts["replicas"]:
            stop_replication(place, item.id, region)
        return f"made stand-alone in {', '.join(item.facts['replicas'])}"
    delete_by_window(place, item.id)
    return f"deletion scheduled in {place.settings.secret_window_days} days"


@describe("make secret {arn} stand-alone in {region}", missing=("ResourceNotFoundException",))
def stop_replication(place: Place, arn: str, region: str) -> None:
    """The replica's ARN is the primary's with the other region in it; only the replica's region can do this."""
    replica = arn.replace(f":{place.region}:", f":{region}:", 1)
    place.client("secretsmanager", region).stop_replication_to_replica(SecretId=replica, aws_retry=True)


@describe("delete secret {arn}", missing=("ResourceNotFoundException",))
def delete_by_window(place: Place, arn: str) -> None:
    days = place.settings.secret_window_days
    place.client("secretsmanager").delete_secret(SecretId=arn, RecoveryWindowInDays=days, aws_retry=True)


register(
    Kind(
        "secret",
        "Secrets",
        "secretsmanager",
        list_secrets,
        delete_secret,
        ("ecs_service", "lambda_function", "rds_instance", "cloudformation_stack"),
    ),
    Kind("kms_alias", "KMS aliases", "kms", list_aliases, delete_alias, ("rds_instance", "secret", "log_group")),
    Kind(
        "kms_key",
        "KMS keys",
        "kms",
        list_keys,
        delete_key,
        (
            "bedrock_guardrail",
            "cloudformation_stack",
            "dynamodb_table",
            "kms_alias",
            "lambda_function",
            "log_group",
            "rds_automated_backup",
            "rds_instance",
            "rds_snapshot",
            "s3_bucket",
            "secret",
            "sns_topic",
        ),
    ),
)
