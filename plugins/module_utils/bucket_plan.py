# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a private bucket is and is to be: its configurations as values, and the writes between two of them."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.policy import compare_policies
from ansible_collections.medzen.multiregion.plugins.module_utils import tags as tagging

TLS_SID = "DenyInsecureTransport"
POLICY_VERSION = "2012-10-17"
ENFORCED, KMS = "BucketOwnerEnforced", "aws:kms"
BLOCKED = {
    "BlockPublicAcls": True,
    "IgnorePublicAcls": True,
    "BlockPublicPolicy": True,
    "RestrictPublicBuckets": True,
}
# Kinds of notifications that this module keeps as they are.
OTHER_KINDS = ("TopicConfigurations", "QueueConfigurations", "EventBridgeConfiguration")
OWN_KEY = {"algorithm": "AES256", "kms_key_arn": None, "bucket_key": False}
EMPTY: dict[str, Any] = {
    "public_access_blocked": False,
    "ownership": None,
    "encryption": OWN_KEY,
    "versioning": False,
    "policy": [],
    "lifecycle_rules": [],
    "object_lock": None,
    "replication": None,
    "notifications": {"functions": {}, "others": {}},
    "tags": {},
}


# --- what is there ---------------------------------------------------------------------------------------------------


def normalize(found):
    """What S3 answers to each look, by the name of the setting; None where it has none."""
    return {
        "public_access_blocked": found["public_access"] == BLOCKED,
        "ownership": ((found["ownership"] or {}).get("Rules") or [{}])[0].get("ObjectOwnership"),
        "encryption": normalize_encryption(found["encryption"]),
        "versioning": found["versioning"] == "Enabled",
        "policy": normalize_policy(found["policy"]),
        "lifecycle_rules": sort_rules(normalize_rule(one) for one in found["lifecycle"] or []),
        "object_lock": normalize_lock(found["object_lock"]),
        "replication": normalize_replication(found["replication"]),
        "notifications": normalize_notifications(found["notifications"] or {}),
        "tags": tagging.from_boto(found["tags"]),
    }


def normalize_policy(found):
    """Its statements; one alone may stand there without a list."""
    statements = json.loads(found)["Statement"] if found else []
    return [statements] if isinstance(statements, dict) else statements


def normalize_encryption(found):
    rules = (found or {}).get("Rules") or [{}]
    default = rules[0].get("ApplyServerSideEncryptionByDefault") or {"SSEAlgorithm": "AES256"}
    return {
        "algorithm": default["SSEAlgorithm"],
        "kms_key_arn": default.get("KMSMasterKeyID"),
        "bucket_key": bool(rules[0].get("BucketKeyEnabled")),
    }


def normalize_rule(found):
    """A lifecycle rule as the options would say it; what they cannot say stands under `other`."""
    rule = dict(found)
    rule_filter, expiration = dict(rule.pop("Filter", None) or {}), dict(rule.pop("Expiration", None) or {})
    noncurrent = dict(rule.pop("NoncurrentVersionExpiration", None) or {})
    abort = dict(rule.pop("AbortIncompleteMultipartUpload", None) or {})
    transitions = rule.pop("Transitions", None) or []
    normalized = {
        "id": rule.pop("ID", None),
        "prefix": rule_filter.pop("Prefix", None) or rule.pop("Prefix", None) or "",
        "transitions": sort_transitions(
            {"days": one.get("Days"), "storage_class": one["StorageClass"]} for one in transitions
        ),
        "expiration_days": expiration.pop("Days", None),
        "noncurrent_expiration_days": noncurrent.pop("NoncurrentDays", None),
        "abort_multipart_days": abort.pop("DaysAfterInitiation", None),
    }
    rule.pop("Prefix", None)
    dated = [one for one in transitions if "Date" in one]
    if rule.get("Status") == "Enabled":
        del rule["Status"]
    left = {"Filter": rule_filter, "Expiration": expiration, "Noncurrent": noncurrent, "Dates": dated, **rule}
    return {**normalized, "other": {key: value for key, value in left.items() if value}}


def sort_transitions(transitions):
    return sorted(transitions, key=lambda one: (one["days"] or 0, one["storage_class"]))


def sort_rules(rules):
    return sorted(rules, key=lambda one: str(one["id"]))


def normalize_lock(found):
    """None for a bucket without object lock; with it, but without a rule, nothing is locked by itself."""
    if (found or {}).get("ObjectLockEnabled") != "Enabled":
        return None
    retention = ((found.get("Rule") or {}).get("DefaultRetention")) or {}
    return {
        "mode": retention.get("Mode"),
        "days": retention.get("Days") or None,
        "years": retention.get("Years") or None,
    }


def normalize_replication(found):
    """Replication as the option would say it; what it cannot say is told as S3 does, and so differs from any option."""
    if not found:
        return None
    rules = found["Rules"]
    rule = rules[0]
    prefix = (rule.get("Filter") or {}).get("Prefix") or rule.get("Prefix")
    foreign = set(rule.get("Filter") or {}) - {"Prefix"}
    if len(rules) > 1 or rule["Status"] != "Enabled" or prefix or foreign:
        return {"role_arn": found.get("Role"), "rules": rules}
    destination = rule["Destination"]
    key = (destination.get("EncryptionConfiguration") or {}).get("ReplicaKmsKeyID")
    encrypted = (rule.get("SourceSelectionCriteria") or {}).get("SseKmsEncryptedObjects") or {}
    return {
        "role_arn": found.get("Role"),
        "bucket_arn": destination["Bucket"],
        "kms_key_arn": key if encrypted.get("Status") == "Enabled" else None,
        "delete_markers": (rule.get("DeleteMarkerReplication") or {}).get("Status") == "Enabled",
    }


def normalize_notifications(found):
    rows = found.get("LambdaFunctionConfigurations") or []
    # EventBridge is on when its member is there, which is empty.
    others = {kind: found[kind] for kind in OTHER_KINDS if found.get(kind) is not None and found[kind] != []}
    return {"functions": {one["Id"]: normalize_notification(one) for one in rows}, "others": others}


def normalize_notification(row):
    rules = ((row.get("Filter") or {}).get("Key") or {}).get("FilterRules") or []
    # S3 answers "Prefix" where "prefix" was asked for.
    values = {one["Name"].lower(): one["Value"] for one in rules}
    return {
        "function_arn": row["LambdaFunctionArn"],
        "events": sorted(row["Events"]),
        "prefix": values.get("prefix", ""),
        "suffix": values.get("suffix", ""),
    }


# --- what is wanted --------------------------------------------------------------------------------------------------


def build_tls_statement(arn):
    return {
        "Sid": TLS_SID,
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [arn, f"{arn}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def build_statements(present, wanted, purge):
    """Statements in their present order, those of a wanted Sid as they are to be, new ones at the end."""
    by_sid = {one["Sid"]: one for one in wanted}
    kept = [one for one in present if not purge or one.get("Sid") in by_sid]
    merged = [pick(one, by_sid.get(one.get("Sid"))) for one in kept]
    there = {one.get("Sid") for one in kept}
    return merged + [one for one in wanted if one["Sid"] not in there]


def pick(present, wanted):
    """The present statement where it means the same."""
    return present if wanted is None or not compare_policies(document([present]), document([wanted])) else wanted


def document(statements):
    return {"Version": POLICY_VERSION, "Statement": statements}


def wanted_rule(option):
    names = ("id", "prefix", "expiration_days", "noncurrent_expiration_days", "abort_multipart_days")
    transitions = [{name: one[name] for name in ("days", "storage_class")} for one in option["transitions"]]
    return {**{name: option[name] for name in names}, "transitions": sort_transitions(transitions), "other": {}}


def wanted_notification(option):
    values = {name: option[name] for name in ("function_arn", "prefix", "suffix")}
    return {**values, "events": sorted(option["events"])}


def wanted_replication(present, option):
    if option is None:
        return present
    if not option["enabled"]:
        return None
    return {name: option[name] for name in ("role_arn", "bucket_arn", "kms_key_arn", "delete_markers")}


def wanted_encryption(present, kms_key_arn):
    if kms_key_arn is None:
        return present
    return {"algorithm": KMS, "kms_key_arn": kms_key_arn, "bucket_key": True}


def wanted_notifications(present, params):
    options, purge = params["notifications"], params["purge_notifications"]
    if options is None:
        return present
    ours = {one["id"]: wanted_notification(one) for one in options}
    if purge:
        return {"functions": ours, "others": {}}
    return {"functions": {**present["functions"], **ours}, "others": present["others"]}


def build_after(current, params, arn, kms_key_arn):
    """The bucket as it is to be."""
    present = current or EMPTY
    statements = [build_tls_statement(arn), *params["policy_statements"]]
    rules, lock = params["lifecycle_rules"], params["object_lock"]
    to_set, to_remove = tagging.diff_tags(present["tags"], params["tags"], params["purge_tags"])
    kept = {key: value for key, value in present["tags"].items() if key not in to_remove}
    return {
        "public_access_blocked": True,
        "ownership": ENFORCED,
        "encryption": wanted_encryption(present["encryption"], kms_key_arn),
        "versioning": params["versioning"],
        "policy": build_statements(present["policy"], statements, params["purge_statements"]),
        "lifecycle_rules": present["lifecycle_rules"] if rules is None else sort_rules(map(wanted_rule, rules)),
        "object_lock": {name: lock[name] for name in ("mode", "days", "years")} if lock else present["object_lock"],
        "replication": wanted_replication(present["replication"], params["replication"]),
        "notifications": wanted_notifications(present["notifications"], params),
        "tags": {**kept, **to_set},
    }


# --- requests --------------------------------------------------------------------------------------------------------


def build_rule(rule):
    """A lifecycle rule of the options as S3 takes it."""
    request = {"ID": rule["id"], "Status": "Enabled", "Filter": {"Prefix": rule["prefix"]}}
    if rule["transitions"]:
        request["Transitions"] = [
            {"Days": one["days"], "StorageClass": one["storage_class"]} for one in rule["transitions"]
        ]
    if rule["expiration_days"]:
        request["Expiration"] = {"Days": rule["expiration_days"]}
    if rule["noncurrent_expiration_days"]:
        request["NoncurrentVersionExpiration"] = {"NoncurrentDays": rule["noncurrent_expiration_days"]}
    if rule["abort_multipart_days"]:
        request["AbortIncompleteMultipartUpload"] = {"DaysAfterInitiation": rule["abort_multipart_days"]}
    return request


def build_notification(identifier, row):
    rules = [{"Name": name, "Value": row[name]} for name in ("prefix", "suffix") if row[name]]
    names = {"Id": identifier, "LambdaFunctionArn": row["function_arn"], "Events": row["events"]}
    return {**names, **({"Filter": {"Key": {"FilterRules": rules}}} if rules else {})}


def build_notifications(wanted):
    rows = [build_notification(identifier, row) for identifier, row in sorted(wanted["functions"].items())]
    return {**wanted["others"], **({"LambdaFunctionConfigurations": rows} if rows else {})}


def build_replication(wanted):
    destination: dict[str, Any] = {"Bucket": wanted["bucket_arn"]}
    rule: dict[str, Any] = {
        "ID": "everything",
        "Priority": 1,
        "Filter": {"Prefix": ""},
        "Status": "Enabled",
        "DeleteMarkerReplication": {"Status": "Enabled" if wanted["delete_markers"] else "Disabled"},
        "Destination": destination,
    }
    if wanted["kms_key_arn"]:
        destination["EncryptionConfiguration"] = {"ReplicaKmsKeyID": wanted["kms_key_arn"]}
        rule["SourceSelectionCriteria"] = {"SseKmsEncryptedObjects": {"Status": "Enabled"}}
    return {"Role": wanted["role_arn"], "Rules": [rule]}


def build_encryption(wanted):
    default = {"SSEAlgorithm": wanted["algorithm"], "KMSMasterKeyID": wanted["kms_key_arn"]}
    return {"Rules": [{"ApplyServerSideEncryptionByDefault": default, "BucketKeyEnabled": wanted["bucket_key"]}]}


def build_lock(wanted):
    retention = {"Mode": wanted["mode"], "Days": wanted["days"], "Years": wanted["years"]}
    given = {name: value for name, value in retention.items() if value is not None}
    return {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": given}}


def build_writes(present, after):
    """Setting, operation and request of each write, in an order in which S3 takes them.

    Closed before anything else; a replication that is not wanted goes before versioning, which it needs, and one that
    is wanted comes after, as an object lock does.
    """
    ends = [("replication", "delete_bucket_replication", {})] if after["replication"] is None else []
    puts = [
        ("public_access_blocked", "put_public_access_block", {"PublicAccessBlockConfiguration": BLOCKED}),
        (
            "ownership",
            "put_bucket_ownership_controls",
            {"OwnershipControls": {"Rules": [{"ObjectOwnership": after["ownership"]}]}},
        ),
        (
            "encryption",
            "put_bucket_encryption",
            {"ServerSideEncryptionConfiguration": build_encryption(after["encryption"])},
        ),
        *ends,
        (
            "versioning",
            "put_bucket_versioning",
            {"VersioningConfiguration": {"Status": "Enabled" if after["versioning"] else "Suspended"}},
        ),
        ("policy", "put_bucket_policy", {"Policy": json.dumps(document(after["policy"]))}),
        build_lifecycle_write(after["lifecycle_rules"]),
    ]
    if after["object_lock"]:
        lock = {"ObjectLockConfiguration": build_lock(after["object_lock"])}
        puts.append(("object_lock", "put_object_lock_configuration", lock))
    if after["replication"] and "rules" not in after["replication"]:
        request = {"ReplicationConfiguration": build_replication(after["replication"])}
        puts.append(("replication", "put_bucket_replication", request))
    configuration = {"NotificationConfiguration": build_notifications(after["notifications"])}
    puts.append(("notifications", "put_bucket_notification_configuration", configuration))
    puts.append(build_tagging_write(after["tags"]))
    return [one for one in puts if present[one[0]] != after[one[0]]]


def build_lifecycle_write(rules):
    if not rules:
        return "lifecycle_rules", "delete_bucket_lifecycle", {}
    request = {"LifecycleConfiguration": {"Rules": [build_rule(one) for one in rules]}}
    return "lifecycle_rules", "put_bucket_lifecycle_configuration", request


def build_tagging_write(tags):
    """S3 takes all tags at once, those that a stack has put there as well."""
    if not tags:
        return "tags", "delete_bucket_tagging", {}
    return "tags", "put_bucket_tagging", {"Tagging": {"TagSet": tagging.to_boto(tags)}}
