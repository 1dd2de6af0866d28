# SPDX-License-Identifier: GPL-3.0-or-later
from rehearsal.playbooks import recap

OUTPUT = """
TASK [x] ok=99
PLAY RECAP *********************************************************************
af-south-1                 : ok=3    changed=1    unreachable=0    failed=0    skipped=2    rescued=0    ignored=0
eu-central-1               : ok=20   changed=7    unreachable=0    failed=1    skipped=4    rescued=0    ignored=0
"""


def test_the_counts_of_all_hosts_are_added_up():
    counts = recap(OUTPUT)
    assert (counts["ok"], counts["changed"], counts["failed"]) == (23, 8, 1)


def test_an_output_without_a_recap_counts_nothing():
    assert recap("ERROR! the playbook could not be found")["ok"] == 0
