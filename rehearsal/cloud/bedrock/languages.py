# SPDX-License-Identifier: GPL-3.0-or-later
"""Which language a text is in, by a few marker words; and a text's words with those of other languages in English.

The guardrail tier CLASSIC understands English, French and Spanish, STANDARD many more. Here, CLASSIC finds nothing in
a text that is guessed to be of another language, and STANDARD looks at its words through the glossary in words.yml.
https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-supported-languages.html
"""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Any

import yaml

WORDS_FILE = Path(__file__).with_name("words.yml")
CLASSIC_LANGUAGES = frozenset(("en", "fr", "es"))
WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
ARABIC = re.compile(r"[؀-ۿ]")


@functools.cache
def lists() -> dict[str, Any]:
    return yaml.safe_load(WORDS_FILE.read_text())


def split(text: str) -> list[str]:
    return WORD.findall(text.lower())


def language_of(text: str) -> str:
    """A language's code; English where nothing speaks for another."""
    if ARABIC.search(text):
        return "ar"
    words = split(text)
    counts = {code: sum(word in markers for word in words) for code, markers in lists()["markers"].items()}
    best = max(counts, key=lambda code: counts[code])
    return best if counts[best] else "en"


def understood(text: str) -> set[str]:
    """The text's words, each with its English one."""
    glossary = lists()["glossary"]
    words = split(text)
    return {*words, *(glossary[word] for word in words if word in glossary)}


def reaches(tier: str, text: str) -> bool:
    """Whether a policy of this tier understands the text at all."""
    return tier == "STANDARD" or language_of(text) in CLASSIC_LANGUAGES
