#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: route53_ttl
short_description: Lower the TTL of a name, and of others with it, and wait out the old one
version_added: 1.0.0
description:
  - Lowers the TTL of every address record of a name that has a longer one, in one change batch, and changes nothing
    else.
  - Can wait until no resolver may still hold an answer with the old TTL. That takes the I(old) TTL, counted from the
    moment at which the change reached every name server of Route 53.
  - An alias has the TTL of its target, 60 s for a load balancer, which nobody can lower. It is reported and left alone.
  - Needs C(route53:ListHostedZonesByName), C(route53:ListResourceRecordSets), C(route53:ChangeResourceRecordSets)
    and C(route53:GetChange).
author:
  - MedZen platform team (@medzen)
attributes:
  check_mode: {description: Reports what would be lowered and writes nothing., support: full}
  diff_mode: {description: Shows the TTLs before and after., support: full}
  idempotent: {description: A TTL that is short enough is left alone., support: full}
options:
  zone:
    description: Name or id of the hosted zone.
    type: str
    required: true
  record:
    description: Name whose record sets are lowered.
    type: str
    required: true
  further_records:
    description:
      - Further names of the zone whose record sets are lowered in the same change batch.
      - One that has no address record is left alone.
    type: list
    elements: str
    default: []
  ttl_s:
    description: Longest TTL that the name may have, in seconds.
    type: int
    required: true
  lowered_at:
    description:
      - When an earlier run lowered it, in seconds since the epoch, as RV(lowered_at) told.
      - Without it a wait starts now, because nobody knows since when the TTL is short.
    type: float
  old_ttl_s:
    description: The TTL that an earlier run found, as RV(old_ttl_s) told.
    type: int
  margin_s:
    description: Seconds waited beyond the old TTL, for resolvers that are late.
    type: int
    default: 5
extends_documentation_fragment:
  - medzen.multiregion.wait
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Shorten the TTL an hour before the switch, and wait until the old one is forgotten
  medzen.multiregion.route53_ttl:
    zone: medzenhealth.app
    record: ehr.medzenhealth.app
    ttl_s: 60
    wait: true
"""

RETURN = r"""
lowered_at:
  description:
    - When the shorter TTL was at every name server, in seconds since the epoch.
    - V(null) if this run did not lower it.
  returned: always
  type: float
old_ttl_s:
  description: The longest TTL found, in seconds.
  returned: always
  type: int
record_sets:
  description:
    - The record sets as they were found, in the form of the option C(changes[].record) of
      M(medzen.multiregion.route53_record_sets), those of O(record) first. Keep them; they are a way back.
  returned: always
  type: list
  elements: dict
aliases:
  description: Record sets whose TTL is their target's.
  returned: always
  type: list
  elements: str
forgotten_at:
  description: When the last resolver that honours TTLs has forgotten the old answer, in seconds since the epoch.
  returned: when O(wait=true)
  type: float
"""

import time

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.medzen.multiregion.plugins.module_utils.aws import client
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.record_sets import (
    ADDRESS_TYPES,
    build_record,
    describe_key,
    effective_ttl_s,
    key_of,
)
from ansible_collections.medzen.multiregion.plugins.module_utils.route53 import (
    apply_batch,
    find_zone,
    list_record_sets,
    plan_batch,
    wait_insync,
)
from ansible_collections.medzen.multiregion.plugins.module_utils.runner import run
from ansible_collections.medzen.multiregion.plugins.module_utils.wait import wait_arguments, wait_until


def lowering_changes(present: list[dict], ttl_s: int) -> list[dict]:
    """The record sets of the name whose TTL is longer, as they should be."""
    longer = [item for item in present if "AliasTarget" not in item and int(item["TTL"]) > ttl_s]
    return [{"action": "present", "record": build_record(item) | {"ttl": ttl_s}} for item in longer]


def forgotten_at(lowered_at: float, old_ttl_s: int, margin_s: int) -> float:
    return lowered_at + old_ttl_s + margin_s


def list_addresses(route53, zone_id: str, record: str) -> list[dict]:
    return [item for item in list_record_sets(route53, zone_id, [record]) if item["Type"] in ADDRESS_TYPES]


def find_addresses(route53, zone_id: str, record: str) -> list[dict]:
    present = list_addresses(route53, zone_id, record)
    if not present:
        raise Refused(
            f"{record} has no address whose TTL could be lowered",
            found="no A, AAAA or CNAME record",
            expected="at least one",
            next_step="check the record and the zone",
        )
    return present


def lower(module: AnsibleAWSModule, route53, zone_id: str, batch) -> float | None:
    """Send the batch; when the new TTL was at every name server, or None when nothing was sent."""
    if not batch.changed or module.check_mode:
        return None
    change = apply_batch(route53, zone_id, batch)
    wait_insync(route53, change["Id"], module.params["wait_timeout"], module.params["poll_seconds"])
    return time.time()


def wait_out(options: dict, lowered_at: float, old_ttl_s: int, now=time.time) -> float:
    """Wait until resolvers have forgotten the old answer; when that was."""
    end = forgotten_at(lowered_at, old_ttl_s, options["margin_s"])
    length = max(end - lowered_at, 1e-9)
    wait_until(
        now,
        lambda moment: moment >= end,
        f"resolvers to forget the old answer of {options['record']} (TTL {old_ttl_s} s)",
        options["wait_timeout"],
        min(options["poll_seconds"], max(end - now(), 0.01)),
        percent=lambda moment: min(100.0, max(0.0, 100 * (moment - lowered_at) / length)),
    )
    return end


def ensure_low(module: AnsibleAWSModule) -> dict:
    options = module.params
    route53 = client(module, "route53")
    zone_id = find_zone(route53, options["zone"])["Id"]
    present = find_addresses(route53, zone_id, options["record"])
    for name in options["further_records"]:
        present += list_addresses(route53, zone_id, name)
    batch = plan_batch(present, lowering_changes(present, options["ttl_s"]))
    found_ttl_s = max((int(item["TTL"]) for item in present if "TTL" in item), default=0)
    lowered_at = lower(module, route53, zone_id, batch)
    result = {
        "changed": batch.changed,
        "diff": batch.diff(),
        "lowered_at": lowered_at,
        "record_sets": [build_record(item) for item in present],
        "old_ttl_s": max(found_ttl_s, *(effective_ttl_s(item) or 0 for item in present)),
        "aliases": [describe_key(key_of(item)) for item in present if "AliasTarget" in item],
    }
    if options["wait"] and not module.check_mode:
        since = lowered_at or options["lowered_at"] or time.time()
        ttl_s = result["old_ttl_s"] if lowered_at else options["old_ttl_s"] or result["old_ttl_s"]
        result["forgotten_at"] = wait_out(options, since, ttl_s)
    return result


def main() -> None:
    module = AnsibleAWSModule(
        argument_spec={
            "zone": {"type": "str", "required": True},
            "record": {"type": "str", "required": True},
            "further_records": {"type": "list", "elements": "str", "default": []},
            "ttl_s": {"type": "int", "required": True},
            "lowered_at": {"type": "float"},
            "old_ttl_s": {"type": "int"},
            "margin_s": {"type": "int", "default": 5},
            **wait_arguments(),
        },
        supports_check_mode=True,
    )
    run(module, ensure_low)


if __name__ == "__main__":
    main()
