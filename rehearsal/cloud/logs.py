# SPDX-License-Identifier: GPL-3.0-or-later
"""CloudWatch Logs: a log group is encrypted only with a key that is enabled and whose policy lets the service use it.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_AssociateKmsKey.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

from moto.kms.models import Key
from moto.logs.models import LogGroup, logs_backends

from rehearsal.cloud.errors import ApiError
from rehearsal.cloud.kms import find_key
from rehearsal.cloud.operations import Call
from rehearsal.cloud.world_state import World
from rehearsal.settings import ACCOUNT_ID

CONTEXT = "kms:encryptioncontext:aws:logs:arn"
OPERATORS = ("arnequals", "arnlike", "stringequals", "stringlike")
NEEDED = ("kms:Encrypt", "kms:Decrypt", "kms:ReEncryptFrom", "kms:GenerateDataKey", "kms:DescribeKey")


def install(world: World) -> None:
    world.operations.before("logs", "CreateLogGroup", check_new_group)
    world.operations.handle("logs", "AssociateKmsKey", associate)
    world.operations.handle("logs", "DisassociateKmsKey", disassociate)


def check_new_group(call: Call) -> None:
    if call.get("kmsKeyId"):
        check_key(call.region, call.get("kmsKeyId"), arn_of(call.region, call.get("logGroupName")))


def associate(call: Call) -> dict[str, Any]:
    group = find_group(call)
    check_key(call.region, call.get("kmsKeyId"), arn_of(call.region, group.name))
    group.kms_key_id = call.get("kmsKeyId")
    return {}


def disassociate(call: Call) -> dict[str, Any]:
    find_group(call).kms_key_id = None
    return {}


def arn_of(region: str, name: str) -> str:
    return f"arn:aws:logs:{region}:{ACCOUNT_ID}:log-group:{name}"


def find_group(call: Call) -> LogGroup:
    group = logs_backends[ACCOUNT_ID][call.region].groups.get(call.get("logGroupName"))
    if group is None:
        raise ApiError("ResourceNotFoundException", "The specified log group does not exist.", 400)
    return group


def check_key(region: str, name: str, group_arn: str) -> None:
    """CloudWatch Logs takes a key by its ARN only, and tries it at once."""
    key = find_key(region, name) if name.startswith("arn:") else None
    if key is None or key.key_state != "Enabled":
        raise ApiError("InvalidParameterException", f"The specified KMS key {name} does not exist or is disabled.", 400)
    if not is_allowed(key, region, group_arn):
        text = "The specified KMS key does not exist or is not allowed to be used with LogGroup "
        raise ApiError("AccessDeniedException", f"{text}'{group_arn}'", 400)


def is_allowed(key: Key, region: str, group_arn: str) -> bool:
    """Whether statements of the key's policy let the service do all that it does, for this group."""
    statements = [one for one in iter_statements(key) if applies(one, region, group_arn)]
    patterns = [pattern for one in statements for pattern in listed(one.get("Action"))]
    return all(any(fnmatchcase(action, pattern) for pattern in patterns) for action in NEEDED)


def iter_statements(key: Key) -> Iterator[dict[str, Any]]:
    found = json.loads(key.policy).get("Statement", []) if key.policy else []
    yield from (one for one in listed(found) if one.get("Effect") == "Allow")


def applies(statement: dict[str, Any], region: str, group_arn: str) -> bool:
    principal = statement.get("Principal")
    services = listed(principal.get("Service")) if isinstance(principal, dict) else []
    if f"logs.{region}.amazonaws.com" not in services:
        return False
    conditions = statement.get("Condition") or {}
    return all(holds(operator, rows, group_arn) for operator, rows in conditions.items())


def holds(operator: str, rows: dict[str, Any], group_arn: str) -> bool:
    """A condition on anything but the group's name is not known here, and does not hold."""
    return operator.lower() in OPERATORS and all(
        name.lower() == CONTEXT and any(fnmatchcase(group_arn, pattern) for pattern in listed(patterns))
        for name, patterns in rows.items()
    )


def listed(value: Any) -> list[Any]:
    return [] if value is None else value if isinstance(value, list) else [value]
