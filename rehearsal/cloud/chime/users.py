# SPDX-License-Identifier: GPL-3.0-or-later
"""Users of an app instance, and which of them administer it.

https://docs.aws.amazon.com/chime-sdk/latest/APIReference/API_identity-chime_CreateAppInstanceUser.html
"""

from __future__ import annotations

from typing import Any

from rehearsal.cloud.chime.model import AppInstance, User
from rehearsal.cloud.chime.refusals import forbidden, over_quota, refusal
from rehearsal.cloud.chime.state import Chime
from rehearsal.cloud.chime.tags import read_tags
from rehearsal.cloud.operations import Call


class Users:
    """Create, describe, list, update and delete users and administrators."""

    def __init__(self, chime: Chime) -> None:
        self._chime = chime

    def create(self, call: Call, instance: AppInstance) -> dict[str, Any]:
        arn = f"{instance.arn}/user/{call.get('AppInstanceUserId')}"
        if arn in instance.users:
            raise refusal(call, "ConflictException", f"{arn} exists already.")
        now = self._chime.now()
        instance.users[arn] = User(
            arn, call.get("Name"), call.get("Metadata"), now, now, call.get("ExpirationSettings"), read_tags(call)
        )
        return {"AppInstanceUserArn": arn}

    def describe(self, call: Call, instance: AppInstance) -> dict[str, Any]:
        user = require_user(call, instance, call.get("AppInstanceUserArn"))
        row = {**summary(user), "CreatedTimestamp": user.created, "LastUpdatedTimestamp": user.updated}
        return {"AppInstanceUser": row | ({"ExpirationSettings": user.expiration} if user.expiration else {})}

    def list_all(self, call: Call, instance: AppInstance) -> dict[str, Any]:
        rows = [summary(user) for user in instance.users.values()]
        return {"AppInstanceArn": instance.arn, **self._chime.page(call, "AppInstanceUsers", rows)}

    def update(self, call: Call, instance: AppInstance) -> dict[str, Any]:
        user = require_user(call, instance, call.get("AppInstanceUserArn"))
        user.name, user.metadata, user.updated = call.get("Name"), call.get("Metadata"), self._chime.now()
        return {"AppInstanceUserArn": user.arn}

    def delete(self, call: Call, instance: AppInstance) -> dict[str, Any]:
        user = require_user(call, instance, call.get("AppInstanceUserArn"))
        del instance.users[user.arn]
        instance.admins.pop(user.arn, None)
        return {}

    def create_admin(self, call: Call, instance: AppInstance) -> dict[str, Any]:
        """Promote a user of this app instance."""
        user = require_user(call, instance, call.get("AppInstanceAdminArn"))
        if user.arn in instance.admins:
            raise refusal(call, "ConflictException", f"{user.arn} is an administrator already.")
        quota = self._chime.quota("admins", call.region)
        if len(instance.admins) >= quota:
            raise over_quota(call, f"{instance.arn} has {quota} administrators, as many as it may have.")
        instance.admins[user.arn] = self._chime.now()
        return {"AppInstanceAdmin": identity(user), "AppInstanceArn": instance.arn}

    def describe_admin(self, call: Call, instance: AppInstance) -> dict[str, Any]:
        user = require_admin(call, instance)
        row = {"Admin": identity(user), "AppInstanceArn": instance.arn, "CreatedTimestamp": instance.admins[user.arn]}
        return {"AppInstanceAdmin": row}

    def list_admins(self, call: Call, instance: AppInstance) -> dict[str, Any]:
        rows = [{"Admin": identity(instance.users[arn])} for arn in instance.admins]
        return {"AppInstanceArn": instance.arn, **self._chime.page(call, "AppInstanceAdmins", rows)}

    def delete_admin(self, call: Call, instance: AppInstance) -> dict[str, Any]:
        del instance.admins[require_admin(call, instance).arn]
        return {}


def summary(user: User) -> dict[str, Any]:
    row = {"AppInstanceUserArn": user.arn, "Name": user.name}
    return row if user.metadata is None else {**row, "Metadata": user.metadata}


def identity(user: User) -> dict[str, str]:
    return {"Arn": user.arn, "Name": user.name}


def require_user(call: Call, instance: AppInstance, arn: str) -> User:
    user = instance.users.get(arn)
    if user is None:
        raise forbidden(call, f"{arn} is no user of {instance.arn}.")
    return user


def require_admin(call: Call, instance: AppInstance) -> User:
    user = require_user(call, instance, call.get("AppInstanceAdminArn"))
    if user.arn not in instance.admins:
        raise forbidden(call, f"{user.arn} does not administer {instance.arn}.")
    return user
