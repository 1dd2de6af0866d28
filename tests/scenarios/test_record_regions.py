# SPDX-License-Identifier: GPL-3.0-or-later
"""The run record survives the loss of a region, and its lock keeps machines apart that know nothing of each other."""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Iterator

PRIMARY, STANDBY = "eu-central-1", "eu-west-1"
AF = "medzen-ehrbase-db-af-south-1"
# Long enough that another playbook starts within it.
LEASE_S = 60
# From the command to the refusal of a region that is dark; the start of Ansible and of the first roles is in it.
REFUSED_S_MAX = 60
DARK = {"service": "dynamodb", "region": STANDBY}


@contextlib.contextmanager
def still_another_machine(pid: int) -> Iterator[None]:
    """Nobody gets the number of this machine's process namespace while somebody holds it, also when all in it died."""
    held = os.open(f"/proc/{pid}/ns/pid_for_children", os.O_RDONLY)
    try:
        yield
    finally:
        os.close(held)


def assert_refused(done, *said: str) -> None:
    assert done.code != 0, str(done)
    assert all(re.search(one, done.error) for one in said), done.error


def test_of_two_machines_one_works_and_the_other_goes_on_when_the_first_has_died(stage, until):
    world = stage.fresh("provisioned")
    world.step = "killed"
    since = world.mark()
    both = {name: world.machine(name) for name in ("ops-1", "ops-2")}
    begun = {
        name: world.begin("cutover_dns", machine=machine, multiregion_lease_s=LEASE_S) for name, machine in both.items()
    }
    holder = until(world.lock_holder, "a lock", 180)
    winner, loser = sorted(both, key=lambda name: begun[name].run_id != holder)
    assert_refused(begun[loser].wait(), rf"Run {holder} holds the lock .* of \w+@{winner} since")
    until(lambda: world.is_fenced(AF), "the fence", 180)
    with still_another_machine(begun[winner].pid):
        begun[winner].kill_all()
        ended = time.monotonic()
        assert [world.lock_holder(region) for region in (PRIMARY, STANDBY)] == [holder, holder]
        # The other machine cannot know that the run is dead: it waits for the end of the lease.
        refused = world.play("cutover_dns", machine=both[loser])
        assert_refused(refused, rf"Run {holder} holds the lock", "lease until")
        assert refused.writes == []
        until(lambda: time.monotonic() - ended > LEASE_S, "the end of the lease", 2 * LEASE_S)
        with world.quick():
            done = world.play("cutover_dns", machine=both[loser])
    assert done.code == 0, str(done)
    assert world.serves_from(PRIMARY) and world.facts() == world.facts(STANDBY)
    assert [world.lock_holder(region) for region in (PRIMARY, STANDBY)] == ["", ""]
    keys = [both[name].access_key for name in (winner, loser)]
    worked = [keys.index(key) for key in world.writers(since) if key in keys]
    # Never both at work: all writes of the first, then all of the other.
    assert worked == sorted(worked) and set(worked) == {0, 1}, worked
    world.step = "moved"


def test_a_dark_region_is_refused_at_once_left_out_when_it_was_typed_and_brought_up_to_date_afterwards(stage, until):
    world = stage.fresh("provisioned")
    world.step = "dark"
    since, other = world.mark(), world.machine("ops-2")
    said = (rf"The run record in {STANDBY} cannot be used", rf"multiregion_lost_regions.*{STANDBY}")
    for action, more in (("error", {}), ("delay", {"seconds": 30})):
        begun = time.monotonic()
        with world.fault(action, DARK, **more):
            refused = world.play("cutover_dns")
        assert time.monotonic() - begun < REFUSED_S_MAX
        assert_refused(refused, *said)
        assert refused.writes == []
    assert world.lock_holder() == ""
    with world.fault("error", DARK):
        first = world.begin("cutover_dns", multiregion_lost_regions=[STANDBY])
        until(lambda: world.lock_holder() == first.run_id, "the first run's lock", 180)
        refused = world.play("cutover_dns", machine=other, multiregion_lost_regions=[STANDBY])
        assert_refused(refused, f"Run {first.run_id} holds")
        with world.quick():
            done = first.wait()
        assert done.code == 0, str(done)
    assert other.access_key not in world.writers(since)
    assert world.facts()["cutover_switched_at"] and "cutover_switched_at" not in world.facts(STANDBY)
    with world.quick():
        again = world.play("cutover_dns")
    assert again.code == 0 and again.writes == [], str(again)
    assert world.facts(STANDBY) == world.facts()
    assert world.recorded_gates(STANDBY) == world.recorded_gates()
    told = {(gate["run_id"], gate["name"], gate["verdict"]) for gate in world.recorded_gates()}
    assert (first.run_id, "the target can take over", "pass") in told
    world.step = "moved"
