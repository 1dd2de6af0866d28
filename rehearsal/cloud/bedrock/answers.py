# SPDX-License-Identifier: GPL-3.0-or-later
"""What a model answers: one fixed sentence a language. Nothing of the question comes back, except a word asked for.

The sentence names its language, so a probe can ask "In which language do you answer?". "Answer only with the word X"
is obeyed, so that a probe can expect something and a guardrail can look at an answer.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from rehearsal.cloud.bedrock.languages import language_of

SENTENCES = {
    "en": "I answer in English. Please see a health worker if you feel worse.",
    "fr": "Je réponds en français. Consultez un soignant si vous vous sentez plus mal.",
    "es": "Respondo en español. Consulte a un profesional de salud si se siente peor.",
    "sw": "Ninajibu kwa Kiswahili. Tafadhali mwone mhudumu wa afya ukizidiwa.",
    "rw": "Ndasubiza mu Kinyarwanda. Jya kwa muganga niba urembye.",
    "ha": "Ina amsa da Hausa. Ka je wurin likita idan jikin ya yi tsanani.",
    "yo": "Mo ń dáhùn ní èdè Yorùbá. Jọwọ lọ rí dókítà tí ara rẹ kò bá yá.",
    "ar": "أجيب باللغة العربية. راجع الطبيب إذا ساءت حالتك.",
    "sg": "Mbi kiri tënë na Sängö.",
    "pcm": "I dey answer for Pidgin. Abeg go see doctor if body no dey fine.",
    "camfranglais": "Je te réponds en camfranglais. Go voir le docta si tu es mal.",
}
ASKED = {
    "en": ("english", "anglais"),
    "fr": ("french", "français", "francais"),
    "es": ("spanish", "espagnol", "español"),
    "sw": ("swahili", "kiswahili"),
    "rw": ("kinyarwanda",),
    "ha": ("hausa",),
    "yo": ("yoruba", "yorùbá"),
    "ar": ("arabic", "arabe"),
    "sg": ("sango", "sängö"),
    "pcm": ("pidgin",),
    "camfranglais": ("camfranglais",),
}
WORD_ASKED = re.compile(
    r"\b(?:answer|reply|respond)\b[^.?!\n]{0,30}?\b(?:word|only with|exactly)\b[:\s]*(?:the word )?[\"'«]?(\w{1,30})",
    re.I,
)
CHARS_A_TOKEN = 4
OVERHEAD_TOKENS = 8


@dataclass(frozen=True)
class Reply:
    text: str
    stop_reason: str
    input_tokens: int
    output_tokens: int


def build_reply(prompt: str, system: str, tokens_max: int | None, stops: list[str]) -> Reply:
    """The answer to the last message; the same for the same question."""
    text, reason = compose(prompt, system), "end_turn"
    for stop in stops:
        if stop in text:
            text, reason = text.partition(stop)[0], "stop_sequence"
    if tokens_max is not None and count_tokens(text) > tokens_max:
        text, reason = text[: tokens_max * CHARS_A_TOKEN], "max_tokens"
    return Reply(text, reason, count_tokens(system + prompt) + OVERHEAD_TOKENS, count_tokens(text))


def compose(prompt: str, system: str) -> str:
    word = WORD_ASKED.search(prompt)
    return word.group(1) if word else SENTENCES[choose_language(prompt, system)]


def choose_language(prompt: str, system: str) -> str:
    """A language that is named, in the message or in the system prompt; otherwise the message's own."""
    for text in (prompt.lower(), system.lower()):
        for code, names in ASKED.items():
            if any(re.search(rf"\b(?:in|en|kwa|da|for)\s+{name}\b", text) for name in names):
                return code
    found = language_of(prompt)
    return found if found in SENTENCES else "en"


def count_tokens(text: str) -> int:
    return math.ceil(len(text) / CHARS_A_TOKEN)
