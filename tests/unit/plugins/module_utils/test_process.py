# SPDX-License-Identifier: GPL-3.0-or-later
import os
from pathlib import Path

import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils import process

HERE = "boot/pid:[1]/user:[1]"
ME = os.geteuid()
EVERYTHING, IN_A_CONTAINER = "000001ffffffffff", "00000000a80425fb"


@pytest.fixture
def proc(tmp_path):
    """A process table: 1 init, 10 ansible-playbook, 11 its worker, 12 a shell, 13 the module, 14 a zombie."""
    table = {
        10: (1, "S", "100", ["/venv/bin/python", "/venv/bin/ansible-playbook", "site.yml"]),
        11: (10, "S", "110", ["/venv/bin/python", "/venv/bin/ansible-playbook", "site.yml"]),
        12: (11, "S", "120", ["/bin/sh", "-c", "run"]),
        13: (12, "R", "130", ["/venv/bin/python", "module.py"]),
        14: (1, "Z", "140", []),
    }
    for pid, (parent, state, start, words) in table.items():
        folder = tmp_path / str(pid)
        folder.mkdir()
        fields = [state, str(parent), *["0"] * 17, start, "0"]
        (folder / "stat").write_text(f"{pid} (a (b) c) {' '.join(fields)}")
        (folder / "cmdline").write_bytes("\0".join(words).encode() + b"\0")
        (folder / "environ").write_bytes(b"PATH=/bin\0MEDZEN_MULTIREGION_CONTROLLER_PID=9\0" if pid == 13 else b"")
    (tmp_path / "sys/kernel/random").mkdir(parents=True)
    (tmp_path / "sys/kernel/random/boot_id").write_text("boot\n")
    (tmp_path / "self/ns").mkdir(parents=True)
    (tmp_path / "self/ns/pid").symlink_to("pid:[1]")
    (tmp_path / "self/ns/user").symlink_to("user:[1]")
    (tmp_path / "self/status").write_text("Name:\tpython\nCapEff:\t0000000000000000\n")
    return tmp_path


def test_a_process_is_read_whatever_its_name(proc):
    assert process.read_stat(13, proc) == {"parent": 12, "start": "130"}


def test_a_process_that_has_ended_is_none_reaped_or_not(proc):
    assert process.read_stat(14, proc) is None
    assert process.read_stat(15, proc) is None


def test_the_controller_is_the_topmost_ancestor_that_runs_ansible(proc):
    assert process.find_ancestor(13, proc) == 10


def test_without_ansible_there_is_no_controller(proc):
    (proc / "10/cmdline").write_bytes(b"bash\0")
    (proc / "11/cmdline").write_bytes(b"bash\0")
    assert process.find_ancestor(13, proc) is None


def test_the_announced_controller_comes_first(proc):
    found = process.find_controller({"MEDZEN_MULTIREGION_CONTROLLER_PID": "10"}, proc)
    assert found == process.Controller(10, "100", HERE, True, ME)


def test_an_announced_controller_that_is_gone_is_none(proc):
    assert process.find_controller({"MEDZEN_MULTIREGION_CONTROLLER_PID": "99"}, proc) is None


@pytest.mark.parametrize(
    ("controller", "verdict"),
    [
        (None, process.UNKNOWN),
        ({"pid": 10, "start": "100", "place": "elsewhere"}, process.UNKNOWN),
        ({"pid": 10, "start": "100", "place": ""}, process.UNKNOWN),
        ({"pid": 10, "start": "100", "place": HERE}, process.ALIVE),
        ({"pid": 10, "start": "99", "place": HERE, "uid": ME}, process.DEAD),
        ({"pid": 14, "start": "140", "place": HERE, "uid": ME}, process.DEAD),
        ({"pid": 99, "start": "1", "place": HERE, "uid": ME}, process.DEAD),
    ],
)
def test_life_and_death_are_told_only_where_they_can_be_seen(controller, verdict, proc):
    assert process.judge_controller(controller, proc) == verdict


def hide(monkeypatch, *names):
    """As for another user: the file is there and does not open, which root could not see otherwise."""
    for method in ("read_bytes", "read_text"):
        read = getattr(Path, method)

        def look(path, *args, read=read, **kwargs):
            if str(path).endswith(names):
                raise PermissionError(13, "Permission denied")
            return read(path, *args, **kwargs)

        monkeypatch.setattr(Path, method, look)


@pytest.mark.parametrize(
    ("uid", "capabilities", "verdict"),
    [
        (ME, "0", process.DEAD),
        (ME + 1, "0", process.UNKNOWN),
        # Nothing of the user was kept by an older run.
        (None, "0", process.UNKNOWN),
        (ME + 1, IN_A_CONTAINER, process.UNKNOWN),
        (ME + 1, EVERYTHING, process.DEAD),
        (None, EVERYTHING, process.DEAD),
    ],
)
def test_only_its_own_user_or_one_who_sees_everything_can_say_that_a_controller_is_dead(
    uid, capabilities, verdict, proc
):
    (proc / "self/status").write_text(f"Name:\tpython\nCapEff:\t{capabilities}\n")
    controller = {"pid": 99, "start": "1", "place": HERE} | ({} if uid is None else {"uid": uid})
    assert process.judge_controller(controller, proc) == verdict


def test_a_living_controller_is_seen_by_other_users_as_well(proc):
    assert process.judge_controller({"pid": 10, "start": "100", "place": HERE, "uid": ME + 1}, proc) == process.ALIVE


def test_a_controller_that_does_not_show_itself_may_live(proc, monkeypatch):
    hide(monkeypatch, "/10/stat")
    assert process.read_stat(10, proc) is None
    for start in ("100", "99"):
        controller = {"pid": 10, "start": start, "place": HERE, "uid": ME}
        assert process.judge_controller(controller, proc) == process.UNKNOWN


@pytest.mark.parametrize(
    ("start", "uid", "survivors"),
    [
        ("125", ME, None),
        ("125", None, None),
        # Of another user, or there before the controller was: no task of it.
        ("125", ME + 1, []),
        ("131", ME, []),
    ],
)
def test_a_process_that_does_not_show_what_it_carries_may_be_a_task(start, uid, survivors, proc, monkeypatch):
    hide(monkeypatch, "/13/environ")
    controller = {"pid": 99, "start": start, "place": HERE} | ({} if uid is None else {"uid": uid})
    assert process.find_survivors(controller, proc) == survivors


def test_a_new_session_of_the_same_user_is_no_task(proc, monkeypatch):
    """The directory of its sshd is the user's, its files are root's, and it began after the controller."""
    hide(monkeypatch, "/13/environ")
    monkeypatch.setattr(process, "_owner", lambda path: ME + 1 if path.name == "environ" else ME)
    assert process.find_survivors({"pid": 99, "start": "125", "uid": ME}, proc) == []


def test_a_process_that_shows_nothing_at_all_may_be_a_task(proc, monkeypatch):
    hide(monkeypatch, "/13/environ", "/13/comm", "/13/stat")
    assert process.find_survivors({"pid": 99, "start": "131", "uid": ME}, proc) is None


def test_a_worker_of_a_dead_controller_is_found_by_its_name(proc):
    (proc / "11/comm").write_text("medzen-77\n")
    assert process.find_survivors({"pid": 77}, proc) == [11]
    assert process.find_survivors({"pid": 7}, proc) == []


def test_a_worker_is_named_after_its_controller(proc, monkeypatch):
    monkeypatch.setenv(process.ENVIRONMENT, "10")
    process.mark_worker(proc)
    assert (proc / "self/comm").read_text() == process.worker_name(10)


def test_the_longest_number_of_a_process_fits_into_a_name():
    assert len(process.worker_name(4194304)) <= 15


def test_tasks_of_a_dead_controller_are_found_by_its_number(proc):
    assert process.find_survivors({"pid": 9}, proc) == [13]
    assert process.find_survivors({"pid": 99}, proc) == []


@pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="needs Linux")
def test_this_very_process_is_alive():
    stat = process.read_stat(os.getpid())
    controller = {"pid": os.getpid(), "start": stat["start"], "place": process.place()}
    assert process.judge_controller(controller) == process.ALIVE


def test_tasks_of_who_has_the_number_of_a_dead_controller_now_are_not_its_own(proc):
    (proc / "12/environ").write_bytes(b"MEDZEN_MULTIREGION_CONTROLLER_PID=9\0")
    assert sorted(process.find_survivors({"pid": 9}, proc)) == [12, 13]
    # 9 is given out again, after 12 and before 13 began.
    (proc / "9").mkdir()
    (proc / "9/stat").write_text((proc / "13/stat").read_text().replace("13 (", "9 (").replace(" 130 ", " 125 "))
    assert process.find_survivors({"pid": 9}, proc) == [12]
