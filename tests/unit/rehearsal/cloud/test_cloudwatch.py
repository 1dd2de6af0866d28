# SPDX-License-Identifier: GPL-3.0-or-later
from datetime import UTC, datetime, timedelta

import pytest

ALB = "arn:aws:elasticloadbalancing:eu-north-1:123456789012:loadbalancer/app/x/1"
REQUESTS = "RequestCount"


@pytest.fixture
def read(client, world):
    def sums(namespace, name, dimension, value):
        end = datetime.fromtimestamp(world.clock.now(), UTC)
        metric = {"Namespace": namespace, "MetricName": name, "Dimensions": [{"Name": dimension, "Value": value}]}
        query = {"Id": "m1", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}}
        found = client("cloudwatch", "eu-north-1").get_metric_data(
            MetricDataQueries=[query], StartTime=end - timedelta(minutes=10), EndTime=end
        )
        return found["MetricDataResults"][0]["Values"]

    return sums


def test_requests_of_a_balancer_add_up_and_silence_reports_nothing(world, read):
    assert read("AWS/ApplicationELB", REQUESTS, "LoadBalancer", "app/x/1") == []
    world.balancer_counts.report({ALB: {REQUESTS: 10}})
    world.balancer_counts.report({ALB: {REQUESTS: 10}})
    world.balancer_counts.report({ALB: {REQUESTS: 25, "HTTPCode_ELB_5XX_Count": 2}})
    assert sum(read("AWS/ApplicationELB", REQUESTS, "LoadBalancer", "app/x/1")) == 25
    assert sum(read("AWS/ApplicationELB", "HTTPCode_ELB_5XX_Count", "LoadBalancer", "app/x/1")) == 2


def test_an_edge_that_starts_again_counts_from_zero(world, read):
    arn = ALB.replace("/x/1", "/y/2")
    world.balancer_counts.report({arn: {REQUESTS: 10}})
    world.balancer_counts.report({arn: {REQUESTS: 3}})
    assert sum(read("AWS/ApplicationELB", REQUESTS, "LoadBalancer", "app/y/2")) == 13


def test_a_metric_of_a_layer_is_sampled_when_it_is_read(world, read):
    world.metrics["ReplicaLag"] = lambda dimensions, region: (
        7.0 if dimensions == {"DBInstanceIdentifier": "r1"} else None
    )
    assert read("AWS/RDS", "ReplicaLag", "DBInstanceIdentifier", "r1") == [7.0]
    assert read("AWS/RDS", "ReplicaLag", "DBInstanceIdentifier", "r2") == []
    del world.metrics["ReplicaLag"]
