# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused
from ansible_collections.medzen.multiregion.plugins.modules.elbv2_target_group import (
    build_after,
    build_attributes,
    build_fixed,
    build_health,
    check_fixed,
    check_name,
    plan,
)

PARAMS = {
    "name": "tg",
    "vpc_id": "vpc-1",
    "port": 8080,
    "protocol": "HTTP",
    "protocol_version": "HTTP1",
    "target_type": "ip",
    "health": {"path": "/health", "interval_s": 30, "matcher": "200, 401"},
    "deregistration_delay_s": 30,
    "stickiness_s": 86400,
    "slow_start_s": None,
    "attributes": {},
    "tags": {"W": "x"},
    "purge_tags": True,
}
GROUP = {
    "TargetGroupName": "tg",
    "TargetGroupArn": "arn",
    **build_fixed(PARAMS),
    "HealthCheckPath": "/health",
    "HealthCheckIntervalSeconds": 30,
    "HealthyThresholdCount": 5,
    "Matcher": {"HttpCode": "200,401"},
    "Attributes": {
        "deregistration_delay.timeout_seconds": "30",
        "stickiness.enabled": "true",
        "stickiness.type": "lb_cookie",
        "stickiness.lb_cookie.duration_seconds": "86400",
        "slow_start.duration_seconds": "0",
    },
    "Tags": {"W": "x"},
}


def test_a_group_as_wanted_needs_nothing():
    assert not any(plan(GROUP, PARAMS).values())


def test_only_what_differs_is_planned():
    planned = plan(GROUP, {**PARAMS, "health": {"path": "/other", "interval_s": 30}, "deregistration_delay_s": 5})
    assert planned["health"] == {"HealthCheckPath": "/other"}
    assert planned["attributes"] == {"deregistration_delay.timeout_seconds": "5"}


def test_what_is_not_given_is_left_alone():
    quiet = {"health": None, "deregistration_delay_s": None, "stickiness_s": None, "tags": None}
    assert not any(plan(GROUP, {**PARAMS, **quiet}).values())


def test_stickiness_of_zero_is_off():
    assert build_attributes({**PARAMS, "stickiness_s": 0})["stickiness.enabled"] == "false"


def test_further_attributes_are_text():
    attributes = build_attributes({**PARAMS, "attributes": {"load_balancing.cross_zone.enabled": True, "x": 1}})
    assert attributes["load_balancing.cross_zone.enabled"] == "true" and attributes["x"] == "1"


def test_grpc_has_codes_of_its_own():
    assert build_health({**PARAMS, "protocol_version": "GRPC"})["Matcher"] == {"GrpcCode": "200,401"}


@pytest.mark.parametrize(
    ("option", "value", "found"),
    [("port", 8081, "Port 8080"), ("protocol", "HTTPS", "Protocol HTTP"), ("vpc_id", "vpc-2", "VpcId vpc-1")],
)
def test_what_cannot_be_changed_is_refused_by_name(option, value, found):
    with pytest.raises(Refused, match=f"Found: {found}."):
        check_fixed(GROUP, build_fixed({**PARAMS, option: value}))


def test_a_version_that_aws_does_not_report_is_no_difference():
    check_fixed({key: value for key, value in GROUP.items() if key != "ProtocolVersion"}, build_fixed(PARAMS))


def test_a_name_of_33_characters_is_refused():
    check_name("x" * 32)
    with pytest.raises(Refused, match="at most 32"):
        check_name("x" * 33)


def test_the_group_after_the_change_keeps_what_is_not_given():
    params = {**PARAMS, "tags": {"W": "y"}}
    after = build_after(GROUP, params, plan(GROUP, params))
    assert after["Tags"] == {"W": "y"} and after["HealthyThresholdCount"] == 5
