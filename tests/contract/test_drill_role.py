# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role drill makes of its measurements: the verdict, what it would remove, and what it calls left."""

from datetime import UTC, datetime, timedelta

import pytest
import role_variables
from role_variables import load

PRIMARY, DR = "eu-central-1", "eu-west-1"
PROOF = {"verdict": "whole", "rto_s": 800.5, "rpo_s": 0.0, "missing_rows": 0, "missing": {}, "differences": []}
MEASURED = {
    "__drill_proof": PROOF,
    "__drill_point": {"catch_up_s": 0.2},
    "__drill_decision": {"replica": {"lag_s": 1.5, "lag_bytes": 0}},
    "__drill_failover": {"outage_s": 60.0, "acknowledged": 900, "lost": 0},
    "__drill_service": {"results": [{"verdict": "pass", "reasons": []}]},
}


def evaluate(expression, region=PRIMARY, **given):
    """An expression in the role's own variables, with registered results as they are given."""
    return template("{{ " + expression + " }}", region, **given)


def template(text, region=PRIMARY, **given):
    variables = {
        **load("group_vars/all.yml"),
        **load("roles/preflight/vars/main.yml"),
        **load("roles/drill/defaults/main.yml"),
        **load("roles/drill/vars/main.yml"),
        "multiregion_environment": "test",
        "inventory_hostname": region,
        "groups": {"primary": [PRIMARY], "dr": [DR]},
        **given,
    }
    return role_variables.template(text, variables)


def verdict(region=PRIMARY, **changed):
    return evaluate("__drill_verdict", region, **{**MEASURED, **changed})


def refused(region=PRIMARY, **changed):
    found = evaluate("__drill_conditions", region, **{**MEASURED, **changed})
    return {condition["name"]: condition["found"] for condition in found if condition["condition"] is not True}


def item(kind, name, **tags):
    return {"kind": kind, "id": name, "arn": f"arn:{name}", "tags": tags}


@pytest.mark.parametrize(("region", "kinds"), [(PRIMARY, ["database", "zone"]), (DR, ["region"])])
def test_a_region_drills_what_is_its_job(region, kinds):
    assert evaluate("__drill_kinds", region) == kinds
    assert evaluate("__drill_kinds", region, drill_stop_only="true") == []
    assert evaluate("__drill_kinds", region, drill_kinds=["zone"]) == [one for one in kinds if one == "zone"]


@pytest.mark.parametrize("region", [PRIMARY, DR])
def test_good_numbers_pass(region):
    assert (verdict(region), refused(region)) == ("passed", {})


def test_each_target_refuses_with_its_number():
    assert refused(drill_rto_s=800)["RTO"].startswith("800.5 s")
    assert refused(DR, drill_rpo_s=1)["RPO"] == "1.5 s and 0 bytes that the replica was behind"
    assert refused(drill_failover_s=59) == {"the zone changes in time": "60.0 s without an acknowledged commit"}
    lost = refused(__drill_failover={"outage_s": 60.0, "acknowledged": 900, "lost": 2})
    assert lost == {"no committed row is lost": "2 of 900 acknowledged commits"}


def test_a_damaged_copy_refuses_with_what_it_lacks():
    proof = {**PROOF, "verdict": "damaged", "missing_rows": 3, "missing": {"ehr.comp_data": 3}}
    assert "3 rows missing" in refused(__drill_proof=proof)["the copy is whole"]


@pytest.mark.parametrize("region", [PRIMARY, DR])
def test_what_was_not_measured_is_unknown_and_refuses(region):
    names = ("__drill_proof", "__drill_decision", "__drill_point", "__drill_failover")
    nothing = {name: {"skipped": True} for name in names} | {"__drill_service": {"skipped": True}}
    assert verdict(region, **nothing) == "refused"
    assert len(refused(region, **nothing)) == (5 if region == PRIMARY else 4)


def test_a_step_that_failed_refuses_although_every_number_is_good():
    found = refused(__drill_failure={"msg": "copy | Restore it: no room"})
    assert found == {"every step worked": "copy | Restore it: no room"}


def test_only_what_has_the_tag_and_the_name_of_a_drill_is_removed():
    listing = {
        "kinds": [
            {
                "items": [
                    item("rds_instance", f"medzen-ehrbase-drill-{PRIMARY}", Purpose="drill"),
                    item("rds_instance", "medzen-ehrbase-drill-by-hand"),
                    item("rds_instance", f"medzen-ehrbase-db-{PRIMARY}", Purpose="drill"),
                ]
            },
            {"items": [item("rds_snapshot", "medzen-ehrbase-drill-run-1", Purpose="drill"), item("rds_snapshot", "x")]},
        ]
    }
    assert evaluate("__drill_left_copies", __drill_listing=listing) == [f"medzen-ehrbase-drill-{PRIMARY}"]
    assert evaluate("__drill_left_snapshots", __drill_listing=listing) == ["medzen-ehrbase-drill-run-1"]


def test_what_is_left_and_what_is_gone_is_named():
    before = {"kinds": [{"items": [item("rds_instance", "db"), item("rds_snapshot", "old")]}]}
    after = {"kinds": [{"items": [item("rds_instance", "db"), item("rds_snapshot", "new")]}]}
    given = {"__drill_before": before, "__drill_after": after}
    assert evaluate("__drill_surplus", **given) == ["arn:new"]
    assert evaluate("__drill_gone", **given) == ["arn:old"]


def test_a_snapshot_has_a_name_that_rds_takes(monkeypatch):
    monkeypatch.setenv("MEDZEN_MULTIREGION_RUN", "20261205T050000-run_drill")
    assert evaluate("__drill_snapshot") == "medzen-ehrbase-drill-20261205t050000-run-drill"


def test_the_preflight_tells_how_old_the_last_drill_of_each_region_is():
    at = (datetime.now(UTC) - timedelta(days=40, hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    drill = {"at": at, "kinds": ["database", "zone"], "verdict": "passed", "numbers": {"rto_s": 800.5}}
    facts = {f"drill_{PRIMARY}": drill, "cutover_state": "done"}
    (found,) = evaluate("__preflight_drills | dict2items", run_record_result={"facts": facts})
    (task,) = [one for one in load("roles/preflight/tasks/main.yml") if one["name"].endswith("the last drills are")]
    told = template(task["ansible.builtin.debug"]["msg"], __preflight_drill=found)
    assert told == "eu-central-1: database, zone passed 40 days ago, {'rto_s': 800.5}"
    assert evaluate("__preflight_drills") == {}
