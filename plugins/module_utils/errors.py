# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong, and how it is told.

    MultiregionError        anything a module of this collection reports as its failure
    |-- AwsError            an AWS call failed
    |-- WaitTimeout         a wait reached its limit; the last state is kept
    `-- Refused             a precondition does not hold; nothing was done

Every error carries a `result`, the values that a module adds to its failure.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def format_finding(found: Any = None, expected: Any = None, next_step: str | None = None) -> str:
    """The three things a reader needs, in one order and one wording everywhere."""
    parts = (("Found", found), ("Expected", expected), ("Next", next_step))
    return " ".join(f"{label}: {_sentence(value)}" for label, value in parts if value not in (None, ""))


def _sentence(value: Any) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if text.endswith((".", "!", "?")) else f"{text}."


class MultiregionError(Exception):
    """The task cannot go on. `result` holds what was learned until then."""

    def __init__(self, message: str, result: dict | None = None):
        super().__init__(message)
        self.message = message
        self.result = dict(result or {})


class AwsError(MultiregionError):
    """AWS, or the way to it, answered with an error."""

    def __init__(self, message: str, exception: BaseException | None = None, result: dict | None = None):
        super().__init__(f"{message}: {exception}" if exception else message, result)
        self.exception = exception
        self.code = error_code(exception)
        if self.code:
            self.result.setdefault("error_code", self.code)


class WaitTimeout(MultiregionError):
    """A wait reached its limit. What was started goes on at AWS."""

    def __init__(self, message: str, last_state: Any = None, result: dict | None = None):
        # A result is JSON, and what was waited for may have been the end of an error.
        told = str(last_state) if isinstance(last_state, BaseException) else last_state
        super().__init__(message, {"last_state": told, **(result or {})})
        self.last_state = last_state


class Refused(MultiregionError):
    """A guard said no, before anything was changed."""

    def __init__(
        self,
        message: str,
        found: Any = None,
        expected: Any = None,
        next_step: str | None = None,
        result: dict | None = None,
    ):
        finding = format_finding(found, expected, next_step)
        text = f"{_sentence(message)} {finding}" if finding else message
        given = {"found": found, "expected": expected, "next_step": next_step}
        super().__init__(text, {key: value for key, value in given.items() if value is not None} | (result or {}))
        self.found, self.expected, self.next_step = found, expected, next_step


def refuse_faults(message: str, faults: Iterable[str]) -> None:
    """Refuse options with everything that is wrong with them; without a fault nothing happens."""
    found = list(faults)
    if found:
        raise Refused(
            message,
            found="; ".join(found),
            next_step="correct the options named",
            result={"reason": "invalid_option", "faults": found},
        )


def error_code(exception: BaseException | None) -> str | None:
    """The service's own code of a ClientError; None for everything else."""
    response = getattr(exception, "response", None)
    return response.get("Error", {}).get("Code") if isinstance(response, dict) else None
