# SPDX-License-Identifier: GPL-3.0-or-later
"""Model invocation logging, one configuration a region; AWS tries its targets when it is put.

https://docs.aws.amazon.com/bedrock/latest/userguide/model-invocation-logging.html
"""

from __future__ import annotations

import copy
from typing import Any

from moto.iam.models import iam_backends
from moto.logs.models import logs_backends
from moto.s3.models import s3_backends

from rehearsal.cloud.bedrock.state import Bedrock, invalid
from rehearsal.cloud.operations import Call
from rehearsal.settings import ACCOUNT_ID

KINDS = ("text", "image", "embedding", "video", "audio")


def note_role(bedrock: Bedrock, call: Call) -> None:
    """Remember when a role was made: for a while IAM knows it and other services do not."""
    seconds = bedrock.knobs.role_settle_s
    timed = bedrock.world.clock.start("role_settle", call.get("RoleName"), call.region, seconds, listed=False)
    bedrock.new_roles[call.get("RoleName")] = timed


def put(bedrock: Bedrock, call: Call) -> dict[str, Any]:
    wanted = copy.deepcopy(call.get("loggingConfig") or {})
    cloudwatch, s3 = wanted.get("cloudWatchConfig"), wanted.get("s3Config")
    if not cloudwatch and not s3:
        raise invalid("The logging configuration has no destination; expected cloudWatchConfig or s3Config.")
    if s3:
        check_bucket(s3["bucketName"], call.region)
    if cloudwatch:
        check_log_group(bedrock, cloudwatch, call.region)
    # What a request does not name is delivered.
    bedrock.region(call).logging = {f"{kind}DataDeliveryEnabled": True for kind in KINDS} | wanted
    return {}


def check_bucket(name: str, region: str) -> None:
    bucket = s3_backends[ACCOUNT_ID]["aws"].buckets.get(name)
    if bucket is None or bucket.region_name != region:
        where = "missing" if bucket is None else f"in {bucket.region_name}"
        raise invalid(f"Failed to validate permissions for bucket: {name} is {where}; expected it in {region}.")


def check_log_group(bedrock: Bedrock, wanted: dict[str, Any], region: str) -> None:
    name, role = wanted["logGroupName"], wanted["roleArn"]
    roles = {one.arn: one.name for one in iam_backends[ACCOUNT_ID]["aws"].roles.values()}
    settling = bedrock.new_roles.get(roles.get(role, ""))
    known = role in roles and (settling is None or settling.done())
    if not known or name not in logs_backends[ACCOUNT_ID][region].groups:
        raise invalid(f"Failed to validate permissions for log group: {name}, with role: {role}.")
    if wanted.get("largeDataDeliveryS3Config"):
        check_bucket(wanted["largeDataDeliveryS3Config"]["bucketName"], region)


def get(bedrock: Bedrock, call: Call) -> dict[str, Any]:
    """An empty body where nothing is configured."""
    logging = bedrock.region(call).logging
    return {} if logging is None else {"loggingConfig": logging}


def delete(bedrock: Bedrock, call: Call) -> dict[str, Any]:
    """Succeeds where nothing is configured, too."""
    bedrock.region(call).logging = None
    return {}


OPERATIONS = {
    "PutModelInvocationLoggingConfiguration": put,
    "GetModelInvocationLoggingConfiguration": get,
    "DeleteModelInvocationLoggingConfiguration": delete,
}
