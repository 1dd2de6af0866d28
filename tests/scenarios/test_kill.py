# SPDX-License-Identifier: GPL-3.0-or-later
"""SIGKILL in the three worst moments, while clients write: the next run ends as if nothing had happened, or is refused
and leaves nobody without a side that takes writes.

Twice everything dies, as in a power cut; once only `ansible-playbook`, so that the module at work outlives it and the
next run has to wait for it.
"""

from __future__ import annotations

import signal

AF, EU = "medzen-ehrbase-db-af-south-1", "medzen-ehrbase-db-eu-central-1"
KILLED = -signal.SIGKILL
# multiregion_record_ttl_s of inventories/rehearsal.
RECORD_TTL_S = 5


def assert_moved(world, folder) -> None:
    """Name, databases, record and judge agree that production is in eu-central-1 and whole."""
    assert world.serves_from("eu-central-1") and not world.serves_from("af-south-1")
    assert world.takes_writes(EU) and not world.takes_writes(AF)
    assert not world.is_fenced(EU) and world.is_fenced(AF)
    facts = world.facts()
    assert (facts["cutover_from_region"], facts["cutover_to_region"]) == ("af-south-1", "eu-central-1")
    assert facts["cutover_switched_at"]
    # As they were before any run shortened the TTL.
    assert facts["cutover_previous_record_sets"][0]["ttl"] == RECORD_TTL_S
    verdict = world.judged(folder)
    assert verdict.reasons == [], verdict


def kill_behind_the_fence(world, until) -> None:
    """End a cutover when nobody can write any more. The fence's schema alone is there a moment before it."""
    killed = world.begin("cutover_dns")
    until(lambda: not world.takes_writes(AF), "the fence")
    killed.kill_all()


def test_killed_in_the_middle_of_the_snapshot_copy_the_next_run_joins_the_copy(stage):
    world = stage.fresh("provisioned", database_seed="snapshot")
    world.step = "killed"
    since = world.mark()
    with world.clients(writes=10, reads=0) as folder:
        killed = world.begin("restore_snapshot", database_seed="snapshot")
        with world.fault("kill", {"service": "rds", "operation": "CopyDBSnapshot"}, pid=killed.pid):
            assert killed.wait().code == KILLED
        # The copy takes its time; what begins after it need not.
        with world.quick():
            again = world.play("restore_snapshot", database_seed="snapshot")
            assert again.code == 0, str(again)
            done = world.play("cutover_dns", database_seed="snapshot")
        assert done.code == 0, str(done)
    writes = world.writes(since)
    for call in ("rds:CreateDBSnapshot af-south-1", "rds:CopyDBSnapshot eu-central-1"):
        assert writes.count(call) == 1, writes
    assert_moved(world, folder)
    world.step = "moved"


def test_killed_in_the_middle_of_the_catch_up_the_next_run_ends_the_cutover(stage, until):
    world = stage.fresh("provisioned")
    world.step = "killed"
    with world.clients(writes=10, reads=0) as folder:
        with world.link(delay_ms=3000):
            kill_behind_the_fence(world, until)
            assert world.query(EU, "SELECT pg_is_in_recovery()") == [(True,)]
        with world.quick():
            again = world.play("cutover_dns")
        assert again.code == 0, str(again)
    assert_moved(world, folder)
    world.step = "moved"


def test_killed_behind_the_fence_a_run_that_is_refused_opens_the_source_again(stage, until):
    world = stage.fresh("provisioned")
    world.step = "killed"
    with world.clients(writes=10, reads=0) as folder:
        with world.link(delay_ms=3000):
            kill_behind_the_fence(world, until)
        # Somebody has stopped the replica meanwhile.
        world.query(EU, "SELECT pg_wal_replay_pause()")
        planned = world.play("cutover_dns", "--check")
        assert planned.code != 0 and planned.writes == [], str(planned)
        assert "It would be opened again" in planned.error and world.is_fenced(AF), str(planned)
        refused = world.play("cutover_dns")
        assert refused.code != 0 and refused.writes == [], str(refused)
        for words in ("replay is paused", "It went back: the source accepts writes again"):
            assert words in refused.error, str(refused)
        assert world.takes_writes(AF) and world.query(EU, "SELECT pg_is_in_recovery()") == [(True,)]
        world.query(EU, "SELECT pg_wal_replay_resume()")
        with world.quick():
            again = world.play("cutover_dns")
        assert again.code == 0, str(again)
    assert_moved(world, folder)
    world.step = "moved"


def test_killed_just_after_the_promote_call_the_next_run_ends_the_cutover(stage, until):
    world = stage.fresh("provisioned")
    world.step = "killed"
    with world.clients(writes=10, reads=0) as folder:
        killed = world.begin("cutover_dns")
        with world.fault("kill", {"service": "rds", "operation": "PromoteReadReplica"}, pid=killed.pid):
            assert killed.wait().code == KILLED
        killed.kill_all()
        again = world.play("cutover_dns")
        assert again.code == 0, str(again)
    assert "rds:PromoteReadReplica eu-central-1" not in again.writes
    assert_moved(world, folder)
    world.step = "moved"
