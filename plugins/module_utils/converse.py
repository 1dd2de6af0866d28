# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One question to a model: the request, what its answer is worth, and what kind of failure another one is.

Source of the codes: botocore's model of bedrock-runtime, 1.44.5, and
docs.aws.amazon.com/bedrock/latest/userguide/troubleshooting-api-error-codes.html.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.medzen.multiregion.plugins.module_utils import residency
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import AwsError

THROTTLED, UNAVAILABLE, ACCESS_DENIED = "throttled", "unavailable", "access_denied"
EOL, MODEL_NOT_READY, VALIDATION, OTHER = "eol", "model_not_ready", "validation", "other"
CLASS_OF_CODE = {
    "ThrottlingException": THROTTLED,
    "ServiceQuotaExceededException": THROTTLED,
    "ServiceUnavailableException": UNAVAILABLE,
    "InternalServerException": UNAVAILABLE,
    "ModelTimeoutException": UNAVAILABLE,
    "ModelErrorException": UNAVAILABLE,
    "AccessDeniedException": ACCESS_DENIED,
    "ExpiredTokenException": ACCESS_DENIED,
    "UnrecognizedClientException": ACCESS_DENIED,
    "InvalidSignatureException": ACCESS_DENIED,
    "ModelNotReadyException": MODEL_NOT_READY,
    "ValidationException": VALIDATION,
}
# Of botocore's own errors: the way to the service, and the credentials.
CLASS_OF_KIND = {
    "HTTPClientError": UNAVAILABLE,
    "ConnectionError": UNAVAILABLE,
    "NoCredentialsError": ACCESS_DENIED,
    "TokenRetrievalError": ACCESS_DENIED,
    "ParamValidationError": VALIDATION,
}
ENDED_CODES = ("ValidationException", "ResourceNotFoundException")
ENDED_MARKS = ("model identifier is invalid", "end of its life")
INTERVENED, FILTERED = "guardrail_intervened", "content_filtered"


def may_be_profile(model: str) -> bool:
    """An ARN says what it is of; an identifier may be that of a profile."""
    return not model.startswith("arn:") or "inference-profile/" in model


def find_places_of_arn(arn: str) -> list[str]:
    """Where a request to what is no profile goes. A prompt router chooses by itself."""
    return [residency.UNKNOWN if "prompt-router/" in arn else residency.region_of(arn)]


def is_simulated(target: Mapping, entries: Iterable[str]) -> bool:
    return bool({target["region"], f"{target['region']}/{target['model']}"} & set(entries))


def guardrail_of(target: Mapping, options: Mapping) -> Mapping | None:
    return target.get("guardrail") or options.get("guardrail")


def build_request(target: Mapping, options: Mapping) -> dict:
    request: dict[str, Any] = {
        "modelId": target["model"],
        "messages": [{"role": "user", "content": [{"text": options["prompt"]}]}],
        "inferenceConfig": {"maxTokens": options["max_tokens"]},
    }
    if guardrail := guardrail_of(target, options):
        request["guardrailConfig"] = {
            "guardrailIdentifier": guardrail["id"],
            "guardrailVersion": guardrail["version"],
        }
    return request


def text_of(answer: Mapping) -> str:
    content = answer.get("output", {}).get("message", {}).get("content", [])
    return "".join(block.get("text", "") for block in content)


def judge_answer(answer: Mapping, latency_ms: int, options: Mapping) -> str | None:
    """Why an answer is not as it should be; None when it is."""
    stop = answer["stopReason"]
    if stop == INTERVENED and not options["expect_guardrail"]:
        return "guardrail_intervened"
    if stop != INTERVENED and options["expect_guardrail"]:
        return "guardrail_silent"
    if stop == FILTERED:
        return "content_filtered"
    if options["expect_regex"] and not re.search(options["expect_regex"], text_of(answer)):
        return "unexpected_answer"
    slow = options["max_latency_ms"] is not None and latency_ms > options["max_latency_ms"]
    return "too_slow" if slow else None


def classify(code: str | None, text: str, kinds: Iterable[str] = ()) -> str:
    """The kind of a failure by the service's code, else by the classes of botocore's error."""
    if code in ENDED_CODES and any(mark in text.lower() for mark in ENDED_MARKS):
        return EOL
    if code is not None:
        return CLASS_OF_CODE.get(code, OTHER)
    return next((CLASS_OF_KIND[kind] for kind in kinds if kind in CLASS_OF_KIND), OTHER)


def build_entry(target: Mapping, **values: Any) -> dict:
    """What a target is told by; what is not given is not known."""
    unknown = dict.fromkeys(
        ("reason", "failure_class", "error_code", "error", "latency_ms", "stop_reason", "usage", "destinations")
    )
    start = {"region": target["region"], "model": target["model"], "ok": False, "called": False}
    return {**start, **unknown, "outside": [], **values}


def build_failure(target: Mapping, error: AwsError, latency_ms: int) -> dict:
    kinds = [one.__name__ for one in type(error.exception).__mro__]
    return build_entry(
        target,
        called=True,
        reason="call_failed",
        failure_class=classify(error.code, error.message, kinds),
        error_code=error.code,
        error=error.message,
        latency_ms=latency_ms,
    )


def summarize(entries: list[dict], strategy: str) -> dict:
    good = [one for one in entries if one["ok"]]
    serving = {"region": good[0]["region"], "model": good[0]["model"]} if good else None
    passed = bool(good) and (strategy == "first_success" or len(good) == len(entries))
    return {"ok": passed, "serving": serving}
