# SPDX-License-Identifier: GPL-3.0-or-later
from ansible_collections.medzen.multiregion.plugins.filter.model_plan import model_plan
from ansible_collections.medzen.multiregion.plugins.filter.model_targets import model_targets

PRIMARY, DR, THIRD = "eu-central-1", "eu-west-1", "eu-north-1"
MODELS = {PRIMARY: "model-a", DR: "model-b"}
PINS = {
    PRIMARY: {"id": "g-1", "version": "8", "content_sha256": "s"},
    DR: {"id": "g-2", "version": "3", "content_sha256": "s"},
}


def test_each_target_has_the_guardrail_of_its_own_region():
    assert model_targets(MODELS, [DR, PRIMARY], PINS) == [
        {"region": DR, "model": "model-b", "guardrail": {"id": "g-2", "version": "3"}},
        {"region": PRIMARY, "model": "model-a", "guardrail": {"id": "g-1", "version": "8"}},
    ]


def test_a_region_is_asked_once():
    assert [one["region"] for one in model_targets(MODELS, [DR, PRIMARY, DR], PINS)] == [DR, PRIMARY]


def test_a_region_without_a_guardrail_is_not_asked():
    assert [one["region"] for one in model_targets(MODELS, [PRIMARY, DR], {DR: PINS[DR]})] == [DR]


def test_a_profile_stands_for_the_model_where_there_is_one():
    asked = model_targets(MODELS, [PRIMARY, DR], PINS, {PRIMARY: "arn:profile"})
    assert [one["model"] for one in asked] == ["arn:profile", "model-b"]


def test_the_plan_names_the_next_region_as_failover():
    assert model_plan(MODELS, [PRIMARY, DR]) == [
        {"model_id": "model-a", "region": PRIMARY, "failover_region": DR, "failover_model_id": "model-b"},
        {"model_id": "model-b", "region": DR, "failover_region": PRIMARY, "failover_model_id": "model-a"},
    ]


def test_one_region_has_no_failover_and_none_has_no_plan():
    assert model_plan(MODELS, [DR]) == [{"model_id": "model-b", "region": DR}]
    assert model_plan({}, [DR]) == [] == model_plan(MODELS, [])


def test_three_regions_follow_each_other_in_a_ring():
    plan = model_plan({**MODELS, THIRD: "model-c"}, [PRIMARY, DR, THIRD])
    assert [(one["region"], one["failover_region"]) for one in plan] == [(PRIMARY, DR), (DR, THIRD), (THIRD, PRIMARY)]
