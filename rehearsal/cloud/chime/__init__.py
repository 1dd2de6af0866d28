# SPDX-License-Identifier: GPL-3.0-or-later
"""The Amazon Chime SDK: meetings with their regions of control and of media, app instances for messaging.

Reading order: `model` (what there is), `state` (what a world holds), `placement` (hosts of a media region), `meetings`,
`attendees`, `transcription`, `identity`, `users`, `messaging`, `pipelines`, `tags` (the calls), `sink`, `bucket_policy`
and `service_role` (what a recording needs), `refusals` and `pages` (what all share), `control` (knobs).

No media flows: a meeting is as its calls left it, and ends by itself unless somebody is said to be there.
Where a service has no endpoint nobody answers (`rehearsal.cloud.endpoints`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rehearsal.cloud.chime import attendees, service_role, transcription
from rehearsal.cloud.chime.control import Control
from rehearsal.cloud.chime.identity import AppInstances, of_instance
from rehearsal.cloud.chime.meetings import Meetings, require_meeting, stay
from rehearsal.cloud.chime.messaging import Messaging
from rehearsal.cloud.chime.model import Meeting
from rehearsal.cloud.chime.pipelines import Pipelines
from rehearsal.cloud.chime.refusals import bad_request
from rehearsal.cloud.chime.state import Chime
from rehearsal.cloud.chime.tags import Find, TagOperations
from rehearsal.cloud.chime.users import Users
from rehearsal.cloud.endpoints import require_endpoints
from rehearsal.cloud.operations import Call, Hook
from rehearsal.cloud.shapes import modelled
from rehearsal.cloud.world_state import World

SERVICES = ("chime-sdk-meetings", "chime-sdk-identity", "chime-sdk-messaging", "chime-sdk-media-pipelines")


def install(world: World) -> Chime:
    """Answer the calls of Chime's services, each where AWS has it."""
    require_endpoints(world, *SERVICES)
    chime = Chime(world)
    install_service(chime, "chime-sdk-meetings", meeting_answers(chime))
    install_service(chime, "chime-sdk-identity", identity_answers(chime))
    install_service(chime, "chime-sdk-messaging", messaging_answers(chime))
    pipelines = Pipelines(chime)
    install_service(chime, "chime-sdk-media-pipelines", pipeline_answers(chime, pipelines))
    service_role.install(world)
    # Recordings appear in S3, so that a call to any service may be the first to see them.
    world.operations.every_call.append(lambda call: pipelines.settle())
    world.control_routes["chime"] = Control(chime, pipelines.settle).answer
    return chime


def install_service(chime: Chime, service: str, answers: dict[str, Hook]) -> None:
    for operation, answer in answers.items():
        chime.world.operations.handle(service, operation, served(chime, answer))


def served(chime: Chime, answer: Hook) -> Hook:
    """An answer behind the rate limit, with both sides compared with the model."""

    def take(call: Call) -> dict[str, Any]:
        chime.rate.take(call)
        return modelled(answer, lambda text: bad_request(call, text))(call)

    return take


def meeting_answers(chime: Chime) -> dict[str, Hook]:
    meetings = Meetings(chime)
    return {
        "CreateMeeting": meetings.create,
        "CreateMeetingWithAttendees": meetings.create,
        "GetMeeting": meetings.get,
        "DeleteMeeting": meetings.delete,
        "CreateAttendee": of_meeting(chime, attendees.create, joins=True),
        "BatchCreateAttendee": of_meeting(chime, attendees.create_batch, joins=True),
        "GetAttendee": of_meeting(chime, attendees.get),
        "ListAttendees": of_meeting(
            chime, lambda call, one: chime.page(call, "Attendees", list(one.attendees.values()))
        ),
        "DeleteAttendee": of_meeting(chime, attendees.delete),
        "UpdateAttendeeCapabilities": of_meeting(chime, attendees.update),
        "BatchUpdateAttendeeCapabilitiesExcept": of_meeting(chime, attendees.update_others),
        "StartMeetingTranscription": of_meeting(chime, transcription.start),
        "StopMeetingTranscription": of_meeting(chime, transcription.stop),
        **tag_answers(lambda region, arn: find_meeting_tags(chime, region, arn)),
    }


def of_meeting(chime: Chime, answer: Callable[[Call, Meeting], dict[str, Any]], *, joins: bool = False) -> Hook:
    """An answer about a meeting in progress; `joins` when somebody is about to be there."""

    def take(call: Call) -> dict[str, Any]:
        meeting = require_meeting(chime, call)
        result = answer(call, meeting)
        if joins:
            stay(chime, meeting)
        return result

    return take


def tag_answers(find: Find) -> dict[str, Hook]:
    tags = TagOperations(find)
    return {"TagResource": tags.tag, "UntagResource": tags.untag, "ListTagsForResource": tags.list}


def find_meeting_tags(chime: Chime, region: str, arn: str) -> dict[str, str] | None:
    meeting = chime.find_meeting(region, arn.rpartition("/")[2])
    return meeting.tags if meeting is not None and meeting.arn == arn else None


def identity_answers(chime: Chime) -> dict[str, Hook]:
    instances, users = AppInstances(chime), Users(chime)
    user = "AppInstanceUserArn"
    return {
        "CreateAppInstance": instances.create,
        "DescribeAppInstance": of_instance(chime, instances.describe),
        "ListAppInstances": instances.list_all,
        "UpdateAppInstance": of_instance(chime, instances.update, writes=True),
        "DeleteAppInstance": of_instance(chime, instances.delete),
        "GetAppInstanceRetentionSettings": of_instance(chime, instances.get_retention),
        "PutAppInstanceRetentionSettings": of_instance(chime, instances.put_retention, writes=True),
        "CreateAppInstanceAdmin": of_instance(chime, users.create_admin, writes=True),
        "DescribeAppInstanceAdmin": of_instance(chime, users.describe_admin),
        "ListAppInstanceAdmins": of_instance(chime, users.list_admins),
        "DeleteAppInstanceAdmin": of_instance(chime, users.delete_admin, writes=True),
        "CreateAppInstanceUser": of_instance(chime, users.create, writes=True),
        "DescribeAppInstanceUser": of_instance(chime, users.describe, name=user),
        "ListAppInstanceUsers": of_instance(chime, users.list_all),
        "UpdateAppInstanceUser": of_instance(chime, users.update, writes=True, name=user),
        "DeleteAppInstanceUser": of_instance(chime, users.delete, writes=True, name=user),
        **tag_answers(lambda region, arn: find_identity_tags(chime, region, arn)),
    }


def find_identity_tags(chime: Chime, region: str, arn: str) -> dict[str, str] | None:
    instance = chime.find_app_instance(region, arn)
    if instance is None or arn == instance.arn:
        return instance and instance.tags
    return instance.users[arn].tags if arn in instance.users else None


def messaging_answers(chime: Chime) -> dict[str, Hook]:
    messaging = Messaging(chime)
    return {
        "PutMessagingStreamingConfigurations": messaging.put_streams,
        "GetMessagingStreamingConfigurations": of_instance(chime, messaging.get_streams),
        "DeleteMessagingStreamingConfigurations": of_instance(chime, messaging.delete_streams, writes=True),
        "CreateChannel": of_instance(chime, messaging.create_channel, writes=True),
        "DescribeChannel": of_instance(chime, messaging.describe_channel, name="ChannelArn"),
        "ListChannels": of_instance(chime, messaging.list_channels),
        "DeleteChannel": of_instance(chime, messaging.delete_channel, writes=True, name="ChannelArn"),
        **tag_answers(lambda region, arn: find_channel_tags(chime, region, arn)),
    }


def find_channel_tags(chime: Chime, region: str, arn: str) -> dict[str, str] | None:
    instance = chime.find_app_instance(region, arn)
    return instance.channels[arn].tags if instance is not None and arn in instance.channels else None


def pipeline_answers(chime: Chime, pipelines: Pipelines) -> dict[str, Hook]:
    return {
        "CreateMediaCapturePipeline": pipelines.create,
        "GetMediaCapturePipeline": pipelines.get,
        "ListMediaCapturePipelines": pipelines.list_all,
        "DeleteMediaCapturePipeline": pipelines.delete,
        **tag_answers(lambda region, arn: find_pipeline_tags(chime, region, arn)),
    }


def find_pipeline_tags(chime: Chime, region: str, arn: str) -> dict[str, str] | None:
    return next((one.tags for one in chime.pipelines[region].values() if one.arn == arn), None)
