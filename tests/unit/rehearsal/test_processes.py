# SPDX-License-Identifier: GPL-3.0-or-later
import os
import signal
import sys
from pathlib import Path

import pytest

from rehearsal.processes import Identity, Processes, exit_with_parent, identify, start_time, wait_until
from rehearsal.settings import Settings

ENDLESS = [sys.executable, "-c", "import signal; signal.pause()"]
STUBBORN_CODE = (
    "import pathlib, signal; signal.signal(15, signal.SIG_IGN); pathlib.Path('armed').touch(); signal.pause()"
)
STUBBORN = [sys.executable, "-c", STUBBORN_CODE]


@pytest.fixture
def processes(tmp_path):
    made = Processes(Settings(250, tmp_path))
    made.settings.folder.mkdir()
    yield made
    made.stop_all(made.names(), seconds=0.1)


def start(processes, name, command=ENDLESS):
    return processes.start(name, command, drop_root=False)


def test_a_started_process_is_found_by_its_name_until_it_is_stopped(processes):
    pid = start(processes, "task")
    assert processes.find("task").pid == pid
    assert processes.stop("task")
    assert processes.find("task") is None
    assert processes.names() == []
    assert start_time(pid) == ""


def test_a_process_that_another_program_replaced_is_found(processes):
    pids = (os.getppid(), os.getpid())
    for pid in pids:
        Processes(processes.settings).remember("task", identify(pid))
        assert processes.find("task").pid == pid
    (processes.settings.pids / "task.json").unlink()


def test_a_name_is_given_once(processes):
    start(processes, "task")
    with pytest.raises(RuntimeError, match="runs already"):
        start(processes, "task")


def test_a_process_that_ignores_its_stop_signal_is_killed(processes):
    pid = start(processes, "stubborn", STUBBORN)
    assert wait_until((processes.settings.folder / "armed").exists, 10)
    assert processes.stop("stubborn", seconds=0.1)
    assert start_time(pid) == ""


def test_a_pid_that_another_process_got_is_not_touched(processes):
    processes.remember("old", Identity(os.getpid(), "1", signal.SIGKILL))
    assert processes.find("old") is None
    assert not processes.stop("old")


def test_stopping_all_ends_every_one(processes):
    pids = [start(processes, name) for name in ("a", "b")]
    assert sorted(processes.stop_all(["a", "b", "never"])) == ["a", "b"]
    assert [start_time(pid) for pid in pids] == ["", ""]


def test_a_worker_leaves_when_its_cloud_is_killed(processes):
    pid = start(processes, "cloud")
    left = []
    watcher = exit_with_parent(processes.settings, left.append)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    watcher.join(10)
    assert left == [0]


def test_a_worker_without_a_cloud_does_not_start(processes):
    with pytest.raises(RuntimeError, match="no cloud process"):
        exit_with_parent(processes.settings)


def test_this_process_is_alive_and_a_gone_one_is_not():
    assert identify(os.getpid()).alive()
    assert start_time(2**22 + 1) == ""
    assert Path("/proc/self").exists()


def test_waiting_gives_up_when_the_time_is_over():
    times = iter([0.0, 0.5, 1.0, 1.5])
    assert not wait_until(lambda: False, 1.0, clock=lambda: next(times), sleep=lambda seconds: None)
