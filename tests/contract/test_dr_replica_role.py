# SPDX-License-Identifier: GPL-3.0-or-later
"""The roles behind create_dr_replica: no run in earnest ends well without a replica and the records to reach it."""

import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils import gates
from role_variables import load, template

PRIMARY, DR = "eu-central-1", "eu-west-1"
SOURCE = {"identifier": "db", "arn": f"arn:aws:rds:{PRIMARY}:1:db:db", "is_replica": False, "endpoint": "db.example"}
REPLICA = {
    "identifier": f"medzen-ehrbase-replica-{DR}",
    "status": "available",
    "is_replica": True,
    "source_arn": SOURCE["arn"],
    "replication_problem": None,
}
FORMER = {**REPLICA, "is_replica": False, "source_arn": None}
REGION = {
    "kms_key_arn": "arn:aws:kms:eu-west-1:1:key/k",
    "private_subnet_ids": ["subnet-1", "subnet-2"],
    "security_group_ids": {"rds": "sg-1"},
    "balancer": {"dns_name": "dr.elb.amazonaws.com", "zone_id": "Z1"},
}
WITHOUT_NETWORK = {**REGION, "private_subnet_ids": [], "security_group_ids": {"rds": None}}
BALANCER = {"dns_name": "primary.elb.amazonaws.com", "zone_id": "Z2"}


def values(role, region, **given):
    primary = {"region_state": {"region": {"database": SOURCE, "balancer": BALANCER}}}
    return {
        **load("group_vars/all.yml"),
        **load(f"roles/{role}/defaults/main.yml"),
        **load(f"roles/{role}/vars/main.yml"),
        "inventory_hostname": DR,
        "groups": {"primary": [PRIMARY], "dr": [DR]},
        "hostvars": {PRIMARY: primary},
        "region_state": {"region": region},
        **given,
    }


def judged(role, name, region, *, check_mode=False, **given):
    """A gate of a role as its task would be judged: the verdict, and what it says."""
    tasks = [task.get("medzen.multiregion.gate") for task in load(f"roles/{role}/tasks/main.yml")]
    (gate,) = [one for one in tasks if one and one["name"] == name]
    variables = values(role, region, **given)
    conditions = [
        {key: template(text, variables) if isinstance(text, str) else text for key, text in condition.items()}
        for condition in gate["that"]
    ]
    verdict = gates.judge(name, conditions, check_mode=check_mode)
    return verdict["verdict"], gates.describe(verdict)


def follows(database, region=REGION, *, check_mode=False):
    region = {**region, "database": database}
    return judged("dr_replica", "the replica follows the primary", region, check_mode=check_mode)


@pytest.mark.parametrize("check_mode", [False, True])
@pytest.mark.parametrize("status", ["available", "backing-up", "storage-optimization"])
def test_a_replica_of_the_primary_that_follows_passes(status, check_mode):
    assert follows({**REPLICA, "status": status}, check_mode=check_mode)[0] == "pass"


@pytest.mark.parametrize(
    ("database", "region", "words"),
    [
        (None, REGION, "Run create_dr_replica again"),
        (None, WITHOUT_NETWORK, f"Run provision_region for {DR}"),
        (FORMER, REGION, f"found: {REPLICA['identifier']}, which is no replica"),
        ({**REPLICA, "source_arn": "arn:aws:rds:af-south-1:1:db:db"}, REGION, "a replica of arn:aws:rds:af-south-1"),
        ({**REPLICA, "status": "creating"}, REGION, "found: creating"),
        ({**REPLICA, "status": "storage-full"}, REGION, "found: storage-full"),
        ({**REPLICA, "replication_problem": "terminated: gone"}, REGION, "found: terminated: gone"),
    ],
)
def test_a_run_in_earnest_that_leaves_no_replica_which_follows_is_refused(database, region, words):
    verdict, told = follows(database, region)
    assert verdict == "refuse" and words in told, told


@pytest.mark.parametrize(
    ("database", "region", "planned_by"),
    [
        (None, REGION, "create_dr_replica"),
        (None, WITHOUT_NETWORK, "provision_region"),
        (FORMER, REGION, "create_dr_replica"),
        ({**REPLICA, "status": "creating"}, REGION, "create_dr_replica"),
    ],
)
def test_in_check_mode_a_replica_that_a_run_would_make_or_wait_for_is_planned(database, region, planned_by):
    verdict, told = follows(database, region, check_mode=True)
    assert verdict == "planned" and f"planned by: {planned_by}" in told, told


@pytest.mark.parametrize("change", [{"source_arn": "arn:other"}, {"replication_problem": "terminated: gone"}])
def test_what_no_run_would_mend_is_refused_in_check_mode_too(change):
    assert follows({**REPLICA, **change}, check_mode=True)[0] == "refuse"


@pytest.mark.parametrize(
    "missing", [{"kms_key_arn": None}, {"private_subnet_ids": []}, {"security_group_ids": {"rds": None}}]
)
def test_a_region_without_a_place_for_the_replica_is_refused_before_anything_gives_way(missing):
    def asked(region, **mode):
        return judged("dr_replica", "the primary can have a replica", {**region, "database": FORMER}, **mode)

    verdict, told = asked({**REGION, **missing})
    assert verdict == "refuse" and f"Run provision_region for {DR}" in told, told
    assert asked({**REGION, **missing}, check_mode=True)[0] == "planned"
    assert asked(REGION)[0] == "pass"
    names = [task["name"] for task in load("roles/dr_replica/tasks/main.yml")]
    assert names.index("Dr replica | Refuse to copy from a replica") < names.index(
        "Dr replica | Let a former primary give way"
    )


def test_before_the_move_check_mode_plans_the_replica_and_the_records():
    bare = {**WITHOUT_NETWORK, "kms_key_arn": None, "balancer": None, "database": None}
    given = {
        "check_mode": True,
        "hostvars": {PRIMARY: {"region_state": {"region": {"database": None, "balancer": None}}}},
    }
    assert judged("dr_replica", "the primary can have a replica", bare, **given)[0] == "planned"
    assert judged("failover_records", "both balancers stand", bare, **given)[0] == "planned"


def stand(primary, secondary, **mode):
    hostvars = {PRIMARY: {"region_state": {"region": {"balancer": primary}}}}
    region = {**REGION, "balancer": secondary}
    return judged("failover_records", "both balancers stand", region, hostvars=hostvars, **mode)


def test_records_of_two_balancers_pass():
    assert stand(BALANCER, REGION["balancer"])[0] == "pass"


@pytest.mark.parametrize(
    ("primary", "secondary", "region"),
    [(BALANCER, None, DR), (None, REGION["balancer"], PRIMARY), (BALANCER, {"dns_name": "x", "zone_id": None}, DR)],
)
def test_records_of_which_one_leads_nowhere_are_refused_in_earnest_and_planned_in_check_mode(
    primary, secondary, region
):
    verdict, told = stand(primary, secondary)
    assert verdict == "refuse" and f"Run provision_region for {region}" in told, told
    assert stand(primary, secondary, check_mode=True)[0] == "planned"


def test_the_balancers_are_asked_before_anything_of_the_records_is_made():
    tasks = load("roles/failover_records/tasks/main.yml")
    gate = [number for number, task in enumerate(tasks) if "medzen.multiregion.gate" in task]
    assert max(gate) < min(number for number in range(len(tasks)) if number not in gate)
