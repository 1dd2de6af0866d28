# SPDX-License-Identifier: GPL-3.0-or-later
"""One run at a time: the second is refused and told who is at work; when the first has ended it goes through."""

from __future__ import annotations

import contextlib
import os
import re
import signal
from collections.abc import Iterator


@contextlib.contextmanager
def held_still(pid: int) -> Iterator[None]:
    """A process that stands still for the length of the block, whatever happens in it."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def test_a_second_run_is_refused_and_told_who_holds_the_lock_until_the_first_has_ended(stage, until, myself):
    world = stage.at("moved")
    first = world.begin("restore_snapshot")
    until(lambda: world.lock_holder() == first.run_id, "the first run's lock")
    with held_still(first.pid):
        second = world.play("cutover_dns")
        planned = world.play("cutover_dns", "--check")
    for refused in (second, planned):
        assert refused.code != 0 and refused.writes == [], str(refused)
        said = rf"Run {first.run_id} holds the lock .*playbook restore_snapshot of {re.escape(myself)} since \d{{4}}-"
        assert re.search(said, refused.error), refused.error
        assert "expected: no other run" in refused.error.lower() and "wait until it has ended" in refused.error
    assert first.wait().code == 0
    third = world.play("cutover_dns")
    assert third.code == 0, str(third)
    assert world.lock_holder() == ""
