# SPDX-License-Identifier: GPL-3.0-or-later
"""Policies of buckets: statements with conditions decide nothing here.

moto knows none of the keys that S3's conditions ask for, and takes every condition that does not hold for a denial, in
an Allow as well. A bucket that only wants TLS would take no object from anybody.
"""

from __future__ import annotations

import json
from typing import Any

from moto.iam.access_control import IAMPolicy, PermissionResult
from moto.s3.models import FakeBucket

from rehearsal.cloud.world_state import World


def install(world: World) -> None:
    FakeBucket.get_permission = get_permission


def get_permission(bucket: FakeBucket, action: str, resource: str) -> PermissionResult:
    statements = unconditional(json.loads(bucket.policy)["Statement"]) if bucket.policy else []
    if not statements:
        return PermissionResult.NEUTRAL
    return IAMPolicy(json.dumps({"Statement": statements})).is_action_permitted(action, resource)


def unconditional(statements: Any) -> list[dict[str, Any]]:
    rows = [statements] if isinstance(statements, dict) else statements
    return [row for row in rows if not row.get("Condition")]
