# SPDX-License-Identifier: GPL-3.0-or-later
"""The layers over moto, in the order in which they are installed: later ones build on earlier ones."""

from __future__ import annotations

import importlib

from rehearsal.cloud.world_state import World

LAYERS = [
    "regions",
    "ec2",
    "kms",
    "secrets",
    "quotas",
    "cloudwatch",
    "logs",
    "rds",
    "elbv2",
    "acm",
    "ecs",
    "autoscaling",
    "functions",
    "http_apis",
    "global_tables",
    "objects",
    "bucket_policies",
    "route53",
    "chime",
    "bedrock",
]


def install(world: World) -> list[str]:
    """Install every layer; returns their names."""
    for name in LAYERS:
        importlib.import_module(f"rehearsal.cloud.{name}").install(world)
    return LAYERS
