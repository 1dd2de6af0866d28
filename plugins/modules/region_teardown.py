#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: region_teardown
version_added: 1.0.0
short_description: Delete what a workload has in a region, in order, and prove that it is gone
description:
  - Deletes what M(medzen.multiregion.region_census_info) found and planned, and nothing else. The plan's checksum is a
    part of the confirmation.
  - Works in rounds in one process. What is free to go is deleted at the same time; what still waits for something says
    for what. Who stands in the way of a deletion is named.
  - Deletion protection is taken off at the last moment, one item at a time, and each time is logged.
  - An item is gone when its listing no longer shows it. Keys and secrets are scheduled and counted apart.
  - A second run joins what AWS is deleting already. With nothing left it changes nothing and makes no write call.
  - Never touches Route 53, so that validation records of certificates and the records of living names stay.
options:
  confirm:
    description:
      - The name of the region, typed. Anything else is refused; only check mode goes on without.
    type: str
    required: true
  plan_checksum:
    description:
      - RV(medzen.multiregion.region_census_info#module:plan_checksum) of the plan that was reviewed.
      - It must be the present plan's, unless the present plan is a part of O(plan_items).
    type: str
  workload:
    description:
      - Value of the tag C(Workload) that marks what belongs to the workload.
    type: str
    required: true
  name_prefixes:
    description:
      - What has a name, or a part of a path in its name, that begins with one of these belongs to the workload as well.
      - Without any, O(workload) is the prefix.
    type: list
    elements: str
    default: []
  keep:
    description:
      - What must stay. Each entry names a whole kind, or one item of it by O(keep[].id).
      - What something that stays still uses, stays too. So a KMS key stays while a snapshot needs it.
    type: list
    elements: dict
    default: []
    suboptions:
      kind:
        description:
          - The kind, as the census calls it.
        type: str
        required: true
      id:
        description:
          - The item's id, as the census shows it. Without it the whole kind stays.
        type: str
      reason:
        description:
          - Why it stays. It is repeated in the plan.
        type: str
        required: true
  include:
    description:
      - Protected kinds or items that go after all, as C(rds_snapshot) or C(rds_snapshot/name).
      - Protected are snapshots, buckets and tables, because they may be backups or under retention.
      - A bucket goes only when it is empty. A snapshot goes only when O(final_snapshots) has its database.
    type: list
    elements: str
    default: []
  plan_items:
    description:
      - RV(medzen.multiregion.region_census_info#module:plan_items) of the plan that was reviewed, from the run record.
      - With it a run that was interrupted can be taken up again, when a part of the plan is gone.
    type: list
    elements: str
    default: []
  max_items:
    description:
      - Refuse a plan with more items.
    type: int
    default: 150
  final_snapshots:
    description:
      - Evidence for each database that goes, by its identifier, as C({arn, verified}). The snapshot must lie in another
        region, be available and encrypted, and C(verified) must be true, which says that it was restored and compared.
      - The module asks RDS about the snapshot; that it was restored is the caller's word.
      - A read replica needs none.
    type: dict
    default: {}
  key_window_days:
    description:
      - Days until KMS deletes a key, 7 to 30.
    type: int
    default: 30
  secret_window_days:
    description:
      - Days until Secrets Manager deletes a secret, 7 to 30 and no more than O(key_window_days).
    type: int
    default: 30
  wait_timeout:
    description:
      - How long to go on, in seconds. Interfaces of Lambda functions alone can take 45 minutes.
    type: int
    default: 7200
  poll_seconds:
    description:
      - How long to pause between two rounds, in seconds.
    type: float
    default: 10.0
notes:
  - Check mode returns the plan, with what would be refused in RV(refusals), and makes no write call.
  - Needs the permissions to list, describe and delete of all services that the census lists, with
    C(s3:GetEncryptionConfiguration) and C(sns:GetTopicAttributes).
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    description: Returns the plan and deletes nothing.
    support: full
  diff_mode:
    description: Shows the items that are there before and after.
    support: full
  idempotent:
    description: With nothing left to delete, nothing is written.
    support: full
author:
  - MedZen platform team (@medzen)
"""

EXAMPLES = r"""
- name: Empty Cape Town
  medzen.multiregion.region_teardown:
    region: af-south-1
    confirm: "{{ confirm }}"
    workload: medzen-ehrbase
    name_prefixes: [medzen]
    plan_checksum: "{{ census.plan_checksum }}"
    plan_items: "{{ census.plan_items }}"
    final_snapshots:
      medzen-ehrbase-db-af-south-1:
        arn: arn:aws:rds:eu-central-1:123456789012:snapshot:final-medzen-ehrbase-db-af-south-1
        verified: true
"""

RETURN = r"""
joined:
  description: Whether a part of the reviewed plan was gone already.
  returned: success
  type: bool
done:
  description: Whether everything in the plan is deleted or scheduled.
  returned: always
  type: bool
states:
  description: How many items are in which state.
  returned: when deleting
  type: dict
  sample: {"deleted": 41, "scheduled": 4}
items:
  description: Every item of the plan, its state, the reason for it, and who stands in the way.
  returned: when deleting
  type: list
  elements: dict
log:
  description: Every step that was asked of AWS, with the seconds since the start. Deletion protection is among them.
  returned: when deleting
  type: list
  elements: dict
refusals:
  description: What would be refused, each with C(found), C(expected) and C(next_step).
  returned: in check mode and when refused
  type: list
  elements: dict
plan:
  description: What is deleted in which round, kept and why, scheduled already, or not of this workload.
  returned: always
  type: dict
plan_items:
  description: Everything that the plan deletes, as C(kind/id).
  returned: always
  type: list
  elements: str
plan_checksum:
  description: Checksum of RV(plan_items).
  returned: always
  type: str
"""

from collections import Counter

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.medzen.multiregion.plugins.module_utils.census import guards
from ansible_collections.medzen.multiregion.plugins.module_utils.census.options import PLAN_OPTIONS, build_rules
from ansible_collections.medzen.multiregion.plugins.module_utils.census.plan import build_plan, describe_plan
from ansible_collections.medzen.multiregion.plugins.module_utils.census.registry import Place, Settings
from ansible_collections.medzen.multiregion.plugins.module_utils.census.scan import scan
from ansible_collections.medzen.multiregion.plugins.module_utils.census.teardown import Pace, Teardown, unfinished
from ansible_collections.medzen.multiregion.plugins.module_utils.clients import Clients
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import MultiregionError
from ansible_collections.medzen.multiregion.plugins.module_utils.runner import run

SPEC = {
    **PLAN_OPTIONS,
    "confirm": {"type": "str", "required": True},
    "plan_checksum": {"type": "str"},
    "max_items": {"type": "int", "default": 150},
    "final_snapshots": {"type": "dict", "default": {}},
    "key_window_days": {"type": "int", "default": 30, "no_log": False},
    "secret_window_days": {"type": "int", "default": 30, "no_log": False},
    "wait_timeout": {"type": "int", "default": 7200},
    "poll_seconds": {"type": "float", "default": 10.0},
}


def tear_down(module):
    params = module.params
    clients = Clients(module)
    confirmation = guards.Confirmation(
        clients.region, params["confirm"], params["plan_checksum"], tuple(params["plan_items"]), params["max_items"]
    )
    guards.check_inputs(clients.region, params["key_window_days"], params["secret_window_days"], confirmation)
    place = Place(clients, clients.region, settings=build_settings(params))
    findings = scan(place)
    plan = build_plan(findings, build_rules(params))
    refusals = guards.find_refusals(plan, confirmation)
    refusals += guards.refuse_snapshots(plan, params["final_snapshots"], place.region, guards.snapshot_reader(place))
    result = build_result(plan, findings, refusals, guards.is_joined(plan, confirmation))
    if module.check_mode:
        return {**result, "changed": bool(plan.deletions)}
    if refusals:
        raise MultiregionError(guards.refusal_text(place.region, refusals), result)
    return delete(place, plan, params, result) if plan.steps else {**result, "done": True}


def build_settings(params):
    return Settings(params["key_window_days"], params["secret_window_days"], params["final_snapshots"])


def build_result(plan, findings, refusals, joined):
    return {
        "changed": False,
        "done": not plan.steps,
        "joined": joined,
        "plan": describe_plan(plan, findings),
        "plan_items": list(plan.deletions),
        "plan_checksum": plan.checksum,
        "refusals": [refusal.as_dict() for refusal in refusals],
        "diff": {"before": {"items": list(plan.deletions)}, "after": {"items": []}},
    }


def delete(place, plan, params, result):
    teardown = Teardown(place, plan, Pace(params["wait_timeout"], params["poll_seconds"]))
    teardown.run()
    entries = list(teardown.entries.values())
    left = unfinished(entries)
    result = {
        **result,
        "changed": teardown.writes > 0,
        "done": not left,
        "states": dict(Counter(entry.state for entry in entries)),
        "items": [entry.as_dict() for entry in entries],
        "log": teardown.log,
        "diff": {"before": result["diff"]["before"], "after": {"items": sorted(entry.item.key for entry in left)}},
    }
    if left:
        raise MultiregionError(build_failure(place.region, left, len(entries)), result)
    return result


def build_failure(region, left, total):
    lines = [
        f"- {entry.item.key}: {entry.state}, {entry.reason}{f'; in the way: {entry.blocker}' if entry.blocker else ''}"
        for entry in left
    ]
    head = f"{total - len(left)} of {total} items of {region} are gone or scheduled; these are not:"
    return "\n".join([head, *lines, "Next: clear what stands in the way and run again; it goes on from here."])


def main():
    run(AnsibleAWSModule(argument_spec=SPEC, supports_check_mode=True), tear_down)


if __name__ == "__main__":
    main()
