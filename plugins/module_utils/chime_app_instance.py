# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""App instances of Chime SDK messaging: what is there, with its retention, streaming, administrators and tags.

Identity answers a question about an app instance that is not there with Forbidden or BadRequest, and has no code for
absence. Absent is therefore what ListAppInstances does not have; a refusal of any other call is a failure.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.medzen.multiregion.plugins.module_utils import chime_sdk
from ansible_collections.medzen.multiregion.plugins.module_utils import tags as tagging
from ansible_collections.medzen.multiregion.plugins.module_utils.aws import describe, list_all
from ansible_collections.medzen.multiregion.plugins.module_utils.lookup import find_by_name

PAGE = 50


@describe("list the app instances")
def list_instances(identity: Any) -> list[dict]:
    return list_all(identity.list_app_instances, "AppInstances", MaxResults=PAGE)


@describe("describe app instance {arn}")
def describe_instance(identity: Any, arn: str) -> dict:
    return identity.describe_app_instance(AppInstanceArn=arn, aws_retry=True)["AppInstance"]


@describe("read the retention of app instance {arn}")
def read_retention(identity: Any, arn: str) -> dict:
    return identity.get_app_instance_retention_settings(AppInstanceArn=arn, aws_retry=True)


@describe("read the streaming configurations of app instance {arn}", missing=chime_sdk.NOT_FOUND, default=[])
def read_streaming(messaging: Any, arn: str) -> list[dict]:
    answer = messaging.get_messaging_streaming_configurations(AppInstanceArn=arn, aws_retry=True)
    return answer.get("StreamingConfigurations") or []


@describe("list the administrators of app instance {arn}")
def list_admins(identity: Any, arn: str) -> list[str]:
    found = list_all(identity.list_app_instance_admins, "AppInstanceAdmins", AppInstanceArn=arn, MaxResults=PAGE)
    return sorted(one["Admin"]["Arn"] for one in found)


@describe("list the tags of app instance {arn}")
def list_tags(identity: Any, arn: str) -> dict[str, str]:
    return tagging.from_boto(identity.list_tags_for_resource(ResourceARN=arn, aws_retry=True).get("Tags"))


def find(identity: Any, name: str | None, arn: str | None) -> dict | None:
    """The listed app instance of this ARN or name; None when there is none. Several of one name are refused."""
    found = list_instances(identity)
    if arn:
        return next((one for one in found if one["AppInstanceArn"] == arn), None)
    return find_by_name(found, name or "", "app instances", "Name", "AppInstanceArn")


def is_listed(identity: Any, arn: str) -> bool:
    return any(one["AppInstanceArn"] == arn for one in list_instances(identity))


def read(identity: Any, messaging: Any, arn: str) -> dict:
    """One app instance with all that belongs to it, as a module returns it."""
    described = describe_instance(identity, arn)
    retention = read_retention(identity, arn)
    return {
        "app_instance_arn": arn,
        "name": described.get("Name"),
        "metadata": described.get("Metadata") or "",
        "created_timestamp": isoformat(described.get("CreatedTimestamp")),
        "last_updated_timestamp": isoformat(described.get("LastUpdatedTimestamp")),
        "retention_days": retention_days(retention),
        "initiate_deletion_timestamp": isoformat(retention.get("InitiateDeletionTimestamp")),
        "streaming_configurations": plain_streaming(read_streaming(messaging, arn)),
        "admins": list_admins(identity, arn),
        "tags": list_tags(identity, arn),
    }


def isoformat(moment: Any) -> str | None:
    return moment.isoformat() if moment is not None else None


def retention_days(answer: dict) -> int | None:
    """Days that messages of channels are kept; None means for ever."""
    settings = answer.get("AppInstanceRetentionSettings") or {}
    return (settings.get("ChannelRetentionSettings") or {}).get("RetentionDays")


def plain_streaming(configurations: list[dict]) -> list[dict]:
    """Sorted by kind of data: their order has no meaning."""
    found = [{"data_type": one["DataType"], "resource_arn": one["ResourceArn"]} for one in configurations]
    return sorted(found, key=lambda one: one["data_type"])
