# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What watches and stores: log groups, alarms, topics and buckets."""

from __future__ import annotations

from ansible_collections.medzen.multiregion.plugins.module_utils.aws import describe, paginate
from ansible_collections.medzen.multiregion.plugins.module_utils.bucket_location import region_of
from ansible_collections.medzen.multiregion.plugins.module_utils.census.registry import (
    Item,
    Kind,
    Place,
    key_references,
    register,
    stack_of,
    tag_dict,
)
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import error_code
from ansible_collections.medzen.multiregion.plugins.module_utils.invocation_logging import (
    get_bucket_encryption,
    kms_key_of,
)

try:
    from botocore.exceptions import ClientError
except ImportError:  # AnsibleAWSModule reports the missing library
    ClientError = type("NeverRaised", (Exception,), {})


@describe("list log groups")
def list_log_groups(place: Place) -> list[Item]:
    return [log_group_item(raw) for raw in paginate(place.client("logs"), "describe_log_groups", "logGroups")]


def log_group_item(raw: dict) -> Item:
    name = raw["logGroupName"]
    return Item("log_group", name, name, raw.get("arn", ""), uses=key_references(raw.get("kmsKeyId")))


@describe("delete log group {item.id}", missing=("ResourceNotFoundException",))
def delete_log_group(place: Place, item: Item) -> str:
    place.client("logs").delete_log_group(logGroupName=item.id, aws_retry=True)
    return "deleted"


@describe("list alarms")
def list_alarms(place: Place) -> list[Item]:
    client = place.client("cloudwatch")
    found = [paginate(client, "describe_alarms", part) for part in ("MetricAlarms", "CompositeAlarms")]
    return [alarm_item(raw) for part in found for raw in part]


def alarm_item(raw: dict) -> Item:
    name = raw["AlarmName"]
    return Item("cloudwatch_alarm", name, name, raw.get("AlarmArn", ""))


@describe("delete alarm {item.id}", missing=("ResourceNotFound",))
def delete_alarm(place: Place, item: Item) -> str:
    place.client("cloudwatch").delete_alarms(AlarmNames=[item.id], aws_retry=True)
    return "deleted"


@describe("list SNS topics")
def list_topics(place: Place) -> list[Item]:
    client = place.client("sns")
    arns = [raw["TopicArn"] for raw in paginate(client, "list_topics", "Topics")]
    return [topic_item(arn, topic_tags(client, arn), topic_key(client, arn)) for arn in arns]


def topic_tags(client, arn: str) -> dict[str, str]:
    return tag_dict(client.list_tags_for_resource(ResourceArn=arn, aws_retry=True).get("Tags"))


def topic_key(client, arn: str) -> str | None:
    """The KMS key of the messages. A topic that stays takes no alarm any more when its key goes."""
    return client.get_topic_attributes(TopicArn=arn, aws_retry=True)["Attributes"].get("KmsMasterKeyId")


def topic_item(arn: str, tags: dict[str, str], kms_key: str | None = None) -> Item:
    name, uses = arn.rsplit(":", 1)[-1], key_references(kms_key)
    return Item("sns_topic", arn, name, arn, tags, belongs_to=stack_of(tags), uses=uses)


@describe("delete topic {item.name}", missing=("NotFoundException", "NotFound"))
def delete_topic(place: Place, item: Item) -> str:
    place.client("sns").delete_topic(TopicArn=item.id, aws_retry=True)
    return "deleted"


@describe("list buckets")
def list_buckets(place: Place) -> list[Item]:
    """Buckets of this region out of the account's: the listing knows no regions."""
    client = place.client("s3")
    names = [raw["Name"] for raw in client.list_buckets(aws_retry=True)["Buckets"]]
    here = [name for name in names if bucket_region(client, name) == place.region]
    return [bucket_item(name, bucket_tags(client, name), bucket_key(client, name)) for name in here]


def bucket_region(client, name: str) -> str:
    return region_of(client.get_bucket_location(Bucket=name, aws_retry=True))


def bucket_tags(client, name: str) -> dict[str, str]:
    try:
        return tag_dict(client.get_bucket_tagging(Bucket=name, aws_retry=True)["TagSet"])
    except ClientError as error:
        if error_code(error) == "NoSuchTagSet":
            return {}
        raise


def bucket_key(client, name: str) -> str | None:
    """The KMS key of new objects. A bucket that stays cannot be read any more when its key goes."""
    return kms_key_of(get_bucket_encryption(client, name))


def bucket_item(name: str, tags: dict[str, str], kms_key: str | None = None) -> Item:
    uses = key_references(kms_key)
    return Item("s3_bucket", name, name, f"arn:aws:s3:::{name}", tags, belongs_to=stack_of(tags), uses=uses)


@describe("delete bucket {item.id}", missing=("NoSuchBucket",))
def delete_bucket(place: Place, item: Item) -> str:
    """Only an empty bucket goes. Emptying one is a decision about records, and not this module's."""
    place.client("s3").delete_bucket(Bucket=item.id, aws_retry=True)
    return "deleted"


register(
    Kind("cloudwatch_alarm", "Alarms", "cloudwatch", list_alarms, delete_alarm),
    Kind("sns_topic", "SNS topics", "sns", list_topics, delete_topic, ("cloudwatch_alarm", "cloudformation_stack")),
    Kind(
        "log_group",
        "Log groups",
        "logs",
        list_log_groups,
        delete_log_group,
        # Late writers make their group again: they all go first.
        (
            "bedrock_invocation_logging",
            "cloudformation_stack",
            "ecs_service",
            "flow_log",
            "http_api",
            "lambda_function",
            "rds_instance",
            "rest_api",
        ),
    ),
    Kind(
        "s3_bucket",
        "Buckets",
        "s3",
        list_buckets,
        delete_bucket,
        after=("bedrock_invocation_logging", "cloudformation_stack", "lambda_function", "load_balancer"),
        protected="buckets may be under retention; they go only when include names them",
    ),
)
