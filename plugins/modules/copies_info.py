#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: copies_info
version_added: 1.0.0
short_description: Tell whether the items of tables and the objects of buckets are in another region as well
description:
  - Compares what tables and buckets of O(region) hold with what there is in O(copy_region), and names what only
    O(region) has. It is asked before a region is taken down.
  - Items are compared by their primary key and all their attributes, with the table of the same name.
  - Objects are compared by key with those of all buckets in O(copy_region) whose names begin with the same prefix. The
    same size and ETag is the same object. Under another KMS key a copy has another ETag; it is the same object when it
    has the same size and, as S3 replication leaves it, the same version id, or carries the original's ETag, as
    M(medzen.multiregion.s3_objects_copy) leaves it.
  - Only current versions of objects are compared; what lies below a delete marker is not.
  - A table or bucket that could not be read is C(unknown), never C(copied).
  - Operations used are C(dynamodb:DescribeTable), C(dynamodb:Scan), C(s3:ListBuckets), C(s3:GetBucketLocation),
    C(s3:ListObjectsV2) and C(s3:HeadObject). The IAM permissions are C(dynamodb:DescribeTable) and C(dynamodb:Scan) on
    the tables of both regions, C(s3:ListAllMyBuckets), and C(s3:GetBucketLocation), C(s3:ListBucket) and
    C(s3:GetObject) on the buckets of both.
author:
  - MedZen platform team (@medzen)
options:
  copy_region:
    description:
      - Region in which the copies are expected.
    type: str
    required: true
  tables:
    description:
      - Names of DynamoDB tables. One that O(region) does not have holds nothing.
    type: list
    elements: str
    default: []
  bucket_prefixes:
    description:
      - Beginnings of the names of buckets. One that no bucket in O(region) has holds nothing.
    type: list
    elements: str
    default: []
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - medzen.multiregion.service_regions
notes:
  - Reads every item and lists every object; what it keeps in memory is a key and a checksum of each.
  - An item that is written between the two readings may be named as missing. Run again when that matters.
attributes:
  check_mode:
    description: Can run in check mode and returns the same.
    support: full
  diff_mode:
    description: Changes nothing and has no diff.
    support: none
  idempotent:
    description: Only reads.
    support: full
seealso:
  - module: medzen.multiregion.dynamodb_table
  - module: medzen.multiregion.s3_private_bucket
  - module: medzen.multiregion.region_teardown
  - module: medzen.multiregion.s3_objects_copy
"""

EXAMPLES = r"""
- name: Nothing of the visits is in Cape Town alone
  medzen.multiregion.copies_info:
    region: af-south-1
    copy_region: eu-central-1
    tables: [medzen-meeting-audit]
    bucket_prefixes: [medzen-meeting-recordings, medzen-transcripts]
  register: copies

- name: Refuse to go on otherwise
  medzen.multiregion.gate:
    name: what was recorded is kept
    that:
      - name: copies
        condition: "{{ copies.all_copied }}"
        found: "{{ copies.summary }}"
        expected: every audit row and recording in eu-central-1
"""

RETURN = r"""
verdict:
  description:
    - V(copied), V(missing), V(unknown), or V(nothing) where O(region) holds nothing of all this. V(missing) wins over
      V(unknown), and V(unknown) over V(copied).
  type: str
  returned: always
  sample: missing
all_copied:
  description: Whether nothing is in O(region) alone; V(null) when that is unknown.
  type: bool
  returned: always
summary:
  description: What is missing or unknown, in a sentence.
  type: str
  returned: always
  sample: "table medzen-meeting-audit: 3 of 40 are not in eu-central-1, as MEETING#7979 CREATED#2026-05-01T10:00:00Z"
comparisons:
  description: What came of each table and bucket.
  type: list
  elements: dict
  returned: always
  contains:
    kind: {description: V(table) or V(bucket)., type: str}
    name: {description: Its name., type: str}
    copies: {description: What it was compared with., type: list, elements: str}
    verdict: {description: "As RV(verdict).", type: str}
    reason: {description: Why it is unknown., type: str}
    count: {description: How many items or objects O(region) holds., type: int}
    missing_count: {description: How many of them are not in the copy., type: int}
    missing: {description: "Their keys, 10 at most.", type: list, elements: str}
    different_count: {description: How many are there with another content., type: int}
    different: {description: "Their keys, 10 at most.", type: list, elements: str}
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.medzen.multiregion.plugins.module_utils import copies
from ansible_collections.medzen.multiregion.plugins.module_utils.aws import client, describe, list_all
from ansible_collections.medzen.multiregion.plugins.module_utils.bucket_location import get_bucket_region
from ansible_collections.medzen.multiregion.plugins.module_utils.dynamodb_tables import describe_table, read_digests
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import AwsError, Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.object_copies import (
    is_copy,
    read_head,
    read_objects,
)
from ansible_collections.medzen.multiregion.plugins.module_utils.runner import run
from ansible_collections.medzen.multiregion.plugins.module_utils.service_model import check_members
from ansible_collections.medzen.multiregion.plugins.module_utils.service_regions import ARGUMENTS, require_region


@describe("list the buckets")
def list_bucket_names(s3):
    return [bucket["Name"] for bucket in list_all(s3.list_buckets, "Buckets", "ContinuationToken")]


def compare_table(connections, table, copy_region):
    here, there = connections
    described = describe_table(here, table)
    if described is None:
        return copies.Comparison("table", table, copies.NOTHING)
    keys = [key["AttributeName"] for key in described["KeySchema"]]
    rows = read_digests(here, table, keys)
    # A copy with other keys has another item under each of them.
    copy = describe_table(there, table)
    copied = read_digests(there, table, keys) if copy and keys_of(copy) == keys_of(described) else {}
    names = [f"{table} in {copy_region}"] if copy else []
    return copies.compare("table", table, rows, copied, copies=names, told=copies.readable)


def keys_of(described):
    return {key["AttributeName"]: key["KeyType"] for key in described["KeySchema"]}


def compare_bucket(connections, bucket, copy_buckets):
    """An object is copied when one of the other region's buckets has it."""
    here, there = connections
    objects = read_objects(here, bucket)
    held = {copy: read_objects(there, copy) for copy in copy_buckets} if objects else {}
    merged = {}
    for key, content in objects.items():
        found = [(copy, rows[key]) for copy, rows in held.items() if key in rows]
        if found:
            merged[key] = next((other for _copy, other in found if other == content), found[0][1])

    def is_copied(key):
        original = read_head(here, bucket, key)
        holders = [copy for copy, rows in held.items() if key in rows]
        return any(is_copy(original, read_head(there, copy, key)) for copy in holders)

    return copies.compare("bucket", bucket, objects, merged, copies=copy_buckets, same=is_copied)


def select_buckets(regions, prefix, region):
    return sorted(name for name, where in regions.items() if where == region and name.startswith(prefix))


def unless_unreadable(kind, name, compare):
    """What the comparison says, or why it cannot say anything."""
    try:
        return compare()
    except AwsError as error:
        return copies.Comparison(kind, name, copies.UNKNOWN, error.message)


def compare_buckets(connections, region, options):
    """A listing of buckets that fails leaves every prefix unknown."""
    prefixes = options["bucket_prefixes"]
    if not prefixes:
        return []
    try:
        s3 = connections[0]
        names = [name for name in list_bucket_names(s3) if name.startswith(tuple(prefixes))]
        regions = {name: get_bucket_region(s3, name) for name in names}
    except AwsError as error:
        return [copies.Comparison("bucket", f"{one}*", copies.UNKNOWN, error.message) for one in prefixes]
    pairs = [(name, prefix) for prefix in prefixes for name in select_buckets(regions, prefix, region)]
    return [
        unless_unreadable(
            "bucket",
            name,
            lambda name=name, prefix=prefix: compare_bucket(
                connections, name, select_buckets(regions, prefix, options["copy_region"])
            ),
        )
        for name, prefix in pairs
    ]


def check_options(module):
    if module.params["copy_region"] == module.region:
        raise Refused(
            "A region is no copy of itself",
            found=f"copy_region is {module.region}, which is the region of the task",
            expected="another region",
            next_step="name the region that stays",
            result={"reason": "invalid_option"},
        )


def check_names(options):
    """An empty beginning is that of every bucket, and nothing that somebody means."""
    for number, table in enumerate(options["tables"]):
        check_members("dynamodb", "DescribeTable", {"TableName": table}, {"TableName": f"tables[{number}]"})
    if "" in options["bucket_prefixes"]:
        raise Refused(
            "bucket_prefixes has an empty one, with which every bucket begins",
            expected="beginnings of names",
            next_step="name what is to be compared",
            result={"reason": "invalid_option"},
        )


def report(module):
    check_options(module)
    options, copy_region = module.params, module.params["copy_region"]
    tables = client(module, "dynamodb"), client(module, "dynamodb", copy_region)
    check_names(options)
    for region in (module.region, copy_region):
        require_region("dynamodb", region, options["extra_regions"])
    found = [
        unless_unreadable("table", name, lambda name=name: compare_table(tables, name, copy_region))
        for name in options["tables"]
    ]
    found += compare_buckets((client(module, "s3"), client(module, "s3", copy_region)), module.region, options)
    verdict = copies.verdict_of(found)
    return {
        "changed": False,
        "verdict": verdict,
        "all_copied": {copies.MISSING: False, copies.UNKNOWN: None}.get(verdict, True),
        "summary": copies.summarise(found, copy_region),
        "comparisons": [one.as_dict() for one in found],
    }


def main():
    argument_spec = {
        "copy_region": {"required": True},
        "tables": {"type": "list", "elements": "str", "default": []},
        "bucket_prefixes": {"type": "list", "elements": "str", "default": []},
        **ARGUMENTS,
    }
    run(AnsibleAWSModule(argument_spec=argument_spec, supports_check_mode=True), report)


if __name__ == "__main__":
    main()
