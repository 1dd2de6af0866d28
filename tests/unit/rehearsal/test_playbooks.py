# SPDX-License-Identifier: GPL-3.0-or-later
import os
import signal
import subprocess
import sys

from rehearsal.playbooks import Runner, recap
from rehearsal.processes import start_time, wait_until
from rehearsal.settings import load

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


REHEARSAL = """
import pathlib, sys
from rehearsal.playbooks import Runner
from rehearsal.settings import load
runner = Runner(load(16), "inventory", pathlib.Path(sys.argv[1]), {}, "run")
sleeper = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
runner._stream([sys.executable, "-c", sleeper], "move", "x", False)
"""


def test_a_rehearsal_that_is_killed_leaves_no_playbook_at_work(tmp_path):
    with subprocess.Popen([sys.executable, "-c", REHEARSAL, str(tmp_path)], stdout=subprocess.PIPE) as rehearsal:
        playbook = int(rehearsal.stdout.readline())
        assert start_time(playbook)
        os.kill(rehearsal.pid, signal.SIGKILL)
        assert wait_until(lambda: not start_time(playbook), 10)


def test_a_playbook_that_hangs_in_silence_ends_at_the_limit(tmp_path):
    runner = Runner(load(16), "inventory", tmp_path, {}, "run", seconds_max=0.3)
    assert runner._stream([sys.executable, "-c", "import time; time.sleep(60)"], "move", "x", True) == -signal.SIGKILL
