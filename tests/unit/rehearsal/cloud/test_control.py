# SPDX-License-Identifier: GPL-3.0-or-later
import json

import pytest

from rehearsal.cloud.control import answer_control, find_route


def ask(world, method, path, body=None, **query):
    return answer_control(world, method, path, b"" if body is None else json.dumps(body).encode(), query)


def test_the_world_says_that_it_is_ready(world):
    status, health = ask(world, "GET", "health")
    assert (status, health["ready"], health["world"]) == (200, True, 250)


def test_an_unknown_path_is_refused_with_the_known_ones(world):
    status, answer = ask(world, "GET", "helth")
    assert status == 404
    assert "health" in answer["error"]


def test_the_longest_path_that_fits_answers_and_gets_the_rest():
    routes = {"faults": "all", "edge": "edge", "edge/health": "health"}
    assert find_route(routes, "edge/health") == ("health", "")
    assert find_route(routes, "faults/fault-1") == ("all", "fault-1")
    assert find_route(routes, "nothing/here") is None


def test_a_fault_is_added_listed_and_removed(world):
    _, made = ask(world, "POST", "faults", {"match": {"service": "none"}, "action": "throttle"})
    assert [row["id"] for row in ask(world, "GET", "faults")[1]] == [made["id"]]
    assert ask(world, "DELETE", f"faults/{made['id']}")[1] == {"removed": 1}


def test_a_fault_with_a_typo_is_refused(world):
    status, answer = ask(world, "POST", "faults", {"mach": {}, "action": "throttle"})
    assert (status, "mach" in answer["error"]) == (400, True)


@pytest.mark.parametrize("body", [{"speed": 2}, {}])
def test_a_clock_setting_that_is_none_is_refused(world, body):
    assert ask(world, "POST", "clock", body)[0] == 400


def test_the_scale_can_be_read_and_set(world):
    assert ask(world, "POST", "clock", {"scale": 120})[1]["scale"] == 120
    assert ask(world, "POST", "clock", {"scale": 60})[1]["scale"] == 60


def test_durations_can_be_set_by_kind(world):
    assert ask(world, "POST", "durations", {"nat_creat": 1})[0] == 400
    assert ask(world, "POST", "durations", {"task_start": 45})[1]["task_start"] == 45
