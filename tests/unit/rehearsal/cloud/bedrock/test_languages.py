# SPDX-License-Identifier: GPL-3.0-or-later
import pytest

from rehearsal.cloud.bedrock.languages import language_of, lists, reaches, understood


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("How are you?", "en"),
        ("Paracetamol", "en"),
        ("Comment prendre les comprimés avec mon repas ?", "fr"),
        ("¿Qué medicina tomo para el dolor?", "es"),
        ("Tafadhali, nataka dawa hii", "sw"),
        ("Ina da ciwo kuma zan sha magani", "ha"),
        ("Wetin dey do me", "pcm"),
        ("أحتاج دواء", "ar"),
    ],
)
def test_a_text_tells_its_language(text, code):
    assert language_of(text) == code


def test_the_glossary_gives_english_words():
    assert {"dawa", "medicine"} <= understood("Dawa!")


def test_only_the_standard_tier_reaches_swahili():
    assert reaches("STANDARD", "nataka dawa hii")
    assert not reaches("CLASSIC", "nataka dawa hii")


def test_every_content_filter_has_its_keywords():
    kinds = {"SEXUAL", "VIOLENCE", "HATE", "INSULTS", "MISCONDUCT", "PROMPT_ATTACK"}
    assert set(lists()["filters"]) == kinds
    assert all(set(entry) == {"HIGH", "MEDIUM", "LOW"} for entry in lists()["filters"].values())
