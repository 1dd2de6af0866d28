# SPDX-License-Identifier: GPL-3.0-or-later
"""The primary region is lost while clients write, and comes back alive.

One story in the order of an incident: the replica falls behind, the region goes dark, the DR region becomes production,
the old region returns with its database, its service and a client that remembers its address. It is lost and returns a
second time: first a watch fences it, then nobody watches and its database is held to a lease.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import re
import socket
import ssl
import threading
import time
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest
import yaml

from rehearsal import run
from rehearsal import settings as world_settings

LOST, DR = "eu-central-1", "eu-west-1"
OLD, NEW = f"medzen-ehrbase-db-{LOST}", f"medzen-ehrbase-replica-{DR}"
RECORD = "ehr.medzenhealth.app"
ACCEPTANCE = re.compile(r"lose what was written after \S+Z")
EHR = "00000000-0000-4000-8000-0000000000ff"
# What the collection may need by itself, without AWS's times, from the decision to a write through the name.
BEHIND = 20
# A lost record is never found: whoever reads it gives up before the scenario waits for the end of the clients in vain.
PATIENCE_S, LOST_PATIENCE_S = 100, 20
# Long enough for the next renewal on a busy machine.
LEASE_S = 20


def acknowledged(folder) -> list[dict]:
    path = folder / "acknowledged.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def versions(world, database: str) -> set[str]:
    statement = (
        "SELECT vo_id::text, sys_version FROM ehr.comp_version UNION ALL "
        "SELECT vo_id::text, sys_version FROM ehr.comp_version_history"
    )
    return {f"{object_id}::{version}" for object_id, version in world.query(database, statement)}


def version_of(uid: str) -> str:
    object_id, _system, version = uid.split("::")
    return f"{object_id}::{version}"


@dataclass
class Stubborn:
    """A client that asked for the address once, long ago, and writes there as often as it can."""

    world: object
    address: str
    answers: list[tuple[float, int, str]] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        plan = yaml.safe_load(run.PLAN.read_text(encoding="utf-8"))
        password = run.read_secret(self.world.settings, plan["basic_auth_secret"])
        self.headers = {
            "Authorization": "Basic " + base64.b64encode(f"ehrbase-user:{password}".encode()).decode(),
            "Content-Type": "application/json",
        }
        self.tls = ssl.create_default_context(cafile=str(self.world.settings.folder / "ca.pem"))

    def ask(self, method: str, path: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection(RECORD, timeout=5)
        place = (self.address, world_settings.HTTPS_PORT)
        connection.sock = self.tls.wrap_socket(socket.create_connection(place, 5), server_hostname=RECORD)
        with contextlib.closing(connection):
            connection.request(method, f"/ehrbase/rest/openehr/v1/ehr/{EHR}{path}", b'{"name": "x"}', self.headers)
            answer = connection.getresponse()
            answer.read()
            return answer.status, answer.headers.get("Retry-After", "")

    def write_on(self) -> None:
        while not self.stop.wait(0.02):
            try:
                status, again = self.ask("POST", "/composition")
            except OSError:
                status, again = 0, ""
            self.answers.append((time.time(), status, again))

    def written(self) -> list[float]:
        return [moment for moment, status, _again in self.answers if status == 201]

    @contextlib.contextmanager
    def at_work(self):
        thread = threading.Thread(target=self.write_on)
        thread.start()
        try:
            yield self
        finally:
            self.stop.set()
            thread.join(30)


@pytest.fixture(scope="module")
def story(stage, until):
    """The incident up to the end of the failover; what was seen on the way."""
    world = stage.fresh("protected")
    world.step = "under way"
    # Whoever asks the lost region for its balancer waits for an answer that never comes.
    told = SimpleNamespace(world=world, refused={}, old_balancer=world.balancer(LOST)["DNSName"].lower())
    told.stubborn = Stubborn(world, world.resolve(world.balancer(LOST)["DNSName"]))
    # In a quick world a moment without an answer is enough for Route 53 to lead to the DR region, and back.
    until(lambda: world.resolve(RECORD) == told.stubborn.address, "the public name at the primary")
    assert told.stubborn.ask("PUT", "")[0] in (201, 204, 409)
    told.refused["alive"] = world.play("fail_over", confirm=LOST)
    with world.quick(), world.clients(writes=20, reads=5, patience=LOST_PATIENCE_S, database=OLD) as folder:
        until(lambda: len(acknowledged(folder)) > BEHIND, "the first writes")
        # The replica falls behind, and then the region is gone: what was acknowledged in between is lost.
        world.control("link", {"source_region": LOST, "target_region": DR, "cut": True})
        behind = len(acknowledged(folder))
        until(lambda: len(acknowledged(folder)) > behind + BEHIND, "writes that the replica lacks")
        told.lost_at = time.time()
        world.lose(LOST, "blackhole")
        told.since = world.mark()
        until(lambda: world.resolve(RECORD) == world.resolve(world.balancer(DR)["DNSName"]), "Route 53's own failover")
        told.refused["confirmation"] = world.play("fail_over", multiregion_lost_regions=[LOST])
        told.checked = world.play("fail_over", "--check", "--diff", confirm=LOST)
        told.refused["acceptance"] = world.play("fail_over", confirm=LOST)
        told.accept = ACCEPTANCE.search(told.refused["acceptance"].error)
        told.done = world.play("fail_over", confirm=LOST, accept_loss=told.accept.group(0) if told.accept else "")
        count = len(acknowledged(folder))
        if told.done.code == 0:
            until(lambda: len(acknowledged(folder)) > count + BEHIND, "writes through the name")
        told.again = world.play("fail_over", confirm=LOST)
        told.refused["unfenced"] = world.play("create_dr_replica", multiregion_lost_regions=[LOST])
        told.calls = world.calls_to(LOST, told.since)
    told.folder = folder
    told.facts = world.facts(DR)
    return told


def test_a_primary_that_lives_is_not_failed_over(story):
    refused = story.refused["alive"]
    assert refused.code != 0 and refused.writes == [], str(refused)
    for words in ("the primary is lost and the loss is accepted", "checkers have success", "Mend the primary"):
        assert words in refused.error, refused.error


def test_the_region_is_typed(story):
    refused = story.refused["confirmation"]
    assert refused.code != 0 and refused.writes == [], str(refused)
    assert f"Type -e confirm={LOST}" in refused.error


def test_check_mode_tells_the_loss_and_writes_nothing(story):
    assert (story.checked.code, story.checked.writes) == (0, []), str(story.checked)
    assert "it cannot be counted without the primary" in " ".join(story.checked.output.split())


def test_without_acceptance_of_the_loss_nothing_is_changed(story):
    refused = story.refused["acceptance"]
    assert refused.code != 0 and refused.writes == [], str(refused)
    assert story.accept is not None, refused.error
    assert "Who accepts this types exactly: lose what was written after" in refused.error


def test_the_dr_region_becomes_production(story):
    assert story.done.code == 0, str(story.done)
    assert story.world.takes_writes(NEW)
    assert story.facts["fail_over_to_region"] == DR and story.facts["fail_over_fence_due"] == LOST
    assert story.facts["fail_over_accepted_loss"] == story.accept.group(0)
    kinds = {record.get("Failover") or record.get("GeoLocation") for record in map(dict, story.world.record_sets())}
    assert kinds == {None}, "no routing policy is left that could lead back by itself"
    assert story.world.serves_from(DR) and story.old_balancer not in json.dumps(story.world.record_sets()).lower()


def test_a_second_run_writes_nothing(story):
    assert (story.again.code, story.again.writes) == (0, []), str(story.again)


def test_no_other_playbook_works_before_the_lost_region_is_fenced(story):
    refused = story.refused["unfenced"]
    assert refused.code != 0 and refused.writes == [], str(refused)
    assert f"{LOST} was lost and has not been fenced since" in refused.error


def test_no_call_went_to_the_lost_region(story):
    assert story.calls == []


def test_what_is_lost_is_what_was_stated_and_nothing_else(story):
    verdict = story.world.judged(story.folder, NEW)
    assert (verdict.lost_seeded, verdict.duplicate_writes) == (0, 0), verdict
    everything = {version_of(one["uid"]): one["t"] for one in acknowledged(story.folder)}
    missing = set(everything) - versions(story.world, NEW)
    assert verdict.lost_writes == len(missing) >= BEHIND
    stated = story.facts["fail_over_replayed_at"]
    boundary = time.mktime(time.strptime(stated[:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone
    # By whole seconds, and the acknowledgement comes a moment after the commit.
    late = [everything[one] for one in missing if not boundary <= everything[one] <= story.lost_at + 12]
    assert late == [], "every lost record was acknowledged after the stated moment and before the region was gone"
    assert missing <= versions(story.world, OLD), "and the old region still has each of them"
    print(f"lost {len(missing)} of {len(everything)} records, stated: {story.facts['fail_over_loss']['text']}")


def test_the_time_that_it_took_is_on_record_with_the_part_that_aws_took(story):
    rto, aws = story.facts["fail_over_rto_s"], story.facts["fail_over_promote_s"]
    print(f"RTO {rto} s, of that RDS {aws} s")
    assert 0 < aws < rto


@pytest.fixture(scope="module")
def returned(story, until):
    """The old region comes back while somebody watches, and a client writes to the address it remembers."""
    world = story.world
    told = SimpleNamespace(window_s=0.0)
    with world.quick(), story.stubborn.at_work() as stubborn:
        watch = world.begin("fail_over", confirm=LOST, region_fence_watch_s=200)
        until(lambda: "Look for a sign of life" in watch.log.read_text(), "the watch", 120)
        told.back_at = time.time()
        world.lose(LOST, "")
        told.outcome = watch.wait()
        told.fenced_by = time.time()
        told.before = len(stubborn.answers)
        until(lambda: len(stubborn.answers) > told.before + BEHIND, "more tries at the old address")
    told.rolled_back = world.play("rollback_dns")
    told.after = stubborn.answers[told.before :]
    told.written = stubborn.written()
    return told


def test_the_returning_region_is_fenced_by_the_watch(story, returned):
    assert returned.outcome.code == 0, str(returned.outcome)
    assert story.world.is_fenced(OLD) and not story.world.takes_writes(OLD)
    assert "fail_over_fence_due" not in story.world.facts(DR)


def test_a_cutover_from_before_the_failover_is_not_taken_back(story, returned):
    refused = returned.rolled_back
    assert refused.code != 0 and refused.writes == [], str(refused)
    for words in ("production is where the cutover left it", f"found: {DR}", "fail_back"):
        assert words in refused.error, refused.error
    assert story.world.is_fenced(OLD) and story.world.takes_writes(NEW)


def test_a_client_with_the_old_address_is_refused_with_retry_after(returned):
    assert {(status, bool(again)) for _moment, status, again in returned.after} == {(503, True)}


def test_the_window_in_which_the_old_region_took_writes_is_told(story, returned):
    fenced_at = max([returned.back_at, *returned.written])
    print(
        f"{len(returned.written)} writes were taken in the {fenced_at - returned.back_at:.2f} s between the return "
        "and the fence"
    )
    assert fenced_at <= returned.fenced_by


def begin_backup(world) -> None:
    """The old database is busy for a while when the way back begins, and answers all the same."""
    # What begins at this scale lasts longer than a playbook needs to come to it.
    world.control("clock", {"scale": 4})
    world.client("rds", LOST).create_db_snapshot(DBSnapshotIdentifier="by-hand", DBInstanceIdentifier=OLD)
    world.control("clock", {"scale": world.settings.scale})


@pytest.fixture(scope="module")
def back(story, returned, until):
    """The way back while clients write, once cut off in its watch, and the DR region's copy made anew."""
    world = story.world
    told = SimpleNamespace(left_behind=versions(world, OLD) - versions(world, NEW))
    # The links that the incident cut are mended.
    world.control("link", {"source_region": LOST, "target_region": DR, "cut": False})
    with world.quick():
        told.untyped = world.play("fail_back")
        told.checked = world.play("fail_back", "--check", give_way=OLD)
    begin_backup(world)
    with world.quick():
        with world.clients(writes=10, reads=5, patience=PATIENCE_S, database=NEW) as folder:
            until(lambda: len(acknowledged(folder)) > BEHIND, "the first writes")
            killed = world.begin("fail_back", give_way=OLD)
            until(lambda: "Watch the public name under its error budget" in killed.log.read_text(), "the watch", 400)
            killed.kill_all()
            told.killed = world.facts(LOST)
            told.early = world.play("fail_over", confirm=LOST)
            told.done = world.play("fail_back", give_way=OLD)
            count = len(acknowledged(folder))
            if told.done.code == 0:
                until(lambda: len(acknowledged(folder)) > count + BEHIND, "writes through the name")
        # Before the DR region has its copy again, and the name its failover pair.
        told.serves = world.serves_from(LOST)
        told.facts = world.facts(LOST)
        told.again = world.play("fail_back")
        told.refused_copy = world.play("create_dr_replica")
        told.copied = world.play("create_dr_replica", give_way=NEW)
        told.rolled_back = world.play("rollback_dns")
    told.folder = folder
    return told


def test_the_old_database_gives_way_only_by_its_name(back):
    assert back.untyped.code != 0 and back.untyped.writes == [], str(back.untyped)
    assert f"Type -e give_way={OLD}" in back.untyped.error
    assert (back.checked.code, back.checked.writes) == (0, []), str(back.checked)


def test_production_is_back_and_nothing_was_lost_on_the_way(story, back):
    assert back.done.code == 0, str(back.done)
    assert back.serves and story.world.takes_writes(OLD)
    verdict = story.world.judged(back.folder, OLD)
    assert verdict.reasons == [], verdict


def test_a_way_back_that_is_cut_off_in_its_watch_is_on_record(back):
    assert back.killed["fail_over_back_at"] and "fail_back_parked_at" not in back.killed


def test_before_there_is_a_new_copy_a_failover_refuses_instead_of_calling_itself_done(back):
    assert back.early.code != 0 and back.early.writes == [], str(back.early)
    assert "this region can become production" in back.early.error


def test_what_only_the_old_database_had_is_counted_and_kept(story, back):
    assert back.facts["fail_back_left_behind_rows"] >= len(back.left_behind) > 0
    rds = story.world.client("rds", LOST)
    kept = rds.describe_db_snapshots(DBSnapshotIdentifier=back.facts["fail_back_diverged_snapshot"])["DBSnapshots"][0]
    assert (kept["Status"], kept["Encrypted"]) == ("available", True)


def test_a_second_fail_back_writes_nothing(back):
    assert (back.again.code, back.again.writes) == (0, []), str(back.again)


def test_the_dr_region_gets_its_copy_again_once_its_former_primary_gives_way(story, back):
    assert back.refused_copy.code != 0 and f"Type -e give_way={NEW}" in back.refused_copy.error, str(back.refused_copy)
    assert back.copied.code == 0, str(back.copied)
    found = story.world.client("rds", DR).describe_db_instances(DBInstanceIdentifier=NEW)["DBInstances"][0]
    assert found["ReadReplicaSourceDBInstanceIdentifier"].endswith(f":{OLD}")


def test_the_way_back_to_what_is_a_replica_by_now_is_refused_before_production_is_fenced(story, back):
    refused = back.rolled_back
    assert refused.code != 0 and refused.writes == [], str(refused)
    assert "the old side can take over" in refused.error and "is a replica" in refused.error, refused.error
    assert story.world.takes_writes(OLD) and not story.world.is_fenced(OLD)


def hold(world, *options: str):
    """One run of the schedule that renews the lease."""
    outcome = world.play("hold_write_lease", *options, write_lease_s=LEASE_S)
    assert (outcome.code, outcome.writes) == (0, []), str(outcome)
    return " ".join(outcome.output.split())


@pytest.fixture(scope="module")
def lost_again(story, back, until):
    """The region, held to a lease, is lost once more, after everything was taken back: the run that asks, and the one
    that is told."""
    world = story.world
    told = SimpleNamespace(checked=hold(world, "--check"), was_held=world.is_fenced(OLD))
    with world.quick():
        with world.clients(writes=10, reads=0, patience=PATIENCE_S, database=OLD) as folder:
            told.first = hold(world)
            until(lambda: "takes writes until" in hold(world), "a lease that is in force", 120)
            count = len(acknowledged(folder))
            until(lambda: len(acknowledged(folder)) > count + BEHIND, "writes under the lease")
        told.verdict = world.judged(folder, OLD)
        world.lose(DR, "blackhole")
        told.alone = world.play("hold_write_lease", write_lease_s=LEASE_S)
        typed = {"multiregion_lost_regions": [DR], "write_lease_secret_region": LOST}
        told.typed = world.play("hold_write_lease", write_lease_s=LEASE_S, **typed)
        world.lose(DR, "")
        until(lambda: versions(world, OLD) <= versions(world, NEW), "the replica of the DR region")
        hold(world)
        world.lose(LOST, "blackhole")
        until(lambda: world.resolve(RECORD) == world.resolve(world.balancer(DR)["DNSName"]), "Route 53's own failover")
        told.asked = world.play("fail_over", confirm=LOST)
        accept = ACCEPTANCE.search(told.asked.error)
        told.done = world.play("fail_over", confirm=LOST, accept_loss=accept.group(0) if accept else "")
    told.facts = world.facts(DR)
    return told


def test_a_loss_after_a_way_back_is_a_new_one(story, lost_again):
    assert lost_again.asked.code != 0 and lost_again.asked.writes == [], str(lost_again.asked)
    assert "Who accepts this types exactly: lose what was written after" in lost_again.asked.error
    assert lost_again.done.code == 0, str(lost_again.done)
    assert story.world.takes_writes(NEW) and story.world.serves_from(DR)
    assert lost_again.facts["fail_over_switched_at"] and "fail_over_back_at" not in lost_again.facts


def test_a_lease_comes_into_force_by_its_schedule_and_production_writes_on(lost_again):
    assert "is not held to its lease yet" in lost_again.checked and not lost_again.was_held
    assert "is not held to its lease yet" in lost_again.first
    assert lost_again.verdict.reasons == [], lost_again.verdict


def test_without_the_dr_regions_record_nobody_renews_until_its_loss_is_typed(lost_again):
    assert lost_again.alone.code != 0 and lost_again.alone.writes == [], str(lost_again.alone)
    assert DR in lost_again.alone.error
    assert (lost_again.typed.code, lost_again.typed.writes) == (0, []), str(lost_again.typed)
    assert "takes writes until" in " ".join(lost_again.typed.output.split())


def test_the_dr_region_writes_only_when_the_lost_primarys_lease_has_run_out(lost_again):
    assert 0 < lost_again.facts["fail_over_lease_wait_s"] <= LEASE_S + 1
    assert lost_again.facts["fail_over_rto_s"] > lost_again.facts["fail_over_lease_wait_s"]
    print(
        f"RTO {lost_again.facts['fail_over_rto_s']} s, of that {lost_again.facts['fail_over_lease_wait_s']} s of lease"
    )


@pytest.fixture(scope="module")
def returned_alone(story, lost_again, until):
    """The old region comes back, nobody watches, the schedule goes on, and a client writes to the old address."""
    world = story.world
    client = Stubborn(world, story.stubborn.address)
    told = SimpleNamespace(before=versions(world, OLD))
    with world.quick(), client.at_work():
        world.lose(LOST, "")
        until(lambda: sum(status > 0 for _moment, status, _again in client.answers) > BEHIND, "answers from there")
        told.schedule = hold(world)
        told.after_schedule = len(client.answers)
        until(lambda: len(client.answers) > told.after_schedule + BEHIND, "more of them")
    told.answers = {(status, bool(again)) for _moment, status, again in client.answers if status}
    told.refused_by_itself = not world.takes_writes(OLD)
    told.after = versions(world, OLD)
    with world.quick():
        told.fenced = world.play("fail_over", confirm=LOST)
    return told


def test_a_primary_that_was_held_to_a_lease_takes_no_write_when_it_returns(returned_alone):
    assert returned_alone.answers == {(503, True)}, "from the first answer on, without a watch"
    assert returned_alone.refused_by_itself and returned_alone.after == returned_alone.before


def test_nobody_renews_the_lease_of_a_region_that_was_given_up(returned_alone):
    assert "was given up by fail_over, nobody renews its lease" in returned_alone.schedule


def test_a_region_under_a_lease_is_fenced_all_the_same(story, returned_alone):
    assert returned_alone.fenced.code == 0, str(returned_alone.fenced)
    assert not story.world.takes_writes(OLD) and "fail_over_fence_due" not in story.world.facts(DR)
