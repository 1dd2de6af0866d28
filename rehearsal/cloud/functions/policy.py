# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a function's own policy lets a service invoke it: API Gateway and S3 ask here before they call.

https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html
"""

from __future__ import annotations

import re
from typing import Any

from moto.awslambda.models import LambdaFunction

from rehearsal.settings import ACCOUNT_ID

INVOKE = ("lambda:InvokeFunction", "lambda:*", "*")


def is_allowed(function: LambdaFunction, invoked_arn: str, service: str, source_arn: str) -> bool:
    """A statement for this service, this ARN of the function and this source."""
    return any(_fits(row, invoked_arn, service, source_arn) for row in function.policy.statements)


def _fits(statement: dict[str, Any], invoked_arn: str, service: str, source_arn: str) -> bool:
    principal = statement.get("Principal")
    named = principal == "*" or (isinstance(principal, dict) and principal.get("Service") == service)
    return (
        named
        and statement.get("Effect", "Allow") == "Allow"
        and statement.get("Action") in INVOKE
        and statement.get("Resource") == invoked_arn
        and _condition_holds(statement.get("Condition") or {}, source_arn)
    )


def _condition_holds(condition: dict[str, dict[str, str]], source_arn: str) -> bool:
    """The two conditions that AddPermission makes; one that is not known here does not hold."""
    wanted = {(test, key.lower()): value for test, row in condition.items() for key, value in row.items()}
    account = wanted.pop(("StringEquals", "aws:sourceaccount"), ACCOUNT_ID)
    pattern = wanted.pop(("ArnLike", "aws:sourcearn"), "*:*:*:*:*:*")
    return not wanted and account == ACCOUNT_ID and arn_like(pattern, source_arn)


def arn_like(pattern: str, arn: str) -> bool:
    """IAM's ArnLike: the six parts of an ARN are compared one by one, * and ? stay within their part."""
    parts, wanted = arn.split(":", 5), pattern.split(":", 5)
    return len(parts) == len(wanted) and all(map(_part_like, wanted, parts))


def _part_like(pattern: str, text: str) -> bool:
    expression = "".join({"*": ".*", "?": "."}.get(sign) or re.escape(sign) for sign in pattern)
    return re.fullmatch(expression, text, re.DOTALL) is not None
