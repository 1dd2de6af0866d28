# SPDX-License-Identifier: GPL-3.0-or-later
"""How long Bedrock, and whoever made a model, may keep what was said: one mode a region."""

from __future__ import annotations

from typing import Any

from rehearsal.cloud.bedrock.state import Bedrock
from rehearsal.cloud.operations import Call


def get(bedrock: Bedrock, call: Call) -> dict[str, Any]:
    """Without `updatedAt` as long as nobody has set it."""
    return bedrock.region(call).retention


def put(bedrock: Bedrock, call: Call) -> dict[str, Any]:
    bedrock.region(call).retention = {"mode": call.get("mode"), "updatedAt": bedrock.now()}
    return bedrock.region(call).retention


OPERATIONS = {"GetAccountDataRetention": get, "PutAccountDataRetention": put}
