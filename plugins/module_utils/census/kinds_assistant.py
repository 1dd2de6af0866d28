# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Bedrock keeps in a region: guardrails, inference profiles of the account, and where prompts are logged."""

from __future__ import annotations

from typing import Any

from ansible_collections.medzen.multiregion.plugins.module_utils import bedrock
from ansible_collections.medzen.multiregion.plugins.module_utils import invocation_logging as logging
from ansible_collections.medzen.multiregion.plugins.module_utils.aws import describe
from ansible_collections.medzen.multiregion.plugins.module_utils.census.registry import (
    DELETING,
    LIVE,
    Item,
    Kind,
    Place,
    key,
    key_references,
    register,
    stack_of,
)
from ansible_collections.medzen.multiregion.plugins.module_utils.inference_profiles import list_profiles
from ansible_collections.medzen.multiregion.plugins.module_utils.service_regions import has_endpoint

APPLICATION = "APPLICATION"
# A region has one, which has neither name nor id.
LOGGING_ID = "configuration"


def has_bedrock(place: Place) -> bool:
    """Where the service has no endpoint nothing of it can be; a call would only end in an error of the name service."""
    return has_endpoint("bedrock", place.region)


def list_guardrails(place: Place) -> list[Item]:
    if not has_bedrock(place):
        return []
    client = place.client("bedrock")
    drafts = [bedrock.get_guardrail(client, row["id"]) for row in bedrock.list_guardrails(client)]
    # One that went between the two calls is no longer there.
    return [guardrail_item(raw, bedrock.list_tags(client, raw["guardrailArn"])) for raw in drafts if raw]


def guardrail_item(raw: dict[str, Any], tags: dict[str, str]) -> Item:
    return Item(
        "bedrock_guardrail",
        raw["guardrailId"],
        raw["name"],
        raw["guardrailArn"],
        tags,
        DELETING if raw["status"] == bedrock.DELETING else LIVE,
        belongs_to=stack_of(tags),
        uses=key_references(raw.get("kmsKeyArn")),
    )


@describe("delete guardrail {item.name}", missing=bedrock.NOT_FOUND)
def delete_guardrail(place: Place, item: Item) -> str:
    """With all its versions."""
    place.client("bedrock").delete_guardrail(guardrailIdentifier=item.id, aws_retry=True)
    return "deletion asked for"


def list_inference_profiles(place: Place) -> list[Item]:
    """Those of the account; AWS's own are nobody's."""
    if not has_bedrock(place):
        return []
    client = place.client("bedrock")
    found = list_profiles(client, APPLICATION)
    return [profile_item(raw, bedrock.list_tags(client, raw["inferenceProfileArn"])) for raw in found]


def profile_item(raw: dict[str, Any], tags: dict[str, str]) -> Item:
    arn = raw["inferenceProfileArn"]
    return Item("bedrock_inference_profile", arn, raw["inferenceProfileName"], arn, tags, belongs_to=stack_of(tags))


@describe("delete inference profile {item.name}", missing=bedrock.NOT_FOUND)
def delete_inference_profile(place: Place, item: Item) -> str:
    place.client("bedrock").delete_inference_profile(inferenceProfileIdentifier=item.id, aws_retry=True)
    return "deleted"


def list_logging(place: Place) -> list[Item]:
    config = logging.get_logging(place.client("bedrock")) if has_bedrock(place) else {}
    return [logging_item(config)] if config else []


def logging_item(config: dict[str, Any]) -> Item:
    """Known by where it writes, and so are its owner and what it needs."""
    group, buckets = logging.log_group_of(config), list(logging.buckets_of(config).values())
    uses = [key("log_group", group)] if group else []
    uses += [key("s3_bucket", bucket) for bucket in dict.fromkeys(buckets)]
    name = group or next(iter(buckets), LOGGING_ID)
    return Item("bedrock_invocation_logging", LOGGING_ID, name, uses=tuple(uses))


@describe("remove the model invocation logging")
def delete_logging(place: Place, _item: Item) -> str:
    place.client("bedrock").delete_model_invocation_logging_configuration(aws_retry=True)
    return "removed"


# A function asks through its profile and its guardrail; it goes first.
USERS = ("cloudformation_stack", "lambda_function")
register(
    Kind("bedrock_guardrail", "Guardrails", "bedrock", list_guardrails, delete_guardrail, USERS),
    Kind(
        "bedrock_inference_profile",
        "Application inference profiles",
        "bedrock",
        list_inference_profiles,
        delete_inference_profile,
        USERS,
    ),
    Kind(
        "bedrock_invocation_logging",
        "Logging of prompts",
        "bedrock",
        list_logging,
        delete_logging,
        # What is still asked is still logged.
        USERS,
    ),
)
