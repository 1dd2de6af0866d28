# SPDX-License-Identifier: GPL-3.0-or-later
"""The way back: by hand, with a typed loss, by itself, and after a kill.

One world does: where a test has gone back, the target is built again. Each names the step that it needs, so that each
runs alone.
"""

from __future__ import annotations

import re
import signal

import pytest

from tests.scenarios import balancers

SOURCE, TARGET = "af-south-1", "eu-central-1"
AF, EU = f"medzen-ehrbase-db-{SOURCE}", f"medzen-ehrbase-db-{TARGET}"
SMOKE_EHR = "00000000-0000-4000-8000-00000000cafe"
KILLED = -signal.SIGKILL
# A bound for a machine that others use as well.
PLAYBOOK_S_MAX = 600
NEW_RECORDS = """
INSERT INTO ehr.template_store SELECT gen_random_uuid(), 'new-' || n, '', now() FROM generate_series(1, 3) n RETURNING 1
"""


def assert_back(world) -> None:
    """Name, databases and record agree that production is where it was before the cutover."""
    assert world.serves_from(SOURCE) and not world.serves_from(TARGET), world.record_sets()
    assert world.takes_writes(AF) and not world.is_fenced(AF)
    assert world.is_fenced(EU) and not world.takes_writes(EU)
    facts = world.facts()
    assert facts["cutover_rolled_back_at"] and "cutover_switched_at" not in facts, facts


def assert_in_target(world) -> None:
    assert world.serves_from(TARGET) and not world.serves_from(SOURCE)
    assert world.takes_writes(EU) and not world.takes_writes(AF)


def acknowledged(folder) -> int:
    path = folder / "acknowledged.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def renew_target(world) -> None:
    """As docs/rollback_dns.md says: the new side is no replica any more, so it goes and is built again."""
    rds = world.client("rds", TARGET)
    with world.quick():
        rds.modify_db_instance(DBInstanceIdentifier=EU, DeletionProtection=False, ApplyImmediately=True)
        rds.delete_db_instance(DBInstanceIdentifier=EU, SkipFinalSnapshot=True)
        rds.get_waiter("db_instance_deleted").wait(
            DBInstanceIdentifier=EU, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
        )
        done = world.play("provision_region", "--limit", TARGET)
    assert done.code == 0, str(done)


def counts(world, database) -> dict[str, int]:
    tables = world.query(database, "SELECT relid::regclass::text FROM pg_stat_user_tables WHERE schemaname = 'ehr'")
    return {name: world.query(database, f"SELECT count(*) FROM {name}")[0][0] for (name,) in tables}


def missing_rows(world) -> int:
    """What the old side lacks, without the cutover's own test record: an EHR is five rows, a composition four."""
    old, new = counts(world, AF), counts(world, EU)
    own = [
        world.query(database, f"SELECT 5 + 4 * (SELECT count(*) FROM ehr.comp_version WHERE ehr_id = '{SMOKE_EHR}') "
                    f"FROM ehr.ehr WHERE id = '{SMOKE_EHR}'")
        for database in (EU, AF)
    ]  # fmt: skip
    tested = [found[0][0] if found else 0 for found in own]
    return sum(new[name] - old[name] for name in new) - (tested[0] - tested[1])


@pytest.fixture
def moved(stage):
    world = stage.at("moved")
    world.step = "under way"
    return world


def test_a_target_that_breaks_after_the_switch_sends_the_cutover_back_by_itself(stage, until):
    world = stage.at("provisioned")
    world.step = "under way"
    with world.clients(writes=10, reads=10) as folder:
        until(lambda: acknowledged(folder) > 20, "the first writes")
        cutover = world.begin("cutover_dns")
        until(lambda: world.is_fenced(AF), "the fence", PLAYBOOK_S_MAX)
        with balancers.without_tasks(world, TARGET):
            outcome = cutover.wait()
        until(lambda: world.takes_writes(AF), "the source taking writes")
        before = acknowledged(folder)
        until(lambda: acknowledged(folder) > before + 20, "writes through the name, on the source")
    assert outcome.code not in (0, KILLED), str(outcome)
    assert "the watch stayed within its error budget" in outcome.error, str(outcome)
    assert "The name went back and the source takes writes again" in outcome.error
    assert_back(world)
    verdict = world.judged(folder, AF)
    assert verdict.reasons == [], verdict
    renew_target(world)
    world.step = "provisioned"


def test_a_cutover_without_a_new_write_is_taken_back_and_can_be_made_again(moved, until):
    first_switch = moved.facts()["cutover_switched_at"]
    with moved.quick():
        planned = moved.play("rollback_dns", "--check")
        assert (planned.code, planned.writes) == (0, []), str(planned)
        assert_in_target(moved)
        done = moved.play("rollback_dns")
        assert done.code == 0, str(done)
        assert done.writes == ["route53:ChangeResourceRecordSets eu-central-1"], done.writes
        assert_back(moved)
        assert moved.facts()["cutover_rolled_back_loss"] == ""
        again = moved.play("rollback_dns")
        assert (again.code, again.writes) == (0, []), str(again)
    renew_target(moved)
    with moved.clients(writes=10, reads=10) as folder:
        until(lambda: acknowledged(folder) > 20, "writes through the name, on the old side")
        # The first run ends when the TTL is lowered, the second one at the switch; none says that it has done it.
        match = {"service": "route53", "operation": "ChangeResourceRecordSets"}
        for _ in ("lowered", "switched"):
            killed = moved.begin("cutover_dns")
            with moved.fault("kill", match, pid=killed.pid):
                assert killed.wait().code == KILLED
        assert "cutover_switched_at" not in moved.facts()
        with moved.quick():
            repeated = moved.play("cutover_dns")
        assert repeated.code == 0, str(repeated)
    assert_in_target(moved)
    facts = moved.facts()
    assert facts["cutover_switched_at"] > first_switch
    assert re.fullmatch("[0-9A-F]+/[0-9A-F]+", facts["cutover_fence_lsn"]), facts
    assert "cutover_ttl_lowered_at" in facts
    ttls = {int(row["ttl"]) for row in facts["cutover_previous_record_sets"] if "ttl" in row}
    assert ttls == {int(facts["cutover_ttl_lowered_from_s"])}, facts
    assert "cutover_rolled_back_at" not in facts
    verdict = moved.judged(folder)
    assert verdict.reasons == [], verdict
    moved.step = "moved"


def test_what_was_changed_in_place_is_seen_by_checksums_and_named(moved):
    one = "WHERE id = (SELECT id FROM ehr.template_store ORDER BY id LIMIT 1) RETURNING 1"
    moved.query(EU, f"UPDATE ehr.template_store SET content = content || ' ' {one}")
    refused = moved.play("rollback_dns", rollback_parity_level="checksums")
    assert refused.code != 0 and refused.writes == [], str(refused)
    rows = missing_rows(moved)
    loss = f"lose {rows} rows and what" if rows else "lose what"
    assert f"{loss} differs in ehr.template_store" in refused.error, refused.error
    assert_in_target(moved)
    moved.query(EU, f"UPDATE ehr.template_store SET content = left(content, -1) {one}")
    moved.step = "moved"


def scale(world, until, tasks: int) -> None:
    """As an operator who wants no tasks where nobody is served; the autoscaling has to allow it."""
    ecs, scaling = world.client("ecs", SOURCE), world.client("application-autoscaling", SOURCE)
    cluster = ecs.list_clusters()["clusterArns"][0]
    name = ecs.list_services(cluster=cluster)["serviceArns"][0].rpartition("/")[2]
    target = {"ServiceNamespace": "ecs", "ResourceId": f"service/{cluster.rpartition('/')[2]}/{name}"}
    dimension = "ecs:service:DesiredCount"
    scaling.register_scalable_target(**target, ScalableDimension=dimension, MinCapacity=tasks)
    ecs.update_service(cluster=cluster, service=name, desiredCount=tasks)
    if not tasks:
        service = {"cluster": cluster, "services": [name]}
        until(lambda: ecs.describe_services(**service)["services"][0]["runningCount"] == 0, "the end of the tasks")


def test_an_old_side_without_tasks_is_no_way_back_and_one_whose_tasks_must_start_is_waited_for(stage, until):
    moved = stage.fresh("moved")
    moved.step = "under way"
    scale(moved, until, 0)
    refused = moved.play("rollback_dns")
    assert refused.code != 0 and refused.writes == [], str(refused)
    for words in ("the old side can take over", "old service found: 0 tasks wanted", "Nothing was changed."):
        assert words in refused.error, f"{words} not in: {refused.error}"
    assert_in_target(moved)
    # Behind the fence none of them can start.
    scale(moved, until, 2)
    killed = moved.begin("rollback_dns")
    until(lambda: not moved.takes_writes(EU), "the fence of the new side", PLAYBOOK_S_MAX)
    killed.kill_all()
    assert not moved.takes_writes(AF)
    scale(moved, until, 0)
    refused = moved.play("rollback_dns")
    assert refused.code != 0 and "takes writes again" in refused.error, str(refused)
    assert_in_target(moved)
    # The tasks need fifteen seconds of ours, whatever the machine does meanwhile.
    usual = moved.control("durations")["task_start"]
    moved.control("durations", {"task_start": 900})
    scale(moved, until, 2)
    late = moved.play("rollback_dns", rollback_health_timeout_s=1)
    moved.control("durations", {"task_start": usual})
    assert late.code != 0 and "the old side answers" in late.error, str(late)
    assert moved.takes_writes(AF) and not moved.takes_writes(EU) and moved.serves_from(TARGET)
    done = moved.play("rollback_dns")
    assert done.code == 0, str(done)
    assert_back(moved)
    moved.step = "taken back"


def test_new_records_are_counted_and_no_other_number_lets_them_go(moved):
    if moved.query(EU, "SELECT count(*) FROM ehr.template_store WHERE template_id LIKE 'new-%'") == [(0,)]:
        moved.query(EU, NEW_RECORDS)
    loss = f"lose {missing_rows(moved)} rows"
    for typed in ("", "lose 1 rows"):
        refused = moved.play("rollback_dns", accept_loss=typed)
        assert refused.code != 0 and refused.writes == [], str(refused)
        for words in ("no record is lost by going back", loss, "takes writes again; nothing else was changed"):
            assert words in refused.error, f"{words} not in: {refused.error}"
        assert_in_target(moved)
    assert "cutover_rolled_back_at" not in moved.facts()
    moved.step = "moved"


def test_killed_behind_the_fence_and_killed_at_the_change_the_third_run_ends_the_way_back(moved, until):
    if missing_rows(moved) == 0:
        moved.query(EU, NEW_RECORDS)
    loss = f"lose {missing_rows(moved)} rows"
    killed = moved.begin("rollback_dns", accept_loss=loss)
    until(lambda: not moved.takes_writes(EU), "the fence of the new side", PLAYBOOK_S_MAX)
    killed.kill_all()
    assert moved.serves_from(TARGET) and not moved.takes_writes(EU)
    killed = moved.begin("rollback_dns", accept_loss=loss)
    match = {"service": "route53", "operation": "ChangeResourceRecordSets"}
    with moved.fault("kill", match, pid=killed.pid):
        assert killed.wait().code == KILLED
    killed.kill_all()
    until(lambda: moved.serves_from(SOURCE), "the name's previous records")
    with moved.clients(writes=10, reads=10) as folder:
        until(lambda: acknowledged(folder) > 20, "writes on the old side, which takes them already")
        done = moved.play("rollback_dns", accept_loss=loss)
        assert done.code == 0, str(done)
    assert done.writes == [], done.writes
    assert_back(moved)
    assert moved.facts()["cutover_rolled_back_loss"] == loss
    verdict = moved.judged(folder, AF)
    assert verdict.reasons == [], verdict
    moved.step = "taken back"
