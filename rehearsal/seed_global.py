# SPDX-License-Identifier: GPL-3.0-or-later
"""IAM roles of the account, and the leftovers of Chime and Bedrock that the move does not touch."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

from rehearsal.seed_aws import Aws, Place, tag_list, wait_for

ECS_POLICY = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"
RUNTIME = "nodejs22.x"
HANDLER_SOURCE = "exports.handler = async () => ({ statusCode: 200 });\n"


def build_roles(aws: Aws, estate: dict[str, Any]) -> None:
    """The roles that services of the estate act as."""
    roles = {
        estate["service"]["execution_role"]: "ecs-tasks.amazonaws.com",
        estate["database"]["monitoring_role"]: "monitoring.rds.amazonaws.com",
        estate["network"]["flow_log_role"]: "vpc-flow-logs.amazonaws.com",
        estate["leftovers"]["lambda_role"]: "lambda.amazonaws.com",
    }
    iam = aws.client("iam")
    tags = tag_list({"Workload": estate["workload"], "Environment": estate["environment"]})
    for name, service in roles.items():
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=build_trust(service), Tags=tags)


def build_trust(service: str) -> str:
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def build_leftovers(place: Place) -> None:
    """Chime as a CloudFormation stack, Bedrock as a Lambda that was made by hand."""
    plan = place.estate["leftovers"]
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
    place.client("lambda").create_function(
        FunctionName=plan["bedrock_function"],
        Runtime=RUNTIME,
        Role=place.role_arn(plan["lambda_role"]),
        Handler="index.handler",
        Code={"ZipFile": build_archive()},
        Tags={"Service": "bedrock"},
    )


def build_template(plan: dict[str, Any], place: Place) -> dict[str, Any]:
    """A small stack as it stands in each region today."""
    bucket = f"{plan['bucket']}-{place.estate['account']}-{place.region}"
    keys = [("pk", "HASH"), ("sk", "RANGE")]
    resources: dict[str, Any] = {
        "Recordings": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": bucket}},
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
        resources[f"Function{number}"] = _build_function(function, place.role_arn(plan["lambda_role"]))
        group = {"LogGroupName": f"/aws/lambda/{function}", "RetentionInDays": 90}
        resources[f"Logs{number}"] = {"Type": "AWS::Logs::LogGroup", "Properties": group}
    return {"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources}


def _build_function(name: str, role: str) -> dict[str, Any]:
    return {
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "FunctionName": name,
            "Runtime": RUNTIME,
            "Role": role,
            "Handler": "index.handler",
            "Code": {"ZipFile": HANDLER_SOURCE},
        },
    }


def build_archive() -> bytes:
    """The handler as Lambda wants it when it does not come with a template."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("index.js", HANDLER_SOURCE)
    return data.getvalue()
