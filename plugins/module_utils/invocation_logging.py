# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bedrock's log of prompts and answers: its one configuration a region, and the buckets and log group that it names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.medzen.multiregion.plugins.module_utils.aws import describe, paginate
from ansible_collections.medzen.multiregion.plugins.module_utils.bucket_location import get_bucket_region
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import AwsError

# Option to member of the switches.
SWITCHES = {
    "text_enabled": "textDataDeliveryEnabled",
    "image_enabled": "imageDataDeliveryEnabled",
    "embedding_enabled": "embeddingDataDeliveryEnabled",
    "video_enabled": "videoDataDeliveryEnabled",
    "audio_enabled": "audioDataDeliveryEnabled",
}
OPTION_NAMES = {
    "loggingConfig.s3Config": "s3",
    "loggingConfig.s3Config.bucketName": "s3.bucket",
    "loggingConfig.cloudWatchConfig": "cloudwatch",
    "loggingConfig.cloudWatchConfig.logGroupName": "cloudwatch.log_group",
    "loggingConfig.cloudWatchConfig.largeDataDeliveryS3Config": "cloudwatch.large_data_s3",
    "loggingConfig.cloudWatchConfig.largeDataDeliveryS3Config.bucketName": "cloudwatch.large_data_s3.bucket",
    **{f"loggingConfig.{member}": option for option, member in SWITCHES.items()},
}
UNENCRYPTED = ("ServerSideEncryptionConfigurationNotFoundError",)
KMS_ALGORITHMS = ("aws:kms", "aws:kms:dsse")


# --- calls -----------------------------------------------------------------------------------------------------------


@describe("read the model invocation logging")
def get_logging(connection: Any) -> dict:
    """The configuration; empty when there is none, for which the service answers with an empty body."""
    return connection.get_model_invocation_logging_configuration(aws_retry=True).get("loggingConfig") or {}


@describe("read the encryption of bucket {bucket}", missing=UNENCRYPTED, default={})
def get_bucket_encryption(s3: Any, bucket: str) -> dict:
    return s3.get_bucket_encryption(Bucket=bucket, aws_retry=True)["ServerSideEncryptionConfiguration"]


@describe("find log group {name}")
def find_log_group(logs: Any, name: str) -> dict | None:
    groups = paginate(logs, "describe_log_groups", "logGroups", logGroupNamePrefix=name)
    return next((group for group in groups if group["logGroupName"] == name), None)


# --- shapes ----------------------------------------------------------------------------------------------------------


def build_bucket(given: Mapping[str, Any], present: Mapping[str, Any]) -> dict[str, Any]:
    """A bucket with its prefix; the prefix stays as long as the bucket does."""
    prefix = given.get("key_prefix")
    if prefix is None and present.get("bucketName") == given["bucket"]:
        prefix = present.get("keyPrefix")
    return {"bucketName": given["bucket"], **({"keyPrefix": prefix} if prefix else {})}


def build_cloudwatch(given: Mapping[str, Any], present: Mapping[str, Any]) -> dict[str, Any]:
    built = {"logGroupName": given["log_group"], "roleArn": given["role_arn"]}
    large, large_present = given.get("large_data_s3"), present.get("largeDataDeliveryS3Config") or {}
    if large is not None:
        large_present = build_bucket(large, large_present) if large.get("bucket") else {}
    return {**built, "largeDataDeliveryS3Config": large_present} if large_present else built


def build_config(params: Mapping[str, Any], present: Mapping[str, Any]) -> dict[str, Any]:
    """The whole configuration: options over what is there, since a Put replaces it. A target given empty goes."""
    config = dict(present)
    for option, member in (("s3", "s3Config"), ("cloudwatch", "cloudWatchConfig")):
        given = params[option]
        if given is None:
            continue
        before = config.pop(member, None) or {}
        if any(value is not None for value in given.values()):
            config[member] = (build_bucket if option == "s3" else build_cloudwatch)(given, before)
    config |= {member: params[option] for option, member in SWITCHES.items() if params[option] is not None}
    return config


def comparable(config: Mapping[str, Any]) -> dict[str, Any]:
    """Without empty texts: no prefix and the prefix "" are the same."""
    plain = {key: comparable(value) if isinstance(value, Mapping) else value for key, value in config.items()}
    return {key: value for key, value in plain.items() if value not in ("", {}, None)}


def buckets_of(config: Mapping[str, Any]) -> dict[str, str]:
    """Option to bucket."""
    large = (config.get("cloudWatchConfig") or {}).get("largeDataDeliveryS3Config") or {}
    found = {"s3.bucket": (config.get("s3Config") or {}).get("bucketName")}
    found["cloudwatch.large_data_s3.bucket"] = large.get("bucketName")
    return {option: bucket for option, bucket in found.items() if bucket}


def log_group_of(config: Mapping[str, Any]) -> str | None:
    return (config.get("cloudWatchConfig") or {}).get("logGroupName")


# --- places ----------------------------------------------------------------------------------------------------------


def kms_key_of(encryption: Mapping[str, Any]) -> str | None:
    """The KMS key of a bucket's default encryption; None when it is not KMS that encrypts."""
    for rule in encryption.get("Rules") or []:
        applied = rule.get("ApplyServerSideEncryptionByDefault") or {}
        if applied.get("SSEAlgorithm") in KMS_ALGORITHMS:
            return applied.get("KMSMasterKeyID") or "alias/aws/s3"
    return None


def describe_places(s3: Any, logs: Any, config: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Where prompts are kept: a row for each bucket and for the log group, with region, key and retention."""
    places = [describe_bucket(s3, option, bucket) for option, bucket in buckets_of(config).items()]
    name = log_group_of(config)
    return [*places, describe_log_group(logs, name)] if name else places


def describe_bucket(s3: Any, option: str, bucket: str) -> dict[str, Any]:
    region = get_bucket_region(s3, bucket)
    key = kms_key_of(get_bucket_encryption(s3, bucket)) if region else None
    return {"option": option, "kind": "bucket", "name": bucket, "exists": region is not None, "region": region,
            "kms_key": key}  # fmt: skip


def describe_log_group(logs: Any, name: str) -> dict[str, Any]:
    group = find_log_group(logs, name)
    row = {"option": "cloudwatch.log_group", "kind": "log_group", "name": name, "exists": group is not None}
    here = logs.meta.region_name if group else None
    return {**row, "region": here, "kms_key": (group or {}).get("kmsKeyId"),
            "retention_days": (group or {}).get("retentionInDays")}  # fmt: skip


def iter_place_faults(places: list[dict[str, Any]], region: str, require_encryption: bool) -> Iterator[str]:
    """Why a place cannot hold the log of a region."""
    for place in places:
        told = f"{place['option']}: {place['kind'].replace('_', ' ')} {place['name']}"
        if not place["exists"]:
            yield f"{told} is not there" + (f" in {region}" if place["kind"] == "log_group" else "")
        elif place["region"] != region:
            yield f"{told} is in {place['region']}; expected {region}"
        elif require_encryption and not place["kms_key"]:
            yield f"{told} is not encrypted with KMS"


def is_permission_lag(error: AwsError) -> bool:
    """Whether the service could not use the role or a policy yet, as in the first minute after their creation."""
    return error.code == "ValidationException" and "validate permissions" in error.message.lower()
