# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the options of a private bucket may say, by themselves and together with the bucket that is there."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from ansible_collections.medzen.multiregion.plugins.module_utils import bucket_plan as plan
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused, refuse_faults
from ansible_collections.medzen.multiregion.plugins.module_utils.service_model import check_request

IMPOSSIBLE = "The bucket cannot be as it is described"
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
NAME = re.compile(r"(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/lifecycle-transition-general-considerations.html
INFREQUENT, INFREQUENT_DAYS_MIN = ("STANDARD_IA", "ONEZONE_IA"), 30
REPLICATION_NEEDS = ("role_arn", "bucket_arn")
BUCKET_ARN = re.compile(r"arn:[\w-]+:s3:::(?P<name>[a-z0-9.-]+)")


def check_options(s3, params, region):
    looks = (
        iter_name_faults,
        iter_statement_faults,
        iter_rule_faults,
        iter_notification_faults,
        iter_lock_faults,
        iter_replication_faults,
    )
    refuse_faults(IMPOSSIBLE, (fault for look in looks for fault in look(params, region)))
    check_form(s3, params)


def iter_name_faults(params, region) -> Iterator[str]:
    if not NAME.fullmatch(params["name"]):
        yield f"name: is {params['name']!r}; expected 3 to 63 of a-z, 0-9, dot and hyphen"


def iter_repeated(option, names) -> Iterator[str]:
    counted = Counter(names)
    yield from (f"{option}: {name!r} stands there {times} times" for name, times in counted.items() if times > 1)


def iter_statement_faults(params, region) -> Iterator[str]:
    sids = [one.get("Sid") for one in params["policy_statements"]]
    for number, sid in enumerate(sids):
        if not sid:
            yield f"policy_statements[{number}]: has no Sid"
        if sid == plan.TLS_SID:
            yield f"policy_statements[{number}]: has the Sid {sid}, which the module's own statement has"
    yield from iter_repeated("policy_statements", [sid for sid in sids if sid])


def iter_rule_faults(params, region) -> Iterator[str]:
    rules = params["lifecycle_rules"] or []
    for number, rule in enumerate(rules):
        where, last = f"lifecycle_rules[{number}]", max((one["days"] for one in rule["transitions"]), default=None)
        ends = ("expiration_days", "noncurrent_expiration_days", "abort_multipart_days")
        if last is None and not any(rule[name] for name in ends):
            yield f"{where}: does nothing; expected transitions or one of {', '.join(ends)}"
        for name in ends:
            if rule[name] is not None and rule[name] < 1:
                yield f"{where}.{name}: is {rule[name]}; expected 1 or more"
        if rule["expiration_days"] and last is not None and rule["expiration_days"] <= last:
            yield f"{where}.expiration_days: is {rule['expiration_days']}; expected more than {last}, the last move"
        for place, one in enumerate(rule["transitions"]):
            low = INFREQUENT_DAYS_MIN if one["storage_class"] in INFREQUENT else 0
            if one["days"] < low:
                yield f"{where}.transitions[{place}].days: is {one['days']}; expected {low} or more"
    yield from iter_repeated("lifecycle_rules", [rule["id"] for rule in rules])


def iter_notification_faults(params, region) -> Iterator[str]:
    options = params["notifications"] or []
    for number, one in enumerate(options):
        parts = one["function_arn"].split(":")
        if parts[2:4] != ["lambda", region]:
            yield f"notifications[{number}].function_arn: is {one['function_arn']!r}; expected a function in {region}"
        for event in one["events"]:
            if not event.startswith("s3:"):
                yield f"notifications[{number}].events: has {event!r}; expected names as s3:ObjectCreated:*"
    yield from iter_repeated("notifications", [one["id"] for one in options])


def iter_lock_faults(params, region) -> Iterator[str]:
    lock = params["object_lock"]
    if lock and (lock["days"] is None) == (lock["years"] is None):
        yield "object_lock: needs either days or years"
    if lock and any(value is not None and value < 1 for value in (lock["days"], lock["years"])):
        yield "object_lock: expected 1 day or year, or more"
    if lock and not params["versioning"]:
        yield "object_lock: needs versioning"


def iter_replication_faults(params, region) -> Iterator[str]:
    option = params["replication"]
    if not option or not option["enabled"]:
        return
    yield from (f"replication.{name}: is required" for name in REPLICATION_NEEDS if not option[name])
    if not params["versioning"]:
        yield "replication: needs versioning"
    arn = BUCKET_ARN.fullmatch(option["bucket_arn"] or "")
    if option["bucket_arn"] and not arn:
        yield f"replication.bucket_arn: is {option['bucket_arn']!r}; expected the ARN of a bucket"
    if arn and arn["name"] == params["name"]:
        yield "replication.bucket_arn: is the bucket itself"
    if params["kms_key_id"] and not option["kms_key_arn"]:
        yield "replication.kms_key_arn: is required with kms_key_id; S3 leaves encrypted objects where they are"


def check_form(s3, params):
    """Requests against S3's model: names of storage classes, of modes and of tags."""
    bucket = {"Bucket": params["name"]}
    rules = [plan.build_rule(plan.wanted_rule(one)) for one in params["lifecycle_rules"] or []]
    names = {"LifecycleConfiguration.Rules[].Transitions": "lifecycle_rules[].transitions"}
    request = {**bucket, "LifecycleConfiguration": {"Rules": rules}}
    check_request(s3, "PutBucketLifecycleConfiguration", request, names)
    if params["tags"]:
        tags = {**bucket, **plan.build_tagging_write(params["tags"])[2]}
        check_request(s3, "PutBucketTagging", tags, {"Tagging.TagSet": "tags"})


# --- together with what is there -------------------------------------------------------------------------------------


def check_present(name, current, after):
    """Refuse what a bucket that is there cannot become."""
    if current["object_lock"] and not after["versioning"]:
        raise Refused(
            f"Bucket {name} locks its objects, for which it keeps their versions",
            found="object lock",
            expected="versioning",
            next_step="leave versioning on",
            result={"reason": "cannot_change", "option": "versioning"},
        )
    if after["replication"] and not after["versioning"]:
        raise Refused(
            f"Bucket {name} is replicated, for which it keeps the versions of its objects",
            found="a replication",
            expected="none, where versioning is off",
            next_step="leave versioning on, or end the replication with replication.enabled false",
            result={"reason": "cannot_change", "option": "versioning"},
        )


def check_target(target, option, region):
    """Refuse a target that S3 would refuse, or that would not be a copy somewhere else.

    `target` has the region of the other bucket and whether it keeps versions.
    """
    if target["region"] == region:
        raise Refused(
            f"Bucket {option['bucket_arn']} is no copy somewhere else",
            found=f"a bucket in {target['region']}",
            expected=f"a bucket outside of {region}",
            next_step="name a bucket of another region in replication.bucket_arn",
            result={"reason": "invalid_option"},
        )
    key = option["kms_key_arn"]
    if key and key.split(":")[3:4] != [target["region"]]:
        raise Refused(
            "The option replication.kms_key_arn names no key of the other bucket's region",
            found=key,
            expected=f"the ARN of a key in {target['region']}",
            next_step="name a key of that region",
            result={"reason": "invalid_option"},
        )


def check_versioned(target, option):
    if not target["versioning"]:
        raise Refused(
            f"Bucket {option['bucket_arn']} cannot take copies",
            found="versioning off",
            expected="versioning on",
            next_step="turn it on over there first",
            result={"reason": "target_not_versioned"},
        )
