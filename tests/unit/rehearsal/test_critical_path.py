# SPDX-License-Identifier: GPL-3.0-or-later
from rehearsal.critical_path import Wait, chain, total_s

SPAN = {"provision_region": (0.0, 100.0)}


def test_waits_side_by_side_count_once_with_the_longest():
    waits = [Wait("db_replica_create", "db", 5, 30), Wait("nat_create", "nat", 6, 8), Wait("alb_create", "alb", 7, 9)]
    links = chain(waits, SPAN)
    assert [(link.kind, link.seconds) for link in links] == [("db_replica_create", 25)]


def test_a_later_stage_starts_after_the_one_before():
    waits = [Wait("db_replica_create", "db", 5, 30), Wait("task_start", "early", 6, 7), Wait("task_start", "t", 31, 33)]
    links = chain(waits, SPAN)
    assert [link.resource for link in links] == ["db", "t"]
    assert total_s(links) == 27


def test_a_wait_of_another_playbook_is_not_taken():
    waits = [Wait("db_replica_create", "db", 105, 130)]
    assert chain(waits, SPAN) == []


def test_two_of_a_kind_that_overlap_are_one_link():
    waits = [Wait("nat_create", "a", 1, 3), Wait("nat_create", "b", 2, 4), Wait("nat_create", "later", 50, 90)]
    assert [link.resource for link in chain(waits, SPAN)] == ["b"]


def test_a_wait_of_no_length_is_a_link_of_no_length():
    links = chain([Wait("task_start", "t", 5, 5)], SPAN)
    assert [(link.resource, link.seconds) for link in links] == [("t", 0)]


def test_a_task_is_there_when_its_balancer_finds_it_healthy():
    waits = [Wait("task_start", "service/a", 5, 6), Wait("task_healthy", "service/a", 5, 8)]
    assert [(link.kind, link.seconds) for link in chain(waits, SPAN)] == [("task_healthy", 3)]


def test_a_rollout_is_over_when_the_tasks_before_have_left():
    waits = [
        Wait("task_healthy", "service/new", 5, 8),
        Wait("target_drain", "old:8080", 8.1, 8.6),
        Wait("task_stop", "service/old", 8.7, 9.2),
    ]
    links = chain(waits, {"create_dr_replica": (0.0, 100.0)})
    assert [link.kind for link in links] == ["task_healthy", "target_drain", "task_stop"]


def test_a_replica_is_changed_after_it_is_there():
    waits = [
        Wait("db_replica_create", "db", 5, 30),
        Wait("db_modify", "db", 30.2, 31.2),
        Wait("task_start", "t", 32, 33),
    ]
    assert [link.kind for link in chain(waits, SPAN)] == ["db_replica_create", "db_modify", "task_start"]
