# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosted zones and change batches at Route 53: find, list, apply, wait. What to change is planned in change_batch."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

from ansible_collections.medzen.multiregion.plugins.module_utils.aws import describe, paginate
from ansible_collections.medzen.multiregion.plugins.module_utils.change_batch import Batch, names_of, plan_batch
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import AwsError, Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.record_sets import (
    key_of,
    normalise_name,
    same,
    strip_zone_id,
)
from ansible_collections.medzen.multiregion.plugins.module_utils.wait import wait_until

__all__ = [
    "Batch",
    "apply_batch",
    "find_zone",
    "list_record_sets",
    "names_of",
    "plan_batch",
    "wait_insync",
]

COMMENT = "medzen.multiregion"


@describe("get hosted zone {zone_id}", missing=("NoSuchHostedZone",))
def get_zone(client: Any, zone_id: str) -> dict | None:
    return client.get_hosted_zone(Id=zone_id, aws_retry=True)["HostedZone"]


@describe("list the hosted zones named {name}")
def list_zones_named(client: Any, name: str) -> list[dict]:
    answer = client.list_hosted_zones_by_name(DNSName=name, aws_retry=True)
    return [zone for zone in answer["HostedZones"] if normalise_name(zone["Name"]) == normalise_name(name)]


@describe("list the records of hosted zone {zone_id}")
def list_all(client: Any, zone_id: str) -> list[dict]:
    return paginate(client, "list_resource_record_sets", "ResourceRecordSets", HostedZoneId=zone_id)


@describe("list the records of {name} in hosted zone {zone_id}")
def list_page(client: Any, zone_id: str, name: str, start: dict) -> dict:
    return client.list_resource_record_sets(HostedZoneId=zone_id, **({"StartRecordName": name} | start), aws_retry=True)


@describe("send a change batch to hosted zone {zone_id}")
def change_record_sets(client: Any, zone_id: str, changes: list[dict]) -> dict:
    batch = {"Comment": COMMENT, "Changes": changes}
    return client.change_resource_record_sets(HostedZoneId=zone_id, ChangeBatch=batch, aws_retry=True)["ChangeInfo"]


@describe("get change {change_id}")
def get_change(client: Any, change_id: str) -> dict:
    return client.get_change(Id=change_id, aws_retry=True)["ChangeInfo"]


def find_zone(client: Any, name: str, *, private: bool = False) -> dict:
    """The one hosted zone of this name or id, as Route 53 describes it, its `Id` without the `/hostedzone/`."""
    if "." not in name.rstrip("."):
        zones = [zone for zone in [get_zone(client, strip_zone_id(name))] if zone]
    else:
        zones = [zone for zone in list_zones_named(client, name) if _is_private(zone) == private]
    kind = "private" if private else "public"
    if not zones:
        raise Refused(
            f"There is no {kind} hosted zone {name}",
            expected="a hosted zone of this account",
            next_step="check the name and the account",
        )
    if len(zones) > 1:
        raise Refused(
            f"There is more than one {kind} hosted zone {name}",
            found=", ".join(strip_zone_id(zone["Id"]) for zone in zones),
            expected="one",
            next_step="give the zone's id",
        )
    return {**zones[0], "Id": strip_zone_id(zones[0]["Id"])}


def _is_private(zone: dict) -> bool:
    return bool(zone.get("Config", {}).get("PrivateZone"))


def list_record_sets(client: Any, zone_id: str, names: Iterable[str] | None = None) -> list[dict]:
    """All record sets of the zone, or those of the names: a page or two a name, however large the zone."""
    if names is None:
        return list_all(client, zone_id)
    wanted = sorted({normalise_name(name) for name in names})
    return [record_set for name in wanted for record_set in _list_name(client, zone_id, name)]


def _list_name(client: Any, zone_id: str, name: str) -> list[dict]:
    found: list[dict] = []
    start: dict = {}
    while True:
        page = list_page(client, zone_id, name, start)
        mine = [item for item in page["ResourceRecordSets"] if normalise_name(item["Name"]) == name]
        found.extend(mine)
        if not page.get("IsTruncated") or normalise_name(page["NextRecordName"]) != name:
            return found
        start = {"StartRecordName": page["NextRecordName"], "StartRecordType": page["NextRecordType"]}
        if page.get("NextRecordIdentifier"):
            start["StartRecordIdentifier"] = page["NextRecordIdentifier"]


def apply_batch(client: Any, zone_id: str, batch: Batch) -> dict | None:
    """Send the batch; Route 53's ChangeInfo, or None when there is nothing to send or to wait for.

    A batch whose answer was lost is refused when it is sent again, because what it deletes is gone. Then the zone is
    read once more: if it is as wanted the batch has taken effect, and its records are upserted for a change to wait on.
    """
    if not batch.changes:
        return None
    try:
        return change_record_sets(client, zone_id, batch.changes)
    except AwsError as error:
        if error.code not in ("InvalidChangeBatch", "InvalidInput") or not is_applied(client, zone_id, batch):
            raise
    again = _repeat(batch)
    return change_record_sets(client, zone_id, again) if again else None


def is_applied(client: Any, zone_id: str, batch: Batch) -> bool:
    names = {key_of(record_set)[0] for record_set in [*batch.before, *batch.after]}
    present = {key_of(record_set): record_set for record_set in list_record_sets(client, zone_id, names)}
    wanted = {key_of(record_set): record_set for record_set in batch.after}
    return present.keys() == wanted.keys() and all(same(present[key], wanted[key]) for key in wanted)


def _repeat(batch: Batch) -> list[dict]:
    return [{**change, "Action": "UPSERT"} for change in batch.changes if change["Action"] != "DELETE"]


def wait_insync(
    client: Any,
    change_id: str,
    timeout_s: float = 300,
    poll_seconds: float = 10,
    *,
    what: str = "the change to reach every Route 53 name server",
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> dict:
    """Wait until the change is INSYNC; the ChangeInfo."""
    return wait_until(
        lambda: get_change(client, strip_zone_id(change_id)),
        lambda change: change["Status"] == "INSYNC",
        what,
        timeout_s,
        poll_seconds,
        clock=clock,
        sleep=sleep,
    )
