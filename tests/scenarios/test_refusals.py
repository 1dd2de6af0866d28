# SPDX-License-Identifier: GPL-3.0-or-later
"""What the move refuses: each refusal says what it found, what it expected and what to do, and nothing was written.

The order is that of the move, so that one world does: as it was before, with the target built, after the cutover.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.scenarios import balancers

AF, EU = "medzen-ehrbase-db-af-south-1", "medzen-ehrbase-db-eu-central-1"
STANDBY = "medzen-ehrbase-db-eu-west-1"
WEEK_S = 604800
RECORD, STATUS = "ehr.medzenhealth.app", "/ehrbase/rest/status"
CIDRS = {
    "eu-west-1": {"cidr": "10.0.0.0/16", "availability_zones": ["eu-west-1a", "eu-west-1b"]},
    "eu-central-1": {"cidr": "10.2.0.0/16", "availability_zones": ["eu-central-1a", "eu-central-1b"]},
    "af-south-1": {"cidr": "10.2.0.0/16", "availability_zones": ["af-south-1a", "af-south-1b"]},
    "us-east-1": {"cidr": "10.3.0.0/16", "availability_zones": ["us-east-1a", "us-east-1b"]},
}


def assert_refused(outcome, *words: str) -> None:
    """A clear error that holds these words in this order, and no write call."""
    assert outcome.code != 0, str(outcome)
    assert re.search(".*".join(map(re.escape, words)), outcome.error), f"expected {words} in: {outcome.error}"
    assert outcome.writes == [], str(outcome)


def held(stage, step: str, request) -> Iterator:
    """The world at a step. A refusal leaves it there; where something was not refused, nobody goes on."""
    world = stage.at(step)
    failed_before = request.session.testsfailed
    yield world
    if request.session.testsfailed > failed_before:
        world.step = "doubtful"


@pytest.fixture
def before(stage, request):
    yield from held(stage, "before", request)


@pytest.fixture
def provisioned(stage, request):
    yield from held(stage, "provisioned", request)


@pytest.fixture
def moved(stage, request):
    yield from held(stage, "moved", request)


# ---- before anything is built ----


def test_an_account_other_than_the_inventorys_is_refused(before):
    outcome = before.play("provision_region", multiregion_account="000000000000")
    assert_refused(
        outcome, "account", "found: 123456789012", "expected: 000000000000", "next: use the credentials of the account"
    )


def test_a_cidr_that_overlaps_another_regions_is_refused(before):
    outcome = before.play("provision_region", multiregion_regions=CIDRS)
    assert_refused(
        outcome,
        "eu-central-1: cidr",
        "found: 10.2.0.0/16 overlaps 10.2.0.0/16, planned for af-south-1",
        "expected: no overlap",
        "next: give the region a CIDR of its own",
    )


def test_a_run_that_goes_past_lock_and_gates_is_refused(before):
    """The network needs nothing that an earlier task has found, so nothing else would stop it."""
    outcome = before.play("provision_region", "--start-at-task", "Network | Build the network")
    assert_refused(
        outcome,
        "gone past the lock, the gates",
        "Found: --start-at-task 'Network | Build the network'",
        "Expected: a run from the beginning of the playbook",
        "run it without --start-at-task",
    )


def test_a_plan_for_visits_that_cannot_work_is_refused(before):
    outcome = before.play("provision_region", multiregion_chime_regions=["eu-west-1"], multiregion_chime_dr="")
    assert_refused(
        outcome,
        "eu-west-1: control region [control_region_unsupported]",
        "found: no endpoint of meetings in eu-west-1",
        "next: choose another control region",
        "visits dr [dr_undecided]",
        "found: no decision",
    )


def test_an_image_that_is_not_pinned_is_refused(before):
    outcome = before.play("provision_region", multiregion_ehrbase_image="ehrbase/ehrbase:latest")
    assert_refused(
        outcome, "image", "found: ehrbase/ehrbase:latest", "expected: pinned by version", "next: pin the image"
    )


def test_a_node_name_other_than_productions_is_refused(before):
    """Only production has a task definition by now."""
    outcome = before.play("provision_region", multiregion_ehrbase_node_name="ehr.example.org")
    assert_refused(
        outcome,
        "af-south-1: node name",
        f"found: {RECORD}",
        "expected: ehr.example.org",
        f"next: set multiregion_ehrbase_node_name to {RECORD}",
    )


def test_a_dr_region_that_aws_does_not_have_is_refused(before, inventory):
    outcome = before.play("provision_region", inventory=inventory({"dr": ["eu-middle-9"]}))
    assert_refused(
        outcome,
        "the run record's regions are known",
        "found: eu-middle-9 not in multiregion_regions",
        "expected: some of eu-west-1",
        "next: correct the inventory",
    )


def test_a_primary_region_that_aws_does_not_have_is_refused(before, inventory):
    outcome = before.play("provision_region", inventory=inventory({"primary": ["eu-middle-9"]}))
    assert_refused(
        outcome,
        "the run record's regions are known",
        "found: eu-middle-9 not in multiregion_regions",
        "expected: some of eu-west-1",
        "next: correct the inventory",
    )


def test_an_option_of_a_wrong_type_is_refused_before_anything_is_built(before):
    outcome = before.play("provision_region", database_backup_retention_days="seven")
    assert_refused(
        outcome,
        "the options are of their types and kinds",
        "database_backup_retention_days",
        "found: 'seven', given with -e",
        "expected: days, 1 to 35",
        "next: correct it: -e database_backup_retention_days=",
    )


@pytest.mark.parametrize(
    ("playbook", "options"), [("cutover_dns", []), ("provision_region", ["--check"]), ("audit_regions", [])]
)
def test_misspelt_options_are_refused_all_at_once_and_what_was_meant_is_named(before, playbook, options):
    # As it is typed, and confirm is nobody's option.
    outcome = before.play(playbook, *options, "-e", "cutover_tl_s=1 multiregion_pol_seconds=2 confirm=af-south-1")
    assert_refused(
        outcome,
        "every given option is one that a role reads",
        "cutover_tl_s",
        "found: given with -e, and nothing reads it",
        "expected: an option of the role cutover",
        "next: write cutover_ttl_s",
        "multiregion_pol_seconds",
        "next: write multiregion_poll_seconds",
    )
    assert "confirm" not in outcome.error


def test_a_misspelt_option_of_another_regions_inventory_is_refused(before, inventory):
    folder = inventory({})
    (folder / "host_vars").mkdir()
    (folder / "host_vars" / "eu-west-1.yml").write_text("dr_replica_task: {min: 1}\n", encoding="utf-8")
    outcome = before.play("provision_region", inventory=folder)
    assert_refused(
        outcome, "dr_replica_task", "found: given in the inventory for eu-west-1", "next: write dr_replica_tasks"
    )


def test_an_option_with_an_unknown_value_is_refused_and_the_choices_are_named(before):
    outcome = before.play("restore_snapshot", database_seed="snapshot", snapshot_restore_parity="checksum")
    assert_refused(outcome, "snapshot_restore_parity", "found: 'checksum'", "expected: one of counts, checksums")


def test_production_elsewhere_than_in_the_inventory_is_refused(before, inventory):
    swapped = inventory({"retiring": ["eu-west-1"], "dr": ["af-south-1"]})
    outcome = before.play("provision_region", inventory=swapped)
    assert_refused(
        outcome,
        "production is where the inventory says",
        "found: af-south-1",
        "expected: eu-west-1 or eu-central-1",
        "next: Move the region to the group retiring",
    )


@pytest.mark.parametrize(
    ("playbook", "region"),
    [
        ("provision_region", "eu-west-1"),
        ("create_dr_replica", "eu-west-1"),
        ("run_drill", "eu-west-1"),
        ("decommission_af_south", "af-south-1"),
    ],
)
def test_a_run_limited_to_a_region_in_which_no_lock_is_taken_is_refused(before, playbook, region):
    outcome = before.play(playbook, "--limit", region)
    assert_refused(
        outcome,
        "this run has taken the lock",
        "found: a run that leaves out eu-central-1",
        "expected: one that begins there, takes the lock and looks where production is",
        f"next: run again without --limit, or with --limit eu-central-1,{region}",
    )


def test_a_snapshot_of_the_standby_is_refused(before):
    standby = before.client("rds", "eu-west-1").describe_db_instances(DBInstanceIdentifier=STANDBY)["DBInstances"][0]
    outcome = before.play(
        "restore_snapshot",
        database_seed="snapshot",
        snapshot_restore_source_region="eu-west-1",
        snapshot_restore_source_identifier=STANDBY,
        snapshot_restore_source_endpoint=standby["Endpoint"]["Address"],
    )
    assert_refused(
        outcome,
        "the snapshot is taken where production is",
        "found: eu-west-1",
        "expected: af-south-1",
        "A standby is behind production",
    )


def test_a_copy_without_a_key_of_the_target_region_is_refused_and_production_writes_on(before):
    outcome = before.play("restore_snapshot", database_seed="snapshot")
    assert not before.is_fenced(AF), str(outcome)
    assert_refused(
        outcome,
        "key of this region",
        "found: no key",
        "expected: alias/medzen-ehrbase-eu-central-1",
        "next: Run provision_region",
    )


# ---- with the target built ----


def test_a_cutover_without_catch_up_leaves_production_writing_where_it_was(provisioned):
    with provisioned.link(cut=True), provisioned.clients(writes=10, reads=0):
        outcome = provisioned.play("cutover_dns", cutover_catch_up_timeout_s=3)
        assert outcome.code != 0, str(outcome)
        assert provisioned.takes_writes(AF) and not provisioned.takes_writes(EU)
    assert re.search("does not follow its source|too far behind", outcome.error), outcome.error
    assert provisioned.serves_from("af-south-1")
    # Seen before the TTL is lowered: nothing is written at all.
    assert outcome.writes == []


# ---- after the cutover ----


def test_a_decommission_without_confirmation_is_refused(moved):
    outcome = moved.play("decommission_af_south")
    assert_refused(
        outcome,
        "the region may be taken down",
        "typed confirmation",
        "found: nothing typed",
        "expected: af-south-1",
        "type -e confirm=af-south-1",
    )


def test_a_decommission_with_the_wrong_confirmation_is_refused(moved):
    outcome = moved.play("decommission_af_south", confirm="eu-west-1")
    assert_refused(
        outcome, "typed confirmation", "found: eu-west-1", "expected: af-south-1", "type -e confirm=af-south-1"
    )


def test_a_decommission_before_the_soak_is_refused(moved):
    # As it is typed: -e name=value gives text.
    outcome = moved.play("decommission_af_south", "-e", "confirm=af-south-1", "-e", f"decommission_soak_s={WEEK_S}")
    assert_refused(outcome, "soak since the cutover", "found: ", " s expected: at least 604800 s", "next: Wait")


def test_a_soak_under_seven_days_needs_its_typed_override(moved):
    outcome = moved.play("decommission_af_south", confirm="af-south-1", decommission_soak_override="")
    assert_refused(
        outcome,
        "a soak under seven days is typed",
        "found: 10 s",
        "expected: 604800 s, or decommission_soak_override typed as 10",
        "next: Leave the soak at seven days, or type the override",
    )


def test_a_decommission_is_refused_while_somebody_asks_the_old_balancer_even_for_nothing(stage, until):
    """CloudWatch counts a request that finds no target apart from the balancer's requests."""
    moved = stage.fresh("provisioned")
    rule, old = "no request at the old balancers and APIs", moved.balancer("af-south-1")["DNSName"]
    until(lambda: moved.ask(RECORD, "GET", STATUS, at=old)[0] == 401, "production's own answer")
    moved.move_to("moved")
    moved.step = "left without tasks"
    with balancers.without_tasks(moved, "af-south-1"):
        until(lambda: moved.ask(RECORD, "GET", STATUS, at=old)[0] == 503, "the balancer's own answer")
        for _ in range(2):
            assert moved.ask(RECORD, "GET", STATUS, at=old)[0] == 503
        # Nothing is typed, so that it ends at the gate whatever this rule says.
        outcome = moved.play("decommission_af_south", decommission_soak_s=600)
    assert_refused(outcome, rule, "in the last 300 s expected: 0 next: Find the clients", "=<number>")
    balancer = "at load balancer medzen-ehrbase-alb-af-south-1"
    found = re.search(f"(\\d+) HTTPCode_ELB_5XX_Count {balancer}", outcome.error)
    assert found and int(found[1]) >= 3, outcome.error
    asked = sum(map(int, re.findall(r"(\d+) \w*Count at ", outcome.error)))
    for typed, refused in ((1, True), (asked, False)):
        outcome = moved.play("decommission_af_south", decommission_soak_s=600, decommission_accept_requests=str(typed))
        # The evidence names every rule; one that refuses says what it found.
        told = f"{rule} found:" in outcome.error
        assert (outcome.code, outcome.writes, told) == (2, [], refused), str(outcome)
