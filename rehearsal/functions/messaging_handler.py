# SPDX-License-Identifier: GPL-3.0-or-later
"""medzen-messaging-handler: sends a message to a channel of a visit.

POST /messages {"channelArn", "senderArn", "content"}. Messaging has few control regions: MESSAGING_REGION names the
one that holds the channels, the function's own region is the default. Contents are neither logged nor stored here.
"""

import json
import os
import uuid

import boto3
from botocore.exceptions import ClientError

FIELDS = ("channelArn", "senderArn", "content")
messaging = boto3.client("chime-sdk-messaging", os.environ.get("MESSAGING_REGION") or os.environ["AWS_REGION"])


def handle(event, context):
    if event["routeKey"] != "POST /messages":
        return answer(404, {"error": f"no route {event['routeKey']}"})
    body = json.loads(event.get("body") or "{}")
    missing = [name for name in FIELDS if not body.get(name)]
    if missing:
        return answer(400, {"error": f"{', '.join(missing)} missing"})
    try:
        sent = messaging.send_channel_message(
            ChannelArn=body["channelArn"],
            ChimeBearer=body["senderArn"],
            Content=body["content"],
            Type="STANDARD",
            Persistence="PERSISTENT",
            ClientRequestToken=body.get("clientRequestToken") or str(uuid.uuid4()),
        )
    except ClientError as problem:
        code = problem.response["Error"]["Code"]
        return answer({"NotFoundException": 404, "ForbiddenException": 403}.get(code, 502), {"error": code})
    return answer(201, {"messageId": sent["MessageId"]})


def answer(status, body):
    return {"statusCode": status, "headers": {"Content-Type": "application/json"}, "body": json.dumps(body)}
