# SPDX-License-Identifier: GPL-3.0-or-later
"""medzen-meeting-manager: opens, shows and ends video visits, and leaves an audit row of each before it answers.

Environment: MEDIA_REGION, AUDIT_TABLE, AUDIT_RETENTION_YEARS (7). A join token lets its bearer into a visit: it is
given to the caller and is neither logged nor stored.
"""

import json
import math
import os
import uuid
from datetime import UTC, datetime

import boto3
from botocore.exceptions import ClientError

KEPT_YEARS_MIN = 7
chime = boto3.client("chime-sdk-meetings")
dynamodb = boto3.client("dynamodb")


def handle(event, context):
    route = event["routeKey"]
    meeting_id = (event.get("pathParameters") or {}).get("id", "")
    try:
        if route == "POST /meetings":
            return create(json.loads(event.get("body") or "{}"), datetime.now(UTC))
        if route == "GET /meetings/{id}":
            return answer(200, {"meeting": chime.get_meeting(MeetingId=meeting_id)["Meeting"]})
        if route == "DELETE /meetings/{id}":
            return end(meeting_id, datetime.now(UTC))
    except ClientError as problem:
        return refuse(problem)
    except ValueError:
        return answer(400, {"error": "the body is no JSON"})
    return answer(404, {"error": f"no route {route}"})


def create(body, now):
    """A meeting and its first attendee; who asks again for the same appointment gets the same meeting."""
    appointment = body.get("appointmentId")
    if not appointment or not isinstance(appointment, str):
        return answer(400, {"error": "appointmentId is missing"})
    media_region = os.environ["MEDIA_REGION"]
    token = str(uuid.uuid5(uuid.NAMESPACE_URL, f"appointment/{appointment}"))
    meeting = chime.create_meeting(
        ClientRequestToken=token, ExternalMeetingId=appointment[:64], MediaRegion=media_region
    )["Meeting"]
    attendee = chime.create_attendee(MeetingId=meeting["MeetingId"], ExternalUserId=f"user-{uuid.uuid4()}")["Attendee"]
    put_row(build_row("CREATED", meeting["MeetingId"], now, appointmentId=appointment, mediaRegion=media_region))
    return answer(201, {"meeting": meeting, "attendee": attendee})


def end(meeting_id, now):
    chime.delete_meeting(MeetingId=meeting_id)
    put_row(build_row("ENDED", meeting_id, now))
    return answer(200, {"ended": meeting_id})


def build_row(action, meeting_id, now, **more):
    """An audit row; it expires after so many calendar years, leap days included."""
    moment = now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {
        "pk": f"MEETING#{meeting_id}",
        "sk": f"{action}#{moment}",
        "action": action,
        "timestamp": moment,
        "ttl": math.ceil(add_years(now, kept_years()).timestamp()),
        **more,
    }


def kept_years():
    """Calendar years for which a row is kept; never fewer than the law of the house asks for."""
    return max(KEPT_YEARS_MIN, int(os.environ.get("AUDIT_RETENTION_YEARS", KEPT_YEARS_MIN)))


def add_years(moment, years):
    """The same day so many years later; the last of February where there is no 29th."""
    try:
        return moment.replace(year=moment.year + years)
    except ValueError:
        return moment.replace(year=moment.year + years, day=28)


def put_row(row):
    item = {name: {"N" if isinstance(value, int) else "S": str(value)} for name, value in row.items()}
    dynamodb.put_item(TableName=os.environ["AUDIT_TABLE"], Item=item)


def refuse(problem):
    """The service's own code; its status where that is the caller's business."""
    code = problem.response["Error"]["Code"]
    print(f"{problem.operation_name}: {code}")
    status = {"NotFoundException": 404, "BadRequestException": 400}.get(code, 502)
    return answer(status, {"error": code})


def answer(status, body):
    text = json.dumps(body, default=str)
    return {"statusCode": status, "headers": {"Content-Type": "application/json"}, "body": text}
