# SPDX-License-Identifier: GPL-3.0-or-later
"""The gates of the roles that can lose data: all holds in a good world, and each doubt refuses by its own condition."""

from datetime import UTC, datetime, timedelta

import pytest
from role_variables import GATE, GROUPS, REPLICA, evaluate, gates, load, refused, template, variables_of

PRIMARY, DR, RETIRING = "eu-central-1", "eu-west-1", "af-south-1"
OLD_ARN = f"arn:aws:rds:{RETIRING}:1:db:old"


def region(**parts):
    return {"region_state": {"region": parts}}


# ---- decommission ----


REQUESTS = "no request at the old balancers and APIs"


def ago(**time):
    return (datetime.now(UTC) - timedelta(**time)).strftime("%Y-%m-%dT%H:%M:%SZ")


def requests(*totals):
    item = {"what": "the balancer", "metric": "RequestCount", "required": True}
    return {"results": [{"item": item, "total": total} for total in totals]}


def decommission(**changed):
    world = {
        **region(balancer={"dns_name": "old.elb.amazonaws.com"}),
        "group_names": ["retiring"],
        "decommission_confirm": RETIRING,
        "decommission_production_region": PRIMARY,
        "__decommission_record": {"facts": {"cutover_switched_at": ago(days=7, hours=1)}},
        "__decommission_requests": requests(0, 0),
        "__decommission_records": {"emptied": []},
        "decommission_copies": {"all_copied": True, "summary": ""},
        "decommission_census": {"unknown_kinds": []},
    }
    return refused("decommission", "gate", "the region may be taken down", RETIRING, **{**world, **changed})


def test_a_region_that_nobody_needs_may_be_taken_down():
    assert decommission() == []
    assert decommission(**region(balancer=None), __decommission_requests=requests()) == []
    assert decommission(decommission_soak_s="60", decommission_soak_override="60") == []


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("typed confirmation", {"decommission_confirm": ""}),
        ("typed confirmation", {"decommission_confirm": PRIMARY}),
        ("the region has no job left", {"groups": {**GROUPS, "primary": [PRIMARY, RETIRING]}}),
        ("the region has no job left", {"groups": {**GROUPS, "dr": [DR, RETIRING]}}),
        ("production is elsewhere", {"decommission_production_region": RETIRING}),
        ("production is elsewhere", {"decommission_production_region": DR}),
        ("production is elsewhere", {"decommission_production_region": ""}),
        ("soak since the cutover", {"__decommission_record": {"facts": {}}}),
        (
            "soak since the cutover",
            {
                "__decommission_record": {"facts": {}},
                "decommission_soak_s": "0",
                "decommission_soak_override": "0",
            },
        ),
        (
            "soak since the cutover",
            {"__decommission_record": {"facts": {"cutover_switched_at": ago(days=6, hours=23)}}},
        ),
        ("a soak under seven days is typed", {"decommission_soak_s": "60"}),
        ("a soak under seven days is typed", {"decommission_soak_s": "60", "decommission_soak_override": "600"}),
        (REQUESTS, {"__decommission_requests": requests(0, 1)}),
        (REQUESTS, {"__decommission_requests": requests(0, None)}),
        ("every living name has an answer without the region", {"__decommission_records": {"emptied": ["ehr.x"]}}),
        ("audit rows and recordings are in another region as well", {"decommission_copies": {"all_copied": False}}),
        ("audit rows and recordings are in another region as well", {"decommission_copies": {"all_copied": None}}),
        ("everything could be listed", {"decommission_census": {"unknown_kinds": ["rds_instance"]}}),
    ],
)
def test_each_doubt_keeps_the_region(name, changed):
    assert decommission(decommission_living_names=["ehr.x"], **changed) == [name]


@pytest.mark.parametrize(
    ("verdict", "expected"), [("equal", []), ("different", ["parity"]), ("unknown", ["parity"]), ("", ["parity"])]
)
def test_only_a_final_snapshot_that_restored_to_the_same_records_lets_the_region_go(verdict, expected):
    gate = "the final snapshot restores to the same records"
    given = {"__decommission_parity": {"verdict": verdict, "differences": []}}
    assert refused("decommission", "final_snapshot", gate, RETIRING, **given) == expected


@pytest.mark.parametrize(("verdict", "empty"), [("empty", True), ("unknown", False), ("resources", False)])
def test_only_an_empty_region_is_called_empty(verdict, empty):
    given = {"decommission_census_after": {"verdict": verdict}}
    assert (refused("decommission", "main", "the region is empty", RETIRING, **given) == []) is empty


# ---- fail_over ----

BALANCER = {"dns_name": "dr.elb.amazonaws.com", "zone_id": "Z"}
LOSS = {"acceptance": "lose what was written after X", "text": "X"}


def dark(reached=False, answers=(None,), streaming=False, **changed):
    """What is seen of a primary that is gone."""
    check = {"medzen-ehrbase-primary": {"reached": reached, "fqdn": "old.elb.amazonaws.com"}}
    return {
        **region(database=REPLICA, service={"running": 1}, balancer=BALANCER),
        "fail_over_confirm": PRIMARY,
        "__fail_over_record": {"facts": {}},
        "__fail_over_new_probe": {"verdict": "pass"},
        "__fail_over_health": {"health_checks": check},
        "__fail_over_old_probe": {"answers": [{"status": status} for status in answers]},
        "__fail_over_replica": {"streaming": streaming, "loss": LOSS},
        **changed,
    }


def replica(**changed):
    return region(database={**REPLICA, **changed}, service={"running": 1}, balancer=BALANCER)


@pytest.mark.parametrize(
    ("names", "changed"),
    [
        ([], {}),
        ([], {"fail_over_confirm": "", "ansible_check_mode": True}),
        (["typed confirmation"], {"fail_over_confirm": ""}),
        (["typed confirmation"], {"fail_over_confirm": DR}),
        (["replica"], replica(status="backing-up")),
        (["replica"], replica(is_replica=False)),
        (["replica", "the replica follows the region that is lost"], region(service={"running": 1})),
        (["the replica follows the region that is lost"], replica(source_arn=OLD_ARN)),
        (["the replica follows the region that is lost"], replica(source_arn="a")),
        (["service"], region(database=REPLICA, service={"running": 0})),
        (["service"], region(database=REPLICA, service=None)),
        (["service"], {"__fail_over_new_probe": {"verdict": "fail", "reasons": ["503"]}}),
        (["service"], {"__fail_over_new_probe": {"skipped": True}}),
    ],
)
def test_a_region_that_could_not_take_over_is_not_promoted(names, changed):
    assert refused("fail_over", "decide", "this region can become production", DR, **dark(**changed)) == names


REACHED = "Route 53's checkers reach the primary no more"
ANSWERS = "the primary's balancer answers no more"
STREAMS = "the replica gets nothing more"
ACCEPTED = "the possible loss is accepted"


@pytest.mark.parametrize(
    ("names", "seen"),
    [
        ([], {}),
        ([REACHED], {"reached": True}),
        ([REACHED], {"reached": None}),
        ([ANSWERS], {"answers": [None, 503]}),
        ([ANSWERS], {"__fail_over_old_probe": {"skipped": True}}),
        ([STREAMS], {"streaming": True}),
        ([STREAMS], {"streaming": None}),
        ([STREAMS, ACCEPTED], {"__fail_over_replica": {"failed": True, "msg": "no route"}}),
    ],
)
def test_one_sign_of_life_or_one_that_nobody_looked_for_refuses_a_failover(names, seen):
    gate = "the primary is lost and the loss is accepted"
    assert refused("fail_over", "decide", gate, DR, **dark(**seen, ansible_check_mode=True)) == names
    # Outside of check mode only what a person types lifts it.
    assert refused("fail_over", "decide", gate, DR, **dark(**seen)) == [name for name in names if name != ACCEPTED] + [
        ACCEPTED
    ]


@pytest.mark.parametrize("seen", [{"reached": True}, {"answers": [None, 503]}, {"streaming": True}])
def test_any_one_sign_of_life_asks_for_the_words_that_give_up_a_region_which_answers(seen):
    assert evaluate("fail_over", DR, "__fail_over_acceptance", **dark()) == LOSS["acceptance"]
    assert (
        evaluate("fail_over", DR, "__fail_over_acceptance", **dark(**seen)) == f"give up {PRIMARY} although it answers"
    )


# ---- the lost region's fence, and its database that gives way ----


@pytest.mark.parametrize(
    ("sign", "alive"),
    [
        ({"answers": [{"status": 503}]}, True),
        ({"answers": [{"status": None}, {"status": 200}]}, True),
        ({"answers": [{"status": None}]}, False),
        ({"skipped": True}, False),
    ],
)
def test_any_answer_of_a_lost_region_is_a_sign_of_life(sign, alive):
    assert evaluate("region_fence", DR, "__region_fence_alive", __region_fence_sign=sign) is alive


@pytest.mark.parametrize(("facts", "due"), [({"fail_over_fence_due": PRIMARY}, True), ({}, False)])
def test_a_region_is_fenced_as_long_as_the_record_says_so(facts, due):
    assert evaluate("region_fence", DR, "__region_fence_due", __region_fence_record={"facts": facts}) is due
    given = {"__fail_back_record": {"facts": facts}}
    found = refused("fail_back", "main", "the region that was lost can be made anew", PRIMARY, **given)
    assert (found == ["fence"]) is due


@pytest.mark.parametrize(
    ("switched_at", "database", "left", "names"),
    [
        ("2026-11-28T14:05:00Z", None, True, []),
        # A run that was ended between the promotion and its record.
        (None, {**REPLICA, "is_replica": False}, True, []),
        (None, {**REPLICA, "status": "modifying"}, True, []),
        # Decided, and nothing promoted: the region still is production.
        (None, REPLICA, False, ["promotion"]),
        (None, None, False, ["promotion"]),
    ],
)
def test_a_region_is_not_fenced_while_nothing_was_promoted_in_its_place(switched_at, database, left, names):
    facts = {"fail_over_fence_due": PRIMARY, "fail_over_to_region": DR, "fail_over_switched_at": switched_at}
    successor = {"skipped": True} if switched_at else {"region": {"database": database}}
    given = {"__region_fence_record": {"facts": facts}, "__region_fence_successor": successor}
    assert evaluate("region_fence", DR, "__region_fence_left", **given) is left
    assert refused("region_fence", "main", "production has left the region", DR, **given) == names


def test_the_fence_that_another_region_waits_for_is_not_raised_here():
    facts = {"fail_over_fence_due": RETIRING}
    assert evaluate("region_fence", DR, "__region_fence_due", __region_fence_record={"facts": facts}) is False


@pytest.mark.parametrize(
    ("names", "changed"),
    [
        ([], {}),
        ([], {"former_database_status": "deleting", "__former_database_fence": {"skipped": True}}),
        (["typed confirmation"], {"former_database_confirm": ""}),
        (["typed confirmation"], {"former_database_confirm": "another"}),
        (["production is elsewhere"], {"former_database_production_arn": OLD_ARN}),
        (["production is elsewhere"], {"former_database_production_arn": ""}),
        (["it refuses writes"], {"__former_database_fence": {"fenced": False}}),
        (["it refuses writes"], {"__former_database_fence": {"failed": True, "msg": "no route"}}),
    ],
)
def test_a_former_primary_goes_only_fenced_by_its_name_and_when_production_is_another(names, changed):
    world = {
        "former_database_identifier": "old",
        "former_database_arn": OLD_ARN,
        "former_database_status": "available",
        "former_database_production_arn": "arn:aws:rds:eu-central-1:1:db:new",
        "former_database_confirm": "old",
        "__former_database_fence": {"fenced": True, "fence_id": "f"},
        **changed,
    }
    assert refused("former_database", "main", "the former primary may give way", RETIRING, **world) == names


# ---- cutover ----


def target(**changed):
    parts = {
        "database": {**REPLICA, "source_arn": OLD_ARN},
        "certificate_arn": "arn:certificate",
        "service": {"running": 2, "desired": 2},
        "balancer": BALANCER,
    }
    return region(**{**parts, **changed})


@pytest.mark.parametrize(
    ("names", "changed"),
    [
        ([], {}),
        # Promoted by a run that was ended.
        ([], target(database={**REPLICA, "is_replica": False, "source_arn": None})),
        (["database"], target(database={**REPLICA, "source_arn": OLD_ARN, "status": "modifying"})),
        (["the database comes from production"], target(database=REPLICA)),
        (["the database comes from production"], target(database={**REPLICA, "source_arn": None})),
        (["replication"], target(database={**REPLICA, "source_arn": OLD_ARN, "replication_problem": "terminated: x"})),
        ([], target(database={**REPLICA, "source_arn": OLD_ARN, "replication_problem": "stopped: x"})),
        (["certificate"], target(certificate_arn=None)),
        (["service"], target(service={"running": 1, "desired": 2})),
        (["service"], target(service={"running": 0, "desired": 0})),
        (["service"], target(service=None)),
        (["health through the target balancer"], {"__cutover_smoke": {"verdict": "fail"}}),
        (["health through the target balancer"], {"__cutover_smoke": {"skipped": True}}),
        (["names of the APIs"], {"cutover_api_records": [{"name": "meetings.x", "region": PRIMARY}]}),
    ],
)
def test_a_target_that_could_not_take_over_gets_no_cutover(names, changed):
    path = {"production_region": RETIRING, "problems": [], "database": {"arn": OLD_ARN, "identifier": "old"}}
    world = {"audit_path": path, "__cutover_smoke": {"verdict": "pass"}, "cutover_api_records": [], **target()}
    assert refused("cutover", "ready", "the target can take over", PRIMARY, **{**world, **changed}) == names


def test_a_production_that_nobody_found_gets_no_cutover():
    path = {"production_region": None, "problems": ["unknown"], "database": None}
    world = {"audit_path": path, "__cutover_smoke": {"verdict": "pass"}, "cutover_api_records": [], **target()}
    found = refused("cutover", "ready", "the target can take over", PRIMARY, **world)
    assert found == ["production is known", "the database comes from production"]


@pytest.mark.parametrize(("drain", "ends"), [({"drained": True}, True), ({"drained": False}, False), ({}, False)])
def test_visits_that_go_on_or_that_nobody_could_count_are_not_interrupted(drain, ends):
    given = {"cutover_drain": drain, "cutover_visits": {"looked_at": "x", "open_count": 1}}
    assert (refused("cutover", "drain", "no visit is interrupted", PRIMARY, **given) == []) is ends


# ---- rollback ----

MOVED = {"cutover_from_region": RETIRING, "cutover_to_region": PRIMARY}
FAILED_OVER = {**MOVED, "fail_over_from_region": PRIMARY, "fail_over_to_region": DR}
NEW = {"production_region": PRIMARY, "problems": [], "database": {"identifier": "new"}}
NOWHERE = {"production_region": None, "problems": ["unknown"], "database": None}


@pytest.mark.parametrize(
    ("names", "facts", "path"),
    [
        ([], MOVED, NEW),
        ([], MOVED, {**NEW, "production_region": RETIRING, "database": {"identifier": "old"}}),
        (["production region"], MOVED, {**NEW, "production_region": DR}),
        (["production database"], MOVED, {**NEW, "database": {"identifier": "another"}}),
        (["production database"], MOVED, {**NEW, "database": None}),
        # Down is why one goes back; after a failover it is no reason.
        ([], MOVED, NOWHERE),
        (["production region"], FAILED_OVER, NOWHERE),
        ([], {**FAILED_OVER, "fail_over_back_at": "2026-11-29T10:00:00Z"}, NOWHERE),
    ],
)
def test_a_cutover_is_taken_back_only_where_it_left_production(names, facts, path):
    given = {"__rollback_record": {"facts": facts}, "audit_path": path, **region(database={"identifier": "new"})}
    assert refused("rollback", "back", "production is where the cutover left it", PRIMARY, **given) == names


@pytest.mark.parametrize(
    ("names", "old", "service"),
    [
        # Behind the fence its tasks cannot start: that they are wanted is all that can be asked.
        ([], {"in_recovery": False, "fenced": True}, {"desired": 2, "running": 0}),
        (["old database"], {"in_recovery": True, "fenced": True}, {"desired": 2}),
        (["old database"], {"in_recovery": False, "fenced": True, "planned": True}, {"desired": 2}),
        (["old service"], {"in_recovery": False, "fenced": True}, {"desired": 0}),
        (["old service"], {"in_recovery": False, "fenced": True}, None),
        # It has taken over already.
        ([], {"in_recovery": False, "fenced": False}, {"desired": 0}),
    ],
)
def test_an_old_side_that_cannot_serve_takes_nothing_over(names, old, service):
    given = {"__rollback_old": old, "__rollback_old_region": {"region": {"service": service, "balancer": None}}}
    assert refused("rollback", "ready", "the old side can take over", PRIMARY, **given) == names


def row(table, what):
    return {"table": table, "what": what, "source": 2, "target": 1}


@pytest.mark.parametrize(
    ("verdict", "holds", "typed"),
    [
        ("equal", True, ""),
        ("different", False, "lose 3 rows"),
        # Nobody can accept what nobody could count.
        ("unknown", False, ""),
    ],
)
def test_a_loss_is_accepted_by_its_exact_size_and_what_is_unknown_by_no_word(verdict, holds, typed):
    differences = [row("ehr.a", "rows"), row("", "newest write")]
    found = {"verdict": verdict, "missing_rows": 3, "loss": "3 rows", "differences": differences}
    given = {"rollback_parity": found, "__rollback_record": {"facts": {}}}
    assert (refused("rollback", "decide", "no record is lost by going back", PRIMARY, **given) == []) is holds
    (task,) = gates(load("roles/rollback/tasks/decide.yml"))
    variables = {**variables_of("rollback", PRIMARY, given), **task["vars"]}
    assert template(task[GATE]["override_expected"], variables) == typed
    told = template(task[GATE]["that"][0]["next_step"], variables)
    assert "\\" not in told
    assert (f"-e 'accept_loss=\"{typed}\"'." in told) is bool(typed) or holds
    assert ("accept_loss" in told) is (verdict != "unknown")


# ---- the lock, and where production is ----


@pytest.mark.parametrize(("locked", "good"), [({PRIMARY: {"run_record_result": {}}, DR: {}}, True), ({DR: {}}, False)])
def test_a_play_that_the_lock_was_not_taken_for_is_refused(locked, good):
    found = refused("run_record", "main", "this run has taken the lock", DR, hostvars=locked)
    assert (found == []) is good


@pytest.mark.parametrize(("found", "good"), [(PRIMARY, True), (RETIRING, True), (DR, False), (None, False)])
def test_a_region_that_does_not_serve_production_is_refused(found, good):
    given = {"audit_path": {"production_region": found, "problems": []}}
    gate = "production is where the inventory says"
    assert (refused("audit", "main", gate, PRIMARY, **given) == []) is good


# ---- a place for the database ----

PLACES = {
    ("database", "main"): "the database has a network",
    ("snapshot_restore", "restore"): "the snapshot is taken where production is",
    ("logical_seed", "bring"): "the copy is made where production is",
}


@pytest.mark.parametrize(("role", "file"), PLACES)
@pytest.mark.parametrize(
    ("subnets", "group", "holds"),
    [(["subnet-1", "subnet-2"], "sg-1", True), ([], "sg-1", False), (["subnet-1"], None, False)],
)
def test_no_database_is_begun_where_it_has_no_place(role, file, subnets, group, holds):
    """Production would have been fenced for a snapshot that goes nowhere, or a run ended well without a database."""
    groups = {"alb": "sg-2", "rds": group}
    given = {
        **region(vpc_id="vpc-1", kms_key_arn="key", private_subnet_ids=subnets, security_group_ids=groups),
        "audit_path": {"production_region": RETIRING},
        f"{role}_source_region": RETIRING,
        "database_identifier": "db",
    }
    assert (refused(role, file, PLACES[role, file], PRIMARY, **given) == []) is holds
