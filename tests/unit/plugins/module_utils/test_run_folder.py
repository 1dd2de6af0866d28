# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils import run_folder
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused


def test_a_run_without_a_report_has_no_folder(tmp_path):
    assert run_folder.find({}) is None
    assert run_folder.find({run_folder.ENVIRONMENT: str(tmp_path / "gone")}) is None
    assert run_folder.find({run_folder.ENVIRONMENT: str(tmp_path)}) == tmp_path


def test_a_run_that_took_no_lock_has_none_to_lose(tmp_path):
    run_folder.check_lease(None)
    run_folder.check_lease(tmp_path)


def test_a_task_begins_while_the_lease_lasts(tmp_path):
    name = run_folder.begin_lease(tmp_path, "A", 1000.0)
    run_folder.check_lease(tmp_path, 999.0)
    with pytest.raises(Refused, match="Run A has lost its lock.*ended 1 s ago"):
        run_folder.check_lease(tmp_path, 1001.0)
    run_folder.tell_lease(tmp_path, name, 1100.0)
    run_folder.check_lease(tmp_path, 1001.0)


def test_a_lock_that_was_taken_over_ends_the_run_before_its_lease_does(tmp_path):
    name = run_folder.begin_lease(tmp_path, "A", 1000.0)
    run_folder.tell_lease(tmp_path, name, 1000.0, "the lock of another run in eu-west-1")
    with pytest.raises(Refused, match="another run in eu-west-1"):
        run_folder.check_lease(tmp_path, 900.0)


def test_a_heartbeat_of_a_lock_that_was_given_back_has_nothing_to_say(tmp_path):
    old = run_folder.begin_lease(tmp_path, "A", 1000.0)
    run_folder.end_lease(tmp_path)
    run_folder.tell_lease(tmp_path, old, 1000.0, "no lock")
    run_folder.check_lease(tmp_path, 900.0)
    run_folder.begin_lease(tmp_path, "A", 2000.0)
    run_folder.tell_lease(tmp_path, old, 1000.0, "no lock")
    run_folder.check_lease(tmp_path, 1500.0)


def test_verdicts_are_read_until_they_were_sent(tmp_path):
    assert run_folder.read_gates(None) == run_folder.read_gates(tmp_path) == []
    for name in ("a", "b"):
        run_folder.add_gate(tmp_path, {"name": name})
    assert run_folder.read_gates(tmp_path) == [(1, {"name": "a"}), (2, {"name": "b"})]
    run_folder.gates_sent(tmp_path, 2)
    run_folder.gates_sent(tmp_path, 1)
    assert run_folder.read_gates(tmp_path) == []
    run_folder.add_gate(tmp_path, {"name": "c"})
    assert run_folder.read_gates(tmp_path) == [(3, {"name": "c"})]


def test_a_line_that_is_not_whole_yet_is_left_for_later(tmp_path):
    run_folder.add_gate(tmp_path, {"name": "a"})
    with (tmp_path / run_folder.GATES).open("a") as stream:
        stream.write('{"name": ')
    assert [gate["name"] for _number, gate in run_folder.read_gates(tmp_path)] == ["a"]


def test_a_new_run_of_the_same_name_begins_with_nothing(tmp_path):
    run_folder.begin_lease(tmp_path, "A", 0.0)
    run_folder.add_gate(tmp_path, {"name": "a"})
    run_folder.gates_sent(tmp_path, 1)
    run_folder.begin(tmp_path)
    run_folder.check_lease(tmp_path)
    assert list(tmp_path.iterdir()) == []
