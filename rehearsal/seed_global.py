# SPDX-License-Identifier: GPL-3.0-or-later
"""IAM roles of the account."""

from __future__ import annotations

import json
from typing import Any

from rehearsal.seed_aws import Aws, tag_list

ECS_POLICY = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"


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
