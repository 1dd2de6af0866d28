# SPDX-License-Identifier: GPL-3.0-or-later
"""Health of targets, and what the edge is told."""

import pytest

TARGET = {"Id": "127.250.50.9", "Port": 8080}
KEY = "127.250.50.9:8080"


@pytest.fixture
def look(elb, group):
    """State and reason of the group's targets."""

    def find(**options):
        rows = elb.describe_target_health(TargetGroupArn=group, **options)["TargetHealthDescriptions"]
        return [(row["TargetHealth"]["State"], row["TargetHealth"].get("Reason", "")) for row in rows]

    return find


@pytest.fixture
def edge(world):
    def read(serial=""):
        return world.control_routes["edge"]("GET", None, {"serial": serial})

    return read


def find_balancer(document, balancer):
    return next(row for row in document["balancers"] if row["arn"] == balancer["LoadBalancerArn"])


def test_a_group_without_a_balancer_has_unused_targets(elb, group, look):
    elb.register_targets(TargetGroupArn=group, Targets=[TARGET])
    assert look() == [("unused", "Target.NotInUse")]


def test_a_target_is_initial_until_the_edge_has_probed_it(elb, listener, group, look, report):
    elb.register_targets(TargetGroupArn=group, Targets=[TARGET])
    assert look() == [("initial", "Elb.RegistrationInProgress")]
    report(group, {KEY: "healthy"})
    assert look() == [("healthy", "")]


def test_a_deregistered_target_drains_for_the_delay(elb, listener, group, look, report, pass_time):
    elb.register_targets(TargetGroupArn=group, Targets=[TARGET])
    report(group, {KEY: "healthy"})
    elb.deregister_targets(TargetGroupArn=group, Targets=[{"Id": TARGET["Id"]}])
    assert look() == [("draining", "Target.DeregistrationInProgress")]
    pass_time(301)
    assert look() == []
    assert look(Targets=[TARGET]) == [("unused", "Target.NotRegistered")]


def test_a_target_that_comes_back_is_not_healthy_by_its_old_report(elb, listener, group, look, report):
    elb.register_targets(TargetGroupArn=group, Targets=[TARGET])
    report(group, {KEY: "healthy"})
    elb.deregister_targets(TargetGroupArn=group, Targets=[TARGET])
    elb.register_targets(TargetGroupArn=group, Targets=[TARGET])
    assert look() == [("initial", "Elb.RegistrationInProgress")]


def test_deregistering_a_stranger_is_refused(elb, group, refused):
    with refused("InvalidTarget"):
        elb.deregister_targets(TargetGroupArn=group, Targets=[TARGET])


def test_the_edge_hears_of_active_balancers_only(edge, elb, balancer, pass_time):
    arns = [row["arn"] for row in edge()["balancers"]]
    assert balancer["LoadBalancerArn"] not in arns
    pass_time(200)
    assert find_balancer(edge(), balancer)["address"].startswith("127.250.")


def test_the_edge_hears_what_a_listener_does(edge, elb, listener, group):
    redirect = {"Protocol": "HTTPS", "Port": "8443", "StatusCode": "HTTP_301"}
    elb.create_listener(
        LoadBalancerArn=listener["LoadBalancerArn"],
        Protocol="HTTP",
        Port=80,
        DefaultActions=[{"Type": "redirect", "RedirectConfig": redirect}],
    )
    elb.register_targets(TargetGroupArn=group, Targets=[TARGET])
    row = find_balancer(edge(), listener)
    actions = {one["port"]: one["actions"][0] for one in row["listeners"]}
    assert actions[8080] == {"type": "forward", "target_groups": [{"arn": group, "weight": 1}]}
    assert {**actions[80], "type": "redirect"}["port"] == "8443" and actions[80]["status"] == 301
    assert row["target_groups"][0]["targets"] == [{"id": TARGET["Id"], "port": 8080, "state": "registered"}]
    assert row["target_groups"][0]["health_check"]["path"] == "/health"


def test_an_unchanged_description_is_only_its_serial(edge, elb, listener, group):
    serial = edge()["serial"]
    assert edge(serial) == {"serial": serial}
    elb.register_targets(TargetGroupArn=group, Targets=[TARGET])
    assert "balancers" in edge(serial)


def test_a_name_is_healthy_while_every_group_has_a_healthy_target(world, elb, listener, group, report):
    host = world.hosts[f"{listener['DNSName']}."]
    elb.register_targets(TargetGroupArn=group, Targets=[TARGET])
    report(group, {KEY: "unhealthy"})
    assert host["healthy"] is False
    report(group, {KEY: "healthy"})
    assert host["healthy"] is True


def test_request_counts_reach_cloudwatch(client, world, listener, group, report):
    arn = listener["LoadBalancerArn"]
    report(group, {}, {arn: {"RequestCount": 7}})
    report(group, {}, {arn: {"RequestCount": 12}})
    found = client("cloudwatch", "eu-west-2").get_metric_statistics(
        Namespace="AWS/ApplicationELB",
        MetricName="RequestCount",
        Dimensions=[{"Name": "LoadBalancer", "Value": arn.partition("loadbalancer/")[2]}],
        StartTime=world.clock.now() - 3600,
        EndTime=world.clock.now() + 60,
        Period=60,
        Statistics=["Sum"],
    )
    assert sum(point["Sum"] for point in found["Datapoints"]) == 12
