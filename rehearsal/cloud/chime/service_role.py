# SPDX-License-Identifier: GPL-3.0-or-later
"""The service-linked role without which no pipeline can join a meeting; moto derives a wrong name for it.

https://docs.aws.amazon.com/chime-sdk/latest/dg/create-pipeline-role.html
"""

from __future__ import annotations

from typing import Any

from moto.iam.models import IAMBackend, iam_backends

from rehearsal.cloud.errors import ApiError
from rehearsal.cloud.operations import Call
from rehearsal.cloud.world_state import World
from rehearsal.settings import ACCOUNT_ID

PRINCIPAL = "mediapipelines.chime.amazonaws.com"
ROLE_NAME = "AWSServiceRoleForAmazonChimeSDKMediaPipelines"


def install(world: World) -> None:
    world.operations.before("iam", "CreateServiceLinkedRole", refuse_second)
    if not hasattr(IAMBackend.create_service_linked_role, "medzen"):
        IAMBackend.create_service_linked_role = with_own_name(IAMBackend.create_service_linked_role)


def with_own_name(create: Any) -> Any:
    """moto's way of making such roles, with AWS's name for this one."""

    def create_role(backend: IAMBackend, service_name: str, description: str, suffix: str) -> Any:
        role = create(backend, service_name, description, suffix)
        if service_name == PRINCIPAL:
            role.name = ROLE_NAME
        return role

    create_role.medzen = True
    return create_role


def refuse_second(call: Call) -> None:
    """This role takes no suffix, so that there is one in an account."""
    if call.get("AWSServiceName") != PRINCIPAL:
        return
    if call.get("CustomSuffix"):
        raise ApiError("InvalidInput", f"Custom suffix is not allowed for {PRINCIPAL}")
    if role_exists():
        text = f"Service role name {ROLE_NAME} has been taken in this account, please try a different suffix."
        raise ApiError("InvalidInput", text)


def role_exists(arn: str | None = None) -> bool:
    """Whether the service-linked role is there, or the role of an ARN."""
    roles = iam_backends[ACCOUNT_ID]["aws"].roles.values()
    return any(role.arn == arn if arn else role.name == ROLE_NAME for role in roles)
