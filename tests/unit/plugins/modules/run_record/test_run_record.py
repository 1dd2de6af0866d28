# SPDX-License-Identifier: GPL-3.0-or-later
import boto3
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils import process, run_lock
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused
from ansible_collections.medzen.multiregion.plugins.modules import run_record
from moto import mock_aws

READS = ("describe_table", "get_item", "query", "describe_continuous_backups")


class Retrying:
    """A client that takes aws_retry and remembers what was called."""

    def __init__(self, client, calls):
        self.client, self.calls = client, calls

    def __getattr__(self, name):
        def call(aws_retry=False, **request):
            self.calls.append(name)
            return getattr(self.client, name)(**request)

        return call


class World:
    """One table, several runs; a controller that is alive until it is said to be dead."""

    def __init__(self, monkeypatch):
        self.calls, self.beats, self.owner, self.survivors, self.now = [], [], process.ALIVE, [], 1000.0
        self.controller = process.Controller(7, "1", "here", True)
        monkeypatch.setattr(process, "find_controller", lambda: self.controller)
        monkeypatch.setattr(process, "judge_controller", lambda controller: self.owner if controller else "unknown")
        monkeypatch.setattr(process, "find_survivors", lambda controller: self.survivors)
        monkeypatch.setattr(process, "read_stat", lambda pid: {"start": "1"})
        monkeypatch.setattr(run_record, "start_heartbeat", lambda module, lock: self.beats.append(lock.run_id))
        monkeypatch.setattr(run_record.time, "time", lambda: self.now)

    def client(self, service, **_options):
        return Retrying(boto3.client(service, region_name="eu-central-1"), self.calls)

    def run(self, state, run_id="A", check_mode=False, **given):
        self.calls.clear()
        self.check_mode = check_mode
        self.params = {
            "state": state,
            "table": "runs",
            "workload": "medzen-ehrbase",
            "run_id": run_id,
            "playbook": "cutover_dns",
            "step": None,
            "outcome": "ended",
            "lease_s": 120,
            "take_over": None,
            "heartbeat": True,
            "facts": None,
            "history": 10,
            "wait": True,
            "wait_timeout": 5,
            "poll_seconds": 0,
            **given,
        }
        return run_record.ensure(self)

    def writes(self):
        return [name for name in self.calls if name not in READS]


@pytest.fixture
def world(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "rehearsal")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield World(monkeypatch)


def test_a_record_that_is_not_there_is_empty(world):
    result = world.run("info")
    assert (result["exists"], result["facts"], result["lock"], result["runs"]) == (False, {}, {}, [])
    assert world.writes() == []


def test_the_first_acquisition_makes_a_protected_table(world):
    assert world.run("acquired")["changed"] is True
    connection = boto3.client("dynamodb", region_name="eu-central-1")
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
    world.controller = process.Controller(7, "1", "here", announced=False)
    world.run("acquired")
    world.owner = process.DEAD
    with pytest.raises(Refused):
        world.run("acquired", "B")
    world.now += 121
    assert world.run("acquired", "B")["lock"]["run_id"] == "B"


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
    connection = world.client("dynamodb")
    lock = run_record.read_lock(connection, world.params)
    run_record.renew_lock(connection, "runs", "medzen-ehrbase", lock, 5000.0, 8)
    world.run("updated", step="switched")
    renewed = run_record.read_lock(connection, world.params)
    assert (renewed.expires, renewed.heartbeat_pid, renewed.step) == (5000.0, 8, "switched")


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


def test_facts_written_by_another_in_between_are_kept(world, monkeypatch):
    world.run("acquired", facts={"a": 1})
    connection, read = world.client("dynamodb"), run_record.read_facts
    stale = [({}, 0)]
    monkeypatch.setattr(run_record, "read_facts", lambda *a: stale.pop() if stale else read(*a))
    facts, written = run_record.write_facts(connection, {**world.params, "facts": {"b": 2}})
    assert (facts, written) == ({"a": 1, "b": 2}, True)


@pytest.mark.parametrize("run_id", [None, "", "  "])
def test_a_run_without_a_name_is_refused_a_lock(run_id):
    with pytest.raises(Refused, match="empty run_id"):
        run_record.check_run_id("acquired", run_id)


def test_reading_needs_no_name():
    run_record.check_run_id("info", None)
