#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: dynamodb_item_info
version_added: 1.0.0
short_description: Read items of a DynamoDB table and say whether they are as they should be
description:
  - Reads the item of a key, or the items that a key condition finds, as plain values.
  - Tells whether they are there and what is asserted of them holds, and can wait until it does. So an audit row is
    proved that an application writes a moment after it has answered.
  - Numbers are returned as numbers, sets as sorted lists, binary values as base64 text.
  - Operations used are C(dynamodb:GetItem) with O(key) and C(dynamodb:Query) with O(query), with the IAM permissions
    of the same names on the table, with O(query.index) also on the index. A table under a key of its own needs
    C(kms:Decrypt) on it.
author:
  - MedZen platform team (@medzen)
options:
  table:
    description:
      - Name or ARN of the table.
    type: str
    required: true
  key:
    description:
      - The whole primary key of an item, attribute to value. A number must be given as a number.
      - Exactly one of O(key) and O(query) is given.
    type: dict
  query:
    description:
      - What items to look for.
    type: dict
    suboptions:
      partition_key:
        description: Name and value of the partition key.
        type: dict
        required: true
      sort_key:
        description: Name of the sort key, to narrow the query by.
        type: str
      sort_operator:
        description: How the sort key is compared; V(between) takes two values and includes both.
        type: str
        choices: [eq, lt, le, gt, ge, begins_with, between]
        default: begins_with
      sort_values:
        description: What the sort key is compared with.
        type: list
        elements: raw
        default: []
      index:
        description: Name of a secondary index. A global one takes O(consistent_read=false) only.
        type: str
      newest_first:
        description: Whether the items come in the descending order of their sort key.
        type: bool
        default: false
      limit:
        description: How many items to read at most, 1 to 1000. More than that make RV(truncated) true.
        type: int
        default: 100
  consistent_read:
    description:
      - Whether every write before the read is seen. A replica of a global table in another region is behind all the
        same.
    type: bool
    default: true
  attributes:
    description:
      - The attributes to read and return. Not given are all.
    type: list
    elements: str
  expect:
    description:
      - Whether an item has to be there. V(any) does not ask.
    type: str
    choices: [any, present, absent]
    default: any
  asserts:
    description:
      - What must hold for every item that is found. Where there is none, nothing is judged but O(expect).
    type: list
    elements: dict
    default: []
    suboptions:
      attribute:
        description: Name of the attribute.
        type: str
        required: true
      test:
        description:
          - How it is tested. V(matches) searches a text for a regular expression.
          - V(retained) is for the attribute of the table's time to live. It must be O(asserts[].years) calendar years,
            or more, after the time in O(asserts[].since_attribute).
        type: str
        choices: [exists, absent, eq, ne, lt, le, gt, ge, begins_with, matches, retained]
        default: exists
      value:
        description: What it is compared with.
        type: raw
      years:
        description: How many calendar years the item has to be kept, 1 to 100.
        type: int
      since_attribute:
        description:
          - The attribute with the time from which O(asserts[].years) count, in ISO 8601, as it is or after the last
            C(#) of a key such as C(CREATED#2026-05-01T10:00:00Z), or in seconds or milliseconds since 1970.
        type: str
  wait_timeout:
    description:
      - How long to read again, in seconds, until O(expect) and O(asserts) hold. V(0) reads once.
    type: int
    default: 0
  poll_seconds:
    description:
      - How long to pause between two reads, in seconds.
    type: float
    default: 2.0
  fail_on_violation:
    description:
      - Whether it is a failure of the task when O(expect) or one of O(asserts) does not hold.
    type: bool
    default: true
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - medzen.multiregion.service_regions
notes:
  - A table that does not exist is a failure, not an absent item.
attributes:
  check_mode:
    description: Can run in check mode and predict changes without making them.
    support: full
    details: It only reads. In check mode it reads once and does not fail for what it finds, which may not be there yet.
  diff_mode:
    description: Returns what has changed when in diff mode.
    support: none
  idempotent:
    description: A second run with the same options changes nothing.
    support: full
seealso:
  - name: Time to live
    description: DynamoDB deletes an item after the time in one of its attributes, a number of seconds since 1970.
    link: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/TTL.html
"""

EXAMPLES = r"""
- name: The meeting that was just made has left its audit row, which stays for seven years
  medzen.multiregion.dynamodb_item_info:
    region: eu-central-1
    table: medzen-meeting-audit
    query:
      partition_key: {pk: "MEETING#{{ meeting_id }}"}
      sort_key: sk
      sort_values: ["CREATED#"]
    attributes: [pk, sk, action, ttl]
    expect: present
    asserts:
      - {attribute: action, test: eq, value: MEETING_CREATED}
      - {attribute: ttl, test: retained, years: 7, since_attribute: sk}
    wait_timeout: 30

- name: The same row in the replica of the other region
  medzen.multiregion.dynamodb_item_info:
    region: eu-west-1
    table: medzen-meeting-audit
    key: {pk: "MEETING#{{ meeting_id }}", sk: "CREATED#{{ created }}"}
    expect: present
    wait_timeout: 60
"""

RETURN = r"""
found_items:
  description: The items as plain values, in the order of the sort key.
  type: list
  elements: dict
  returned: always
  sample:
    - pk: MEETING#7979
      sk: CREATED#2026-05-01T10:00:00Z
      action: MEETING_CREATED
      ttl: 1998554400
count:
  description: How many items are returned.
  type: int
  returned: always
truncated:
  description: Whether there are more items than O(query.limit); they are not judged.
  type: bool
  returned: always
ok:
  description: Whether O(expect) and O(asserts) hold. With O(asserts), items that were not read make it V(false).
  type: bool
  returned: always
violations:
  description: What does not hold.
  type: list
  elements: dict
  returned: always
  contains:
    item: {description: Place of the item in RV(found_items) counted from 0; V(null) for O(expect)., type: int}
    attribute: {description: Name of the attribute; V(null) for O(expect)., type: str}
    test: {description: The test., type: str}
    text: {description: What was found and what was expected., type: str}
"""

import contextlib
import re
import time

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.medzen.multiregion.plugins.module_utils import dynamodb_items as values
from ansible_collections.medzen.multiregion.plugins.module_utils.aws import client, describe, paginate
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused, WaitTimeout, refuse_faults
from ansible_collections.medzen.multiregion.plugins.module_utils.runner import run
from ansible_collections.medzen.multiregion.plugins.module_utils.service_model import check_request
from ansible_collections.medzen.multiregion.plugins.module_utils.service_regions import ARGUMENTS, require_region
from ansible_collections.medzen.multiregion.plugins.module_utils.wait import wait_until

LIMIT_MAX = 1000
YEARS_MAX = 100
NAMES = {"TableName": "table", "IndexName": "query.index", "Key": "key"}
NEED_VALUE = ("eq", "ne", "lt", "le", "gt", "ge", "begins_with", "matches")


@describe("get the item from {table}")
def get_item(dynamodb, table, request):
    return dynamodb.get_item(**request, aws_retry=True).get("Item")


@describe("query {table}")
def query_items(dynamodb, table, request, count):
    return paginate(dynamodb, "query", "Items", **request, PaginationConfig={"MaxItems": count})


def read_items(dynamodb, options):
    """The items, and whether there are more than may be read."""
    if options["key"]:
        item = get_item(dynamodb, options["table"], values.build_get(options))
        # DynamoDB answers an item of which no attribute is asked for with an empty one.
        return ([] if item is None else [values.item_to_plain(item)]), False
    limit = options["query"]["limit"]
    found = query_items(dynamodb, options["table"], values.build_query(options), limit + 1)
    return [values.item_to_plain(item) for item in found[:limit]], len(found) > limit


def judge(items, truncated, options):
    violations = list(values.iter_violations(items, options["asserts"]))
    if options["expect"] == "present" and not items:
        violations.append(whole("expect", "no item is there; expected one or more"))
    if options["expect"] == "absent" and items:
        violations.append(whole("expect", f"{len(items)} items are there; expected none"))
    if truncated and options["asserts"]:
        violations.append(whole("limit", f"there are more than {len(items)} items; the others are not judged"))
    return violations


def whole(test, text):
    return {"item": None, "attribute": None, "test": test, "text": text}


def look(dynamodb, options):
    items, truncated = read_items(dynamodb, options)
    violations = judge(items, truncated, options)
    return {
        "found_items": [values.choose(item, options["attributes"]) for item in items],
        "count": len(items),
        "truncated": truncated,
        "ok": not violations,
        "violations": violations,
    }


def look_until(dynamodb, options, *, clock=time.monotonic, sleep=time.sleep):
    """The first look at which all holds, else the last one."""
    looks = []

    def look_again():
        looks[:] = [look(dynamodb, options)]
        return looks[0]

    # What the timeout itself carries has its names changed; an item's are its owner's.
    with contextlib.suppress(WaitTimeout):
        wait_until(
            look_again,
            lambda seen: seen["ok"],
            f"{options['table']} to hold what is expected",
            options["wait_timeout"],
            options["poll_seconds"],
            clock=clock,
            sleep=sleep,
            text=lambda seen: seen["violations"][0]["text"] if seen["violations"] else "as expected",
        )
    return looks[0]


def require_ok(result, options):
    if result["ok"]:
        return
    raise Refused(
        f"{options['table']} does not hold what is expected",
        found="; ".join(one["text"] for one in result["violations"]),
        expected="everything in expect and asserts to hold",
        next_step="look at violations; where the application writes late, raise wait_timeout",
        result={"reason": "violation", **result},
    )


def find_faults(options):
    """What is wrong with the options that DynamoDB's model does not know."""
    if options["wait_timeout"] < 0 or options["poll_seconds"] < 0:
        yield "wait_timeout and poll_seconds: are 0 or more"
    if options["key"] is not None and not options["key"]:
        yield "key: is empty"
    if options["query"]:
        yield from find_query_faults(options["query"])
    for number, one in enumerate(options["asserts"]):
        yield from (f"asserts[{number}].{fault}" for fault in find_assert_faults(one))


def find_query_faults(query):
    if len(query["partition_key"]) != 1:
        yield f"query.partition_key: has {len(query['partition_key'])} attributes; expected 1"
    if not 1 <= query["limit"] <= LIMIT_MAX:
        yield f"query.limit: is {query['limit']}; expected 1 to {LIMIT_MAX}"
    wanted = 2 if query["sort_operator"] == "between" else 1
    if query["sort_key"] and len(query["sort_values"]) != wanted:
        yield f"query.sort_values: has {len(query['sort_values'])}; {query['sort_operator']} takes {wanted}"
    if query["sort_values"] and not query["sort_key"]:
        yield "query.sort_key: is required with sort_values"


def find_assert_faults(one):
    if one["test"] in NEED_VALUE and one["value"] is None:
        yield f"value: is required for {one['test']}"
    if one["test"] == "retained" and not (one["years"] and one["since_attribute"]):
        yield "years and since_attribute: are required for retained"
    elif one["test"] == "retained" and not 1 <= one["years"] <= YEARS_MAX:
        yield f"years: is {one['years']}; expected 1 to {YEARS_MAX}"
    if one["test"] == "matches":
        try:
            re.compile(str(one["value"]))
        except re.error as error:
            yield f"value: {error}"


def check_options(dynamodb, options):
    refuse_faults("The items cannot be read like this", find_faults(options))
    if options["key"]:
        check_request(dynamodb, "GetItem", values.build_get(options), NAMES)
    else:
        check_request(dynamodb, "Query", values.build_query(options), NAMES)


def report(module):
    options = module.params
    require_region("dynamodb", module.region, options["extra_regions"])
    dynamodb = client(module, "dynamodb")
    check_options(dynamodb, options)
    result = look(dynamodb, options) if module.check_mode else look_until(dynamodb, options)
    if options["fail_on_violation"] and not module.check_mode:
        require_ok(result, options)
    return {"changed": False, **result}


def main():
    query = {
        "partition_key": {"type": "dict", "required": True, "no_log": False},
        "sort_key": {"no_log": False},
        "sort_operator": {
            "choices": ["eq", "lt", "le", "gt", "ge", "begins_with", "between"],
            "default": "begins_with",
        },
        "sort_values": {"type": "list", "elements": "raw", "default": []},
        "index": {},
        "newest_first": {"type": "bool", "default": False},
        "limit": {"type": "int", "default": 100},
    }
    tests = ["exists", "absent", *NEED_VALUE, "retained"]
    one = {
        "attribute": {"required": True},
        "test": {"choices": tests, "default": "exists"},
        "value": {"type": "raw"},
        "years": {"type": "int"},
        "since_attribute": {},
    }
    argument_spec = {
        "table": {"required": True},
        "key": {"type": "dict", "no_log": False},
        "query": {"type": "dict", "options": query},
        "consistent_read": {"type": "bool", "default": True},
        "attributes": {"type": "list", "elements": "str"},
        "expect": {"choices": ["any", "present", "absent"], "default": "any"},
        "asserts": {"type": "list", "elements": "dict", "default": [], "options": one},
        "wait_timeout": {"type": "int", "default": 0},
        "poll_seconds": {"type": "float", "default": 2.0},
        "fail_on_violation": {"type": "bool", "default": True},
        **ARGUMENTS,
    }
    module = AnsibleAWSModule(
        argument_spec=argument_spec,
        mutually_exclusive=[("key", "query")],
        required_one_of=[("key", "query")],
        supports_check_mode=True,
    )
    run(module, report)


if __name__ == "__main__":
    main()
