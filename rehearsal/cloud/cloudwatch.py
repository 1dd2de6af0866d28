# SPDX-License-Identifier: GPL-3.0-or-later
"""CloudWatch metrics that come from the data plane: requests of balancers, lag of replicas.

As on AWS a balancer without a request reports nothing, so no data and no requests look alike; and a request for which
it has no target is none of its requests, but an error of its own:
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from moto.cloudwatch.models import MetricDatum, cloudwatch_backends

from rehearsal.cloud.operations import Call
from rehearsal.cloud.world_state import World
from rehearsal.settings import ACCOUNT_ID


class BalancerCounts:
    """Turns the totals that the edge reports into a series per balancer and metric."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._totals: dict[tuple[str, str], float] = {}

    def report(self, counts: dict[str, dict[str, float]]) -> None:
        """Take {balancer ARN: {metric: total since the edge started}}."""
        for arn, totals in counts.items():
            for metric, total in totals.items():
                before = self._totals.get((arn, metric), 0.0)
                # A lower total is an edge that started again and counts from 0.
                added = total - before if total >= before else total
                self._totals[arn, metric] = total
                if added:
                    dimensions = [{"Name": "LoadBalancer", "Value": arn.partition("loadbalancer/")[2]}]
                    datum = ("AWS/ApplicationELB", metric, added, dimensions, "Count")
                    put(self._world, arn.split(":")[3], datum)


def count_request(world: World, region: str, api_id: str) -> None:
    """HTTP APIs count every request that reaches them: whatever their routes say of it."""
    put(world, region, ("AWS/ApiGateway", "Count", 1, [{"Name": "ApiId", "Value": api_id}], "Count"))


def install(world: World) -> None:
    world.balancer_counts = BalancerCounts(world)
    for operation in ("GetMetricData", "GetMetricStatistics"):
        world.operations.before("cloudwatch", operation, lambda call: sample(world, call))


def put(world: World, region: str, datum: tuple[str, str, float, list[dict[str, str]], str]) -> None:
    """Add one value at this moment; a second back, since a query's end is exclusive and has no parts of a second."""
    namespace, name, value, dimensions, unit = datum
    # moto keeps UTC without a time zone.
    moment = datetime.fromtimestamp(world.clock.now(), UTC).replace(tzinfo=None) - timedelta(seconds=1)
    backend = cloudwatch_backends[ACCOUNT_ID][region]
    backend.metric_data.append(MetricDatum(namespace, name, value, dimensions, moment, unit))


def sample(world: World, call: Call) -> None:
    """Ask the layers for the present value of the metrics that a call is about to read."""
    for metric in iter_metrics(call):
        source = world.metrics.get(metric.get("MetricName", ""))
        if source is None:
            continue
        dimensions = {one["Name"]: one["Value"] for one in metric.get("Dimensions") or []}
        value = source(dimensions, call.region)
        if value is not None:
            put(
                world,
                call.region,
                (metric["Namespace"], metric["MetricName"], value, metric.get("Dimensions") or [], "Seconds"),
            )


def iter_metrics(call: Call) -> Iterator[dict[str, Any]]:
    """The metrics named by a GetMetricData or GetMetricStatistics call."""
    if call.operation == "GetMetricStatistics":
        yield call.parameters
    for query in call.get("MetricDataQueries") or []:
        if query.get("MetricStat"):
            yield query["MetricStat"]["Metric"]
