# SPDX-License-Identifier: GPL-3.0-or-later
"""The control experiment: without fence and catch-up records are lost, and the judge says so and names them.

A judge that never failed proves nothing. The mover below does what the name suggests and no more: promote the replica,
then change the record. Everything else is the rehearsal's own: clients at its usual rate, the judge, its command line.
"""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

AF, EU = "medzen-ehrbase-db-af-south-1", "medzen-ehrbase-db-eu-central-1"
WRITES_PER_S = 50


def promote(world) -> None:
    rds = world.client("rds", "eu-central-1")
    rds.promote_read_replica(DBInstanceIdentifier=EU)
    rds.get_waiter("db_instance_available").wait(DBInstanceIdentifier=EU, WaiterConfig={"Delay": 1, "MaxAttempts": 60})


def point_the_name(world) -> None:
    record = {"Name": "ehr.medzenhealth.app", "Type": "CNAME", "TTL": 1}
    record["ResourceRecords"] = [{"Value": world.balancer("eu-central-1")["DNSName"]}]
    route53 = world.client("route53")
    zone = route53.list_hosted_zones_by_name(DNSName="medzenhealth.app")["HostedZones"][0]["Id"]
    batch = {"Changes": [{"Action": "UPSERT", "ResourceRecordSet": record}]}
    route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch=batch)


def lines(path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


@pytest.fixture(scope="module")
def naive_move(stage, until):
    """A move by promotion and DNS alone, while clients write; the verdict of `python -m rehearsal judge`."""
    world = stage.fresh("provisioned")
    world.step = "lost"
    rows = "SELECT count(*) FROM ehr.comp_version"
    with world.clients(writes=WRITES_PER_S, reads=0, patience=8) as folder:
        until(lambda: lines(folder / "acknowledged.jsonl") > WRITES_PER_S, "the first acknowledgements")
        promote(world)
        point_the_name(world)
        before = world.query(EU, rows)
        until(lambda: world.query(EU, rows) != before, "the clients' first write at the new place")
    done = world.command("judge", "--folder", str(folder), "--instance", EU, check=False)
    verdict = json.loads(done.stdout[: done.stdout.rindex("}") + 1])
    return SimpleNamespace(world=world, folder=folder, code=done.returncode, said=done.stdout, verdict=verdict)


def test_a_move_without_fence_and_catch_up_is_judged_a_failure(naive_move):
    assert naive_move.code == 1
    assert naive_move.verdict["lost_writes"] > 0
    assert f"fail: {naive_move.verdict['lost_writes']} acknowledged writes are missing" in naive_move.said


def test_the_judge_names_what_was_lost_and_the_old_database_still_has_it(naive_move):
    named = naive_move.verdict["lost"]
    assert len(named) == min(naive_move.verdict["lost_writes"], 20)
    acknowledged = [json.loads(line) for line in (naive_move.folder / "acknowledged.jsonl").read_text().splitlines()]
    uids = {"::".join(one["uid"].split("::")[::2]) for one in acknowledged}
    assert set(named) <= uids
    versions = "SELECT vo_id::text, sys_version FROM ehr.comp_version UNION ALL SELECT vo_id::text, sys_version FROM "
    left_behind = naive_move.world.query(AF, versions + "ehr.comp_version_history")
    assert set(named) <= {f"{object_id}::{version}" for object_id, version in left_behind}


def test_what_was_there_before_the_move_is_not_called_lost(naive_move):
    assert naive_move.verdict["lost_seeded"] == 0
