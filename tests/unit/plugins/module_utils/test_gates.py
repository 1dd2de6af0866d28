# SPDX-License-Identifier: GPL-3.0-or-later
"""A gate passes when every condition is known to hold, and not otherwise."""

import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils import gates
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import MultiregionError

NO = {"name": "records", "condition": False, "found": "12 lost", "expected": "none", "next_step": "catch up"}
YES = {"name": "lag", "condition": True}
UNKNOWN = {"name": "soak", "condition": None}


def verdict(*conditions, **options):
    return gates.judge("cutover", list(conditions), **options)["verdict"]


def test_true_conditions_pass():
    assert verdict(YES, YES) == "pass"


@pytest.mark.parametrize("value", [False, None, "true", "yes", 1, 0, "", [], {"a": 1}])
def test_anything_but_true_refuses(value):
    assert verdict(YES, {"condition": value}) == "refuse"


def test_every_refusal_is_told_with_found_expected_and_next_step():
    text = gates.describe(gates.judge("cutover", [NO, YES, UNKNOWN]))
    assert text.splitlines() == [
        "Gate cutover refuses, for 2 of 3 conditions:",
        "  1. records",
        "     found: 12 lost",
        "     expected: none",
        "     next: catch up",
        "  2. soak (unknown, which is not yes)",
    ]


def test_a_value_that_is_no_truth_value_is_shown():
    judged = gates.judge("g", [{"name": "x", "condition": "true", "found": "?"}])
    assert judged["conditions"][0]["found"] == "'true', no truth value"


def test_the_exact_text_overrides_and_is_recorded():
    judged = gates.judge("g", [NO], override="lose 12 records", override_expected="lose 12 records")
    assert (judged["verdict"], judged["override"]) == ("override", "lose 12 records")


@pytest.mark.parametrize("typed", ["lose 11 records", "Lose 12 records", "yes", ""])
def test_any_other_text_overrides_nothing(typed):
    assert verdict(NO, override=typed, override_expected="lose 12 records") == "refuse"


def test_a_gate_without_an_expected_text_cannot_be_overridden():
    judged = gates.judge("g", [NO], override="anything")
    assert judged["verdict"] == "refuse"
    assert "this gate has none" in gates.describe(judged)


def test_a_condition_can_be_closed_to_the_override():
    assert verdict({**NO, "overridable": False}, override="x", override_expected="x") == "refuse"


def test_who_may_override_is_told_what_to_type():
    text = gates.describe(gates.judge("g", [NO], override_expected="lose 12 records"))
    assert text.endswith("Who accepts this types exactly: lose 12 records")


def test_in_check_mode_what_is_planned_does_not_refuse():
    planned = {**NO, "planned_by": "provision_region"}
    assert verdict(planned, check_mode=True) == "planned"
    assert verdict(planned) == "refuse"


def test_in_check_mode_one_unplanned_refusal_refuses():
    assert verdict({**NO, "planned_by": "x"}, NO, check_mode=True) == "refuse"


def test_a_misspelt_key_is_an_error():
    with pytest.raises(MultiregionError, match="expcted"):
        gates.judge("g", [{**YES, "expcted": "x"}])


def test_a_condition_without_a_condition_is_an_error():
    with pytest.raises(MultiregionError, match="Condition 1"):
        gates.judge("g", [{"name": "x"}])


@pytest.mark.parametrize(
    "check, holds", [("ok", True), ("warn", True), ("refuse", False), ("unknown", None), ("?", None)]
)
def test_a_check_of_the_preflight_becomes_a_condition(check, holds):
    condition = gates.condition_of({"name": "cidr", "region": "eu-west-1", "verdict": check, "found": "x"})
    assert condition == {"name": "eu-west-1: cidr", "condition": holds, "found": "x"}


def test_a_reason_stands_behind_the_name():
    check = {"name": "control region", "region": "eu-west-1", "verdict": "refuse", "reason": "unsupported"}
    assert gates.condition_of(check)["name"] == "eu-west-1: control region [unsupported]"
    assert gates.condition_of({**check, "reason": ""})["name"] == "eu-west-1: control region"


def test_what_is_no_check_is_an_error():
    with pytest.raises(MultiregionError, match="Not a check"):
        gates.condition_of({"name": "cidr"})


def test_one_condition_that_is_closed_keeps_the_override_from_all_of_them():
    closed = {**NO, "name": "fence", "overridable": False}
    assert verdict(NO, closed, override="x", override_expected="x") == "refuse"
    assert "types exactly" not in gates.describe(gates.judge("g", [NO, closed], override_expected="x"))
    # One that holds is nothing to override.
    assert verdict(NO, {**YES, "overridable": False}, override="x", override_expected="x") == "override"
    told = gates.describe(gates.judge("g", [NO, {**YES, "overridable": False}], override_expected="x"))
    assert told.endswith("types exactly: x")
