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
runner._stream([sys.executable, "-c", sleeper], "move", "x")
"""


def test_a_rehearsal_that_is_killed_leaves_no_playbook_at_work(tmp_path):
    with subprocess.Popen([sys.executable, "-c", REHEARSAL, str(tmp_path)], stdout=subprocess.PIPE) as rehearsal:
        playbook = int(rehearsal.stdout.readline())
        assert start_time(playbook)
        os.kill(rehearsal.pid, signal.SIGKILL)
        assert wait_until(lambda: not start_time(playbook), 10)


def test_a_playbook_that_hangs_in_silence_ends_at_the_limit(tmp_path):
    runner = Runner(load(16), "inventory", tmp_path, {}, "run", seconds_max=0.3)
    assert runner._stream([sys.executable, "-c", "import time; time.sleep(60)"], "move", "x") == -signal.SIGKILL


def test_playbooks_side_by_side_are_told_apart_by_their_keys(tmp_path, monkeypatch):
    asked = []

    def control(_settings, path, *_more, **_options):
        asked.append(path)
        return {"n": 4, "calls": []}

    def stream(_self, command, label, name):
        runner.log(label, name).parent.mkdir(exist_ok=True)
        runner.log(label, name).write_text(" ".join(command))
        return 0

    monkeypatch.setattr("rehearsal.playbooks.control", control)
    monkeypatch.setattr(Runner, "_stream", stream)
    runner = Runner(load(16), "inventory", tmp_path, {}, "run")
    runner.run("cutover_dns", label="move")
    runner.run_beside("cutover_dns", label="check", check=True)
    assert asked[1::2] == ["ledger?since=4&access=rehearsal", "ledger?since=4&access=rehearsal-operator-cutover_dns"]
    assert (
        '"multiregion_aws_access_key": "rehearsal-operator-cutover_dns"'
        in runner.log("check", "cutover_dns").read_text()
    )
    assert "access_key" not in runner.log("move", "cutover_dns").read_text()
