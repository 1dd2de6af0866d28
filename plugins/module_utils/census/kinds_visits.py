# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What visits have besides functions, APIs, tables and buckets: the chat's app instances, where a region has any."""

from __future__ import annotations

from ansible_collections.medzen.multiregion.plugins.module_utils import chime_sdk
from ansible_collections.medzen.multiregion.plugins.module_utils.aws import describe, list_all
from ansible_collections.medzen.multiregion.plugins.module_utils.census.registry import (
    Item,
    Kind,
    Place,
    register,
    tag_dict,
)
from ansible_collections.medzen.multiregion.plugins.module_utils.service_regions import endpoint_regions


@describe("list app instances")
def list_app_instances(place: Place) -> list[Item]:
    """Where the service has no endpoint there is nothing; a call would end as an error of the network."""
    if place.region not in endpoint_regions(chime_sdk.IDENTITY):
        return []
    client = place.client(chime_sdk.IDENTITY)
    found = list_all(client.list_app_instances, "AppInstances")
    return [app_instance_item(raw, app_instance_tags(client, raw["AppInstanceArn"])) for raw in found]


def app_instance_tags(client, arn: str) -> dict[str, str]:
    return tag_dict(client.list_tags_for_resource(ResourceARN=arn, aws_retry=True).get("Tags"))


def app_instance_item(raw: dict, tags: dict[str, str]) -> Item:
    arn = raw["AppInstanceArn"]
    return Item("chime_app_instance", arn, raw.get("Name", ""), arn, tags)


@describe("delete app instance {item.name}")
def delete_app_instance(place: Place, item: Item) -> str:
    place.client(chime_sdk.IDENTITY).delete_app_instance(AppInstanceArn=item.id, aws_retry=True)
    return "deletion asked for"


register(
    Kind(
        "chime_app_instance",
        "App instances of chats",
        chime_sdk.IDENTITY,
        list_app_instances,
        delete_app_instance,
        ("lambda_function", "cloudformation_stack"),
        protected="its messages go with it and may be under retention; it goes only when include names it",
    ),
)
