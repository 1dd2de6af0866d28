# SPDX-License-Identifier: GPL-3.0-or-later
"""medzen-ai-chat-handler: the assistant. GET /health answers; POST /ai/chat asks the first target that can answer.

Environment: MODEL_TARGETS, a JSON list of {"region", "model", "guardrail": {"id", "version"}} in order. A guardrail is
one of its region, with another id elsewhere, so each target has its own; without one the model is asked as it is.
What patients write and what they are answered is neither logged nor stored here.
"""

import functools
import json
import os

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionError, HTTPClientError

LANGUAGES = {
    "en": "English", "fr": "French", "sw": "Swahili", "rw": "Kinyarwanda", "ha": "Hausa", "yo": "Yoruba",
    "ar": "Arabic", "sg": "Sango", "pcm": "Nigerian Pidgin", "camfranglais": "Camfranglais",
}  # fmt: skip
# Another region may do better; a refused request would be refused there too.
ELSEWHERE = {
    "ThrottlingException",
    "ServiceUnavailableException",
    "InternalServerException",
    "ModelTimeoutException",
    "ModelNotReadyException",
    "ModelErrorException",
}
MESSAGE_CHARACTERS_MAX, TOKENS_MAX = 8000, 512
CONFIG = Config(retries={"total_max_attempts": 1}, connect_timeout=2, read_timeout=10)


def handle(event, context):
    route = event["routeKey"]
    if route == "GET /health":
        return answer(200, {"status": "ok", "region": os.environ["AWS_REGION"], "targets": len(targets())})
    if route != "POST /ai/chat":
        return answer(404, {"error": f"no route {route}"})
    try:
        body = json.loads(event.get("body") or "{}")
    except ValueError:
        return answer(400, {"error": "the body is no JSON"})
    problem = find_problem(body)
    return answer(400, {"error": problem}) if problem else chat(body["message"], body.get("language", "en"))


def find_problem(body):
    message = body.get("message") if isinstance(body, dict) else None
    if not isinstance(message, str) or not message.strip():
        return "message is missing"
    if len(message) > MESSAGE_CHARACTERS_MAX:
        return f"message has over {MESSAGE_CHARACTERS_MAX} characters"
    if str(body.get("language", "en")).lower() not in LANGUAGES:
        return f"language is none of {', '.join(LANGUAGES)}"
    return ""


def targets():
    return json.loads(os.environ["MODEL_TARGETS"])


def chat(message, language):
    """Ask the targets in order; the failures on the way are told by code, never with what was asked."""
    failed = []
    for target in targets():
        try:
            return answer(200, converse(target, message, LANGUAGES[language.lower()]))
        except ClientError as problem:
            code = problem.response["Error"]["Code"]
            print(f"{target['region']} {target['model']}: {code}")
            failed.append(tell_failure(target, code))
            if code not in ELSEWHERE:
                return answer(502, {"error": code, "failed": failed})
        except (ConnectionError, HTTPClientError) as problem:
            print(f"{target['region']} {target['model']}: {type(problem).__name__}")
            failed.append(tell_failure(target, type(problem).__name__))
    return answer(503, {"error": "no target answers", "failed": failed})


def tell_failure(target, error):
    return {"region": target["region"], "model": target["model"], "error": error}


def converse(target, message, language):
    found = client_of(target["region"]).converse(**build_request(target, message, language))
    content = found["output"]["message"]["content"]
    return {
        "answer": "".join(part.get("text", "") for part in content),
        "model": target["model"],
        "region": target["region"],
        "intervened": found["stopReason"] == "guardrail_intervened",
    }


@functools.cache
def client_of(region):
    return boto3.client("bedrock-runtime", region_name=region, config=CONFIG)


def build_request(target, message, language):
    request = {
        "modelId": target["model"],
        "system": [{"text": f"You help patients of a clinic. You do not diagnose. Answer in {language}."}],
        "messages": [{"role": "user", "content": [{"text": message}]}],
        "inferenceConfig": {"maxTokens": TOKENS_MAX},
    }
    if guardrail := target.get("guardrail"):
        request["guardrailConfig"] = {
            "guardrailIdentifier": guardrail["id"],
            "guardrailVersion": guardrail["version"],
        }
    return request


def answer(status, body):
    return {"statusCode": status, "headers": {"Content-Type": "application/json"}, "body": json.dumps(body)}
