# SPDX-License-Identifier: GPL-3.0-or-later
"""Target groups against the stand-in: one, whatever answer was lost on the way to it."""

import pytest


@pytest.fixture(scope="module")
def group(services, step):
    """A step for the target group of this name."""
    vpc = services.client("ec2").create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]

    def build(name, *faults, **options):
        return step("elbv2_target_group", *faults, name=name, vpc_id=vpc, port=8080, **options)

    return build


def test_a_lost_creation_is_found_again(services, group, fault):
    lost = fault("lost_response", "elbv2:CreateTargetGroup", count=1)
    made, again = services.play(group("lost", lost, tags={"Workload": "medzen"}), group("lost"))
    assert made.changed and not again.changed and again.writes == []
    [found] = services.client("elbv2").describe_target_groups(Names=["lost"])["TargetGroups"]
    assert found["TargetGroupArn"] == made["target_group"]["target_group_arn"]
