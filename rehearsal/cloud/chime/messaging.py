# SPDX-License-Identifier: GPL-3.0-or-later
"""Messaging: where an app instance streams its messages to, and its channels; memberships and messages are not kept.

https://docs.aws.amazon.com/chime-sdk/latest/dg/streaming-export.html
"""

from __future__ import annotations

import uuid
from typing import Any

from moto.kinesis.models import kinesis_backends

from rehearsal.cloud.chime.model import AppInstance, Channel
from rehearsal.cloud.chime.refusals import bad_request, forbidden, not_found, refusal
from rehearsal.cloud.chime.state import Chime
from rehearsal.cloud.chime.tags import read_tags
from rehearsal.cloud.chime.users import identity
from rehearsal.cloud.operations import Call
from rehearsal.settings import ACCOUNT_ID

STREAM_PREFIX, SHARDS_MIN = "chime-messaging-", 2


class Messaging:
    """Streaming configurations and channels of app instances."""

    def __init__(self, chime: Chime) -> None:
        self._chime = chime

    def put_streams(self, call: Call) -> dict[str, Any]:
        """Replace all configurations of an app instance."""
        instance = self._chime.find_app_instance(call.region, call.get("AppInstanceArn"))
        if instance is None:
            raise not_found(call, f"{call.get('AppInstanceArn')} does not exist.")
        if instance.deletion is not None:
            raise refusal(call, "ConflictException", f"{instance.arn} is being deleted.")
        wanted = call.get("StreamingConfigurations")
        if len({one["DataType"] for one in wanted}) < len(wanted):
            raise bad_request(call, "A data type can be streamed once.")
        for one in wanted:
            check_stream(call, one["ResourceArn"])
        instance.streams = wanted
        return {"StreamingConfigurations": wanted}

    def get_streams(self, call: Call, instance: AppInstance) -> dict[str, Any]:
        if not instance.streams:
            raise not_found(call, f"{instance.arn} has no streaming configuration.")
        return {"StreamingConfigurations": instance.streams}

    def delete_streams(self, call: Call, instance: AppInstance) -> dict[str, Any]:
        """The model of the deletion has no NotFoundException: none left is as good."""
        instance.streams = []
        return {}

    def create_channel(self, call: Call, instance: AppInstance) -> dict[str, Any]:
        bearer = require_bearer(call, instance)
        arn = f"{instance.arn}/channel/{call.get('ChannelId') or uuid.uuid4().hex}"
        if arn in instance.channels:
            raise refusal(call, "ConflictException", f"{arn} exists already.")
        members = {bearer, *(call.get("MemberArns") or []), *(call.get("ModeratorArns") or [])}
        unknown = sorted(members - set(instance.users))
        if unknown:
            raise bad_request(call, f"{', '.join(unknown)}: expected users of {instance.arn}.")
        instance.channels[arn] = Channel(
            arn, self._show(call, arn, identity(instance.users[bearer])), members,
            {bearer, *(call.get("ModeratorArns") or [])}, read_tags(call),
        )  # fmt: skip
        return {"ChannelArn": arn}

    def describe_channel(self, call: Call, instance: AppInstance) -> dict[str, Any]:
        channel = require_channel(call, instance)
        bearer = require_bearer(call, instance)
        if not may_see(instance, channel, bearer):
            raise forbidden(call, f"{bearer} is not in {channel.arn}.")
        return {"Channel": channel.shown}

    def list_channels(self, call: Call, instance: AppInstance) -> dict[str, Any]:
        bearer, privacy = require_bearer(call, instance), call.get("Privacy") or "PUBLIC"
        names = ("Name", "ChannelArn", "Mode", "Privacy", "Metadata")
        rows = [
            {name: channel.shown[name] for name in names if name in channel.shown}
            for channel in instance.channels.values()
            if channel.shown["Privacy"] == privacy and may_see(instance, channel, bearer)
        ]
        return self._chime.page(call, "Channels", rows)

    def delete_channel(self, call: Call, instance: AppInstance) -> dict[str, Any]:
        channel, bearer = require_channel(call, instance), require_bearer(call, instance)
        if bearer not in channel.moderators and bearer not in instance.admins:
            raise forbidden(call, f"{bearer} does not moderate {channel.arn}.")
        del instance.channels[channel.arn]
        return {}

    def _show(self, call: Call, arn: str, creator: dict[str, str]) -> dict[str, Any]:
        now = self._chime.now()
        given = {name: call.get(name) for name in ("Name", "Metadata", "ExpirationSettings") if call.get(name)}
        return {
            **given,
            "ChannelArn": arn,
            "Mode": call.get("Mode") or "UNRESTRICTED",
            "Privacy": call.get("Privacy") or "PUBLIC",
            "CreatedBy": creator,
            "CreatedTimestamp": now,
            "LastUpdatedTimestamp": now,
        }


def check_stream(call: Call, arn: str) -> None:
    """A Kinesis stream of this account and region, named as Chime wants it, encrypted, with two shards."""
    found = [one for one in kinesis_backends[ACCOUNT_ID][call.region].streams.values() if one.arn == arn]
    if not found:
        raise bad_request(call, f"The Kinesis stream {arn} does not exist in {call.region}.")
    (stream,) = found
    if not stream.stream_name.startswith(STREAM_PREFIX):
        raise bad_request(call, f"The name of the stream {stream.stream_name} must begin with {STREAM_PREFIX}")
    if len([shard for shard in stream.shards.values() if shard.is_open]) < SHARDS_MIN:
        raise bad_request(call, f"The stream {stream.stream_name} needs {SHARDS_MIN} shards at least.")
    if stream.encryption_type != "KMS":
        raise bad_request(call, f"The stream {stream.stream_name} must be encrypted by the server.")


def require_bearer(call: Call, instance: AppInstance) -> str:
    """The user on whose behalf a call is made."""
    bearer = call.get("ChimeBearer")
    if bearer not in instance.users:
        raise forbidden(call, f"The bearer {bearer} is no user of {instance.arn}.")
    return bearer


def require_channel(call: Call, instance: AppInstance) -> Channel:
    channel = instance.channels.get(call.get("ChannelArn"))
    if channel is None:
        raise forbidden(call, f"{call.get('ChannelArn')} does not exist or is not yours.")
    return channel


def may_see(instance: AppInstance, channel: Channel, bearer: str) -> bool:
    return channel.shown["Privacy"] == "PUBLIC" or bearer in channel.members or bearer in instance.admins
