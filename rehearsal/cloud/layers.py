# SPDX-License-Identifier: GPL-3.0-or-later
"""The layers over moto, in the order in which they are installed: later ones build on earlier ones."""

from __future__ import annotations

import importlib
import importlib.util

from rehearsal.cloud.world_state import World

LAYERS = [
    "regions",
    "ec2",
    "kms",
    "secrets",
    "quotas",
    "cloudwatch",
    "rds",
    "elbv2",
    "acm",
    "ecs",
    "autoscaling",
    "route53",
]


def install(world: World) -> list[str]:
    """Install every layer; returns their names."""
    installed = []
    for name in LAYERS:
        module_name = f"rehearsal.cloud.{name}"
        if importlib.util.find_spec(module_name) is None:
            continue
        module = importlib.import_module(module_name)
        if not hasattr(module, "install"):
            continue
        module.install(world)
        installed.append(name)
    return installed
