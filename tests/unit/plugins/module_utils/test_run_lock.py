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
