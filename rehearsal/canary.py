# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets of a world, and how to find one where none may be.

Every password and token that a world makes up begins with its canary, the value of MEDZEN_CANARY (letters and digits;
none by default). Whoever starts a world with one can look for it in whatever the world's users leave behind.
"""

from __future__ import annotations

import base64
import os
import re
import secrets
import string

VARIABLE = "MEDZEN_CANARY"
LENGTH = 32
# Of the line in which a canary stands.
SHOWN_CHARS = 120


def planted() -> str:
    return os.environ.get(VARIABLE, "")


def make_secret(chars: int = LENGTH) -> str:
    """A new password or token: letters and digits, behind the canary."""
    return plant("".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(chars)))


def plant(secret: str) -> str:
    """A secret that somebody else made up, with the canary in place of its beginning."""
    return planted() + secret[len(planted()) :]


def forms(canary: str) -> list[str]:
    """As which it may stand in a text: as it is, in hex, in base64 wherever in the encoded text it begins."""
    encoded = []
    for before in range(3):
        text = base64.b64encode(b"\0" * before + canary.encode()).decode().rstrip("=")
        # First and last characters also carry bits of the neighbours.
        encoded.append(text[-(-before * 8 // 6) : len(text) - 1])
    return [canary, canary.encode().hex(), *encoded]


def find(canary: str, text: str) -> list[str]:
    """The places in which it stands, each with what is around it; the canary itself is not told again."""
    marks = re.compile("|".join(re.escape(form) for form in forms(canary)))
    found = []
    for hit in marks.finditer(text):
        start, end = max(0, hit.start() - SHOWN_CHARS), hit.end() + SHOWN_CHARS
        found.append(marks.sub("<canary>", text[start:end]).replace("\n", " "))
    return found
