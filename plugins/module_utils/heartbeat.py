# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A process that renews a lease while the playbook runs, and ends with it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

LOOK_S = 1.0
# No playbook of this collection takes longer; a heartbeat that outlives that has lost its purpose.
LIFE_S_MAX = 24 * 3600


def beat(
    renew: Callable[[], bool | None],
    is_wanted: Callable[[], bool],
    period_s: float,
    *,
    tend: Callable[[], None] = lambda: None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> str:
    """Renew every `period_s` while wanted; say why it ended.

    `renew()` is True when the lease is longer now, False when it is no longer ours, None when somebody could not be
    asked: then the next look tries again. `tend()` is done at each look, but not while a renewal is owed, and once more
    at the end.
    """
    end = clock() + LIFE_S_MAX
    due = clock()
    while is_wanted():
        if clock() >= end:
            return "too old"
        if clock() >= due:
            renewed = renew()
            if renewed is False:
                return "lost"
            due = clock() + period_s if renewed else due
        if clock() < due:
            tend()
        sleep(min(LOOK_S, period_s))
    tend()
    return "not wanted"


def detach(work: Callable[[], None]) -> None:
    """Run `work` in a process that no longer belongs to the caller: no terminal, no pipes, no parent."""
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    try:
        os.setsid()
        if os.fork() == 0:
            _close_files()
            work()
    finally:
        # Whatever happened, this copy of the module must not go on and answer in its name.
        os._exit(0)


def _close_files() -> None:
    """Let go of the pipes: Ansible waits for their end before it takes a task for finished."""
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    os.closerange(3, 1024)
