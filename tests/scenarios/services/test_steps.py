# SPDX-License-Identifier: GPL-3.0-or-later
"""What a scenario of this folder may rely on: results and calls come by step, and a fault ends with its step."""


def test_each_step_has_its_own_result_and_calls(services, step):
    name = {"name": "steps-apart"}
    checked, made, again = services.play(
        step("ecs_cluster", check=True, **name), step("ecs_cluster", **name), step("ecs_cluster", **name)
    )
    assert checked.changed and checked.writes == []
    assert made.changed and made.writes == ["ecs:CreateCluster"]
    assert not again.changed and again.writes == [] and set(again.operations) == {"ecs:DescribeClusters"}


def test_a_fault_ends_with_its_step_and_the_next_step_runs(services, step, fault):
    denied = fault("error", "ecs:DescribeClusters", code="AccessDeniedException", status=403)
    refused, made = services.play(step("ecs_cluster", denied, name="denied"), step("ecs_cluster", name="denied"))
    assert "AccessDeniedException" in refused.error and refused.writes == []
    assert made.changed
    assert services.control("faults") == []


def test_a_step_uses_what_an_earlier_one_returned(services, step):
    made, gone = services.play(
        step("ecs_cluster", name="handed-on"),
        step("ecs_cluster", name="{{ step_1.cluster.cluster_name }}", state="absent"),
    )
    assert made.changed and gone.changed and gone.writes == ["ecs:DeleteCluster"]
