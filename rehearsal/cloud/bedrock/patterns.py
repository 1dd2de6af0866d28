# SPDX-License-Identifier: GPL-3.0-or-later
"""Personal data that has a form. What AWS recognises by meaning (NAME, ADDRESS, AGE ...) is never found here."""

from __future__ import annotations

import re

PII = {
    name: re.compile(pattern)
    for name, pattern in {
        "EMAIL": r"\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+\b",
        "PHONE": r"(?<![\w-])\+?\d(?:[ .-]?\d){8,13}(?![\w-])",
        "IP_ADDRESS": r"\b(?:\d{1,3}\.){3}\d{1,3}\b",
        "MAC_ADDRESS": r"\b(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}\b",
        "URL": r"\bhttps?://[^\s<>\"]+",
        "CREDIT_DEBIT_CARD_NUMBER": r"\b(?:\d{4}[ -]?){3}\d{4}\b",
        "INTERNATIONAL_BANK_ACCOUNT_NUMBER": r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b",
        "AWS_ACCESS_KEY": r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
        "US_SOCIAL_SECURITY_NUMBER": r"\b\d{3}-\d{2}-\d{4}\b",
        "UK_NATIONAL_INSURANCE_NUMBER": r"\b[A-Z]{2} ?\d{2} ?\d{2} ?\d{2} ?[A-D]\b",
    }.items()
}
