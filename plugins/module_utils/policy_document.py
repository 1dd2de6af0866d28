# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a resource policy lets an AWS service do. Nothing here makes a call.

Not IAM's evaluation: a grant has to be seen in the document, and a condition that cannot be judged is unknown.
Elements: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html
"""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

SOURCE_KEYS = ("aws:sourceaccount", "aws:sourcearn")
# A Deny under these says how to connect, which a service of AWS always does right.
HARMLESS_DENY_KEYS = ("aws:securetransport", "s3:tlsversion")


@dataclass(frozen=True)
class Grant:
    """What one service may do: actions without an Allow, those denied for sure, and sentences of doubt.

    `scoped` is False when an Allow does not say for which account the service may act.
    """

    missing: tuple[str, ...] = ()
    denied: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    scoped: bool = True


def parse(document: str | Mapping) -> list[dict]:
    """The statements of a document; a single one need not be in a list."""
    loaded = json.loads(document) if isinstance(document, str) else document
    return [dict(one) for one in as_list(loaded.get("Statement"))]


def as_list(value: Any) -> list:
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple)) else [value]


def names_service(statement: Mapping, service: str) -> bool:
    """Whether the statement's principal is this service, or everybody."""
    principal = statement.get("Principal")
    if principal == "*":
        return True
    if isinstance(principal, Mapping):
        return service in as_list(principal.get("Service")) or "*" in as_list(principal.get("AWS"))
    return False


def covers(patterns: Iterable[str], value: str) -> bool:
    return any(fnmatch.fnmatchcase(value.lower(), str(pattern).lower()) for pattern in patterns)


def has_action(statement: Mapping, action: str) -> bool:
    if "NotAction" in statement:
        return not covers(as_list(statement["NotAction"]), action)
    return covers(as_list(statement.get("Action")), action)


def has_resource(statement: Mapping, resource: str) -> bool:
    """Whether the statement is about the resource. A trust policy has no resource: it is about its role."""
    if "NotResource" in statement:
        return not covers(as_list(statement["NotResource"]), resource)
    return "Resource" not in statement or covers(as_list(statement["Resource"]), resource)


def conditions_of(statement: Mapping) -> list[tuple[str, str, list[str]]]:
    """Operator, key in small letters, values."""
    return [
        (operator, key.lower(), [str(value) for value in as_list(values)])
        for operator, block in (statement.get("Condition") or {}).items()
        for key, values in block.items()
    ]


def judge_source(statement: Mapping, account: str) -> bool | None:
    """Whether an Allow holds for this account's resources. None when a condition cannot be judged from here."""
    verdict: bool | None = True
    for operator, key, values in conditions_of(statement):
        positive = "Not" not in operator and operator.startswith(("String", "Arn"))
        if key not in SOURCE_KEYS or not positive:
            verdict = None if verdict is not False else False
        elif not any(names_account(key, value, account) for value in values):
            verdict = False
    return verdict


def names_account(key: str, value: str, account: str) -> bool:
    if key == "aws:sourceaccount":
        return fnmatch.fnmatchcase(account, value)
    parts = value.split(":")
    return value == "*" or (len(parts) > 4 and fnmatch.fnmatchcase(account, parts[4]))


def has_source(statement: Mapping) -> bool:
    return any(key in SOURCE_KEYS for _operator, key, _values in conditions_of(statement))


def read_grant(
    statements: Iterable[Mapping], service: str, actions: Iterable[str], resource: str, account: str
) -> Grant:
    """What the service may do to the resource for this account."""
    about = [one for one in statements if names_service(one, service) and has_resource(one, resource)]
    missing, denied, doubts, used = [], [], [], []
    for action in actions:
        allows = [one for one in about if one.get("Effect") == "Allow" and has_action(one, action)]
        sure = [one for one in allows if judge_source(one, account)]
        if not sure and any(judge_source(one, account) is None for one in allows):
            doubts.append(f"{action} is allowed under a condition that cannot be judged from here")
        elif not sure:
            missing.append(action)
        used += sure
        for deny in (one for one in about if one.get("Effect") == "Deny" and has_action(one, action)):
            keys = {key for _operator, key, _values in conditions_of(deny)}
            if not keys:
                denied.append(action)
            elif not keys <= set(HARMLESS_DENY_KEYS):
                doubts.append(f"{action} is denied under {', '.join(sorted(keys))}")
    scoped = all(has_source(one) for one in used)
    return Grant(tuple(missing), tuple(dict.fromkeys(denied)), tuple(dict.fromkeys(doubts)), scoped)
