# SPDX-License-Identifier: GPL-3.0-or-later
"""Drills while clients write: numbers are measured, nothing live changes, and nothing is left, whatever happens."""

from __future__ import annotations

import signal
import threading

import psycopg
import pytest

from rehearsal import contents, judge

PRIMARY, DR = "eu-central-1", "eu-west-1"
COPIES = [f"medzen-ehrbase-drill-{region}" for region in (PRIMARY, DR)]
KILLED = -signal.SIGKILL
# Compositions that a test takes out of the copy.
DAMAGED = 3
# All that a drill of all kinds may write, once each or more.
WRITES = {
    f"rds:{operation} {region}"
    for region in (PRIMARY, DR)
    for operation in (
        "CreateDBSnapshot",
        "RestoreDBInstanceFromDBSnapshot",
        "ModifyDBInstance",
        "DeleteDBInstance",
        "DeleteDBSnapshot",
    )
} | {f"rds:RebootDBInstance {PRIMARY}"}


@pytest.fixture(scope="module")
def drilled(stage):
    """A world in which production has moved and the DR region stands by."""
    world = stage.fresh("before")
    world.step = "drilled"
    with world.quick():
        for name in ("provision_region", "cutover_dns", "create_dr_replica"):
            done = world.play(name)
            assert done.code == 0, str(done)
        yield world


def read(world) -> dict[str, list[str]]:
    """What the world holds, without the run record, in which a drill is told."""
    found = contents.read_contents(world.settings)
    return {kind: lines for kind, lines in found.items() if not kind.startswith("run record")}


def leftovers(world) -> list[str]:
    """What a drill has made and not removed."""
    found = []
    for region in (PRIMARY, DR):
        rds = world.client("rds", region)
        found += [one["DBInstanceIdentifier"] for one in rds.describe_db_instances()["DBInstances"]]
        found += [one["DBSnapshotIdentifier"] for one in rds.describe_db_snapshots()["DBSnapshots"]]
    return [name for name in found if "-drill-" in name]


def drill_of(world, region: str) -> dict:
    """What the run record of both regions tells of the last drill."""
    assert world.facts(PRIMARY) == world.facts(DR)
    return world.facts()[f"drill_{region}"]


def test_a_drill_measures_and_leaves_everything_as_it_was_while_clients_write(drilled):
    before = read(drilled)
    with drilled.clients(writes=10, reads=0) as folder:
        planned = drilled.play("run_drill", "--check")
        assert (planned.code, planned.writes) == (0, []), str(planned)
        done = drilled.play("run_drill")
    assert done.code == 0, str(done)
    assert set(done.writes) - WRITES == set(), done.writes
    for region in (PRIMARY, DR):
        assert done.writes.count(f"rds:RestoreDBInstanceFromDBSnapshot {region}") == 1, done.writes
    primary, standby = drill_of(drilled, PRIMARY), drill_of(drilled, DR)
    assert (primary["kinds"], standby["kinds"]) == (["database", "zone"], ["region"])
    assert {primary["verdict"], standby["verdict"]} == {"passed"} and primary["clean"] and standby["clean"]
    numbers = primary["numbers"]
    assert 0 < numbers["rto_s"] < 900 and 0 < numbers["rpo_s"] < 300, numbers
    assert numbers["missing_rows"] == numbers["lost_commits"] == 0 < numbers["outage_s"], numbers
    assert 0 < standby["numbers"]["rto_s"] < 900 and standby["numbers"]["missing_rows"] == 0
    assert standby["numbers"]["rpo_s"] >= 0 and standby["numbers"]["catch_up_s"] >= 0
    assert contents.differences(before, read(drilled)) == []
    assert drilled.lock_holder() == ""
    verdict = drilled.judged(folder)
    assert verdict.reasons == [], verdict


def test_what_a_killed_drill_has_left_the_next_one_removes_before_it_drills(drilled):
    before = read(drilled)
    killed = drilled.begin("run_drill", drill_kinds=["database"])
    with drilled.fault("kill", {"service": "rds", "operation": "RestoreDBInstanceFromDBSnapshot"}, pid=killed.pid):
        assert killed.wait().code == KILLED
    killed.kill_all()
    left = leftovers(drilled)
    assert COPIES[0] in left and len(left) == 2, left
    stopped = drilled.play("run_drill", "--check", drill_stop_only=True)
    assert (stopped.code != 0, stopped.writes, leftovers(drilled)) == (False, [], left), str(stopped)
    again = drilled.play("run_drill", drill_kinds=["database"])
    assert again.code == 0, str(again)
    assert again.writes.index(f"rds:DeleteDBInstance {PRIMARY}") < again.writes.index(f"rds:CreateDBSnapshot {PRIMARY}")
    assert contents.differences(before, read(drilled)) == []


def damage(world, done: threading.Event) -> None:
    """Rows of the copy go as soon as it can be written to."""
    while not done.wait(0.05):
        try:
            with judge.connect(world.settings, COPIES[0]) as connection:
                connection.execute(
                    "DELETE FROM ehr.comp_data WHERE vo_id IN (SELECT vo_id FROM ehr.comp_data WHERE num = 0 LIMIT %s)",
                    (DAMAGED,),
                )
            return
        except (LookupError, psycopg.Error):
            continue


def test_a_copy_that_lacks_rows_and_missed_targets_refuse_with_their_numbers_and_are_cleaned_up(drilled):
    before = read(drilled)
    done = threading.Event()
    tampering = threading.Thread(target=damage, args=(drilled, done))
    tampering.start()
    try:
        with drilled.clients(writes=10, reads=0):
            refused = drilled.play("run_drill", drill_kinds=["database"], drill_rpo_s=0, drill_rto_s=1)
    finally:
        done.set()
        tampering.join(30)
    assert refused.code != 0, str(refused)
    found = drill_of(drilled, PRIMARY)
    # A row that a client has replaced meanwhile is not missed.
    missing = found["numbers"]["missing_rows"]
    assert (found["verdict"], found["clean"]) == ("refused", True) and 0 < missing <= DAMAGED, found
    assert "the copy is whole" in refused.error and f"{missing} rows missing" in refused.error, refused.error
    for name in ("rto_s", "rpo_s"):
        assert f"{found['numbers'][name]} s" in refused.error, refused.error
    assert leftovers(drilled) == [] and contents.differences(before, read(drilled)) == []
