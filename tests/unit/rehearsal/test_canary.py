# SPDX-License-Identifier: GPL-3.0-or-later
import base64

import pytest

from rehearsal import canary

WORD = "Zq7canaryX4w"


def test_secrets_have_their_length_and_differ():
    first, second = canary.make_secret(), canary.make_secret()
    assert (len(first), len(second), first != second) == (canary.LENGTH, canary.LENGTH, True)


def test_a_planted_canary_begins_every_secret_and_changes_no_length(monkeypatch):
    monkeypatch.setenv(canary.VARIABLE, WORD)
    made = canary.make_secret(20)
    assert made.startswith(WORD) and len(made) == 20 and made != canary.make_secret(20)
    assert canary.plant("p" * 20) == WORD + "p" * 8


@pytest.mark.parametrize("before", ["", "a", "ab", "abc", "ehrbase:"])
@pytest.mark.parametrize("after", ["", "1", "12"])
def test_it_is_found_as_text_in_hex_and_in_base64_wherever_it_stands(before, after):
    secret = f"{before}{WORD}{after}".encode()
    for text in (secret.decode(), secret.hex(), base64.b64encode(secret).decode()):
        [place] = canary.find(WORD, f"Authorization: {text} and more")
        assert WORD not in place and "<canary>" in place and "Authorization" in place


def test_it_is_not_found_where_it_is_not():
    assert canary.find(WORD, "Zq7 canary X4w " + base64.b64encode(b"another one").decode()) == []
