# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bedrock: clients where the service exists, guardrails and their versions, tags, and the wait for a guardrail."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.medzen.multiregion.plugins.module_utils import tags as tagging
from ansible_collections.medzen.multiregion.plugins.module_utils.aws import client, describe, paginate
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.lookup import find_by_name
from ansible_collections.medzen.multiregion.plugins.module_utils.service_model import check_members
from ansible_collections.medzen.multiregion.plugins.module_utils.service_regions import require_region
from ansible_collections.medzen.multiregion.plugins.module_utils.wait import wait_until

NOT_FOUND = ("ResourceNotFoundException",)
DRAFT = "DRAFT"
# The mode of data retention that gives what was said to the provider of the model.
PROVIDER_SHARE = "provider_data_share"
READY, FAILED, DELETING = "READY", "FAILED", "DELETING"
BUSY = ("CREATING", "UPDATING", "VERSIONING")
# A status that was READY may be followed by an older one from another host of the service.
READY_SEEN_MIN = 2
# A guardrail or version that was just made may be unknown to the host that answers the next call.
UNKNOWN_S_MAX = 60
# Option of every Bedrock module (fragment medzen.multiregion.bedrock).
ARGUMENTS = {"extra_regions": {"type": "list", "elements": "str", "default": []}}


def connect(module: Any, service: str = "bedrock", region: str | None = None) -> Any:
    """A client of the service in a region that has it."""
    require_region(service, region or module.region, module.params["extra_regions"])
    return client(module, service, region)


# --- calls -----------------------------------------------------------------------------------------------------------


@describe("list guardrails")
def list_guardrails(connection: Any) -> list[dict]:
    """One row for each guardrail, that of its draft."""
    return paginate(connection, "list_guardrails", "guardrails")


@describe("list the versions of guardrail {guardrail_id}", missing=NOT_FOUND, default=[])
def list_rows(connection: Any, guardrail_id: str) -> list[dict]:
    """A row for the draft of a guardrail and for each of its numbered versions."""
    return paginate(connection, "list_guardrails", "guardrails", guardrailIdentifier=guardrail_id)


def find_versions(rows: list[dict]) -> list[int]:
    """The numbered versions among the rows of a guardrail, newest first, without those that are on their way out."""
    return sorted((int(row["version"]) for row in rows if is_numbered(row) and row["status"] != DELETING), reverse=True)


def is_numbered(row: Mapping) -> bool:
    return row["version"] != DRAFT


@describe("get version {version} of guardrail {guardrail_id}", missing=NOT_FOUND)
def get_guardrail(connection: Any, guardrail_id: str, version: str = DRAFT) -> dict | None:
    return connection.get_guardrail(guardrailIdentifier=guardrail_id, guardrailVersion=version, aws_retry=True)


@describe("read the data retention")
def get_retention(connection: Any) -> dict:
    return connection.get_account_data_retention(aws_retry=True)


@describe("list the tags of {arn}")
def list_tags(connection: Any, arn: str) -> dict[str, str]:
    return tagging.from_boto(connection.list_tags_for_resource(resourceARN=arn, aws_retry=True).get("tags"))


@describe("tag {arn}")
def tag_resource(connection: Any, arn: str, tags: dict) -> None:
    connection.tag_resource(resourceARN=arn, tags=tagging.to_boto(tags, "key", "value"), aws_retry=True)


@describe("remove tags from {arn}")
def untag_resource(connection: Any, arn: str, keys: list[str]) -> None:
    connection.untag_resource(resourceARN=arn, tagKeys=keys, aws_retry=True)


def converge_tags(connection: Any, arn: str, to_set: dict, to_remove: list[str]) -> None:
    """Remove first: a resource at its limit of tags takes new ones only then."""
    if to_remove:
        untag_resource(connection, arn, to_remove)
    if to_set:
        tag_resource(connection, arn, to_set)


# --- finding ---------------------------------------------------------------------------------------------------------


def find_guardrail(connection: Any, name: str | None, guardrail_id: str | None = None) -> dict | None:
    """The draft of a guardrail as GetGuardrail describes it; None when there is none."""
    if not guardrail_id:
        row = find_by_name(list_guardrails(connection), str(name), "guardrails")
        guardrail_id = row["id"] if row else None
    return get_guardrail(connection, guardrail_id) if guardrail_id else None


def check_names(name: str | None, guardrail_id: str | None, within: str = "") -> None:
    """Refuse what no guardrail can be called: looked for, it would seem not to be there."""
    check_members("bedrock", "CreateGuardrail", {"name": name}, {"name": f"{within}name"})
    identifier = {"guardrailIdentifier": guardrail_id or None}
    check_members("bedrock", "GetGuardrail", identifier, {"guardrailIdentifier": f"{within}guardrail_id"})


def check_arn_region(option: str, arn: str | None, region: str) -> None:
    """Refuse an ARN of another region: the service would say that the resource is not there."""
    parts = (arn or "").split(":")
    if parts[0] == "arn" and len(parts) > 3 and parts[3] not in ("", region):
        raise Refused(
            f"{option} names a resource of another region",
            found=arn,
            expected=f"an ARN in {region}",
            next_step=f"correct {option} or region",
            result={"reason": "other_region"},
        )


# --- waiting ---------------------------------------------------------------------------------------------------------


def status_of(guardrail: Mapping | None) -> str | None:
    return guardrail["status"] if guardrail else None


def failure_of(guardrail: Mapping) -> str:
    """Why a guardrail is FAILED and what the service recommends."""
    reasons = "; ".join(guardrail.get("statusReasons") or ["the service gives no reason"])
    advice = "; ".join(guardrail.get("failureRecommendations") or [])
    return f"{reasons}. Recommended: {advice}" if advice else reasons


class Settling:
    """Judges the looks at a guardrail: settled when READY twice in a row, lost when it fails or is not there."""

    def __init__(self, is_new: bool, clock: Callable[[], float]):
        self._is_new, self._clock, self._start = is_new, clock, clock()
        self._seen = 0

    def done(self, guardrail: Mapping | None) -> bool:
        self._seen = self._seen + 1 if status_of(guardrail) == READY else 0
        return self._seen >= READY_SEEN_MIN

    def failed(self, guardrail: Mapping | None) -> str | None:
        if guardrail is None:
            known_by_now = not self._is_new or self._clock() - self._start > UNKNOWN_S_MAX
            return "it is not there" if known_by_now else None
        if guardrail["status"] == FAILED:
            return f"its status is FAILED: {failure_of(guardrail)}"
        return "it is being deleted" if guardrail["status"] == DELETING else None


def wait_for_ready(
    connection: Any,
    guardrail_id: str,
    version: str,
    timeout_s: float,
    poll_seconds: float,
    *,
    is_new: bool = False,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> dict:
    """The guardrail, or one of its versions, once it is READY. `is_new`: it may be unknown for a moment."""
    settling = Settling(is_new, clock)
    return wait_until(
        lambda: get_guardrail(connection, guardrail_id, version),
        settling.done,
        f"version {version} of guardrail {guardrail_id} to become ready",
        timeout_s,
        poll_seconds,
        failed=settling.failed,
        clock=clock,
        sleep=sleep,
    )


def is_busy(rows: list[dict]) -> bool:
    """Whether draft or a version is under way; the service takes no change of a guardrail then."""
    return any(row["status"] in (*BUSY, DELETING) for row in rows)


def in_a_row(predicate: Callable[[Any], bool]) -> Callable[[Any], bool]:
    """A predicate that two looks in a row have to fulfil."""
    looks: list[bool] = []

    def done(state: Any) -> bool:
        looks.append(predicate(state))
        return looks[-2:] == [True, True]

    return done


def wait_while_busy(connection: Any, guardrail_id: str, timeout_s: float, poll_seconds: float) -> list[dict]:
    """The rows of a guardrail once nothing of it is under way any more, however that ended."""
    return wait_until(
        lambda: list_rows(connection, guardrail_id),
        in_a_row(lambda rows: not is_busy(rows)),
        f"what is under way at guardrail {guardrail_id}",
        timeout_s,
        poll_seconds,
        text=lambda rows: ", ".join(f"{row['version']} {row['status']}" for row in rows) or "not there",
    )


def wait_for_listing(connection: Any, guardrail_id: str, version: str, timeout_s: float, poll_seconds: float) -> None:
    """A version that is listed is one that the next run knows of; otherwise it would make another."""
    wait_until(
        lambda: find_versions(list_rows(connection, guardrail_id)),
        lambda numbers: int(version) in numbers,
        f"version {version} of guardrail {guardrail_id} to be listed",
        timeout_s,
        poll_seconds,
    )


def wait_for_absence(
    connection: Any, guardrail_id: str, timeout_s: float, poll_seconds: float, version: str = DRAFT
) -> None:
    wait_until(
        lambda: get_guardrail(connection, guardrail_id, version),
        in_a_row(lambda guardrail: guardrail is None),
        f"version {version} of guardrail {guardrail_id} to be gone",
        timeout_s,
        poll_seconds,
        failed=lambda found: f"its status is FAILED: {failure_of(found)}" if status_of(found) == FAILED else None,
    )
