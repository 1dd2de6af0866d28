# SPDX-License-Identifier: GPL-3.0-or-later
"""Which scenario files run one after the other on one worker, because they share the steps that it has made, and in
which order. Every file that is not named is a group of its own. The longest come first, so that no worker is alone at
the end.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

FOLDER = Path(__file__).parent
GROUPS = {
    "protected": ["test_fail_over.py", "test_withdraw.py", "test_drill.py", "test_refusals.py"],
    "provisioned": ["test_kill.py", "test_record_regions.py", "test_judge_can_fail.py"],
    "logical": ["test_logical.py"],
    "moved": ["test_rollback.py", "test_visits.py", "test_validate_system.py", "test_lock.py"],
    "services": ["services"],
    "video_ai": ["test_video_ai.py"],
    "postgresql": ["postgresql"],
    "secrets": ["test_secrets.py"],
}


def group_of(path: Path) -> str:
    """The group of a test file; one that is no scenario is a group of its own."""
    top = path.relative_to(FOLDER).parts[0] if path.is_relative_to(FOLDER) else ""
    return next((name for name, files in GROUPS.items() if top in files), path.stem)


class GroupScheduling(LoadScopeScheduling):
    """Hands out whole groups, in their order."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(FOLDER.parents[1] / nodeid.partition("::")[0])


def sort_by_group(items: list[pytest.Item]) -> None:
    order = list(GROUPS)
    items.sort(key=lambda item: order.index(name) if (name := group_of(item.path)) in order else len(order))


@pytest.hookimpl(optionalhook=True)
def make_scheduler(config: pytest.Config, log: Any) -> GroupScheduling:
    return GroupScheduling(config, log)
