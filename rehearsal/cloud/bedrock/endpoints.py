# SPDX-License-Identifier: GPL-3.0-or-later
"""Regions without Bedrock, and where AWS takes more than botocore's model says.

A client that calls a region without an endpoint meets a DNS error, which is no answer of AWS and no ClientError. The
stand-in has one address for all regions, so it drops the connection instead: a caller meets the same kind of error
(botocore's HTTPClientError, which it retries as it retries a name that does not resolve), and nothing is written down.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from rehearsal.cloud.bedrock.catalogue import model_arn
from rehearsal.cloud.errors import ConnectionDropped
from rehearsal.cloud.operations import Call

SERVICES = ("bedrock", "bedrock-runtime")
DEFINITION_MAX = 200
PROFILE_MODELS_MAX = 5
# AWS answers it for models that only profiles offer; botocore 1.44.5 does not list it.
THROUGH_PROFILE = "INFERENCE_PROFILE"
BEYOND_MODEL = frozenset(
    ("topicPolicyConfig", "topicPolicy", "models", "inferenceProfileSummaries", "modelDetails", "modelSummaries")
)


def build_check(bedrock: Any) -> Callable[[Call], None]:
    def check(call: Call) -> None:
        if call.service in SERVICES and call.region not in bedrock.endpoints:
            raise ConnectionDropped(f"{call.service} has no endpoint in {call.region}")

    return check


def within_model(value: dict[str, Any]) -> dict[str, Any]:
    """Parameters or a result as botocore's model would have them, where AWS is known to go beyond it.

    A topic's definition may have 1000 characters with the STANDARD tier. A system-defined profile has more than five
    destinations, a dot in its name ("Sonnet 4.5") and, when it is global, an ARN without a region.
    """
    if BEYOND_MODEL.isdisjoint(value):
        return value
    value = copy.deepcopy(value)
    for policy, topics in (("topicPolicyConfig", "topicsConfig"), ("topicPolicy", "topics")):
        for topic in (value.get(policy) or {}).get(topics) or []:
            if isinstance(topic.get("definition"), str):
                topic["definition"] = topic["definition"][:DEFINITION_MAX]
    for profile in [value, *value.get("inferenceProfileSummaries", [])]:
        if "models" in profile:
            profile["models"] = [_named(one) for one in profile["models"][:PROFILE_MODELS_MAX]]
            profile["inferenceProfileName"] = profile["inferenceProfileName"].replace(".", " ")
    for model in [value.get("modelDetails", {}), *value.get("modelSummaries", [])]:
        types = model.get("inferenceTypesSupported", [])
        model["inferenceTypesSupported"] = [one for one in types if one != THROUGH_PROFILE]
    return value


def _named(model: dict[str, str]) -> dict[str, str]:
    return {"modelArn": model["modelArn"].replace(model_arn("", ""), model_arn("global", ""))}
