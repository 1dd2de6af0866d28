# SPDX-License-Identifier: GPL-3.0-or-later
import json

import boto3
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils import (
    process,
    run_folder,
    run_lock,
    run_regions,
    run_table,
)
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused
from ansible_collections.medzen.multiregion.plugins.modules import run_record
from botocore.exceptions import ConnectTimeoutError
from moto import mock_aws

READS = ("describe_table", "get_item", "query", "describe_continuous_backups")
A, B = "eu-central-1", "eu-west-1"


class Retrying:
    """A region's client that takes aws_retry and remembers what was called; a dark region answers nothing."""

    def __init__(self, region, world):
        self.client, self.region, self.world = boto3.client("dynamodb", region_name=region), region, world

    def __getattr__(self, name):
        def call(aws_retry=False, **request):
            self.world.calls.append((name, self.region))
            if self.region in self.world.dark:
                raise ConnectTimeoutError(endpoint_url=f"https://dynamodb.{self.region}.amazonaws.com")
            if hook := self.world.hooks.pop((name, self.region), None):
                hook()
            return getattr(self.client, name)(**request)

        return call


class World:
    """A record in two regions, several runs; a controller that is alive until it is said to be dead."""

    def __init__(self, monkeypatch, folder):
        self.calls, self.beats, self.owner, self.survivors, self.now = [], [], process.ALIVE, [], 1000.0
        self.dark, self.hooks, self.warnings, self.folder = set(), {}, [], folder
        self.controller = process.Controller(7, "1", "here", True, 1000)
        self._clients = {}
        monkeypatch.setenv(run_folder.ENVIRONMENT, str(folder))
        monkeypatch.setattr(process, "find_controller", lambda: self.controller)
        monkeypatch.setattr(process, "judge_controller", lambda controller: self.owner if controller else "unknown")
        monkeypatch.setattr(process, "find_survivors", lambda controller: self.survivors)
        monkeypatch.setattr(process, "read_stat", lambda pid: {"start": "1"})
        monkeypatch.setattr(run_record, "start_heartbeat", lambda module, lock, names: self.beats.append(lock.run_id))
        monkeypatch.setattr(run_record.time, "time", lambda: self.now)
        monkeypatch.setattr(run_regions, "Clients", lambda module, *limits: self.client)

    def client(self, service, region):
        if region not in self._clients:
            self._clients[region] = Retrying(region, self)
        return self._clients[region]

    def warn(self, text):
        self.warnings.append(text)

    def run(self, state, run_id="A", check_mode=False, **given):
        self.calls.clear()
        self.check_mode = check_mode
        self.params = {
            "state": state,
            "table": "runs",
            "regions": [B, A],
            "lost_regions": [],
            "workload": "medzen-ehrbase",
            "run_id": run_id,
            "user": None,
            "playbook": "cutover_dns",
            "step": None,
            "outcome": "ended",
            "lease_s": 120,
            "take_over": None,
            "heartbeat": True,
            "facts": None,
            "history": 10,
            "gates": 10,
            "wait": True,
            "wait_timeout": 5,
            "poll_seconds": 0,
            **given,
        }
        return run_record.ensure(self)

    def writes(self):
        return [name for name, _region in self.calls if name not in READS]

    def table(self, region):
        return run_table.RunTable(self.client("dynamodb", region), region, "runs", "medzen-ehrbase")

    def locks(self):
        return {region: (lock := run_table.read_lock(self.table(region))) and lock.run_id for region in (A, B)}

    def facts(self):
        return {region: run_table.read_facts(self.table(region))[0] for region in (A, B)}


@pytest.fixture
def world(monkeypatch, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "rehearsal")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield World(monkeypatch, tmp_path)


def test_a_record_that_is_not_there_is_empty(world):
    result = world.run("info")
    assert (result["exists"], result["facts"], result["lock"], result["runs"]) == (False, {}, {}, [])
    assert world.writes() == []


def test_the_first_acquisition_makes_a_protected_table_in_each_region(world):
    assert world.run("acquired")["changed"] is True
    for region in (A, B):
        connection = boto3.client("dynamodb", region_name=region)
        table = connection.describe_table(TableName="runs")["Table"]
        backups = connection.describe_continuous_backups(TableName="runs")["ContinuousBackupsDescription"]
        assert table["DeletionProtectionEnabled"] is True
        assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
        assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"


def test_a_second_acquisition_by_the_same_run_writes_nothing(world):
    world.run("acquired")
    assert world.run("acquired")["changed"] is False
    assert (world.writes(), world.beats) == ([], ["A"])


def test_a_heartbeat_that_has_died_is_started_again(world, monkeypatch):
    world.run("acquired")
    monkeypatch.setattr(process, "read_stat", lambda pid: None)
    assert world.run("acquired")["changed"] is False
    assert world.beats == ["A", "A"]


def test_a_run_that_lives_keeps_its_lock(world):
    world.run("acquired")
    with pytest.raises(Refused, match="Run A holds the lock.*run_record_take_over=A"):
        world.run("acquired", "B")
    assert world.writes() == []


def test_check_mode_is_refused_as_well_and_writes_nothing(world):
    assert world.run("acquired", check_mode=True)["changed"] is True
    assert world.writes() == []
    world.run("acquired")
    with pytest.raises(Refused):
        world.run("acquired", "B", check_mode=True)


def test_the_lock_of_a_run_proved_dead_is_free_at_once(world):
    world.run("acquired")
    world.owner = process.DEAD
    result = world.run("acquired", "B")
    assert (result["lock"]["run_id"], result["lock"]["took_over"]) == ("B", "A")
    outcomes = {entry["run_id"]: entry["outcome"] for entry in world.run("info")["runs"]}
    assert outcomes == {"A": "interrupted, taken over by B", "B": ""}


def test_the_lock_of_a_dead_run_waits_for_its_last_task(world):
    world.run("acquired")
    world.owner, world.survivors = process.DEAD, [4711]
    with pytest.raises(Refused, match="processes 4711"):
        world.run("acquired", "B", wait=False)


def test_where_tasks_cannot_be_found_the_lease_decides(world):
    world.controller = process.Controller(7, "1", "here", announced=False, uid=1000)
    world.run("acquired")
    world.owner = process.DEAD
    with pytest.raises(Refused):
        world.run("acquired", "B")
    world.now += 121
    assert world.run("acquired", "B")["lock"]["run_id"] == "B"


def test_where_a_task_may_be_hidden_the_lease_decides(world):
    world.run("acquired")
    world.owner, world.survivors = process.DEAD, None
    with pytest.raises(Refused, match="Run A holds the lock"):
        world.run("acquired", "B")
    world.now += 121
    assert world.run("acquired", "B")["lock"]["run_id"] == "B"


def test_the_user_of_the_controller_is_kept_with_the_lock(world):
    world.run("acquired")
    assert run_table.read_lock(world.table(A)).controller["uid"] == 1000


def test_a_lock_is_taken_over_by_the_typed_name_of_its_holder(world):
    world.run("acquired")
    with pytest.raises(Refused):
        world.run("acquired", "B", take_over="yes")
    assert world.run("acquired", "B", take_over="A")["lock"]["run_id"] == "B"


def test_a_run_that_lost_its_lock_writes_nothing_more(world):
    world.run("acquired")
    world.run("acquired", "B", take_over="A")
    with pytest.raises(Refused, match="Run B holds"):
        world.run("updated", "A", facts={"cutover_at": "now"})
    assert world.run("released", "A")["lost"] is True
    assert world.run("info")["lock"]["run_id"] == "B"


def test_facts_are_merged_and_stay_after_the_release(world):
    world.run("acquired", facts={"a": 1, "gone": True})
    world.run("updated", facts={"b": {"c": [1.5, None]}, "gone": None})
    assert world.run("released")["changed"] is True
    assert world.run("info")["facts"] == {"a": 1, "b": {"c": [1.5, None]}}


def test_facts_and_steps_that_are_there_already_are_not_written(world):
    world.run("acquired")
    given = {"facts": {"a": 1}, "step": "fencing"}
    assert world.run("updated", **given)["changed"] is True
    assert world.run("updated", **given)["changed"] is False
    assert world.writes() == []


def test_check_mode_tells_the_facts_as_they_would_be(world):
    result = world.run("updated", check_mode=True, facts={"a": 1})
    assert (result["changed"], result["facts"], world.writes()) == (True, {"a": 1}, [])


def test_an_update_keeps_the_lease_that_the_heartbeat_renewed(world):
    world.run("acquired")
    lock = run_table.read_lock(world.table(A))
    run_table.renew_lock(world.table(A), lock, 5000.0, 8)
    world.run("updated", step="switched")
    renewed = run_table.read_lock(world.table(A))
    assert (renewed.expires, renewed.heartbeat_pid, renewed.step) == (5000.0, 8, "switched")
    assert run_table.read_lock(world.table(B)).step == "switched"


def test_a_release_ends_the_run_in_the_history(world):
    world.run("acquired", step="fencing")
    world.now += 60
    world.run("released", outcome="pass")
    run = world.run("info")["runs"][0]
    assert (run["outcome"], run["ended"], run["steps"][0]["step"]) == ("pass", run_lock.moment(1060.0), "fencing")


def test_a_second_release_changes_nothing(world):
    world.run("acquired")
    world.run("released")
    result = world.run("released")
    assert (result["changed"], result["lost"], world.writes()) == (False, False, [])


def test_writing_without_the_lock_is_refused(world):
    world.run("acquired")
    world.run("released")
    with pytest.raises(Refused, match="does not hold the lock"):
        world.run("updated", facts={"a": 1})


def test_facts_written_by_another_in_between_are_kept(world):
    world.run("acquired", facts={"a": 1})
    other = lambda: run_table.try_put_facts(world.table(A), {"a": 1, "c": 3}, run_lock.next_version(0, world.now + 1))  # noqa: E731
    world.hooks["put_item", A] = other
    assert world.run("updated", facts={"b": 2})["facts"] == {"a": 1, "b": 2, "c": 3}
    assert world.facts() == dict.fromkeys((A, B), {"a": 1, "b": 2, "c": 3})


@pytest.mark.parametrize("run_id", [None, "", "  "])
def test_a_run_without_a_name_is_refused_a_lock(run_id):
    with pytest.raises(Refused, match="empty run_id"):
        run_record.check_run_id("acquired", run_id)


def test_reading_needs_no_name():
    run_record.check_run_id("info", None)


# --- several regions -------------------------------------------------------------------------------------------------


def test_the_lock_and_the_facts_stand_in_every_region(world):
    assert world.run("acquired", facts={"a": 1})["lock"]["regions"] == [A, B]
    assert (world.locks(), world.facts()) == ({A: "A", B: "A"}, {A: {"a": 1}, B: {"a": 1}})
    world.run("released")
    assert world.locks() == {A: None, B: None}


def test_the_lock_is_taken_in_the_order_of_the_regions_names(world):
    world.run("acquired")
    world.run("released")
    world.run("acquired", "B", regions=[A, B])
    taken = [region for name, region in world.calls if name == "put_item"]
    assert taken[:2] == [A, B]


def test_who_is_refused_in_a_later_region_gives_back_what_was_taken(world):
    world.run("acquired")
    world.run("released")
    rival = run_lock.Lock(
        "B", "b", expires=5000.0, since=world.now, controller=world.controller.as_dict(), user="amina"
    )
    # The rival comes between the look and the hold.
    world.hooks["put_item", B] = lambda: run_table.try_lock(world.table(B), rival, None)
    with pytest.raises(Refused, match="Run B holds the lock"):
        world.run("acquired")
    assert (world.locks(), world.beats) == ({A: None, B: "B"}, ["A"])


def test_a_lock_in_one_region_alone_keeps_everybody_out(world):
    world.run("acquired")
    world.table(A).connection.client.delete_item(TableName="runs", Key=run_lock.key("medzen-ehrbase", "lock"))
    with pytest.raises(Refused, match="Run A holds"):
        world.run("acquired", "B")
    with pytest.raises(Refused, match=f"no lock in {A}"):
        world.run("updated", facts={"a": 1})
    assert world.run("acquired")["changed"] is True
    assert world.locks() == {A: "A", B: "A"}


@pytest.mark.parametrize("state", ["acquired", "updated", "info", "released"])
def test_a_silent_region_is_named_with_what_to_do(world, state):
    world.run("acquired")
    world.dark = {B}
    said = (
        rf"record in {B} cannot be used.*where it is the primary, run fail_over with -e confirm={B}; "
        rf"""otherwise run this playbook again with -e '{{"multiregion_lost_regions": \["{B}"\]}}'"""
    )
    with pytest.raises(Refused, match=said):
        world.run(state)
    assert "put_item" not in world.writes() or state == "released"


def test_what_works_is_given_back_when_a_region_falls_silent_before_the_release(world):
    world.run("acquired")
    world.hooks["put_item", A] = lambda: world.dark.add(B)
    with pytest.raises(Refused, match=f"record in {B}"):
        world.run("released")
    world.dark = set()
    assert world.locks()[A] is None


def test_without_a_lost_region_the_run_goes_on_and_locks_the_others(world):
    world.run("acquired", facts={"a": 1})
    world.dark, world.now = {A}, world.now + 121
    world.owner = "unknown"
    result = world.run("acquired", "B", lost_regions=[A])
    assert (result["lock"]["regions"], result["lock"]["took_over"], result["facts"]) == ([B], "A", {"a": 1})
    assert len(world.warnings) == 1 and A in world.warnings[0]
    with pytest.raises(Refused, match="Run B holds"):
        world.run("acquired", "C", lost_regions=[A])
    world.run("updated", "B", lost_regions=[A], facts={"b": 2}, step="promoted")
    assert A not in {region for _name, region in world.calls}
    assert world.run("released", "B", lost_regions=[A])["lost"] is False


def test_a_lost_region_that_answers_counts_like_every_other(world):
    world.run("acquired", "B", lost_regions=[A])
    assert world.locks() == {A: "B", B: "B"}
    # Somebody who left out the other region all the same meets the first one here.
    with pytest.raises(Refused, match="Run B holds"):
        world.run("acquired", "C", lost_regions=[B])
    world.run("updated", "B", lost_regions=[A], facts={"b": 2})
    assert world.facts() == {A: {"b": 2}, B: {"b": 2}}
    world.run("released", "B", lost_regions=[A])
    assert world.locks() == {A: None, B: None}


def test_a_region_that_was_away_is_brought_up_to_date(world):
    world.run("acquired", facts={"a": 1})
    world.run("released")
    world.dark, world.now = {A}, world.now + 100
    world.run("acquired", "B", lost_regions=[A])
    run_folder.add_gate(world.folder, {"name": "failover", "verdict": "override", "time": "t", "override": "lose 2 s"})
    world.run("updated", "B", lost_regions=[A], facts={"a": 2, "b": 3})
    world.run("released", "B", lost_regions=[A], outcome="pass")
    world.dark, world.now = set(), world.now + 100
    assert world.facts()[A] == {"a": 1}
    assert world.run("acquired", "C")["facts"] == {"a": 2, "b": 3}
    assert world.facts() == dict.fromkeys((A, B), {"a": 2, "b": 3})
    for region in (A, B):
        info = world.run("info", regions=[region])
        assert [(one["run_id"], one["outcome"]) for one in info["runs"]] == [("C", ""), ("B", "pass"), ("A", "ended")]
        assert [(one["run_id"], one["override"]) for one in info["gates"]] == [("B", "lose 2 s")]
    assert (world.run("acquired", "C")["changed"], world.writes()) == (False, [])


def test_newer_facts_are_never_overwritten_by_older_ones(world):
    world.run("acquired", facts={"a": 1})
    version = run_table.read_facts(world.table(B))[1]
    assert run_table.try_put_facts(world.table(B), {"a": 0}, version) is False
    assert run_table.try_put_facts(world.table(B), {"a": 2}, version + 1) is True
    assert world.run("info")["facts"] == {"a": 2}
    world.run("updated", facts={"b": 1})
    assert world.facts() == dict.fromkeys((A, B), {"a": 2, "b": 1})


@pytest.mark.parametrize("lost", [[A, B], ["eu-central-9"]])
def test_losses_that_leave_nothing_or_name_nothing_are_refused_before_any_call(world, lost):
    with pytest.raises(Refused, match="typed as lost"):
        world.run("acquired", lost_regions=lost)
    assert world.calls == []


def test_gates_come_into_the_record_once_with_the_next_word_of_the_run(world):
    world.run("acquired")
    gate = {
        "name": "cutover",
        "verdict": "override",
        "time": "2026-11-21T08:40:12.000+00:00",
        "override": "lose 3 rows",
    }
    run_folder.add_gate(world.folder, gate)
    world.run("updated")
    world.run("updated")
    assert world.writes() == []
    assert world.run("info")["gates"] == [{**gate, "run_id": "A"}]


# --- the heartbeat ---------------------------------------------------------------------------------------------------


def beating(world, **given):
    world.run("acquired", **given)
    regions = run_regions.build_regions(world)
    lock = run_table.read_lock(world.table(B))
    regions.include(lock.regions)
    name = run_folder.begin_lease(world.folder, "A", lock.expires)
    return run_record.Beating(regions, lock, 120, world.folder, name)


def test_a_heartbeat_renews_the_lease_in_every_region(world):
    heart = beating(world)
    world.now += 40
    assert heart.renew() is True
    assert {run_table.read_lock(world.table(region)).expires for region in (A, B)} == {1160.0}
    assert json.loads((world.folder / run_folder.LEASE).read_text())["until"] == 1160.0


def test_a_lease_that_was_not_renewed_everywhere_is_as_long_as_the_shortest(world):
    heart = beating(world)
    world.dark, world.now = {B}, world.now + 40
    assert heart.renew() is None
    run_folder.check_lease(world.folder, 1119.0)
    with pytest.raises(Refused, match="could not be renewed in every region"):
        run_folder.check_lease(world.folder, 1120.0)
    world.dark, world.now = set(), world.now + 1
    assert heart.renew() is True
    run_folder.check_lease(world.folder, 1160.0)


def test_a_lock_taken_over_in_one_region_ends_the_run(world):
    heart = beating(world)
    lock = run_table.read_lock(world.table(B))
    run_table.try_lock(world.table(B), run_lock.replace(lock, token="other", run_id="B"), lock)
    assert heart.renew() is False
    with pytest.raises(Refused, match=f"lost its lock.*in {B}"):
        run_folder.check_lease(world.folder, world.now)


def test_a_lost_region_that_falls_silent_again_does_not_end_the_run(world):
    heart = beating(world, lost_regions=[A])
    world.dark, world.now = {A}, world.now + 40
    assert heart.renew() is True
    run_folder.check_lease(world.folder, 1159.0)


def test_the_heartbeat_carries_gates_and_survives_a_silent_region(world):
    heart = beating(world)
    run_folder.add_gate(world.folder, {"name": "g", "verdict": "refuse", "time": "t"})
    world.dark = {B}
    heart.carry_gates()
    world.dark = set()
    heart.carry_gates()
    assert [one["name"] for one in world.run("info", regions=[B])["gates"]] == ["g"]


def test_a_dark_region_is_known_within_seconds():
    limits = run_regions.LIMITS
    tries = limits["retries"]["total_max_attempts"]
    assert max(limits["connect_timeout"], limits["read_timeout"]) * tries <= 10
