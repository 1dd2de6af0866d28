# SPDX-License-Identifier: GPL-3.0-or-later
"""Converse and InvokeModel: guard the question, route it, answer, guard the answer, and write down who answered."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rehearsal.cloud.bedrock.answers import Reply, build_reply
from rehearsal.cloud.bedrock.applied import Guard
from rehearsal.cloud.bedrock.routing import Target, pick, resolve
from rehearsal.cloud.bedrock.state import Bedrock, invalid
from rehearsal.cloud.operations import Call

TOKEN_MS, FAR_MS = 12, 60
EMBEDDING_SIZE = 256


@dataclass(frozen=True)
class Question:
    """What a call asks, whatever its form."""

    guarded: str
    prompt: str
    system: str = ""
    tokens_max: int | None = None
    stops: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    reply: Reply
    latency_ms: int


def converse(bedrock: Bedrock, call: Call) -> dict[str, Any]:
    target, question = resolve(bedrock, call), read_messages(call.parameters)
    refuse_embedding(target)
    wanted = call.get("guardrailConfig") or {}
    guard = Guard(bedrock, call, wanted.get("guardrailIdentifier"), wanted.get("guardrailVersion"))
    outcome = ask(bedrock, call, target, question, guard)
    reply = outcome.reply
    answer = {
        "output": {"message": {"role": "assistant", "content": [{"text": reply.text}]}},
        "stopReason": reply.stop_reason,
        "usage": tokens(reply, "inputTokens", "outputTokens", "totalTokens"),
        "metrics": {"latencyMs": outcome.latency_ms},
    }
    traced = guard.id is not None and wanted.get("trace", "disabled") != "disabled"
    return answer | ({"trace": {"guardrail": guard.trace()}} if traced else {})


def tokens(reply: Reply, read: str, written: str, total: str | None = None) -> dict[str, int]:
    counts = {read: reply.input_tokens, written: reply.output_tokens}
    return counts | ({total: reply.input_tokens + reply.output_tokens} if total else {})


def read_messages(parameters: dict[str, Any]) -> Question:
    """Converse's form. With guardContent blocks a guardrail looks at these alone, otherwise at the last message."""
    messages = parameters.get("messages") or []
    if not messages or messages[0]["role"] != "user":
        raise invalid("A conversation must start with a user message. Try again with a conversation that does.")
    if messages[-1]["role"] != "user":
        raise invalid("The last message of a conversation must be of the user.")
    blocks = messages[-1]["content"]
    guarded = [(one.get("guardContent") or {}).get("text") for one in blocks]
    marked = " ".join(one["text"] for one in guarded if one)
    prompt = " ".join(one["text"] for one in blocks if one.get("text"))
    whole = f"{prompt} {marked}".strip()
    if not whole:
        raise invalid("The text field in the ContentBlock object is blank. Add text to it, and try again.")
    inference = parameters.get("inferenceConfig") or {}
    return Question(
        marked or whole,
        whole,
        " ".join(one["text"] for one in parameters.get("system") or [] if one.get("text")),
        inference.get("maxTokens"),
        tuple(inference.get("stopSequences") or ()),
    )


def ask(bedrock: Bedrock, call: Call, target: Target, question: Question, guard: Guard) -> Outcome:
    """The reply after both looks of the guardrail; a blocked question reaches no model and costs no token."""
    asked = guard.look(question.guarded, "INPUT")
    if asked.blocked:
        note(bedrock, call, target, guard, None, "guardrail_intervened")
        return Outcome(Reply(asked.text, "guardrail_intervened", 0, 0), bedrock.knobs.latency_ms // 4)
    region = pick(bedrock, target, call.region)
    prompt = question.prompt.replace(question.guarded, asked.text)
    reply = build_reply(prompt, question.system, question.tokens_max, list(question.stops))
    answered = guard.look(reply.text, "OUTPUT")
    if guard.intervened:
        reply = Reply(answered.text, "guardrail_intervened", reply.input_tokens, reply.output_tokens)
    note(bedrock, call, target, guard, region, reply.stop_reason)
    far = FAR_MS if region != call.region else 0
    return Outcome(reply, bedrock.knobs.latency_ms + TOKEN_MS * reply.output_tokens + far)


def note(bedrock: Bedrock, call: Call, target: Target, guard: Guard, region: str | None, stop_reason: str) -> None:
    """Who answered, never what was said."""
    bedrock.answers.append(
        {
            "n": len(bedrock.answers) + 1,
            "time": bedrock.world.clock.now(),
            "operation": call.operation,
            "asked_in": call.region,
            "answered_in": region,
            "model": target.model.id,
            "profile": target.profile,
            "guardrail": guard.id,
            "stop_reason": stop_reason,
        }
    )


def refuse_embedding(target: Target) -> None:
    if "TEXT" not in target.model.output:
        raise invalid("This action doesn't support the model that you provided. Try again with a supported text model.")


def invoke(bedrock: Bedrock, call: Call) -> dict[str, Any]:
    """The native forms of Anthropic, Amazon and Mistral, and embeddings of Titan."""
    target = resolve(bedrock, call)
    body = read_body(call)
    guard = Guard(bedrock, call, call.get("guardrailIdentifier"), call.get("guardrailVersion"))
    if "TEXT" not in target.model.output:
        answer = embed(bedrock, call, target, guard, body)
    else:
        read, write = FORMS.get(target.model.provider, FORMS["Mistral AI"])
        answer = write(ask(bedrock, call, target, read_form(read, body), guard).reply)
        if guard.id:
            answer["amazon-bedrock-guardrailAction"] = "INTERVENED" if guard.intervened else "NONE"
    return {"body": json.dumps(answer).encode(), "contentType": "application/json"}


def read_form(read: Callable[[dict[str, Any]], Question], body: dict[str, Any]) -> Question:
    try:
        return read(body)
    except (AttributeError, KeyError, TypeError) as problem:
        raise invalid(f"Malformed input request: {problem}, please reformat your input and try again.") from problem


def read_body(call: Call) -> dict[str, Any]:
    try:
        body = json.loads(call.get("body") or b"{}")
    except ValueError as problem:
        raise invalid("Malformed input request, please reformat your input and try again.") from problem
    if not isinstance(body, dict):
        raise invalid("Malformed input request: expected type: JSONObject, please reformat your input and try again.")
    return body


def read_anthropic(body: dict[str, Any]) -> Question:
    if "anthropic_version" not in body or "max_tokens" not in body:
        raise invalid("Malformed input request: anthropic_version and max_tokens are required.")
    messages = [{"role": one["role"], "content": as_blocks(one["content"])} for one in body.get("messages") or []]
    system = as_blocks(body.get("system") or [])
    limits = {"maxTokens": body["max_tokens"], "stopSequences": body.get("stop_sequences")}
    return read_messages({"messages": messages, "system": system, "inferenceConfig": limits})


def as_blocks(content: str | list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"text": content}] if isinstance(content, str) else content


def write_anthropic(reply: Reply) -> dict[str, Any]:
    return {
        "type": "message",
        "role": "assistant",
        "content": [{"type": "text", "text": reply.text}],
        "stop_reason": reply.stop_reason,
        "usage": tokens(reply, "input_tokens", "output_tokens"),
    }


def write_nova(reply: Reply) -> dict[str, Any]:
    return {
        "output": {"message": {"role": "assistant", "content": [{"text": reply.text}]}},
        "stopReason": reply.stop_reason,
        "usage": tokens(reply, "inputTokens", "outputTokens", "totalTokens"),
    }


def read_prompt(body: dict[str, Any]) -> Question:
    prompt = body.get("prompt")
    if not isinstance(prompt, str) or not prompt.strip():
        raise invalid("Malformed input request: prompt is required.")
    return Question(prompt, prompt, "", body.get("max_tokens"), tuple(body.get("stop") or ()))


def write_prompt(reply: Reply) -> dict[str, Any]:
    return {"outputs": [{"text": reply.text, "stop_reason": "length" if reply.stop_reason == "max_tokens" else "stop"}]}


FORMS = {
    "Anthropic": (read_anthropic, write_anthropic),
    "Amazon": (read_messages, write_nova),
    "Mistral AI": (read_prompt, write_prompt),
}


def embed(bedrock: Bedrock, call: Call, target: Target, guard: Guard, body: dict[str, Any]) -> dict[str, Any]:
    """A vector that depends on the text's words alone."""
    text = body.get("inputText")
    if not isinstance(text, str) or not text:
        raise invalid("Malformed input request: inputText is required.")
    note(bedrock, call, target, guard, pick(bedrock, target, call.region), "end_turn")
    size = int(body.get("dimensions") or EMBEDDING_SIZE)
    vector = [0.0] * size
    for word in text.lower().split():
        vector[sum(word.encode()) % size] += 1.0
    length = sum(one * one for one in vector) ** 0.5
    return {"embedding": [one / length for one in vector], "inputTextTokenCount": len(text.split())}


OPERATIONS = {"Converse": converse, "InvokeModel": invoke}
