# SPDX-License-Identifier: GPL-3.0-or-later
"""Which scenario files share a worker."""

from tests.scenarios.groups import FOLDER, GROUPS, group_of


def test_every_file_of_a_group_is_there():
    assert [name for files in GROUPS.values() for name in files if not (FOLDER / name).exists()] == []


def test_a_file_that_is_no_scenario_is_a_group_of_its_own():
    """Named beside scenarios on the command line, it used to end the run."""
    assert group_of(FOLDER.parent / "unit" / "test_rds.py") == "test_rds"


def test_files_of_a_folder_and_named_ones_belong_to_their_group():
    assert group_of(FOLDER / "services" / "test_steps.py") == "services"
    assert group_of(FOLDER / "test_drill.py") == group_of(FOLDER / "test_fail_over.py") == "protected"
    assert group_of(FOLDER / "postgresql" / "test_fence.py") == "postgresql"
    assert group_of(FOLDER / "test_bad_input.py") == "test_bad_input"
