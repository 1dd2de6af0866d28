# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a bucket's policy lets the pipelines' service put objects and their ACLs.

https://docs.aws.amazon.com/chime-sdk/latest/dg/create-s3-bucket.html

Conditions are understood as far as that page uses them, and those on TLS. An Allow with any other condition counts for
nothing; a Deny with any other condition is taken not to fit.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

from rehearsal.cloud.chime.service_role import PRINCIPAL

ACTIONS = ("s3:PutObject", "s3:PutObjectAcl")
OPERATORS = ("StringEquals", "StringLike", "ArnEquals", "ArnLike", "Bool")


def lets_put(policy: dict[str, Any], object_arn: str, context: dict[str, str]) -> bool:
    """`context` has the keys aws:SourceAccount and aws:SourceArn of a capture."""
    fitting = [one for one in as_list(policy.get("Statement")) if _names(one, object_arn)]
    return all(
        any(_acts(one, "Allow", action, context) for one in fitting)
        and not any(_acts(one, "Deny", action, context) for one in fitting)
        for action in ACTIONS
    )


def as_list(value: Any) -> list[Any]:
    return [] if value is None else value if isinstance(value, list) else [value]


def _names(statement: dict[str, Any], object_arn: str) -> bool:
    """Whether a statement is about this service and this object."""
    principal = statement.get("Principal")
    services = as_list(principal.get("Service")) if isinstance(principal, dict) else []
    everybody = principal == "*" or (isinstance(principal, dict) and "*" in as_list(principal.get("AWS")))
    about = any(fnmatchcase(object_arn, pattern) for pattern in as_list(statement.get("Resource")))
    return about and (PRINCIPAL in services or everybody)


def _acts(statement: dict[str, Any], effect: str, action: str, context: dict[str, str]) -> bool:
    actions = [str(pattern).lower() for pattern in as_list(statement.get("Action"))]
    named = any(fnmatchcase(action.lower(), pattern) for pattern in actions)
    return statement.get("Effect") == effect and named and _holds(statement.get("Condition") or {}, context)


def _holds(condition: dict[str, dict[str, Any]], context: dict[str, str]) -> bool:
    """Whether every condition is one that we understand, and is met."""
    known = {key.lower(): value for key, value in {**context, "aws:SecureTransport": "true"}.items()}
    return all(
        operator in OPERATORS
        and key.lower() in known
        and any(fnmatchcase(known[key.lower()], str(pattern)) for pattern in as_list(wanted))
        for operator, keys in condition.items()
        for key, wanted in keys.items()
    )
