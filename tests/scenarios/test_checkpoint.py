# SPDX-License-Identifier: GPL-3.0-or-later
"""A world goes on from a checkpoint as often as wanted, with its databases, its services and what its API holds."""

from __future__ import annotations

import os

import pytest

from rehearsal import contents, judge

DATABASE = "medzen-ehrbase-db-af-south-1"


@pytest.fixture(scope="module")
def world(stage):
    world = stage.fresh("before")
    yield world
    world.step = "used"


@pytest.fixture(scope="module")
def kept(world):
    """The checkpoint's name, and the world as it was there."""
    world.save("kept")
    return contents.read_contents(world.settings)


def read_rows(world):
    return world.query(DATABASE, "SELECT count(*) FROM ehr.comp_version")[0][0]


@pytest.mark.parametrize("time", ["once", "again"])
def test_what_was_done_since_is_undone(world, kept, time):
    rows = read_rows(world)
    topics = world.client("sns")
    topics.create_topic(Name=f"made-{time}")
    with judge.connect(world.settings, DATABASE) as connection:
        connection.execute("CREATE TABLE ehr.made_since (n int)")
        connection.execute("DELETE FROM ehr.comp_version")
    world.restore("kept")
    assert contents.differences(kept, contents.read_contents(world.settings)) == []
    assert read_rows(world) == rows
    assert world.query(DATABASE, "SELECT to_regclass('ehr.made_since')") == [(None,)]


def test_the_services_answer_as_before(world, kept):
    assert world.ask("ehr.medzenhealth.app", "GET", "/ehrbase/management/health")[0] == 200


def test_nothing_may_be_under_way_and_what_is_is_named(world, kept):
    world.client("rds", "af-south-1").create_db_snapshot(
        DBInstanceIdentifier=DATABASE, DBSnapshotIdentifier="under-way"
    )
    with pytest.raises(RuntimeError, match="under-way in af-south-1 is creating"):
        world.control("checkpoint", {"name": "other", "owner": os.getpid()})


def test_a_checkpoint_that_is_not_there_is_refused_before_the_world_is_ended(world, kept):
    done = world.command("checkpoint", "restore", "nowhere", "--until-pid", str(os.getpid()), check=False)
    assert done.returncode == 1
    assert "has no checkpoint nowhere" in done.stderr
    assert world.control("health")["ready"]
