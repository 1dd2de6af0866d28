# SPDX-License-Identifier: GPL-3.0-or-later
"""A failover that was decided and not carried out: when it can be taken back, and what the names get."""

import pytest
from role_variables import GATE, REPLICA, evaluate, gates, load, refused, template, variables_of

PRIMARY, DR = "eu-central-1", "eu-west-1"
DECIDED = {
    "fail_over_from_region": PRIMARY,
    "fail_over_to_region": DR,
    "fail_over_started_at": "2026-11-28T14:03:22Z",
    "fail_over_previous_record_sets": [{"name": "ehr.medzenhealth.app", "type": "A", "alias": {"dns_name": "primary"}}],
}


def withdrawing(database=REPLICA, typed=PRIMARY, replica=None, probe=None):
    """A failover that was decided, and what is seen of both sides when somebody takes it back."""
    return {
        "fail_over_withdraw": typed,
        "__fail_over_record": {"facts": DECIDED},
        "__fail_over_replica": {"in_recovery": True} if replica is None else replica,
        "__fail_over_old_probe": {"verdict": "pass"} if probe is None else probe,
        "region_state": {"region": {"database": database}},
    }


@pytest.mark.parametrize(
    ("names", "changed"),
    [
        ([], {}),
        (["typed region"], {"typed": DR}),
        (["nothing was promoted"], {"database": {**REPLICA, "is_replica": False}}),
        (["nothing was promoted"], {"database": {**REPLICA, "status": "modifying"}}),
        # RDS does not tell yet that it was asked.
        (["nothing was promoted"], {"replica": {"in_recovery": False}}),
        (["nothing was promoted"], {"replica": {"failed": True, "msg": "no route"}}),
        (["the primary answers"], {"probe": {"verdict": "fail", "reasons": ["503"]}}),
        (["the primary answers"], {"probe": {"skipped": True}}),
    ],
)
def test_a_failover_is_taken_back_while_nothing_was_promoted_and_the_primary_serves(names, changed):
    assert refused("fail_over", "withdraw", "the failover can be taken back", DR, **withdrawing(**changed)) == names


def test_a_failover_that_was_carried_out_is_not_taken_back_and_nobody_looks_any_further():
    given = withdrawing(database={**REPLICA, "is_replica": False})
    del given["__fail_over_replica"], given["__fail_over_old_probe"]
    gate = "the failover can be taken back"
    assert refused("fail_over", "withdraw", gate, DR, **given) == ["nothing was promoted", "the primary answers"]
    (task,) = [one for one in gates(load("roles/fail_over/tasks/withdraw.yml")) if one[GATE]["name"] == gate]
    found = [template(one["found"], variables_of("fail_over", DR, given)) for one in task[GATE]["that"]]
    assert found == [PRIMARY, "medzen-ehrbase-replica-eu-west-1: available, no replica, does not answer", "not asked"]


def test_names_get_what_they_had_and_those_that_had_nothing_have_nothing_again():
    domains = {"records": [{"name": "AI.medzenhealth.app", "type": "A", "alias": {}}]}
    given = (
        withdrawing()
        | {"__fail_over_domains": domains}
        | {"region_state": {"region": {"database": REPLICA, "balancer": {"dns_name": "dr"}}}}
    )
    changes = evaluate("fail_over", DR, "__fail_over_changes_back", **given)
    told = {(one["action"], one["record"]["name"]): one["record"].get("alias", {}).get("dns_name") for one in changes}
    assert told == {
        ("present", "ehr.medzenhealth.app"): "primary",
        ("absent", "ehr-failover.medzenhealth.app"): None,
        ("absent", "ai.medzenhealth.app"): None,
    }
