# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a DynamoDB table is and is to be: the description as values, refusals and changes, without a call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ansible_collections.medzen.multiregion.plugins.module_utils import tags as tagging
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.service_regions import require_region

ON_DEMAND, STREAM = "PAY_PER_REQUEST", "NEW_AND_OLD_IMAGES"
PASSING = ("CREATING", "UPDATING", "DELETING")
SETTINGS = ("billing_mode", "deletion_protection", "kms_key_arn", "stream")
COMPARED = (*SETTINGS, "ttl_attribute", "point_in_time_recovery", "tags")
OPTIONS = {
    "TableName": "name",
    "AttributeDefinitions": "hash_key and range_key",
    "KeySchema": "hash_key and range_key",
    "Tags": "tags",
}
EMPTY = {
    "arn": None,
    "status": None,
    "billing_mode": None,
    "stream": None,
    "stream_arn": None,
    "kms_key_arn": None,
    "ttl_attribute": None,
    "point_in_time_recovery": False,
    "deletion_protection": False,
    "replicas": {},
    "tags": {},
}


# --- what is there ---------------------------------------------------------------------------------------------------


def normalize(found, region):
    """A described table as this module sees it; what DescribeTable does not tell has its empty value."""
    types = {one["AttributeName"]: one["AttributeType"] for one in found["AttributeDefinitions"]}
    keys = {
        one["KeyType"]: {"name": one["AttributeName"], "type": types[one["AttributeName"]]}
        for one in found["KeySchema"]
    }
    stream = found.get("StreamSpecification") or {}
    key = found.get("SSEDescription") or {}
    return {
        **EMPTY,
        "arn": found["TableArn"],
        "name": found["TableName"],
        "status": found["TableStatus"],
        "hash_key": keys["HASH"],
        "range_key": keys.get("RANGE"),
        "billing_mode": (found.get("BillingModeSummary") or {}).get("BillingMode", "PROVISIONED"),
        "stream": stream.get("StreamViewType") if stream.get("StreamEnabled") else None,
        "stream_arn": found.get("LatestStreamArn"),
        "kms_key_arn": key.get("KMSMasterKeyArn") if key.get("Status") != "DISABLED" else None,
        "deletion_protection": bool(found.get("DeletionProtectionEnabled")),
        "replicas": {one["RegionName"]: one for one in found.get("Replicas") or [] if one["RegionName"] != region},
    }


def is_on(expiry):
    return expiry.get("TimeToLiveStatus") in ("ENABLED", "ENABLING")


def regions_of(table):
    """Regions with a replica that stays."""
    return sorted(region for region, one in table["replicas"].items() if one["ReplicaStatus"] != "DELETING")


def is_settled(found):
    replicas = (found or EMPTY)["replicas"].values()
    return (
        found is not None and found["status"] == "ACTIVE" and all(one["ReplicaStatus"] == "ACTIVE" for one in replicas)
    )


def failure_of(found):
    """States that no time mends."""
    if found is None:
        return None
    bad = {region: one for region, one in found["replicas"].items() if one["ReplicaStatus"] not in ("ACTIVE", *PASSING)}
    if found["status"] not in ("ACTIVE", *PASSING):
        return f"the table is {found['status']}"
    rows = [
        f"{region} is {one['ReplicaStatus']} {one.get('ReplicaStatusDescription', '')}" for region, one in bad.items()
    ]
    return "; ".join(row.strip() for row in rows) or None


def state_of(found):
    if found is None:
        return "not there"
    replicas = [f"{region} {one['ReplicaStatus']}" for region, one in sorted(found["replicas"].items())]
    return ", ".join([found["status"], *replicas])


def shown(table):
    return {**table, "replicas": {region: one["ReplicaStatus"] for region, one in sorted(table["replicas"].items())}}


def diff_side(table):
    if table is None:
        return {}
    keys = ("name", "hash_key", "range_key", *COMPARED)
    return {**{key: table[key] for key in keys}, "replicas": regions_of(table)}


# --- what is wanted --------------------------------------------------------------------------------------------------


def build_create(params, kms_key_arn, stream):
    kinds = [("HASH", params["hash_key"]), ("RANGE", params["range_key"])]
    keys = [(kind, key) for kind, key in kinds if key]
    request = {
        "TableName": params["name"],
        "AttributeDefinitions": [{"AttributeName": key["name"], "AttributeType": key["type"]} for _kind, key in keys],
        "KeySchema": [{"AttributeName": key["name"], "KeyType": kind} for kind, key in keys],
        "BillingMode": ON_DEMAND,
        "DeletionProtectionEnabled": params["deletion_protection"],
    }
    if kms_key_arn:
        request["SSESpecification"] = build_encryption(kms_key_arn)
    if stream:
        request["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": stream}
    if params["tags"]:
        request["Tags"] = tagging.to_boto(params["tags"])
    return request


def build_encryption(kms_key_arn):
    return {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": kms_key_arn}


def wanted_regions(params, region):
    """Regions that are to have a replica besides this one; None when nothing is said about them."""
    given = params["replica_regions"]
    return None if given is None else sorted(set(given) - {region})


def build_after(current, params, region, kms_key_arn):
    """The table as it is to be."""
    present = current or EMPTY
    wanted, there = wanted_regions(params, region), regions_of(present)
    regions = there if wanted is None else wanted if params["purge_replicas"] else sorted({*there, *wanted})
    to_set, to_remove = tagging.diff_tags(present["tags"], params["tags"], params["purge_tags"])
    tags = {key: value for key, value in present["tags"].items() if key not in to_remove}
    ttl = params["ttl_attribute"]
    planned = {"ReplicaStatus": "PLANNED"}
    return {
        **present,
        "name": params["name"],
        "hash_key": params["hash_key"],
        "range_key": params["range_key"],
        "billing_mode": ON_DEMAND,
        "deletion_protection": params["deletion_protection"],
        "kms_key_arn": kms_key_arn or present["kms_key_arn"],
        "stream": STREAM if wanted and regions else present["stream"],
        "ttl_attribute": present["ttl_attribute"] if ttl is None else ttl or None,
        "point_in_time_recovery": params["point_in_time_recovery"],
        "replicas": {one: present["replicas"][one] if one in there else planned for one in regions},
        "tags": {**tags, **to_set},
    }


def differs(current, after):
    return (
        current is None
        or any(current[key] != after[key] for key in COMPARED)
        or regions_of(current) != regions_of(after)
    )


# --- refusals --------------------------------------------------------------------------------------------------------


def check_options(params, region):
    keys, others = params["replica_kms_keys"], wanted_regions(params, region) or []
    for one in others:
        require_region("dynamodb", one)
    lacking = [one for one in others if params["kms_key_id"] and one not in keys]
    unused = sorted(set(keys) - {*others, region})
    if lacking or unused or (keys and not params["kms_key_id"]):
        raise Refused(
            "The options kms_key_id and replica_kms_keys do not fit: all regions of a table have the same type of key",
            found=f"kms_key_id {params['kms_key_id'] or 'not given'}, replica_kms_keys for {', '.join(keys) or 'none'}",
            expected=f"a key for each of {', '.join(others) or 'no region'}, or none at all",
            next_step="name a key for each region of replica_regions, or none",
            result={"reason": "invalid_option"},
        )


def check_present(current, after):
    """Refuse what a table that is there cannot become."""
    for option in ("hash_key", "range_key"):
        refuse_change(current, after, option, "keys cannot be changed: name the table otherwise, or copy its items")
    if current["ttl_attribute"] and after["ttl_attribute"]:
        hint = "turn expiry off with an empty ttl_attribute, and set the other one an hour later"
        refuse_change(current, after, "ttl_attribute", hint)
    if current["stream"] and after["stream"]:
        hint = "turn this stream off once its readers can do without it; replication needs the other"
        refuse_change(current, after, "stream", hint)


def refuse_change(current, after, option, next_step):
    if current[option] != after[option]:
        raise Refused(
            f"Table {current['name']} cannot be changed in its {option}",
            found=told(current[option]),
            expected=told(after[option]),
            next_step=next_step,
            result={"reason": "cannot_change", "option": option},
        )


def told(value):
    return f"{value['name']} ({value['type']})" if isinstance(value, dict) else value or "none"


def check_deletable(table):
    if table["deletion_protection"]:
        others = regions_of(table)
        raise Refused(
            f"Table {table['name']} is protected against deletion",
            found=f"deletion protection on, replicas in {', '.join(others) or 'no other region'}",
            expected="deletion protection off",
            next_step="run with deletion_protection false first, if nothing in the table is needed any more",
            result={"reason": "deletion_protection", "replicas": others},
        )


# --- changes ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Change:
    """One UpdateTable, and how a table looks that has it behind it."""

    request: dict
    holds: Callable[[dict], bool]


def build_settings(present, after):
    """DynamoDB takes one setting a call."""
    requests = {
        "billing_mode": {"BillingMode": after["billing_mode"]},
        "deletion_protection": {"DeletionProtectionEnabled": after["deletion_protection"]},
        "kms_key_arn": {"SSESpecification": build_encryption(after["kms_key_arn"])},
        "stream": {"StreamSpecification": {"StreamEnabled": True, "StreamViewType": after["stream"]}},
    }
    return [
        Change(requests[key], lambda found, key=key: found[key] == after[key])
        for key in SETTINGS
        if present[key] != after[key]
    ]


def build_replicas(present, after, keys):
    """New replicas before old ones go, one at a time."""
    there, wanted = set(regions_of(present)), set(regions_of(after))
    added = [
        Change(
            {"ReplicaUpdates": [{"Create": build_replica(region, keys)}]},
            lambda found, region=region: region in regions_of(found),
        )
        for region in sorted(wanted - there)
    ]
    removed = [
        Change(
            {"ReplicaUpdates": [{"Delete": {"RegionName": region}}]},
            lambda found, region=region: region not in regions_of(found),
        )
        for region in sorted(there - wanted)
    ]
    return added + removed


def build_replica(region, keys):
    return {"RegionName": region, **({"KMSMasterKeyId": keys[region]} if region in keys else {})}
