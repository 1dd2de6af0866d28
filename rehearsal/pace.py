# SPDX-License-Identifier: GPL-3.0-or-later
"""How often those who follow the cloud ask it: each answer costs it a whole description."""

from __future__ import annotations

import time

POLL_SECONDS = 0.1
# Where nothing has changed for a while.
QUIET_POLL_SECONDS, QUIET_AFTER_SECONDS = 0.3, 2.0


class Pace:
    """Remembers when something changed last."""

    def __init__(self) -> None:
        self._changed = time.monotonic()

    def note_change(self) -> None:
        self._changed = time.monotonic()

    def pause(self) -> float:
        """Seconds until the next question."""
        return QUIET_POLL_SECONDS if time.monotonic() - self._changed > QUIET_AFTER_SECONDS else POLL_SECONDS
