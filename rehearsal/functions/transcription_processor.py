# SPDX-License-Identifier: GPL-3.0-or-later
"""medzen-transcription-processor: switches the live transcription of a visit on and off.

POST /meetings/{id}/transcription {"language"} starts it, DELETE stops it.
"""

import json

import boto3
from botocore.exceptions import ClientError

LANGUAGES = {"en": "en-US", "fr": "fr-FR"}
chime = boto3.client("chime-sdk-meetings")


def handle(event, context):
    meeting_id = (event.get("pathParameters") or {}).get("id", "")
    try:
        if event["routeKey"] == "POST /meetings/{id}/transcription":
            return start(meeting_id, json.loads(event.get("body") or "{}"))
        if event["routeKey"] == "DELETE /meetings/{id}/transcription":
            chime.stop_meeting_transcription(MeetingId=meeting_id)
            return answer(200, {"stopped": meeting_id})
    except ClientError as problem:
        code = problem.response["Error"]["Code"]
        return answer(404 if code == "NotFoundException" else 502, {"error": code})
    return answer(404, {"error": f"no route {event['routeKey']}"})


def start(meeting_id, body):
    """The medical engine knows English only; any other language goes to the general one."""
    language = body.get("language", "en")
    if language not in LANGUAGES:
        return answer(400, {"error": f"language is none of {', '.join(LANGUAGES)}"})
    medical = {"LanguageCode": "en-US", "Specialty": "PRIMARYCARE", "Type": "CONVERSATION", "Region": "auto"}
    general = {"LanguageCode": LANGUAGES[language], "Region": "auto"}
    name, settings = ("Medical", medical) if language == "en" else ("", general)
    configuration = {f"EngineTranscribe{name}Settings": settings}
    chime.start_meeting_transcription(MeetingId=meeting_id, TranscriptionConfiguration=configuration)
    return answer(200, {"started": meeting_id, "language": LANGUAGES[language]})


def answer(status, body):
    return {"statusCode": status, "headers": {"Content-Type": "application/json"}, "body": json.dumps(body)}
