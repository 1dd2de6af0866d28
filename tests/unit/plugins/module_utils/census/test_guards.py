# SPDX-License-Identifier: GPL-3.0-or-later
"""What must hold before the first deletion."""

import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.census import guards
from ansible_collections.medzen.multiregion.plugins.module_utils.census.plan import Plan, Step, checksum
from ansible_collections.medzen.multiregion.plugins.module_utils.census.registry import DELETING, Item
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import MultiregionError

HERE = "af-south-1"
ARN = "arn:aws:rds:eu-central-1:123456789012:snapshot:final-db"
SOUND = {"Status": "available", "DBInstanceIdentifier": "db", "Encrypted": True}
DATABASE = Item("rds_instance", "db", facts={"replica_of": ""})


def plan(*items, unknown=None, unmatched=()):
    return Plan(tuple(Step(item, 1, "ours") for item in items), {}, {}, unknown or {}, unmatched)


def confirmation(typed=HERE, plan_checksum=None, items=(), max_items=10):
    return guards.Confirmation(HERE, typed, plan_checksum, tuple(items), max_items)


def refusals(*items, **options):
    known = {name: options.pop(name) for name in ("unknown", "unmatched") if name in options}
    return guards.find_refusals(plan(*items, **known), confirmation(**options))


A, B = Item("sns_topic", "a"), Item("sns_topic", "b")
BOTH = ("sns_topic/a", "sns_topic/b")


@pytest.mark.parametrize("typed", ["yes", "eu-central-1", "AF-SOUTH-1"])
def test_anything_but_the_region_is_refused_as_confirmation(typed):
    with pytest.raises(MultiregionError, match="Expected: af-south-1"):
        guards.check_inputs(HERE, 30, 30, confirmation(typed))


@pytest.mark.parametrize("key_days, secret_days", [(6, 7), (31, 7), (7, 30)])
def test_a_window_is_7_to_30_days_and_a_key_outlives_its_secrets(key_days, secret_days):
    with pytest.raises(MultiregionError, match="7 to 30 days"):
        guards.check_inputs(HERE, key_days, secret_days, confirmation())


def test_recorded_items_must_have_the_recorded_checksum():
    with pytest.raises(MultiregionError, match="pass both from the same census"):
        guards.check_inputs(HERE, 30, 30, confirmation(items=BOTH, plan_checksum="other"))


def test_the_reviewed_plan_passes():
    assert refusals(A, B, plan_checksum=checksum(BOTH)) == []


def test_another_plan_than_the_reviewed_is_refused():
    assert "checksum" in refusals(A, B, plan_checksum=checksum(["sns_topic/a"]))[0].found


def test_a_part_of_the_recorded_plan_is_joined():
    joined = confirmation(items=BOTH, plan_checksum=checksum(BOTH))
    assert guards.is_joined(plan(A), joined)
    assert guards.find_refusals(plan(A), joined) == []


def test_something_new_since_the_record_is_refused_by_name():
    found = refusals(A, B, items=["sns_topic/a"], plan_checksum=checksum(["sns_topic/a"]))
    assert "sns_topic/b added" in found[0].found


def test_nothing_left_needs_no_checksum():
    assert refusals() == []


def test_an_unknown_kind_is_refused_even_when_nothing_is_left():
    assert "AccessDenied" in refusals(unknown={"secret": "AccessDenied"})[0].found


def test_more_items_than_allowed_are_refused():
    assert "at most" in refusals(A, B, plan_checksum=checksum(BOTH), max_items=1)[0].expected


def test_a_misspelt_keep_is_refused():
    assert refusals(A, plan_checksum=checksum(["sns_topic/a"]), unmatched=("vpc/x",))[0].found.startswith("keep names")


def test_nothing_typed_is_refused():
    assert refusals(typed="")[0].expected == "confirm: af-south-1"


@pytest.mark.parametrize(
    "stated, found, problem",
    [
        (None, SOUND, "no final snapshot"),
        ({"arn": ARN, "verified": False}, SOUND, "not stated as verified"),
        ({"arn": ARN, "verified": "true"}, SOUND, "not stated as verified"),
        ({"arn": ARN.replace("eu-central-1", HERE), "verified": True}, SOUND, "another region"),
        ({"arn": "final", "verified": True}, SOUND, "another region"),
        ({"arn": ARN, "verified": True}, None, "does not exist"),
        ({"arn": ARN, "verified": True}, {**SOUND, "Status": "creating"}, "is creating"),
        ({"arn": ARN, "verified": True}, {**SOUND, "DBInstanceIdentifier": "x"}, "one of x"),
        ({"arn": ARN, "verified": True}, {**SOUND, "Encrypted": False}, "not encrypted"),
    ],
)
def test_a_database_without_a_sound_final_snapshot_elsewhere_stays(stated, found, problem):
    evidence = {"db": stated} if stated else {}
    refused = guards.refuse_snapshots(plan(DATABASE), evidence, HERE, lambda arn: found)
    assert problem in refused[0].found


def test_a_database_with_a_sound_final_snapshot_may_go():
    evidence = {"db": {"arn": ARN, "verified": True}}
    assert guards.refuse_snapshots(plan(DATABASE), evidence, HERE, lambda arn: SOUND) == []


@pytest.mark.parametrize("change", [{"state": DELETING}, {"facts": {"replica_of": "arn:source"}}])
def test_a_replica_and_a_database_on_its_way_out_need_no_snapshot(change):
    item = Item(**{"kind": "rds_instance", "id": "db", "facts": {"replica_of": ""}, **change})
    assert guards.refuse_snapshots(plan(item), {}, HERE, lambda arn: None) == []


def test_all_refusals_are_told_at_once():
    text = guards.refusal_text(HERE, refusals(A, B, typed="", max_items=1))
    assert text.splitlines()[0] == "Nothing was deleted in af-south-1:"
    assert len(text.splitlines()) == 4


OTHER = Item("rds_instance", "other", facts={"replica_of": ""})


@pytest.mark.parametrize("known", ["db", "other"])
def test_each_database_needs_a_snapshot_of_its_own(known):
    evidence = {known: {"arn": ARN, "verified": True}}
    found = guards.refuse_snapshots(
        plan(DATABASE, OTHER), evidence, HERE, lambda arn: {**SOUND, "DBInstanceIdentifier": known}
    )
    (missing,) = {"db", "other"} - {known}
    assert [refusal.found for refusal in found] == [f"database {missing}: no final snapshot is stated"]


def test_a_secret_is_kept_for_seven_days_at_least():
    with pytest.raises(MultiregionError, match="6 for secrets"):
        guards.check_inputs(HERE, 30, 6, confirmation())


@pytest.mark.parametrize("typed", ["af-south-10", "af-south-1 ", "af-south"])
def test_a_region_that_begins_alike_confirms_nothing(typed):
    with pytest.raises(MultiregionError, match="Expected: af-south-1"):
        guards.check_inputs(HERE, 30, 30, confirmation(typed))
    assert guards.find_refusals(plan(), confirmation(typed)) != []


def test_as_many_items_as_allowed_may_go_and_a_misspelt_keep_is_no_matter_once_nothing_is_left():
    assert refusals(A, B, plan_checksum=checksum(BOTH), max_items=2) == []
    assert refusals(unmatched=("vpc/x",)) == []


def test_recorded_items_without_a_checksum_are_no_record():
    with pytest.raises(MultiregionError, match="pass both from the same census"):
        guards.check_inputs(HERE, 30, 30, confirmation(items=BOTH))
