# SPDX-License-Identifier: GPL-3.0-or-later
from dataclasses import replace

import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils import run_lock as record
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused

LOCK = record.Lock(
    run_id="A",
    token="t",
    expires=1000.5,
    since=900.0,
    host="ops-1",
    user="amina",
    playbook="cutover_dns",
    step="fencing",
    steps=[{"step": "fencing", "time": "now"}],
    controller={"pid": 7, "start": "1", "place": "here", "announced": True},
    heartbeat_pid=8,
)


def test_a_lock_survives_the_way_to_the_table_and_back():
    assert record.lock_from_item(record.lock_to_item("medzen-ehrbase", LOCK)) == LOCK


def test_no_item_is_no_lock():
    assert record.lock_from_item(None) is None


@pytest.mark.parametrize(
    ("lock", "run_id", "now", "owner", "survivors", "verdict"),
    [
        (None, "B", 0, "unknown", [], record.FREE),
        (LOCK, "A", 2000, "alive", [], record.OURS),
        (LOCK, "A", 2000, "dead", [4711], record.OURS),
        (LOCK, "B", 1000, "unknown", [], record.HELD),
        (LOCK, "B", 1001, "unknown", [], record.EXPIRED),
        (LOCK, "B", 1001, "alive", [], record.HELD),
        (LOCK, "B", 1000, "dead", [], record.DEAD),
        (LOCK, "B", 1000, "dead", [4711], record.FINISHING),
        (LOCK, "B", 1001, "dead", [4711], record.FINISHING),
    ],
)
def test_a_lock_is_judged_by_its_lease_and_its_owner(lock, run_id, now, owner, survivors, verdict):
    assert record.judge_lock(lock, run_id, now, owner, survivors) == verdict


def test_the_refusal_names_the_run_and_how_to_take_over():
    with pytest.raises(Refused) as error:
        record.check_take_over(LOCK, None, "medzen-ehrbase")
    for part in (
        "Run A holds",
        "cutover_dns",
        "amina@ops-1",
        "1970-01-01T00:15:00",
        "fencing",
        "run_record_take_over=A",
    ):
        assert part in str(error.value)


def test_taking_over_takes_the_holders_name():
    record.check_take_over(LOCK, "A", "medzen-ehrbase")
    with pytest.raises(Refused, match="run_record_take_over names yes"):
        record.check_take_over(LOCK, "yes", "medzen-ehrbase")


def test_the_tasks_of_a_killed_run_are_named():
    with pytest.raises(Refused, match="processes 4711, 4712 on ops-1"):
        record.check_finishing(LOCK, [4711, 4712], "medzen-ehrbase")


def test_a_step_is_noted_once():
    moved = record.with_step(LOCK, "switched", 960.0)
    assert [step["step"] for step in moved.steps] == ["fencing", "switched"]
    assert record.with_step(moved, "switched", 970.0) is moved
    assert record.with_step(LOCK, None, 970.0) is LOCK


def test_facts_replace_add_and_remove_by_name():
    present = {"cutover_at": "then", "fence_lsn": "0/1", "old": 1}
    given = {"cutover_at": "now", "old": None, "records": [1]}
    assert record.merge_facts(present, given) == {"cutover_at": "now", "fence_lsn": "0/1", "records": [1]}
    assert record.merge_facts(present, None) == present


def test_runs_sort_by_their_start():
    later = replace(LOCK, since=LOCK.since + 3600, run_id="0")
    assert record.run_key("w", LOCK)["sk"]["S"] < record.run_key("w", later)["sk"]["S"]


def test_a_run_tells_how_it_ended():
    item = record.read_document(record.run_to_item("w", LOCK, 960.0, "interrupted"))
    assert (item["outcome"], item["ended"], item["started"]) == (
        "interrupted",
        "1970-01-01T00:16:00+00:00",
        "1970-01-01T00:15:00+00:00",
    )


def test_the_token_is_not_shown():
    assert "token" not in LOCK.public() and LOCK.public()["run_id"] == "A"


# --- several regions -------------------------------------------------------------------------------------------------


def run_item(run_id, since=900.0, outcome=""):
    return record.run_to_item("w", replace(LOCK, run_id=run_id, since=since), since + 60 if outcome else None, outcome)


def test_versions_follow_the_clock_and_never_go_back():
    assert record.next_version(0, 1000.0) == 1_000_000
    assert record.next_version(1_000_000, 1000.0) == 1_000_001
    assert record.next_version(2_000_000, 1000.0) == 2_000_001


def test_a_version_of_before_there_were_several_regions_is_older_than_any_new_one():
    assert record.next_version(17, 1_700_000_000.0) > 10**12


@pytest.mark.parametrize(
    ("versions", "expected"),
    [({}, ({}, 0)), ({"a": ({"x": 1}, 5), "b": ({"x": 2}, 6)}, ({"x": 2}, 6)), ({"a": ({}, 0)}, ({}, 0))],
)
def test_the_newest_facts_count(versions, expected):
    assert record.newest(versions) == expected


def test_a_region_lacks_what_another_one_remembers():
    first, second = run_item("A", outcome="pass"), run_item("B", since=1000.0)
    assert record.find_missing({"here": [first, second], "there": [first]}) == {"here": [], "there": [second]}
    assert record.find_missing({"here": [first], "there": []}) == {"here": [], "there": [first]}


def test_the_end_of_a_run_replaces_its_beginning_and_never_the_other_way_round():
    begun, ended = run_item("A"), run_item("A", outcome="pass")
    assert record.find_missing({"here": [begun], "there": [ended]}) == {"here": [ended], "there": []}
    assert record.find_missing({"here": [ended], "there": [ended]}) == {"here": [], "there": []}


def test_runs_are_told_once_newest_first_with_their_end():
    begun, ended, later = run_item("A"), run_item("A", outcome="pass"), run_item("B", since=1000.0)
    told = record.merge_documents({"here": [later, ended], "there": [begun]}, 10)
    assert [(one["run_id"], one["outcome"]) for one in told] == [("B", ""), ("A", "pass")]
    assert [one["run_id"] for one in record.merge_documents({"here": [later, ended]}, 1)] == ["B"]


@pytest.mark.parametrize(
    ("locks", "one"),
    [
        ({"a": LOCK, "b": LOCK}, True),
        ({"a": LOCK, "b": None}, False),
        ({"a": LOCK, "b": replace(LOCK, token="u")}, False),
        ({"a": LOCK, "b": replace(LOCK, run_id="B")}, False),
        ({"a": None, "b": None}, False),
        ({}, False),
    ],
)
def test_a_run_holds_the_lock_when_one_acquisition_holds_it_everywhere(locks, one):
    assert record.is_one(locks, "A") is one


def test_other_runs_are_named_once_in_the_order_of_the_regions():
    other, third = replace(LOCK, run_id="B"), replace(LOCK, run_id="C")
    found = record.others({"c": third, "a": other, "b": other, "d": LOCK, "e": None}, "A")
    assert [lock.run_id for lock in found] == ["B", "C"]


GATE = {"name": "g", "verdict": "override", "time": "2026-01-01", "override": "lose 3 rows", "conditions": []}


def test_a_verdict_is_kept_with_the_name_of_its_run_and_sorts_by_time():
    item = record.gate_to_item("w", "A", 7, GATE)
    assert item["sk"]["S"] == "gate#2026-01-01#A#0007"
    assert record.read_document(item) == {**GATE, "run_id": "A"}
    assert record.is_final(item)


def test_evidence_that_no_item_can_hold_is_named_by_its_checksum():
    condition = {"name": "c", "verdict": "pass", "found": "x" * 400_000}
    item = record.gate_to_item("w", "A", 1, {**GATE, "conditions": [condition], "evidence": {"rows": "y" * 10}})
    kept = record.read_document(item)
    assert len(item["document"]["S"]) < 1000 and kept["override"] == "lose 3 rows"
    assert kept["conditions"] == [{"name": "c", "verdict": "pass"}]
    assert set(kept["evidence"]["in_the_report_only"]) == {"bytes", "sha256"}
