# SPDX-License-Identifier: GPL-3.0-or-later
"""App instances and their retention: names are not unique, and what is unknown is forbidden, never "not found".

https://docs.aws.amazon.com/chime-sdk/latest/APIReference/API_Operations_Amazon_Chime_SDK_Identity.html
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from moto.core.utils import get_service_model

from rehearsal.cloud.chime.model import AppInstance
from rehearsal.cloud.chime.refusals import forbidden, over_quota, refusal
from rehearsal.cloud.chime.state import Chime
from rehearsal.cloud.chime.tags import read_tags
from rehearsal.cloud.operations import Call, Hook
from rehearsal.settings import ACCOUNT_ID

DELETION = "chime_app_instance_delete"


class AppInstances:
    """Create, describe, list, update and delete app instances; read and put their retention."""

    def __init__(self, chime: Chime) -> None:
        self._chime = chime

    def create(self, call: Call) -> dict[str, Any]:
        quota = self._chime.quota("app_instances", call.region)
        if len(self._chime.live_app_instances(call.region)) >= quota:
            raise over_quota(call, f"The account has {quota} app instances in {call.region}, as many as it may have.")
        arn, now = f"arn:aws:chime:{call.region}:{ACCOUNT_ID}:app-instance/{uuid.uuid4()}", self._chime.now()
        made = AppInstance(arn, call.get("Name"), call.get("Metadata"), now, now, tags=read_tags(call))
        self._chime.app_instances[call.region][arn] = made
        return {"AppInstanceArn": arn}

    def describe(self, call: Call, instance: AppInstance) -> dict[str, Any]:
        times = {"CreatedTimestamp": instance.created, "LastUpdatedTimestamp": instance.updated}
        return {"AppInstance": {**summary(instance), **times}}

    def list_all(self, call: Call) -> dict[str, Any]:
        rows = [summary(instance) for instance in self._chime.live_app_instances(call.region)]
        return self._chime.page(call, "AppInstances", rows)

    def update(self, call: Call, instance: AppInstance) -> dict[str, Any]:
        """Name and metadata are both replaced; the model requires both."""
        instance.name, instance.metadata, instance.updated = call.get("Name"), call.get("Metadata"), self._chime.now()
        return {"AppInstanceArn": instance.arn}

    def delete(self, call: Call, instance: AppInstance) -> dict[str, Any]:
        """Begin a deletion that takes users, channels and messages along; a second call changes nothing."""
        if instance.deletion is None:
            instance.deletion = self._chime.world.clock.start(DELETION, instance.arn, call.region)
        return {}

    def get_retention(self, call: Call, instance: AppInstance) -> dict[str, Any]:
        return {"AppInstanceRetentionSettings": retention(instance)}

    def put_retention(self, call: Call, instance: AppInstance) -> dict[str, Any]:
        """Set the days after which messages are deleted; settings without days keep them for good (not documented)."""
        wanted = call.get("AppInstanceRetentionSettings").get("ChannelRetentionSettings") or {}
        instance.retention_days = wanted.get("RetentionDays")
        answer: dict[str, Any] = {"AppInstanceRetentionSettings": retention(instance)}
        if instance.retention_days is not None:
            answer["InitiateDeletionTimestamp"] = self._chime.now()
        return answer


def summary(instance: AppInstance) -> dict[str, Any]:
    row = {"AppInstanceArn": instance.arn, "Name": instance.name}
    return row if instance.metadata is None else {**row, "Metadata": instance.metadata}


def retention(instance: AppInstance) -> dict[str, Any]:
    days = instance.retention_days
    return {} if days is None else {"ChannelRetentionSettings": {"RetentionDays": days}}


def require_instance(chime: Chime, call: Call, arn: str) -> AppInstance:
    """The app instance that a call names, in this region."""
    instance = chime.find_app_instance(call.region, arn)
    if instance is None:
        raise forbidden(call, f"{arn} does not exist here or is not yours.")
    return instance


def of_instance(
    chime: Chime, answer: Callable[[Call, AppInstance], dict[str, Any]], *, writes: bool = False, name: str = ""
) -> Hook:
    """An answer about the app instance of parameter `name`; one that is being deleted takes no more writes."""

    def take(call: Call) -> dict[str, Any]:
        instance = require_instance(chime, call, call.get(name or "AppInstanceArn"))
        if writes and instance.deletion is not None:
            raise being_deleted(call, instance)
        return answer(call, instance)

    return take


def being_deleted(call: Call, instance: AppInstance) -> Exception:
    operation = get_service_model(call.service).operation_model(call.operation)
    conflicts = "ConflictException" in {shape.name for shape in operation.error_shapes}
    return refusal(
        call, "ConflictException" if conflicts else "ForbiddenException", f"{instance.arn} is being deleted."
    )
