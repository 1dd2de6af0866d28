# SPDX-License-Identifier: GPL-3.0-or-later
"""Drills while clients write: numbers are measured, nothing live changes, and nothing is left, whatever happens."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator

import psycopg
import pytest

from rehearsal import contents, judge

PRIMARY, DR = "eu-central-1", "eu-west-1"
COPIES = [f"medzen-ehrbase-drill-{region}" for region in (PRIMARY, DR)]
LIVE = f"medzen-ehrbase-db-{PRIMARY}"
# A name that the DR region serves.
ELSEWHERE = "ehr-dr.medzenhealth.app"
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
    world = stage.fresh("protected")
    world.step = "drilled"
    with world.quick():
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


def take_snapshot(world, name: str, tags: list[dict[str, str]]) -> None:
    """A snapshot of the live database with a name as a drill would give."""
    rds, names = world.client("rds", PRIMARY), {"DBSnapshotIdentifier": f"medzen-ehrbase-drill-{name}"}
    rds.create_db_snapshot(DBInstanceIdentifier=LIVE, Tags=tags, **names)
    rds.get_waiter("db_snapshot_available").wait(**names, WaiterConfig={"Delay": 1})


def drill_of(world, region: str) -> dict:
    """What the run record of both regions tells of the last drill."""
    assert world.facts(PRIMARY) == world.facts(DR)
    return world.facts()[f"drill_{region}"]


def test_a_drill_measures_and_leaves_everything_as_it_was_while_clients_write(drilled):
    before = read(drilled)
    with drilled.clients(writes=10, reads=0, database=LIVE) as folder:
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


def test_where_production_is_elsewhere_nothing_is_drilled(drilled):
    """After a failover the old database is still there; to restore that one proves nothing."""
    refused = drilled.play("run_drill", multiregion_record=ELSEWHERE)
    assert refused.code != 0 and refused.writes == [], str(refused)
    assert "production is where the inventory says" in refused.error and DR in refused.error, refused.error


def test_what_a_killed_drill_has_left_is_removed_by_one_that_only_stops(drilled):
    before = read(drilled)
    killed = drilled.begin("run_drill", drill_kinds=["database"])
    with drilled.fault("kill", {"service": "rds", "operation": "RestoreDBInstanceFromDBSnapshot"}, pid=killed.pid):
        assert killed.wait().code == KILLED
    killed.kill_all()
    left = leftovers(drilled)
    assert COPIES[0] in left and len(left) == 2, left
    planned = drilled.play("run_drill", "--check", drill_stop_only=True)
    assert (planned.code, planned.writes, leftovers(drilled)) == (0, [], left), str(planned)
    # What a drill has left is removed wherever production is by then.
    stopped = drilled.play("run_drill", drill_stop_only=True, multiregion_record=ELSEWHERE)
    assert stopped.code == 0, str(stopped)
    assert {write.split()[0] for write in stopped.writes} == {"rds:DeleteDBInstance", "rds:DeleteDBSnapshot"}
    assert contents.differences(before, read(drilled)) == []
    assert drilled.lock_holder() == ""


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
        # Not there, its server not made, its file half written, not started.
        except (LookupError, OSError, ValueError, psycopg.Error):
            continue


@contextlib.contextmanager
def damaged(world) -> Iterator[None]:
    done = threading.Event()
    tampering = threading.Thread(target=damage, args=(world, done))
    tampering.start()
    try:
        yield
    finally:
        done.set()
        tampering.join(30)


def test_what_fails_refuses_with_its_numbers_and_is_cleaned_up_with_what_stood_there_before(drilled):
    """In the primary region the copy lacks rows and comes too late; in the DR region a step fails in the middle."""
    take_snapshot(drilled, "by-hand", [])
    before = read(drilled)
    take_snapshot(drilled, "left", [{"Key": "Purpose", "Value": "drill"}])
    full = {"service": "rds", "operation": "RestoreDBInstanceFromDBSnapshot", "region": DR}
    with (
        damaged(drilled),
        drilled.fault("error", full, code="InsufficientDBInstanceCapacity", status=400),
        drilled.clients(writes=10, reads=0, database=LIVE),
    ):
        refused = drilled.play("run_drill", drill_kinds=["database", "region"], drill_rto_s=1)
    assert refused.code != 0, str(refused)
    primary, standby = drill_of(drilled, PRIMARY), drill_of(drilled, DR)
    # A row that a client has replaced meanwhile is not missed.
    missing = primary["numbers"]["missing_rows"]
    assert (primary["verdict"], primary["clean"]) == ("refused", True) and 0 < missing <= DAMAGED, primary
    assert "the copy is whole" in refused.error and f"{missing} rows missing" in refused.error, refused.error
    assert f"{primary['numbers']['rto_s']} s" in refused.error, refused.error
    assert (standby["verdict"], standby["clean"]) == ("refused", True) and "rto_s" not in standby["numbers"], standby
    assert "copy | Restore it" in refused.error and "InsufficientDBInstanceCapacity" in refused.error, refused.error
    made, removed = (refused.writes.index(f"rds:{call} {PRIMARY}") for call in ("CreateDBSnapshot", "DeleteDBSnapshot"))
    assert removed < made, refused.writes
    assert leftovers(drilled) == ["medzen-ehrbase-drill-by-hand"]
    assert contents.differences(before, read(drilled)) == []
