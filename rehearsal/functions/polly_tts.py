# SPDX-License-Identifier: GPL-3.0-or-later
"""medzen-polly-tts: speech for a text. POST /speech {"text", "language"} answers audio/mpeg."""

import base64
import json

import boto3
from botocore.exceptions import ClientError

# Language to voice and engine; the other languages of the assistant have no voice.
VOICES = {"en": ("Joanna", "neural"), "fr": ("Lea", "neural"), "ar": ("Hala", "neural")}
CHARACTERS_MAX = 3000
polly = boto3.client("polly")


def handle(event, context):
    if event["routeKey"] != "POST /speech":
        return answer(404, {"error": f"no route {event['routeKey']}"})
    body = json.loads(event.get("body") or "{}")
    text, language = body.get("text") or "", body.get("language", "en")
    if not text or len(text) > CHARACTERS_MAX:
        return answer(400, {"error": f"text has {len(text)} characters; expected 1 to {CHARACTERS_MAX}"})
    if language not in VOICES:
        return answer(400, {"error": f"language is none of {', '.join(VOICES)}"})
    voice, engine = VOICES[language]
    try:
        spoken = polly.synthesize_speech(Text=text, VoiceId=voice, Engine=engine, OutputFormat="mp3")
    except ClientError as problem:
        return answer(502, {"error": problem.response["Error"]["Code"]})
    audio = base64.b64encode(spoken["AudioStream"].read()).decode()
    return {"statusCode": 200, "headers": {"Content-Type": "audio/mpeg"}, "body": audio, "isBase64Encoded": True}


def answer(status, body):
    return {"statusCode": status, "headers": {"Content-Type": "application/json"}, "body": json.dumps(body)}
