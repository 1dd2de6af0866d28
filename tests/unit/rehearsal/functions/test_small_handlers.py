# SPDX-License-Identifier: GPL-3.0-or-later
"""Recordings, transcription, messages and speech."""

import base64
import io
import json
from datetime import UTC, datetime

import pytest

RECORD = {
    "eventName": "ObjectCreated:Put",
    "eventTime": "2026-11-25T08:00:00.000Z",
    "s3": {"bucket": {"name": "recordings"}, "object": {"key": "m-1/first+part.mp4", "size": 7}},
}


def ask(module, route, body=None, **path):
    answer = module.handle({"routeKey": route, "body": json.dumps(body), "pathParameters": path}, None)
    return answer["statusCode"], answer["body"]


def test_a_recording_leaves_a_row_for_its_meeting(load):
    module = load("recording_handler", AUDIT_TABLE="audit")
    assert module.handle({"Records": [RECORD]}, None) == {"rows": 1}
    item = module.dynamodb.calls[0][1]["Item"]
    assert (item["pk"], item["sk"]) == ({"S": "MEETING#m-1"}, {"S": "RECORDING#m-1/first part.mp4"})
    assert item["ttl"] == {"N": str(int(datetime(2033, 11, 25, 8, tzinfo=UTC).timestamp()))}


def test_an_event_that_comes_twice_names_the_same_row(load):
    module = load("recording_handler", AUDIT_TABLE="audit")
    assert module.build_row(RECORD) == module.build_row(RECORD)


def test_a_removed_object_leaves_no_row(load):
    module = load("recording_handler", AUDIT_TABLE="audit")
    module.handle({"Records": [RECORD | {"eventName": "ObjectRemoved:Delete"}]}, None)
    assert module.dynamodb.calls == []


@pytest.mark.parametrize(
    ("language", "engine"), [("en", "EngineTranscribeMedicalSettings"), ("fr", "EngineTranscribeSettings")]
)
def test_transcription_starts_with_the_engine_of_the_language(load, language, engine):
    module = load("transcription_processor")
    assert ask(module, "POST /meetings/{id}/transcription", {"language": language}, id="m-1")[0] == 200
    assert list(module.chime.calls[0][1]["TranscriptionConfiguration"]) == [engine]


def test_transcription_of_a_meeting_that_is_gone_is_not_found(load, refusal):
    module = load("transcription_processor")
    module.chime.answers["stop_meeting_transcription"] = refusal("NotFoundException")
    assert ask(module, "DELETE /meetings/{id}/transcription", id="m-1")[0] == 404


def test_a_message_is_sent_as_its_sender(load):
    module = load("messaging_handler")
    module.messaging.answers["send_channel_message"] = {"MessageId": "7"}
    body = {"channelArn": "channel", "senderArn": "sender", "content": "hello"}
    assert ask(module, "POST /messages", body) == (201, '{"messageId": "7"}')
    assert module.messaging.calls[0][1]["ChimeBearer"] == "sender"


def test_a_message_without_content_is_refused(load):
    module = load("messaging_handler")
    assert ask(module, "POST /messages", {"channelArn": "channel", "senderArn": "sender"})[0] == 400


def test_speech_is_audio_in_the_voice_of_the_language(load):
    module = load("polly_tts")
    module.polly.answers["synthesize_speech"] = {"AudioStream": io.BytesIO(b"mp3")}
    status, body = ask(module, "POST /speech", {"text": "bonjour", "language": "fr"})
    assert (status, base64.b64decode(body)) == (200, b"mp3")
    assert module.polly.calls[0][1]["VoiceId"] == "Lea"


def test_a_language_without_a_voice_is_refused(load):
    assert ask(load("polly_tts"), "POST /speech", {"text": "muraho", "language": "rw"})[0] == 400
