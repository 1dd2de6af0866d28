# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task refuses, and what it foretells. Real PostgreSQL: tests/scenarios/postgresql/test_write_lease.py."""

from dataclasses import replace

import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.write_lease import Lease
from ansible_collections.medzen.multiregion.plugins.modules import postgresql_write_lease as module

NOW = "2026-11-30T22:14:03.123456Z"
BARE = Lease(NOW)
HELD = Lease(NOW, 300, NOW, valid=True, in_force=True)
RENEWAL = {"state": "present", "lease_s": 300, "counted_from": None, "in_force": False}


@pytest.mark.parametrize("lease_s", [14, 3601, 0, -1])
def test_a_length_that_no_schedule_can_keep_is_refused_with_what_was_expected(lease_s):
    assert list(module.find_faults({**RENEWAL, "lease_s": lease_s})) == [f"lease_s is {lease_s}; expected 15 to 3600"]


@pytest.mark.parametrize("text", ["yesterday", "2026-11-30", "2026-11-30T22:14:03", "2026-13-01T00:00:00Z", ""])
def test_a_time_that_is_none_or_has_no_zone_is_refused(text):
    (fault,) = module.find_faults({**RENEWAL, "counted_from": text})
    assert fault.startswith(f"counted_from is {text}; expected a time in UTC")


@pytest.mark.parametrize("lease_s", [15, 300, 3600, None])
def test_what_is_right_is_taken(lease_s):
    assert list(module.find_faults({**RENEWAL, "lease_s": lease_s, "counted_from": NOW})) == []


@pytest.mark.parametrize(
    ("before", "given", "changed"),
    [
        (BARE, {}, True),
        (HELD, {}, False),
        (replace(HELD, valid=False), {}, True),
        (replace(HELD, gaps=("ehr.plugin",)), {}, True),
        (HELD, {"lease_s": 60}, True),
        (replace(HELD, in_force=False), {}, False),
        (replace(HELD, in_force=False), {"in_force": True}, True),
        (HELD, {"state": "absent"}, True),
        (BARE, {"state": "absent"}, False),
        (BARE, {"state": None}, False),
        (replace(HELD, fenced=True), {"lease_s": 60}, False),
        (replace(HELD, fenced=True), {"state": "absent"}, False),
    ],
)
def test_a_check_foretells_what_changes(before, given, changed):
    after = module.predict(before, {**RENEWAL, **given})
    assert module.has_changed(before, after) is changed
