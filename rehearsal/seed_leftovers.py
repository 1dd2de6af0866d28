# SPDX-License-Identifier: GPL-3.0-or-later
"""Chime and Bedrock before the move: a CloudFormation stack, a Lambda that was made by hand, and their APIs.

They work: the region that serves production takes visits and questions under the public names.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from rehearsal.packages import build_package
from rehearsal.seed_apis import (
    Api,
    build_api,
    build_certificate,
    build_domain,
    create_function,
    function_settings,
    package_of,
)
from rehearsal.seed_aws import Place, tag_list, wait_for
from rehearsal.seed_records import ZoneBuilder

KEPT_YEARS = 7
VISIT_MINUTES = 20
# DynamoDB takes no more in one call.
BATCH = 25
FILM = b"\0\0\0\x18ftypmp42"


def build_leftovers(place: Place, zone: ZoneBuilder, end: datetime) -> None:
    """One region's stack, assistant, APIs and history."""
    plan = place.estate["leftovers"]
    upload_packages(place, plan)
    build_stack(place, plan)
    targets = json.dumps([{"region": place.region, "model": plan["model"]}])
    create_function(place, plan["bedrock_function"], {"MODEL_TARGETS": targets}, {"Service": "bedrock"})
    apis = {api: build_api(place, api) for api in describe_apis(plan)}
    put_visits(place, plan, end)
    if place.region == place.estate["serving_region"]:
        put_recordings(place, plan)
        certificate = build_certificate(place, zone, [api.domain for api in apis])
        zone.lead({api.domain: build_domain(place, api, made, certificate) for api, made in apis.items()})


def bucket_of(place: Place, name: str) -> str:
    return f"{name}-{place.estate['account']}-{place.region}"


def upload_packages(place: Place, plan: dict[str, Any]) -> None:
    """Where the stack takes its functions' code from."""
    s3, bucket = place.client("s3"), bucket_of(place, plan["packages_bucket"])
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": place.region})
    for name in map(package_of, plan["chime_functions"]):
        s3.put_object(Bucket=bucket, Key=f"{name}.zip", Body=build_package(name))


def build_stack(place: Place, plan: dict[str, Any]) -> None:
    cloudformation, stack = place.client("cloudformation"), f"medzen-chime-sdk-{place.region}"
    cloudformation.create_stack(
        StackName=stack,
        TemplateBody=json.dumps(build_template(plan, place)),
        Tags=tag_list({"Service": "chime"}),
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    wait_for(
        stack,
        lambda: cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"],
        "CREATE_COMPLETE",
    )


def build_template(plan: dict[str, Any], place: Place) -> dict[str, Any]:
    """A small stack as it stands in each region today."""
    keys = [("pk", "HASH"), ("sk", "RANGE")]
    resources: dict[str, Any] = {
        "Recordings": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": bucket_of(place, plan["bucket"])}},
        "MeetingAudit": {
            "Type": "AWS::DynamoDB::Table",
            "Properties": {
                "TableName": plan["table"],
                "BillingMode": "PAY_PER_REQUEST",
                "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name, _ in keys],
                "KeySchema": [{"AttributeName": name, "KeyType": kind} for name, kind in keys],
            },
        },
    }
    for number, function in enumerate(plan["chime_functions"], 1):
        resources[f"Function{number}"] = _build_function(place, plan, function)
        group = {"LogGroupName": f"/aws/lambda/{function}", "RetentionInDays": 90}
        resources[f"Logs{number}"] = {"Type": "AWS::Logs::LogGroup", "Properties": group}
    return {"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources}


def _build_function(place: Place, plan: dict[str, Any], name: str) -> dict[str, Any]:
    variables = {
        "AUDIT_TABLE": plan["table"],
        "MEDIA_REGION": place.region,
        "MESSAGING_REGION": plan["messaging_region"],
    }
    code = {"S3Bucket": bucket_of(place, plan["packages_bucket"]), "S3Key": f"{package_of(name)}.zip"}
    return {"Type": "AWS::Lambda::Function", "Properties": {**function_settings(place, name, variables), "Code": code}}


def describe_apis(plan: dict[str, Any]) -> list[Api]:
    manager, messages, _recordings = plan["chime_functions"]
    visits = dict.fromkeys(("POST /meetings", "GET /meetings/{id}", "DELETE /meetings/{id}"), manager)
    chat = dict.fromkeys(("GET /health", "POST /ai/chat"), plan["bedrock_function"])
    return [
        Api(plan["chime_api"], plan["meetings_record"], tuple((visits | {"POST /messages": messages}).items())),
        Api(plan["bedrock_api"], plan["ai_record"], tuple(chat.items())),
    ]


def put_visits(place: Place, plan: dict[str, Any], end: datetime) -> None:
    """Visits of the last weeks, each begun and ended."""
    rows = [row for number in range(plan["visits"]) for row in build_rows(place.region, number, end)]
    for first in range(0, len(rows), BATCH):
        requests = [{"PutRequest": {"Item": row}} for row in rows[first : first + BATCH]]
        place.client("dynamodb").batch_write_item(RequestItems={plan["table"]: requests})


def build_rows(region: str, number: int, end: datetime) -> list[dict[str, Any]]:
    """The two audit rows of one visit."""
    began = end - timedelta(days=1 + number)
    rows = []
    for action, moment in (("CREATED", began), ("ENDED", began + timedelta(minutes=VISIT_MINUTES))):
        text = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        rows.append(
            {
                "pk": {"S": f"MEETING#{visit_of(region, number)}"},
                "sk": {"S": f"{action}#{text}"},
                "action": {"S": action},
                "appointmentId": {"S": f"seeded-{number}"},
                "timestamp": {"S": text},
                "ttl": {"N": str(int(add_years(moment, KEPT_YEARS).timestamp()))},
            }
        )
    return rows


def visit_of(region: str, number: int) -> str:
    return f"seeded-{region}-{number}"


def add_years(moment: datetime, years: int) -> datetime:
    """The first of March where a year has no 29th of February: nothing is kept too short."""
    try:
        return moment.replace(year=moment.year + years)
    except ValueError:
        return moment.replace(year=moment.year + years, month=3, day=1)


def put_recordings(place: Place, plan: dict[str, Any]) -> None:
    for number in range(plan["recordings"]):
        key = f"{visit_of(place.region, number)}/visit.mp4"
        place.client("s3").put_object(Bucket=bucket_of(place, plan["bucket"]), Key=key, Body=FILM)
