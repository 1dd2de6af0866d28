# SPDX-License-Identifier: GPL-3.0-or-later
"""What a teardown would delete, what it keeps and why."""

from datetime import UTC, datetime

import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.census import plan
from ansible_collections.medzen.multiregion.plugins.module_utils.census.registry import (
    SCHEDULED,
    WAIT,
    Item,
    key,
)
from ansible_collections.medzen.multiregion.plugins.module_utils.census.scan import Finding
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import MultiregionError

NOW = datetime(2026, 11, 21, tzinfo=UTC)
KEY, VPC = key("kms_key", "k-1"), key("vpc", "vpc-1")


def rules(**options):
    return plan.Rules("medzen-ehrbase", now=NOW, **options)


def findings(*items, unknown=()):
    kinds = {item.kind for item in items}
    found = {kind: Finding(kind, tuple(item for item in items if item.kind == kind)) for kind in kinds}
    return {**found, **{kind: Finding(kind, None, "AccessDenied") for kind in unknown}}


def build(*items, unknown=(), **options):
    return plan.build_plan(findings(*items, unknown=unknown), rules(**options))


VPC_ITEM = Item("vpc", "vpc-1", "medzen-ehrbase-vpc-af-south-1")
KEY_ITEM = Item("kms_key", "k-1", "alias/medzen-ehrbase-af-south-1", action="schedule")
SNAPSHOT = Item("rds_snapshot", "final", "final", origin="medzen-ehrbase-db-af-south-1", uses=(KEY,))


def test_a_tag_marks_what_is_ours():
    built = build(Item("sns_topic", "t", "alerts", tags={"Workload": "medzen-ehrbase"}))
    assert built.owners == {"sns_topic/t": "tag Workload is medzen-ehrbase"}


@pytest.mark.parametrize(
    "name", ["medzen-ehrbase-x", "/ecs/medzen-ehrbase", "af-south-1/medzen-ehrbase/db", "alias/medzen-ehrbase-k"]
)
def test_a_prefix_of_the_name_or_of_a_part_of_its_path_marks_what_is_ours(name):
    assert plan.matching_prefix(name, ("medzen-ehrbase",)) == "medzen-ehrbase"


def test_a_prefix_in_the_middle_of_a_part_does_not_count():
    assert plan.matching_prefix("not-medzen-ehrbase", ("medzen-ehrbase",)) == ""


def test_what_belongs_to_ours_is_ours_however_deep():
    subnet = Item("subnet", "s", belongs_to=(VPC,))
    address = Item("elastic_ip", "e", belongs_to=("nat_gateway/n",))
    nat = Item("nat_gateway", "n", belongs_to=(VPC,))
    assert set(build(VPC_ITEM, address, nat, subnet).owners) == {VPC, "subnet/s", "nat_gateway/n", "elastic_ip/e"}


def test_a_recorded_item_stays_ours_when_what_showed_it_is_gone():
    built = build(Item("elastic_ip", "e"), recorded=frozenset({"elastic_ip/e"}))
    assert built.deletions == ("elastic_ip/e",)


def test_foreign_items_are_not_in_the_plan():
    assert build(Item("vpc", "vpc-2", "somebody-elses")).steps == ()


def test_a_snapshot_is_kept_and_keeps_its_key_and_the_name_of_the_key():
    alias = Item("kms_alias", "alias/medzen-ehrbase-a", "alias/medzen-ehrbase-a", belongs_to=(KEY,), uses=(KEY,))
    built = build(SNAPSHOT, KEY_ITEM, alias)
    assert built.steps == ()
    assert built.kept[KEY] == "rds_snapshot/final still needs it"
    assert built.kept[alias.key] == f"names {KEY}"


def test_a_snapshot_that_is_not_ours_keeps_our_key_too():
    assert KEY in build(Item("rds_snapshot", "x", "strange", uses=(KEY,)), KEY_ITEM).kept


def test_an_included_snapshot_goes_and_its_key_after_it():
    built = build(SNAPSHOT, KEY_ITEM, include=frozenset({"rds_snapshot"}))
    assert [step.item.kind for step in built.steps] == ["rds_snapshot", "kms_key"]


def test_a_stated_reason_keeps_one_item_of_a_kind():
    other = Item("log_group", "/ecs/medzen-ehrbase-b", "/ecs/medzen-ehrbase-b")
    kept = Item("log_group", "/ecs/medzen-ehrbase", "/ecs/medzen-ehrbase")
    built = build(kept, other, keep={kept.key: "audit until 2030"})
    assert built.kept == {kept.key: "audit until 2030"}
    assert built.deletions == (other.key,)


def test_a_stack_that_made_something_kept_is_kept():
    stack = Item("cloudformation_stack", "arn:s", "medzen-ehrbase-chime", facts={"members": ["medzen-meeting-audit"]})
    table = Item("dynamodb_table", "medzen-meeting-audit", "medzen-meeting-audit")
    built = build(stack, table)
    assert built.steps == ()
    assert built.kept[stack.key] == f"it made {table.key}, which stays"


def test_a_network_that_a_kept_database_uses_is_kept():
    group = Item("rds_subnet_group", "g", "medzen-ehrbase-g", uses=(VPC,))
    database = Item("rds_instance", "d", "medzen-ehrbase-d", uses=(group.key,))
    assert set(build(database, group, VPC_ITEM, keep={"rds_instance": "wanted"}).kept) == {database.key, group.key, VPC}


@pytest.mark.parametrize("until, stays", [("2027-01-01", True), ("2026-01-01", False), ("next spring", True)])
def test_a_date_protects_until_it_has_come_and_an_unreadable_one_for_ever(until, stays):
    item = Item("sns_topic", "t", "medzen-ehrbase-t", tags={"KeepUntil": until})
    assert bool(build(item).kept) is stays


def test_what_is_scheduled_is_no_step():
    built = build(Item("secret", "s", "medzen-ehrbase-s", state=SCHEDULED))
    assert built.steps == () and plan.verdict(built) == "empty"


def test_a_kind_that_could_not_be_listed_is_never_empty():
    built = build(unknown=("rds_instance",))
    assert plan.verdict(built) == "unknown"
    assert built.unknown == {"rds_instance": "AccessDenied"}


def test_found_beats_unknown():
    assert plan.verdict(build(VPC_ITEM, unknown=("secret",))) == "found"


def test_the_checksum_does_not_depend_on_the_order_or_on_what_goes_by_itself():
    subnet = Item("subnet", "s", belongs_to=(VPC,))
    interface = Item("network_interface", "eni-1", belongs_to=(VPC,), action=WAIT)
    assert build(VPC_ITEM, subnet).checksum == build(subnet, interface, VPC_ITEM).checksum
    assert build(VPC_ITEM).checksum != build(VPC_ITEM, subnet).checksum


def test_steps_come_in_the_order_in_which_they_can_go():
    subnet = Item("subnet", "s", belongs_to=(VPC,))
    assert [step.item.kind for step in build(VPC_ITEM, subnet).steps] == ["subnet", "vpc"]


@pytest.mark.parametrize("options", [{"keep": {"rds_snapshots": "typo"}}, {"include": frozenset({"bucket/x"})}])
def test_a_rule_that_names_an_unknown_kind_is_an_error(options):
    with pytest.raises(MultiregionError, match="Expected: one of the kinds"):
        build(VPC_ITEM, **options)


def test_a_kept_id_that_is_not_there_is_reported():
    assert build(VPC_ITEM, keep={"vpc/vpc-9": "typo"}).unmatched == ("vpc/vpc-9",)


def test_statuses_say_unknown_found_scheduled_and_none():
    secret = Item("secret", "s", "medzen-ehrbase-s", state=SCHEDULED)
    found = findings(VPC_ITEM, secret, Item("sns_topic", "t", "foreign"), unknown=("lambda_function",))
    assert plan.statuses(found, plan.build_plan(found, rules())) == {
        "vpc": "found",
        "secret": "scheduled",
        "sns_topic": "none",
        "lambda_function": "unknown",
    }


@pytest.mark.parametrize(
    ("value", "stays"), [("true", True), ("Yes", True), ("until we know", True), ("No", False), ("", False)]
)
def test_a_tag_protects_from_every_tool_and_no_rule_lifts_it(value, stays):
    tags = {"Protected": value}
    snapshot = Item("rds_snapshot", "final", "final", tags=tags, origin="medzen-ehrbase-db-af-south-1")
    for include in ("rds_snapshot", "rds_snapshot/final"):
        assert bool(build(snapshot, include=frozenset({include})).kept) is stays
    topic = Item("sns_topic", "t", "medzen-ehrbase-t", tags=tags)
    assert build(topic).deletions == (() if stays else ("sns_topic/t",))


def test_a_stated_reason_to_keep_wins_over_a_rule_that_includes():
    built = build(SNAPSHOT, keep={SNAPSHOT.key: "evidence"}, include=frozenset({"rds_snapshot"}))
    assert built.kept == {SNAPSHOT.key: "evidence"}


def test_a_rule_includes_the_whole_name_and_nothing_that_begins_like_it():
    longer = Item("rds_snapshot", "final-of-2025", "final-of-2025", origin="medzen-ehrbase-db-af-south-1")
    assert build(SNAPSHOT, longer, include=frozenset({SNAPSHOT.key})).deletions == (SNAPSHOT.key,)


def test_a_workload_whose_name_begins_like_ours_is_another_one():
    other = Item("sns_topic", "t", "alerts", tags={"Workload": "medzen-ehrbase-staging"})
    assert build(other).owners == {}


def test_an_empty_prefix_marks_nothing_and_hides_none():
    assert plan.matching_prefix("medzen-ehrbase-x", ("", "medzen-ehrbase")) == "medzen-ehrbase"
    assert plan.matching_prefix("somebody-elses", ("", "medzen-ehrbase")) == ""
    assert build(Item("vpc", "vpc-2", "somebody-elses"), prefixes=("",)).steps == ()
