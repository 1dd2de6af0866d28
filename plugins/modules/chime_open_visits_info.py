#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: chime_open_visits_info
version_added: 1.0.0
short_description: Tell from the audit table which video visits are under way, and wait until they have ended
description:
  - Reads the audit table of the visits, because the Chime SDK has no list of meetings. A visit is open when it has a
    row C(CREATED#<time>) under C(MEETING#<id>) and none C(ENDED#<time>).
  - A visit that is older than O(longest_visit_s) was left by people who ended nothing, and is not counted. With
    O(control_region) each open visit is also asked for at the Chime SDK.
  - A meeting exists in the region that made it and nowhere else, so that a wrong region knows none of those that go on.
    A visit whose meeting is not there has ended only where O(control_region_known) says that meetings are made there,
    or where another meeting of the table was found there. Until then it is open.
  - A row C(CREATED#) whose time cannot be read is a failure, because nobody knows whether that visit goes on.
  - The operation used is C(dynamodb:Scan), with O(control_region) also C(chime-sdk-meetings:GetMeeting). The IAM
    permissions are C(dynamodb:Scan) on the table and C(chime:GetMeeting).
author:
  - MedZen platform team (@medzen)
options:
  table:
    description:
      - Name or ARN of the audit table, in O(region).
    type: str
    required: true
  longest_visit_s:
    description:
      - How long a visit lasts at most, in seconds.
    type: int
    default: 10800
  begun_before:
    description:
      - A time in ISO 8601. Only visits that had begun by then are waited for; later ones are told in RV(begun_since).
      - Without it, the service has to be closed for the wait to end while visits begin.
    type: str
  control_region:
    description:
      - Region whose Chime SDK made the meetings. Without it, only the table is asked.
    type: str
  control_region_known:
    description:
      - Whether somebody knows that meetings are made through O(control_region), or an earlier look has found one there.
        A region that is only likely is asked without it.
    type: bool
    default: false
  wait:
    description:
      - Whether to wait until no visit is open.
    type: bool
    default: false
  wait_timeout:
    description:
      - How long to wait, in seconds. When it is over the task fails and names visits that go on.
    type: int
    default: 3600
extends_documentation_fragment:
  - medzen.multiregion.wait
  - medzen.multiregion.chime
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
notes:
  - Each look reads the whole table.
attributes:
  check_mode:
    description: Can run in check mode and predict changes without making them.
    support: full
    details: It only reads. In check mode it looks once.
  diff_mode:
    description: Changes nothing and has no diff.
    support: none
  idempotent:
    description: Only reads.
    support: full
seealso:
  - module: medzen.multiregion.chime_media_capture_pipeline_info
"""

EXAMPLES = r"""
- name: Who is still talking in Cape Town?
  medzen.multiregion.chime_open_visits_info:
    region: af-south-1
    table: medzen-meeting-audit
    control_region: us-east-1
    control_region_known: true
  register: visits

- name: Let the visits of now end before the cutover, two hours at most
  medzen.multiregion.chime_open_visits_info:
    region: af-south-1
    table: medzen-meeting-audit
    begun_before: "{{ now(utc=true).isoformat() }}"
    wait: true
    wait_timeout: 7200
"""

RETURN = r"""
table_exists:
  description: Whether there is such a table. Without one nobody can tell which visits go on.
  type: bool
  returned: always
drained:
  description: Whether no visit is open that had begun by O(begun_before); C(null) without a table.
  type: bool
  returned: always
open:
  description: Those visits, the oldest first, 20 at most.
  type: list
  elements: dict
  returned: always
  contains:
    meeting_id: {description: Identifier of the meeting., type: str}
    began: {description: "When it began, ISO 8601.", type: str}
open_count:
  description: How many they are.
  type: int
  returned: always
not_found_count:
  description:
    - Of the open ones, how many have no meeting in O(control_region) and may have ended, or were made elsewhere.
  type: int
  returned: always
control_region_known:
  description:
    - Whether it is known that meetings are made through O(control_region), from O(control_region_known) or because one
      was found there. Given as O(control_region_known) to a later look, it is not forgotten.
  type: bool
  returned: always
begun_since:
  description: How many open visits have begun after O(begun_before).
  type: int
  returned: always
looked_at:
  description: When the table was read, ISO 8601. Given as O(begun_before) to a later look, it fixes whom to wait for.
  type: str
  returned: always
left_open:
  description: How many visits have no end and are older than O(longest_visit_s).
  type: int
  returned: always
"""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.medzen.multiregion.plugins.module_utils import chime_sdk, dynamodb_items, visits
from ansible_collections.medzen.multiregion.plugins.module_utils.aws import client, describe
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import (
    AwsError,
    Refused,
    WaitTimeout,
    refuse_faults,
)
from ansible_collections.medzen.multiregion.plugins.module_utils.runner import run
from ansible_collections.medzen.multiregion.plugins.module_utils.service_model import check_members, iter_faults
from ansible_collections.medzen.multiregion.plugins.module_utils.service_regions import require_region
from ansible_collections.medzen.multiregion.plugins.module_utils.wait import wait_arguments, wait_until

NAMED_MAX = 20


@dataclass
class Control:
    """The Chime SDK of a region. Once a meeting was found there, it is known for all later looks."""

    chime: Any
    known: bool


@describe("read the visits in {table}", missing=("ResourceNotFoundException",))
def scan_visits(dynamodb, table):
    """Keys only; none where there is no table."""
    return list(iter_pages(dynamodb, table))


def iter_pages(dynamodb, table):
    """DynamoDB's position is a key, not a text, so the shared listing does not do."""
    request = {"TableName": table, "ConsistentRead": True, "ProjectionExpression": "pk, sk"}
    while True:
        page = dynamodb.scan(**request, aws_retry=True)
        yield from (dynamodb_items.item_to_plain(item) for item in page["Items"])
        if not page.get("LastEvaluatedKey"):
            return
        request["ExclusiveStartKey"] = page["LastEvaluatedKey"]


@describe("look for meeting {meeting_id}", missing=chime_sdk.NOT_FOUND)
def get_meeting(chime, meeting_id):
    return chime.get_meeting(MeetingId=meeting_id, aws_retry=True)["Meeting"]


def is_there(chime, visit):
    """Whether the region has the visit's meeting. None: it cannot be asked, which would end the task."""
    shape = chime.meta.service_model.operation_model("GetMeeting").input_shape.members["MeetingId"]
    if any(iter_faults(shape, visit.meeting_id, "")):
        return None
    try:
        return get_meeting(chime, visit.meeting_id) is not None
    except AwsError as error:
        raise chime_sdk.explained(error) from error


def still_open_of(control, waited, since):
    """The visits that may go on, and how many of them have no meeting in a region that may be the wrong one."""
    found = {visit: is_there(control.chime, visit) for visit in waited}
    absent = [visit for visit in waited if found[visit] is False]
    control.known = control.known or True in found.values()
    if absent and not control.known:
        # Those that have begun since are not waited for, but as good a proof.
        control.known = any(is_there(control.chime, visit) for visit in since)
    if control.known:
        return [visit for visit in waited if visit not in absent], 0
    return waited, len(absent)


def look(dynamodb, control, options, now):
    rows = scan_visits(dynamodb, options["table"])
    read = visits.read_rows(rows or [])
    if read.unreadable:
        raise Refused(
            f"{options['table']} has visits whose beginning cannot be read",
            found=", ".join(read.unreadable[:NAMED_MAX]),
            expected="CREATED#<time in ISO 8601>",
            next_step="look whether these visits go on, and mend or delete their rows",
            result={"reason": "unreadable_rows"},
        )
    going_on = visits.within(read.open, now, options["longest_visit_s"])
    waited, since = visits.begun_by(going_on, moment_of(options))
    waited, not_found = still_open_of(control, waited, since) if control else (waited, 0)
    return {
        "table_exists": rows is not None,
        "drained": not waited if rows is not None else None,
        "open": [visit.as_dict() for visit in waited[:NAMED_MAX]],
        "open_count": len(waited),
        "not_found_count": not_found,
        "control_region_known": bool(control and control.known),
        "begun_since": len(since),
        "left_open": len(read.open) - len(going_on),
        "looked_at": now.isoformat(),
    }


def moment_of(options):
    return dynamodb_items.time_of(options["begun_before"]) if options["begun_before"] else None


def check_options(options):
    faults = []
    if options["begun_before"] and moment_of(options) is None:
        faults.append(f"begun_before: is {options['begun_before']!r}; expected a time in ISO 8601")
    if options["longest_visit_s"] < 1:
        faults.append(f"longest_visit_s: is {options['longest_visit_s']}; expected 1 or more")
    refuse_faults("The visits cannot be looked for like this", faults)


def told(state):
    since = f", {state['begun_since']} have begun since" if state["begun_since"] else ""
    return f"{state['open_count']} visits go on{since}"


def wait_for_end(look_again, options, *, clock=time.monotonic, sleep=time.sleep):
    """The percentage is of the visits that were open at first."""
    first = []

    def percent(state):
        first.append(state["open_count"])
        return 100.0 * max(0, first[0] - state["open_count"]) / first[0]

    try:
        return wait_until(
            look_again,
            # Whether a table that is not there is drained is not known later either.
            lambda state: state["drained"] is not False,
            "visits to end",
            options["wait_timeout"],
            options["poll_seconds"],
            percent=percent,
            clock=clock,
            sleep=sleep,
            text=told,
        )
    except WaitTimeout as timeout:
        raise still_open(timeout, options) from timeout


def still_open(timeout, options):
    state = timeout.last_state
    found = f"{state['open_count']} open: {', '.join(visit['meeting_id'] for visit in state['open'])}"
    step = "run again in a quieter hour, wait longer, or ask the clinicians to end these visits"
    if state["not_found_count"]:
        place = options["control_region"]
        found += f"; {state['not_found_count']} of them have no meeting in {place}, nor has any other visit"
        step += f". If meetings are made through {place}, say so (control_region_known); if not, name their region"
    return Refused(
        f"Visits go on after {options['wait_timeout']} s",
        found=found,
        expected="no visit that had begun before",
        next_step=step,
        result={**state, "reason": "visits_open"},
    )


def report(module):
    options = module.params
    check_options(options)
    dynamodb, control = client(module, "dynamodb"), None
    check_members("dynamodb", "Scan", {"TableName": options["table"]}, {"TableName": "table"})
    if options["control_region"]:
        require_region(chime_sdk.MEETINGS, options["control_region"], options["extra_regions"])
        chime = client(module, chime_sdk.MEETINGS, options["control_region"])
        control = Control(chime, options["control_region_known"])

    def look_again():
        return look(dynamodb, control, options, datetime.now(UTC))

    waits = options["wait"] and not module.check_mode
    return {"changed": False, **(wait_for_end(look_again, options) if waits else look_again())}


def main():
    argument_spec = {
        "table": {"required": True},
        "longest_visit_s": {"type": "int", "default": 10800},
        "begun_before": {},
        "control_region": {},
        "control_region_known": {"type": "bool", "default": False},
        **chime_sdk.ARGUMENTS,
        **wait_arguments(),
    }
    argument_spec["wait"]["default"] = False
    run(AnsibleAWSModule(argument_spec=argument_spec, supports_check_mode=True), report)


if __name__ == "__main__":
    main()
