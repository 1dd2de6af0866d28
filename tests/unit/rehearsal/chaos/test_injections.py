# SPDX-License-Identifier: GPL-3.0-or-later
import json

import pytest

from rehearsal.chaos.conditions import CONDITIONS
from rehearsal.chaos.injections import (
    AT_CALLS,
    KINDS,
    Injection,
    Outcome,
    build_table,
    every_injection,
    for_terminal,
    read_outcome,
    sample,
    seconds_left,
)

CALLS = {"provision_region": 3, "cutover_dns": 2}


KILL = Injection("cutover_dns", "kill", 2)


def outcome(injection=KILL, **more):
    usual = {
        "met": 1,
        "exit_codes": (-9, 0),
        "differences": (),
        "lost_writes": 0,
        "duplicates": 0,
        "reasons": (),
        "seconds": 9.0,
    }
    return Outcome(injection, **usual | more)


def test_every_write_call_is_a_kill_and_each_playbook_one_run_of_the_others():
    assert [one.name for one in every_injection(CALLS, AT_CALLS)] == [
        "provision_region-kill-1",
        "provision_region-kill-2",
        "provision_region-kill-3",
        "provision_region-lost",
        "provision_region-throttle",
        "cutover_dns-kill-1",
        "cutover_dns-kill-2",
        "cutover_dns-lost",
        "cutover_dns-throttle",
    ]


def test_conditions_belong_to_the_playbook_that_meets_them():
    found = every_injection(CALLS, ["database"])
    assert {one.playbook for one in found} == {"cutover_dns"} and "cutover_dns-database-cut_link" in [
        one.name for one in found
    ]
    assert all(one.rules(77) == [] for one in found)


def test_every_condition_is_a_row_of_a_whole_sweep():
    moves = dict.fromkeys((one.playbook for one in CONDITIONS.values()), 1)
    assert {one.what for one in every_injection(moves) if one.what} == set(CONDITIONS)
    assert {one.kind for one in CONDITIONS.values()} == set(KINDS) - set(AT_CALLS)


def test_a_kill_ends_everything_of_the_run_after_its_nth_own_write():
    assert Injection("cutover_dns", "kill", 2).rules(77) == [
        {"action": "kill", "match": {"own": True, "write": True, "nth": 2}, "pid": 77, "tree": True}
    ]


def test_a_sample_is_the_same_for_the_same_seed_and_kills_in_every_playbook():
    found = every_injection({"a": 50, "b": 50})
    first = sample(found, 4, seed=3)
    assert first == sample(found, 4, seed=3) != sample(found, 4, seed=4)
    assert len(first) == 4
    assert {one.playbook for one in first if one.kind == "kill"} == {"a", "b"}


@pytest.mark.parametrize(
    ("more", "converged"),
    [
        ({}, True),
        ({"exit_codes": (0,)}, True),
        ({"met": 0, "exit_codes": (0,)}, False),
        ({"injection": Injection("restore_snapshot", "lost"), "met": 0, "exit_codes": (0,)}, True),
        ({"injection": Injection("restore_snapshot", "lost"), "exit_codes": (0,), "unmet": ("sns Publish",)}, False),
        ({"exit_codes": (-9, 2)}, False),
        ({"exit_codes": ()}, False),
        ({"differences": ("missing rds: x",)}, False),
        ({"reasons": ("1 acknowledged writes are missing from the new primary",)}, False),
    ],
)
def test_only_a_run_that_ends_well_in_the_same_world_has_converged(more, converged):
    assert outcome(**more).converged is converged


def test_what_is_there_and_should_not_be_is_an_orphan():
    assert outcome(differences=("surplus sns Topics: x", "missing rds DBInstances: y")).orphans == 1


def test_an_outcome_is_read_as_it_was_told():
    one = outcome(differences=("surplus a: b",), reasons=("r",), commit="1a2b3c4", unmet=("u",))
    assert read_outcome(json.loads(json.dumps(one.as_dict()))) == one


def test_the_table_counts_what_was_tried_and_names_what_did_not_converge():
    unmet = ('sns Publish eu-west-1 {"TopicArn": "t"}',)
    lost = outcome(Injection("provision_region", "lost"), met=4, exit_codes=(0,), unmet=unmet)
    bad = outcome(Injection("provision_region", "kill", 1), lost_writes=2, reasons=("lost",), commit="1a2b3c4")
    table = build_table(CALLS, [outcome(), lost, bad], seed=5)
    assert table["write_calls"] == 5
    assert (table["kill_injections"], table["lost_response_injections"], table["throttle_injections"]) == (2, 2, 0)
    assert (table["runs"], table["converged"], table["lost_writes"], table["seed"]) == (3, 1, 2, 5)
    assert table["commits"] == {"": 2, "1a2b3c4": 1}
    assert table["not_converged"] == ["provision_region-kill-1", "provision_region-lost"]
    assert [one["name"] for one in table["rows"]] == [
        "provision_region-kill-1",
        "provision_region-lost",
        "cutover_dns-kill-2",
    ]
    assert "1 of 3 runs converged; 2 kills of 5 write calls; 2 answers lost" in for_terminal(table)
    assert "provision_region-lost did not meet 1: sns Publish eu-west-1\n" in for_terminal(table) + "\n"


def test_a_kill_that_killed_nobody_is_none():
    table = build_table(CALLS, [outcome(), outcome(Injection("cutover_dns", "kill", 1), met=0, exit_codes=(0,))])
    assert (table["kill_injections"], table["not_converged"]) == (1, ["cutover_dns-kill-1"])


def test_what_is_left_takes_as_many_clean_runs_as_what_was_tried():
    """Ten seconds instead of four for the first kill, so five instead of two for each of the shorter playbook's."""
    wanted = every_injection(CALLS, ["kill"])
    done = outcome(wanted[3], seconds=10.0)
    clean = {"provision_region": 2.0, "cutover_dns": 4.0}
    assert seconds_left(wanted, [done], clean, worlds=1) == 3 * 5.0 + 10.0
    assert seconds_left(wanted, [done], clean, worlds=2) == 12.5


def test_nobody_knows_what_is_left_before_something_was_tried_or_where_no_clean_run_was_timed():
    wanted = every_injection(CALLS, ["kill"])
    assert seconds_left(wanted, [], {"provision_region": 2.0, "cutover_dns": 4.0}, worlds=2) is None
    assert seconds_left(wanted, [outcome(wanted[0])], {}, worlds=2) is None
