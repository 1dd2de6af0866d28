# SPDX-License-Identifier: GPL-3.0-or-later
"""The move by logical replication: refused until production is ready, killed and joined, no promote, and taken back.

A world with a copy that follows is made once; the tests that need one begin from its checkpoint.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator

import pytest

SOURCE, TARGET = "af-south-1", "eu-central-1"
AF, EU = f"medzen-ehrbase-db-{SOURCE}", f"medzen-ehrbase-db-{TARGET}"
SEED = {"database_seed": "logical"}
PARAMETERS = {"rds.logical_replication": "1", "max_slot_wal_keep_size": "10240"}
FOLLOWS = "logical-follows"
# How long clients write to the new side before it is taken back.
NEW_WRITES_S = float(os.environ.get("MEDZEN_SCENARIO_NEW_WRITES_S", "10"))
NEW_RECORDS = """
INSERT INTO ehr.template_store SELECT gen_random_uuid(), 'new-' || n, '', now() FROM generate_series(1, 3) n RETURNING 1
"""
NEW_ON_A_SIDE = "SELECT count(*) FROM ehr.template_store WHERE template_id LIKE 'new-%'"
SUBSCRIPTIONS = "SELECT subname::text, subenabled FROM pg_subscription ORDER BY 1"
SLOTS = "SELECT slot_name::text FROM pg_replication_slots WHERE slot_type = 'logical' ORDER BY 1"


def make_ready(world, until) -> None:
    """What an operator does before: two parameters, and the reboot that one of them takes."""
    rds = world.client("rds", SOURCE)
    rows = [{"ParameterName": n, "ParameterValue": v, "ApplyMethod": "pending-reboot"} for n, v in PARAMETERS.items()]
    rds.modify_db_parameter_group(DBParameterGroupName=f"medzen-ehrbase-pg-{SOURCE}", Parameters=rows)
    assert world.query(AF, "SHOW wal_level") == [("replica",)], "a static parameter came into force without a reboot"
    with world.quick():
        rds.reboot_db_instance(DBInstanceIdentifier=AF)

        def status() -> str:
            return rds.describe_db_instances(DBInstanceIdentifier=AF)["DBInstances"][0]["DBInstanceStatus"]

        until(lambda: status() == "available", "the reboot of production")
    assert world.query(AF, "SHOW wal_level") == [("logical",)]


def follow(world) -> None:
    """Go to where a copy follows production."""
    with world.quick():
        for name, options in (("provision_region", ("--limit", TARGET)), ("restore_snapshot", ())):
            done = world.play(name, *options, **SEED)
            assert done.code == 0, str(done)


@pytest.fixture(scope="module")
def kept(stage, until):
    """A world in which a copy follows, kept as a checkpoint."""
    world = stage.fresh("before")
    world.step = "logical"
    make_ready(world, until)
    follow(world)
    world.save(FOLLOWS)
    return world


@pytest.fixture
def following(kept, stage):
    if stage.world is not kept:
        stage.world = kept
    kept.restore(FOLLOWS)
    return kept


def assert_moved(world) -> None:
    assert world.serves_from(TARGET) and not world.serves_from(SOURCE)
    assert world.takes_writes(EU) and not world.takes_writes(AF)
    # The way forth has ended, the way back stands.
    assert (world.query(EU, SUBSCRIPTIONS), world.query(EU, SLOTS)) == ([], [("medzen_back",)])
    assert (world.query(AF, SUBSCRIPTIONS), world.query(AF, SLOTS)) == ([("medzen_back", True)], [])


def assert_back(world) -> None:
    assert world.serves_from(SOURCE) and not world.serves_from(TARGET)
    assert world.takes_writes(AF) and not world.takes_writes(EU)
    for side in (AF, EU):
        assert (world.query(side, SUBSCRIPTIONS), world.query(side, SLOTS)) == ([], [])
    assert world.facts()["cutover_rolled_back_at"]


def acknowledged(folder) -> int:
    path = folder / "acknowledged.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


@contextlib.contextmanager
def way_back_cut(world) -> Iterator[None]:
    link = {"source_region": TARGET, "target_region": SOURCE}
    world.control("link", {**link, "cut": True})
    try:
        yield
    finally:
        world.control("link", {**link, "cut": False})


def test_production_that_is_not_ready_is_refused_with_what_to_do_before_anything_is_changed(stage):
    world = stage.fresh("before")
    refused = world.play("provision_region", "--limit", TARGET, **SEED)
    assert refused.code != 0 and refused.writes == [], str(refused)
    for words in ("wal_level replica", "THE DATABASE MUST BE REBOOTED", "max_slot_wal_keep_size", "no reboot"):
        assert words in refused.error, refused.error


def test_a_copy_that_follows_is_fenced_and_a_second_run_and_check_mode_write_nothing(following):
    world = following
    assert world.is_fenced(EU) and not world.takes_writes(EU) and world.takes_writes(AF)
    assert (world.query(EU, SUBSCRIPTIONS), world.query(AF, SLOTS)) == ([("medzen_move", True)], [("medzen_move",)])
    # Made, so that the way is known to be open, and not started.
    assert world.query(AF, SUBSCRIPTIONS) == [("medzen_back", False)]
    before = world.query(AF, "SELECT seed FROM (SELECT obj_description(oid) AS seed FROM pg_publication) p")
    for options in ((), ("--check",)):
        again = world.play("restore_snapshot", *options, **SEED)
        assert (again.code, again.writes) == (0, []), str(again)
    assert world.query(AF, "SELECT seed FROM (SELECT obj_description(oid) AS seed FROM pg_publication) p") == before


def test_the_link_between_the_regions_holds_for_a_subscription(following, until):
    world = following
    with world.link(cut=True):
        world.query(AF, NEW_RECORDS)
        time.sleep(1)
        assert world.query(EU, NEW_ON_A_SIDE) == [(0,)]
        refused = world.play("cutover_dns", **SEED)
        assert refused.code != 0 and world.takes_writes(AF), str(refused)
    until(lambda: world.query(EU, NEW_ON_A_SIDE) == [(3,)], "what was written meanwhile")


def test_no_password_is_in_a_log_of_the_servers_or_of_the_runs(following):
    world = following
    secrets = world.client("secretsmanager", SOURCE)
    password = secrets.get_secret_value(SecretId=f"{SOURCE}/medzen-ehrbase/db_admin_password")["SecretString"]
    logs = [*world.settings.logs.glob("*.log"), *world.folder.glob("*.log"), *world.folder.glob("reports/*/*")]
    told = [path.name for path in logs if path.is_file() and password in path.read_text(errors="replace")]
    assert logs and told == []


def test_killed_in_the_seed_and_behind_the_fence_the_next_runs_lose_nothing_and_promote_nothing(kept, stage, until):
    world = stage.fresh("before")
    world.step = "killed"
    make_ready(world, until)
    since = world.mark()
    with world.clients(writes=10, reads=0) as folder, world.quick():
        done = world.play("provision_region", "--limit", TARGET, **SEED)
        assert done.code == 0, str(done)
        killed = world.begin("restore_snapshot", **SEED)
        # While a second one way lies between the servers, making the subscription takes some.
        with world.link(delay_ms=1000):
            until(lambda: world.query(AF, SLOTS), "the slot")
            until(lambda: "eu-central-1" in killed.log.read_text() and is_there(world), "the copy", 120)
            until(lambda: world.query(EU, SUBSCRIPTIONS), "the subscription", 120)
            killed.kill_all()
        again = world.play("restore_snapshot", **SEED)
        assert again.code == 0, str(again)
        with world.link(delay_ms=3000):
            killed = world.begin("cutover_dns", **SEED)
            until(lambda: world.is_fenced(AF), "the fence", 120)
            killed.kill_all()
            assert world.query(EU, SUBSCRIPTIONS) == [("medzen_move", True)] and not world.takes_writes(EU)
        again = world.play("cutover_dns", **SEED)
        assert again.code == 0, str(again)
    writes = world.writes(since)
    assert [call for call in writes if "Promote" in call] == []
    for call in (f"rds:CreateDBSnapshot {SOURCE}", f"rds:RestoreDBInstanceFromDBSnapshot {TARGET}"):
        assert writes.count(call) == 1, writes
    assert_moved(world)
    assert world.judged(folder).reasons == [], world.judged(folder)


def is_there(world) -> bool:
    rds = world.client("rds")
    found = {one["DBInstanceIdentifier"]: one["DBInstanceStatus"] for one in rds.describe_db_instances()["DBInstances"]}
    return found.get(EU) == "available"


def test_going_back_after_new_writes_loses_none_of_them(following):
    world = following
    with world.clients(writes=20, reads=0) as folder:
        with world.quick():
            done = world.play("cutover_dns", **SEED)
        assert done.code == 0, str(done)
        assert_moved(world)
        moved = acknowledged(folder)
        time.sleep(NEW_WRITES_S)
        new = acknowledged(folder) - moved
        with world.quick():
            back = world.play("rollback_dns", **SEED)
        assert back.code == 0, str(back)
    assert new > NEW_WRITES_S, f"only {new} writes were acknowledged by the new side"
    assert_back(world)
    verdict = world.judged(folder, AF)
    assert verdict.reasons == [], verdict
    again = world.play("rollback_dns", **SEED)
    assert (again.code, again.writes) == (0, []), str(again)


def test_a_way_back_that_is_cut_refuses_and_opens_the_new_side_again(following):
    world = following
    with world.quick():
        done = world.play("cutover_dns", **SEED)
        assert done.code == 0, str(done)
        with way_back_cut(world):
            world.query(EU, NEW_RECORDS)
            refused = world.play("rollback_dns", rollback_catch_up_timeout_s=3, **SEED)
        assert refused.code != 0 and "lose 3 rows" in refused.error, str(refused)
        assert world.takes_writes(EU) and not world.takes_writes(AF) and world.serves_from(TARGET)
        back = world.play("rollback_dns", **SEED)
    assert back.code == 0, str(back)
    assert_back(world)
    assert world.query(AF, NEW_ON_A_SIDE) == [(3,)]
