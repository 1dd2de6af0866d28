# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one waiting loop: a look, a predicate, a limit. Clock and sleep are passed in, so tests do not wait."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from ansible_collections.medzen.multiregion.plugins.module_utils.aws import snake
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import MultiregionError, WaitTimeout
from ansible_collections.medzen.multiregion.plugins.module_utils.progress import Progress

ARGUMENTS = {
    "wait": {"type": "bool", "default": True},
    "wait_timeout": {"type": "int", "default": 3600},
    "poll_seconds": {"type": "float", "default": 10.0},
}
STATE_KEYS = ("DBInstanceStatus", "Status", "status", "State", "state")


def wait_arguments(timeout_s: int = 3600) -> dict:
    """Argument spec of the options `wait`, `wait_timeout` and `poll_seconds` (fragment medzen.multiregion.wait)."""
    spec = {name: dict(option) for name, option in ARGUMENTS.items()}
    spec["wait_timeout"]["default"] = timeout_s
    return spec


class TimeLeft:
    """One limit for the several waits of a task."""

    def __init__(self, timeout_s: float, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._deadline = clock() + timeout_s

    def seconds(self) -> float:
        return max(0.0, self._deadline - self._clock())


def state_text(state: Any) -> str:
    """A state in a word or two: the status of a described resource, or the value itself."""
    if state is None:
        return "not there"
    if isinstance(state, dict):
        return next((str(state[key]) for key in STATE_KEYS if isinstance(state.get(key), str)), "unknown")
    return str(state)


def wait_until(
    look: Callable[[], Any],
    done: Callable[[Any], bool],
    what: str,
    timeout_s: float,
    poll_seconds: float,
    *,
    percent: Callable[[Any], float | None] | None = None,
    failed: Callable[[Any], str | None] | None = None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
    progress: Progress | None = None,
    text: Callable[[Any], str] = state_text,
) -> Any:
    """Look until `done(state)`; return that state.

    `failed(state)` returns the reason why waiting is pointless, or nothing. `text(state)` says it in a word or two.
    Raises WaitTimeout with the last state.
    """
    progress = progress or Progress(what, clock=clock)
    deadline = clock() + timeout_s
    while True:
        state = look()
        if done(state):
            progress.done(text(state))
            return state
        if reason := failed(state) if failed else None:
            raise MultiregionError(f"Waiting for {what} failed: {reason}", {"last_state": snake(state)})
        progress.report(percent(state) if percent else None, detail=text(state))
        remaining = deadline - clock()
        if remaining <= 0:
            raise _timeout(what, timeout_s, state, text(state))
        sleep(min(poll_seconds, remaining))


def _timeout(what: str, timeout_s: float, state: Any, text: str) -> WaitTimeout:
    return WaitTimeout(
        f"Timeout after {timeout_s:g} s waiting for {what}; last state: {text}. "
        "What was started goes on: run again, it joins; raise wait_timeout if this is the usual pace.",
        snake(state),
    )
